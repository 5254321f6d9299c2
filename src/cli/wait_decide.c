/* When waiting is over. */
#include "cli/wait_decide.h"

#include "cli/cli.h"
#include "model/state.h"

static const struct {
	const char *verb;
	int exit_status;
} outcomes_said[WAIT_OUTCOME_COUNT_] = {
	[WAIT_SUCCEEDED] = {"succeeded", 0},
	[WAIT_EARLY_STOPPED] = {"stopped early", CLI_EXIT_EARLY_STOPPED},
	[WAIT_FAILED] = {"failed", CLI_EXIT_FAILED},
	[WAIT_EXPIRED] = {"expired", CLI_EXIT_FAILED},
	[WAIT_CANCELLED] = {"was cancelled", CLI_EXIT_CANCELLED},
	[WAIT_REMOVED] = {"was removed", CLI_EXIT_REMOVED},
	[WAIT_NOT_FOUND] = {"is not known to the API", CLI_EXIT_REMOVED},
	[WAIT_NOT_WATCHED] = {"is not watched any more", CLI_EXIT_REMOVED},
};

enum wait_outcome wait_outcome_of_phase(const char *phase)
{
	static const enum wait_outcome of[PHASE_COUNT_] = {
		[PHASE_SUCCEEDED] = WAIT_SUCCEEDED, [PHASE_EARLY_STOPPED] = WAIT_EARLY_STOPPED,
		[PHASE_FAILED] = WAIT_FAILED,       [PHASE_EXPIRED] = WAIT_EXPIRED,
		[PHASE_CANCELLED] = WAIT_CANCELLED, [PHASE_REMOVED] = WAIT_REMOVED,
	};
	enum phase p;

	return phase_from_name(phase, &p) == 0 ? of[p] : WAIT_GOING;
}

const char *wait_outcome_verb(enum wait_outcome outcome)
{
	return outcomes_said[outcome].verb;
}

bool wait_decide(const enum wait_outcome outcomes[], size_t n, bool any, size_t first,
		 int *ret_exit_status)
{
	int exit_status = 0;

	if (any && first >= n)
		return false;
	if (any) {
		*ret_exit_status = outcomes_said[outcomes[first]].exit_status;
		return true;
	}
	for (size_t i = 0; i < n; i++) {
		if (outcomes[i] == WAIT_GOING)
			return false;
		if (!exit_status)
			exit_status = outcomes_said[outcomes[i]].exit_status;
	}
	*ret_exit_status = exit_status;
	return true;
}
