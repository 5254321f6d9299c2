/* The sight of an account. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"
#include "model/trouble.h"

/* An outage's texts go into events, which are JSON: they stay UTF-8 when they are cut. */
Test(trouble, texts_are_cut_between_characters)
{
	char text[OUTAGE_TEXT_MAX + 8];
	struct sight s = {0};

	for (size_t shift = 0; shift < 3; shift++) {
		memset(text, 'x', shift);
		text[shift] = '\0';
		while (strlen(text) < OUTAGE_TEXT_MAX)
			strcat(text, "€");
		s = (struct sight){0};
		sight_failed(&s, TROUBLE_DNS, text, 1, 1);
		cr_assert_eq((strlen(s.outage.first) - shift) % 3, 0, "shift %zu", shift);
		cr_assert_str_eq(s.outage.first, s.outage.last);
		cr_assert_gt(strlen(s.outage.first), OUTAGE_TEXT_MAX - 4);
	}
}

Test(trouble, names_are_distinct_words)
{
	for (enum trouble t = 0; t < TROUBLE_COUNT_; t++) {
		const char *name = trouble_name(t);

		cr_assert_not_null(name);
		cr_assert_gt(strlen(name), 0);
		cr_assert_eq(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name), "%s", name);
		for (enum trouble o = 0; o < t; o++)
			cr_assert_str_neq(name, trouble_name(o));
	}
	cr_assert_str_eq(trouble_name(TROUBLE_NONE), "none");
}

/*
 * A run of an account, one letter a step at second 0, 1, 2, …: f fails, s succeeds, c checks. The
 * answers: . nothing, D degraded, R restored. degraded-after is 3 s.
 */
