/*
 * Reading rows: one statement, its columns as values, and an event out of them.
 *
 * A text that cannot be read for want of memory marks the reader as failed instead of stopping who
 * reads the columns; look once for each row, before its texts are used.
 */
#pragma once

#include "store/store_internal.h"

struct reader {
	struct store *s;
	struct error *ret_e;
	sqlite3_stmt *stmt;
	bool failed; /* a text of this row could not be read */
};

int reader_prepare(struct reader *rd, const char *sql);
void reader_done(struct reader *rd);
#define _cleanup_reader_ _cleanup_(reader_done)

/* Calls `fn` for each row until it returns a negative number, which is then returned. */
typedef int (*reader_fn)(struct reader *rd, void *user);
int reader_rows(struct reader *rd, reader_fn fn, void *user);

/* For columns that are NOT NULL. */
const char *reader_text(struct reader *rd, int column);
int64_t reader_number(const struct reader *rd, int column);
bool reader_is_null(const struct reader *rd, int column);

/* Column delivery.model_ready, which may be NULL. */
enum model_ready reader_model(const struct reader *rd, int column);

/* -EPROTO for a name in the database that only a newer version can have written. */
int reader_unknown(const struct reader *rd, const char *what, const char *name);

/* An event: the first columns of a select that begins with these, of table event AS e. */
#define READER_EVENT "e.number, e.id, e.subject, e.sequence, e.type, e.time_us, e.body"
enum reader_event_column {
	READER_EVENT_NUMBER,
	READER_EVENT_ID,
	READER_EVENT_SUBJECT,
	READER_EVENT_SEQUENCE,
	READER_EVENT_TYPE,
	READER_EVENT_TIME_US,
	READER_EVENT_BODY,
	READER_EVENT_COUNT_,
};
int reader_event(struct reader *rd, struct event_record **ret);
