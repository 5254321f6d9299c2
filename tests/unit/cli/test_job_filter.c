/* The JOB arguments. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "cli/job_filter.h"

#define SFT_ABC "accounts/acme/supervisedFineTuningJobs/abc"

Test(job_filter, none_means_all)
{
	_cleanup_job_filter_ struct job_filter *f = NULL;
	const char *bad;
	size_t i = 0;

	cr_assert_eq(job_filter_new(0, NULL, &f, &bad), 0);
	cr_assert(job_filter_match(f, SFT_ABC));
	cr_assert(job_filter_match(f, "accounts/acme/kindOfTomorrow/abc"));
	cr_assert_null(job_filter_unmatched(f, &i));
}

Test(job_filter, forms_of_a_name)
{
	static const struct {
		const char *argument, *name;
		bool match;
	} cases[] = {
		{"sft/abc", SFT_ABC, true},
		{"sft/abc", "accounts/other/supervisedFineTuningJobs/abc", true},
		{"sft/abc", "accounts/acme/dpoJobs/abc", false},
		{"sft/ab", SFT_ABC, false},
		{"acme/sft/abc", SFT_ABC, true},
		{"acme/sft/abc", "accounts/other/supervisedFineTuningJobs/abc", false},
		{SFT_ABC, SFT_ABC, true},
		{SFT_ABC, "accounts/acme/supervisedFineTuningJobs/abcd", false},
		{"sft/abc", "nonsense", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *argv[] = {(char *)cases[i].argument};
		_cleanup_job_filter_ struct job_filter *f = NULL;
		const char *bad, *missing;
		size_t at = 0;

		cr_assert_eq(job_filter_new(1, argv, &f, &bad), 0);
		cr_assert_eq(job_filter_match(f, cases[i].name), cases[i].match, "%s for %s",
			     cases[i].argument, cases[i].name);
		missing = job_filter_unmatched(f, &at);
		cr_assert_eq(missing == NULL, cases[i].match);
		if (missing)
			cr_assert_str_eq(missing, cases[i].argument);
		cr_assert_null(job_filter_unmatched(f, &at));
	}
}

Test(job_filter, several)
{
	char *argv[] = {(char *)"sft/abc", (char *)"dpo/x", (char *)"acme/sft/abc", (char *)"ft/y"};
	_cleanup_job_filter_ struct job_filter *f = NULL;
	const char *bad;
	size_t i = 0;

	cr_assert_eq(job_filter_new(4, argv, &f, &bad), 0);
	cr_assert(job_filter_match(f, SFT_ABC));
	cr_assert_not(job_filter_match(f, "accounts/acme/dpoJobs/z"));
	cr_assert_str_eq(job_filter_unmatched(f, &i), "dpo/x");
	cr_assert_str_eq(job_filter_unmatched(f, &i), "ft/y");
	cr_assert_null(job_filter_unmatched(f, &i));
}

Test(job_filter, bad_arguments)
{
	static const char *const bad[] = {"",        "abc",     "sft", "sft/",
					  "SFT/abc", "sft/a b", "/",   "a/b/c/d/e"};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char *argv[] = {(char *)"sft/abc", (char *)bad[i]};
		struct job_filter *f = NULL;
		const char *ret_bad = NULL;

		cr_assert_eq(job_filter_new(2, argv, &f, &ret_bad), -EINVAL, "%s", bad[i]);
		cr_assert_eq(ret_bad, argv[1]);
		cr_assert_null(f);
	}
}
