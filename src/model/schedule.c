/* When something is due next. */
#include "model/schedule.h"

#include "base/clock.h"
#include "base/macro.h"

#define BACKOFF_FIRST_MS   (5 * MS_PER_S)
#define BACKOFF_MAX_MS     (5 * MS_PER_MIN)
#define RETRY_AFTER_MAX_MS MS_PER_H

/* UINT64_MAX is never, so that is where sums end. */
static uint64_t add_ms(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

uint64_t schedule_first_ms(uint32_t hash, uint64_t interval_ms, uint64_t now_ms)
{
	uint64_t spread_ms = MIN((uint64_t)SCHEDULE_SPREAD_MS, interval_ms);

	return add_ms(now_ms, hash % MAX(spread_ms, 1ULL));
}

/* How a phase differs from running, which is looked at as often as the watch says. */
enum pace {
	PACE_WANTED,
	PACE_SOON, /* something is about to happen: the floor, for SOON_MS */
	PACE_SLOW, /* it waits for others */
	PACE_ENDED,
};

#define SOON_MS     (10 * MS_PER_MIN)
#define CHANGED_MS  MS_PER_MIN /* so long a state is new */
#define SLOW_FACTOR 2
#define ENDED_MS    MS_PER_H
#define FORGET_MS   MS_PER_DAY

static const enum pace paces[PHASE_COUNT_] = {
	[PHASE_UNKNOWN] = PACE_WANTED,  [PHASE_QUEUED] = PACE_SLOW,
	[PHASE_STARTING] = PACE_SLOW,   [PHASE_RUNNING] = PACE_WANTED,
	[PHASE_FINISHING] = PACE_SOON,  [PHASE_PAUSED] = PACE_SLOW,
	[PHASE_CANCELLING] = PACE_SOON, [PHASE_REMOVING] = PACE_SLOW,
	[PHASE_SUCCEEDED] = PACE_ENDED, [PHASE_EARLY_STOPPED] = PACE_ENDED,
	[PHASE_FAILED] = PACE_ENDED,    [PHASE_EXPIRED] = PACE_ENDED,
	[PHASE_CANCELLED] = PACE_ENDED, [PHASE_REMOVED] = PACE_ENDED,
};

static uint64_t times_ms(uint64_t ms, uint64_t factor)
{
	uint64_t product;

	return __builtin_mul_overflow(ms, factor, &product) ? UINT64_MAX - 1 : product;
}

uint64_t schedule_job_ms(const struct schedule_job *j)
{
	uint64_t floor_ms = MIN((uint64_t)SCHEDULE_FLOOR_MS, j->wanted_ms);
	enum pace pace = paces[j->phase];

	if (j->wanted_ms == UINT64_MAX)
		return UINT64_MAX;
	if (pace == PACE_ENDED)
		return j->ended_ms < FORGET_MS ? MAX(ENDED_MS, j->wanted_ms) : UINT64_MAX;
	if (j->in_phase_ms < CHANGED_MS)
		return floor_ms;
	switch (pace) {
	case PACE_SOON:
		return j->in_phase_ms < SOON_MS ? floor_ms : j->wanted_ms;
	case PACE_SLOW:
		return times_ms(j->wanted_ms, SLOW_FACTOR);
	case PACE_WANTED:
	case PACE_ENDED:
		break;
	}
	/* Before the next look it may have ended. */
	return j->eta_low_ms <= j->wanted_ms ? floor_ms : j->wanted_ms;
}

bool schedule_is_stale(uint64_t wanted_ms, uint64_t freshness_ms)
{
	return wanted_ms > 0 && freshness_ms / SCHEDULE_STALE_TIMES > wanted_ms;
}

#define BUSY_FACTOR  2
#define IDLE_FACTOR  10
#define EMPTY_FACTOR 20
#define WHOLE_SHARE  10 /* of the budget goes there: one part in so many */

uint64_t schedule_newcomers_ms(uint64_t wanted_ms, uint32_t size, uint32_t active)
{
	return times_ms(wanted_ms, active ? BUSY_FACTOR : size ? IDLE_FACTOR : EMPTY_FACTOR);
}

uint64_t schedule_whole_ms(uint64_t wanted_ms, uint32_t pages, uint32_t per_minute)
{
	uint64_t share_ms = (uint64_t)pages * WHOLE_SHARE * MS_PER_MIN / MAX(per_minute, 1U);

	return MAX(share_ms, wanted_ms);
}

uint64_t schedule_backoff_ms(unsigned failures, uint64_t retry_after_ms, uint32_t chance)
{
	uint64_t wait_ms = BACKOFF_FIRST_MS;

	for (unsigned i = 1; i < failures && wait_ms < BACKOFF_MAX_MS; i++)
		wait_ms *= 2;
	wait_ms = MIN(wait_ms, BACKOFF_MAX_MS);
	wait_ms = wait_ms / 2 + chance % (wait_ms / 2 + 1);
	return MAX(wait_ms, MIN(retry_after_ms, RETRY_AFTER_MAX_MS));
}

bool schedule_retry_ms(unsigned tries, uint64_t age_ms, uint64_t retry_after_ms, uint32_t chance,
		       uint64_t *ret_wait_ms)
{
	static const uint64_t waits_ms[] = {
		5 * MS_PER_S,    30 * MS_PER_S,   2 * MS_PER_MIN,
		10 * MS_PER_MIN, 30 * MS_PER_MIN, MS_PER_H,
	};
	size_t i = tries ? tries - 1 : 0;
	uint64_t wait_ms = waits_ms[MIN(i, ARRAY_LEN(waits_ms) - 1)];

	wait_ms += chance % (wait_ms / 10);
	wait_ms = MAX(wait_ms, MIN(retry_after_ms, RETRY_AFTER_MAX_MS));
	if (tries >= SCHEDULE_RETRY_MIN && add_ms(age_ms, wait_ms) > SCHEDULE_RETRY_MAX_AGE_MS)
		return false;
	*ret_wait_ms = wait_ms;
	return true;
}
