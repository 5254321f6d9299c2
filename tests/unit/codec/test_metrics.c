/*
 * The page of counters. All of it is held against golden/metrics/page.txt; after a change that is
 * meant, write it anew with TUNEWATCH_GOLDEN_UPDATE=1 and read the difference.
 */
#include "codec/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#define PAGE_MAX 65536

static const struct metrics_account accounts[] = {
	{.name = "acme",
	 .requests = {[TROUBLE_NONE] = 120, [TROUBLE_RATE_LIMITED] = 3, [METRICS_DROPPED] = 1},
	 .requests_per_minute = 1200,
	 .rate = 600,
	 .tokens = 1,
	 .in_sight = 1,
	 .jobs = {[PHASE_RUNNING] = 4, [PHASE_SUCCEEDED] = 100000, [METRICS_UNSEEN] = 1}},
	{.name = "a \"b\" \\ c\nd", .requests = {[TROUBLE_DNS] = UINT64_MAX}},
};

static const struct metrics_notifier notifiers[] = {
	{.name = "web",
	 .off = 1,
	 .pending = 7,
	 .running = 4,
	 .oldest_age_us = 61000001,
	 .deliveries = {[METRICS_DELIVERED] = 5,
			[METRICS_RETRY] = 4,
			[METRICS_DEAD] = 3,
			[METRICS_SKIPPED] = 2,
			[METRICS_REPLACED] = 1}},
};

static struct metrics_view view(const struct latency *commits)
{
	return (struct metrics_view){
		.version = "1.2.3",
		.started_us = 1795156316123000,
		.accounts = accounts,
		.n_accounts = ARRAY_LEN(accounts),
		.notifiers = notifiers,
		.n_notifiers = ARRAY_LEN(notifiers),
		.events = {[EVENT_JOB_FAILED] = 2, [EVENT_WATCHER_RESTORED] = 1},
		.commits = commits,
		.commits_failed = 6,
		.commits_waiting = 8,
		.stalls = 9,
		.longest_stall_us = 51000,
		.longest_stall_cpu_us = 12000000,
		.reload_ok = 1,
	};
}

static void read_golden(char *ret, size_t size, const struct buf *got)
{
	_cleanup_free_ char *path = NULL;
	const char *top = getenv("top_srcdir");
	bool update = getenv("TUNEWATCH_GOLDEN_UPDATE");
	FILE *file;
	size_t n;

	cr_assert_not_null(top, "this test runs under `make check`, or with top_srcdir set");
	cr_assert_geq(asprintf(&path, "%s/tests/unit/codec/golden/metrics/page.txt", top), 0);
	file = fopen(path, update ? "w+" : "r");
	cr_assert_not_null(file, "%s: %s", path, strerror(errno));
	if (update) {
		cr_assert_eq(fwrite(got->data, 1, got->len, file), got->len);
		rewind(file);
	}
	n = fread(ret, 1, size - 1, file);
	ret[n] = '\0';
	cr_assert_eq(fclose(file), 0);
}

Test(metrics, the_whole_page)
{
	static char wanted[PAGE_MAX];
	_cleanup_buf_ struct buf b = BUF_INIT(PAGE_MAX);
	struct latency commits = {0};
	struct metrics_view v = view(&commits);

	latency_add(&commits, 50);
	latency_add(&commits, 51);
	latency_add(&commits, 2000000);
	latency_add(&commits, 11000000);
	cr_assert_eq(metrics_format(&v, &b), 0);
	read_golden(wanted, sizeof(wanted), &b);
	cr_expect_str_eq(buf_str(&b), wanted, "%s", buf_str(&b));
}

static void expect_line(const struct buf *b, const char *line)
{
	const char *at = strstr(buf_str(b), line);

	cr_expect(at && at[-1] == '\n' && at[strlen(line)] == '\n', "no line %s", line);
}

Test(metrics, label_values_are_escaped)
{
	_cleanup_buf_ struct buf b = BUF_INIT(PAGE_MAX);
	const struct latency none = {0};
	struct metrics_view v = view(&none);

	v.version = "\\\\\"";
	cr_assert_eq(metrics_format(&v, &b), 0);
	expect_line(&b, "tunewatch_account_in_sight{account=\"a \\\"b\\\" \\\\ c\\nd\"} 0");
	cr_expect_not_null(strstr(buf_str(&b), "{version=\"\\\\\\\\\\\"\"} 1\n"));
}

/* Each series once, however many accounts there are; none of who is not there. */
Test(metrics, nothing_is_told_of_what_is_not_configured)
{
	_cleanup_buf_ struct buf b = BUF_INIT(PAGE_MAX);
	const struct latency none = {0};
	struct metrics_view v = view(&none);

	v.n_accounts = v.n_notifiers = 0;
	cr_assert_eq(metrics_format(&v, &b), 0);
	cr_expect_null(strstr(buf_str(&b), "{account="));
	cr_expect_null(strstr(buf_str(&b), "{notifier="));
	expect_line(&b, "tunewatch_commit_duration_seconds_bucket{le=\"+Inf\"} 0");
	expect_line(&b, "tunewatch_commit_duration_seconds_sum 0.000000");
}

Test(metrics, a_page_that_does_not_fit_is_an_error)
{
	const struct latency none = {0};
	struct metrics_view v = view(&none);

	for (size_t max = 0; max < 10000; max += 37) {
		_cleanup_buf_ struct buf b = BUF_INIT(max);

		cr_assert_eq(metrics_format(&v, &b), -EMSGSIZE, "%zu", max);
	}
}
