/* Events: golden bytes, the way back, and what people read. */
#include "codec/event_json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include <json-c/json.h>

#include "bodies.h"
#include "codec/job_json.h"
#include "codec/text.h"

#define TIME_US 1795156316123000LL
#define TIME    "2026-11-20T06:31:56.123Z"
#define SOURCE  "https://api.fireworks.ai/v1/accounts/acme"
#define JOB     "accounts/acme/supervisedFineTuningJobs/abc"
#define HEAD(type)                                                                                 \
	"{\"specversion\":\"1.0\",\"id\":\"evt_0f3k\",\"source\":\"" SOURCE "\",\"type\":\"" type  \
	"\","

static const struct job_name name = {"acme", KIND_SFT, "abc"};

static struct snapshot *snapshot_of(const char *state, const char *code, const char *message,
				    int percent, int epoch)
{
	struct snapshot_parts parts = {
		.text = {[TEXT_STATE] = state,
			 [TEXT_STATUS_CODE] = code,
			 [TEXT_STATUS_MESSAGE] = message,
			 [TEXT_DISPLAY_NAME] = "prod one",
			 [TEXT_BASE_MODEL] = "accounts/fireworks/models/base",
			 [TEXT_OUTPUT_MODEL] = "accounts/acme/models/out",
			 [TEXT_DATASET] = "accounts/acme/datasets/chat",
			 [TEXT_CREATE_TIME] = "2026-11-20T05:00:00.000000Z"},
		.progress = {.given = percent >= 0,
			     .values = {percent, epoch, 2, 3, 4, 5, 6, 7, 8, 9}},
	};
	struct snapshot *s;

	cr_assert_eq(snapshot_new(&parts, &s), 0);
	return s;
}

static struct snapshot *completed_snapshot(const char *state, const char *code, const char *message,
					   int percent, int epoch)
{
	struct snapshot *s = snapshot_of(state, code, message, percent, epoch), *completed;
	struct snapshot_parts parts = snapshot_parts(s);

	parts.text[TEXT_COMPLETED_TIME] = "2026-11-20T06:31:00Z";
	cr_assert_eq(snapshot_new(&parts, &completed), 0);
	snapshot_unref(s);
	return completed;
}

static struct event job_event(enum event_type type, const struct snapshot *from,
			      const struct snapshot *to)
{
	return (struct event){
		.type = type,
		.id = "evt_0f3k",
		.endpoint = "https://api.fireworks.ai",
		.account = "acme",
		.time_us = TIME_US,
		.sequence = 7,
		.job = &name,
		.attempt = 1,
		.changed = CHANGE_STATE | CHANGE_PROGRESS,
		.from = from,
		.to = to,
	};
}

static struct event watcher_event(enum event_type type, const struct outage *outage)
{
	struct event event = job_event(type, NULL, NULL);

	event.job = NULL;
	event.attempt = event.changed = 0;
	event.outage = outage;
	return event;
}

static void format(const struct event *event, struct buf *b)
{
	cr_assert_eq(event_json_format(event, b), 0);
	cr_expect(text_is_utf8(buf_str(b)));
	cr_expect_null(strchr(buf_str(b), '\n'));
	cr_expect_null(strstr(buf_str(b), "\\/"));
}

static void sentence_of(const struct event *event, struct buf *ret)
{
	_cleanup_buf_ struct buf b = BUF_INIT(EVENT_JSON_MAX);
	struct event_fields f;

	format(event, &b);
	cr_assert_eq(event_fields_parse(b.data, b.len, &f), 0);
	cr_assert_eq(event_fields_sentence(&f, ret), 0);
	event_fields_done(&f);
}

#define GOLDEN_JOB                                                                                  \
	"\"job\":{\"name\":\"" JOB "\",\"account\":\"acme\",\"kind\":\"sft\",\"id\":\"abc\","       \
	"\"displayName\":\"prod one\",\"baseModel\":\"accounts/fireworks/models/base\","            \
	"\"outputModel\":\"accounts/acme/models/out\",\"dataset\":\"accounts/acme/datasets/chat\"," \
	"\"createTime\":\"2026-11-20T05:00:00.000000Z\",\"completedTime\":\"\"}"
#define GOLDEN_ENVELOPE                                                                            \
	"\"subject\":\"" JOB "\",\"time\":\"" TIME                                                 \
	"\",\"datacontenttype\":\"application/json\",\"data\":{"
#define GOLDEN_REST                                                                                   \
	",\"totalInputRequests\":2,\"totalProcessedRequests\":3,\"successfullyProcessedRequests\":4," \
	"\"failedRequests\":5,\"outputRows\":6,\"inputTokens\":7,\"outputTokens\":8,"                 \
	"\"cachedInputTokenCount\":9}}"

