/* The difference between two snapshots. */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "model/diff.h"
#include "support/rand.h"

static struct snapshot *snapshot_of(const struct snapshot_parts *parts)
{
	struct snapshot *s = NULL;

	cr_assert_eq(snapshot_new(parts, &s), 0);
	return s;
}

static struct snapshot *with_progress(int32_t percent, int32_t epoch)
{
	struct snapshot_parts parts = {.text[TEXT_STATE] = "JOB_STATE_RUNNING",
				       .progress.given = true};

	parts.progress.values[PROGRESS_PERCENT] = percent;
	parts.progress.values[PROGRESS_EPOCH] = epoch;
	return snapshot_of(&parts);
}

Test(diff, progress_crosses_a_step)
{
	static const struct {
		int32_t from_percent, from_epoch, to_percent, to_epoch;
		unsigned step;
		enum event_type type;
	} cases[] = {
		{0, 0, 9, 0, 10, EVENT_NONE},
		{0, 0, 10, 0, 10, EVENT_JOB_PROGRESS},
		{9, 0, 10, 0, 10, EVENT_JOB_PROGRESS},
		{10, 0, 19, 0, 10, EVENT_NONE},
		{10, 0, 9, 0, 10, EVENT_JOB_PROGRESS},
		{95, 0, 5, 1, 100, EVENT_JOB_PROGRESS}, /* a new epoch starts again */
		{5, 0, 5, 1, 100, EVENT_JOB_PROGRESS},
		{5, 3, 5, 2, 100, EVENT_JOB_PROGRESS},
		{0, 0, 99, 0, 100, EVENT_NONE},
		{0, 0, 100, 0, 100, EVENT_JOB_PROGRESS},
		{0, 0, 1, 0, 1, EVENT_JOB_PROGRESS},
		{33, 0, 34, 0, 34, EVENT_JOB_PROGRESS},
		{33, 0, 34, 0, 33, EVENT_NONE},
		/* No API sends these, but nothing stops one: below zero the steps are as wide. */
		{-5, 0, 5, 0, 10, EVENT_JOB_PROGRESS},
		{5, 0, -5, 0, 10, EVENT_JOB_PROGRESS},
		{-9, 0, -1, 0, 10, EVENT_NONE},
		{-10, 0, -11, 0, 10, EVENT_JOB_PROGRESS},
		{INT32_MIN, 0, INT32_MAX, 0, 1, EVENT_JOB_PROGRESS},
		{INT32_MIN, 0, INT32_MIN + 1, 0, 100, EVENT_NONE},
		{INT32_MIN, INT32_MIN, INT32_MIN, INT32_MAX, 1, EVENT_JOB_PROGRESS},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_snapshot_ struct snapshot *from =
			with_progress(cases[i].from_percent, cases[i].from_epoch);
		_cleanup_snapshot_ struct snapshot *to =
			with_progress(cases[i].to_percent, cases[i].to_epoch);
		struct transition t = diff(from, to, cases[i].step);

		cr_assert_eq(t.type, cases[i].type, "case %zu: type %d", i, (int)t.type);
		cr_assert_eq(t.changed, (unsigned)CHANGE_PROGRESS, "case %zu", i);
		cr_assert(t.differs);
	}
}
