/* The control socket's documents, there and back. */
#include "codec/status_json.h"

#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "codec/json_util.h"
#include "support/rand.h"

#define T0 1795156316123000LL /* 2026-11-20T06:31:56.123Z */

static const char *const chosen[] = {"slack", "\""};

static const struct job_view full_job = {
	.name = "accounts/acme/supervisedFineTuningJobs/abc",
	.account = "acme",
	.kind = "sft",
	.id = "abc",
	.text = {"JOB_STATE_RUNNING", "OK", "all \"well\"\n", "Näme €", "base", "out/put", "data",
		 "2026-11-20T06:00:00Z", ""},
	.phase = "running",
	.progress = {true, {42, 1, 3, 4, 5, 6, 7, 8, 9, -10}},
	.epochs = 3,
	.attempt = 2,
	.sequence = UINT64_MAX,
	.phase_since_us = T0,
	.last_poll_us = T0 + 1000,
	.next_poll_us = T0 + 2000,
	.eta_us = T0 + 60 * US_PER_S,
	.eta_low_us = T0 + 30 * US_PER_S,
	.eta_high_us = T0 + 120 * US_PER_S,
	.moved_us = T0 - 90 * US_PER_S,
	.still_ms = 89000,
	.stall_budget_ms = 1800000,
	.stalled = true,
	.last_error = "HTTP 503",
	.added = true,
	.notify_chosen = true,
	.notify = chosen,
	.n_notify = ARRAY_LEN(chosen),
};

static const struct job_view new_job = {
	.name = "accounts/acme/dpoJobs/new",
	.account = "acme",
	.kind = "dpo",
	.id = "new",
	.text = {"", "", "", "", "", "", "", "", ""},
	.phase = "",
	.stall_budget_ms = UINT64_MAX,
	.last_error = "",
	.not_found = true,
};

/* Golden: scripts read these names. */
Test(status_json, jobs_document)
{
	static const char want[] =
		"{\"jobs\":["
		"{\"name\":\"accounts/acme/supervisedFineTuningJobs/abc\",\"account\":\"acme\","
		"\"kind\":\"sft\",\"id\":\"abc\",\"displayName\":\"Näme €\",\"baseModel\":\"base\","
		"\"outputModel\":\"out/put\",\"dataset\":\"data\","
		"\"createTime\":\"2026-11-20T06:00:00Z\",\"completedTime\":\"\","
		"\"state\":\"JOB_STATE_RUNNING\",\"phase\":\"running\","
		"\"status\":{\"code\":\"OK\",\"message\":\"all \\\"well\\\"\\n\"},"
		"\"progress\":{\"percent\":42,\"epoch\":1,\"totalInputRequests\":3,"
		"\"totalProcessedRequests\":4,\"successfullyProcessedRequests\":5,"
		"\"failedRequests\":6,\"outputRows\":7,\"inputTokens\":8,\"outputTokens\":9,"
		"\"cachedInputTokenCount\":-10},\"epochs\":3,"
		"\"attempt\":2,\"sequence\":18446744073709551615,"
		"\"phaseSince\":\"2026-11-20T06:31:56.123Z\","
		"\"eta\":{\"time\":\"2026-11-20T06:32:56.123Z\","
		"\"earliest\":\"2026-11-20T06:32:26.123Z\","
		"\"latest\":\"2026-11-20T06:33:56.123Z\"},"
		"\"stall\":{\"stillSeconds\":89,\"budgetSeconds\":1800,\"stalled\":true,"
		"\"lastMovement\":\"2026-11-20T06:30:26.123Z\"},"
		"\"lastPoll\":\"2026-11-20T06:31:56.124Z\","
		"\"nextPoll\":\"2026-11-20T06:31:56.125Z\",\"lastError\":\"HTTP 503\","
		"\"notFound\":false,\"added\":true,\"notify\":[\"slack\",\"\\\"\"]},"
		"{\"name\":\"accounts/acme/dpoJobs/new\",\"account\":\"acme\",\"kind\":\"dpo\","
		"\"id\":\"new\",\"displayName\":\"\",\"baseModel\":\"\",\"outputModel\":\"\","
		"\"dataset\":\"\",\"createTime\":\"\",\"completedTime\":\"\",\"state\":\"\","
		"\"phase\":null,\"status\":{\"code\":\"\",\"message\":\"\"},\"progress\":null,"
		"\"epochs\":null,\"attempt\":0,\"sequence\":0,\"phaseSince\":null,"
		"\"eta\":null,\"stall\":null,\"lastPoll\":null,"
		"\"nextPoll\":null,\"lastError\":null,\"notFound\":true,\"added\":false,"
		"\"notify\":null}"
		"]}";
	_cleanup_buf_ struct buf b = BUF_INIT(STATUS_JSON_MAX);

	cr_assert_eq(status_json_jobs_begin(&b), 0);
	cr_assert_eq(status_json_job(&full_job, NULL, &b), 0);
	cr_assert_eq(status_json_job(&new_job, NULL, &b), 0);
	cr_assert_eq(status_json_jobs_end(&b), 0);
	cr_assert_str_eq(buf_str(&b), want);
}

