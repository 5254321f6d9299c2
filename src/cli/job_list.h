/* The jobs that status and watch show: asked for, filtered, read. */
#pragma once

#include "cli/cli.h"
#include "cli/job_filter.h"
#include "cli/job_table.h"

struct job_list {
	struct job_filter *filter;
	char **argv; /* what the filter was made of */
	bool filtered;
	unsigned parts;      /* of the table that are wanted, enum job_table_part */
	uint64_t timeout_ms; /* of a question; 0: as usual */
	struct buf body;     /* the last answer */
	struct job_table table;
};

void job_list_done(struct job_list *list);
#define _cleanup_job_list_ _cleanup_(job_list_done)

/* Reads the JOB arguments into one that is empty but for what is wanted. 0, or an exit status after a sentence. */
int job_list_init(const struct cli *cli, int argc, char *const argv[], struct job_list *ret);

/* Asks, and fills the table anew. 0, or negative as client_call(), or -EBADMSG without a status. */
int job_list_fetch(const struct cli *cli, struct job_list *list, struct client_result *ret);

/* Says what job_list_fetch() came to; returns the exit status. */
int job_list_fail(const struct cli *cli, const struct client_result *result, int r);

/* Whether every JOB argument is there: 0, or CLI_EXIT_REFUSED and sentences about those that are not. */
int job_list_missing(const struct job_list *list);
