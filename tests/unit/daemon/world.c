/* A real store, a real committer, one outlet and a scripted notifier. */
#include "world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "daemon/sender.h"
#include "daemon/window.h"
#include "tests/support/tempdir.h"

#define NAME "n"

static char dir[TEMPDIR_MAX];
static bool inside; /* a call that must not call back */
struct world world;

/* --- the notifier --- */

static int deliver(struct notifier *n, const struct notifier_delivery *d, size_t n_d, verdict_fn fn,
		   void *user, struct notifier_call **ret)
{
	static const char *const models[] = {
		[MODEL_UNASKED] = "", [MODEL_READY] = "=ready", [MODEL_LATE] = "=late"};
	char *at = world.sent + strlen(world.sent);
	const char *end = world.sent + sizeof(world.sent);

	cr_assert_lt(world.n_calls, (size_t)WORLD_ANSWERS);
	if (world.deliver_result < 0)
		return world.deliver_result;
	for (size_t i = 0; i < n_d; i++) {
		const struct event_record *event = d[i].event;

		at += snprintf(at, (size_t)(end - at), "%s%s%u", i ? "," : "", event->subject,
			       (unsigned)event->sequence);
		if (d[i].number > 1)
			at += snprintf(at, (size_t)(end - at), "/%u", d[i].number);
		if (d[i].replaced > 0)
			at += snprintf(at, (size_t)(end - at), "+%u", d[i].replaced);
		at += snprintf(at, (size_t)(end - at), "%s", models[d[i].model_ready]);
	}
	snprintf(at, (size_t)(end - at), " ");
	world.most_pending = MAX(world.most_pending, world.outlet->lanes.pending);
	world.calls[world.n_calls++] = (struct world_call){fn, user};
	*ret = (struct notifier_call *)user;
	if (world.on_deliver)
		world.on_deliver();
	return 0;
}

static void cancel(struct notifier *n, struct notifier_call *call)
{
	cr_assert_fail("nothing is cancelled here");
}

static unsigned max_parallel(const struct notifier *n)
{
	return world.max_parallel;
}

static struct instance *new_instance(void)
{
	struct instance *i = calloc(1, sizeof(*i));

	cr_assert_not_null(i);
	i->notifier = (struct notifier){.info = &world.info, .config = &world.config};
	return i;
}

/* --- the models --- */

#define ENDPOINT "https://api.example.com"

static int ask(struct poller *p, struct account *account, const char *path, http_fn fn, void *user)
{
	size_t len = strlen(world.asked);

	cr_assert_lt(world.n_questions, (size_t)WORLD_ANSWERS);
	snprintf(world.asked + len, sizeof(world.asked) - len, "%s ", strrchr(path, '/') + 1);
	world.questions[world.n_questions++] = (struct world_question){fn, user};
	return 0;
}

static void answer_question(const struct http_result *result)
{
	struct world_question q = world.questions[0];

	cr_assert_gt(world.n_questions, 0U, "nothing is asked; asked: %s", world.asked);
	world.n_questions--;
	memmove(world.questions, world.questions + 1, world.n_questions * sizeof(q));
	q.fn(q.user, result);
}

void world_model(const char *state)
{
	char body[128];
	int len = snprintf(body, sizeof(body),
			   "{\"name\":\"accounts/acme/models/m\",\"state\":\"%s\"}", state);

	answer_question(
		&(struct http_result){.status = 200, .body = body, .len = (size_t)len, .text = ""});
	world_settle();
}

/* --- the world --- */

static void on_changed(struct outlet_owner *owner)
{
	cr_expect_not(inside);
	if (owner->stopping)
		return;
	gate_pump(owner->gate, world.now_ms);
	sender_pump(world.outlet, world.now_ms);
	gate_pump(owner->gate, world.now_ms); /* as the dispatcher's timer does for what is new */
	window_fill(world.outlet, world.now_ms);
}

static void on_model(void *user)
{
	on_changed(user);
}

static int on_notifier(void *user, const struct store_notifier *notifier, uint64_t pending,
		       int64_t oldest_us)
{
	if (strcmp(notifier->name, NAME) == 0)
		window_restore(world.outlet, pending, oldest_us);
	return 0;
}

static void come_up(void)
{
	static const struct store_loader loader = {.notifier = on_notifier};
	struct account *account;
	struct error e = ERROR_NONE;

	cr_assert_eq(store_open(dir, &world.store, &e), 0, "%s", e.text);
	cr_assert_eq(uv_loop_init(&world.loop), 0);
	cr_assert_eq(committer_new(&world.loop, world.store, NULL, NULL, &world.committer), 0);
	world.owner.committer = world.committer;
	accounts_init(&world.accounts);
	cr_assert_eq(accounts_get(&world.accounts, ENDPOINT, "acme", &account), 0);
	cr_assert_eq(gate_new(on_model, &world.owner, &world.owner.gate), 0);
	gate_ask_with(world.owner.gate, &world.accounts, ask, NULL);
	cr_assert_eq(outlet_new(&world.owner, NAME, &world.outlet), 0);
	world.outlet->instance = new_instance();
	world.outlet->since_us = 1;
	cr_assert_eq(store_load(world.store, &loader, NULL, &e), 0, "%s", e.text);
	on_changed(&world.owner);
}

