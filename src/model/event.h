/*
 * Events: their types, their identity, and what one says.
 *
 * An event is the durable, numbered record of one observed difference of a job, or of something the
 * watcher found out about an account. Its bytes are made once (codec/event_json) and stay the same
 * wherever it appears.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/name.h"
#include "model/snapshot.h"
#include "model/state.h"
#include "model/trouble.h"

enum event_type {
	EVENT_NONE,
	EVENT_JOB_QUEUED, /* in the order of enum phase */
	EVENT_JOB_STARTING,
	EVENT_JOB_RUNNING,
	EVENT_JOB_FINISHING,
	EVENT_JOB_PAUSED,
	EVENT_JOB_CANCELLING,
	EVENT_JOB_REMOVING,
	EVENT_JOB_SUCCEEDED,
	EVENT_JOB_EARLY_STOPPED,
	EVENT_JOB_FAILED,
	EVENT_JOB_EXPIRED,
	EVENT_JOB_CANCELLED,
	EVENT_JOB_REMOVED,
	EVENT_JOB_STATE,
	EVENT_JOB_STATUS,
	EVENT_JOB_PROGRESS,
	EVENT_JOB_FOUND,
	EVENT_JOB_STALLED,
	EVENT_JOB_RECOVERED,
	EVENT_WATCHER_DEGRADED,
	EVENT_WATCHER_RESTORED,
	EVENT_COUNT_,
};

/* "job.succeeded"; NULL for EVENT_NONE. */
const char *event_type_name(enum event_type type);

/* 0 or -ENOENT. */
int event_type_from_name(const char *name, enum event_type *ret);

/* The event of entering a phase; EVENT_JOB_STATE for PHASE_UNKNOWN. */
enum event_type event_type_of_phase(enum phase phase);

/* job.<phase> of an end phase: never dropped, never replaced. */
/* Of a job, not of an account. */
bool event_type_is_job(enum event_type type);

bool event_type_is_end(enum event_type type);

/* What an event's `changed` lists. */
enum change {
	CHANGE_STATE = 1 << 0,
	CHANGE_STATUS = 1 << 1,
	CHANGE_PROGRESS = 1 << 2,
};

#define EVENT_ID_MAX 32 /* bytes with the NUL: "evt_" and 26 characters of base32hex */

/*
 * The identity of an event: a function of endpoint, subject and sequence number, so that the same
 * transition observed again after a crash gets the same id. `endpoint` is the account's base URL
 * without a slash at its end, `subject` a job's or an account's resource name. 0 or -ENOMEM.
 */
int event_id(const char *endpoint, const char *subject, uint64_t sequence, char ret[EVENT_ID_MAX]);

/*
 * The identity of a test event, which is of no job: from a number by chance. It is told from others by
 * how it begins, so that nothing needs to be kept of it.
 */
void event_test_id(uint64_t chance, char ret[EVENT_ID_MAX]);
bool event_id_is_test(const char *id);

/* How long a job has stood still, or stood still before it moved again. */
struct event_stall {
	uint64_t still_ms; /* in watched time, model/stall.h */
	int64_t moved_us;  /* CLOCK_REALTIME of the last movement before it */
	unsigned moved;    /* enum change: what moved then; 0: nothing since it was first seen */
};

/* An event as it is handed to the encoder: views, owned by whoever made it. */
struct event {
	enum event_type type;
	char id[EVENT_ID_MAX];
	const char *endpoint; /* base URL of the account, without a slash at the end */
	const char *account;  /* account id */
	int64_t time_us;      /* CLOCK_REALTIME, when it was observed */
	uint64_t sequence;    /* per subject, from 1, without gaps */

	/* job.* */
	const struct job_name *job;
	uint32_t attempt;
	unsigned changed;                /* enum change */
	const struct snapshot *from;     /* NULL at first sight */
	const struct snapshot *to;       /* job.stalled: the same snapshot as `from` */
	const struct event_stall *stall; /* job.stalled, job.recovered; else NULL */
	/* job.paused: the account's suspendState, when that is why ("CREDIT_DEPLETED"); else "" or NULL */
	const char *suspend_state;

	bool test; /* somebody asked for it, nothing has happened */

	/* watcher.* */
	const struct outage *outage;
};
