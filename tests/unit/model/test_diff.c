/* The difference between two snapshots. */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "model/diff.h"
#include "unit/model/snapshots.h"

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

/* A state for each phase, and what the table of the product's events calls entering the phase. */
static const struct {
	const char *state, *other; /* two states of one phase, where there are two */
	enum event_type type;
} phases[PHASE_COUNT_] = {
	[PHASE_UNKNOWN] = {"JOB_STATE_STRANGE", "", EVENT_JOB_STATE},
	[PHASE_QUEUED] = {"JOB_STATE_PENDING", "JOB_STATE_IDLE", EVENT_JOB_QUEUED},
	[PHASE_STARTING] = {"JOB_STATE_CREATING", "JOB_STATE_VALIDATING", EVENT_JOB_STARTING},
	[PHASE_RUNNING] = {"JOB_STATE_RUNNING", "RUNNING", EVENT_JOB_RUNNING},
	[PHASE_FINISHING] = {"JOB_STATE_WRITING_RESULTS", "WRITING_RESULTS", EVENT_JOB_FINISHING},
	[PHASE_PAUSED] = {"JOB_STATE_PAUSED", "PAUSED", EVENT_JOB_PAUSED},
	[PHASE_CANCELLING] = {"JOB_STATE_CANCELLING", "CANCELLING", EVENT_JOB_CANCELLING},
	[PHASE_REMOVING] = {"JOB_STATE_DELETING", "DELETING", EVENT_JOB_REMOVING},
	[PHASE_SUCCEEDED] = {"JOB_STATE_COMPLETED", "COMPLETED", EVENT_JOB_SUCCEEDED},
	[PHASE_EARLY_STOPPED] = {"JOB_STATE_EARLY_STOPPED", "EARLY_STOPPED",
				 EVENT_JOB_EARLY_STOPPED},
	[PHASE_FAILED] = {"JOB_STATE_FAILED", "JOB_STATE_FAILED_CLEANING_UP", EVENT_JOB_FAILED},
	[PHASE_EXPIRED] = {"JOB_STATE_EXPIRED", "EXPIRED", EVENT_JOB_EXPIRED},
	[PHASE_CANCELLED] = {"JOB_STATE_CANCELLED", "CANCELLED", EVENT_JOB_CANCELLED},
	[PHASE_REMOVED] = {"JOB_STATE_DELETED", "JOB_STATE_ARCHIVED", EVENT_JOB_REMOVED},
};

/* Every jump is legal, and the phase outweighs whatever else changed. */
Test(diff, every_pair_of_phases)
{
	for (enum phase a = 0; a < PHASE_COUNT_; a++)
		for (enum phase b = 0; b < PHASE_COUNT_; b++)
			for (int more = 0; more < 2; more++) {
				struct snapshot_parts from_parts = {.text[TEXT_STATE] =
									    phases[a].state};
				struct snapshot_parts to_parts = {
					.text[TEXT_STATE] =
						a == b ? phases[b].other : phases[b].state,
					.text[TEXT_STATUS_MESSAGE] = more ? "x" : "",
					.progress = {.given = more, .values = {50}},
				};
				_cleanup_snapshot_ struct snapshot *from = snapshot_of(&from_parts);
				_cleanup_snapshot_ struct snapshot *to = snapshot_of(&to_parts);
				struct transition t = diff(from, to, 10);
				unsigned changed = CHANGE_STATE;

				if (more)
					changed |= CHANGE_STATUS | CHANGE_PROGRESS;
				cr_assert_eq(snapshot_phase(from), a);
				cr_assert_eq(snapshot_phase(to), b);
				cr_assert_eq(t.type, a == b ? EVENT_JOB_STATE : phases[b].type,
					     "%s to %s: %d", phase_name(a), phase_name(b),
					     (int)t.type);
				cr_assert_eq(t.changed, changed);
				cr_assert(t.differs);
			}
}

/* 404 for a job that never had a state: the state's text stays "", the phase changes. */
Test(diff, gone_without_a_state)
{
	struct snapshot_parts parts = {0};
	_cleanup_snapshot_ struct snapshot *from = snapshot_of(&parts), *to = NULL;
	struct transition t;

	cr_assert_eq(snapshot_new_gone(from, &to), 0);
	t = diff(from, to, 10);
	cr_assert_eq(t.type, EVENT_JOB_REMOVED);
	cr_assert_eq(t.changed, (unsigned)CHANGE_STATE);
}

