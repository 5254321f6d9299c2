/* The histogram: each duration stands in one place, its bound included. */
#include "base/latency.h"

#include <criterion/criterion.h>

Test(latency, the_bounds_rise)
{
	for (int i = 1; i < LATENCY_BOUNDS; i++)
		cr_expect_gt(latency_bounds_us[i], latency_bounds_us[i - 1], "%d", i);
	cr_expect_eq(latency_bounds_us[0], 50);
	cr_expect_eq(latency_bounds_us[LATENCY_BOUNDS - 1], 10000000);
}

Test(latency, a_bound_belongs_to_what_is_below_it)
{
	for (int i = 0; i < LATENCY_BOUNDS; i++) {
		struct latency l = {0};

		latency_add(&l, latency_bounds_us[i]);
		cr_expect_eq(l.counts[i], 1, "%d", i);
		latency_add(&l, latency_bounds_us[i] + 1);
		cr_expect_eq(l.counts[i + 1], 1, "%d", i);
		cr_expect_eq(l.sum_us, 2ULL * latency_bounds_us[i] + 1);
	}
}

Test(latency, counts_what_is_nothing_and_what_is_too_much)
{
	struct latency l = {0};

	latency_add(&l, 0);
	latency_add(&l, 1ULL << 40);
	latency_add(&l, 1ULL << 40);
	cr_expect_eq(l.counts[0], 1);
	cr_expect_eq(l.counts[LATENCY_BOUNDS], 2);
	cr_expect_eq(l.sum_us, 2ULL << 40);
}
