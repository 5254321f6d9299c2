/*
 * States and phases. The API's list of states grows, so it is open: a table maps the raw state to a
 * phase, and what the table does not hold is PHASE_UNKNOWN, which is never an error and never an
 * end.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum phase {
	PHASE_UNKNOWN,
	PHASE_QUEUED,
	PHASE_STARTING,
	PHASE_RUNNING,
	PHASE_FINISHING,
	PHASE_PAUSED,
	PHASE_CANCELLING,
	PHASE_REMOVING,
	PHASE_SUCCEEDED, /* the ends, from here */
	PHASE_EARLY_STOPPED,
	PHASE_FAILED,
	PHASE_EXPIRED,
	PHASE_CANCELLED,
	PHASE_REMOVED,
	PHASE_COUNT_,
};

/* "queued", "early_stopped", … */
const char *phase_name(enum phase phase);

/* 0 or -ENOENT. */
int phase_from_name(const char *name, enum phase *ret);

static inline bool phase_is_end(enum phase phase)
{
	return phase >= PHASE_SUCCEEDED;
}

/* The job does or awaits work: to be here after an end is a new attempt. */
bool phase_is_active(enum phase phase);

/* The phase of a raw state, with or without its "JOB_STATE_" or "STATE_" prefix. */
enum phase state_phase(const char *state);

/*
 * Counts a job's attempts over the phases it was seen in. A job that is active again after an end
 * has been resumed. Being deleted, or an unknown state, is not a new attempt.
 */
struct attempt {
	uint32_t number; /* from 1 */
	bool ended;      /* an end was seen in this attempt */
};

struct attempt attempt_after(struct attempt attempt, enum phase phase);