static void assert_same(const struct job_view *a, const struct job_view *b)
{
	cr_assert_str_eq(a->name, b->name);
	cr_assert_str_eq(a->account, b->account);
	cr_assert_str_eq(a->kind, b->kind);
	cr_assert_str_eq(a->id, b->id);
	for (int i = 0; i < TEXT_COUNT_; i++)
		cr_assert_str_eq(a->text[i], b->text[i]);
	cr_assert_str_eq(a->phase, b->phase);
	cr_assert_str_eq(a->last_error, b->last_error);
	cr_assert_eq(a->progress.given, b->progress.given);
	for (int i = 0; a->progress.given && i < PROGRESS_COUNT_; i++)
		cr_assert_eq(a->progress.values[i], b->progress.values[i]);
	cr_assert_eq(a->attempt, b->attempt);
	cr_assert_eq(a->sequence, b->sequence);
	cr_assert_eq(a->phase_since_us, b->phase_since_us);
	cr_assert_eq(a->last_poll_us, b->last_poll_us);
	cr_assert_eq(a->next_poll_us, b->next_poll_us);
	cr_assert_eq(a->epochs, b->epochs);
	cr_assert_eq(a->eta_us, b->eta_us);
	cr_assert_eq(a->eta_low_us, b->eta_low_us);
	cr_assert_eq(a->eta_high_us, b->eta_high_us);
	cr_assert_eq(a->moved_us, b->moved_us);
	cr_assert_eq(a->still_ms, b->still_ms);
	cr_assert_eq(a->stall_budget_ms, b->stall_budget_ms);
	cr_assert_eq(a->stalled, b->stalled);
	cr_assert_eq(a->not_found, b->not_found);
	cr_assert_eq(a->added, b->added);
	cr_assert_eq(a->notify_chosen, b->notify_chosen);
	cr_assert_eq(a->n_notify, b->n_notify);
	for (size_t i = 0; i < a->n_notify; i++)
		cr_assert_str_eq(a->notify[i], b->notify[i]);
}

struct expected {
	const struct job_view *jobs;
	size_t n, seen;
	int answer;
};

static int expect_job(void *user, const struct job_view *v)
{
	struct expected *e = user;

	cr_assert_lt(e->seen, e->n);
	assert_same(v, &e->jobs[e->seen++]);
	return e->answer;
}

static const char *random_text(struct rnd *r)
{
	static const char *const texts[] = {"",     "a",  "€ \U0001f600", "\"\\/\b\t\n\x01\x7f",
					    "null", "]}", "{\"jobs\":[",  "\xc2\x85\u2028"};

	return texts[rnd_below(r, ARRAY_LEN(texts))];
}

static int64_t random_time(struct rnd *r)
{
	return rnd_below(r, 2) ? (int64_t)rnd_below(r, 4000000000000) * 1000 : 0;
}

