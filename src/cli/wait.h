/* Waiting for jobs to end: tunewatch wait, and submit --wait. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/cli.h"
#include "model/name.h"

enum wait_flag {
	WAIT_ANY = 1 << 0,    /* until one has ended, not all */
	WAIT_SILENT = 1 << 1, /* print nothing */
	WAIT_KNOWN = 1 << 2,  /* they are watched already: a daemon that is away will be back */
};

/*
 * Waits until the jobs have ended, for `timeout_ms` at most (UINT64_MAX: however long); those that
 * are not watched are from then on. Prints a line a job as it ends, or with --json one document at
 * the end. `flags` are of enum wait_flag. Returns the exit status.
 */
int wait_for_jobs(const struct cli *cli, const struct job_name names[], size_t n, unsigned flags,
		  uint64_t timeout_ms);
