/* When something is due next. */
#include <criterion/criterion.h>
#include <limits.h>

#include "base/clock.h"
#include "base/macro.h"
#include "model/schedule.h"
#include "support/rand.h"

/* "off" is UINT64_MAX ms, and a clock that was set back makes an age of nearly that. */
Test(schedule, nothing_wraps_around)
{
	static const uint64_t huge[] = {UINT64_MAX, UINT64_MAX - 1, UINT64_MAX / 2 + 1,
					UINT64_MAX - 5 * MS_PER_S};
	uint64_t wait_ms = 4711;

	for (size_t i = 0; i < ARRAY_LEN(huge); i++)
		for (size_t k = 0; k < ARRAY_LEN(huge); k++) {
			uint64_t now = 1000 + i;

			cr_assert_geq(schedule_first_ms(7, huge[i], now), now);
			cr_assert_geq(schedule_next_ms(7, huge[i], now, now), now);
			cr_assert_geq(schedule_next_ms(7, huge[i], huge[k], now), huge[k] / 2);
			cr_assert_geq(schedule_next_ms(7, huge[i], huge[k], huge[k]), huge[k]);
			cr_assert_geq(schedule_next_ms(7, 30000, huge[k], huge[i]), huge[i]);
			cr_assert_not(
				schedule_retry_ms(SCHEDULE_RETRY_MIN, huge[i], 0, 0, &wait_ms));
			cr_assert_eq(wait_ms, 4711);
		}
}

Test(schedule, first_is_spread_but_soon)
{
	struct rnd r = rnd_open("schedule");
	uint64_t least = UINT64_MAX, most = 0;

	for (int i = 0; i < 10000; i++) {
		uint64_t now = rnd_below(&r, 1ULL << 40), interval = rnd_below(&r, 100000);
		uint64_t at = schedule_first_ms((uint32_t)rnd_next(&r), interval, now);

		cr_assert_geq(at, now);
		cr_assert_leq(at - now, SCHEDULE_SPREAD_MS);
		cr_assert_leq(at - now, interval);
		if (interval > SCHEDULE_SPREAD_MS) {
			least = MIN(least, at - now);
			most = MAX(most, at - now);
		}
	}
	cr_assert_lt(least, SCHEDULE_SPREAD_MS / 10);
	cr_assert_gt(most, SCHEDULE_SPREAD_MS * 9 / 10);
}

/* Never before now, never sooner than half an interval, and never put off without need. */
Test(schedule, next_is_in_its_bounds)
{
	struct rnd r = rnd_open("schedule");

	for (int i = 0; i < 50000; i++) {
		uint32_t hash = (uint32_t)rnd_next(&r);
		uint64_t interval = 1 + rnd_below(&r, 1ULL << (1 + rnd_below(&r, 35)));
		uint64_t last = rnd_below(&r, 1ULL << 40), now = last + rnd_below(&r, 3 * interval);
		uint64_t at = schedule_next_ms(hash, interval, last, now);

		cr_assert_geq(at, now);
		cr_assert_geq(at - last, interval / 2);
		cr_assert_leq(at, MAX(now, last + interval / 2) + interval);
		if (interval > 1)
			cr_assert_eq(at % interval, hash % interval);
	}
}

/* Polls that are sometimes late stay one to an interval: lateness does not add up. */
Test(schedule, one_poll_an_interval)
{
	struct rnd r = rnd_open("schedule");

	for (int round = 0; round < 50; round++) {
		uint32_t hash = (uint32_t)rnd_next(&r);
		uint64_t interval = 1000 + rnd_below(&r, 100000), start = rnd_below(&r, 1ULL << 40);
		uint64_t at = schedule_first_ms(hash, interval, start);
		const uint64_t polls = 1000;

		for (uint64_t i = 0; i < polls; i++) {
			uint64_t began = at + rnd_below(&r, interval / 2);

			at = schedule_next_ms(hash, interval, began, began);
		}
		cr_assert_leq(at - start, (polls + 2) * interval);
		cr_assert_geq(at - start, (polls - 1) * interval);
	}
}

/* Each job has its own place, so that many do not come at once. */
Test(schedule, places_differ)
{
	enum { N = 1000, SLOTS = 10 };
	struct rnd r = rnd_open("schedule");
	int slots[SLOTS] = {0};

	for (int i = 0; i < N; i++) {
		uint64_t at = schedule_next_ms((uint32_t)rnd_next(&r), 30000, 0, 60000);

		slots[(at - 60000) * SLOTS / 30000]++;
	}
	for (int i = 0; i < SLOTS; i++) {
		cr_assert_gt(slots[i], N / SLOTS / 2);
		cr_assert_lt(slots[i], N / SLOTS * 2);
	}
}