/* What is not known is left out, so that all fields of it are none. */
static void random_estimates(struct rnd *r, struct job_view *v)
{
	v->eta_us = random_time(r);
	v->eta_low_us = v->eta_us ? random_time(r) : 0;
	v->eta_high_us = v->eta_us ? random_time(r) : 0;
	v->moved_us = random_time(r);
	v->stalled = v->moved_us && rnd_below(r, 2);
	v->still_ms = v->moved_us ? rnd_below(r, 1000000) * MS_PER_S : 0;
	v->stall_budget_ms =
		v->moved_us && rnd_below(r, 2) ? rnd_below(r, 1000000) * MS_PER_S : UINT64_MAX;
}

Test(status_json, random_jobs_come_back)
{
	struct rnd r = rnd_open("status_json");

	for (int round = 0; round < 300; round++) {
		_cleanup_buf_ struct buf b = BUF_INIT(STATUS_JSON_MAX);
		struct job_view jobs[8];
		struct expected e = {.jobs = jobs, .n = rnd_below(&r, ARRAY_LEN(jobs) + 1)};

		cr_assert_eq(status_json_jobs_begin(&b), 0);
		for (size_t i = 0; i < e.n; i++) {
			jobs[i] = full_job;
			for (int t = 0; t < TEXT_COUNT_; t++)
				jobs[i].text[t] = random_text(&r);
			jobs[i].last_error = random_text(&r);
			jobs[i].phase = rnd_below(&r, 2) ? "queued" : "";
			jobs[i].progress.given = rnd_below(&r, 2);
			for (int p = 0; p < PROGRESS_COUNT_; p++)
				jobs[i].progress.values[p] = (int32_t)rnd_next(&r);
			jobs[i].attempt = (uint32_t)rnd_next(&r);
			jobs[i].sequence = rnd_next(&r);
			jobs[i].phase_since_us = random_time(&r);
			jobs[i].last_poll_us = random_time(&r);
			jobs[i].next_poll_us = random_time(&r);
			jobs[i].epochs = (uint16_t)rnd_next(&r);
			jobs[i].not_found = rnd_below(&r, 2);
			jobs[i].added = rnd_below(&r, 2);
			jobs[i].notify_chosen = rnd_below(&r, 2);
			jobs[i].n_notify = jobs[i].notify_chosen ? rnd_below(&r, 3) : 0;
			random_estimates(&r, &jobs[i]);
			cr_assert_eq(status_json_job(&jobs[i], NULL, &b), 0);
		}
		cr_assert_eq(status_json_jobs_end(&b), 0);
		cr_assert_eq(status_json_parse_jobs(b.data, b.len, NULL, expect_job, &e), 0, "%s",
			     buf_str(&b));
		cr_assert_eq(e.seen, e.n);
	}
}

/* What is not UTF-8 never makes the document something else than JSON. */
Test(status_json, bad_utf8_is_cleaned)
{
	_cleanup_buf_ struct buf b = BUF_INIT(STATUS_JSON_MAX);
	struct job_view job = full_job, want = full_job;
	struct expected e = {.jobs = &want, .n = 1};

	job.last_error = "half a \xe2\x82";
	want.last_error = "half a ??";
	cr_assert_eq(status_json_jobs_begin(&b), 0);
	cr_assert_eq(status_json_job(&job, NULL, &b), 0);
	cr_assert_eq(status_json_jobs_end(&b), 0);
	cr_assert_eq(status_json_parse_jobs(b.data, b.len, NULL, expect_job, &e), 0);
	cr_assert_eq(e.seen, 1);
}

Test(status_json, full_buffer_keeps_what_it_has)
{
	_cleanup_buf_ struct buf b = BUF_INIT(1200);
	_cleanup_free_ char *before = NULL;
	int r;

	cr_assert_eq(status_json_jobs_begin(&b), 0);
	do {
		free(before);
		before = strdup(buf_str(&b));
		r = status_json_job(&full_job, NULL, &b);
	} while (r == 0);
	cr_assert_eq(r, -EMSGSIZE);
	cr_assert_str_eq(buf_str(&b), before);
}

