/*
 * libcurl's multi handle on the loop: its sockets, its timer, what has become of each transfer, and
 * who lives how long. What is transferred, HTTP or mail, is the caller's.
 *
 * The callers' functions run outside of all libcurl callbacks; so they may start, cancel and close
 * as they like.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>
#include <uv.h>

#include "base/error.h"
#include "base/list.h"

struct multi;

struct multi_options {
	long max_per_host;    /* connections */
	long max_connections; /* kept or open, in all */
};

/* An easy handle that can be in a multi handle, one transfer after the other. Embedded; set `easy` and
 * `done`, and have CURLOPT_PRIVATE point here. */
struct multi_task {
	struct list node; /* in one of the multi's lists */
	struct multi *multi;
	CURL *easy; /* the caller's */
	/*
	 * Called exactly once for each multi_start(), on the loop, never inside that or
	 * multi_cancel(). The task may be started again, or freed, in it. With `cancelled`, `code`
	 * says nothing.
	 */
	void (*done)(struct multi_task *task, CURLcode code);
	bool cancelled;
	/* multi.c's own */
	uint64_t deadline_ms; /* uv_now() */
	enum { TASK_IDLE, TASK_IN_MULTI, TASK_STOPPED } state;
	CURLcode stopped_with; /* in TASK_STOPPED: what to report */
};

/* Also sets libcurl up: no easy handle is made before, and none is left after the end. */
int multi_new(uv_loop_t *loop, const struct multi_options *options, struct multi **ret,
	      struct error *ret_e);

/* `timeout_ms` is CURLOPT_TIMEOUT_MS's. 0; -ENOMEM; -ECANCELED after multi_close(). */
int multi_start(struct multi *m, struct multi_task *task, uint64_t timeout_ms);

/* `done` comes soon, with `cancelled`. Harmless where the transfer has ended. */
void multi_cancel(struct multi_task *task);

/* Transfers under way. */
size_t multi_active(const struct multi *m);

bool multi_is_closing(const struct multi *m);

/* Cancels what is under way, has it done, closes everything, then calls `closed` and is gone. */
void multi_close(struct multi *m, void (*closed)(void *user), void *user);
