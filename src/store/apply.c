/* Changes: a statement or two per kind of change, all changes of a call in one transaction. */
#include "store/store_internal.h"

#include <errno.h>
#include <string.h>

#include "store/schema.h"

/* A delivery is named by the id of its event. */
#define EVENT_1 "(SELECT number FROM event WHERE id = ?1)"
#define EVENT_2 "(SELECT number FROM event WHERE id = ?2)"

/* An event that is not there makes the subselect NULL, and the NOT NULL of the column refuses it. */
static const char *const statements[STMT_COUNT_] = {
	[STMT_BEGIN] = "BEGIN IMMEDIATE",
	[STMT_COMMIT] = "COMMIT",
	[STMT_ROLLBACK] = "ROLLBACK",
	[STMT_JOB] = NULL, /* made from the table of columns */
	[STMT_JOB_DROP] = "DELETE FROM job WHERE endpoint = ?1 AND name = ?2",
	[STMT_EVENT] = "INSERT INTO event (id, subject, sequence, type, time_us, body)"
		       " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
		       " ON CONFLICT (id) DO NOTHING",
	[STMT_EVENT_NUMBER] = "SELECT number FROM event WHERE id = ?1",
	[STMT_DELIVERY] =
		"INSERT INTO delivery (event, notifier, state, tries, created_us, due_us, error)"
		" VALUES (" EVENT_1 ", ?2, ?3, 0, ?4, ?4, ?5)"
		" ON CONFLICT (event, notifier) DO NOTHING",
	/* Who is delivered to is in the configuration, at the latest since then. */
	[STMT_DELIVERY_NOTIFIER] = "INSERT INTO notifier (name, since_us, removed_us)"
				   " VALUES (?2, ?4, 0)"
				   " ON CONFLICT (name) DO NOTHING",
	[STMT_ATTEMPT] = "UPDATE delivery SET tries = ?3"
			 " WHERE event = " EVENT_1 " AND notifier = ?2 AND state = 'pending'",
	[STMT_VERDICT] = "UPDATE delivery SET state = ?3, tries = ?4, due_us = ?5, error = ?6"
			 " WHERE event = " EVENT_1 " AND notifier = ?2",
	[STMT_MODEL] = "UPDATE delivery SET model_ready = ?3"
		       " WHERE event = " EVENT_1 " AND notifier = ?2 AND state = 'pending'",
	/* The two look at the same state, which the second one ends: nothing is counted twice. */
	[STMT_REPLACE_COUNT] =
		"UPDATE delivery SET replaced = delivery.replaced + 1 + old.replaced"
		" FROM delivery AS old"
		" WHERE old.event = " EVENT_1 " AND old.notifier = ?3 AND old.state = 'pending'"
		" AND delivery.event = " EVENT_2 " AND delivery.notifier = ?3"
		" AND delivery.event <> old.event",
	[STMT_REPLACE] =
		"UPDATE delivery SET state = 'skipped', error = 'replaced by newer progress'"
		" FROM delivery AS new"
		" WHERE delivery.event = " EVENT_1 " AND delivery.notifier = ?3"
		" AND delivery.state = 'pending'"
		" AND new.event = " EVENT_2 " AND new.notifier = ?3"
		" AND delivery.event <> new.event",
	[STMT_NOTIFIER] = "INSERT OR REPLACE INTO notifier (name, since_us, removed_us)"
			  " VALUES (?1, ?2, ?3)",
	[STMT_ACCOUNT] = "INSERT INTO account (endpoint, account, sequence, outage_trouble,"
			 " outage_since_us, outage_failures, outage_first, outage_last)"
			 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
			 " ON CONFLICT (endpoint, account) DO UPDATE SET sequence = ?3,"
			 " outage_trouble = ?4, outage_since_us = ?5, outage_failures = ?6,"
			 " outage_first = ?7, outage_last = ?8",
	[STMT_WATCHED] = "INSERT INTO account (endpoint, account, sequence, watched_ms)"
			 " VALUES (?1, ?2, 0, ?3)"
			 " ON CONFLICT (endpoint, account) DO UPDATE SET watched_ms = ?3",
	[STMT_BASELINE] = "INSERT OR IGNORE INTO baseline (endpoint, account, watch, kind)"
			  " VALUES (?1, ?2, ?3, ?4)",
	[STMT_OVERRIDE] = "INSERT OR REPLACE INTO override (endpoint, name, watched, notify)"
			  " VALUES (?1, ?2, ?3, ?4)",
	[STMT_OVERRIDE_DROP] = "DELETE FROM override WHERE endpoint = ?1 AND name = ?2",
	[STMT_SUBMISSION] = "INSERT OR REPLACE INTO submission (endpoint, name, body, notify)"
			    " VALUES (?1, ?2, ?3, ?4)",
	[STMT_SUBMISSION_DROP] = "DELETE FROM submission WHERE endpoint = ?1 AND name = ?2",
};

