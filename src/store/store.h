/*
 * What is durable: snapshots, events, deliveries, outages, baselines.
 *
 * One SQLite database, state.db in the state directory, WAL and synchronous=FULL, so that what
 * store_apply() has acknowledged survives a power cut. One thread uses a store at a time; which one
 * may change (the thread pool's). Nothing here knows the loop.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/event.h"
#include "model/outbox.h"
#include "model/snapshot.h"
#include "model/stall.h"
#include "model/state.h"
#include "model/trouble.h"

struct store;

/*
 * Opens the database in `dir`, makes both when they are not there (mode 0700 and 0600), migrates an
 * older schema in one transaction. Errors, all with a sentence that says what to do, and the file
 * untouched: -EBUSY another daemon uses the directory (its pid is named); -EPROTO the database is
 * of a newer version; -EUCLEAN it is not a database, or damaged; else what the system said.
 */
int store_open(const char *dir, struct store **ret, struct error *ret_e);
struct store *store_close(struct store *s); /* takes NULL, returns NULL */
DEFINE_CLEANUP(struct store *, store_close);

/* An event with its bytes: shared by its deliveries, counted by the loop's thread only. */
struct event_record {
	unsigned refs;
	enum event_type type;
	uint64_t sequence;
	uint64_t number; /* its place in history, from 1, with gaps; 0 until it is in the store */
	int64_t time_us;
	char id[EVENT_ID_MAX];
	char subject[NAME_JOB_MAX]; /* resource name of the job or account */
	size_t len;
	char body[]; /* the document, `len` bytes and a NUL */
};

int event_record_new(const struct event *event, const char *subject, const char *body, size_t len,
		     struct event_record **ret);
struct event_record *event_record_ref(struct event_record *r);
struct event_record *event_record_unref(struct event_record *r); /* takes NULL, returns NULL */

enum delivery_state {
	DELIVERY_PENDING,
	DELIVERY_DELIVERED,
	DELIVERY_DEAD,
	DELIVERY_SKIPPED,
	DELIVERY_STATE_COUNT_,
};
const char *delivery_state_name(enum delivery_state state);

#define STORE_NOTIFIER_MAX 64  /* bytes of a notifier's name, with the NUL */
#define STORE_ERROR_MAX    256 /* bytes of a delivery's last error, with the NUL */

enum store_op_type {
	STORE_JOB,      /* insert or replace a job's row */
	STORE_JOB_DROP, /* a job that is no longer watched: its row goes, its events stay */
	STORE_EVENT,    /* insert; the same id again is ignored */
	STORE_DELIVERY, /* insert; (event, notifier) is unique, again is ignored */
	STORE_ATTEMPT,  /* a pending delivery's try has begun: its tries */
	STORE_VERDICT,  /* a delivery's new state, tries, due time, error */
	STORE_MODEL,    /* what a pending delivery says of its output model */
	STORE_REPLACE,  /* a pending delivery is skipped for a newer one, which counts it */
	STORE_NOTIFIER, /* insert or replace what is known of a notifier */
	STORE_ACCOUNT,  /* insert or update an account's row: sequence and open outage */
	STORE_WATCHED,  /* insert or update an account's row: its watched time */
	STORE_BASELINE, /* a watch has its baseline of one kind */
	STORE_OVERRIDE, /* insert or replace what somebody asked for of one job */
	STORE_OVERRIDE_DROP,
	STORE_SUBMISSION, /* insert or replace a job that is about to be created */
	STORE_SUBMISSION_DROP,
};

/* What is known of a notifier beside its deliveries: times are us of CLOCK_REALTIME. */
struct store_notifier {
	const char *name;
	int64_t since_us;   /* it is in the configuration since then, without a gap; 0: for ever */
	int64_t removed_us; /* it is not in the configuration since then; 0: it is */
};

/* One change. Pointers are views that stay valid until the batch is done. */
struct store_op {
	enum store_op_type type;
	union {
		struct {
			const char *endpoint, *name; /* together the key */
			struct snapshot *snapshot;
			struct attempt attempt;
			uint64_t sequence; /* of its last event */
			int64_t phase_since_us;
			struct stillness still;
		} job;
		struct event_record *event;
		struct {
			const char *event_id;
			const char *notifier;
			int64_t created_us;
			enum delivery_state state; /* PENDING; SKIPPED or DEAD: not taken at all */
			const char *error;         /* why not; "" when pending */
		} delivery;
		struct {
			const char *event_id;
			const char *notifier;
			unsigned tries; /* with this one */
		} attempt;
		struct {
			const char *event_id;
			const char *notifier;
			enum delivery_state state;
			unsigned tries;
			int64_t due_us; /* CLOCK_REALTIME of the next try, when pending */
			const char *error;
		} verdict;
		struct {
			const char *event_id;
			const char *notifier;
			enum model_ready ready;
		} model;
		struct {
			const char *event_id; /* becomes SKIPPED */
			const char *by_id;    /* its `replaced` grows by one, and by the other's */
			const char *notifier; /* of both */
		} replace;
		struct store_notifier notifier;
		struct {
			const char *endpoint, *account;
			uint64_t sequence;
			const struct outage *outage; /* the announced one that lasts; NULL: none */
		} account;
		struct {
			const char *endpoint, *account;
			uint64_t watched_ms;
		} watched;
		struct {
			const char *endpoint, *account, *watch;
			enum kind kind;
		} baseline;
		struct {
			const char *endpoint, *name; /* together the key */
			bool watched;                /* or not, whatever the configuration says */
			const char *notify;          /* names joined by commas; NULL: none chosen */
		} override;
		struct {
			const char *endpoint, *name; /* together the key */
			const char *body;            /* what is sent, without secrets */
			const char *notify;
		} submission;
	};
};

