/* History that goes, a few events at a time. */
#include "store/store.h"

#include <errno.h>

#include "store/reader.h"

/* Pages that a step gives back to the file system: more than its events had. */
#define VACUUM "PRAGMA incremental_vacuum(64)"

/* The time stands before the body, so that no body is read. */
static const char select_events[] =
	"SELECT number, time_us, EXISTS (SELECT 1 FROM delivery WHERE event = number AND"
	" state = 'pending') FROM event WHERE number > ?1 ORDER BY number LIMIT ?2";

/* What is free is used again before the file grows, so it does not count. */
static const char select_size[] =
	"SELECT (page_count - freelist_count) * page_size"
	" FROM pragma_page_count, pragma_freelist_count, pragma_page_size";

struct candidate {
	int64_t number, time_us;
	bool pending;
};

/* One step. */
struct step {
	struct store *s;
	const struct store_retention *retention;
	struct error *ret_e;
	struct candidate
		*candidates; /* one more than are looked at, to know whether there is more */
	size_t n;
	bool over; /* the database is too large */
};

static void step_done(struct step *st)
{
	free(st->candidates);
}

static int read_candidate(struct reader *rd, void *user)
{
	struct step *st = user;

	st->candidates[st->n++] = (struct candidate){
		.number = reader_number(rd, 0),
		.time_us = reader_number(rd, 1),
		.pending = reader_number(rd, 2) != 0,
	};
	return 0;
}

static int read_candidates(struct step *st, uint64_t cursor, size_t max)
{
	_cleanup_reader_ struct reader rd = {.s = st->s, .ret_e = st->ret_e};
	int r;

	st->candidates = reallocarray(NULL, max, sizeof(*st->candidates));
	if (!st->candidates)
		return -ENOMEM;
	r = reader_prepare(&rd, select_events);
	if (r < 0)
		return r;
	if (sqlite3_bind_int64(rd.stmt, 1, (int64_t)cursor) != SQLITE_OK ||
	    sqlite3_bind_int64(rd.stmt, 2, (int64_t)max) != SQLITE_OK)
		return store_fail(st->s, st->ret_e);
	return reader_rows(&rd, read_candidate, st);
}

static int read_size(struct reader *rd, void *user)
{
	struct step *st = user;

	st->over = (uint64_t)reader_number(rd, 0) > st->retention->max_bytes;
	return 0;
}

static int measure(struct step *st, struct reader *size)
{
	int r = reader_rows(size, read_size, st);

	sqlite3_reset(size->stmt);
	return r;
}

static bool is_old(const struct step *st, const struct candidate *c)
{
	return c->time_us < st->retention->before_us;
}

static bool goes(const struct step *st, const struct candidate *c)
{
	return !c->pending && (st->over || is_old(st, c));
}

static int drop(struct reader *rd, const struct candidate *c)
{
	int r = 0;

	if (sqlite3_bind_int64(rd->stmt, 1, c->number) != SQLITE_OK ||
	    sqlite3_step(rd->stmt) != SQLITE_DONE)
		r = store_fail(rd->s, rd->ret_e);
	sqlite3_reset(rd->stmt);
	return r;
}

static int ignore_row(struct reader *rd _unused_, void *user _unused_)
{
	return 0;
}

/* In a transaction: what goes of the first `n`, then the pages that are free at the file's end. */
static int drop_candidates(struct step *st, size_t n, struct reader *size, size_t *ret_dropped)
{
	_cleanup_reader_ struct reader deliveries = {.s = st->s, .ret_e = st->ret_e};
	_cleanup_reader_ struct reader events = deliveries, vacuum = deliveries;
	int r;

	r = reader_prepare(&deliveries, "DELETE FROM delivery WHERE event = ?1");
	if (r >= 0)
		r = reader_prepare(&events, "DELETE FROM event WHERE number = ?1");
	if (r >= 0)
		r = reader_prepare(&vacuum, VACUUM);
	for (size_t i = 0; i < n && r >= 0; i++) {
		if (!goes(st, &st->candidates[i]))
			continue;
		r = drop(&deliveries, &st->candidates[i]);
		if (r >= 0)
			r = drop(&events, &st->candidates[i]);
		if (r >= 0 && st->over)
			r = measure(st, size);
		++*ret_dropped;
	}
	return r < 0 ? r : reader_rows(&vacuum, ignore_row, NULL);
}

/* Most steps find nothing: then nothing is written. */
static bool anything_goes(const struct step *st, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (goes(st, &st->candidates[i]))
			return true;
	return false;
}

/*
 * Events are in the order of their numbers, which is that of their times unless the clock was set.
 * So a step that sees nothing old, and no old one next, is the last one; a few events from a wrong
 * time do not hide the others.
 */
static bool is_more(const struct step *st, size_t n)
{
	if (st->n == n)
		return false;
	for (size_t i = 0; i < st->n; i++)
		if (is_old(st, &st->candidates[i]))
			return true;
	return st->over;
}

int store_prune(struct store *s, const struct store_retention *retention, size_t max_events,
		uint64_t *cursor, struct store_pruned *ret, struct error *ret_e)
{
	_cleanup_(step_done) struct step st = {.s = s, .retention = retention, .ret_e = ret_e};
	_cleanup_reader_ struct reader size = {.s = s, .ret_e = ret_e};
	size_t n, dropped = 0;
	int r;

	r = reader_prepare(&size, select_size);
	if (r >= 0)
		r = measure(&st, &size);
	if (r >= 0)
		r = read_candidates(&st, *cursor, max_events + 1);
	if (r < 0)
		return r;
	n = MIN(st.n, max_events);
	if (anything_goes(&st, n)) {
		r = store_begin(s, ret_e);
		if (r >= 0)
			r = drop_candidates(&st, n, &size, &dropped);
		if (r >= 0)
			r = store_commit(s, ret_e);
		if (r < 0) {
			store_roll_back(s);
			return r;
		}
	}
	if (n > 0)
		*cursor = (uint64_t)st.candidates[n - 1].number;
	*ret = (struct store_pruned){.events = dropped, .more = is_more(&st, n)};
	return 0;
}