Test(trouble, degraded_once_per_outage)
{
	static const struct {
		const char *steps, *verdicts;
	} cases[] = {
		{"cccccc", "......"},
		{"ssssss", "......"},
		{"fcccsc", "...DR."},
		{"fccscc", "......"}, /* over before it counted: nothing is told */
		{"fcccccccsc", "...D....R."},
		{"ffffffcfcs", "......D..R"}, /* further failures change nothing */
		{"fcccscfcccsc", "...DR....DR."},
		{"fccsfcccsc", ".......DR."}, /* a success starts the time again */
		{"fcccss", "...DR."},
		{"sfcccs", "....DR"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sight s = {0};

		for (size_t k = 0; cases[i].steps[k]; k++) {
			enum sight_verdict v = SIGHT_SAME;

			if (cases[i].steps[k] == 'f')
				sight_failed(&s, TROUBLE_DNS, "x", k * 1000, 1);
			else if (cases[i].steps[k] == 's')
				v = sight_succeeded(&s, 2);
			else
				v = sight_check(&s, 3000, k * 1000);
			cr_assert_eq(".DR"[v], cases[i].verdicts[k], "%s at %zu: %d",
				     cases[i].steps, k, (int)v);
		}
	}
}

Test(trouble, boundary_times)
{
	static const struct {
		uint64_t since_ms, after_ms, due_ms;
	} cases[] = {
		{1000, 0, 1000},
		{1000, 30000, 31000},
		{0, 30000, 30000},
		{1000, UINT64_MAX, UINT64_MAX},
		{1000, UINT64_MAX - 1000, UINT64_MAX},
		{1000, UINT64_MAX - 1001, UINT64_MAX - 1},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sight s = {0};

		cr_assert_eq(sight_due_ms(&s, cases[i].after_ms), UINT64_MAX);
		sight_failed(&s, TROUBLE_TLS, "x", cases[i].since_ms, 1);
		cr_assert_eq(sight_due_ms(&s, cases[i].after_ms), cases[i].due_ms, "case %zu", i);
		if (cases[i].due_ms == UINT64_MAX) {
			cr_assert_eq(sight_check(&s, cases[i].after_ms, UINT64_MAX - 1),
				     SIGHT_SAME);
			continue;
		}
		if (cases[i].due_ms > 0)
			cr_assert_eq(sight_check(&s, cases[i].after_ms, cases[i].due_ms - 1),
				     SIGHT_SAME);
		cr_assert_eq(sight_check(&s, cases[i].after_ms, cases[i].due_ms), SIGHT_DEGRADED);
		cr_assert_eq(sight_due_ms(&s, cases[i].after_ms), UINT64_MAX);
		cr_assert_eq(sight_check(&s, cases[i].after_ms, UINT64_MAX - 1), SIGHT_SAME);
	}
}

Test(trouble, outage_tells_first_and_last)
{
	struct sight s = {0};

	sight_failed(&s, TROUBLE_DNS, "no such host", 1000, 100);
	sight_failed(&s, TROUBLE_TIMEOUT, "too slow", 2000, 200);
	sight_failed(&s, TROUBLE_SERVER, "HTTP 503", 3000, 300);
	cr_assert_eq(sight_check(&s, 0, 3000), SIGHT_DEGRADED);
	cr_assert_eq(s.outage.trouble, TROUBLE_SERVER);
	cr_assert_eq(s.outage.failures, 3);
	cr_assert_eq(s.outage.since_us, 100);
	cr_assert_eq(s.outage.until_us, 0);
	cr_assert_str_eq(s.outage.first, "no such host");
	cr_assert_str_eq(s.outage.last, "HTTP 503");
	cr_assert_eq(sight_succeeded(&s, 400), SIGHT_RESTORED);
	cr_assert_eq(s.outage.until_us, 400);
	cr_assert_str_eq(s.outage.first, "no such host");
	sight_failed(&s, TROUBLE_TLS, "expired", 5000, 500);
	cr_assert_eq(s.outage.failures, 1);
	cr_assert_eq(s.outage.until_us, 0);
	cr_assert_str_eq(s.outage.first, "expired");
}

Test(trouble, how_long_an_outage_was)
{
	static const struct {
		int64_t since_us, until_us;
		uint64_t expected_ms;
	} cases[] = {
		{1000000, 1000000, 0},    {1000000, 3500999, 2500},
		{3600000000, 1000000, 0}, /* the wall clock was set back */
		{INT64_MAX, 0, 0},        {1, INT64_MAX, (INT64_MAX - 1) / 1000},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct outage o = {.since_us = cases[i].since_us,
					 .until_us = cases[i].until_us};

		cr_expect_eq(outage_ms(&o), cases[i].expected_ms, "%zu", i);
	}
}

Test(trouble, classes_of_status_codes)
{
	static const struct {
		long status;
		enum trouble trouble;
	} cases[] = {
		{200, TROUBLE_NONE},         {204, TROUBLE_NOT_API},
		{299, TROUBLE_NOT_API},      {301, TROUBLE_REDIRECT},
		{304, TROUBLE_REDIRECT},     {400, TROUBLE_HTTP},
		{401, TROUBLE_UNAUTHORIZED}, {402, TROUBLE_HTTP},
		{403, TROUBLE_UNAUTHORIZED}, {404, TROUBLE_HTTP},
		{408, TROUBLE_HTTP},         {409, TROUBLE_HTTP},
		{412, TROUBLE_SUSPENDED},    {429, TROUBLE_RATE_LIMITED},
		{500, TROUBLE_SERVER},       {503, TROUBLE_SERVER},
		{599, TROUBLE_SERVER},       {600, TROUBLE_HTTP},
		{101, TROUBLE_HTTP},         {0, TROUBLE_HTTP},
		{-200, TROUBLE_HTTP},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cr_assert_eq(trouble_of_status(cases[i].status), cases[i].trouble, "%ld: %s",
			     cases[i].status, trouble_name(trouble_of_status(cases[i].status)));
}

/* One odd answer may be one odd job; many in a row, or no answer at all, are the account's. */
Test(trouble, what_blocks_an_account)
{
	static const enum trouble of_one_job[] = {TROUBLE_TOO_LARGE, TROUBLE_HTTP, TROUBLE_NOT_API,
						  TROUBLE_WRONG_JOB};

	for (enum trouble t = TROUBLE_NONE + 1; t < TROUBLE_COUNT_; t++) {
		bool one_job = false;

		for (size_t i = 0; i < ARRAY_LEN(of_one_job); i++)
			one_job = one_job || of_one_job[i] == t;
		cr_assert_eq(trouble_blocks_account(t, 1), !one_job, "%s", trouble_name(t));
		cr_assert_eq(trouble_blocks_account(t, 2), !one_job, "%s", trouble_name(t));
		cr_assert(trouble_blocks_account(t, 3), "%s", trouble_name(t));
	}
	cr_assert_not(trouble_blocks_account(TROUBLE_NONE, 100));
}
