/* When waiting is over, and with which exit status. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum wait_outcome {
	WAIT_GOING,
	WAIT_SUCCEEDED,
	WAIT_EARLY_STOPPED,
	WAIT_FAILED,
	WAIT_EXPIRED,
	WAIT_CANCELLED,
	WAIT_REMOVED,
	WAIT_NOT_FOUND,   /* the API never had it */
	WAIT_NOT_WATCHED, /* somebody stopped watching it */
	WAIT_OUTCOME_COUNT_,
};

/* Of a job's phase by name; what is no end goes on. */
enum wait_outcome wait_outcome_of_phase(const char *phase);

/* "succeeded", "was cancelled": what is said of the job; NULL for WAIT_GOING. */
const char *wait_outcome_verb(enum wait_outcome outcome);

/*
 * Whether all, or any, of `n` jobs have ended, and then the exit status: that of the first that did
 * not succeed; with `any` that of the job at `first`, which ended before the others.
 */
bool wait_decide(const enum wait_outcome outcomes[], size_t n, bool any, size_t first,
		 int *ret_exit_status);