int apply_prepare(struct store *s, struct error *ret_e)
{
	_cleanup_free_ char *upsert = NULL;
	int r;

	r = schema_job_upsert(&upsert);
	if (r < 0)
		return r;
	for (int i = 0; i < STMT_COUNT_; i++)
		if (sqlite3_prepare_v3(s->db, i == STMT_JOB ? upsert : statements[i], -1,
				       SQLITE_PREPARE_PERSISTENT, &s->stmt[i], NULL) != SQLITE_OK)
			return store_fail(s, ret_e);
	return 0;
}

/* Binds without copying: what a change points at outlives its step. */
struct binder {
	sqlite3_stmt *stmt;
	bool failed;
};

static void bind_bytes(struct binder *b, int at, const char *text, size_t len)
{
	if (sqlite3_bind_text64(b->stmt, at, text, len, SQLITE_STATIC, SQLITE_UTF8) != SQLITE_OK)
		b->failed = true;
}

static void bind_text(struct binder *b, int at, const char *text)
{
	bind_bytes(b, at, text ? text : "", text ? strlen(text) : 0);
}

static void bind_int(struct binder *b, int at, int64_t value)
{
	if (sqlite3_bind_int64(b->stmt, at, value) != SQLITE_OK)
		b->failed = true;
}

static void bind_job(struct binder *b, const struct store_op *op)
{
	const struct snapshot *snapshot = op->job.snapshot;
	const struct stillness *still = &op->job.still;

	bind_text(b, JOB_ENDPOINT + 1, op->job.endpoint);
	bind_text(b, JOB_NAME + 1, op->job.name);
	bind_text(b, JOB_PHASE + 1, phase_name(snapshot_phase(snapshot)));
	for (int i = 0; i < TEXT_COUNT_; i++)
		bind_text(b, JOB_TEXT + i + 1, snapshot_text(snapshot, i));
	for (int i = 0; i < PROGRESS_COUNT_ && snapshot->progress_given; i++)
		bind_int(b, JOB_PROGRESS + i + 1, snapshot->progress[i]);
	bind_int(b, JOB_ATTEMPT + 1, op->job.attempt.number);
	bind_int(b, JOB_ATTEMPT_ENDED + 1, op->job.attempt.ended);
	bind_int(b, JOB_SEQUENCE + 1, (int64_t)op->job.sequence);
	bind_int(b, JOB_PHASE_SINCE_US + 1, op->job.phase_since_us);
	bind_int(b, JOB_EPOCHS + 1, snapshot->epochs);
	bind_int(b, JOB_MOVED_US + 1, still->moved_us);
	bind_int(b, JOB_MOVED_WATCHED_MS + 1, (int64_t)still->moved_watched_ms);
	bind_text(b, JOB_MOVED + 1, schema_moved_name(still->moved));
	bind_int(b, JOB_STALLED + 1, still->stalled);
}

static void bind_job_drop(struct binder *b, const struct store_op *op)
{
	bind_text(b, 1, op->job.endpoint);
	bind_text(b, 2, op->job.name);
}

static void bind_event(struct binder *b, const struct store_op *op)
{
	const struct event_record *event = op->event;

	bind_text(b, 1, event->id);
	bind_text(b, 2, event->subject);
	bind_int(b, 3, (int64_t)event->sequence);
	bind_text(b, 4, event_type_name(event->type));
	bind_int(b, 5, event->time_us);
	bind_bytes(b, 6, event->body, event->len);
}

static void bind_delivery(struct binder *b, const struct store_op *op)
{
	bind_text(b, 1, op->delivery.event_id);
	bind_text(b, 2, op->delivery.notifier);
	bind_text(b, 3, delivery_state_name(op->delivery.state));
	bind_int(b, 4, op->delivery.created_us);
	bind_text(b, 5, op->delivery.error);
}

static void bind_delivery_notifier(struct binder *b, const struct store_op *op)
{
	bind_text(b, 2, op->delivery.notifier);
	bind_int(b, 4, op->delivery.created_us);
}

