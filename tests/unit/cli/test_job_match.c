/* Which job an argument means. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "cli/job_match.h"

static const char *const full[] = {
	"accounts/acme/supervisedFineTuningJobs/abc",
	"accounts/acme/supervisedFineTuningJobs/abcd",
	"accounts/acme/dpoJobs/abc",
	"accounts/other/supervisedFineTuningJobs/x-1",
	"accounts/acme/supervisedFineTuningJobs/x-1",
	"accounts/acme/dpoJobs/lonely",
};

Test(job_match, forms)
{
	static const struct {
		const char *argument;
		int n;
		size_t first;
	} cases[] = {
		{"accounts/acme/supervisedFineTuningJobs/abc", 1, 0},
		{"acme/sft/abc", 1, 0},
		{"sft/abc", 1, 0},
		{"sft/abcd", 1, 1},
		{"sft/ab", 0, 0}, /* with a kind, it is the name */
		{"acme/sft/ab", 0, 0},
		{"other/sft/abc", 0, 0},
		{"sft/x-1", 2, 3},
		{"other/sft/x-1", 1, 3},
		{"abc", 2, 0},
		{"abcd", 1, 1}, /* exact before a beginning */
		{"ab", 3, 0},
		{"x", 2, 3},
		{"lon", 1, 5},
		{"lonely", 1, 5},
		{"onely", 0, 0},
		{"", -EINVAL, 0},
		{"Abc", -EINVAL, 0},
		{"sft/", -EINVAL, 0},
		{"xyz/abc", -EINVAL, 0},
		{"a/b/c/d", -EINVAL, 0},
		{"a b", -EINVAL, 0},
	};
	struct job_name names[ARRAY_LEN(full)];

	for (size_t i = 0; i < ARRAY_LEN(full); i++)
		cr_assert_eq(name_parse_full(full[i], &names[i]), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t at[8];
		int n = job_match(cases[i].argument, names, ARRAY_LEN(names), at, ARRAY_LEN(at));

		cr_assert_eq(n, cases[i].n, "%s: %d", cases[i].argument, n);
		if (n > 0)
			cr_assert_eq(at[0], cases[i].first, "%s", cases[i].argument);
	}
}

Test(job_match, counts_beyond_the_room)
{
	struct job_name names[ARRAY_LEN(full)];
	size_t at[1];

	for (size_t i = 0; i < ARRAY_LEN(full); i++)
		cr_assert_eq(name_parse_full(full[i], &names[i]), 0);
	cr_assert_eq(job_match("a", names, ARRAY_LEN(names), at, 1), 3);
	cr_assert_eq(at[0], 0);
	cr_assert_eq(job_match("abc", NULL, 0, NULL, 0), 0);
}