Test(schedule, backoff)
{
	static const struct {
		unsigned failures;
		uint64_t retry_after_ms, least_ms, most_ms;
	} cases[] = {
		{0, 0, 2500, 5000},
		{1, 0, 2500, 5000},
		{2, 0, 5000, 10000},
		{3, 0, 10000, 20000},
		{6, 0, 80000, 160000},
		{7, 0, 150000, 300000},
		{8, 0, 150000, 300000},
		{UINT_MAX, 0, 150000, 300000},
		{1, 7000, 7000, 7000},
		{3, 1000, 10000, 20000},
		{1, 60 * MS_PER_MIN, MS_PER_H, MS_PER_H},
		{1, 61 * MS_PER_MIN, MS_PER_H, MS_PER_H},
		{1, UINT64_MAX, MS_PER_H, MS_PER_H},
	};
	struct rnd r = rnd_open("schedule");

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cr_assert_eq(schedule_backoff_ms(cases[i].failures, cases[i].retry_after_ms, 0),
			     cases[i].least_ms, "case %zu", i);
		for (int k = 0; k < 1000; k++) {
			uint64_t ms =
				schedule_backoff_ms(cases[i].failures, cases[i].retry_after_ms,
						    (uint32_t)rnd_next(&r));

			cr_assert_geq(ms, cases[i].least_ms, "case %zu", i);
			cr_assert_leq(ms, cases[i].most_ms, "case %zu", i);
		}
	}
}

Test(schedule, delivery_retries)
{
	static const struct {
		unsigned tries;
		uint64_t age_ms, retry_after_ms, wait_ms; /* 0: dead */
	} cases[] = {
		{0, 0, 0, 5 * MS_PER_S},
		{1, 0, 0, 5 * MS_PER_S},
		{2, 0, 0, 30 * MS_PER_S},
		{3, 0, 0, 2 * MS_PER_MIN},
		{4, 0, 0, 10 * MS_PER_MIN},
		{5, 0, 0, 30 * MS_PER_MIN},
		{6, 0, 0, MS_PER_H},
		{7, 0, 0, MS_PER_H},
		{UINT_MAX, 0, 0, MS_PER_H},
		{1, 0, 10 * MS_PER_S, 10 * MS_PER_S},
		{2, 0, 10 * MS_PER_S, 30 * MS_PER_S},
		{1, 0, 2 * MS_PER_H, MS_PER_H},
		{1, 0, UINT64_MAX, MS_PER_H},
		{8, 71 * MS_PER_H, 0, MS_PER_H},
		{8, 71 * MS_PER_H + 1, 0, 0},
		{60, 73 * MS_PER_H, 0, 0},
		/* A lid that was closed for a week. */
		{1, 168 * MS_PER_H, 0, 5 * MS_PER_S},
		{7, 168 * MS_PER_H, 0, MS_PER_H},
		{8, 168 * MS_PER_H, 0, 0},
	};
	struct rnd r = rnd_open("schedule");

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t wait_ms = 0, most_ms = 0;
		bool alive = schedule_retry_ms(cases[i].tries, cases[i].age_ms,
					       cases[i].retry_after_ms, 0, &wait_ms);

		cr_assert_eq(alive, cases[i].wait_ms > 0, "case %zu", i);
		cr_assert_eq(wait_ms, cases[i].wait_ms, "case %zu: %lu", i, (unsigned long)wait_ms);
		if (!alive || cases[i].retry_after_ms || cases[i].age_ms)
			continue;
		for (int k = 0; k < 1000; k++) {
			cr_assert(schedule_retry_ms(cases[i].tries, 0, 0, (uint32_t)rnd_next(&r),
						    &wait_ms));
			cr_assert_geq(wait_ms, cases[i].wait_ms);
			cr_assert_lt(wait_ms, cases[i].wait_ms * 11 / 10);
			most_ms = MAX(most_ms, wait_ms);
		}
		cr_assert_gt(most_ms, cases[i].wait_ms * 108 / 100, "case %zu: no jitter", i);
	}
}

/* A receiver that never answers: how often it is tried within the 72 hours. */
Test(schedule, delivery_ends_after_three_days)
{
	uint64_t age_ms = 0, wait_ms = 0;
	unsigned tries = 1;

	while (schedule_retry_ms(tries, age_ms, 0, 0, &wait_ms)) {
		age_ms += wait_ms;
		tries++;
	}
	cr_assert_leq(age_ms, SCHEDULE_RETRY_MAX_AGE_MS);
	cr_assert_gt(age_ms, SCHEDULE_RETRY_MAX_AGE_MS - MS_PER_H);
	cr_assert_eq(tries, 1 + 5 + 71);
}
