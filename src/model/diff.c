/* The difference between two snapshots of one job. */
#include "model/diff.h"

#include <stdint.h>
#include <string.h>

static bool text_differs(const struct snapshot *a, const struct snapshot *b, enum snapshot_text t)
{
	return strcmp(snapshot_text(a, t), snapshot_text(b, t)) != 0;
}

static unsigned changes(const struct snapshot *from, const struct snapshot *to)
{
	unsigned changed = 0;

	if (from->phase != to->phase || text_differs(from, to, TEXT_STATE))
		changed |= CHANGE_STATE;
	if (text_differs(from, to, TEXT_STATUS_CODE) || text_differs(from, to, TEXT_STATUS_MESSAGE))
		changed |= CHANGE_STATUS;
	/* Not progress_given: an object of zeros and null are the same. */
	if (memcmp(from->progress, to->progress, sizeof(from->progress)) != 0)
		changed |= CHANGE_PROGRESS;
	return changed;
}

/* Which step a percentage is on: rounded down also below zero, where C rounds up. */
static int64_t step_of(int32_t percent, int64_t step)
{
	return (percent < 0 ? percent - step + 1 : percent) / step;
}

static bool crosses_step(const struct snapshot *from, const struct snapshot *to, unsigned step)
{
	return from->progress[PROGRESS_EPOCH] != to->progress[PROGRESS_EPOCH] ||
	       step_of(from->progress[PROGRESS_PERCENT], step) !=
		       step_of(to->progress[PROGRESS_PERCENT], step);
}

struct transition diff(const struct snapshot *from, const struct snapshot *to,
		       unsigned progress_step)
{
	struct transition t = {.changed = changes(from, to)};

	t.differs = t.changed || !snapshot_equal(from, to);
	if (from->phase != to->phase)
		t.type = event_type_of_phase(snapshot_phase(to));
	else if (t.changed & CHANGE_STATE)
		t.type = EVENT_JOB_STATE;
	else if (t.changed & CHANGE_STATUS)
		t.type = EVENT_JOB_STATUS;
	else if (t.changed & CHANGE_PROGRESS && crosses_step(from, to, progress_step))
		t.type = EVENT_JOB_PROGRESS;
	return t;
}

struct transition diff_first(const struct snapshot *to)
{
	static const int32_t no_progress[PROGRESS_COUNT_];
	struct transition t = {.type = EVENT_JOB_FOUND, .differs = true};

	if (phase_is_end(snapshot_phase(to)))
		t.type = event_type_of_phase(snapshot_phase(to));
	t.changed = CHANGE_STATE;
	if (strcmp(snapshot_text(to, TEXT_STATUS_CODE), "OK") != 0 ||
	    snapshot_text(to, TEXT_STATUS_MESSAGE)[0])
		t.changed |= CHANGE_STATUS;
	if (memcmp(to->progress, no_progress, sizeof(no_progress)) != 0)
		t.changed |= CHANGE_PROGRESS;
	return t;
}
