/* States, phases, attempts. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "model/state.h"

static const struct {
	const char *state;
	enum phase phase;
} states[] = {
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
	{"UNSPECIFIED", PHASE_UNKNOWN},
};

Test(state, phases_of_states)
{
	static const char *const prefixes[] = {"", "JOB_STATE_", "STATE_"};

	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		for (size_t k = 0; k < ARRAY_LEN(prefixes); k++) {
			char text[64];

			snprintf(text, sizeof(text), "%s%s", prefixes[k], states[i].state);
			cr_assert_eq(state_phase(text), states[i].phase, "%s", text);
		}
}

Test(state, anything_else_is_unknown)
{
	static const char *const unknown[] = {
		"",
		"JOB_STATE_",
		"STATE_",
		"running",
		" RUNNING",
		"RUNNING ",
		"RUNNIN",
		"RUNNINGX",
		"JOB_STATE",
		"JOB_STATE_running",
		"STATE_JOB_STATE_RUNNING",
		"JOB_STATE_STATE_RUNNING",
		"JOB_STATE_DREAMING",
		"JOB_STATUS_RUNNING",
	};

	for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
		cr_assert_eq(state_phase(unknown[i]), PHASE_UNKNOWN, "%s", unknown[i]);
}

Test(state, phase_names_and_groups)
{
	static const struct {
		enum phase phase;
		const char *name;
		bool active, end;
	} cases[] = {
		{PHASE_UNKNOWN, "unknown", false, false},
		{PHASE_QUEUED, "queued", true, false},
		{PHASE_STARTING, "starting", true, false},
		{PHASE_RUNNING, "running", true, false},
		{PHASE_FINISHING, "finishing", true, false},
		{PHASE_PAUSED, "paused", true, false},
		{PHASE_CANCELLING, "cancelling", false, false},
		{PHASE_REMOVING, "removing", false, false},
		{PHASE_SUCCEEDED, "succeeded", false, true},
		{PHASE_EARLY_STOPPED, "early_stopped", false, true},
		{PHASE_FAILED, "failed", false, true},
		{PHASE_EXPIRED, "expired", false, true},
		{PHASE_CANCELLED, "cancelled", false, true},
		{PHASE_REMOVED, "removed", false, true},
	};
	enum phase phase = PHASE_PAUSED;

	cr_assert_eq(ARRAY_LEN(cases), PHASE_COUNT_);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cr_assert_str_eq(phase_name(cases[i].phase), cases[i].name);
		cr_assert_eq(phase_from_name(cases[i].name, &phase), 0);
		cr_assert_eq(phase, cases[i].phase);
		cr_assert_eq(phase_is_active(cases[i].phase), cases[i].active, "%s", cases[i].name);
		cr_assert_eq(phase_is_end(cases[i].phase), cases[i].end, "%s", cases[i].name);
	}
	phase = PHASE_PAUSED;
	cr_assert_eq(phase_from_name("Running", &phase), -ENOENT);
	cr_assert_eq(phase_from_name("", &phase), -ENOENT);
	cr_assert_eq(phase, PHASE_PAUSED);
}

/* One letter a phase: q r p c(ancelling) d(eleting) u(nknown) S(ucceeded) F(ailed) D(eleted). */
static enum phase phase_of_letter(char c)
{
	static const struct {
		char letter;
		enum phase phase;
	} letters[] = {
		{'q', PHASE_QUEUED},     {'r', PHASE_RUNNING},  {'p', PHASE_PAUSED},
		{'c', PHASE_CANCELLING}, {'d', PHASE_REMOVING}, {'S', PHASE_SUCCEEDED},
		{'F', PHASE_FAILED},     {'D', PHASE_REMOVED},
	};

	for (size_t i = 0; i < ARRAY_LEN(letters); i++)
		if (letters[i].letter == c)
			return letters[i].phase;
	return PHASE_UNKNOWN;
}

Test(state, attempts)
{
	static const struct {
		const char *phases, *numbers;
	} cases[] = {
		{"qrS", "111"}, {"qrSr", "1112"}, {"rFqrSr", "112223"}, {"rprpS", "11111"},
		{"SSS", "111"}, {"SF", "11"},   /* an end after an end is no new attempt */
		{"FuF", "111"},                 /* nor is a state that nobody knows */
		{"Fuq", "112"}, {"SdD", "111"}, /* nor is being deleted */
		{"FcF", "111"}, {"SdDr", "1112"}, {"FrFrF", "12233"},   {"uuq", "111"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct attempt a = {.number = 1};

		for (size_t k = 0; cases[i].phases[k]; k++) {
			/* The same phase again changes nothing. */
			for (int again = 0; again < 3; again++) {
				a = attempt_after(a, phase_of_letter(cases[i].phases[k]));
				cr_assert_eq(a.number, (uint32_t)(cases[i].numbers[k] - '0'),
					     "%s at %zu: %u", cases[i].phases, k, a.number);
			}
		}
	}
}
