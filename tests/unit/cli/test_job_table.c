/* The table of jobs on terminals of all widths, and what a change is. */
#include <criterion/criterion.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/job_table.h"

#define NOW (1795156316LL * US_PER_S) /* 2026-11-20T06:31:56Z */

#define JOB(account, id, name, more)                                                               \
	"{\"name\":\"accounts/" account "/supervisedFineTuningJobs/" id                            \
	"\",\"account\":\"" account "\",\"kind\":\"sft\",\"id\":\"" id                             \
	"\",\"displayName\":\"" name "\",\"state\":"                                               \
	"\"JOB_STATE_RUNNING\",\"phase\":\"running\",\"status\":{\"code\":\"OK\"},\"progress\":{"  \
	"\"percent\":42,\"epoch\":1},\"epochs\":3,\"sequence\":1,\"phaseSince\":"                  \
	"\"2026-11-20T05:31:56Z\",\"eta\":{\"time\":\"2026-11-20T06:56:56Z\",\"earliest\":"        \
	"\"2026-11-20T06:51:56Z\",\"latest\":\"2026-11-20T07:11:56Z\"},\"lastPoll\":"              \
	"\"2026-11-20T06:31:36Z\"" more "}"
#define JOBS(list) "{\"jobs\":[" list "]}"

static void read_jobs(struct job_table *t, unsigned parts, const char *body, int argc,
		      char *const argv[])
{
	_cleanup_job_filter_ struct job_filter *filter = NULL;
	const char *bad;

	setlocale(LC_CTYPE, "C.UTF-8");
	cr_assert_eq(job_filter_new(argc, argv, &filter, &bad), 0);
	cr_assert_eq(job_table_read(t, parts, body, strlen(body), filter, NOW, true), 0);
}

static void format(const char *body, size_t width, struct buf *ret)
{
	_cleanup_job_table_ struct job_table t = {0};

	read_jobs(&t, JOB_TABLE_ROWS, body, 0, NULL);
	buf_clear(ret);
	cr_assert_eq(job_table_format(&t, width, false, ret), 0);
}

/* In the order of the header, with an account that is the only one. */
Test(job_table, what_goes_first)
{
	static const char body[] = JOBS(JOB("acme", "support-replies-7", "日本語のモデル", ""));
	static const struct {
		size_t width;
		const char *line;
	} cases[] = {
		{0,
		 "acme/sft/support-replies-7  日本語のモデル  running  █████░░░░░  42% epoch 2/3  "
		 "in 25min (20-40min)  1h     20s ago\n"},
		{120,
		 "acme/sft/support-replies-7  日本語のモデル  running  █████░░░░░  42% epoch 2/3  "
		 "in 25min (20-40min)  1h     20s ago\n"},
		{116, "sft/support-replies-7  日本語のモデル  running  █████░░░░░  42% epoch 2/3  "
		      "in 25min (20-40min)  1h     20s ago\n"},
		{110, "sft/support-replies-7  日本語のモデル  running   42% epoch 2/3  "
		      "in 25min (20-40min)  1h     20s ago\n"},
		{100, "sft/support-replies-7  日本語のモデ…  running   42% epoch 2/3  "
		      "in 25min (20-40min)  1h     20s ago\n"},
		{92, "sft/support-replies-7  日本語のモデル  running   42% epoch 2/3  in 25min  "
		     "1h     20s ago\n"},
		{80,
		 "sft/support-replies-7  日本語のモデル  running   42% epoch 2/3  in 25min  1h\n"},
		{70, "sft/support-replies-7  日本語のモ…   running   42% epoch 2/3  in 25min\n"},
		{60, "sft/support-replies-7  running   42% epoch 2/3  in 25min\n"},
		{52, "sft/support-repl…  running   42% epoch 2/3  in 25min\n"},
	};
	_cleanup_buf_ struct buf b = BUF_INIT(10000);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		format(body, cases[i].width, &b);
		cr_expect_str_eq(strchr(buf_str(&b), '\n') + 1, cases[i].line, "%zu: %s",
				 cases[i].width, buf_str(&b));
	}
}

/* No line is wider than the terminal, and while all ids can stand there whole, they do. */
Test(job_table, every_width)
{
	static const char body[] =
		JOBS(JOB("acme", "abc-1", "一二三四五六七八九十一二三四五六七八九十",
			 "") "," JOB("other", "a-longer-id-2", "\U0001f600 emoji",
				     ",\"stall\":{\"stillSeconds\":2700,"
				     "\"stalled\":true}"));
	_cleanup_buf_ struct buf b = BUF_INIT(10000);

	for (size_t width = 1; width <= 200; width++) {
		format(body, width, &b);
		if (width >= 58) {
			cr_expect_not_null(strstr(buf_str(&b), "acme/sft/abc-1"), "%zu", width);
			cr_expect_not_null(strstr(buf_str(&b), "other/sft/a-longer-id-2"),
					   "%zu: %s", width, buf_str(&b));
		}
		for (char *line = strtok(b.data, "\n"); line; line = strtok(NULL, "\n"))
			cr_expect_leq(table_text_width(line), width, "%s", line);
	}
}

Test(job_table, documents_are_those_of_the_daemon)
{
	static const char body[] = JOBS(
		JOB("acme", "a", "x", ",\"attempt\":1,\"later\":[1]") "," JOB("acme", "b", "y",
									      ",\"attempt\":1"));
	_cleanup_job_table_ struct job_table all = {0}, one = {0}, none = {0};
	char *argv[] = {(char *)"sft/a"};
	char *other[] = {(char *)"sft/z"};

	read_jobs(&all, JOB_TABLE_JSON, body, 0, NULL);
	cr_assert_str_eq(buf_str(&all.json), body);
	cr_assert_eq(all.n, 2);
	read_jobs(&one, JOB_TABLE_JSON, body, 1, argv);
	cr_assert_str_eq(buf_str(&one.json),
			 JOBS(JOB("acme", "a", "x", ",\"attempt\":1,\"later\":[1]")));
	read_jobs(&none, JOB_TABLE_JSON, body, 1, other);
	cr_assert_str_eq(buf_str(&none.json), "{\"jobs\":[]}");
}

Test(job_table, changes)
{
	static const struct {
		const char *body;
		bool same;
	} cases[] = {
		{JOBS(JOB("acme", "a", "x", "")), true},
		{JOBS(JOB("acme", "a", "x", ",\"nextPoll\":\"2026-11-20T06:33:00Z\"")), true},
		{JOBS(JOB("acme", "a", "x", ",\"stall\":{\"stillSeconds\":5}")), true},
		{JOBS(JOB("acme", "a", "x", ",\"stall\":{\"stalled\":true}")), false},
		{JOBS(JOB("acme", "a", "y", "")), false},
		{JOBS(JOB("acme", "a", "x", ",\"attempt\":2")), false},
		{JOBS(JOB("acme", "a", "x", ",\"lastError\":\"HTTP 500\"")), false},
		{JOBS(JOB("acme", "b", "x", "")), false},
		{JOBS(JOB("acme", "a", "x", "") "," JOB("acme", "b", "x", "")), false},
		{JOBS(""), false},
	};
	_cleanup_job_table_ struct job_table first = {0};

	read_jobs(&first, JOB_TABLE_FACTS, cases[0].body, 0, NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_job_table_ struct job_table t = {0};

		read_jobs(&t, JOB_TABLE_FACTS, cases[i].body, 0, NULL);
		cr_assert_eq(strcmp(buf_str(&t.facts), buf_str(&first.facts)) == 0, cases[i].same,
			     "%s", cases[i].body);
	}
}
