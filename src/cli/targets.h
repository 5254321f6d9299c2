/*
 * The jobs that a command is about: its JOB arguments as full names, with the daemon's help where an
 * argument is short.
 */
#pragma once

#include "cli/cli.h"
#include "model/name.h"

struct targets {
	struct job_name *names; /* one an argument, in their order */
	size_t n;
};

void targets_done(struct targets *t);
#define _cleanup_targets_ _cleanup_(targets_done)

enum targets_rule {
	TARGETS_WATCHED, /* a short name must be one of a watched job */
	TARGETS_ANY,     /* sft/abc may be one that is not watched: of the only account */
};

/* 0, or an exit status after a sentence; where several jobs fit, it lists them. */
int targets_resolve(const struct cli *cli, enum targets_rule rule, int argc, char *const argv[],
		    struct targets *ret);

/*
 * For lists: arguments without a kind become full names, the others stay as they are. `ret_argv` is
 * the caller's to free, with what it points to, in one free(). 0, or an exit status after a sentence.
 */
int targets_expand(const struct cli *cli, int argc, char *const argv[], char ***ret_argv);
