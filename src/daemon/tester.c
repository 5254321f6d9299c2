/* Test events. */
#include "daemon/tester.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "codec/event_json.h"
#include "io/entropy.h"

#define TEST_MODEL   "accounts/%s/models/tunewatch-test"
#define TEST_DATASET "accounts/%s/datasets/tunewatch-test"

struct tester {
	struct committer *committer;
	struct dispatcher *dispatcher;
	struct feed *feed;
	struct list tests;
};

struct test {
	struct list link; /* in tester->tests until it is told */
	struct tester *tester;
	struct event_record *event; /* a reference */
	tester_fn fn;
	void *user;
	bool committing; /* on_durable() is to come */
	char notifier[STORE_NOTIFIER_MAX];
};

static void test_free(struct test *test)
{
	event_record_unref(test->event);
	free(test);
}

/* Told once: it is out of the list then, and goes, at the latest with on_durable(). */
static void tell(struct test *test, int r, enum verdict verdict, const char *text)
{
	list_remove(&test->link);
	test->fn(test->user, r, verdict, text, test->event->id);
	if (!test->committing)
		test_free(test);
}

static void on_tested(void *user, const char *event_id, enum verdict verdict, const char *text)
{
	struct tester *t = user;

	list_for_each_safe (it, &t->tests) {
		struct test *test = container_of(it, struct test, link);

		if (strcmp(test->event->id, event_id) != 0)
			continue;
		tell(test, 0, verdict, text);
		return;
	}
}

/* --- the event --- */

/* The raw state that stands for the type's phase. */
static const char *state_of(enum event_type type)
{
	static const char *const states[EVENT_COUNT_] = {
		[EVENT_JOB_QUEUED] = "JOB_STATE_PENDING",
		[EVENT_JOB_STARTING] = "JOB_STATE_CREATING",
		[EVENT_JOB_FINISHING] = "JOB_STATE_WRITING_RESULTS",
		[EVENT_JOB_PAUSED] = "JOB_STATE_PAUSED",
		[EVENT_JOB_CANCELLING] = "JOB_STATE_CANCELLING",
		[EVENT_JOB_REMOVING] = "JOB_STATE_DELETING",
		[EVENT_JOB_SUCCEEDED] = "JOB_STATE_COMPLETED",
		[EVENT_JOB_EARLY_STOPPED] = "JOB_STATE_EARLY_STOPPED",
		[EVENT_JOB_FAILED] = "JOB_STATE_FAILED",
		[EVENT_JOB_EXPIRED] = "JOB_STATE_EXPIRED",
		[EVENT_JOB_CANCELLED] = "JOB_STATE_CANCELLED",
		[EVENT_JOB_REMOVED] = "JOB_STATE_DELETED",
	};

	return states[type] ? states[type] : "JOB_STATE_RUNNING";
}

/* What has changed, as it would have in a real one. */
static unsigned changes_of(enum event_type type)
{
	switch ((int)type) {
	case EVENT_JOB_FOUND:
		return CHANGE_STATE | CHANGE_STATUS | CHANGE_PROGRESS;
	case EVENT_JOB_STATUS:
		return CHANGE_STATUS;
	case EVENT_JOB_PROGRESS:
	case EVENT_JOB_RECOVERED:
		return CHANGE_PROGRESS;
	case EVENT_JOB_STALLED:
		return 0;
	}
	return CHANGE_STATE;
}

static int make_snapshot(const struct account *account, const char *state, struct snapshot **ret)
{
	char model[NAME_JOB_MAX], dataset[NAME_JOB_MAX], now[CLOCK_RFC3339_MAX];
	struct snapshot_parts parts = {
		.text = {[TEXT_STATE] = state,
			 [TEXT_STATUS_MESSAGE] = "This is a test: nothing has happened.",
			 [TEXT_DISPLAY_NAME] = "tunewatch test",
			 [TEXT_BASE_MODEL] = "accounts/fireworks/models/tunewatch-test",
			 [TEXT_OUTPUT_MODEL] = model,
			 [TEXT_DATASET] = dataset,
			 [TEXT_CREATE_TIME] = now},
		.progress = {.given = true, .values = {[PROGRESS_PERCENT] = 100}},
	};

	snprintf(model, sizeof(model), TEST_MODEL, account->id);
	snprintf(dataset, sizeof(dataset), TEST_DATASET, account->id);
	clock_format_rfc3339(clock_real_now_us(), now);
	return snapshot_new(&parts, ret);
}

