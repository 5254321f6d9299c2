/*
 * Stalls: only time in which the account was seen counts, and a stall is told once.
 */
#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/macro.h"
#include "model/event.h"
#include "model/stall.h"
#include "support/rand.h"

enum what { END, ANSWER, LOST, RESTART };

struct step {
	enum what what;
	uint64_t at_ms;    /* ANSWER: CLOCK_MONOTONIC */
	uint64_t total_ms; /* watched time after it */
};

static const struct {
	const char *what;
	struct step steps[12];
} watches[] = {
	{"the first answer says nothing about before", {{ANSWER, 5000, 0}}},
	{"grows from answer to answer",
	 {{ANSWER, 5000, 0}, {ANSWER, 35000, 30000}, {ANSWER, 36000, 31000}}},
	{"two answers at the same time", {{ANSWER, 5000, 0}, {ANSWER, 5000, 0}, {ANSWER, 5001, 1}}},
	{"the machine sleeps: the clock stands still",
	 {{ANSWER, 5000, 0}, {ANSWER, 6000, 1000}, {ANSWER, 6001, 1001}, {ANSWER, 7000, 2000}}},
	{"a failure between answers takes all the time between them",
	 {{ANSWER, 1000, 0},
	  {LOST, 0, 0},
	  {ANSWER, 5000, 0},
	  {ANSWER, 8000, 3000},
	  {LOST, 0, 3000},
	  {LOST, 0, 3000},
	  {ANSWER, 90000, 3000},
	  {ANSWER, 90500, 3500}}},
	{"failures before the first answer",
	 {{LOST, 0, 0}, {LOST, 0, 0}, {ANSWER, 9000, 0}, {ANSWER, 9500, 500}}},
	{"a restart goes on from the total, without the time between",
	 {{ANSWER, 1000, 0},
	  {ANSWER, 4000, 3000},
	  {RESTART, 0, 3000},
	  {ANSWER, 700000, 3000},
	  {ANSWER, 701000, 4000}}},
	{"a reboot: the clock begins again",
	 {{ANSWER, 900000, 0},
	  {ANSWER, 904000, 4000},
	  {RESTART, 0, 4000},
	  {ANSWER, 50, 4000},
	  {ANSWER, 60, 4010}}},
	{"a clock that goes back counts nothing, and nothing twice",
	 {{ANSWER, 5000, 0}, {ANSWER, 6000, 1000}, {ANSWER, 2000, 1000}, {ANSWER, 6500, 1500}}},
	{"an answer in the clock's first millisecond", {{ANSWER, 0, 0}, {ANSWER, 11, 10}}},
	{"the end of all sums", {{ANSWER, 1, 0}, {ANSWER, UINT64_MAX, UINT64_MAX - 1}}},
};

Test(stall, watched_time)
{
	for (size_t i = 0; i < ARRAY_LEN(watches); i++) {
		struct watched w = {0};

		for (const struct step *s = watches[i].steps; s->what != END; s++) {
			switch (s->what) {
			case END:
				break;
			case ANSWER:
				watched_answer(&w, s->at_ms);
				break;
			case LOST:
				watched_lost(&w);
				break;
			case RESTART:
				w = (struct watched){.total_ms = w.total_ms};
				break;
			}
			cr_assert_eq(w.total_ms, s->total_ms, "%s, step %td: %lu", watches[i].what,
				     s - watches[i].steps, (unsigned long)w.total_ms);
		}
	}
}

Test(stall, watched_time_does_not_wrap)
{
	struct watched w = {.total_ms = UINT64_MAX - 5};

	watched_answer(&w, 1000);
	watched_answer(&w, 2000);
	cr_assert_eq(w.total_ms, UINT64_MAX);
}

static const struct {
	const char *what;
	struct stillness s;
	uint64_t watched_ms, budget_ms;
	uint64_t still_ms;
	bool stalls;
} stands[] = {
	{"moved just now", {.moved_watched_ms = 500}, 500, 1000, 0, false},
	{"one millisecond short", {.moved_watched_ms = 500}, 1499, 1000, 999, false},
	{"the budget is reached", {.moved_watched_ms = 500}, 1500, 1000, 1000, true},
	{"long past it", {.moved_watched_ms = 500}, UINT64_MAX, 1000, UINT64_MAX - 500, true},
	{"told already", {.moved_watched_ms = 500, .stalled = true}, 9000, 1000, 8500, false},
	{"off", {.moved_watched_ms = 0}, UINT64_MAX, UINT64_MAX, UINT64_MAX, false},
	{"off, for hours", {.moved_watched_ms = 5}, MS_PER_DAY, UINT64_MAX, MS_PER_DAY - 5, false},
	{"watched time fell behind in a crash", {.moved_watched_ms = 9000}, 8000, 1000, 0, false},
	{"it goes on from there", {.moved_watched_ms = 9000}, 10000, 1000, 1000, true},
};