/*
 * Applies all changes in one transaction: all or none. 0; -ENOSPC, -EROFS, -EIO, -EBUSY, … with a
 * sentence. After a failure the same call may be made again. It sets the number of its events'
 * records, which nobody may look at before it has returned, and touches nothing else of them.
 *
 * A delivery of an event that is not in the store, and was not made before it in the same call, is
 * refused. Attempts, verdicts, models and replacements of deliveries that are not there, or not
 * pending any more (but a verdict may bring one back), change nothing; making them again changes
 * nothing.
 * -ENOENT: its file is not there any more, or another one is in its place.
 * -EUCLEAN: the database is damaged. It does not get well by waiting.
 */
int store_apply(struct store *s, const struct store_op *ops, size_t n, struct error *ret_e);

/* What is read at the start. Views, valid inside the call; a negative return stops the load. */
struct store_loader {
	int (*job)(void *user, const char *endpoint, const char *name, struct snapshot *snapshot,
		   struct attempt attempt, uint64_t sequence, int64_t phase_since_us,
		   const struct stillness *still);
	int (*account)(void *user, const char *endpoint, const char *account, uint64_t sequence,
		       const struct outage *outage, uint64_t watched_ms);
	int (*baseline)(void *user, const char *endpoint, const char *account, const char *watch,
			enum kind kind);
	/*
	 * Each notifier that is known or has deliveries, how many of these are pending, and when
	 * the one with the oldest event was created (0: none is pending). One
	 * that STORE_NOTIFIER never named is known since its first delivery, and since 0 where that
	 * was in a version that knew no notifiers.
	 */
	int (*notifier)(void *user, const struct store_notifier *notifier, uint64_t pending,
			int64_t oldest_us);
	int (*override)(void *user, const char *endpoint, const char *name, bool watched,
			const char *notify);
	int (*submission)(void *user, const char *endpoint, const char *name, const char *body,
			  const char *notify);
	/* The number of the newest event that there ever was; 0: none. */
	int (*newest)(void *user, uint64_t number);
};
int store_load(struct store *s, const struct store_loader *loader, void *user, struct error *ret_e);

/* A delivery as it is in the store. */
struct store_delivery {
	struct event_record *event; /* a reference that the list owns */
	unsigned tries;
	unsigned replaced; /* older progress events that it stands for */
	enum model_ready model_ready;
	int64_t created_us, due_us;
};

/*
 * Reads the pending deliveries of a notifier whose event's number is above `after`: the oldest
 * event first, at most `max`. `ret` has room for `max`; the first `*ret_n` are filled, and their
 * events are the caller's (store_deliveries_done). May be called on another thread than the records
 * are used on later, if they are handed over whole.
 */
int store_load_deliveries(struct store *s, const char *notifier, uint64_t after, size_t max,
			  struct store_delivery *ret, size_t *ret_n, struct error *ret_e);
void store_deliveries_done(struct store_delivery *d, size_t n); /* drops the references */

/* A delivery as it is listed: views, valid inside the call. */
struct store_row {
	const char *event_id, *notifier, *subject;
	enum event_type type;
	uint64_t sequence;
	unsigned tries, replaced;
	int64_t created_us, due_us;
	const char *error;
};
typedef int (*store_row_fn)(void *user, const struct store_row *row);

/* The deliveries in a state, that of the newest event first, at most `max`. */
int store_list_deliveries(struct store *s, enum delivery_state state, size_t max, store_row_fn fn,
			  void *user, struct error *ret_e);

/*
 * Makes a delivery pending, due now, and reads it. Its tries go on. In `ret` the event is the
 * caller's. 0; 1 when it was pending already, so that only its time moved; -ENOENT there is none;
 * else as store_apply().
 */
int store_resend(struct store *s, const char *event_id, const char *notifier, int64_t now_us,
		 struct store_delivery *ret, struct error *ret_e);

/*
 * Events as they are told: oldest first, those whose number is above `after`, at most `max` of them.
 * `fn` is called for each with a record that it may take a reference to; negative ends it.
 */
struct store_query {
	const char *subject; /* of this job or account only; NULL: all */
	uint64_t after;
	int64_t since_us; /* CLOCK_REALTIME, of this time or later; INT64_MIN: any */
	bool newest;      /* the last `max` instead of the first, all the same oldest first */
	size_t max;
};
typedef int (*store_event_fn)(void *user, struct event_record *event);
int store_list_events(struct store *s, const struct store_query *q, store_event_fn fn, void *user,
		      struct error *ret_e);

/*
 * History. An event that no notifier waits for (none of its deliveries is pending) goes, with its
 * deliveries, when it is older than `before_us` or, the oldest first, while the database's pages in
 * use are more than `max_bytes`. One step looks at `max_events` events at most, so that it is short.
 */
struct store_retention {
	int64_t before_us;  /* us of CLOCK_REALTIME; INT64_MIN: no limit */
	uint64_t max_bytes; /* UINT64_MAX: no limit */
};
struct store_pruned {
	size_t events; /* that went */
	bool more;     /* another step would find something */
};
#define STORE_PRUNE_START 0
/*
 * So many take about 1 ms when the database is in the page cache, and 4 ms when it has 1 GiB and is
 * not; now and then a checkpoint of the -wal file adds some 10 ms.
 */
#define STORE_PRUNE_EVENTS 32
/*
 * `*cursor` is STORE_PRUNE_START for the first step of a round and then belongs to the store, which
 * keeps in it the number it has come to. One transaction. 0 or as store_apply(), then the step can
 * be made again. A new database's file shrinks; one that was made by schema 1 has no way to, and
 * uses its free pages again.
 */
int store_prune(struct store *s, const struct store_retention *retention, size_t max_events,
		uint64_t *cursor, struct store_pruned *ret, struct error *ret_e);