/* Every type of the contract: the bytes of an event are for ever. */
Test(event_json, has_golden_bytes_for_every_job_event)
{
	struct snapshot *from = snapshot_of("JOB_STATE_RUNNING", "OK", "", 98, 2);
	struct snapshot *to = snapshot_of("JOB_STATE_COMPLETED", "OK", "", 100, 2);

	for (enum event_type type = EVENT_NONE + 1; type < EVENT_WATCHER_DEGRADED; type++) {
		_cleanup_buf_ struct buf b = BUF_INIT(EVENT_JSON_MAX);
		_cleanup_buf_ struct buf golden = BUF_INIT(EVENT_JSON_MAX);
		struct event event = job_event(type, from, to);

		cr_assert_eq(
			buf_printf(
				&golden,
				HEAD("%s") GOLDEN_ENVELOPE GOLDEN_JOB
				",\"attempt\":1,\"sequence\":7,\"changed\":[\"state\",\"progress\"],"
				"\"from\":{\"state\":\"JOB_STATE_RUNNING\",\"phase\":\"running\","
				"\"status\":{\"code\":\"OK\",\"message\":\"\"},"
				"\"progress\":{\"percent\":98,\"epoch\":2" GOLDEN_REST ","
				"\"to\":{\"state\":\"JOB_STATE_COMPLETED\",\"phase\":\"succeeded\","
				"\"status\":{\"code\":\"OK\",\"message\":\"\"},"
				"\"progress\":{\"percent\":100,\"epoch\":2" GOLDEN_REST "}}",
				event_type_name(type)),
			0);
		format(&event, &b);
		cr_expect_str_eq(buf_str(&b), buf_str(&golden));
	}
	snapshot_unref(from);
	snapshot_unref(to);
}

Test(event_json, has_null_for_first_sight_and_no_progress)
{
	_cleanup_buf_ struct buf b = BUF_INIT(EVENT_JSON_MAX);
	struct snapshot *to =
		snapshot_of("JOB_STATE_PENDING", "", "a \"b\"\n\\ \x01/\xc3\xa4", -1, 0);
	struct event event = job_event(EVENT_JOB_FOUND, NULL, to);

	event.changed = CHANGE_STATE | CHANGE_STATUS | CHANGE_PROGRESS;
	format(&event, &b);
	cr_expect_str_eq(
		buf_str(&b), HEAD("job.found") GOLDEN_ENVELOPE GOLDEN_JOB
		",\"attempt\":1,\"sequence\":7,\"changed\":[\"state\",\"status\",\"progress\"],"
		"\"from\":null,"
		"\"to\":{\"state\":\"JOB_STATE_PENDING\",\"phase\":\"queued\","
		"\"status\":{\"code\":\"OK\","
		"\"message\":\"a \\\"b\\\"\\n\\\\ \\u0001/\xc3\xa4\"},\"progress\":null}}}");
	snapshot_unref(to);
}

/* `s` with a number of epochs; takes it over. */
static struct snapshot *with_epochs(struct snapshot *s, uint16_t epochs)
{
	struct snapshot_parts parts = snapshot_parts(s);
	struct snapshot *ret;

	parts.epochs = epochs;
	cr_assert_eq(snapshot_new(&parts, &ret), 0);
	snapshot_unref(s);
	return ret;
}

Test(event_json, says_how_many_epochs)
{
	_cleanup_buf_ struct buf b = BUF_INIT(EVENT_JSON_MAX);
	struct snapshot *to = with_epochs(snapshot_of("JOB_STATE_PENDING", "", "", -1, 0), 65535);
	struct event event = job_event(EVENT_JOB_FOUND, NULL, to);

	format(&event, &b);
	cr_expect_not_null(strstr(buf_str(&b), "\"dataset\":\"accounts/acme/datasets/chat\","
					       "\"epochs\":65535,\"createTime\":"));
	snapshot_unref(to);
}

#define STANDING                                                                                   \
	"{\"state\":\"JOB_STATE_PENDING\",\"phase\":\"queued\","                                   \
	"\"status\":{\"code\":\"OK\",\"message\":\"\"},\"progress\":null}"
#define STILL(type, rest)                                                                          \
	HEAD(type)                                                                                 \
	GOLDEN_ENVELOPE GOLDEN_JOB                                                                 \
		",\"attempt\":1,\"sequence\":7,\"changed\":[],\"from\":" STANDING                  \
		",\"to\":" STANDING "," rest "}}"

