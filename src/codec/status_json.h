/*
 * What the control socket tells of the daemon, as JSON, and back for the command line.
 *
 * Views: whoever fills one owns what it points at. Texts are never NULL; "" is left out or null in
 * the JSON where that says more. Times are microseconds of CLOCK_REALTIME, 0 for never, and RFC 3339
 * in the JSON.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "codec/job_member.h"
#include "model/event.h"
#include "model/name.h"
#include "model/snapshot.h"

#define STATUS_JSON_MAX (256UL << 20) /* bytes of the largest answer: 100,000 jobs fit */

struct job_view {
	const char *name; /* full resource name */
	const char *account, *kind, *id;
	const char *text[TEXT_COUNT_];
	const char *phase; /* "" for a job that has not been seen yet */
	struct progress progress;
	uint16_t epochs; /* how many the job trains; 0: not known */
	uint32_t attempt;
	uint64_t sequence;
	int64_t phase_since_us, last_poll_us, next_poll_us;
	int64_t eta_us, eta_low_us, eta_high_us; /* the probable end; 0: nothing sensible to say */
	int64_t moved_us;                        /* the last movement; 0: not seen yet */
	uint64_t still_ms;                       /* since then, in watched time (model/stall.h) */
	uint64_t stall_budget_ms; /* job.stalled comes then; UINT64_MAX: it does not */
	bool stalled;
	const char *last_error; /* of the last poll, when it failed */
	bool not_found;         /* never seen, and the API says that there is no such job */
	bool added;             /* watched because somebody asked for it */
	bool notify_chosen;     /* its notifiers were chosen: */
	const char *const *notify;
	size_t n_notify;      /* at most ROUTE_MAX */
	const char *document; /* when read: the bytes, `document_len` of them; not written */
	size_t document_len;
};

/* How one kind of an account is looked at. */
struct collection_view {
	const char *kind;
	size_t jobs;            /* in the collection; 0 while not known */
	const char *without;    /* what the server does not take: "filter readMask", … or "" */
	const char *last_error; /* of its lists, where that concerns them alone; or "" */
	bool unseen;            /* its jobs are discovered, but no list was read since the start */
};

struct account_view {
	const char *name, *account, *endpoint;
	bool in_sight;       /* the last answer was well-formed, or none was asked for yet */
	bool degraded;       /* watcher.degraded was told */
	const char *trouble; /* class of the trouble, "" when in sight */
	const char *last_error;
	int64_t out_since_us;
	uint32_t requests_per_minute;
	uint32_t rate;               /* requests a minute now: less after a 429 */
	uint64_t requests, failures; /* since the start */
	size_t jobs;
	uint64_t wanted_ms, freshness_ms; /* between two looks at the active job that is furthest
					     behind: what is wanted, and the longest there was
					     last, or is; 0: no active job */
	const char *suspend_state;        /* of the account, as the API has it; "" not known */
	const struct collection_view *collections;
	size_t n_collections;
};

struct notifier_view {
	const char *name, *type;
	uint64_t events; /* bit per enum event_type that it takes */
	bool off;        /* switched off until reload, by a 410 */
	bool removed;    /* not in the configuration; what waits for it stays */
	size_t pending;  /* deliveries that wait or run */
	size_t running;
	uint64_t delivered, retried, dead; /* since the start */
	uint64_t skipped;                  /* not taken: off, or too many waited */
	uint64_t replaced;                 /* progress that newer progress stands for */
	const char *last_error;
};

struct status_view {
	const char *version;
	int64_t started_us, now_us;
	long pid;
	const struct account_view *accounts;
	size_t n_accounts;
	const struct notifier_view *notifiers;
	size_t n_notifiers;
	size_t jobs_by_phase[PHASE_COUNT_];
	bool store_failing;
	const char *store_error;
	size_t store_waiting;                            /* batches that are not durable yet */
	uint64_t longest_stall_ms, longest_stall_cpu_ms; /* of the loop */
	const char *configuration_error;                 /* the last reload was refused: why */
};

/* One document: {"version":…,"accounts":[…],…}. 0, -ENOMEM, -EMSGSIZE. */
int status_json_format(const struct status_view *v, struct buf *b);

/*
 * {"jobs":[ … ]}: begin, one job a call, end. A call that fails has appended nothing. Right behind
 * another document, status_json_job() writes a comma first. Of the members, those in `mask` are
 * written; NULL: all.
 */
int status_json_jobs_begin(struct buf *b);
int status_json_job(const struct job_view *v, const struct job_mask *mask, struct buf *b);
int status_json_jobs_end(struct buf *b);

/* {"notifiers":[ … ]}: those of the status document, and which events they take. */
int status_json_notifiers(const struct notifier_view *views, size_t n, struct buf *b);

/* {"error":{"code":"…","message":"…"}} */
int status_json_error(const char *code, const char *message, struct buf *b);

/* {"status":"ok"} or {"status":"failing","reasons":["…"]} */
int status_json_health(const char *const *reasons, size_t n, struct buf *b);

typedef int (*status_json_fn)(void *user, const struct job_view *v);

/*
 * Reads what was written with `mask` (NULL: all); calls `fn` for each job, with views that live in the
 * call. What the mask leaves out is "", 0, false and off, and so is what a daemon of before does not
 * have; members of a later one are skipped. Jobs before a malformed one have been called by then. 0,
 * -EBADMSG, -ENOMEM, or fn's first negative value.
 */
int status_json_parse_jobs(const char *body, size_t len, const struct job_mask *mask,
			   status_json_fn fn, void *user);

/* What is read of a status document, or of one with its notifiers alone; views live in the call. NULL
   for what is not wanted. */
struct status_reader {
	/* name, account, in_sight, degraded, last_error, out_since_us, rate, wanted_ms,
	   freshness_ms; of its collections kind, unseen and last_error */
	int (*account)(void *user, const struct account_view *v);
	/* name, type, off, removed, pending, running, delivered, retried, dead, last_error */
	int (*notifier)(void *user, const struct notifier_view *v);
	/* "" where all is well */
	int (*errors)(void *user, const char *store, const char *configuration);
};

/* 0, -EBADMSG, -ENOMEM, or the first negative value that one of them returned. */
int status_json_parse_status(const char *body, size_t len, const struct status_reader *reader,
			     void *user);

/* The message in an error document, fit to be shown, or "". `size` is not 0. */
void status_json_parse_error(const char *body, size_t len, char *ret, size_t size);