Test(stall, stillness)
{
	for (size_t i = 0; i < ARRAY_LEN(stands); i++) {
		cr_assert_eq(stillness_ms(&stands[i].s, stands[i].watched_ms), stands[i].still_ms,
			     "%s", stands[i].what);
		cr_assert_eq(stillness_stalls(&stands[i].s, stands[i].watched_ms,
					      stands[i].budget_ms),
			     stands[i].stalls, "%s", stands[i].what);
	}
}

Test(stall, first_sight_is_no_movement_but_begins_the_time)
{
	struct stillness s = {.stalled = true};

	stillness_moved(&s, 0, 42, 7000);
	cr_assert_eq(s.moved, 0);
	cr_assert_eq(s.moved_us, 42);
	cr_assert_eq(stillness_ms(&s, 7500), 500);
}

Test(stall, movement_ends_a_stall_and_says_what_moved)
{
	struct stillness s;

	stillness_moved(&s, 0, 0, 0);
	cr_assert(stillness_stalls(&s, 1000, 1000));
	s.stalled = true;
	cr_assert_not(stillness_stalls(&s, 2000, 1000));
	stillness_moved(&s, CHANGE_STATUS | CHANGE_PROGRESS, 77, 2500);
	cr_assert_not(s.stalled);
	cr_assert_eq(s.moved, CHANGE_STATUS | CHANGE_PROGRESS);
	cr_assert_eq(s.moved_us, 77);
	cr_assert_not(stillness_stalls(&s, 3499, 1000));
	cr_assert(stillness_stalls(&s, 3500, 1000), "a second stall is told, too");
}

Test(stall, time_in_which_the_job_alone_was_unseen_is_skipped)
{
	struct stillness s;

	stillness_moved(&s, CHANGE_STATE, 0, 1000);
	stillness_skip(&s, 400);
	cr_assert_eq(stillness_ms(&s, 2000), 600);
	stillness_skip(&s, 5000); /* more than there was: not less than none */
	cr_assert_eq(stillness_ms(&s, 2000), 0);
	stillness_skip(&s, UINT64_MAX);
	cr_assert_eq(stillness_ms(&s, UINT64_MAX), 0);
}

/*
 * Whatever answers, failures, sleeps, restarts and movements there are: watched time is at most the
 * time that the machine was awake and the daemon ran, and stillness at most that since the movement.
 * And it is not simply nothing: without failures it is all of it.
 */
static void live(struct rnd *r, unsigned failures_in_ten)
{
	struct watched w = {0};
	struct stillness s = {0};
	uint64_t mono_ms = 1 + rnd_below(r, MS_PER_DAY), awake_ms = 0, moved_at_ms = 0;
	bool seen = false;

	for (int step = 0; step < 2000; step++) {
		uint64_t pass_ms = rnd_below(r, rnd_below(r, 5) ? 60000 : 2 * MS_PER_H);

		/* Nothing of a sleep shows in CLOCK_MONOTONIC, so there is nothing to do for it. */
		mono_ms += pass_ms;
		awake_ms += seen ? pass_ms : 0;
		if (failures_in_ten && rnd_below(r, 200) == 0) {
			w = (struct watched){.total_ms = w.total_ms};
			mono_ms = 1 + rnd_below(r, MS_PER_DAY);
		}
		if (rnd_below(r, 10) < failures_in_ten) {
			watched_lost(&w);
			continue;
		}
		watched_answer(&w, mono_ms);
		if (!seen || rnd_below(r, 20) == 0) {
			stillness_moved(&s, (unsigned)rnd_below(r, 8), 0, w.total_ms);
			moved_at_ms = awake_ms;
		}
		seen = true;
		cr_assert_leq(w.total_ms, awake_ms);
		cr_assert_leq(stillness_ms(&s, w.total_ms), awake_ms - moved_at_ms);
		if (!failures_in_ten)
			cr_assert_eq(stillness_ms(&s, w.total_ms), awake_ms - moved_at_ms);
	}
}

Test(stall, never_more_than_the_time_that_passed)
{
	struct rnd r = rnd_open("stall");

	for (unsigned round = 0; round < 200; round++)
		live(&r, round % 10);
}