static void bind_attempt(struct binder *b, const struct store_op *op)
{
	bind_text(b, 1, op->attempt.event_id);
	bind_text(b, 2, op->attempt.notifier);
	bind_int(b, 3, op->attempt.tries);
}

static void bind_verdict(struct binder *b, const struct store_op *op)
{
	bind_text(b, 1, op->verdict.event_id);
	bind_text(b, 2, op->verdict.notifier);
	bind_text(b, 3, delivery_state_name(op->verdict.state));
	bind_int(b, 4, op->verdict.tries);
	bind_int(b, 5, op->verdict.due_us);
	bind_text(b, 6, op->verdict.error);
}

static void bind_model(struct binder *b, const struct store_op *op)
{
	bind_text(b, 1, op->model.event_id);
	bind_text(b, 2, op->model.notifier);
	if (op->model.ready != MODEL_UNASKED) /* what is not bound is NULL */
		bind_int(b, 3, op->model.ready == MODEL_READY);
}

static void bind_replace(struct binder *b, const struct store_op *op)
{
	bind_text(b, 1, op->replace.event_id);
	bind_text(b, 2, op->replace.by_id);
	bind_text(b, 3, op->replace.notifier);
}

static void bind_notifier(struct binder *b, const struct store_op *op)
{
	bind_text(b, 1, op->notifier.name);
	bind_int(b, 2, op->notifier.since_us);
	bind_int(b, 3, op->notifier.removed_us);
}

static void bind_account(struct binder *b, const struct store_op *op)
{
	const struct outage *outage = op->account.outage;

	bind_text(b, 1, op->account.endpoint);
	bind_text(b, 2, op->account.account);
	bind_int(b, 3, (int64_t)op->account.sequence);
	if (!outage)
		return; /* what is not bound is NULL */
	bind_text(b, 4, trouble_name(outage->trouble));
	bind_int(b, 5, outage->since_us);
	bind_int(b, 6, (int64_t)outage->failures);
	bind_text(b, 7, outage->first);
	bind_text(b, 8, outage->last);
}

static void bind_watched(struct binder *b, const struct store_op *op)
{
	bind_text(b, 1, op->watched.endpoint);
	bind_text(b, 2, op->watched.account);
	bind_int(b, 3, (int64_t)op->watched.watched_ms);
}

static void bind_baseline(struct binder *b, const struct store_op *op)
{
	bind_text(b, 1, op->baseline.endpoint);
	bind_text(b, 2, op->baseline.account);
	bind_text(b, 3, op->baseline.watch);
	bind_text(b, 4, kind_info(op->baseline.kind)->name);
}

static void bind_override(struct binder *b, const struct store_op *op)
{
	bind_text(b, 1, op->override.endpoint);
	bind_text(b, 2, op->override.name);
	bind_int(b, 3, op->override.watched);
	if (op->override.notify) /* what is not bound is NULL */
		bind_text(b, 4, op->override.notify);
}

static void bind_override_drop(struct binder *b, const struct store_op *op)
{
	bind_text(b, 1, op->override.endpoint);
	bind_text(b, 2, op->override.name);
}

static void bind_submission(struct binder *b, const struct store_op *op)
{
	bind_text(b, 1, op->submission.endpoint);
	bind_text(b, 2, op->submission.name);
	bind_text(b, 3, op->submission.body);
	if (op->submission.notify)
		bind_text(b, 4, op->submission.notify);
}

static void bind_submission_drop(struct binder *b, const struct store_op *op)
{
	bind_text(b, 1, op->submission.endpoint);
	bind_text(b, 2, op->submission.name);
}

typedef void (*bind_fn)(struct binder *b, const struct store_op *op);

