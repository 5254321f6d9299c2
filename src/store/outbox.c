/* The outbox for those who ask: what is in it, and one of it once more. */
#include <errno.h>
#include <string.h>

#include "store/reader.h"

enum {
	LIST_ID,
	LIST_SUBJECT,
	LIST_SEQUENCE,
	LIST_TYPE,
	LIST_NOTIFIER,
	LIST_TRIES,
	LIST_REPLACED,
	LIST_CREATED_US,
	LIST_DUE_US,
	LIST_ERROR,
};

/*
 * The state stands in the text, or SQLite would not know that an index of its own has them. The few
 * that wait or are dead are not looked for in the whole history; the others are, from its end. Which
 * ones are listed is found in the index alone: no event is read that is not, be there 100,000.
 */
#define SELECT_IN_STATE(state, index)                                                              \
	"WITH listed AS (SELECT event, notifier FROM delivery" index " WHERE state = '" state "'"  \
	" ORDER BY event DESC, notifier LIMIT ?1)"                                                 \
	" SELECT e.id, e.subject, e.sequence, e.type, d.notifier, d.tries, d.replaced,"            \
	" d.created_us, d.due_us, d.error FROM listed"                                             \
	" CROSS JOIN delivery d ON d.event = listed.event AND d.notifier = listed.notifier"        \
	" CROSS JOIN event e ON e.number = listed.event"                                           \
	" ORDER BY listed.event DESC, listed.notifier"
static const char *const select_in_state[DELIVERY_STATE_COUNT_] = {
	[DELIVERY_PENDING] = SELECT_IN_STATE("pending", " INDEXED BY delivery_waiting"),
	[DELIVERY_DELIVERED] = SELECT_IN_STATE("delivered", ""),
	[DELIVERY_DEAD] = SELECT_IN_STATE("dead", " INDEXED BY delivery_dead"),
	[DELIVERY_SKIPPED] = SELECT_IN_STATE("skipped", ""),
};

struct listing {
	store_row_fn fn;
	void *user;
};

static int list_row(struct reader *rd, void *user)
{
	const struct listing *l = user;
	const char *type = reader_text(rd, LIST_TYPE);
	struct store_row row = {
		.event_id = reader_text(rd, LIST_ID),
		.notifier = reader_text(rd, LIST_NOTIFIER),
		.subject = reader_text(rd, LIST_SUBJECT),
		.sequence = (uint64_t)reader_number(rd, LIST_SEQUENCE),
		.tries = (unsigned)reader_number(rd, LIST_TRIES),
		.replaced = (unsigned)reader_number(rd, LIST_REPLACED),
		.created_us = reader_number(rd, LIST_CREATED_US),
		.due_us = reader_number(rd, LIST_DUE_US),
		.error = reader_text(rd, LIST_ERROR),
	};

	if (rd->failed)
		return -ENOMEM;
	if (event_type_from_name(type, &row.type) < 0)
		return reader_unknown(rd, "event type", type);
	return l->fn(l->user, &row);
}

int store_list_deliveries(struct store *s, enum delivery_state state, size_t max, store_row_fn fn,
			  void *user, struct error *ret_e)
{
	_cleanup_reader_ struct reader rd = {.s = s, .ret_e = ret_e};
	struct listing l = {.fn = fn, .user = user};
	int r = reader_prepare(&rd, select_in_state[state]);

	if (r < 0)
		return r;
	if (sqlite3_bind_int64(rd.stmt, 1, (int64_t)MIN(max, (size_t)INT64_MAX)) != SQLITE_OK)
		return store_fail(s, ret_e);
	return reader_rows(&rd, list_row, &l);
}

enum {
	RESEND_STATE = READER_EVENT_COUNT_,
	RESEND_TRIES,
	RESEND_REPLACED,
	RESEND_MODEL_READY,
	RESEND_CREATED_US,
};

static const char select_one[] =
	"SELECT " READER_EVENT ", d.state, d.tries, d.replaced, d.model_ready, d.created_us"
	" FROM event e JOIN delivery d ON d.event = e.number WHERE e.id = ?1 AND d.notifier = ?2";

struct resending {
	int64_t now_us;
	struct store_delivery *ret;
	bool found, pending;
};

static int read_one(struct reader *rd, void *user)
{
	struct resending *x = user;
	const char *state = reader_text(rd, RESEND_STATE);

	if (rd->failed)
		return -ENOMEM;
	x->found = true;
	x->pending = strcmp(state, delivery_state_name(DELIVERY_PENDING)) == 0;
	*x->ret = (struct store_delivery){
		.tries = (unsigned)reader_number(rd, RESEND_TRIES),
		.replaced = (unsigned)reader_number(rd, RESEND_REPLACED),
		.model_ready = reader_model(rd, RESEND_MODEL_READY),
		.created_us = reader_number(rd, RESEND_CREATED_US),
		.due_us = x->now_us,
	};
	return reader_event(rd, &x->ret->event);
}

int store_resend(struct store *s, const char *event_id, const char *notifier, int64_t now_us,
		 struct store_delivery *ret, struct error *ret_e)
{
	_cleanup_reader_ struct reader rd = {.s = s, .ret_e = ret_e};
	struct resending x = {.now_us = now_us, .ret = ret};
	struct store_op op = {.type = STORE_VERDICT,
			      .verdict = {.event_id = event_id,
					  .notifier = notifier,
					  .state = DELIVERY_PENDING,
					  .due_us = now_us,
					  .error = ""}};
	int r = reader_prepare(&rd, select_one);

	if (r < 0)
		return r;
	if (sqlite3_bind_text(rd.stmt, 1, event_id, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_text(rd.stmt, 2, notifier, -1, SQLITE_STATIC) != SQLITE_OK)
		return store_fail(s, ret_e);
	r = reader_rows(&rd, read_one, &x);
	sqlite3_reset(rd.stmt); /* or the commit would have to wait for it */
	if (r >= 0 && !x.found)
		r = error_set(ret_e, -ENOENT, "there is no such delivery");
	if (r < 0)
		return r;
	op.verdict.tries = ret->tries;
	r = store_apply(s, &op, 1, ret_e);
	if (r < 0)
		store_deliveries_done(ret, 1);
	return r < 0 ? r : x.pending;
}
