/* Models that are waited for: who is told what, when, and how often is asked. */
#include "daemon/gate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "daemon/job.h"
#include "model/ready.h"

#define ENDPOINT "https://api.example.com"
#define LIMIT    MS_PER_H
#define T0       1000000 /* ms of CLOCK_BOOTTIME: whatever it is when a test begins */
#define MODEL    "accounts/acme/models/m"

struct question {
	http_fn fn;
	void *user;
};

static struct accounts accounts;
static struct gate *gate;
static struct question questions[8];
static size_t n_questions;
static char asked[1024]; /* the paths, a word each, with the account before it */
static int ask_result;
static unsigned n_changed;
static uint64_t now_ms;

/* What the waits were told, a letter each: the wait's own, then r or l, as a word. */
static char told[256];
static char last_why[256];
struct waiter {
	struct gate_wait wait;
	char letter;
};

static int ask(struct poller *p, struct account *account, const char *path, http_fn fn, void *user)
{
	size_t len = strlen(asked);

	snprintf(asked + len, sizeof(asked) - len, "%s:%s ", account->id, path);
	cr_assert_lt(n_questions, ARRAY_LEN(questions));
	if (ask_result < 0)
		return ask_result;
	questions[n_questions++] = (struct question){fn, user};
	return 0;
}

static void on_changed(void *user)
{
	n_changed++;
}

static void on_told(struct gate_wait *w, enum model_ready ready, const char *why)
{
	size_t len = strlen(told);

	cr_expect_not(gate_is_waiting(w));
	snprintf(told + len, sizeof(told) - len, "%c%c ",
		 container_of(w, struct waiter, wait)->letter, ready == MODEL_READY ? 'r' : 'l');
	snprintf(last_why, sizeof(last_why), "%s", why);
}

static void setup(void)
{
	struct account *account;

	accounts_init(&accounts);
	cr_assert_eq(accounts_get(&accounts, ENDPOINT, "acme", &account), 0);
	cr_assert_eq(gate_new(on_changed, NULL, &gate), 0);
	gate_ask_with(gate, &accounts, ask, NULL);
	now_ms = T0;
}

static void teardown(void)
{
	gate_free(gate);
	accounts_done(&accounts);
}

TestSuite(gate, .init = setup, .fini = teardown);

static struct event_record *event_of(const char *source, const char *model, int64_t age_ms)
{
	struct event event = {.type = EVENT_JOB_SUCCEEDED,
			      .id = "evt_1",
			      .time_us = clock_real_now_us() - age_ms * US_PER_MS};
	struct event_record *record;
	char body[1024];
	int len = snprintf(body, sizeof(body),
			   "{\"id\":\"evt_1\",\"source\":\"%s\",\"type\":\"job.succeeded\","
			   "\"subject\":\"accounts/acme/supervisedFineTuningJobs/a\","
			   "\"data\":{\"job\":{\"account\":\"acme\",\"outputModel\":\"%s\"}}}",
			   source, model);

	cr_assert_eq(event_record_new(&event, "accounts/acme/supervisedFineTuningJobs/a", body,
				      (size_t)len, &record),
		     0);
	return record;
}

static int join_as(struct waiter *w, const char *source, const char *model, uint64_t limit_ms,
		   int64_t age_ms)
{
	struct event_record *event = event_of(source, model, age_ms);
	int r = gate_join(gate, event, limit_ms, now_ms, &w->wait, on_told);

	event_record_unref(event);
	return r;
}

static void join(struct waiter *w, const char *model, uint64_t limit_ms, int64_t age_ms)
{
	cr_assert_eq(join_as(w, ENDPOINT "/v1/accounts/acme", model, limit_ms, age_ms), GATE_SHUT);
	cr_assert(gate_is_waiting(&w->wait));
}

static void pump(void)
{
	gate_pump(gate, now_ms);
}

/* Goes to when the gate has something to do, and does it. */
static void go_on(void)
{
	cr_assert_neq(gate_due_ms(gate), UINT64_MAX);
	now_ms = MAX(now_ms, gate_due_ms(gate));
	pump();
}

static void answer_as(struct http_result result)
{
	struct question q = questions[0];

	cr_assert_gt(n_questions, 0U, "nothing was asked: %s", asked);
	n_questions--;
	memmove(questions, questions + 1, n_questions * sizeof(q));
	if (result.body)
		result.len = strlen(result.body);
	q.fn(q.user, &result);
	pump();
}

static void answer(const char *state)
{
	char body[128];

	snprintf(body, sizeof(body), "{\"name\":\"" MODEL "\",\"state\":\"%s\"}", state);
	answer_as((struct http_result){.status = 200, .body = body, .text = ""});
}