Test(event_json, has_golden_bytes_for_stalls_and_pauses)
{
	static const struct event_stall stalls[] = {
		{1800999, TIME_US - 1800999000, CHANGE_PROGRESS},
		{172800000, TIME_US - 172800000000, 0},
		{2700000, TIME_US - 2700000000, CHANGE_STATE | CHANGE_STATUS | CHANGE_PROGRESS},
	};
	static const struct {
		enum event_type type;
		const struct event_stall *stall;
		const char *suspend_state, *golden;
	} cases[] = {
		{EVENT_JOB_STALLED, &stalls[0], NULL,
		 STILL("job.stalled", "\"stall\":{\"stillSeconds\":1800,\"lastMovement\":"
				      "\"2026-11-20T06:01:55.124Z\",\"moved\":[\"progress\"]}")},
		{EVENT_JOB_STALLED, &stalls[1], "",
		 STILL("job.stalled", "\"stall\":{\"stillSeconds\":172800,\"lastMovement\":"
				      "\"2026-11-18T06:31:56.123Z\",\"moved\":[]}")},
		{EVENT_JOB_RECOVERED, &stalls[2], NULL,
		 STILL("job.recovered",
		       "\"stall\":{\"stillSeconds\":2700,\"lastMovement\":"
		       "\"2026-11-20T05:46:56.123Z\",\"moved\":[\"state\",\"status\",\"progress\"]}")},
		{EVENT_JOB_PAUSED, NULL, "CREDIT_DEPLETED",
		 STILL("job.paused", "\"suspendState\":\"CREDIT_DEPLETED\"")},
	};
	struct snapshot *s = snapshot_of("JOB_STATE_PENDING", "", "", -1, 0);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT(EVENT_JSON_MAX);
		struct event event = job_event(cases[i].type, s, s);

		event.changed = 0;
		event.stall = cases[i].stall;
		event.suspend_state = cases[i].suspend_state;
		format(&event, &b);
		cr_expect_str_eq(buf_str(&b), cases[i].golden);
	}
	snapshot_unref(s);
}

#define WATCHER_ENVELOPE                                                                           \
	"\"subject\":\"accounts/acme\",\"time\":\"" TIME                                           \
	"\",\"datacontenttype\":\"application/json\",\"data\":{\"account\":\"acme\",\"sequence\":7,"
#define WATCHER_OUTAGE                                                                                    \
	"\"trouble\":\"tls\",\"firstError\":\"could not resolve\",\"lastError\":\"certificate expired\"," \
	"\"failures\":12,\"since\":\"2026-11-20T06:28:36.123Z\""

static const struct outage outage = {
	.trouble = TROUBLE_TLS,
	.since_us = TIME_US - 200000000,
	.failures = 12,
	.first = "could not resolve",
	.last = "certificate expired",
};

Test(event_json, has_golden_bytes_for_watcher_events)
{
	_cleanup_buf_ struct buf degraded = BUF_INIT(EVENT_JSON_MAX);
	_cleanup_buf_ struct buf restored = BUF_INIT(EVENT_JSON_MAX);
	struct event event = watcher_event(EVENT_WATCHER_DEGRADED, &outage);
	struct outage over = outage;

	format(&event, &degraded);
	cr_expect_str_eq(buf_str(&degraded),
			 HEAD("watcher.degraded") WATCHER_ENVELOPE WATCHER_OUTAGE "}}");
	over.until_us = TIME_US;
	event = watcher_event(EVENT_WATCHER_RESTORED, &over);
	format(&event, &restored);
	cr_expect_str_eq(buf_str(&restored),
			 HEAD("watcher.restored") WATCHER_ENVELOPE WATCHER_OUTAGE
			 ",\"until\":\"" TIME "\",\"durationSeconds\":200}}");
}

Test(event_json, is_valid_utf8_whatever_the_error_says)
{
	_cleanup_buf_ struct buf b = BUF_INIT(EVENT_JSON_MAX);
	struct outage bad = outage;
	struct event event = watcher_event(EVENT_WATCHER_DEGRADED, &bad);

	snprintf(bad.last, sizeof(bad.last), "cut \xe2\x82 and \xff");
	format(&event, &b);
	cr_expect_not_null(strstr(buf_str(&b), "\"lastError\":\"cut ?? and ?\""));
}

/* The clock may be set back in an outage. */
Test(event_json, has_no_negative_duration)
{
	_cleanup_buf_ struct buf b = BUF_INIT(EVENT_JSON_MAX);
	struct outage back = outage;
	struct event event = watcher_event(EVENT_WATCHER_RESTORED, &back);

	back.until_us = back.since_us - 5000000;
	format(&event, &b);
	cr_expect_not_null(strstr(buf_str(&b), "\"durationSeconds\":0}"));
}

