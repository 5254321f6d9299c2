/* Events as chat messages and mail show them. */
#include "sample_events.h"

#include <string.h>

#include <criterion/criterion.h>

#include "base/macro.h"

struct snapshot *snapshot_of(const struct job *job, const char *const text[TEXT_COUNT_])
{
	struct snapshot_parts parts = {
		.progress = {.given = job->percent >= 0, .values = {job->percent, 1}}};
	struct snapshot *s;

	memcpy(parts.text, text, sizeof(parts.text));
	parts.text[TEXT_STATE] = job->state;
	parts.text[TEXT_STATUS_CODE] = job->code;
	parts.text[TEXT_STATUS_MESSAGE] = job->message;
	cr_assert_eq(snapshot_new(&parts, &s), 0);
	return s;
}

const char *const texts[TEXT_COUNT_] = {
	[TEXT_DISPLAY_NAME] = "nightly run",
	[TEXT_BASE_MODEL] = "accounts/fireworks/models/llama-v3p1-8b-instruct",
	[TEXT_OUTPUT_MODEL] = "accounts/acme/models/nightly-20261120",
	[TEXT_DATASET] = "accounts/acme/datasets/chats",
	[TEXT_CREATE_TIME] = "2026-11-20T05:02:11.5Z",
	[TEXT_COMPLETED_TIME] = "2026-11-20T06:31:49Z",
};

struct event_fields fields_of(const struct event *event)
{
	_cleanup_buf_ struct buf b = BUF_INIT(EVENT_JSON_MAX);
	struct event_fields f;

	cr_assert_eq(event_json_format(event, &b), 0);
	cr_assert_eq(event_fields_parse(b.data, b.len, &f), 0);
	return f;
}

static const struct event_stall stall = {1800000, TIME_US - 1800 * 1000000LL, CHANGE_PROGRESS};

struct event_fields job_fields(enum event_type type, const struct job_name *name,
			       const struct job *from, const struct job *to,
			       const char *const text[TEXT_COUNT_])
{
	struct snapshot *was = from ? snapshot_of(from, text) : NULL, *is = snapshot_of(to, text);
	struct event event = {
		.type = type,
		.id = "evt_0f3k",
		.endpoint = VENDOR,
		.account = name->account,
		.time_us = TIME_US,
		.sequence = 7,
		.job = name,
		.attempt = 1,
		.from = was,
		.to = is,
		.stall = type == EVENT_JOB_STALLED || type == EVENT_JOB_RECOVERED ? &stall : NULL,
		.suspend_state = type == EVENT_JOB_PAUSED ? "CREDIT_DEPLETED" : NULL,
	};
	struct event_fields f = fields_of(&event);

	snapshot_unref(was);
	snapshot_unref(is);
	return f;
}

struct event_fields watcher_fields(enum event_type type, const char *endpoint)
{
	struct outage outage = {
		.trouble = TROUBLE_TLS,
		.since_us = TIME_US - 200 * 1000000LL,
		.until_us = TIME_US,
		.failures = 12,
		.first = "could not resolve",
		.last = "certificate expired",
	};
	struct event event = {
		.type = type,
		.id = "evt_0f3k",
		.endpoint = endpoint,
		.account = "acme",
		.time_us = TIME_US,
		.sequence = 7,
		.outage = &outage,
	};

	return fields_of(&event);
}

const struct job running = {"JOB_STATE_RUNNING", "OK", "", 40};
const struct job_name sft = {"acme", KIND_SFT, "abc"};
static const struct job_name rft = {"acme", KIND_RFT, "score"}, dpo = {"acme", KIND_DPO, "tone"},
			     ft = {"acme", KIND_FT, "old-one"};