static const struct {
	struct {
		enum store_statement stmt;
		bind_fn bind; /* NULL: no such step */
	} steps[2];
} changes[] = {
	[STORE_JOB] = {{{STMT_JOB, bind_job}}},
	[STORE_JOB_DROP] = {{{STMT_JOB_DROP, bind_job_drop}}},
	[STORE_EVENT] = {{{STMT_EVENT, bind_event}}},
	[STORE_DELIVERY] = {{{STMT_DELIVERY_NOTIFIER, bind_delivery_notifier},
			     {STMT_DELIVERY, bind_delivery}}},
	[STORE_ATTEMPT] = {{{STMT_ATTEMPT, bind_attempt}}},
	[STORE_VERDICT] = {{{STMT_VERDICT, bind_verdict}}},
	[STORE_MODEL] = {{{STMT_MODEL, bind_model}}},
	[STORE_REPLACE] = {{{STMT_REPLACE_COUNT, bind_replace}, {STMT_REPLACE, bind_replace}}},
	[STORE_NOTIFIER] = {{{STMT_NOTIFIER, bind_notifier}}},
	[STORE_ACCOUNT] = {{{STMT_ACCOUNT, bind_account}}},
	[STORE_WATCHED] = {{{STMT_WATCHED, bind_watched}}},
	[STORE_BASELINE] = {{{STMT_BASELINE, bind_baseline}}},
	[STORE_OVERRIDE] = {{{STMT_OVERRIDE, bind_override}}},
	[STORE_OVERRIDE_DROP] = {{{STMT_OVERRIDE_DROP, bind_override_drop}}},
	[STORE_SUBMISSION] = {{{STMT_SUBMISSION, bind_submission}}},
	[STORE_SUBMISSION_DROP] = {{{STMT_SUBMISSION_DROP, bind_submission_drop}}},
};

/* Steps a statement that gives no rows, and leaves it ready for the next time. */
static int run(struct store *s, enum store_statement which, bind_fn bind, const struct store_op *op,
	       struct error *ret_e)
{
	struct binder b = {.stmt = s->stmt[which]};
	int r = 0;

	if (bind)
		bind(&b, op);
	if (b.failed || sqlite3_step(b.stmt) != SQLITE_DONE)
		r = store_fail(s, ret_e);
	sqlite3_reset(b.stmt);
	if (bind)
		sqlite3_clear_bindings(b.stmt);
	return r;
}

/* After the insert of an event: the number it got, or has had for long. */
static int read_number(struct store *s, struct event_record *event, struct error *ret_e)
{
	struct binder b = {.stmt = s->stmt[STMT_EVENT_NUMBER]};
	int r = 0;

	if (sqlite3_changes(s->db) > 0) {
		event->number = (uint64_t)sqlite3_last_insert_rowid(s->db);
		return 0;
	}
	bind_text(&b, 1, event->id);
	if (!b.failed && sqlite3_step(b.stmt) == SQLITE_ROW)
		event->number = (uint64_t)sqlite3_column_int64(b.stmt, 0);
	else
		r = store_fail(s, ret_e);
	sqlite3_reset(b.stmt);
	sqlite3_clear_bindings(b.stmt);
	return r;
}

static int apply(struct store *s, const struct store_op *op, struct error *ret_e)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(changes[0].steps) && r >= 0; i++)
		if (changes[op->type].steps[i].bind)
			r = run(s, changes[op->type].steps[i].stmt, changes[op->type].steps[i].bind,
				op, ret_e);
	if (r >= 0 && op->type == STORE_EVENT)
		r = read_number(s, op->event, ret_e);
	return r;
}

/*
 * SQLite has rolled back by itself after some failures. Should ROLLBACK fail too, the transaction
 * stays open and the next call comes here first.
 */
void store_roll_back(struct store *s)
{
	if (!sqlite3_get_autocommit(s->db))
		run(s, STMT_ROLLBACK, NULL, NULL, NULL);
}

/*
 * A database whose name is gone works on, to the last reader of nothing: what is committed to it is
 * lost at the next start.
 */
static int check_place(struct store *s, struct error *ret_e)
{
	int moved = 0;

	if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK ||
	    !moved)
		return 0;
	return error_set(ret_e, -ENOENT,
			 "%s has been removed or replaced while it was in use: put it back, or "
			 "restart tunewatchd, which begins with what is there then",
			 s->path);
}

int store_begin(struct store *s, struct error *ret_e)
{
	int r = check_place(s, ret_e);

	if (r < 0)
		return r;
	store_roll_back(s);
	return run(s, STMT_BEGIN, NULL, NULL, ret_e);
}

int store_commit(struct store *s, struct error *ret_e)
{
	return run(s, STMT_COMMIT, NULL, NULL, ret_e);
}

int store_apply(struct store *s, const struct store_op *ops, size_t n, struct error *ret_e)
{
	int r;

	if (n == 0)
		return 0;
	r = store_begin(s, ret_e);
	for (size_t i = 0; i < n && r >= 0; i++)
		r = apply(s, &ops[i], ret_e);
	if (r >= 0)
		r = store_commit(s, ret_e);
	if (r >= 0)
		return 0;
	store_roll_back(s);
	/* What was given in a transaction that never was will be given to another event. */
	for (size_t i = 0; i < n; i++)
		if (ops[i].type == STORE_EVENT)
			ops[i].event->number = 0;
	return r;
}