/* The longest texts there can be, each byte of them six in JSON, fit into EVENT_JSON_MAX. */
Test(event_json, fits_at_its_largest)
{
	static const struct event_stall stall = {UINT64_MAX, TIME_US,
						 CHANGE_STATE | CHANGE_STATUS | CHANGE_PROGRESS};
	_cleanup_buf_ struct buf b = BUF_INIT(EVENT_JSON_MAX), said = BUF_INIT(EVENT_JSON_MAX);
	struct snapshot_parts parts = {.progress.given = true, .epochs = UINT16_MAX};
	struct snapshot *s;
	struct event event;
	char text[8192];

	memset(text, '\x01', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < TEXT_COUNT_; i++)
		parts.text[i] = text;
	for (int i = 0; i < PROGRESS_COUNT_; i++)
		parts.progress.values[i] = INT32_MIN;
	cr_assert_eq(snapshot_new(&parts, &s), 0);
	event = job_event(EVENT_JOB_STATE, s, s);
	event.stall = &stall;
	event.suspend_state = "01234567890123456789012345678901234567890123456789012345678901";
	format(&event, &b);
	cr_expect_gt(b.len, 50000, "not the largest");
	cr_expect_eq(event_json_say_model(b.data, b.len, MODEL_LATE, &said), 0);
	snapshot_unref(s);
}

/* Nothing else in the document changes, whatever it holds. */
Test(event_json, says_whether_the_model_is_ready)
{
	static const char *const last[MODEL_READY_COUNT_] = {
		[MODEL_UNASKED] = "}}",
		[MODEL_READY] = ",\"modelReady\":true}}",
		[MODEL_LATE] = ",\"modelReady\":false}}",
	};
	struct snapshot *from = snapshot_of("modelReady", "", "\"modelReady\":true}}", 98, 2);
	struct snapshot *to = with_epochs(snapshot_of("JOB_STATE_COMPLETED", "UNKNOWN",
						      "a \"b\"\n\\ \x01/\xc3\xa4", INT32_MIN, 2),
					  3);
	struct event events[] = {job_event(EVENT_JOB_SUCCEEDED, from, to),
				 job_event(EVENT_JOB_SUCCEEDED, NULL, to),
				 watcher_event(EVENT_WATCHER_DEGRADED, &outage)};

	events[1].sequence = UINT64_MAX;
	for (size_t i = 0; i < ARRAY_LEN(events); i++) {
		_cleanup_buf_ struct buf doc = BUF_INIT(EVENT_JSON_MAX);

		format(&events[i], &doc);
		for (enum model_ready ready = 0; ready < MODEL_READY_COUNT_; ready++) {
			_cleanup_buf_ struct buf said = BUF_INIT(EVENT_JSON_MAX);
			_cleanup_buf_ struct buf wanted = BUF_INIT(EVENT_JSON_MAX);

			cr_assert_eq(buf_append(&wanted, doc.data, doc.len - 2), 0);
			cr_assert_eq(buf_puts(&wanted, last[ready]), 0);
			cr_assert_eq(event_json_say_model(doc.data, doc.len, ready, &said), 0);
			cr_expect_str_eq(buf_str(&said), buf_str(&wanted));
		}
	}
	snapshot_unref(from);
	snapshot_unref(to);
}

Test(event_json, says_nothing_of_models_in_what_is_no_event)
{
	static const char *const cases[] = {
		"",
		"null",
		"{}",
		"{\"data\":null}",
		"{\"data\":[]}",
		"{\"data\":{\"modelReady\":true}}",
		"{\"data\":{\"modelReady\":null}}",
		"{\"data\":{}",
		"{\"data\":{},\"data\":{}}",
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT(EVENT_JSON_MAX);

		cr_expect_eq(event_json_say_model(cases[i], strlen(cases[i]), MODEL_READY, &b),
			     -EBADMSG, "%s", cases[i]);
		cr_expect_eq(b.len, 0);
		cr_expect_eq(event_json_say_model(cases[i], strlen(cases[i]), MODEL_UNASKED, &b),
			     0);
		cr_expect_str_eq(buf_str(&b), cases[i]);
	}
}

Test(event_json, respects_the_buffers_maximum)
{
	_cleanup_buf_ struct buf b = BUF_INIT(100);
	struct event event = watcher_event(EVENT_WATCHER_DEGRADED, &outage);

	cr_expect_eq(event_json_format(&event, &b), -EMSGSIZE);
}

Test(event_json, holds_no_secret_and_is_stable)
{
	struct job_json *p;

	cr_assert_eq(job_json_new(&p), 0);
	for (enum kind kind = 0; kind < KIND_COUNT_; kind++) {
		_cleanup_buf_ struct buf first = BUF_INIT(EVENT_JSON_MAX);
		_cleanup_buf_ struct buf again = BUF_INIT(EVENT_JSON_MAX);
		const struct job_name asked = {"acme", kind, BODY_ID};
		struct snapshot *s;
		struct event event;

		cr_assert_eq(job_json_parse(p, bodies[kind], strlen(bodies[kind]), &asked, &s,
					    NULL),
			     0);
		event = job_event(EVENT_JOB_FOUND, NULL, s);
		event.job = &asked;
		format(&event, &first);
		format(&event, &again);
		cr_expect_str_eq(buf_str(&first), buf_str(&again));
		cr_expect_null(strstr(buf_str(&first), BODY_SECRET));
		snapshot_unref(s);
	}
	job_json_free(p);
}

