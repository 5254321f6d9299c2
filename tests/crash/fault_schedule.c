/*
 * Waits that are shorter: TW_FAULT_HASTE=20 divides the poll intervals, the back-off after a failed
 * poll and the retry schedule of deliveries by 20, and nothing else. A second poll of a job, or a
 * second try after 5 s, else comes after most of the lives that a crash test gives to a daemon.
 */
#include "fault.h"

#include <stdlib.h>

#include "base/macro.h"
#include "model/schedule.h"

static uint64_t haste = 1;

__attribute__((constructor)) static void read_environment(void)
{
	const char *text = getenv("TW_FAULT_HASTE");

	if (text)
		haste = (uint64_t)MAX(atol(text), 1);
}

WRAP(uint64_t, schedule_first_ms, uint32_t hash, uint64_t interval_ms, uint64_t now_ms)
{
	return REAL(schedule_first_ms)(hash, interval_ms / haste, now_ms);
}

WRAP(uint64_t, schedule_next_ms, uint32_t hash, uint64_t interval_ms, uint64_t last_ms,
     uint64_t now_ms)
{
	return REAL(schedule_next_ms)(hash, interval_ms / haste, last_ms, now_ms);
}

WRAP(uint64_t, schedule_backoff_ms, unsigned failures, uint64_t retry_after_ms, uint32_t chance)
{
	return REAL(schedule_backoff_ms)(failures, retry_after_ms, chance) / haste;
}

WRAP(bool, schedule_retry_ms, unsigned tries, uint64_t age_ms, uint64_t retry_after_ms,
     uint32_t chance, uint64_t *ret_wait_ms)
{
	bool again = REAL(schedule_retry_ms)(tries, age_ms, retry_after_ms, chance, ret_wait_ms);

	if (again)
		*ret_wait_ms /= haste;
	return again;
}
