/* What is read at the start, row by row. */
#include "store/store_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/schema.h"

/* One pass over a table: its statement, and what outlasts a row. */
struct reader {
	struct store *s;
	struct error *ret_e;
	const struct store_loader *loader;
	void *user;
	sqlite3_stmt *stmt;
	bool failed;                 /* a text of this row could not be read */
	struct event_record *record; /* of the last delivery */
	int64_t record_number;
};

static void reader_done(struct reader *rd)
{
	event_record_unref(rd->record);
	sqlite3_finalize(rd->stmt);
}

/* The columns that are read with it are NOT NULL: SQLite has no text only for want of memory. */
static const char *text(struct reader *rd, int column)
{
	const char *s = (const char *)sqlite3_column_text(rd->stmt, column);

	if (!s)
		rd->failed = true;
	return s ? s : "";
}

static int64_t number(const struct reader *rd, int column)
{
	return sqlite3_column_int64(rd->stmt, column);
}

static bool is_null(const struct reader *rd, int column)
{
	return sqlite3_column_type(rd->stmt, column) == SQLITE_NULL;
}

/* This program writes only names that it knows: a newer one that needed no new schema was here. */
static int unknown_name(const struct reader *rd, const char *what, const char *name)
{
	return error_set(rd->ret_e, -EPROTO,
			 "%s holds the %s \"%.64s\", which this version does not know: a newer "
			 "tunewatch has used it; run that version",
			 rd->s->path, what, name);
}

static int load_job(struct reader *rd)
{
	_cleanup_snapshot_ struct snapshot *snapshot = NULL;
	const char *endpoint = text(rd, JOB_ENDPOINT), *name = text(rd, JOB_NAME);
	struct snapshot_parts parts = {
		/* The phase follows from the state, but for a job that the API has lost. */
		.gone = strcmp(text(rd, JOB_PHASE), phase_name(PHASE_REMOVED)) == 0,
		.progress.given = !is_null(rd, JOB_PROGRESS),
	};
	struct attempt attempt = {
		.number = (uint32_t)number(rd, JOB_ATTEMPT),
		.ended = number(rd, JOB_ATTEMPT_ENDED) != 0,
	};
	int r;

	for (int i = 0; i < TEXT_COUNT_; i++)
		parts.text[i] = text(rd, JOB_TEXT + i);
	for (int i = 0; i < PROGRESS_COUNT_; i++)
		parts.progress.values[i] = (int32_t)number(rd, JOB_PROGRESS + i);
	if (rd->failed)
		return -ENOMEM;
	r = snapshot_new(&parts, &snapshot);
	if (r < 0)
		return r;
	return rd->loader->job(rd->user, endpoint, name, snapshot, attempt,
			       (uint64_t)number(rd, JOB_SEQUENCE), number(rd, JOB_PHASE_SINCE_US));
}

enum {
	ACCOUNT_ENDPOINT,
	ACCOUNT_ACCOUNT,
	ACCOUNT_SEQUENCE,
	ACCOUNT_TROUBLE,
	ACCOUNT_SINCE_US,
	ACCOUNT_FAILURES,
	ACCOUNT_FIRST,
	ACCOUNT_LAST,
};

static const char select_accounts[] =
	"SELECT endpoint, account, sequence, outage_trouble, outage_since_us, outage_failures,"
	" outage_first, outage_last FROM account";

static int read_outage(struct reader *rd, struct outage *ret)
{
	const char *name = text(rd, ACCOUNT_TROUBLE);
	enum trouble trouble = TROUBLE_NONE;

	while (trouble < TROUBLE_COUNT_ && strcmp(trouble_name(trouble), name) != 0)
		trouble++;
	if (trouble == TROUBLE_COUNT_ && !rd->failed)
		return unknown_name(rd, "trouble", name);
	*ret = (struct outage){
		.trouble = trouble,
		.since_us = number(rd, ACCOUNT_SINCE_US),
		.failures = (uint64_t)number(rd, ACCOUNT_FAILURES),
	};
	snprintf(ret->first, sizeof(ret->first), "%s", text(rd, ACCOUNT_FIRST));
	snprintf(ret->last, sizeof(ret->last), "%s", text(rd, ACCOUNT_LAST));
	return 0;
}

static int load_account(struct reader *rd)
{
	const char *endpoint = text(rd, ACCOUNT_ENDPOINT), *account = text(rd, ACCOUNT_ACCOUNT);
	bool out = !is_null(rd, ACCOUNT_TROUBLE);
	struct outage outage;

	if (out) {
		int r = read_outage(rd, &outage);

		if (r < 0)
			return r;
	}
	if (rd->failed)
		return -ENOMEM;
	return rd->loader->account(rd->user, endpoint, account,
				   (uint64_t)number(rd, ACCOUNT_SEQUENCE), out ? &outage : NULL);
}

static const char select_baselines[] = "SELECT endpoint, account, watch, kind FROM baseline";

static int load_baseline(struct reader *rd)
{
	const char *endpoint = text(rd, 0), *account = text(rd, 1), *watch = text(rd, 2);
	const char *name = text(rd, 3);
	enum kind kind;

	if (rd->failed)
		return -ENOMEM;
	if (kind_from_name(name, &kind) < 0)
		return unknown_name(rd, "kind", name);
	return rd->loader->baseline(rd->user, endpoint, account, watch, kind);
}