static void expect_fields(const struct event *event, const char *const expected[EVENT_FIELD_COUNT_])
{
	_cleanup_buf_ struct buf b = BUF_INIT(EVENT_JSON_MAX);
	struct event_fields f;

	format(event, &b);
	cr_assert_eq(event_fields_parse(b.data, b.len, &f), 0);
	cr_expect_eq(f.type, event->type);
	for (int i = 0; i < EVENT_FIELD_COUNT_; i++)
		cr_expect_str_eq(f.values[i], expected[i] ? expected[i] : "", "field %d", i);
	event_fields_done(&f);
}

Test(event_fields, come_back_from_job_events)
{
	struct snapshot *from = snapshot_of("JOB_STATE_RUNNING", "", "", 98, 2);
	struct snapshot *to = completed_snapshot("JOB_STATE_FAILED", "INTERNAL", "no\nluck", 0, 3);
	struct event event = job_event(EVENT_JOB_FAILED, from, to);
	const char *const expected[EVENT_FIELD_COUNT_] = {
		[EVENT_FIELD_ID] = "evt_0f3k",
		[EVENT_FIELD_TYPE] = "job.failed",
		[EVENT_FIELD_TIME] = TIME,
		[EVENT_FIELD_SUBJECT] = JOB,
		[EVENT_FIELD_SOURCE] = SOURCE,
		[EVENT_FIELD_ACCOUNT] = "acme",
		[EVENT_FIELD_JOB] = JOB,
		[EVENT_FIELD_JOB_ID] = "abc",
		[EVENT_FIELD_KIND] = "sft",
		[EVENT_FIELD_DISPLAY_NAME] = "prod one",
		[EVENT_FIELD_BASE_MODEL] = "accounts/fireworks/models/base",
		[EVENT_FIELD_OUTPUT_MODEL] = "accounts/acme/models/out",
		[EVENT_FIELD_DATASET] = "accounts/acme/datasets/chat",
		[EVENT_FIELD_CREATE_TIME] = "2026-11-20T05:00:00.000000Z",
		[EVENT_FIELD_COMPLETED_TIME] = "2026-11-20T06:31:00Z",
		[EVENT_FIELD_ATTEMPT] = "1",
		[EVENT_FIELD_SEQUENCE] = "7",
		[EVENT_FIELD_STATE] = "JOB_STATE_FAILED",
		[EVENT_FIELD_PHASE] = "failed",
		[EVENT_FIELD_STATUS_CODE] = "INTERNAL",
		[EVENT_FIELD_STATUS_MESSAGE] = "no\nluck",
		[EVENT_FIELD_PERCENT] = "0",
		[EVENT_FIELD_EPOCH] = "3",
		[EVENT_FIELD_PREVIOUS_STATE] = "JOB_STATE_RUNNING",
		[EVENT_FIELD_PREVIOUS_PHASE] = "running",
		[EVENT_FIELD_PREVIOUS_PERCENT] = "98",
	};

	expect_fields(&event, expected);
	event.sequence = UINT64_MAX;
	event.attempt = UINT32_MAX;
	{
		const char *big[EVENT_FIELD_COUNT_];

		memcpy(big, expected, sizeof(big));
		big[EVENT_FIELD_SEQUENCE] = "18446744073709551615";
		big[EVENT_FIELD_ATTEMPT] = "4294967295";
		expect_fields(&event, big);
	}
	snapshot_unref(from);
	snapshot_unref(to);
}

Test(event_fields, come_back_from_stalls_and_pauses)
{
	static const struct event_stall stall = {1800000, TIME_US, CHANGE_STATUS | CHANGE_PROGRESS};
	_cleanup_buf_ struct buf doc = BUF_INIT(EVENT_JSON_MAX), said = BUF_INIT(EVENT_JSON_MAX);
	struct snapshot *s = snapshot_of("JOB_STATE_PAUSED", "", "", -1, 0);
	struct event event = job_event(EVENT_JOB_PAUSED, s, s);
	struct event_fields f;

	event.stall = &stall;
	event.suspend_state = "CREDIT_DEPLETED";
	format(&event, &doc);
	cr_assert_eq(event_json_say_model(doc.data, doc.len, MODEL_LATE, &said), 0);
	cr_assert_eq(event_fields_parse(said.data, said.len, &f), 0);
	cr_expect_str_eq(f.values[EVENT_FIELD_STILL], "1800");
	cr_expect_str_eq(f.values[EVENT_FIELD_LAST_MOVEMENT], TIME);
	cr_expect_str_eq(f.values[EVENT_FIELD_MOVED], "status");
	cr_expect_str_eq(f.values[EVENT_FIELD_SUSPEND_STATE], "CREDIT_DEPLETED");
	cr_expect_str_eq(f.values[EVENT_FIELD_MODEL_READY], "false");
	event_fields_done(&f);
	snapshot_unref(s);
}

