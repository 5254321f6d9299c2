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

uint64_t schedule_next_ms(uint32_t hash, uint64_t interval_ms, uint64_t last_ms, uint64_t now_ms)
{
	uint64_t earliest_ms = MAX(add_ms(last_ms, interval_ms / 2), now_ms);
	uint64_t place_ms, at_ms;

	if (interval_ms < 2)
		return earliest_ms;
	place_ms = hash % interval_ms;
	at_ms = add_ms(earliest_ms - earliest_ms % interval_ms, place_ms);
	return at_ms >= earliest_ms ? at_ms : add_ms(at_ms, interval_ms);
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