static void come_down(void)
{
	/* What is under way ends as it does when the daemon stops. */
	world.owner.stopping = true;
	gate_ask_with(world.owner.gate, NULL, NULL, NULL);
	while (world.n_questions > 0)
		answer_question(&(struct http_result){.r = -ECANCELED, .text = ""});
	while (world.n_calls > 0)
		world_answer(VERDICT_CANCELLED);
	committer_close(world.committer, NULL, NULL);
	uv_run(&world.loop, UV_RUN_DEFAULT);
	outlet_free(world.outlet);
	gate_free(world.owner.gate);
	accounts_done(&world.accounts);
	cr_expect_eq(uv_loop_close(&world.loop), 0);
	store_close(world.store);
	world.owner.stopping = false;
}

void world_begin(size_t window)
{
	tempdir_make(dir);
	world = (struct world){
		.owner = {.window = window, .changed = on_changed, .started = true},
		.config = {.name = (char *)NAME, .max_waiting = UINT32_MAX},
		.info = {.name = "scripted",
			 .deliver = deliver,
			 .cancel = cancel,
			 .max_parallel = max_parallel},
		.max_parallel = 4,
		.now_ms = UINT64_MAX - 1,
	};
	come_up();
}

void world_restart(void)
{
	come_down();
	world.sent[0] = world.asked[0] = '\0';
	come_up();
	world_settle();
}

void world_end(void)
{
	come_down();
	tempdir_remove(dir);
}

void world_settle(void)
{
	uv_run(&world.loop, UV_RUN_DEFAULT);
}

static void on_durable(void *user, int r)
{
	struct event_record *event = user;

	cr_assert_eq(r, 0);
	window_take(world.outlet, event);
	event_record_unref(event);
	on_changed(&world.owner);
}

static void add_event(char letter, unsigned number, enum event_type type, int64_t created_us,
		      const char *body)
{
	const char subject[] = {letter, '\0'};
	struct event event = {.type = type, .sequence = number, .time_us = created_us};
	struct event_record *record;
	struct commit *commit;
	struct store_op op = {.type = STORE_EVENT};

	snprintf(event.id, sizeof(event.id), "evt_%c%u", letter, number);
	cr_assert_eq(event_record_new(&event, subject, body, strlen(body), &record), 0);
	cr_assert_eq(commit_new(world.committer, &commit), 0);
	op.event = record;
	cr_assert_eq(commit_add(commit, &op), 0);
	op = (struct store_op){.type = STORE_DELIVERY,
			       .delivery = {.event_id = event.id,
					    .notifier = NAME,
					    .created_us = created_us}};
	op.delivery.error = "";
	cr_assert_eq(commit_add(commit, &op), 0);
	outlet_expect(world.outlet);
	inside = true;
	commit_submit(commit, on_durable, record);
	inside = false;
}

void world_old_event(char letter, unsigned number, enum event_type type, int64_t created_us)
{
	add_event(letter, number, type, created_us, "{}");
}

void world_success(char letter, unsigned number, const char *model, int64_t age_ms)
{
	char body[512];

	snprintf(body, sizeof(body),
		 "{\"id\":\"evt_1\",\"source\":\"" ENDPOINT "/v1/accounts/acme\","
		 "\"type\":\"job.succeeded\",\"subject\":\"%c\","
		 "\"data\":{\"job\":{\"account\":\"acme\",\"outputModel\":\"%s\"}}}",
		 letter, model);
	add_event(letter, number, EVENT_JOB_SUCCEEDED, clock_real_now_us() - age_ms * US_PER_MS,
		  body);
}

void world_event(char letter, unsigned number, enum event_type type)
{
	world_old_event(letter, number, type, clock_real_now_us());
}

void world_answer(enum verdict verdict)
{
	const struct verdict_result result = {.verdict = verdict, .text = "as scripted"};
	struct world_call call = world.calls[0];

	cr_assert_gt(world.n_calls, 0U, "no call is under way; sent: %s", world.sent);
	world.n_calls--;
	memmove(world.calls, world.calls + 1, world.n_calls * sizeof(call));
	call.fn(call.user, &result);
	if (verdict != VERDICT_CANCELLED)
		world_settle();
}

void world_answer_all(enum verdict verdict)
{
	while (world.n_calls > 0)
		world_answer(verdict);
}

const char *world_query(const char *sql)
{
	static char found[4096];
	char path[TEMPDIR_MAX + 16];
	sqlite3_stmt *stmt;
	sqlite3 *db;
	size_t len = 0;

	snprintf(path, sizeof(path), "%s/state.db", dir);
	cr_assert_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK, "%s",
		     sqlite3_errmsg(db));
	found[0] = '\0';
	while (sqlite3_step(stmt) == SQLITE_ROW)
		len += (size_t)snprintf(found + len, sizeof(found) - len, "%s%s", len ? " " : "",
					(const char *)sqlite3_column_text(stmt, 0));
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return found;
}
