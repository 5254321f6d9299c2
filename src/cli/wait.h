/* Waiting for jobs to end: tunewatch wait, and submit --wait. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/cli.h"
#include "model/name.h"

/*
 * Waits until all, or any, of the jobs have ended, for `timeout_ms` at most (UINT64_MAX: however
 * long); those that are not watched are from then on. Prints a line a job as it ends, or with --json
 * one document at the end; nothing unless `report`. Returns the exit status.
 */
int wait_for_jobs(const struct cli *cli, const struct job_name names[], size_t n, bool any,
		  bool report, uint64_t timeout_ms);