Test(gate, asks_at_once_and_tells_all_that_wait)
{
	struct waiter a = {.letter = 'a'}, b = {.letter = 'b'};

	join(&a, MODEL, LIMIT, 0);
	join(&b, MODEL, LIMIT, 0);
	cr_expect_str_eq(asked, "", "inside the call");
	cr_expect_leq(gate_due_ms(gate), now_ms);
	pump();
	cr_expect_str_eq(asked, "acme:v1/" MODEL " ", "%s", asked);
	cr_expect_str_eq(told, "");
	answer("READY");
	cr_expect_eq(n_changed, 1U);
	cr_expect_str_eq(told, "ar br ");
	cr_expect_eq(gate_due_ms(gate), UINT64_MAX);
}

Test(gate, asks_for_each_model_by_itself)
{
	struct waiter a = {.letter = 'a'}, b = {.letter = 'b'};

	join(&a, MODEL, LIMIT, 0);
	join(&b, "accounts/acme/models/n", LIMIT, 0);
	pump();
	cr_expect_str_eq(asked, "acme:v1/" MODEL " acme:v1/accounts/acme/models/n ", "%s", asked);
	answer("UPLOADING");
	answer("READY");
	cr_expect_str_eq(told, "br ");
	gate_leave(&a.wait);
}

Test(gate, asks_less_and_less_often)
{
	static const uint64_t waits_ms[] = {15000, 30000, 60000, 60000, 60000};
	struct waiter a = {.letter = 'a'};

	join(&a, MODEL, LIMIT, 0);
	pump();
	for (size_t i = 0; i < ARRAY_LEN(waits_ms); i++) {
		uint64_t before_ms = now_ms;

		answer("UPLOADING");
		cr_expect_eq(n_questions, 0U);
		go_on();
		cr_expect_geq(now_ms - before_ms, waits_ms[i]);
		cr_expect_leq(now_ms - before_ms, waits_ms[i] + waits_ms[i] / 10);
		cr_expect_eq(n_questions, 1U);
		now_ms += 500000; /* one at a time, however long it takes */
		pump();
		cr_expect_eq(n_questions, 1U);
	}
	answer("READY");
	cr_expect_str_eq(told, "ar ");
}

Test(gate, waits_as_long_as_the_server_wishes)
{
	struct waiter a = {.letter = 'a'};

	join(&a, MODEL, LIMIT, 0);
	pump();
	answer_as((struct http_result){.status = 429, .text = "", .retry_after_ms = 200000});
	cr_expect_eq(gate_due_ms(gate), now_ms + 200000);
	gate_leave(&a.wait);
}

