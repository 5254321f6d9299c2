/* The hook: verdicts, its environment, and real programs. */
#include "notify/exec.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "unit/notify/fixture.h"

/* Decisions */

static const struct {
	struct process_result result;
	enum verdict verdict;
	const char *text;
} ends[] = {
	{{.exit_status = 0}, VERDICT_DELIVERED, "exit status 0"},
	{{.exit_status = 75}, VERDICT_RETRY, "exit status 75"},
	{{.exit_status = 1}, VERDICT_DEAD, "exit status 1"},
	{{.exit_status = 74}, VERDICT_DEAD, "exit status 74"},
	{{.exit_status = 76}, VERDICT_DEAD, "exit status 76"},
	{{.exit_status = 126}, VERDICT_DEAD, "exit status 126"},
	{{.exit_status = 255}, VERDICT_DEAD, "exit status 255"},
	{{.signal = SIGSEGV}, VERDICT_DEAD, "ended by signal 11 (Segmentation fault)"},
	{{.signal = SIGTERM}, VERDICT_DEAD, "ended by signal 15 (Terminated)"},
	{{.signal = SIGTERM, .timed_out = true}, VERDICT_DEAD, "timed out after 1min 30s"},
	/* What it says when it is told to end says nothing about its work. */
	{{.exit_status = 0, .timed_out = true}, VERDICT_DEAD, "timed out after 1min 30s"},
	{{.exit_status = 75, .timed_out = true}, VERDICT_DEAD, "timed out after 1min 30s"},
	{{.exit_status = 0, .cancelled = true}, VERDICT_CANCELLED, "cancelled"},
	{{.signal = SIGKILL, .cancelled = true}, VERDICT_CANCELLED, "cancelled"},
	{{.r = -EAGAIN}, VERDICT_RETRY, "could not be started: Resource temporarily unavailable"},
	{{.r = -ENOMEM}, VERDICT_RETRY, "could not be started: Cannot allocate memory"},
	{{.r = -EMFILE}, VERDICT_RETRY, "could not be started: Too many open files"},
	{{.r = -ENFILE}, VERDICT_RETRY, "could not be started: Too many open files in system"},
	{{.r = -ENOENT}, VERDICT_DEAD, "could not be started: No such file or directory"},
	{{.r = -EACCES}, VERDICT_DEAD, "could not be started: Permission denied"},
	{{.r = -E2BIG}, VERDICT_DEAD, "could not be started: Argument list too long"},
};

Test(exec, verdicts)
{
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		char text[STORE_ERROR_MAX];

		cr_expect_eq(exec_verdict(&ends[i].result), ends[i].verdict, "case %zu", i);
		exec_text(&ends[i].result, 90000, text, sizeof(text));
		cr_expect_str_eq(text, ends[i].text, "%s", text);
	}
}

/* Its environment */

#define PATH_LINE "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *const job_variables[] = {
	"TUNEWATCH_EVENT_ID=evt_1",
	"TUNEWATCH_EVENT=job.failed",
	"TUNEWATCH_JOB=accounts/acme/supervisedFineTuningJobs/abc",
	"TUNEWATCH_JOB_ID=abc",
	"TUNEWATCH_KIND=sft",
	"TUNEWATCH_ACCOUNT=acme",
	"TUNEWATCH_DISPLAY_NAME=nightly run",
	"TUNEWATCH_STATE=JOB_STATE_FAILED",
	"TUNEWATCH_PREVIOUS_STATE=JOB_STATE_RUNNING",
	"TUNEWATCH_PHASE=failed",
	"TUNEWATCH_STATUS_CODE=INTERNAL",
	"TUNEWATCH_STATUS_MESSAGE=it = broke\nhere",
	"TUNEWATCH_PERCENT=45",
	"TUNEWATCH_EPOCH=1",
	"TUNEWATCH_BASE_MODEL=base",
	"TUNEWATCH_OUTPUT_MODEL=out",
	"TUNEWATCH_ATTEMPT=2",
	"TUNEWATCH_STILL_SECONDS=",
	"TUNEWATCH_SUSPEND_STATE=",
	"TUNEWATCH_MODEL_READY=",
	"TUNEWATCH_TEST=",
	"TUNEWATCH_DELIVERY_TRY=3",
};

static char *no_lookup(const char *name)
{
	return NULL;
}

Test(exec, environment_of_a_job_event)
{
	struct exec_environment e;
	struct event_fields fields;

	cr_assert_eq(event_fields_parse(fixture_failed, strlen(fixture_failed), &fields), 0);
	cr_assert_eq(exec_environment_init(&fields, &(struct notifier_delivery){.number = 3},
					   no_lookup, &e),
		     0);
	cr_expect_str_eq(e.list[0], PATH_LINE);
	for (size_t i = 0; i < ARRAY_LEN(job_variables); i++)
		cr_assert_str_eq(e.list[i + 1], job_variables[i], "%s", e.list[i + 1]);
	cr_expect_null(e.list[ARRAY_LEN(job_variables) + 1]);
	exec_environment_done(&e);
	event_fields_done(&fields);
}

