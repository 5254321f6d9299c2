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

static uint64_t hasten(uint64_t interval_ms)
{
	return interval_ms == UINT64_MAX ? interval_ms : MAX(interval_ms / haste, 1ULL);
}

WRAP(uint64_t, schedule_job_ms, const struct schedule_job *j)
{
	return hasten(REAL(schedule_job_ms)(j));
}

WRAP(uint64_t, schedule_newcomers_ms, uint64_t wanted_ms, uint32_t size, uint32_t active)
{
	return hasten(REAL(schedule_newcomers_ms)(wanted_ms, size, active));
}

WRAP(uint64_t, schedule_whole_ms, uint64_t wanted_ms, uint32_t pages, uint32_t per_minute)
{
	return hasten(REAL(schedule_whole_ms)(wanted_ms, pages, per_minute));
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
