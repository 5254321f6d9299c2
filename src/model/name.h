/*
 * Names of jobs: the full resource name "accounts/acme/supervisedFineTuningJobs/abc", and the short
 * forms "acme/sft/abc" and "sft/abc".
 *
 * Account and job ids are 1 to 63 characters of [a-z0-9-] (API reference). They go into URLs and
 * into the environment of hooks as they are, so nothing else is let through.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "model/kind.h"

#define NAME_ID_MAX  63
#define NAME_JOB_MAX 192 /* bytes of the longest full name, with the NUL */

struct job_name {
	char account[NAME_ID_MAX + 1];
	enum kind kind;
	char id[NAME_ID_MAX + 1];
};

bool name_id_valid(const char *id);

/* Reads a full resource name. 0 or -EINVAL. */
int name_parse_full(const char *s, struct job_name *ret);

/* Reads any of the three forms; "sft/abc" takes `account`, which may be NULL (then -EINVAL). */
int name_parse(const char *s, const char *account, struct job_name *ret);

void name_format_full(const struct job_name *name, char ret[NAME_JOB_MAX]);

/* "acme/sft/abc" */
void name_format_short(const struct job_name *name, char ret[NAME_JOB_MAX]);