/* All of them are there: scripts run with `set -u`. */
Test(exec, environment_of_a_watcher_event)
{
	struct exec_environment e;
	struct event_fields fields;
	size_t n = 0;

	cr_assert_eq(event_fields_parse(fixture_degraded, strlen(fixture_degraded), &fields), 0);
	cr_assert_eq(exec_environment_init(&fields, &(struct notifier_delivery){.number = 1},
					   no_lookup, &e),
		     0);
	while (e.list[n])
		n++;
	cr_expect_eq(n, ARRAY_LEN(job_variables) + 1);
	cr_expect_str_eq(e.list[3], "TUNEWATCH_JOB=");
	cr_expect_str_eq(e.list[6], "TUNEWATCH_ACCOUNT=acme");
	exec_environment_done(&e);
	event_fields_done(&fields);
}

Test(exec, environment_of_what_only_some_events_have)
{
	static const struct {
		const char *body, *variable;
	} cases[] = {
		{fixture_stalled, "TUNEWATCH_STILL_SECONDS=1800"},
		{fixture_paused, "TUNEWATCH_SUSPEND_STATE=CREDIT_DEPLETED"},
		{fixture_succeeded_late, "TUNEWATCH_MODEL_READY=false"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct exec_environment e;
		struct event_fields fields;
		bool found = false;

		cr_assert_eq(event_fields_parse(cases[i].body, strlen(cases[i].body), &fields), 0);
		cr_assert_eq(exec_environment_init(&fields,
						   &(struct notifier_delivery){.number = 1},
						   no_lookup, &e),
			     0);
		for (char **at = e.list; *at; at++)
			found |= strcmp(*at, cases[i].variable) == 0;
		cr_expect(found, "%s", cases[i].variable);
		exec_environment_done(&e);
		event_fields_done(&fields);
	}
}

Test(exec, environment_says_what_was_replaced)
{
	struct exec_environment e;
	struct event_fields fields;
	size_t n = ARRAY_LEN(job_variables);

	cr_assert_eq(event_fields_parse(fixture_failed, strlen(fixture_failed), &fields), 0);
	cr_assert_eq(exec_environment_init(&fields,
					   &(struct notifier_delivery){.number = 3, .replaced = 17},
					   no_lookup, &e),
		     0);
	cr_expect_str_eq(e.list[n], job_variables[n - 1]);
	cr_assert_not_null(e.list[n + 1]);
	cr_expect_str_eq(e.list[n + 1], "TUNEWATCH_REPLACED=17");
	cr_expect_null(e.list[n + 2]);
	exec_environment_done(&e);
	event_fields_done(&fields);
}

static char *huge_lookup(const char *name)
{
	static char value[3 * EVENT_JSON_MAX];

	memset(value, 'x', sizeof(value) - 1);
	return value;
}

Test(exec, environment_is_bounded)
{
	struct exec_environment e;
	struct event_fields fields;

	cr_assert_eq(event_fields_parse(fixture_failed, strlen(fixture_failed), &fields), 0);
	cr_expect_eq(exec_environment_init(&fields, &(struct notifier_delivery){.number = 1},
					   huge_lookup, &e),
		     -EMSGSIZE);
	event_fields_done(&fields);
}

/* Real programs */

#define COMMAND(...) ((char **)(const char *const[]){__VA_ARGS__, NULL})
#define SH(script)   COMMAND("/bin/sh", "-c", script)

Test(exec, whole_environment_and_nothing_secret, .timeout = 60)
{
	static const char *const ours[][2] = {
		{"HOME", "/home/x"},
		{"LANG", "C.UTF-8"},
		{"TZ", "UTC"},
		{"FIREWORKS_API_KEY", "fw_secret"},
		{"NOTIFY_SOCKET", "/run/notify"},
		{"CREDENTIALS_DIRECTORY", "/run/credentials"},
		{"JOURNAL_STREAM", "1:2"},
		{"WATCHDOG_USEC", "1"},
		{"LD_PRELOAD_", "x"},
		{"PATH", "/somewhere/else"},
	};
	struct fixture f;
	_cleanup_buf_ struct buf expected = BUF_INIT(1 << 16);

	clearenv();
	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		setenv(ours[i][0], ours[i][1], 1);
	fixture_init(&f, NOTIFIER_EXEC, "deploy");
	f.config.command = COMMAND("/usr/bin/env");
	cr_assert_eq(fixture_start(&f, fixture_failed, 3), 0);
	fixture_finish(&f, VERDICT_DELIVERED);

	buf_puts(&expected, "6 hook deploy: " PATH_LINE "\n");
	for (size_t i = 0; i < 3; i++)
		buf_printf(&expected, "6 hook deploy: %s=%s\n", ours[i][0], ours[i][1]);
	for (size_t i = 0; i < ARRAY_LEN(job_variables); i++) {
		const char *newline = strchr(job_variables[i], '\n');

		if (newline) /* two lines of output */
			buf_printf(&expected, "6 hook deploy: %.*s\n6 hook deploy: %s\n",
				   (int)(newline - job_variables[i]), job_variables[i],
				   newline + 1);
		else
			buf_printf(&expected, "6 hook deploy: %s\n", job_variables[i]);
	}
	cr_expect_str_eq(buf_str(&f.log), buf_str(&expected), "%s", buf_str(&f.log));
	fixture_done(&f);
}

Test(exec, event_on_standard_input, .timeout = 60)
{
	struct fixture f;
	_cleanup_buf_ struct buf expected = BUF_INIT(1 << 16);

	fixture_init(&f, NOTIFIER_EXEC, "h");
	f.config.command = COMMAND("/bin/cat");
	cr_assert_eq(fixture_start(&f, fixture_degraded, 1), 0);
	fixture_finish(&f, VERDICT_DELIVERED);
	buf_printf(&expected, "6 hook h: %s\n", fixture_degraded);
	cr_expect_str_eq(buf_str(&f.log), buf_str(&expected));
	fixture_done(&f);
}

Test(exec, standard_input_and_environment_say_whether_the_model_is_ready, .timeout = 60)
{
	struct fixture f;
	_cleanup_buf_ struct buf expected = BUF_INIT(1 << 16);

	fixture_init(&f, NOTIFIER_EXEC, "h");
	f.config.command = SH("cat; echo; echo $TUNEWATCH_MODEL_READY");
	f.model_ready = MODEL_LATE;
	cr_assert_eq(fixture_start(&f, fixture_succeeded, 1), 0);
	fixture_finish(&f, VERDICT_DELIVERED);
	buf_printf(&expected, "6 hook h: %s\n6 hook h: false\n", fixture_succeeded_late);
	cr_expect_str_eq(buf_str(&f.log), buf_str(&expected));
	fixture_done(&f);
}

static const struct {
	const char *script;
	enum verdict verdict;
	const char *log;
} scripts[] = {
	{"exit 0", VERDICT_DELIVERED, ""},
	{"exit 75", VERDICT_RETRY, ""},
	{"echo no >&2; exit 1", VERDICT_DEAD, "6 hook h: no\n"},
	{"printf 'a\\000b\\033[2J\\377'", VERDICT_DELIVERED, "6 hook h: a b [2J?\n"},
	{"kill -9 $$", VERDICT_DEAD, ""},
};

Test(exec, ends_and_output, .timeout = 60)
{
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		struct fixture f;

		fixture_init(&f, NOTIFIER_EXEC, "h");
		f.config.command = SH(scripts[i].script);
		cr_assert_eq(fixture_start(&f, fixture_failed, 1), 0);
		fixture_finish(&f, scripts[i].verdict);
		cr_expect_str_eq(buf_str(&f.log), scripts[i].log, "%s", buf_str(&f.log));
		fixture_done(&f);
	}
}

