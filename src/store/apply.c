/* Changes: one statement per kind of change, all changes of a call in one transaction. */
#include "store/store_internal.h"

#include <errno.h>
#include <string.h>

#include "store/schema.h"

/* An event that is not there makes the subselect NULL, and the NOT NULL of the column refuses it. */
static const char *const statements[STMT_COUNT_] = {
	[STMT_BEGIN] = "BEGIN IMMEDIATE",
	[STMT_COMMIT] = "COMMIT",
	[STMT_ROLLBACK] = "ROLLBACK",
	[STMT_JOB] = NULL, /* made from the table of columns */
	[STMT_JOB_DROP] = "DELETE FROM job WHERE endpoint = ?1 AND name = ?2",
	[STMT_EVENT] = "INSERT INTO event (id, subject, sequence, type, time_us, body)"
		       " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO NOTHING",
	[STMT_DELIVERY] =
		"INSERT INTO delivery (event, notifier, state, tries, created_us, due_us, error)"
		" VALUES ((SELECT number FROM event WHERE id = ?1), ?2, ?3, 0, ?4, ?4, '')"
		" ON CONFLICT (event, notifier) DO NOTHING",
	[STMT_VERDICT] =
		"UPDATE delivery SET state = ?3, tries = ?4, due_us = ?5, error = ?6"
		" WHERE event = (SELECT number FROM event WHERE id = ?1) AND notifier = ?2",
	[STMT_ACCOUNT] = "INSERT OR REPLACE INTO account (endpoint, account, sequence,"
			 " outage_trouble, outage_since_us, outage_failures, outage_first,"
			 " outage_last) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[STMT_BASELINE] = "INSERT OR IGNORE INTO baseline (endpoint, account, watch, kind)"
			  " VALUES (?1, ?2, ?3, ?4)",
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
	bind_text(b, 3, delivery_state_name(DELIVERY_PENDING));
	bind_int(b, 4, op->delivery.created_us);
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

static void bind_baseline(struct binder *b, const struct store_op *op)
{
	bind_text(b, 1, op->baseline.endpoint);
	bind_text(b, 2, op->baseline.account);
	bind_text(b, 3, op->baseline.watch);
	bind_text(b, 4, kind_info(op->baseline.kind)->name);
}

static const struct {
	enum store_statement stmt;
	void (*bind)(struct binder *b, const struct store_op *op);
} changes[] = {
	[STORE_JOB] = {STMT_JOB, bind_job},
	[STORE_JOB_DROP] = {STMT_JOB_DROP, bind_job_drop},
	[STORE_EVENT] = {STMT_EVENT, bind_event},
	[STORE_DELIVERY] = {STMT_DELIVERY, bind_delivery},
	[STORE_VERDICT] = {STMT_VERDICT, bind_verdict},
	[STORE_ACCOUNT] = {STMT_ACCOUNT, bind_account},
	[STORE_BASELINE] = {STMT_BASELINE, bind_baseline},
};

/* Steps a statement that gives no rows, and leaves it ready for the next time. */
static int run(struct store *s, enum store_statement which, const struct store_op *op,
	       struct error *ret_e)
{
	struct binder b = {.stmt = s->stmt[which]};
	int r = 0;

	if (op)
		changes[op->type].bind(&b, op);
	if (b.failed || sqlite3_step(b.stmt) != SQLITE_DONE)
		r = store_fail(s, ret_e);
	sqlite3_reset(b.stmt);
	if (op)
		sqlite3_clear_bindings(b.stmt);
	return r;
}

/*
 * SQLite has rolled back by itself after some failures. Should ROLLBACK fail too, the transaction
 * stays open and the next call comes here first.
 */
static void roll_back(struct store *s)
{
	if (!sqlite3_get_autocommit(s->db))
		run(s, STMT_ROLLBACK, NULL, NULL);
}

int store_apply(struct store *s, const struct store_op *ops, size_t n, struct error *ret_e)
{
	int r;

	if (n == 0)
		return 0;
	roll_back(s);
	r = run(s, STMT_BEGIN, NULL, ret_e);
	for (size_t i = 0; i < n && r >= 0; i++)
		r = run(s, changes[ops[i].type].stmt, &ops[i], ret_e);
	if (r >= 0)
		r = run(s, STMT_COMMIT, NULL, ret_e);
	if (r < 0)
		roll_back(s);
	return r;
}