/* One event of each type of job.*. */
static const struct {
	enum event_type type;
	const struct job_name *name;
	struct job from; /* state NULL: first sight */
	struct job to;
} jobs[] = {
	{EVENT_JOB_QUEUED,
	 &sft,
	 {"JOB_STATE_PAUSED", "OK", "", 40},
	 {"JOB_STATE_RE_QUEUEING", "OK", "", 40}},
	{EVENT_JOB_STARTING,
	 &dpo,
	 {"JOB_STATE_PENDING", "OK", "", -1},
	 {"JOB_STATE_VALIDATING", "OK", "rendering data (30%)", -1}},
	{EVENT_JOB_RUNNING,
	 &sft,
	 {"JOB_STATE_VALIDATING", "OK", "", 0},
	 {"JOB_STATE_RUNNING", "OK", "", 1}},
	{EVENT_JOB_FINISHING,
	 &rft,
	 {"JOB_STATE_RUNNING", "OK", "", 99},
	 {"JOB_STATE_WRITING_RESULTS", "OK", "", 100}},
	{EVENT_JOB_PAUSED,
	 &sft,
	 {"JOB_STATE_RUNNING", "OK", "", 40},
	 {"JOB_STATE_PAUSED", "FAILED_PRECONDITION", "account is suspended", 40}},
	{EVENT_JOB_CANCELLING,
	 &sft,
	 {"JOB_STATE_RUNNING", "OK", "", 40},
	 {"JOB_STATE_CANCELLING", "OK", "", 40}},
	{EVENT_JOB_REMOVING,
	 &dpo,
	 {"JOB_STATE_COMPLETED", "OK", "", -1},
	 {"JOB_STATE_DELETING", "OK", "", -1}},
	{EVENT_JOB_SUCCEEDED,
	 &sft,
	 {"JOB_STATE_RUNNING", "OK", "", 98},
	 {"JOB_STATE_COMPLETED", "OK", "", 100}},
	{EVENT_JOB_EARLY_STOPPED,
	 &sft,
	 {"JOB_STATE_RUNNING", "OK", "", 60},
	 {"JOB_STATE_EARLY_STOPPED", "OK", "the loss did not fall any more", 60}},
	{EVENT_JOB_FAILED,
	 &rft,
	 {"JOB_STATE_RUNNING", "OK", "", 40},
	 {"JOB_STATE_FAILED", "INTERNAL", "evaluator exited with 1\nsee line 7", 45}},
	{EVENT_JOB_EXPIRED,
	 &dpo,
	 {"JOB_STATE_PENDING", "OK", "", -1},
	 {"JOB_STATE_EXPIRED", "DEADLINE_EXCEEDED", "", -1}},
	{EVENT_JOB_CANCELLED,
	 &sft,
	 {"JOB_STATE_CANCELLING", "OK", "", 40},
	 {"JOB_STATE_CANCELLED", "CANCELLED", "by the user", 40}},
	{EVENT_JOB_REMOVED,
	 &sft,
	 {"JOB_STATE_DELETING", "OK", "", 40},
	 {"JOB_STATE_DELETED", "OK", "", 40}},
	{EVENT_JOB_STATE,
	 &rft,
	 {"JOB_STATE_RUNNING", "OK", "", 40},
	 {"JOB_STATE_ROLLOUT", "OK", "", 40}},
	{EVENT_JOB_STATUS,
	 &sft,
	 {"JOB_STATE_RUNNING", "OK", "", 40},
	 {"JOB_STATE_RUNNING", "UNAVAILABLE", "waiting for capacity", 40}},
	{EVENT_JOB_PROGRESS,
	 &sft,
	 {"JOB_STATE_RUNNING", "OK", "", 40},
	 {"JOB_STATE_RUNNING", "OK", "", 50}},
	{EVENT_JOB_FOUND, &ft, {NULL, NULL, NULL, -1}, {"RUNNING", "OK", "", -1}},
	{EVENT_JOB_STALLED,
	 &sft,
	 {"JOB_STATE_RUNNING", "OK", "", 40},
	 {"JOB_STATE_RUNNING", "OK", "", 40}},
	{EVENT_JOB_RECOVERED,
	 &sft,
	 {"JOB_STATE_RUNNING", "OK", "", 40},
	 {"JOB_STATE_RUNNING", "OK", "", 41}},
};

struct event_fields fields_of_type(enum event_type type)
{
	for (size_t i = 0; i < ARRAY_LEN(jobs); i++)
		if (jobs[i].type == type)
			return job_fields(type, jobs[i].name,
					  jobs[i].from.state ? &jobs[i].from : NULL, &jobs[i].to,
					  texts);
	cr_assert(type == EVENT_WATCHER_DEGRADED || type == EVENT_WATCHER_RESTORED);
	return watcher_fields(type, VENDOR);
}

const char *const hostile_texts[TEXT_COUNT_] = {
	[TEXT_DISPLAY_NAME] = "<!channel> @everyone <@U123> <@&456> </cmd:1> :bomb: *b* _i_ ~s~ "
			      "`c` ||d|| \xe2\x80\xaetxt.exe\xe2\x80\xac \x1b[31m",
	[TEXT_OUTPUT_MODEL] = "accounts/acme/models/[free](https://evil.example/?a&b)",
	[TEXT_CREATE_TIME] = "2026-11-20T05:02:11.5Z",
	[TEXT_COMPLETED_TIME] = "<b>soon</b>",
};
struct event_fields hostile_fields(void)
{
	const struct job to = {"JOB_STATE_<!here>", "@here", HOSTILE_MESSAGE, 45};

	return job_fields(EVENT_JOB_FAILED, &sft, &running, &to, hostile_texts);
}
