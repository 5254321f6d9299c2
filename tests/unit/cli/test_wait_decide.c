/* When waiting is over. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"
#include "cli/wait_decide.h"
#include "model/state.h"

Test(wait_decide, phases)
{
	static const struct {
		const char *phase;
		enum wait_outcome outcome;
	} cases[] = {
		{"succeeded", WAIT_SUCCEEDED},
		{"early_stopped", WAIT_EARLY_STOPPED},
		{"failed", WAIT_FAILED},
		{"expired", WAIT_EXPIRED},
		{"cancelled", WAIT_CANCELLED},
		{"removed", WAIT_REMOVED},
		{"", WAIT_GOING},
		{"of-tomorrow", WAIT_GOING},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cr_assert_eq(wait_outcome_of_phase(cases[i].phase), cases[i].outcome, "%s",
			     cases[i].phase);
	/* An end of the model is an end here, and nothing else is. */
	for (int p = 0; p < PHASE_COUNT_; p++)
		cr_assert_eq(wait_outcome_of_phase(phase_name((enum phase)p)) != WAIT_GOING,
			     phase_is_end((enum phase)p), "%s", phase_name((enum phase)p));
	for (int o = WAIT_GOING + 1; o < WAIT_OUTCOME_COUNT_; o++)
		cr_assert_not_null(wait_outcome_verb((enum wait_outcome)o));
}

Test(wait_decide, one_job)
{
	static const int exits[WAIT_OUTCOME_COUNT_] = {
		[WAIT_SUCCEEDED] = 0, [WAIT_EARLY_STOPPED] = 5, [WAIT_FAILED] = 1,
		[WAIT_EXPIRED] = 1,   [WAIT_CANCELLED] = 3,     [WAIT_REMOVED] = 4,
		[WAIT_NOT_FOUND] = 4, [WAIT_NOT_WATCHED] = 4,
	};

	for (int o = WAIT_GOING + 1; o < WAIT_OUTCOME_COUNT_; o++) {
		enum wait_outcome outcome = (enum wait_outcome)o;
		int got = -1;

		cr_assert(wait_decide(&outcome, 1, false, 0, &got));
		cr_assert_eq(got, exits[o], "%d: %d", o, got);
		cr_assert(wait_decide(&outcome, 1, true, 0, &got));
		cr_assert_eq(got, exits[o]);
	}
}

Test(wait_decide, several_jobs)
{
	static const struct {
		enum wait_outcome outcomes[3];
		bool any;
		size_t first;
		bool over;
		int exit_status;
	} cases[] = {
		{{WAIT_GOING, WAIT_FAILED, WAIT_FAILED}, false, 1, false, 0},
		{{WAIT_SUCCEEDED, WAIT_SUCCEEDED, WAIT_GOING}, false, 0, false, 0},
		{{WAIT_SUCCEEDED, WAIT_SUCCEEDED, WAIT_SUCCEEDED}, false, 2, true, 0},
		{{WAIT_SUCCEEDED, WAIT_CANCELLED, WAIT_FAILED}, false, 2, true, 3},
		{{WAIT_EARLY_STOPPED, WAIT_CANCELLED, WAIT_FAILED}, false, 2, true, 5},
		{{WAIT_SUCCEEDED, WAIT_SUCCEEDED, WAIT_REMOVED}, false, 2, true, 4},
		{{WAIT_GOING, WAIT_GOING, WAIT_GOING}, true, 3, false, 0},
		{{WAIT_GOING, WAIT_FAILED, WAIT_GOING}, true, 1, true, 1},
		{{WAIT_FAILED, WAIT_GOING, WAIT_SUCCEEDED}, true, 2, true, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int got = 0;

		cr_assert_eq(wait_decide(cases[i].outcomes, 3, cases[i].any, cases[i].first, &got),
			     cases[i].over, "case %zu", i);
		cr_assert_eq(got, cases[i].exit_status, "case %zu: %d", i, got);
	}
}