Test(event_fields, come_back_from_watcher_events)
{
	const char *expected[EVENT_FIELD_COUNT_] = {
		[EVENT_FIELD_ID] = "evt_0f3k",
		[EVENT_FIELD_TYPE] = "watcher.degraded",
		[EVENT_FIELD_TIME] = TIME,
		[EVENT_FIELD_SUBJECT] = "accounts/acme",
		[EVENT_FIELD_SOURCE] = SOURCE,
		[EVENT_FIELD_ACCOUNT] = "acme",
		[EVENT_FIELD_SEQUENCE] = "7",
		[EVENT_FIELD_TROUBLE] = "tls",
		[EVENT_FIELD_ERROR] = "certificate expired",
	};
	struct event event = watcher_event(EVENT_WATCHER_DEGRADED, &outage);
	struct outage over = outage;

	expect_fields(&event, expected);
	over.until_us = TIME_US;
	event = watcher_event(EVENT_WATCHER_RESTORED, &over);
	expected[EVENT_FIELD_TYPE] = "watcher.restored";
	expected[EVENT_FIELD_DURATION] = "200";
	expect_fields(&event, expected);
}

Test(event_fields, refuse_what_is_not_an_event)
{
	static const char *const cases[] = {
		"",
		"null",
		"[]",
		"{}",
		"{\"id\":\"a\",\"subject\":\"b\",\"type\":\"job.unheard\"}",
		"{\"id\":\"a\",\"subject\":\"b\",\"type\":\"\"}",
		"{\"id\":\"\",\"subject\":\"b\",\"type\":\"job.failed\"}",
		"{\"id\":\"a\",\"type\":\"job.failed\"}",
		"{\"id\":{},\"subject\":\"b\",\"type\":\"job.failed\"}",
		"{\"id\":[],\"subject\":\"b\",\"type\":\"job.failed\"}",
		"{\"id\":\"a\",\"subject\":\"b\",\"type\":\"job.failed\",\"data\":\"x\"}",
		"{\"id\":\"a\",\"subject\":\"b\",\"type\":\"job.failed\",\"data\":{\"to\":[]}}",
		"{\"id\":\"a\\u0000\",\"subject\":\"b\",\"type\":\"job.failed\"}",
		"{\"id\":\"a\",\"id\":\"a\",\"subject\":\"b\",\"type\":\"job.failed\"}",
		"{\"id\":\"a\",\"subject\":\"b\",\"type\":\"job.failed\"",
	};
	static const char least[] = "{\"id\":\"a\",\"subject\":\"b\",\"type\":\"job.failed\"}";
	struct event_fields f;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cr_expect_eq(event_fields_parse(cases[i], strlen(cases[i]), &f), -EBADMSG, "%s",
			     cases[i]);
	cr_assert_eq(event_fields_parse(least, strlen(least), &f), 0);
	event_fields_done(&f);
}