enum {
	PENDING_NUMBER,
	PENDING_ID,
	PENDING_SUBJECT,
	PENDING_SEQUENCE,
	PENDING_TYPE,
	PENDING_TIME_US,
	PENDING_BODY,
	PENDING_NOTIFIER,
	PENDING_TRIES,
	PENDING_CREATED_US,
	PENDING_DUE_US,
	PENDING_ERROR,
};

/* The index of pending ones gives the order, so that nothing is sorted and history is not read. */
static const char select_pending[] =
	"SELECT e.number, e.id, e.subject, e.sequence, e.type, e.time_us, e.body,"
	" d.notifier, d.tries, d.created_us, d.due_us, d.error"
	" FROM delivery d INDEXED BY delivery_pending CROSS JOIN event e ON e.number = d.event"
	" WHERE d.state = 'pending' ORDER BY d.event, d.notifier";

static int read_record(struct reader *rd)
{
	const char *id = text(rd, PENDING_ID), *subject = text(rd, PENDING_SUBJECT);
	const char *type = text(rd, PENDING_TYPE), *body = text(rd, PENDING_BODY);
	struct event event = {
		.sequence = (uint64_t)number(rd, PENDING_SEQUENCE),
		.time_us = number(rd, PENDING_TIME_US),
	};

	if (rd->failed)
		return -ENOMEM;
	if (event_type_from_name(type, &event.type) < 0)
		return unknown_name(rd, "event type", type);
	/* Cut, they would name another event: its delivery could never be marked. */
	if (strlen(id) >= EVENT_ID_MAX || strlen(subject) >= NAME_JOB_MAX)
		return store_refuse(rd->s->path, "is damaged (an event's name)", rd->ret_e);
	snprintf(event.id, sizeof(event.id), "%s", id);
	rd->record = event_record_unref(rd->record);
	rd->record_number = number(rd, PENDING_NUMBER);
	return event_record_new(&event, subject, body,
				(size_t)sqlite3_column_bytes(rd->stmt, PENDING_BODY), &rd->record);
}

static int load_delivery(struct reader *rd)
{
	const char *notifier = text(rd, PENDING_NOTIFIER), *error = text(rd, PENDING_ERROR);

	if (rd->failed)
		return -ENOMEM;
	if (!rd->record || number(rd, PENDING_NUMBER) != rd->record_number) {
		int r = read_record(rd);

		if (r < 0)
			return r;
	}
	return rd->loader->delivery(rd->user, rd->record, notifier,
				    (unsigned)number(rd, PENDING_TRIES),
				    number(rd, PENDING_CREATED_US), number(rd, PENDING_DUE_US),
				    error);
}

static int each_row(struct reader *rd, const char *sql, int (*fn)(struct reader *rd))
{
	int code;

	if (sqlite3_prepare_v2(rd->s->db, sql, -1, &rd->stmt, NULL) != SQLITE_OK)
		return store_fail(rd->s, rd->ret_e);
	while ((code = sqlite3_step(rd->stmt)) == SQLITE_ROW) {
		int r = fn(rd);

		if (r < 0)
			return r;
	}
	return code == SQLITE_DONE ? 0 : store_fail(rd->s, rd->ret_e);
}

int store_load(struct store *s, const struct store_loader *loader, void *user, struct error *ret_e)
{
	_cleanup_free_ char *select_jobs = NULL;
	int r;

	r = schema_job_select(&select_jobs);
	if (r < 0)
		return r;
	const struct {
		const char *sql;
		int (*fn)(struct reader *rd);
		bool wanted;
	} tables[] = {
		{select_accounts, load_account, loader->account != NULL},
		{select_baselines, load_baseline, loader->baseline != NULL},
		{select_jobs, load_job, loader->job != NULL},
		{select_pending, load_delivery, loader->delivery != NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		_cleanup_(reader_done) struct reader rd = {.s = s,
							   .ret_e = ret_e,
							   .loader = loader,
							   .user = user};

		if (!tables[i].wanted)
			continue;
		r = each_row(&rd, tables[i].sql, tables[i].fn);
		if (r < 0)
			return r;
	}
	/* The pages that were read are not needed again soon; the daemon is meant to stay small. */
	sqlite3_db_release_memory(s->db);
	return 0;
}

int store_count_deliveries(struct store *s, store_count_fn fn, void *user, struct error *ret_e)
{
	_cleanup_(reader_done) struct reader rd = {.s = s, .ret_e = ret_e};
	int code;

	if (sqlite3_prepare_v2(
		    s->db,
		    "SELECT notifier, state, count(*) FROM delivery GROUP BY notifier, state", -1,
		    &rd.stmt, NULL) != SQLITE_OK)
		return store_fail(s, ret_e);
	while ((code = sqlite3_step(rd.stmt)) == SQLITE_ROW) {
		const char *notifier = text(&rd, 0), *name = text(&rd, 1);
		enum delivery_state state = 0;
		int r;

		if (rd.failed)
			return -ENOMEM;
		while (state < DELIVERY_STATE_COUNT_ &&
		       strcmp(delivery_state_name(state), name) != 0)
			state++;
		if (state == DELIVERY_STATE_COUNT_)
			return unknown_name(&rd, "delivery state", name);
		r = fn(user, notifier, state, (uint64_t)number(&rd, 2));
		if (r < 0)
			return r;
	}
	return code == SQLITE_DONE ? 0 : store_fail(s, ret_e);
}
