/* The system's log: marks, verdicts, and the entry. What writes it is the test's own. */
#include "notify/syslog.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "io/journal.h"
#include "unit/notify/fixture.h"

/* Section 5 of the contract; what is not listed is info. */
static const struct {
	enum event_type type;
	enum log_level level;
} levels[] = {
	{EVENT_JOB_FAILED, LOG_LEVEL_ERR},
	{EVENT_JOB_EXPIRED, LOG_LEVEL_ERR},
	{EVENT_JOB_STALLED, LOG_LEVEL_WARNING},
	{EVENT_JOB_PAUSED, LOG_LEVEL_WARNING},
	{EVENT_JOB_EARLY_STOPPED, LOG_LEVEL_WARNING},
	{EVENT_WATCHER_DEGRADED, LOG_LEVEL_WARNING},
	{EVENT_JOB_SUCCEEDED, LOG_LEVEL_NOTICE},
	{EVENT_JOB_CANCELLED, LOG_LEVEL_NOTICE},
	{EVENT_JOB_REMOVED, LOG_LEVEL_NOTICE},
};

Test(syslog, levels)
{
	for (enum event_type type = EVENT_NONE + 1; type < EVENT_COUNT_; type++) {
		enum log_level level = LOG_LEVEL_INFO;

		for (size_t i = 0; i < ARRAY_LEN(levels); i++)
			if (levels[i].type == type)
				level = levels[i].level;
		cr_expect_eq(syslog_level(type), level, "%s", event_type_name(type));
	}
}

Test(syslog, message_ids)
{
	for (enum event_type type = EVENT_NONE + 1; type < EVENT_COUNT_; type++) {
		const char *id = syslog_message_id(type);

		cr_assert_not_null(id, "%s", event_type_name(type));
		cr_expect_eq(strspn(id, "0123456789abcdef"), 32, "%s", event_type_name(type));
		cr_expect_eq(id[32], '\0');
		for (enum event_type other = EVENT_NONE + 1; other < type; other++)
			cr_expect_str_neq(id, syslog_message_id(other));
	}
}

/* The journal */

static struct {
	int r;
	bool block;
	int gate[2];
	char seen[4096];
} writer;

static int write_entry(const struct system_log_entry *e)
{
	char c;

	writer.seen[0] = '\0';
	for (int i = 0; i < e->n_fields; i++) {
		strncat(writer.seen, e->fields[i].iov_base, e->fields[i].iov_len);
		strcat(writer.seen, "|");
	}
	if (writer.block)
		return read(writer.gate[0], &c, 1) < 0 ? -errno : 0;
	return writer.r;
}

static void syslog_init(struct fixture *f, int r)
{
	memset(&writer, 0, sizeof(writer));
	writer.r = r;
	fixture_init(f, NOTIFIER_SYSLOG, "journal");
	cr_assert_eq(journal_new(&f->loop, write_entry, &f->env.journal), 0);
}

static void ignore(void *user)
{
}

static void syslog_done(struct fixture *f)
{
	journal_close(f->env.journal, ignore, NULL);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	fixture_done(f);
}

Test(syslog, fields_of_a_job_event, .timeout = 60)
{
	struct fixture f;
	char *rest;

	syslog_init(&f, 0);
	cr_assert_eq(fixture_start(&f, fixture_failed, 2), 0);
	fixture_finish(&f, VERDICT_DELIVERED);
	rest = strchr(writer.seen, '|');
	cr_assert_not_null(rest);
	*rest++ = '\0';
	cr_expect_not_null(strstr(writer.seen, "MESSAGE=acme/sft/abc failed"), "%s", writer.seen);
	cr_expect_not_null(strstr(rest, syslog_message_id(EVENT_JOB_FAILED)));
	rest = strstr(rest, "MESSAGE_ID=");
	cr_assert_not_null(rest);
	cr_expect_str_eq(strchr(rest, '|') + 1,
			 "TUNEWATCH_EVENT_ID=evt_1|TUNEWATCH_EVENT=job.failed|"
			 "TUNEWATCH_JOB=accounts/acme/supervisedFineTuningJobs/abc|"
			 "TUNEWATCH_JOB_ID=abc|TUNEWATCH_KIND=sft|TUNEWATCH_ACCOUNT=acme|"
			 "TUNEWATCH_DISPLAY_NAME=nightly run|TUNEWATCH_STATE=JOB_STATE_FAILED|"
			 "TUNEWATCH_PREVIOUS_STATE=JOB_STATE_RUNNING|TUNEWATCH_PHASE=failed|"
			 "TUNEWATCH_STATUS_CODE=INTERNAL|"
			 "TUNEWATCH_STATUS_MESSAGE=it = broke\nhere|TUNEWATCH_PERCENT=45|"
			 "TUNEWATCH_EPOCH=1|TUNEWATCH_BASE_MODEL=base|TUNEWATCH_OUTPUT_MODEL=out|"
			 "TUNEWATCH_ATTEMPT=2|TUNEWATCH_PREVIOUS_PHASE=running|"
			 "TUNEWATCH_SEQUENCE=7|TUNEWATCH_DELIVERY_TRY=2|");
	cr_expect_str_eq(buf_str(&f.log), "");
	cr_expect_eq(notifier_max_parallel(&f.notifier), 1);
	syslog_done(&f);
}