/* The document, with the test's own mark in it. */
static int format_event(struct event *event, struct buf *body)
{
	_cleanup_snapshot_ struct snapshot *from = NULL, *to = NULL;
	const struct event_stall stall = {.still_ms = MS_PER_H,
					  .moved_us =
						  event->time_us - (int64_t)MS_PER_H * US_PER_MS,
					  .moved = CHANGE_PROGRESS};
	const struct account account = {.id = (char *)event->account};
	int r = make_snapshot(&account, "JOB_STATE_RUNNING", &from);

	if (r == 0)
		r = make_snapshot(&account, state_of(event->type), &to);
	if (r < 0)
		return r;
	event->from = event->type == EVENT_JOB_FOUND ? NULL : from;
	event->to = to;
	event->changed = changes_of(event->type);
	if (event->type == EVENT_JOB_STALLED || event->type == EVENT_JOB_RECOVERED)
		event->stall = &stall;
	if (event->type == EVENT_JOB_PAUSED)
		event->suspend_state = "CREDIT_DEPLETED";
	return event_json_format(event, body);
}

static int make_event(const struct account *account, enum event_type type,
		      struct event_record **ret)
{
	_cleanup_buf_ struct buf body = BUF_INIT(EVENT_JSON_MAX);
	uint64_t chance = (uint64_t)entropy_u32() << 32 | entropy_u32();
	struct job_name name = {.kind = KIND_SFT};
	struct event event = {.type = type,
			      .endpoint = account->endpoint,
			      .account = account->id,
			      .time_us = clock_real_now_us(),
			      .sequence = 1,
			      .job = &name,
			      .attempt = 1,
			      .test = true};
	char subject[NAME_JOB_MAX];
	int r;

	event_test_id(chance, event.id);
	snprintf(name.account, sizeof(name.account), "%s", account->id);
	snprintf(name.id, sizeof(name.id), "tunewatch-test-%016llx", (unsigned long long)chance);
	name_format_full(&name, subject);
	r = format_event(&event, &body);
	return r < 0 ? r : event_record_new(&event, subject, buf_str(&body), body.len, ret);
}

/* --- its way --- */

static void on_durable(void *user, int r)
{
	struct test *test = user;

	test->committing = false;
	if (r == 0) /* it is history, whoever wants to know of the test */
		feed_publish(test->tester->feed, test->event);
	if (list_empty(&test->link)) { /* told already */
		test_free(test);
		return;
	}
	if (r == 0)
		r = dispatcher_test(test->tester->dispatcher, test->notifier, test->event);
	if (r < 0) /* else on_tested() is next, perhaps it was, and the test is gone */
		tell(test, r, VERDICT_DEAD, strerror(-r));
}

int tester_start(struct tester *t, const struct account *account, const char *notifier,
		 enum event_type type, tester_fn fn, void *user)
{
	struct store_op op = {.type = STORE_EVENT};
	struct commit *commit = NULL;
	struct test *test = calloc(1, sizeof(*test));
	int r = test ? make_event(account, type, &test->event) : -ENOMEM;

	if (r == 0)
		r = commit_new(t->committer, &commit);
	if (r == 0) {
		op.event = test->event;
		r = commit_add(commit, &op);
	}
	if (r < 0) {
		commit_abandon(commit);
		if (test)
			event_record_unref(test->event);
		free(test);
		return r;
	}
	test->tester = t;
	test->committing = true;
	test->fn = fn;
	test->user = user;
	snprintf(test->notifier, sizeof(test->notifier), "%s", notifier);
	list_append(&t->tests, &test->link);
	commit_submit(commit, on_durable, test);
	return 0;
}

/* --- life --- */

int tester_new(struct committer *committer, struct dispatcher *dispatcher, struct feed *feed,
	       struct tester **ret)
{
	struct tester *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	*t = (struct tester){.committer = committer, .dispatcher = dispatcher, .feed = feed};
	list_init(&t->tests);
	dispatcher_on_tested(dispatcher, on_tested, t);
	*ret = t;
	return 0;
}

void tester_configure(struct tester *t)
{
	list_for_each_safe (it, &t->tests) {
		struct test *test = container_of(it, struct test, link);

		if (!dispatcher_knows(t->dispatcher, test->notifier))
			tell(test, -ENOENT, VERDICT_DEAD, "");
	}
}

void tester_stop(struct tester *t)
{
	list_for_each_safe (it, &t->tests)
		tell(container_of(it, struct test, link), -ECANCELED, VERDICT_CANCELLED, "");
}

void tester_free(struct tester *t)
{
	free(t);
}
