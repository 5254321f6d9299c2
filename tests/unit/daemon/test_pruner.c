/* What history is kept. The steps are the store's, the rounds are shown by the integration tests. */
#include "daemon/pruner.h"

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/macro.h"

Test(pruner, bounds_by_age_and_size)
{
	const int64_t now_us = 1000 * US_PER_S;
	static const struct {
		uint64_t max_age_ms, max_bytes;
		int64_t before_us;
	} cases[] = {
		{0, 0, 1000 * US_PER_S},
		{1, 5, 1000 * US_PER_S - 1000},
		{10 * MS_PER_S, UINT64_MAX, 990 * US_PER_S},
		{30 * MS_PER_DAY, 1, 1000 * US_PER_S - 30 * 86400 * US_PER_S},
		{UINT64_MAX, 1, INT64_MIN},
		{UINT64_MAX / 2, 1, INT64_MIN},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct store_retention keep =
			pruner_retention(cases[i].max_age_ms, cases[i].max_bytes, now_us);

		cr_expect_eq(keep.before_us, cases[i].before_us, "case %zu", i);
		cr_expect_eq(keep.max_bytes, cases[i].max_bytes, "case %zu", i);
	}
}
