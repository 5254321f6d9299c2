/*
 * How things stand, in one line for systemd; and what the log is told of accounts whose budget does
 * not suffice.
 */
#pragma once

#include "config/config.h"
#include "daemon/job.h"

#define SUMMARY_MAX 256 /* bytes, with the NUL */

struct summary {
	char told[SUMMARY_MAX]; /* what systemd was told last */
};

/* What the line is about; the texts are "" while all is well. */
struct summary_sources {
	const struct config *config;
	const struct accounts *accounts;
	const char *store_error, *configuration_error;
};

/* Tells systemd when it is another line than the last one. */
void summary_tell(struct summary *s, const struct summary_sources *sources);