Test(status_json, the_callback_can_stop)
{
	_cleanup_buf_ struct buf b = BUF_INIT(STATUS_JSON_MAX);
	const struct job_view jobs[] = {full_job, full_job};
	struct expected e = {.jobs = jobs, .n = 2, .answer = -ECANCELED};

	cr_assert_eq(status_json_jobs_begin(&b), 0);
	cr_assert_eq(status_json_job(&jobs[0], NULL, &b), 0);
	cr_assert_eq(status_json_job(&jobs[1], NULL, &b), 0);
	cr_assert_eq(status_json_jobs_end(&b), 0);
	cr_assert_eq(status_json_parse_jobs(b.data, b.len, NULL, expect_job, &e), -ECANCELED);
	cr_assert_eq(e.seen, 1);
}

static int count_job(void *user, const struct job_view *v)
{
	(*(int *)user)++;
	return v->name[0] ? 0 : -EINVAL;
}

#define JOB(members) "{\"jobs\":[{" members "}]}"
#define NAMES        "\"name\":\"n\",\"account\":\"a\",\"kind\":\"k\",\"id\":\"i\","
#define STATUS       "\"status\":{\"code\":\"OK\"},"
#define NUMBERS      "\"attempt\":1,\"sequence\":1"

Test(status_json, malformed_documents)
{
	static const struct {
		const char *body;
		int r;
	} cases[] = {
		{JOB(NAMES STATUS NUMBERS), 0},
		{"{\"jobs\":[]}", 0},
		{JOB(NAMES STATUS NUMBERS ",\"later\":[{\"x\":null}]"), 0}, /* of a newer daemon */
		{"", -EBADMSG},
		{"null", -EBADMSG},
		{"[]", -EBADMSG},
		{"<html>", -EBADMSG},
		{"{\"jobs\":[", -EBADMSG},
		{"{\"jobs\":[]", -EBADMSG},
		{"{\"jobs\":[]}x", -EBADMSG},
		{"{\"jobs\":[]}{}", -EBADMSG},
		{"{\"jobs\":[,]}", -EBADMSG},
		{"{\"jobs\":[1]}", -EBADMSG},
		{"{\"jobs\":[null]}", -EBADMSG},
		{"{\"jobs\":[{}]}", -EBADMSG},
		{"{\"jobs\":{}}", -EBADMSG},
		{"{\"jobs\":[{" NAMES STATUS NUMBERS "},]}", -EBADMSG},
		{"{\"jobs\":[{" NAMES STATUS NUMBERS "}", -EBADMSG},
		{"{\"jobs\":[{" NAMES STATUS NUMBERS, -EBADMSG},
		{JOB(NAMES NUMBERS), -EBADMSG},
		{JOB(STATUS NUMBERS), -EBADMSG},
		{JOB(NAMES STATUS "\"attempt\":1"), -EBADMSG},
		{JOB(NAMES STATUS "\"attempt\":-1,\"sequence\":1"), -EBADMSG},
		{JOB(NAMES STATUS "\"attempt\":4294967296,\"sequence\":1"), -EBADMSG},
		{JOB(NAMES STATUS "\"attempt\":\"1\",\"sequence\":1"), -EBADMSG},
		{JOB(NAMES NAMES STATUS NUMBERS), -EBADMSG}, /* keys twice */
		{JOB(NAMES STATUS NUMBERS ",\"eta\":{},\"stall\":{},\"epochs\":0"), 0},
		{JOB(NAMES STATUS NUMBERS ",\"eta\":1"), -EBADMSG},
		{JOB(NAMES STATUS NUMBERS ",\"eta\":{\"latest\":\"soon\"}"), -EBADMSG},
		{JOB(NAMES STATUS NUMBERS ",\"stall\":[]"), -EBADMSG},
		{JOB(NAMES STATUS NUMBERS ",\"stall\":{\"stillSeconds\":-1}"), -EBADMSG},
		{JOB(NAMES STATUS NUMBERS ",\"stall\":{\"budgetSeconds\":18446744073709552}"),
		 -EBADMSG},
		{JOB(NAMES STATUS NUMBERS ",\"epochs\":65536"), -EBADMSG},
		{JOB(NAMES STATUS NUMBERS ",\"state\":1"), -EBADMSG},
		{JOB(NAMES STATUS NUMBERS ",\"progress\":[]"), -EBADMSG},
		{JOB(NAMES STATUS NUMBERS ",\"progress\":{\"percent\":\"x\"}"), -EBADMSG},
		{JOB(NAMES STATUS NUMBERS ",\"lastPoll\":\"yesterday\""), -EBADMSG},
		{JOB(NAMES STATUS NUMBERS ",\"state\":\"\\u0000\""), -EBADMSG},
		{JOB(NAMES STATUS NUMBERS ",\"state\":\"\xff\""), -EBADMSG},
		{JOB(NAMES STATUS NUMBERS ",\"state\":NaN"), -EBADMSG},
		{JOB(NAMES STATUS NUMBERS ",\"notify\":[],\"added\":true"), 0},
		{JOB(NAMES STATUS NUMBERS ",\"notify\":\"slack\""), -EBADMSG},
		{JOB(NAMES STATUS NUMBERS ",\"notify\":[null]"), -EBADMSG},
		{JOB(NAMES STATUS NUMBERS ",\"added\":1"), -EBADMSG},
		{JOB(NAMES STATUS NUMBERS ",\"stall\":{\"stalled\":true,\"stalled\":true}"),
		 -EBADMSG},
		{JOB(NAMES "\"status\":null," NUMBERS), -EBADMSG},
		{JOB("\"name\":\"\",\"account\":\"a\",\"kind\":\"k\",\"id\":\"i\"," STATUS NUMBERS),
		 -EBADMSG},
		{" { \"later\" : 1 , \"jobs\" : [ ] } ", 0},
		{"{\"jobs\":[],\"jobs\":[]}", -EBADMSG},
		{"{\"later\":[]}", -EBADMSG},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int n = 0;

		cr_assert_eq(status_json_parse_jobs(cases[i].body, strlen(cases[i].body), NULL,
						    count_job, &n),
			     cases[i].r, "%s", cases[i].body);
	}
}

