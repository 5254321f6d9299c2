/* When something is due next. */
#include <criterion/criterion.h>
#include <inttypes.h>
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

#define S     MS_PER_S
#define NEVER UINT64_MAX

static const struct {
	const char *what;
	struct schedule_job job;
	uint64_t expected_ms;
} wishes[] = {
	{"running", {PHASE_RUNNING, 30 * S, 3600 * S, NEVER, 0}, 30 * S},
	{"running, as the watch wants", {PHASE_RUNNING, 300 * S, 3600 * S, NEVER, 0}, 300 * S},
	{"its end is far", {PHASE_RUNNING, 30 * S, 3600 * S, 31 * S, 0}, 30 * S},
	{"it may end before the next look", {PHASE_RUNNING, 30 * S, 3600 * S, 30 * S, 0}, 15 * S},
	{"it may have ended", {PHASE_RUNNING, 300 * S, 3600 * S, 0, 0}, 15 * S},
	{"never below what is configured", {PHASE_RUNNING, 5 * S, 3600 * S, 0, 0}, 5 * S},
	{"it has just changed", {PHASE_RUNNING, 30 * S, 59 * S, NEVER, 0}, 15 * S},
	{"it changed a minute ago", {PHASE_RUNNING, 30 * S, 60 * S, NEVER, 0}, 30 * S},
	{"queued", {PHASE_QUEUED, 30 * S, 3600 * S, NEVER, 0}, 60 * S},
	{"just queued", {PHASE_QUEUED, 30 * S, 10 * S, NEVER, 0}, 15 * S},
	{"starting", {PHASE_STARTING, 30 * S, 3600 * S, NEVER, 0}, 60 * S},
	{"paused", {PHASE_PAUSED, 30 * S, 3600 * S, NEVER, 0}, 60 * S},
	{"its results are being written", {PHASE_FINISHING, 30 * S, 540 * S, NEVER, 0}, 15 * S},
	{"for long", {PHASE_FINISHING, 30 * S, 600 * S, NEVER, 0}, 30 * S},
	{"being cancelled", {PHASE_CANCELLING, 30 * S, 540 * S, NEVER, 0}, 15 * S},
	{"nobody knows the state", {PHASE_UNKNOWN, 30 * S, 3600 * S, NEVER, 0}, 30 * S},
	{"ended", {PHASE_SUCCEEDED, 30 * S, 10 * S, NEVER, 10 * S}, MS_PER_H},
	{"ended, and seldom wanted", {PHASE_FAILED, 2 * MS_PER_H, 0, NEVER, 0}, 2 * MS_PER_H},
	{"ended nearly a day ago", {PHASE_FAILED, 30 * S, 0, NEVER, MS_PER_DAY - 1}, MS_PER_H},
	{"ended a day ago", {PHASE_CANCELLED, 30 * S, 0, NEVER, MS_PER_DAY}, NEVER},
	{"gone", {PHASE_REMOVED, 30 * S, 0, NEVER, 0}, MS_PER_H},
	{"nobody watches it", {PHASE_RUNNING, NEVER, 0, 0, 0}, NEVER},
};

Test(schedule, how_often_a_job_wants_to_be_seen)
{
	for (size_t i = 0; i < ARRAY_LEN(wishes); i++)
		cr_expect_eq(schedule_job_ms(&wishes[i].job), wishes[i].expected_ms,
			     "%s: every %" PRIu64 " ms", wishes[i].what,
			     schedule_job_ms(&wishes[i].job));
}

/* Whatever a job is like, it is never asked for more often than the floor, or than its watch says. */
Test(schedule, no_job_is_asked_for_too_often)
{
	struct rnd r = rnd_open("schedule");

	for (int i = 0; i < 50000; i++) {
		const struct schedule_job j = {
			.phase = (enum phase)rnd_below(&r, PHASE_COUNT_),
			.wanted_ms = rnd_below(&r, 9) ? rnd_below(&r, 1ULL << rnd_below(&r, 40))
						      : UINT64_MAX - rnd_below(&r, 3),
			.in_phase_ms = rnd_below(&r, 1ULL << rnd_below(&r, 40)),
			.eta_low_ms = rnd_below(&r, 3) ? rnd_below(&r, 100000) : UINT64_MAX,
			.ended_ms = rnd_below(&r, 1ULL << rnd_below(&r, 40))};
		uint64_t at = schedule_job_ms(&j);

		cr_assert_geq(at, MIN((uint64_t)SCHEDULE_FLOOR_MS, j.wanted_ms));
		cr_assert(phase_is_end(j.phase) || j.wanted_ms == UINT64_MAX || at != UINT64_MAX);
	}
}

/* New jobs are looked for where some run; elsewhere that costs requests for seven kinds. */
Test(schedule, searches)
{
	cr_expect_eq(schedule_newcomers_ms(30 * S, 200, 3), 60 * S);
	cr_expect_eq(schedule_newcomers_ms(30 * S, 200, 0), 300 * S);
	cr_expect_eq(schedule_newcomers_ms(30 * S, 0, 0), 600 * S);
	cr_expect_eq(schedule_newcomers_ms(UINT64_MAX / 2, 0, 0), UINT64_MAX - 1, "no wrap");
	cr_expect_eq(schedule_whole_ms(MS_PER_H, 1, 10), MS_PER_H);
	cr_expect_eq(schedule_whole_ms(MS_PER_H, 500, 10), 500 * MS_PER_MIN, "a tenth of 10");
	cr_expect_eq(schedule_whole_ms(S, 25, 600), 25 * MS_PER_MIN / 60);
	cr_expect_eq(schedule_whole_ms(UINT64_MAX, 500, 10), UINT64_MAX);
}

Test(schedule, stale)
{
	static const struct {
		uint64_t wanted_ms, freshness_ms;
		bool stale;
	} cases[] = {
		{0, 0, false},          {0, UINT64_MAX, false},
		{30000, 0, false},      {30000, 60000, false}, /* a queued one */
		{30000, 120000, false}, {30000, 120004, true},
		{15000, 600000, true},  {UINT64_MAX - 1, UINT64_MAX, false},
		{1, UINT64_MAX, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cr_expect_eq(schedule_is_stale(cases[i].wanted_ms, cases[i].freshness_ms),
			     cases[i].stale, "case %zu", i);
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
