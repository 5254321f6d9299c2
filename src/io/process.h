/*
 * Runs a program in a session and process group of its own, with bytes on its standard input and its
 * output handed back line by line.
 *
 * It has ended when the process has exited, not when a grandchild lets go of a pipe: what is in the
 * pipes at that moment is still read, then they are closed and the rest of the group is killed.
 *
 * To end it, its group gets SIGTERM (and SIGCONT, so that a stopped one hears it), then SIGKILL.
 *
 * When the calling program is killed, its children live on. PR_SET_PDEATHSIG is not set: that would
 * take a program between fork and exec, and would end the child alone and leave the rest of its
 * group, which is no better than to leave both.
 *
 * The program starts with default signal dispositions, an empty signal mask, and no descriptors but
 * 0, 1 and 2, which are pipes; 1 and 2 are the same one, so that lines keep their order. The calling
 * program ignores SIGPIPE, since a child may close its standard input at any time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define PROCESS_LINE_MAX      896        /* bytes; longer lines are cut to fit the log's */
#define PROCESS_OUTPUT_MAX    (64 << 10) /* bytes handed on in all; the rest is read and dropped */
#define PROCESS_LINES_MAX     1000 /* lines in all: 65,536 empty ones would be as many entries */
#define PROCESS_TERM_GRACE_MS 5000 /* from SIGTERM to SIGKILL */

struct process;

struct process_options {
	char *const *argv; /* argv[0] is an absolute path; no shell, no search */
	char *const *env;  /* the whole environment; NULL: an empty one */
	const void *input; /* copied; written to standard input, which is then closed */
	size_t input_len;
	uint64_t timeout_ms; /* UINT64_MAX: none; then TERM, grace, KILL to the group */
	uint64_t grace_ms;   /* 0: PROCESS_TERM_GRACE_MS */
	/* A line of its output, without the newline; `dropped` > 0 once, last, for what was over. */
	void (*line)(void *user, const char *line, size_t len, size_t dropped);
};

struct process_result {
	int r;           /* 0: it ran; negative: it could not be started */
	int exit_status; /* 0 to 255, when signal is 0 */
	int signal;      /* that ended it, or 0 */
	bool timed_out;
	bool cancelled; /* by process_cancel() or process_kill(), before it exited or timed out */
};

/* Called exactly once, last of all, on the loop, never inside process_start(). */
typedef void (*process_fn)(void *user, const struct process_result *result);

/*
 * A program that cannot be started is also reported through `fn`. The return value is negative only
 * for -ENOMEM, and then `fn` is never called. `*ret` is valid until `fn` is called.
 */
int process_start(uv_loop_t *loop, const struct process_options *options, process_fn fn, void *user,
		  struct process **ret);

/* TERM, grace, KILL to the group; `fn` comes when it has exited. */
void process_cancel(struct process *p);

/* KILL to the group at once. */
void process_kill(struct process *p);
