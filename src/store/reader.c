/* Rows as values, and events out of them. */
#include "store/reader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int reader_prepare(struct reader *rd, const char *sql)
{
	if (sqlite3_prepare_v2(rd->s->db, sql, -1, &rd->stmt, NULL) != SQLITE_OK)
		return store_fail(rd->s, rd->ret_e);
	return 0;
}

void reader_done(struct reader *rd)
{
	sqlite3_finalize(rd->stmt);
}

int reader_rows(struct reader *rd, reader_fn fn, void *user)
{
	int code;

	while ((code = sqlite3_step(rd->stmt)) == SQLITE_ROW) {
		int r = fn(rd, user);

		if (r < 0)
			return r;
	}
	return code == SQLITE_DONE ? 0 : store_fail(rd->s, rd->ret_e);
}

const char *reader_text(struct reader *rd, int column)
{
	const char *s = (const char *)sqlite3_column_text(rd->stmt, column);

	/* Where NULL cannot be, SQLite has no text only for want of memory. */
	if (!s)
		rd->failed = true;
	return s ? s : "";
}

int64_t reader_number(const struct reader *rd, int column)
{
	return sqlite3_column_int64(rd->stmt, column);
}

bool reader_is_null(const struct reader *rd, int column)
{
	return sqlite3_column_type(rd->stmt, column) == SQLITE_NULL;
}

enum model_ready reader_model(const struct reader *rd, int column)
{
	if (reader_is_null(rd, column))
		return MODEL_UNASKED;
	return reader_number(rd, column) ? MODEL_READY : MODEL_LATE;
}

int reader_unknown(const struct reader *rd, const char *what, const char *name)
{
	return error_set(rd->ret_e, -EPROTO,
			 "%s holds the %s \"%.64s\", which this version does not know: a newer "
			 "tunewatch has used it; run that version",
			 rd->s->path, what, name);
}

int reader_event(struct reader *rd, struct event_record **ret)
{
	const char *id = reader_text(rd, READER_EVENT_ID);
	const char *subject = reader_text(rd, READER_EVENT_SUBJECT);
	const char *type = reader_text(rd, READER_EVENT_TYPE);
	const char *body = reader_text(rd, READER_EVENT_BODY);
	struct event event = {
		.sequence = (uint64_t)reader_number(rd, READER_EVENT_SEQUENCE),
		.time_us = reader_number(rd, READER_EVENT_TIME_US),
	};
	int r;

	if (rd->failed)
		return -ENOMEM;
	if (event_type_from_name(type, &event.type) < 0)
		return reader_unknown(rd, "event type", type);
	/* Cut, they would name another event: its delivery could never be marked. */
	if (strlen(id) >= EVENT_ID_MAX || strlen(subject) >= NAME_JOB_MAX)
		return store_refuse(rd->s->path, "is damaged (an event's name)", rd->ret_e);
	snprintf(event.id, sizeof(event.id), "%s", id);
	r = event_record_new(&event, subject, body,
			     (size_t)sqlite3_column_bytes(rd->stmt, READER_EVENT_BODY), ret);
	if (r >= 0)
		(*ret)->number = (uint64_t)reader_number(rd, READER_EVENT_NUMBER);
	return r;
}
