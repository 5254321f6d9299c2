/* Pending deliveries, read a window at a time. */
#include "store/store.h"

#include <errno.h>

#include "store/reader.h"

enum {
	WINDOW_TRIES = READER_EVENT_COUNT_,
	WINDOW_REPLACED,
	WINDOW_MODEL_READY,
	WINDOW_CREATED_US,
	WINDOW_DUE_US,
};

/* The index has the order, so that only what is taken is read. */
static const char select_window[] =
	"SELECT " READER_EVENT ", d.tries, d.replaced, d.model_ready, d.created_us, d.due_us"
	" FROM delivery d INDEXED BY delivery_waiting CROSS JOIN event e ON e.number = d.event"
	" WHERE d.notifier = ?1 AND d.event > ?2 AND d.state = 'pending' ORDER BY d.event LIMIT ?3";

struct window {
	struct store_delivery *deliveries;
	size_t n;
};

static int read_delivery(struct reader *rd, void *user)
{
	struct window *w = user;
	struct store_delivery *d = &w->deliveries[w->n];
	int r;

	*d = (struct store_delivery){
		.tries = (unsigned)reader_number(rd, WINDOW_TRIES),
		.replaced = (unsigned)reader_number(rd, WINDOW_REPLACED),
		.model_ready = reader_model(rd, WINDOW_MODEL_READY),
		.created_us = reader_number(rd, WINDOW_CREATED_US),
		.due_us = reader_number(rd, WINDOW_DUE_US),
	};
	r = reader_event(rd, &d->event);
	if (r >= 0)
		w->n++;
	return r;
}

int store_load_deliveries(struct store *s, const char *notifier, uint64_t after, size_t max,
			  struct store_delivery *ret, size_t *ret_n, struct error *ret_e)
{
	_cleanup_reader_ struct reader rd = {.s = s, .ret_e = ret_e};
	struct window w = {.deliveries = ret};
	int r;

	r = reader_prepare(&rd, select_window);
	if (r < 0)
		return r;
	if (sqlite3_bind_text(rd.stmt, 1, notifier, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_int64(rd.stmt, 2, (int64_t)MIN(after, (uint64_t)INT64_MAX)) != SQLITE_OK ||
	    sqlite3_bind_int64(rd.stmt, 3, (int64_t)MIN(max, (size_t)INT64_MAX)) != SQLITE_OK)
		return store_fail(s, ret_e);
	r = reader_rows(&rd, read_delivery, &w);
	if (r < 0) {
		store_deliveries_done(ret, w.n);
		return r;
	}
	*ret_n = w.n;
	return 0;
}

void store_deliveries_done(struct store_delivery *d, size_t n)
{
	for (size_t i = 0; i < n; i++)
		d[i].event = event_record_unref(d[i].event);
}
