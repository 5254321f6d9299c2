/*
 * tunewatch in simulated time: the real plan, schedule, stall, eta and budget, driven as the daemon
 * drives them, against the server of the traces. What the daemon does with an answer stands here once
 * more in short, and has to follow it.
 */
#pragma once

#include <stdint.h>

#include "simtime/server.h"
#include "simtime/tally.h"

#define WATCHER_INTERVAL_MS 30000 /* poll-interval's default */

/* Where in its course a job's estimate is held against its end. */
#define WATCHER_MILESTONES 3
extern const double watcher_milestones[WATCHER_MILESTONES];

struct watcher_eta {
	size_t asked, given,
		held; /* jobs that got there; with an estimate; whose end was in its range */
	struct numbers errors_ms; /* of these estimates, without a sign */
	struct numbers errors;    /* the same in parts of the run, from its start to its end */
};

struct watcher_stalls {
	size_t told; /* silences that lasted longer than their budget, also of those that went on */
	size_t early; /* of these: it had moved within the budget. None are allowed */
	size_t due,
		found; /* jobs that fell silent for good, long enough before the end of the span */
	/* The longest from the moment that a budget was used up, counted from the answer that showed
	 * the last movement, to job.stalled; and how much that was over the longest time between two
	 * answers that showed the job in between: at most 0 is allowed. */
	uint64_t worst_ms;
	int64_t worst_over_ms;
	uint64_t worst_true_ms; /* counted from the movement itself */
};

struct watcher_result {
	struct tally tally;
	struct numbers founds_ms; /* from the creation of a job to its first sight */
	struct numbers gaps_ms;   /* for each job, the longest time between two looks, to its end */
	uint64_t gets, pages, refusals;
	struct watcher_eta etas[WATCHER_MILESTONES];
	struct watcher_stalls stalls;
};

/* 0 or -ENOMEM. Uses the server up. */
int watcher_run(struct server *server, const struct span *span, uint32_t per_minute,
		struct watcher_result *ret);
void watcher_result_done(struct watcher_result *r);
