/*
 * The difference between two snapshots of one job, and what it is called.
 */
#pragma once

#include <stdbool.h>

#include "model/event.h"
#include "model/snapshot.h"

struct transition {
	enum event_type
		type;     /* EVENT_NONE: nothing to tell, though descriptive fields may differ */
	unsigned changed; /* enum change */
	bool differs;     /* any field differs: the new snapshot is worth keeping */
};

/*
 * One difference is one event; its type is the weightiest thing that changed: phase, then state,
 * then status, then progress. Progress counts only when it crosses a step: a multiple of
 * `progress_step` percent (1 to 100) between the two, or another epoch.
 */
struct transition diff(const struct snapshot *from, const struct snapshot *to,
		       unsigned progress_step);

/*
 * First sight of a job. At an end: that end's event. Else job.found. `changed` names what is not
 * empty.
 */
struct transition diff_first(const struct snapshot *to);