Test(diff, weights_below_the_phase)
{
	static const struct {
		struct snapshot_parts from, to;
		enum event_type type;
		unsigned changed;
		bool differs;
	} cases[] = {
		{{.text[TEXT_STATUS_MESSAGE] = "a"},
		 {.text[TEXT_STATUS_MESSAGE] = "b"},
		 EVENT_JOB_STATUS,
		 CHANGE_STATUS,
		 true},
		{{.text[TEXT_STATUS_CODE] = "OK"},
		 {.text[TEXT_STATUS_CODE] = "INTERNAL"},
		 EVENT_JOB_STATUS,
		 CHANGE_STATUS,
		 true},
		{{.text[TEXT_STATUS_CODE] = ""},
		 {.text[TEXT_STATUS_CODE] = "OK"},
		 EVENT_NONE,
		 0,
		 false},
		{{.text[TEXT_STATUS_MESSAGE] = "a", .progress = {true, {5}}},
		 {.text[TEXT_STATUS_MESSAGE] = "b", .progress = {true, {50}}},
		 EVENT_JOB_STATUS,
		 CHANGE_STATUS | CHANGE_PROGRESS,
		 true},
		{{.progress = {true, {5}}},
		 {.progress = {true, {5, 0, 7}}},
		 EVENT_NONE,
		 CHANGE_PROGRESS,
		 true},
		/* An object of zeros and null: the same for an event, not for what is kept. */
		{{.progress = {true, {0}}}, {.progress = {false, {0}}}, EVENT_NONE, 0, true},
		{{.text[TEXT_DISPLAY_NAME] = "a"},
		 {.text[TEXT_DISPLAY_NAME] = "b"},
		 EVENT_NONE,
		 0,
		 true},
		{{.text[TEXT_OUTPUT_MODEL] = ""},
		 {.text[TEXT_OUTPUT_MODEL] = "b"},
		 EVENT_NONE,
		 0,
		 true},
		{{.text[TEXT_CREATE_TIME] = "a"},
		 {.text[TEXT_CREATE_TIME] = "b"},
		 EVENT_NONE,
		 0,
		 true},
		{{.text[TEXT_COMPLETED_TIME] = ""},
		 {.text[TEXT_COMPLETED_TIME] = "b"},
		 EVENT_NONE,
		 0,
		 true},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_snapshot_ struct snapshot *from = snapshot_of(&cases[i].from);
		_cleanup_snapshot_ struct snapshot *to = snapshot_of(&cases[i].to);
		struct transition t = diff(from, to, 10);

		cr_assert_eq(t.type, cases[i].type, "case %zu: %d", i, (int)t.type);
		cr_assert_eq(t.changed, cases[i].changed, "case %zu: %u", i, t.changed);
		cr_assert_eq(t.differs, cases[i].differs, "case %zu", i);
	}
}

/*
 * diff(x, x) is empty; what does not differ is equal; and applying a difference, which is to keep
 * the new snapshot by its parts, gives the new one.
 */
Test(diff, random_pairs)
{
	struct rnd r = rnd_open("diff");

	for (int i = 0; i < 50000; i++) {
		struct snapshot_parts parts = random_parts(&r), again;
		_cleanup_snapshot_ struct snapshot *a = snapshot_of(&parts), *b = NULL,
						   *applied = NULL;
		unsigned step = 1 + (unsigned)rnd_below(&r, 100);
		struct transition t = diff(a, a, step), back;

		cr_assert_eq(t.type, EVENT_NONE);
		cr_assert_eq(t.changed, 0);
		cr_assert_not(t.differs);
		parts = random_parts(&r);
		b = snapshot_of(&parts);
		t = diff(a, b, step);
		back = diff(b, a, step);
		cr_assert_eq(t.differs, !snapshot_equal(a, b));
		cr_assert_eq(t.changed, back.changed);
		cr_assert_eq(t.type == EVENT_NONE, back.type == EVENT_NONE);
		cr_assert(t.changed || t.type == EVENT_NONE, "an event about nothing");
		again = snapshot_parts(t.differs ? b : a);
		applied = snapshot_of(&again);
		cr_assert(snapshot_equal(applied, b));
		cr_assert_eq(diff(applied, b, step).differs, false);
	}
}

Test(diff, first_sight)
{
	for (enum phase p = 0; p < PHASE_COUNT_; p++) {
		struct snapshot_parts parts = {.text[TEXT_STATE] = phases[p].state};
		_cleanup_snapshot_ struct snapshot *s = snapshot_of(&parts), *full = NULL;
		struct transition t = diff_first(s);

		cr_assert_eq(t.type, phase_is_end(p) ? phases[p].type : EVENT_JOB_FOUND);
		cr_assert_eq(t.changed, (unsigned)CHANGE_STATE);
		cr_assert(t.differs);
		parts.text[TEXT_STATUS_MESSAGE] = "x";
		parts.progress = (struct progress){true, {0, 1}};
		full = snapshot_of(&parts);
		cr_assert_eq(diff_first(full).changed,
			     (unsigned)(CHANGE_STATE | CHANGE_STATUS | CHANGE_PROGRESS));
	}
}