static int keep_job(void *user, const struct job_view *v)
{
	cr_assert_eq(v->text[TEXT_STATE][0], 'J');
	cr_assert_str_eq(v->text[TEXT_DISPLAY_NAME], "");
	cr_assert_str_eq(v->name, "");
	cr_assert_eq(v->progress.values[PROGRESS_EPOCH], 1);
	cr_assert_eq(v->progress.values[PROGRESS_PERCENT], 0);
	cr_assert_eq(v->stall_budget_ms, UINT64_MAX);
	(*(int *)user)++;
	return 0;
}

/* A part is read where a part was asked for, and only there. */
Test(status_json, a_part_is_read_back)
{
	_cleanup_buf_ struct buf b = BUF_INIT(10000);
	struct job_mask mask, more;
	int n = 0;

	cr_assert_eq(job_mask_parse("state,progress.epoch", &mask, NULL), 0);
	cr_assert_eq(job_mask_parse("state,attempt", &more, NULL), 0);
	cr_assert_eq(status_json_jobs_begin(&b), 0);
	cr_assert_eq(status_json_job(&full_job, &mask, &b), 0);
	cr_assert_eq(status_json_jobs_end(&b), 0);
	cr_assert_eq(status_json_parse_jobs(b.data, b.len, &mask, keep_job, &n), 0);
	cr_assert_eq(n, 1);
	cr_assert_eq(status_json_parse_jobs(b.data, b.len, &more, keep_job, &n), -EBADMSG);
	cr_assert_eq(status_json_parse_jobs(b.data, b.len, NULL, keep_job, &n), -EBADMSG);
	cr_assert_eq(n, 1);
}

/* Any prefix of a document is refused, without a read past its end. */
Test(status_json, truncated_documents)
{
	_cleanup_buf_ struct buf b = BUF_INIT(STATUS_JSON_MAX);

	cr_assert_eq(status_json_jobs_begin(&b), 0);
	cr_assert_eq(status_json_job(&full_job, NULL, &b), 0);
	cr_assert_eq(status_json_job(&new_job, NULL, &b), 0);
	cr_assert_eq(status_json_jobs_end(&b), 0);
	for (size_t len = 0; len < b.len; len++) {
		_cleanup_free_ char *exact = malloc(len + 1); /* for the sanitizer: no NUL behind */
		int n = 0;

		memcpy(exact, b.data, len);
		exact = realloc(exact, len ? len : 1);
		cr_assert_eq(status_json_parse_jobs(exact, len, NULL, count_job, &n), -EBADMSG,
			     "%zu bytes", len);
	}
}

