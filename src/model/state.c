/* States and phases. */
#include "model/state.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/macro.h"

static const char *const phase_names[PHASE_COUNT_] = {
	[PHASE_UNKNOWN] = "unknown",       [PHASE_QUEUED] = "queued",
	[PHASE_STARTING] = "starting",     [PHASE_RUNNING] = "running",
	[PHASE_FINISHING] = "finishing",   [PHASE_PAUSED] = "paused",
	[PHASE_CANCELLING] = "cancelling", [PHASE_REMOVING] = "removing",
	[PHASE_SUCCEEDED] = "succeeded",   [PHASE_EARLY_STOPPED] = "early_stopped",
	[PHASE_FAILED] = "failed",         [PHASE_EXPIRED] = "expired",
	[PHASE_CANCELLED] = "cancelled",   [PHASE_REMOVED] = "removed",
};

static const struct {
	const char *state; /* without its prefix */
	enum phase phase;
} state_table[] = {
	{"PENDING", PHASE_QUEUED},
	{"RE_QUEUEING", PHASE_QUEUED},
	{"IDLE", PHASE_QUEUED},
	{"CREATING", PHASE_STARTING},
	{"CREATING_INPUT_DATASET", PHASE_STARTING},
	{"VALIDATING", PHASE_STARTING},
	{"RUNNING", PHASE_RUNNING},
	{"READY", PHASE_RUNNING},
	{"ROLLOUT", PHASE_RUNNING},
	{"EVALUATION", PHASE_RUNNING},
	{"POLICY_UPDATE", PHASE_RUNNING},
	{"WRITING_RESULTS", PHASE_FINISHING},
	{"PAUSED", PHASE_PAUSED},
	{"CANCELLING", PHASE_CANCELLING},
	{"DELETING", PHASE_REMOVING},
	{"DELETING_CLEANING_UP", PHASE_REMOVING},
	{"COMPLETED", PHASE_SUCCEEDED},
	{"EARLY_STOPPED", PHASE_EARLY_STOPPED},
	{"FAILED", PHASE_FAILED},
	{"FAILED_CLEANING_UP", PHASE_FAILED},
	{"EXPIRED", PHASE_EXPIRED},
	{"CANCELLED", PHASE_CANCELLED},
	{"DELETED", PHASE_REMOVED},
	{"ARCHIVED", PHASE_REMOVED},
};

const char *phase_name(enum phase phase)
{
	return phase_names[phase];
}

int phase_from_name(const char *name, enum phase *ret)
{
	for (enum phase p = 0; p < PHASE_COUNT_; p++)
		if (strcmp(phase_names[p], name) == 0) {
			*ret = p;
			return 0;
		}
	return -ENOENT;
}

bool phase_is_active(enum phase phase)
{
	return phase >= PHASE_QUEUED && phase <= PHASE_PAUSED;
}

enum phase state_phase(const char *state)
{
	static const char *const prefixes[] = {"JOB_STATE_", "STATE_"};

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		size_t len = strlen(prefixes[i]);

		if (strncmp(state, prefixes[i], len) == 0) {
			state += len;
			break;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(state_table); i++)
		if (strcmp(state_table[i].state, state) == 0)
			return state_table[i].phase;
	return PHASE_UNKNOWN;
}

struct attempt attempt_after(struct attempt attempt, enum phase phase)
{
	if (phase_is_end(phase)) {
		attempt.ended = true;
	} else if (attempt.ended && phase_is_active(phase)) {
		attempt.number++;
		attempt.ended = false;
	}
	return attempt;
}