Test(syslog, fields_of_a_watcher_event, .timeout = 60)
{
	struct fixture f;

	syslog_init(&f, 0);
	cr_assert_eq(fixture_start(&f, fixture_degraded, 1), 0);
	fixture_finish(&f, VERDICT_DELIVERED);
	cr_expect_not_null(strstr(writer.seen, "|PRIORITY=4|SYSLOG_IDENTIFIER=tunewatch|"));
	cr_expect_not_null(strstr(writer.seen,
				  "|TUNEWATCH_EVENT_ID=evt_1|TUNEWATCH_EVENT=watcher.degraded|"
				  "TUNEWATCH_ACCOUNT=acme|TUNEWATCH_SEQUENCE=3|"
				  "TUNEWATCH_TROUBLE=dns|TUNEWATCH_ERROR=no such host|"
				  "TUNEWATCH_DELIVERY_TRY=1|"),
			   "%s", writer.seen);
	syslog_done(&f);
}

Test(syslog, fields_of_what_only_some_events_have, .timeout = 60)
{
	static const struct {
		const char *body;
		enum model_ready ready;
		const char *message, *fields;
	} cases[] = {
		{fixture_stalled, MODEL_UNASKED,
		 "MESSAGE=acme/dpo/a has not moved for 30min (running; status moved last)|",
		 "|TUNEWATCH_ATTEMPT=1|TUNEWATCH_STILL_SECONDS=1800|"
		 "TUNEWATCH_PREVIOUS_PHASE=running|TUNEWATCH_SEQUENCE=2|"
		 "TUNEWATCH_LAST_MOVEMENT=2026-11-20T06:01:56.123Z|"},
		{fixture_paused, MODEL_UNASKED,
		 "MESSAGE=acme/dpo/a is paused (account: CREDIT_DEPLETED) (was running)|",
		 "|TUNEWATCH_ATTEMPT=1|TUNEWATCH_SUSPEND_STATE=CREDIT_DEPLETED|"
		 "TUNEWATCH_PREVIOUS_PHASE=running|"},
		{fixture_succeeded, MODEL_READY,
		 "MESSAGE=acme/dpo/a succeeded, its model is ready (was running)|",
		 "|TUNEWATCH_ATTEMPT=1|TUNEWATCH_MODEL_READY=true|TUNEWATCH_PREVIOUS_PHASE=running|"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;

		syslog_init(&f, 0);
		f.model_ready = cases[i].ready;
		cr_assert_eq(fixture_start(&f, cases[i].body, 1), 0);
		fixture_finish(&f, VERDICT_DELIVERED);
		cr_expect_not_null(strstr(writer.seen, cases[i].message), "%s", writer.seen);
		cr_expect_not_null(strstr(writer.seen, cases[i].fields), "%s", writer.seen);
		syslog_done(&f);
	}
}

Test(syslog, fields_say_what_was_replaced, .timeout = 60)
{
	struct fixture f;

	syslog_init(&f, 0);
	f.replaced = 4;
	cr_assert_eq(fixture_start(&f, fixture_failed, 1), 0);
	fixture_finish(&f, VERDICT_DELIVERED);
	cr_expect_not_null(strstr(writer.seen, "|TUNEWATCH_DELIVERY_TRY=1|TUNEWATCH_REPLACED=4|"),
			   "%s", writer.seen);
	syslog_done(&f);
}

Test(syslog, no_log_on_this_machine, .timeout = 60)
{
	struct fixture f;

	syslog_init(&f, SYSTEM_LOG_ABSENT);
	cr_assert_eq(fixture_start(&f, fixture_failed, 1), 0);
	fixture_finish(&f, VERDICT_DELIVERED);
	cr_expect_eq(strncmp(buf_str(&f.log), "3 acme/sft/abc failed", 21), 0, "%s",
		     buf_str(&f.log));
	syslog_done(&f);
}

Test(syslog, refused, .timeout = 60)
{
	struct fixture f;

	syslog_init(&f, -ECONNREFUSED);
	cr_assert_eq(fixture_start(&f, fixture_failed, 1), 0);
	fixture_finish(&f, VERDICT_RETRY);
	cr_expect_str_eq(f.text, "the log did not take it: Connection refused");
	cr_expect_str_eq(buf_str(&f.log), "");
	syslog_done(&f);
}

Test(syslog, cancelled_while_the_log_hangs, .timeout = 60)
{
	struct fixture f;

	syslog_init(&f, 0);
	writer.block = true;
	cr_assert_eq(pipe2(writer.gate, O_CLOEXEC), 0);
	cr_assert_eq(fixture_start(&f, fixture_failed, 1), 0);
	notifier_cancel(&f.notifier, f.call);
	fixture_finish(&f, VERDICT_CANCELLED);
	close(writer.gate[0]);
	close(writer.gate[1]);
	syslog_done(&f);
}

Test(syslog, not_an_event)
{
	struct fixture f;

	syslog_init(&f, 0);
	cr_expect_eq(fixture_start(&f, "[]", 1), -EBADMSG);
	syslog_done(&f);
}