Test(status_json, status_document)
{
	static const char want[] =
		"{\"version\":\"0.1.0\",\"pid\":42,\"time\":\"2026-11-20T06:31:56.123Z\","
		"\"startTime\":\"2026-11-20T06:30:56.123Z\",\"uptimeSeconds\":60,"
		"\"accounts\":[{\"name\":\"acme\",\"account\":\"acme-id\",\"endpoint\":\"https://x\","
		"\"inSight\":false,\"degraded\":true,\"trouble\":\"dns\",\"lastError\":\"no host\","
		"\"outSince\":\"2026-11-20T06:31:56.123Z\",\"requestsPerMinute\":10,"
		"\"requestsPerMinuteNow\":5,\"requests\":5,\"failures\":2,\"jobs\":3,"
		"\"wantedSeconds\":30,\"freshnessSeconds\":240,"
		"\"suspendState\":\"CREDIT_DEPLETED\",\"collections\":["
		"{\"kind\":\"sft\",\"jobs\":200,\"unseen\":false,\"without\":[\"filter\",\"readMask\"],"
		"\"lastError\":\"HTTP 500\"},"
		"{\"kind\":\"dpo\",\"jobs\":0,\"unseen\":true,\"without\":[],\"lastError\":null}]},"
		"{\"name\":\"b\",\"account\":\"b\",\"endpoint\":\"https://y\",\"inSight\":true,"
		"\"degraded\":false,\"trouble\":null,\"lastError\":null,\"outSince\":null,"
		"\"requestsPerMinute\":60,\"requestsPerMinuteNow\":60,\"requests\":0,"
		"\"failures\":0,\"jobs\":0,\"wantedSeconds\":null,\"freshnessSeconds\":null,"
		"\"suspendState\":null,\"collections\":[]}],"
		"\"notifiers\":[{\"name\":\"slack\",\"type\":\"webhook\",\"off\":true,"
		"\"removed\":false,\"pending\":1,\"running\":2,\"delivered\":3,\"retried\":4,"
		"\"dead\":5,\"skipped\":6,\"replaced\":7,\"lastError\":\"410\"}],"
		"\"jobs\":{\"total\":3,\"byPhase\":{\"unknown\":0,\"queued\":1,\"starting\":0,"
		"\"running\":2,\"finishing\":0,\"paused\":0,\"cancelling\":0,\"removing\":0,"
		"\"succeeded\":0,\"early_stopped\":0,\"failed\":0,\"expired\":0,\"cancelled\":0,"
		"\"removed\":0}},"
		"\"store\":{\"failing\":true,\"error\":\"disk full\",\"waiting\":7},"
		"\"loop\":{\"longestStallMs\":51,\"longestStallCpuMs\":8},"
		"\"configurationError\":null}";
	static const struct collection_view collections[] = {
		{"sft", 200, " filter  readMask ", "HTTP 500", false},
		{"dpo", 0, "", "", true},
	};
	static const struct account_view accounts[] = {
		{.name = "acme",
		 .account = "acme-id",
		 .endpoint = "https://x",
		 .degraded = true,
		 .trouble = "dns",
		 .last_error = "no host",
		 .out_since_us = T0,
		 .requests_per_minute = 10,
		 .rate = 5,
		 .requests = 5,
		 .failures = 2,
		 .jobs = 3,
		 .wanted_ms = 30000,
		 .freshness_ms = 239001,
		 .suspend_state = "CREDIT_DEPLETED",
		 .collections = collections,
		 .n_collections = ARRAY_LEN(collections)},
		{.name = "b",
		 .account = "b",
		 .endpoint = "https://y",
		 .in_sight = true,
		 .trouble = "",
		 .last_error = "",
		 .requests_per_minute = 60,
		 .rate = 60,
		 .suspend_state = ""},
	};
	static const struct notifier_view notifiers[] = {
		{.name = "slack",
		 .type = "webhook",
		 .off = true,
		 .pending = 1,
		 .running = 2,
		 .delivered = 3,
		 .retried = 4,
		 .dead = 5,
		 .skipped = 6,
		 .replaced = 7,
		 .last_error = "410"},
	};
	struct status_view v = {
		.version = "0.1.0",
		.started_us = T0 - 60 * US_PER_S,
		.now_us = T0,
		.pid = 42,
		.accounts = accounts,
		.n_accounts = ARRAY_LEN(accounts),
		.notifiers = notifiers,
		.n_notifiers = ARRAY_LEN(notifiers),
		.jobs_by_phase = {[PHASE_QUEUED] = 1, [PHASE_RUNNING] = 2},
		.store_failing = true,
		.store_error = "disk full",
		.store_waiting = 7,
		.longest_stall_ms = 51,
		.longest_stall_cpu_ms = 8,
		.configuration_error = "",
	};
	_cleanup_buf_ struct buf b = BUF_INIT(STATUS_JSON_MAX), small = BUF_INIT(100);

	cr_assert_eq(status_json_format(&v, &b), 0);
	cr_assert_str_eq(buf_str(&b), want);
	cr_assert_eq(status_json_format(&v, &small), -EMSGSIZE);
	cr_assert_eq(small.len, 0);
	/* A clock that was set back makes no negative uptime. */
	v.started_us = T0 + US_PER_S;
	buf_clear(&b);
	cr_assert_eq(status_json_format(&v, &b), 0);
	cr_assert_not_null(strstr(buf_str(&b), "\"uptimeSeconds\":0,"));
}

