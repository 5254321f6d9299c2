/* Which watched job an argument means. Pure. */
#pragma once

#include <stddef.h>

#include "model/name.h"

/*
 * Looks for `argument` among the names of watched jobs: a full name, acme/sft/abc, sft/abc (of any
 * account), abc (of any kind), and where no job is called so, the beginning of an id. Returns how many
 * jobs fit, and where the first `max` of them stand; 0 also for a name of a job that is not among
 * them. -EINVAL: the argument is no name.
 */
int job_match(const char *argument, const struct job_name names[], size_t n, size_t ret_at[],
	      size_t max);
