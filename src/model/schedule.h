/*
 * When something is due next. `chance` is a random number that the caller draws; times are ms on
 * CLOCK_BOOTTIME, and UINT64_MAX is never: no interval, however long, wraps around.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/state.h"

/* First polls after a start or a reload are spread over this time, or one interval if shorter. */
#define SCHEDULE_SPREAD_MS 2000

/* `hash` is stable for the thing polled (hash_stable of its name). */
uint64_t schedule_first_ms(uint32_t hash, uint64_t interval_ms, uint64_t now_ms);

/*
 * How often a job wants to be seen.
 *
 * The backend's own stamps move in steps of 60 s, and polling a job more often than every 15 s buys
 * nothing (API facts): so nothing goes below SCHEDULE_FLOOR_MS unless the watch itself does. A running
 * job wants what the watch says; near its predicted end, or when its state has just changed, the
 * floor; queued and paused ones less often. One at an end can be resumed: hourly for a day, then only
 * through the lists.
 */
#define SCHEDULE_FLOOR_MS 15000

struct schedule_job {
	enum phase phase;
	uint64_t wanted_ms;   /* poll-interval, the shortest of its watches */
	uint64_t in_phase_ms; /* so long it has been in its state */
	uint64_t eta_low_ms;  /* until its probable end, at the earliest; UINT64_MAX: not known */
	uint64_t ended_ms;    /* since its end, where it is at one */
};

/* UINT64_MAX: it is not asked for by itself. */
uint64_t schedule_job_ms(const struct schedule_job *j);

/*
 * Whether a job that wants to be seen every `wanted_ms`, and is seen every `freshness_ms`, is seen less
 * often than lists, turns and a queued job's lower need make of it: the budget does not suffice. Not
 * for 0, which is not known.
 */
#define SCHEDULE_STALE_TIMES 4
bool schedule_is_stale(uint64_t wanted_ms, uint64_t freshness_ms);

/*
 * How often to look for new jobs in a collection of `size` jobs, of which `active` are not at an end.
 * Where some are, the lists that show these find new ones, too; elsewhere every look costs a request
 * for seven kinds, and a new job is queued first and runs for minutes: a tenth as often as a running
 * job is looked at, and where there has never been one, a twentieth.
 */
uint64_t schedule_newcomers_ms(uint64_t wanted_ms, uint32_t size, uint32_t active);

/*
 * How often to look for what became of old ones, which costs `pages` requests: as is wanted, but with
 * at most a tenth of the budget.
 */
uint64_t schedule_whole_ms(uint64_t wanted_ms, uint32_t pages, uint32_t per_minute);

/*
 * How long an account is left alone after `failures` (from 1) failed requests in a row: 5 s,
 * doubled each time, at most 5 min, each between half and the whole of that. `retry_after_ms` is
 * what the server asked for, 0 when it did not: it is honoured up to one hour.
 */
uint64_t schedule_backoff_ms(unsigned failures, uint64_t retry_after_ms, uint32_t chance);

/*
 * The retry schedule of deliveries: 5 s, 30 s, 2 min, 10 min, 30 min, 1 h, then hourly, each plus
 * up to a tenth, until 72 h after the event. `tries` counts the attempts made (from 1), `age_ms`
 * the time since the delivery was created. The receiver's Retry-After is honoured up to one hour
 * when it asks for more. Returns false when the delivery is dead: never before it was tried
 * SCHEDULE_RETRY_MIN times, of which the last comes some 2 h 43 min after the first, for the 72
 * hours may have passed while the machine slept.
 */
#define SCHEDULE_RETRY_MAX_AGE_MS (72ULL * 3600 * 1000)
#define SCHEDULE_RETRY_MIN        8
bool schedule_retry_ms(unsigned tries, uint64_t age_ms, uint64_t retry_after_ms, uint32_t chance,
		       uint64_t *ret_wait_ms);
