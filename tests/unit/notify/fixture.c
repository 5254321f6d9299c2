/* What the tests of notifiers share. */
#include "unit/notify/fixture.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char fixture_failed[] =
	"{\"specversion\":\"1.0\",\"id\":\"evt_1\",\"source\":\"https://api.test/v1/accounts/acme\","
	"\"type\":\"job.failed\",\"subject\":\"accounts/acme/supervisedFineTuningJobs/abc\","
	"\"time\":\"2026-11-20T06:31:56.123Z\",\"datacontenttype\":\"application/json\",\"data\":{"
	"\"job\":{\"name\":\"accounts/acme/supervisedFineTuningJobs/abc\",\"account\":\"acme\","
	"\"kind\":\"sft\",\"id\":\"abc\",\"displayName\":\"nightly run\",\"baseModel\":\"base\","
	"\"outputModel\":\"out\",\"dataset\":\"data\",\"createTime\":\"\",\"completedTime\":\"\"},"
	"\"attempt\":2,\"sequence\":7,\"changed\":[\"state\",\"status\"],"
	"\"from\":{\"state\":\"JOB_STATE_RUNNING\",\"phase\":\"running\","
	"\"status\":{\"code\":\"OK\",\"message\":\"\"},\"progress\":{\"percent\":40,\"epoch\":1}},"
	"\"to\":{\"state\":\"JOB_STATE_FAILED\",\"phase\":\"failed\","
	"\"status\":{\"code\":\"INTERNAL\",\"message\":\"it = broke\\nhere\"},"
	"\"progress\":{\"percent\":45,\"epoch\":1}}}}";

const char fixture_degraded[] =
	"{\"specversion\":\"1.0\",\"id\":\"evt_1\",\"source\":\"https://api.test/v1/accounts/acme\","
	"\"type\":\"watcher.degraded\",\"subject\":\"accounts/acme\","
	"\"time\":\"2026-11-20T06:31:56.123Z\",\"datacontenttype\":\"application/json\",\"data\":{"
	"\"account\":\"acme\",\"sequence\":3,\"trouble\":\"dns\",\"firstError\":\"first\","
	"\"lastError\":\"no such host\",\"failures\":4,\"since\":\"2026-11-20T06:31:26.123Z\"}}";

#define HEAD(type)                                                                                  \
	"{\"specversion\":\"1.0\",\"id\":\"evt_1\","                                                \
	"\"source\":\"https://api.test/v1/accounts/acme\",\"type\":\"" type                         \
	"\",\"subject\":\"accounts/acme/dpoJobs/a\",\"time\":\"2026-11-20T06:31:56.123Z\","         \
	"\"datacontenttype\":\"application/json\",\"data\":{\"job\":{"                              \
	"\"name\":\"accounts/acme/dpoJobs/a\",\"account\":\"acme\",\"kind\":\"dpo\",\"id\":\"a\","  \
	"\"displayName\":\"\",\"baseModel\":\"base\",\"outputModel\":\"out\",\"dataset\":\"data\"," \
	"\"epochs\":2,\"createTime\":\"\",\"completedTime\":\"\"},\"attempt\":1,\"sequence\":2,"
#define STANDING(state, phase)                                                                     \
	"{\"state\":\"JOB_STATE_" state "\",\"phase\":\"" phase                                    \
	"\",\"status\":{\"code\":\"OK\",\"message\":\"\"},\"progress\":null}"
#define RUNNING STANDING("RUNNING", "running")

const char fixture_stalled[] = HEAD(
	"job.stalled") "\"changed\":[],\"from\":" RUNNING ",\"to\":" RUNNING
		       ",\"stall\":{\"stillSeconds\":1800,"
		       "\"lastMovement\":\"2026-11-20T06:01:56.123Z\",\"moved\":[\"status\"]}}}";

const char fixture_paused[] =
	HEAD("job.paused") "\"changed\":[\"state\"],\"from\":" RUNNING
			   ",\"to\":" STANDING("PAUSED",
					       "paused") ","
							 "\"suspendState\":\"CREDIT_DEPLETED\"}}";

#define SUCCEEDED                                                                                  \
	HEAD("job.succeeded")                                                                      \
	"\"changed\":[\"state\"],\"from\":" RUNNING ",\"to\":" STANDING("COMPLETED", "succeeded")

const char fixture_succeeded[] = SUCCEEDED "}}";
const char fixture_succeeded_late[] = SUCCEEDED ",\"modelReady\":false}}";

struct event_record *fixture_event(const char *body)
{
	size_t len = strlen(body);
	struct event_record *event = calloc(1, sizeof(*event) + len + 1);

	cr_assert_not_null(event);
	event->refs = 1;
	strcpy(event->id, "evt_1");
	event->len = len;
	memcpy(event->body, body, len);
	return event;
}

static void log_line(void *user, enum log_level level, const char *line)
{
	struct fixture *f = user;

	cr_assert_eq(buf_printf(&f->log, "%d %s\n", (int)level, line), 0);
}

static void on_verdict(void *user, const struct verdict_result *result)
{
	struct fixture *f = user;

	f->verdicts++;
	f->verdict = result->verdict;
	f->retry_after_ms = result->retry_after_ms;
	cr_assert_not_null(result->text);
	cr_assert_lt(strlen(result->text), sizeof(f->text));
	strcpy(f->text, result->text);
	f->call = NULL;
}

void fixture_init(struct fixture *f, enum notifier_type type, const char *name)
{
	signal(SIGPIPE, SIG_IGN);
	*f = (struct fixture){
		.env = {.log = log_line},
		.config = {.name = strdup(name),
			   .type = type,
			   .max_parallel = 3,
			   .timeout_ms = UINT64_MAX},
		.log = BUF_INIT(1 << 20),
	};
	f->env.loop = &f->loop;
	f->env.log_user = f;
	cr_assert_not_null(f->config.name);
	cr_assert_eq(uv_loop_init(&f->loop), 0);
}

int fixture_start(struct fixture *f, const char *body, unsigned number)
{
	struct event_record *event = fixture_event(body);
	struct notifier_delivery delivery = {.event = event,
					     .number = number,
					     .replaced = f->replaced,
					     .model_ready = f->model_ready};
	int r;

	f->notifier = notifier_make(&f->env, &f->config);
	f->verdicts = 0;
	r = notifier_deliver(&f->notifier, &delivery, 1, on_verdict, f, &f->call);
	cr_assert_eq(f->verdicts, 0, "never inside the call");
	free(event); /* what the notifier still needs, it has taken */
	return r;
}

void fixture_finish(struct fixture *f, enum verdict verdict)
{
	uv_run(&f->loop, UV_RUN_DEFAULT);
	cr_assert_eq(f->verdicts, 1);
	cr_expect_eq(f->verdict, verdict, "verdict %d: %s", (int)f->verdict, f->text);
}

void fixture_done(struct fixture *f)
{
	cr_assert_eq(uv_loop_close(&f->loop), 0);
	buf_done(&f->log);
	free(f->config.name);
}
