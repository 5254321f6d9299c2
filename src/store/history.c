/* Events for those who ask. */
#include <errno.h>

#include "store/reader.h"

/*
 * The index in the text is the one that leaves least to be read: of one subject's events there are few.
 * A time is a place in history, which is found in the index alone; events that a clock that was set
 * back has put behind it are left out one by one.
 */
#define SELECT "SELECT " READER_EVENT " FROM event e"
#define WHERE  " WHERE e.number > ?1 AND e.time_us >= ?2"
static const char select_all[] = SELECT " NOT INDEXED" WHERE " ORDER BY e.number LIMIT ?3";
static const char select_since[] =
	SELECT " NOT INDEXED" WHERE " AND e.number >= (SELECT min(number) FROM event"
	       " INDEXED BY event_time WHERE time_us >= ?2)"
	       " ORDER BY e.number LIMIT ?3";
static const char select_subject[] =
	SELECT " INDEXED BY event_subject" WHERE " AND e.subject = ?4 ORDER BY e.number LIMIT ?3";
/* The last ones, turned around. */
#define SELECT_LAST(index, also)                                                                   \
	"SELECT * FROM (" SELECT index WHERE also " ORDER BY e.number DESC LIMIT ?3) ORDER BY 1"
static const char select_last[] = SELECT_LAST(" NOT INDEXED", "");
static const char select_last_subject[] =
	SELECT_LAST(" INDEXED BY event_subject", " AND e.subject = ?4");

static const char *choose(const struct store_query *q)
{
	if (q->newest)
		return q->subject ? select_last_subject : select_last;
	if (q->subject)
		return select_subject;
	return q->since_us > INT64_MIN ? select_since : select_all;
}

struct telling {
	store_event_fn fn;
	void *user;
};

static int tell(struct reader *rd, void *user)
{
	const struct telling *t = user;
	struct event_record *event = NULL;
	int r = reader_event(rd, &event);

	if (r < 0)
		return r;
	r = t->fn(t->user, event);
	event_record_unref(event);
	return r;
}

int store_list_events(struct store *s, const struct store_query *q, store_event_fn fn, void *user,
		      struct error *ret_e)
{
	_cleanup_reader_ struct reader rd = {.s = s, .ret_e = ret_e};
	struct telling t = {.fn = fn, .user = user};
	int r = reader_prepare(&rd, choose(q));

	if (r < 0)
		return r;
	if (sqlite3_bind_int64(rd.stmt, 1, (int64_t)MIN(q->after, (uint64_t)INT64_MAX)) !=
		    SQLITE_OK ||
	    sqlite3_bind_int64(rd.stmt, 2, q->since_us) != SQLITE_OK ||
	    sqlite3_bind_int64(rd.stmt, 3, (int64_t)MIN(q->max, (size_t)INT64_MAX)) != SQLITE_OK)
		return store_fail(s, ret_e);
	if (q->subject && sqlite3_bind_text(rd.stmt, 4, q->subject, -1, SQLITE_STATIC) != SQLITE_OK)
		return store_fail(s, ret_e);
	return reader_rows(&rd, tell, &t);
}
