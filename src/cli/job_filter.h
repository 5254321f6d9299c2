/* Which jobs a command is about: the JOB arguments. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/macro.h"
#include "model/name.h"

struct job_filter;

/* Reads the arguments, in any form of a job's name. 0, -ENOMEM, -EINVAL and the bad argument. */
int job_filter_new(int argc, char *const argv[], struct job_filter **ret, const char **ret_bad);
struct job_filter *job_filter_free(struct job_filter *f); /* takes NULL, returns NULL */
DEFINE_CLEANUP(struct job_filter *, job_filter_free);
#define _cleanup_job_filter_ _cleanup_(job_filter_freep)

/* Whether the job is one of them; all are when no argument was given. Notes which ones it met. */
bool job_filter_match(struct job_filter *f, const char *full_name);

/* Forgets which ones it met. */
void job_filter_forget(struct job_filter *f);

/* The next argument that no job matched, from `*i` on; NULL when there is none left. */
const char *job_filter_unmatched(const struct job_filter *f, size_t *i);