Test(status_json, health)
{
	static const char *const reasons[] = {"the store fails: \"disk full\"", "b"};
	_cleanup_buf_ struct buf b = BUF_INIT(1000);

	cr_assert_eq(status_json_health(NULL, 0, &b), 0);
	cr_assert_str_eq(buf_str(&b), "{\"status\":\"ok\"}");
	buf_clear(&b);
	cr_assert_eq(status_json_health(reasons, 2, &b), 0);
	cr_assert_str_eq(buf_str(&b), "{\"status\":\"failing\",\"reasons\":["
				      "\"the store fails: \\\"disk full\\\"\",\"b\"]}");
}

Test(status_json, errors_there_and_back)
{
	_cleanup_buf_ struct buf b = BUF_INIT(1000);
	char text[64], small[5];

	cr_assert_eq(status_json_error("not_found", "no job \"x\"\x1b[1m", &b), 0);
	cr_assert_str_eq(buf_str(&b), "{\"error\":{\"code\":\"not_found\","
				      "\"message\":\"no job \\\"x\\\"\\u001b[1m\"}}");
	status_json_parse_error(b.data, b.len, text, sizeof(text));
	cr_assert_str_eq(text, "no job \"x\" [1m");
	status_json_parse_error(b.data, b.len, small, sizeof(small));
	cr_assert_str_eq(small, "no j");
}

Test(status_json, no_error_message)
{
	static const char *const bodies[] = {
		"",
		"null",
		"<html>",
		"{}",
		"{\"error\":null}",
		"{\"error\":\"x\"}",
		"{\"error\":[]}",
		"{\"error\":{}}",
		"{\"error\":{\"message\":1}}",
		"{\"error\":{\"message\":\"x\"}",
	};

	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		char text[64] = "before";

		status_json_parse_error(bodies[i], strlen(bodies[i]), text, sizeof(text));
		cr_assert_str_eq(text, "", "%s gives %s", bodies[i], text);
	}
}