Test(exec, flood_is_cut, .timeout = 60)
{
	struct fixture f;

	fixture_init(&f, NOTIFIER_EXEC, "h");
	f.config.command = SH("head -c 100000 /dev/zero");
	cr_assert_eq(fixture_start(&f, fixture_failed, 1), 0);
	fixture_finish(&f, VERDICT_DELIVERED);
	cr_expect_not_null(
		strstr(buf_str(&f.log), "\n6 hook h: 34464 more bytes of output dropped\n"));
	fixture_done(&f);
}

Test(exec, no_such_program, .timeout = 60)
{
	struct fixture f;

	fixture_init(&f, NOTIFIER_EXEC, "h");
	f.config.command = COMMAND("/nonexistent/hook");
	cr_assert_eq(fixture_start(&f, fixture_failed, 1), 0);
	fixture_finish(&f, VERDICT_DEAD);
	cr_expect_str_eq(f.text, "could not be started: No such file or directory");
	fixture_done(&f);
}

Test(exec, timeout, .timeout = 60)
{
	struct fixture f;

	fixture_init(&f, NOTIFIER_EXEC, "h");
	f.config.command = COMMAND("/bin/sleep", "1000");
	f.config.timeout_ms = 50;
	cr_assert_eq(fixture_start(&f, fixture_failed, 1), 0);
	fixture_finish(&f, VERDICT_DEAD);
	cr_expect_str_eq(f.text, "timed out after 50ms");
	fixture_done(&f);
}

Test(exec, cancel, .timeout = 60)
{
	struct fixture f;

	fixture_init(&f, NOTIFIER_EXEC, "h");
	f.config.command = COMMAND("/bin/sleep", "1000");
	cr_assert_eq(fixture_start(&f, fixture_failed, 1), 0);
	notifier_cancel(&f.notifier, f.call);
	fixture_finish(&f, VERDICT_CANCELLED);
	cr_expect_eq(notifier_max_parallel(&f.notifier), 3);
	fixture_done(&f);
}

Test(exec, not_an_event)
{
	struct fixture f;

	fixture_init(&f, NOTIFIER_EXEC, "h");
	f.config.command = COMMAND("/bin/true");
	cr_expect_eq(fixture_start(&f, "{}", 1), -EBADMSG);
	fixture_done(&f);
}
