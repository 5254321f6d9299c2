/*
 * Starts systemd's units and follows each start to its end, over D-Bus (org.freedesktop.systemd1(5)).
 *
 * The end is that of the job by which systemd starts the unit. For a service of Type=oneshot that is
 * when its programs have ended, for others when it is up.
 */
#pragma once

#include <stdbool.h>

#include "io/bus.h"

struct units;
struct unit_start; /* a start under way */

enum unit_end {
	UNIT_DONE,
	UNIT_FAILED,     /* `result` says how */
	UNIT_TIMED_OUT,  /* after the unit's own TimeoutStartSec= or JobTimeoutSec= */
	UNIT_CANCELED,   /* somebody stopped it, or the machine goes down */
	UNIT_DEPENDENCY, /* it did not run, because a unit that it needs failed */
	UNIT_SKIPPED,    /* it did not run, because a condition of its own was not met */
	UNIT_NOT_RUN,    /* it did not run; `result` says why: "assert", "unsupported", … */
	UNIT_ACTIVE,     /* it was active before, so nothing was started */
	UNIT_BUSY,    /* it was being started or stopped for somebody else, also by another start of
			     ours; left alone */
	UNIT_REFUSED, /* unknown, masked, badly written; or of a type whose start says nothing */
	UNIT_DENIED,  /* the daemon is not allowed to start it */
	UNIT_UNKNOWN, /* nobody to ask, or nobody said how it ended: it may be running */
	UNIT_INTERRUPTED, /* by unit_start_cancel(): it may be running */
};

#define UNIT_DETAIL_MAX 256

struct unit_result {
	enum unit_end end;
	/* With UNIT_FAILED, `Result` of org.freedesktop.systemd1.Service; the job's with UNIT_NOT_RUN. */
	char result[32];
	int exit_status; /* of the main process, with result "exit-code"; else -1 */
	int signal;      /* that ended it, with "signal" and "core-dump"; else 0 */
	char detail
		[UNIT_DETAIL_MAX]; /* what D-Bus says, with REFUSED, DENIED and UNKNOWN; else "" */
};

/* Called exactly once, on the loop, never inside units_start() or unit_start_cancel(). */
typedef void (*unit_fn)(void *user, const struct unit_result *result);

/* On the system's bus for its manager, on the user's for theirs. `bus` outlives it. */
int units_new(uv_loop_t *loop, struct bus *bus, struct units **ret);

struct unit_start_options {
	const char *name; /* copied */
	bool join;        /* when it is being started already, follow that; else leave it alone */
	/* Called with `user` right before systemd is asked to start it; negative: it is not. */
	int (*prepare)(void *user);
};

/* 0; or no callback and -ENOMEM, -EINVAL, -ECANCELED. */
int units_start(struct units *u, const struct unit_start_options *options, unit_fn fn, void *user,
		struct unit_start **ret);

/* The callback comes soon; the unit goes on. */
void unit_start_cancel(struct unit_start *s);

/* No start is under way, and the bus was closed. `closed` comes when the loop has let go. */
void units_close(struct units *u, void (*closed)(void *user), void *user);
