/*
 * When a running job will probably end, from (epoch, percent) as answers show them.
 *
 * The API documents `percent` as belonging to `epoch`, and it may start again with each epoch; newer
 * workflows write an overall percent (API facts). Which of the two it is shows in the job's own
 * course, or follows from the number of epochs; until it is known, and wherever the points make no
 * sense, there is no estimate: nothing rather than nonsense. Pure; times are ms on CLOCK_BOOTTIME, for
 * a job goes on while this machine sleeps.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ETA_POINTS 16 /* kept of one job; older ones are thinned out */

struct eta_point {
	uint64_t at_ms;
	int32_t epoch, percent;
};

/* The course of one job's attempt. All zero is the beginning. */
struct eta {
	struct eta_point points[ETA_POINTS]; /* oldest first: the first sight, then changes */
	uint64_t seen_ms;                    /* of the last look, changed or not */
	uint16_t epochs;                     /* how many the job trains; 0: not known */
	uint8_t n;
	uint8_t scale;    /* of percent, as far as it is known: see eta.c */
	bool paused;      /* out of the running phase at the last look: that time is not counted */
	uint16_t changes; /* since the first sight, with those whose points are gone */
};

struct eta_look {
	uint64_t now_ms;
	int32_t epoch, percent; /* as the API gave them */
	uint16_t epochs;        /* 0: not known */
	bool running;           /* in the running phase: elsewhere nothing is learned */
};

/*
 * Takes one answer in. A step back that is no new epoch is a restart, and the course begins again.
 * What cannot be (a negative number, more than 100 percent) is not taken in.
 */
void eta_add(struct eta *e, const struct eta_look *look);

/*
 * From `now_ms` to the probable end; low <= likely <= high. The range is meant to hold four times
 * out of five; that a job will be paused, or restart, is not foreseen.
 */
struct eta_estimate {
	uint64_t low_ms, likely_ms, high_ms;
};

/*
 * Returns false when nothing sensible can be said: fewer than three points, no movement for long,
 * percent of an epoch where the number of epochs is not known, out of the running phase, …
 */
bool eta_estimate(const struct eta *e, uint64_t now_ms, struct eta_estimate *ret);
