/*
 * Entries for the system's log, sent without ever stopping the loop.
 *
 * One entry at a time is written on the thread pool; the others wait behind it, in order, as many as
 * the callers hand in. An entry that blocks (system_log.h) is interrupted by a signal when it is
 * cancelled: from journal_new() to `closed`, SIGUSR2 has a handler that does nothing. One journal
 * a program, so that a log that hangs holds one thread of the pool and no more.
 */
#pragma once

#include <stddef.h>
#include <uv.h>

#include "base/log.h"
#include "io/system_log.h"

#define JOURNAL_ENTRY_MAX (1UL << 20)

struct journal;
struct journal_entry; /* an entry under way */

struct journal_field {
	const char *name;  /* [A-Z0-9_]+, not MESSAGE, PRIORITY or SYSLOG_IDENTIFIER */
	const char *value; /* any text; newlines are safe. "": the field is left out */
};

/*
 * Called exactly once, on the loop, never inside journal_send() or journal_cancel(): what
 * system_log_write() returned, or -ECANCELED; a cancelled entry may still have been written.
 */
typedef void (*journal_fn)(void *user, int r);

/* `write` is system_log_write, or a test's own. 0, -ENOMEM. */
int journal_new(uv_loop_t *loop, system_log_fn write, struct journal **ret);

/*
 * Everything is copied. 0; or no callback and -ENOMEM, -EMSGSIZE for more than JOURNAL_ENTRY_MAX
 * bytes, -ECANCELED after journal_close().
 */
int journal_send(struct journal *j, enum log_level level, const char *message,
		 const struct journal_field *fields, size_t n, journal_fn fn, void *user,
		 struct journal_entry **ret);

/* The callback comes soon, with -ECANCELED. */
void journal_cancel(struct journal_entry *e);

/* Cancels what is under way, calls it back, then `closed`, and is gone. */
void journal_close(struct journal *j, void (*closed)(void *user), void *user);