Test(gate, whatever_does_not_say_ready_means_not_yet)
{
	static const struct {
		struct http_result result;
		const char *why;
	} cases[] = {
		{{.status = 200,
		  .body = "{\"name\":\"" MODEL "\",\"state\":\"UPLOADING\"}",
		  .text = ""},
		 "its state is not READY"},
		{{.status = 200, .body = "{\"state\":\"READY\"}", .text = ""}, NULL},
		{{.status = 200, .body = "<html>", .text = ""}, NULL},
		{{.status = 404, .body = "{\"state\":\"READY\"}", .text = ""},
		 "HTTP 404, there is no such model"},
		{{.status = 403, .body = "", .text = ""}, "HTTP 403"},
		{{.status = 302, .body = "{\"state\":\"READY\"}", .text = ""}, "HTTP 302"},
		{{.r = -ETIMEDOUT, .body = "", .text = "api.example.com did not answer in time"},
		 "api.example.com did not answer in time"},
		{{.r = -ECANCELED, .body = "", .text = "cancelled"},
		 "its account is not in the configuration"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct waiter a = {.letter = 'a'};

		told[0] = '\0';
		join(&a, MODEL, LIMIT, 0);
		pump();
		answer_as(cases[i].result);
		cr_expect_str_eq(told, "", "%zu", i);
		now_ms += LIMIT + 1;
		pump();
		cr_expect_str_eq(told, "al ", "%zu", i);
		if (cases[i].why)
			cr_expect_str_eq(last_why, cases[i].why);
		else
			cr_expect(last_why[0]);
		while (n_questions > 0) /* what was asked at that moment */
			answer("UPLOADING");
		now_ms += 2 * READY_GRACE_MS;
	}
}

Test(gate, each_wait_has_its_own_limit)
{
	struct waiter a = {.letter = 'a'}, b = {.letter = 'b'};
	uint64_t begin_ms = now_ms;

	join(&a, MODEL, 10 * MS_PER_S, 0);
	join(&b, MODEL, LIMIT, 0);
	pump();
	answer("UPLOADING");
	go_on();
	cr_expect_str_eq(told, "al ");
	cr_expect_leq(now_ms, begin_ms + 10 * MS_PER_S);
	go_on();
	answer("READY");
	cr_expect_str_eq(told, "al br ");
}

/* The daemon was down: false is what somebody asked for, not what nobody could. */
Test(gate, asks_once_when_the_limit_was_over_before)
{
	struct waiter a = {.letter = 'a'}, b = {.letter = 'b'};

	join(&a, MODEL, LIMIT, 2 * LIMIT);
	pump();
	cr_expect_str_eq(told, "");
	answer("READY");
	cr_expect_str_eq(told, "ar ");
	join(&b, MODEL, LIMIT, 2 * LIMIT);
	pump();
	answer("UPLOADING");
	cr_expect_str_eq(told, "ar bl ");
}

Test(gate, has_a_minute_for_that_question)
{
	struct waiter a = {.letter = 'a'};

	join(&a, MODEL, LIMIT, 2 * LIMIT);
	pump();
	cr_expect_eq(gate_due_ms(gate), T0 + READY_GRACE_MS);
	go_on();
	cr_expect_str_eq(told, "al ");
	cr_expect_str_eq(last_why, "it could not be asked for");
	answer("READY"); /* comes when nobody wants it any more */
	cr_expect_eq(gate_due_ms(gate), UINT64_MAX);
}

/* Somebody else waits for the model, and the next question is a minute away. */
Test(gate, who_has_less_time_gets_a_question_of_its_own)
{
	struct waiter a = {.letter = 'a'}, b = {.letter = 'b'};

	join(&a, MODEL, LIMIT, 0);
	pump();
	answer("UPLOADING");
	join(&b, MODEL, 0, 0);
	pump();
	cr_expect_str_eq(told, "");
	answer("UPLOADING");
	cr_expect_str_eq(told, "bl ");
	gate_leave(&a.wait);
}

Test(gate, waits_until_the_limit_for_an_account_that_is_not_there)
{
	struct waiter a = {.letter = 'a'};

	cr_assert_eq(join_as(&a, "https://other.example.com/v1/accounts/acme", MODEL, 20 * MS_PER_S,
			     0),
		     GATE_SHUT);
	while (!told[0])
		go_on();
	cr_expect_str_eq(told, "al ");
	cr_expect_str_eq(asked, "");
	cr_expect_str_eq(last_why, "its account is not in the configuration");
	cr_expect_leq(now_ms, T0 + 20 * MS_PER_S);
	cr_expect_gt(now_ms, T0 + 18 * MS_PER_S);
}

Test(gate, asks_again_when_there_was_no_memory)
{
	struct waiter a = {.letter = 'a'};

	ask_result = -ENOMEM;
	join(&a, MODEL, LIMIT, 0);
	pump();
	pump();
	cr_expect_eq(n_questions, 0U);
	ask_result = 0;
	go_on();
	answer("READY");
	cr_expect_str_eq(told, "ar ");
}

Test(gate, asks_nothing_before_it_may_and_after_the_end)
{
	struct waiter a = {.letter = 'a'};

	gate_ask_with(gate, NULL, NULL, NULL);
	join(&a, MODEL, LIMIT, 0);
	pump();
	cr_expect_str_eq(asked, "");
	cr_expect_gt(gate_due_ms(gate), T0 + LIMIT - MS_PER_S, "it turns in circles");
	gate_ask_with(gate, &accounts, ask, NULL);
	pump();
	cr_expect_eq(n_questions, 1U);
	gate_ask_with(gate, NULL, NULL, NULL);
	answer_as((struct http_result){.r = -ECANCELED, .text = ""});
	cr_expect_str_eq(told, "");
	cr_expect_eq(n_questions, 0U);
	gate_leave(&a.wait);
}

Test(gate, who_leaves_is_told_nothing)
{
	struct waiter a = {.letter = 'a'}, b = {.letter = 'b'};

	gate_leave(&b.wait); /* has never waited */
	join(&a, MODEL, LIMIT, 0);
	join(&b, MODEL, LIMIT, 0);
	pump();
	gate_leave(&a.wait);
	gate_leave(&a.wait);
	cr_expect_not(gate_is_waiting(&a.wait));
	answer("READY");
	cr_expect_str_eq(told, "br ");
	join(&a, MODEL, LIMIT, 0);
	gate_leave(&a.wait);
	pump();
	cr_expect_eq(n_questions, 0U);
	cr_expect_eq(gate_due_ms(gate), UINT64_MAX);
}

Test(gate, nothing_to_wait_for)
{
	static const struct {
		const char *source, *model;
	} cases[] = {
		{ENDPOINT "/v1/accounts/acme", ""},
		{ENDPOINT "/v1/accounts/acme", "m"},
		{ENDPOINT "/v1/accounts/acme", MODEL "/../../x"},
		{ENDPOINT "/v1/accounts/other", MODEL},
		{"/v1/accounts/acme", MODEL},
		{"", MODEL},
	};
	struct waiter a = {.letter = 'a'};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cr_expect_eq(join_as(&a, cases[i].source, cases[i].model, LIMIT, 0), GATE_NOTHING,
			     "%zu", i);
		cr_expect_not(gate_is_waiting(&a.wait));
	}
	cr_expect_eq(gate_due_ms(gate), 0U, "as it was");
	pump();
	cr_expect_str_eq(asked, "");
}
