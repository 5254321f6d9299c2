/*
 * When a job stands still for too long.
 *
 * The vendor says that a silent failure can leave a job in RUNNING for ever, with no error (API
 * facts). Movement is a change of state, of status code or message, of (epoch, percent) or of any
 * counter, that is, any bit of enum change; so it works for kinds that have no progress, too. The
 * budget of a phase is the watch's (config.h, stall_ms).
 *
 * Stillness is measured in watched time: the time of an account in which the daemon was running,
 * awake, and got answers. It grows from one answer to the next, and not when a request failed between
 * them. Pure; times are milliseconds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Watched time of one account. */
struct watched {
	uint64_t total_ms; /* durable: goes on after a restart */
	uint64_t at_ms;    /* CLOCK_MONOTONIC of the last answer; 0: none since the start */
	bool lost;         /* a request has failed since */
};

/* A well-formed answer came at `now_ms` on CLOCK_MONOTONIC, which stands still in suspend. */
void watched_answer(struct watched *w, uint64_t now_ms);

/* A request failed in a way that says that the account cannot be seen. */
void watched_lost(struct watched *w);

/* What is known of one job's last movement; all of it durable. */
struct stillness {
	int64_t moved_us;          /* CLOCK_REALTIME of the answer that showed it */
	uint64_t moved_watched_ms; /* the account's watched time then */
	uint8_t moved;             /* enum change: what moved; 0: nothing since it was first seen */
	bool stalled;              /* job.stalled was told */
};

/* It moved, or was seen for the first time (`changed` 0). Ends a stall: the caller looks before. */
void stillness_moved(struct stillness *s, unsigned changed, int64_t now_us, uint64_t watched_ms);

/* For `unseen_ms` of the account's watched time this job itself could not be seen. */
void stillness_skip(struct stillness *s, uint64_t unseen_ms);

/* How long it has stood still in watched time. */
uint64_t stillness_ms(const struct stillness *s, uint64_t watched_ms);

/*
 * Whether job.stalled is to be told now: once, when it has stood still for at least `budget_ms`;
 * UINT64_MAX: never. The caller sets `stalled` when the event is made.
 */
bool stillness_stalls(const struct stillness *s, uint64_t watched_ms, uint64_t budget_ms);