static int see_account(void *user, const struct account_view *v)
{
	int r = buf_printf(user, "%s %s %d %d %s %d %u %lu %lu", v->name, v->account, v->in_sight,
			   v->degraded, v->last_error, v->out_since_us != 0, v->rate,
			   (unsigned long)v->wanted_ms, (unsigned long)v->freshness_ms);

	for (size_t i = 0; r == 0 && i < v->n_collections; i++)
		r = buf_printf(user, " %s:%s%s", v->collections[i].kind,
			       v->collections[i].last_error,
			       v->collections[i].unseen ? "unseen" : "");
	return r == 0 ? buf_puts(user, ";") : r;
}

static int see_notifier(void *user, const struct notifier_view *v)
{
	return buf_printf(user, "%s %d %d %zu %lu %lu %s;", v->name, v->off, v->removed, v->pending,
			  (unsigned long)v->retried, (unsigned long)v->dead, v->last_error);
}

static int see_errors(void *user, const char *store, const char *configuration)
{
	return buf_printf(user, "%s|%s;", store, configuration);
}

Test(status_json, a_status_is_read_back)
{
	static const struct status_reader reader = {see_account, see_notifier, see_errors};
	static const char *const bad[] = {
		"[]",
		"{\"accounts\":[1]}",
		"{\"accounts\":[{\"collections\":{}}]}",
		"{\"accounts\":[{\"collections\":[1]}]}",
		"{\"accounts\":[{\"collections\":[{\"lastError\":1}]}]}",
		"{\"accounts\":[{\"wantedSeconds\":-1}]}",
		"{\"accounts\":[{\"requestsPerMinuteNow\":\"7\"}]}",
	};
	const struct notifier_view notifiers[] = {
		{.name = "web",
		 .type = "webhook",
		 .off = true,
		 .pending = 3,
		 .retried = 2,
		 .dead = 1,
		 .last_error = "gone"},
		{.name = "old", .type = "", .removed = true, .last_error = ""},
	};
	_cleanup_buf_ struct buf doc = BUF_INIT(STATUS_JSON_MAX), seen = BUF_INIT(1024);
	const struct collection_view collections[] = {{"rft", 1, "filter", "HTTP 404", false},
						      {"batch", 0, "", "", true}};
	const struct account_view accounts[] = {
		{.name = "a",
		 .account = "acme",
		 .endpoint = "",
		 .in_sight = true,
		 .trouble = "",
		 .last_error = "",
		 .rate = 7,
		 .wanted_ms = 30000,
		 .freshness_ms = 61000,
		 .suspend_state = "",
		 .collections = collections,
		 .n_collections = 2},
		{.name = "b",
		 .account = "globex",
		 .endpoint = "",
		 .degraded = true,
		 .trouble = "tls",
		 .last_error = "no trust",
		 .out_since_us = 5000000,
		 .suspend_state = ""},
	};
	const struct status_view v = {.version = "1",
				      .accounts = accounts,
				      .n_accounts = 2,
				      .notifiers = notifiers,
				      .n_notifiers = 2,
				      .store_error = "disk full",
				      .configuration_error = "line 3"};

	cr_assert_eq(status_json_format(&v, &doc), 0);
	cr_assert_eq(status_json_parse_status(buf_str(&doc), doc.len, &reader, &seen), 0);
	cr_expect_str_eq(buf_str(&seen), "disk full|line 3;"
					 "a acme 1 0  0 7 30000 61000 rft:HTTP 404 batch:unseen;"
					 "b globex 0 1 no trust 1 0 0 0;"
					 "web 1 0 3 2 1 gone;old 0 1 0 0 0 ;");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		cr_expect_eq(status_json_parse_status(bad[i], strlen(bad[i]), &reader, &seen),
			     -EBADMSG, "%s", bad[i]);
}

/* A daemon of before says nothing of budgets and collections. */
Test(status_json, a_status_without_what_came_later)
{
	static const struct status_reader reader = {see_account, see_notifier, see_errors};
	static const char doc[] = "{\"accounts\":[{\"name\":\"a\",\"inSight\":true}]}";
	_cleanup_buf_ struct buf seen = BUF_INIT(1024);

	cr_assert_eq(status_json_parse_status(doc, strlen(doc), &reader, &seen), 0);
	cr_expect_str_eq(buf_str(&seen), "|;a  1 0  0 0 0 0;");
}
