/* Snapshots: what is kept, and that it is all kept. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "unit/model/snapshots.h"

static struct snapshot_parts full_parts(void)
{
	struct snapshot_parts parts = {
		.text = {"JOB_STATE_RUNNING", "CANCELLED", "message", "name", "base", "output",
			 "dataset", "2026-11-20T06:31:56Z", "2026-11-20T07:31:56Z"},
		.progress.given = true,
		.epochs = UINT16_MAX,
	};

	for (int i = 0; i < PROGRESS_COUNT_; i++)
		parts.progress.values[i] = i + 1;
	return parts;
}

Test(snapshot, keeps_every_part)
{
	struct snapshot_parts parts = full_parts();
	_cleanup_snapshot_ struct snapshot *s = snapshot_of(&parts);

	for (int i = 0; i < TEXT_COUNT_; i++)
		cr_assert_str_eq(snapshot_text(s, i), parts.text[i]);
	cr_assert_eq(memcmp(s->progress, parts.progress.values, sizeof(s->progress)), 0);
	cr_assert(s->progress_given);
	cr_assert_eq(s->epochs, UINT16_MAX);
	cr_assert_eq(snapshot_phase(s), PHASE_RUNNING);
}

Test(snapshot, absent_null_and_empty_are_one_value)
{
	struct snapshot_parts absent = {0}, empty = {.text[TEXT_STATUS_CODE] = "OK"};
	_cleanup_snapshot_ struct snapshot *a = snapshot_of(&absent), *b = NULL;

	for (int i = 0; i < TEXT_COUNT_; i++)
		if (i != TEXT_STATUS_CODE)
			empty.text[i] = "";
	empty.progress.values[PROGRESS_EPOCH] = 7; /* not given, so it does not count */
	b = snapshot_of(&empty);
	cr_assert(snapshot_equal(a, b));
	cr_assert_str_eq(snapshot_text(a, TEXT_STATUS_CODE), "OK");
	cr_assert_str_eq(snapshot_text(a, TEXT_STATE), "");
	cr_assert_eq(snapshot_phase(a), PHASE_UNKNOWN);
}

Test(snapshot, equality_looks_at_every_field)
{
	struct snapshot_parts parts = full_parts();
	_cleanup_snapshot_ struct snapshot *s = snapshot_of(&parts);

	for (int i = 0; i < TEXT_COUNT_; i++) {
		struct snapshot_parts other = parts;
		_cleanup_snapshot_ struct snapshot *o = NULL;

		other.text[i] = "x";
		o = snapshot_of(&other);
		cr_assert_not(snapshot_equal(s, o), "text %d", i);
	}
	{
		struct snapshot_parts other = parts;
		_cleanup_snapshot_ struct snapshot *o = NULL;

		other.epochs--;
		o = snapshot_of(&other);
		cr_assert_not(snapshot_equal(s, o), "epochs");
	}
	for (int i = 0; i < PROGRESS_COUNT_; i++) {
		struct snapshot_parts other = parts;
		_cleanup_snapshot_ struct snapshot *o = NULL;

		other.progress.values[i]++;
		o = snapshot_of(&other);
		cr_assert_not(snapshot_equal(s, o), "progress %d", i);
		other = parts;
		other.gone = true;
		snapshot_unref(o);
		o = snapshot_of(&other);
		cr_assert_not(snapshot_equal(s, o));
	}
}

Test(snapshot, texts_are_cut_at_their_maximum)
{
	for (int i = 0; i < TEXT_COUNT_; i++)
		for (int more = -1; more <= 4; more++) {
			struct snapshot_parts parts = {0};
			_cleanup_snapshot_ struct snapshot *s = NULL;
			char text[8192];
			size_t max = snapshot_text_max[i], len = (size_t)((int)max + more);

			/* The last character begins two bytes before the maximum, or later. */
			memset(text, 'x', len);
			strcpy(text + len - 2, "€");
			parts.text[i] = text;
			s = snapshot_of(&parts);
			cr_assert_eq(strlen(snapshot_text(s, i)),
				     len + 1 <= max ? len + 1 : MIN(len - 2, max), "text %d, %d", i,
				     more);
			cr_assert_eq(strncmp(snapshot_text(s, i), text,
					     len - 2 < max ? len - 2 : max),
				     0);
		}
}

Test(snapshot, all_texts_at_their_maximum)
{
	static char text[TEXT_COUNT_][5000];
	struct snapshot_parts parts = {0};
	_cleanup_snapshot_ struct snapshot *s = NULL;

	for (int i = 0; i < TEXT_COUNT_; i++) {
		memset(text[i], 'a' + i, sizeof(text[i]) - 1);
		parts.text[i] = text[i];
	}
	s = snapshot_of(&parts);
	for (int i = 0; i < TEXT_COUNT_; i++) {
		cr_assert_eq(strlen(snapshot_text(s, i)), snapshot_text_max[i]);
		cr_assert_eq(snapshot_text(s, i)[0], 'a' + i);
		cr_assert_eq(snapshot_text(s, i)[snapshot_text_max[i] - 1], 'a' + i);
	}
}

/* What was kept is all that there is: the snapshot built from its parts is the same one. */
Test(snapshot, rebuilt_from_its_parts)
{
	struct rnd r = rnd_open("snapshot");

	for (int i = 0; i < 20000; i++) {
		struct snapshot_parts parts = random_parts(&r), again;
		_cleanup_snapshot_ struct snapshot *s = snapshot_of(&parts), *copy = NULL;

		again = snapshot_parts(s);
		copy = snapshot_of(&again);
		cr_assert(snapshot_equal(s, copy));
		cr_assert(snapshot_equal(copy, s));
		cr_assert(snapshot_equal(s, s));
	}
}

Test(snapshot, gone)
{
	struct snapshot_parts parts = full_parts(), again;
	_cleanup_snapshot_ struct snapshot *s = snapshot_of(&parts), *gone = NULL, *copy = NULL;

	cr_assert_eq(snapshot_new_gone(s, &gone), 0);
	cr_assert_eq(snapshot_phase(gone), PHASE_REMOVED);
	cr_assert_str_eq(snapshot_text(gone, TEXT_STATE), "");
	cr_assert_str_eq(snapshot_text(gone, TEXT_STATUS_CODE), "OK");
	cr_assert_str_eq(snapshot_text(gone, TEXT_STATUS_MESSAGE), "");
	cr_assert_str_eq(snapshot_text(gone, TEXT_DISPLAY_NAME), "name");
	cr_assert_str_eq(snapshot_text(gone, TEXT_OUTPUT_MODEL), "output");
	again = snapshot_parts(gone);
	cr_assert(again.gone);
	copy = snapshot_of(&again);
	cr_assert(snapshot_equal(gone, copy));
	cr_assert_not(snapshot_equal(gone, s));
}

Test(snapshot, references)
{
	struct snapshot_parts parts = full_parts();
	struct snapshot *s = snapshot_of(&parts);

	cr_assert_eq(snapshot_ref(s), s);
	cr_assert_null(snapshot_unref(s));
	cr_assert_str_eq(snapshot_text(s, TEXT_DISPLAY_NAME), "name");
	cr_assert_null(snapshot_unref(s));
	cr_assert_null(snapshot_unref(NULL));
}
