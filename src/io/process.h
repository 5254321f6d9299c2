/*
 * Runs a program in a session and process group of its own, with bytes on its standard input and its
 * output handed back line by line.
 *
 * It has ended when the process has exited, not when a grandchild lets go of a pipe: what is in the
 * pipes at that moment is still read, then they are closed and the rest of the group is killed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"

#define PROCESS_LINE_MAX      1024       /* bytes; longer lines are cut into pieces */
#define PROCESS_OUTPUT_MAX    (64 << 10) /* bytes handed on in all; the rest is read and dropped */
#define PROCESS_TERM_GRACE_MS 5000       /* from SIGTERM to SIGKILL */

struct process;

struct process_options {
	char *const *argv; /* argv[0] is an absolute path; no shell, no search */
	char *const *env;  /* the whole environment */
	const void *input; /* copied; written to standard input, which is then closed */
	size_t input_len;
	uint64_t timeout_ms; /* UINT64_MAX: none; then TERM, 5 s, KILL to the group */
	/* A line of its output, without the newline; `dropped` > 0 once, last, for what was over. */
	void (*line)(void *user, const char *line, size_t len, size_t dropped);
};

struct process_result {
	int r;           /* 0: it ran; negative: it could not be started */
	int exit_status; /* 0 to 255, when signal is 0 */
	int signal;      /* that ended it, or 0 */
	bool timed_out;
	bool cancelled;
};

/* Called exactly once, on the loop, never inside process_start(). */
typedef void (*process_fn)(void *user, const struct process_result *result);

/*
 * A program that cannot be started is also reported through `fn`. The return value is negative only
 * for -ENOMEM, and then `fn` is never called.
 */
int process_start(uv_loop_t *loop, const struct process_options *options, process_fn fn, void *user,
		  struct process **ret);

/* TERM, 5 s, KILL to the group; `fn` comes when it has exited. */
void process_cancel(struct process *p);

/* KILL to the group at once. */
void process_kill(struct process *p);