Test(event_sentence, tells_of_jobs)
{
	static const struct {
		enum event_type type;
		const char *from; /* NULL: first sight */
		int from_percent; /* -1: no progress */
		const char *to, *code, *message;
		int percent;
		const char *sentence;
	} cases[] = {
		{EVENT_JOB_SUCCEEDED, "JOB_STATE_RUNNING", 98, "JOB_STATE_COMPLETED", "OK",
		 "{\"loss\":1}", 100, "acme/sft/abc succeeded (was running at 98 %)"},
		{EVENT_JOB_SUCCEEDED, NULL, -1, "JOB_STATE_COMPLETED", "OK", "", 100,
		 "acme/sft/abc succeeded"},
		{EVENT_JOB_FAILED, NULL, -1, "JOB_STATE_FAILED", "INTERNAL", "message", -1,
		 "acme/sft/abc failed: INTERNAL: message"},
		{EVENT_JOB_FAILED, "JOB_STATE_RUNNING", -1, "JOB_STATE_FAILED", "INTERNAL", "", -1,
		 "acme/sft/abc failed: INTERNAL (was running)"},
		{EVENT_JOB_FAILED, NULL, -1, "JOB_STATE_FAILED", "OK", "a\nb\x1b[1m\xc2\x9b", -1,
		 "acme/sft/abc failed: a b [1m "},
		{EVENT_JOB_QUEUED, "JOB_STATE_PAUSED", -1, "JOB_STATE_PENDING", "OK", "", -1,
		 "acme/sft/abc is queued (was paused)"},
		{EVENT_JOB_STARTING, "JOB_STATE_PENDING", -1, "JOB_STATE_CREATING", "OK",
		 "rendering data (30%)", -1,
		 "acme/sft/abc is starting: rendering data (30%) (was queued)"},
		{EVENT_JOB_RUNNING, "JOB_STATE_CREATING", -1, "JOB_STATE_RUNNING", "OK", "", 1,
		 "acme/sft/abc is running at 1 %, epoch 2 (was starting)"},
		{EVENT_JOB_RUNNING, "NEW", -1, "JOB_STATE_RUNNING", "OK", "", -1,
		 "acme/sft/abc is running (was NEW)"},
		{EVENT_JOB_PROGRESS, "JOB_STATE_RUNNING", 39, "JOB_STATE_RUNNING", "OK", "", 40,
		 "acme/sft/abc is at 40 %, epoch 2"},
		{EVENT_JOB_STATE, "JOB_STATE_RUNNING", -1, "JOB_STATE_ROLLOUT", "OK", "", -1,
		 "acme/sft/abc is in state JOB_STATE_ROLLOUT (was JOB_STATE_RUNNING)"},
		{EVENT_JOB_STATE, "JOB_STATE_RUNNING", -1, "", "OK", "", -1,
		 "acme/sft/abc is in state \"\" (was running)"},
		{EVENT_JOB_STATUS, "JOB_STATE_RUNNING", -1, "JOB_STATE_RUNNING", "UNAVAILABLE",
		 "waiting", -1, "acme/sft/abc reports: UNAVAILABLE: waiting"},
		{EVENT_JOB_FOUND, NULL, -1, "JOB_STATE_RUNNING", "OK", "", 5,
		 "acme/sft/abc was found, running at 5 %, epoch 2"},
		{EVENT_JOB_PAUSED, "JOB_STATE_RUNNING", -1, "JOB_STATE_PAUSED",
		 "FAILED_PRECONDITION", "no credit", -1,
		 "acme/sft/abc is paused: FAILED_PRECONDITION: no credit (was running)"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT(EVENT_JSON_MAX);
		struct snapshot *from =
			cases[i].from ? snapshot_of(cases[i].from, "", "", cases[i].from_percent, 2)
				      : NULL;
		struct snapshot *to = snapshot_of(cases[i].to, cases[i].code, cases[i].message,
						  cases[i].percent, 2);
		struct event event = job_event(cases[i].type, from, to);

		sentence_of(&event, &b);
		cr_expect_str_eq(buf_str(&b), cases[i].sentence);
		snapshot_unref(from);
		snapshot_unref(to);
	}
}

Test(event_sentence, tells_of_no_epoch_where_there_is_none)
{
	_cleanup_buf_ struct buf b = BUF_INIT(EVENT_JSON_MAX);
	struct snapshot *from = snapshot_of("JOB_STATE_RUNNING", "", "", 10, 0);
	struct snapshot *to = snapshot_of("JOB_STATE_RUNNING", "", "", 40, 0);
	struct event event = job_event(EVENT_JOB_PROGRESS, from, to);
	struct job_name batch = name;

	batch.kind = KIND_BATCH;
	event.job = &batch;
	sentence_of(&event, &b);
	cr_expect_str_eq(buf_str(&b), "acme/batch/abc is at 40 %");
	snapshot_unref(from);
	snapshot_unref(to);
}

Test(event_sentence, tells_of_stalls)
{
	static const struct {
		enum event_type type;
		struct event_stall stall;
		const char *state, *message;
		int percent;
		const char *sentence;
	} cases[] = {
		{EVENT_JOB_STALLED,
		 {1800000, TIME_US, CHANGE_PROGRESS},
		 "JOB_STATE_RUNNING",
		 "",
		 42,
		 "acme/sft/abc has not moved for 30min (running at 42 %; progress moved last)"},
		{EVENT_JOB_STALLED,
		 {5400999, TIME_US, CHANGE_STATE | CHANGE_STATUS},
		 "JOB_STATE_VALIDATING",
		 "rendering data (30%)",
		 -1,
		 "acme/sft/abc has not moved for 1h 30min (starting; state moved last): "
		 "rendering data (30%)"},
		{EVENT_JOB_STALLED,
		 {172800000, TIME_US, 0},
		 "JOB_STATE_PENDING",
		 "",
		 -1,
		 "acme/sft/abc has not moved for 2d (queued)"},
		{EVENT_JOB_RECOVERED,
		 {2700000, TIME_US, CHANGE_PROGRESS},
		 "JOB_STATE_RUNNING",
		 "",
		 43,
		 "acme/sft/abc moves again after 45min"},
		{EVENT_JOB_RECOVERED,
		 {999, TIME_US, 0},
		 "JOB_STATE_RUNNING",
		 "",
		 43,
		 "acme/sft/abc moves again after 0s"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT(EVENT_JSON_MAX);
		struct snapshot *s =
			snapshot_of(cases[i].state, "OK", cases[i].message, cases[i].percent, 2);
		struct event event = job_event(cases[i].type, s, s);

		event.stall = &cases[i].stall;
		sentence_of(&event, &b);
		cr_expect_str_eq(buf_str(&b), cases[i].sentence);
		snapshot_unref(s);
	}
}

Test(event_sentence, tells_why_it_is_paused)
{
	_cleanup_buf_ struct buf b = BUF_INIT(EVENT_JSON_MAX);
	struct snapshot *from = snapshot_of("JOB_STATE_RUNNING", "OK", "", 40, 2);
	struct snapshot *to = snapshot_of("JOB_STATE_PAUSED", "OK", "", 40, 2);
	struct event event = job_event(EVENT_JOB_PAUSED, from, to);

	event.suspend_state = "CREDIT_DEPLETED";
	sentence_of(&event, &b);
	cr_expect_str_eq(buf_str(&b), "acme/sft/abc is paused (account: CREDIT_DEPLETED) "
				      "(was running at 40 %)");
	snapshot_unref(from);
	snapshot_unref(to);
}

Test(event_sentence, tells_whether_the_model_is_ready)
{
	static const char *const sentences[MODEL_READY_COUNT_] = {
		[MODEL_UNASKED] = "acme/sft/abc succeeded",
		[MODEL_READY] = "acme/sft/abc succeeded, its model is ready",
		[MODEL_LATE] = "acme/sft/abc succeeded, its model is not ready yet",
	};
	_cleanup_buf_ struct buf doc = BUF_INIT(EVENT_JSON_MAX);
	struct snapshot *to = snapshot_of("JOB_STATE_COMPLETED", "OK", "", 100, 2);
	struct event event = job_event(EVENT_JOB_SUCCEEDED, NULL, to);

	format(&event, &doc);
	for (enum model_ready ready = 0; ready < MODEL_READY_COUNT_; ready++) {
		_cleanup_buf_ struct buf said = BUF_INIT(EVENT_JSON_MAX);
		_cleanup_buf_ struct buf line = BUF_INIT(EVENT_JSON_MAX);
		struct event_fields f;

		cr_assert_eq(event_json_say_model(doc.data, doc.len, ready, &said), 0);
		cr_assert_eq(event_fields_parse(said.data, said.len, &f), 0);
		cr_assert_eq(event_fields_sentence(&f, &line), 0);
		cr_expect_str_eq(buf_str(&line), sentences[ready]);
		event_fields_done(&f);
	}
	snapshot_unref(to);
}

Test(event_sentence, has_one_for_every_job_event)
{
	struct snapshot *s = snapshot_of("JOB_STATE_RUNNING", "", "", 1, 0);

	for (enum event_type type = EVENT_NONE + 1; type < EVENT_WATCHER_DEGRADED; type++) {
		_cleanup_buf_ struct buf b = BUF_INIT(EVENT_JSON_MAX);
		struct event event = job_event(type, s, s);

		sentence_of(&event, &b);
		cr_expect_eq(strncmp(buf_str(&b), "acme/sft/abc ", 13), 0, "%s", buf_str(&b));
		cr_expect_null(strstr(buf_str(&b), "(null)"), "%s", event_type_name(type));
	}
	snapshot_unref(s);
}

Test(event_sentence, tells_of_accounts)
{
	_cleanup_buf_ struct buf b = BUF_INIT(EVENT_JSON_MAX);
	struct outage over = outage;
	struct event event = watcher_event(EVENT_WATCHER_DEGRADED, &outage);

	sentence_of(&event, &b);
	cr_expect_str_eq(buf_str(&b), "account acme is out of sight: tls: certificate expired");
	buf_clear(&b);
	over.until_us = TIME_US;
	event = watcher_event(EVENT_WATCHER_RESTORED, &over);
	sentence_of(&event, &b);
	cr_expect_str_eq(buf_str(&b), "account acme is in sight again after 3min 20s");
	buf_clear(&b);
	over.until_us = over.since_us + 1;
	sentence_of(&event, &b);
	cr_expect_str_eq(buf_str(&b), "account acme is in sight again after 0s");
}

Test(event_sentence, respects_the_buffers_maximum)
{
	_cleanup_buf_ struct buf small = BUF_INIT(10);
	_cleanup_buf_ struct buf b = BUF_INIT(EVENT_JSON_MAX);
	struct event event = watcher_event(EVENT_WATCHER_DEGRADED, &outage);
	struct event_fields f;

	format(&event, &b);
	cr_assert_eq(event_fields_parse(b.data, b.len, &f), 0);
	cr_expect_eq(event_fields_sentence(&f, &small), -EMSGSIZE);
	event_fields_done(&f);
	event_fields_done(&f);
}
