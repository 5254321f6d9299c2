/* The outbox on the control socket. */
#include "daemon/api_deliveries.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "codec/delivery_json.h"
#include "codec/status_json.h"
#include "daemon/resend.h"

#define CLOSED_MAX 256

_Static_assert(DELIVERY_NOTIFIER_MAX == STORE_NOTIFIER_MAX, "a name fits both");

static int refuse(struct server_response *response, unsigned status, const char *code,
		  const char *message)
{
	buf_clear(&response->body);
	response->status = status;
	return status_json_error(code, message, &response->body);
}

/* --- the list --- */

struct listing {
	struct server_response *response;
	unsigned states; /* bit per enum delivery_state, in the order in which they are listed */
	size_t left;
	bool more;
	enum delivery_state state;      /* that is being listed */
	const char *closed[CLOSED_MAX]; /* notifiers for which there is no next try */
	size_t n_closed;
	struct dispatcher_held *held; /* owned; as they were when the call came */
	size_t n_held;
};

static void listing_free(struct listing *l)
{
	free(l->held);
	free(l);
}

static bool is_held(const struct listing *l, const struct store_row *row)
{
	struct dispatcher_held key = {.notifier = row->notifier};

	if (l->state != DELIVERY_PENDING)
		return false;
	snprintf(key.event_id, sizeof(key.event_id), "%s", row->event_id);
	return bsearch(&key, l->held, l->n_held, sizeof(key), dispatcher_held_cmp);
}

static int64_t next_try_us(const struct listing *l, const struct store_row *row, bool held)
{
	if (l->state != DELIVERY_PENDING || held)
		return 0;
	for (size_t i = 0; i < l->n_closed; i++)
		if (strcmp(l->closed[i], row->notifier) == 0)
			return 0;
	return row->due_us;
}

static int take_row(void *user, const struct store_row *row)
{
	struct listing *l = user;
	bool held = is_held(l, row);
	const struct delivery_view v = {
		.event = row->event_id,
		.notifier = row->notifier,
		.type = event_type_name(row->type),
		.subject = row->subject,
		.sequence = row->sequence,
		.state = delivery_state_name(l->state),
		.tries = row->tries,
		.replaced = row->replaced,
		.created_us = row->created_us,
		.next_try_us = next_try_us(l, row, held),
		.waiting_for = held ? "model" : "",
		.last_error = row->error,
	};

	if (l->left == 0) {
		l->more = true;
		return 0;
	}
	l->left--;
	return delivery_json_add(&v, &l->response->body);
}

/* One more than is listed is read, to know whether there are more. */
static int do_list(void *user, struct store *store, struct error *ret_e)
{
	struct listing *l = user;
	int r = delivery_json_begin(&l->response->body);

	for (l->state = 0; l->state < DELIVERY_STATE_COUNT_ && r >= 0; l->state++)
		if (l->states & 1U << l->state)
			r = store_list_deliveries(store, l->state, l->left + 1, take_row, l, ret_e);
	return r < 0 ? r : delivery_json_end(l->more, &l->response->body);
}

static void on_listed(void *user, int r, const char *text)
{
	struct listing *l = user;

	if (r < 0)
		r = refuse(l->response, 503, "store_failing", text);
	server_answer(l->response, r);
	listing_free(l);
}

static int parse_states(const char *name, unsigned *ret)
{
	if (!name) {
		*ret = 1U << DELIVERY_PENDING | 1U << DELIVERY_DEAD;
		return 0;
	}
	for (enum delivery_state s = 0; s < DELIVERY_STATE_COUNT_; s++)
		if (strcmp(name, delivery_state_name(s)) == 0) {
			*ret = 1U << s;
			return 0;
		}
	return -EINVAL;
}

static int parse_limit(const char *text, size_t *ret)
{
	unsigned long n;
	char *end;

	if (!text) {
		*ret = API_DELIVERIES_LIMIT;
		return 0;
	}
	n = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || n < 1 || n > API_DELIVERIES_LIMIT_MAX)
		return -EINVAL;
	*ret = n;
	return 0;
}

int api_get_deliveries(struct committer *committer, struct dispatcher *dispatcher,
		       const struct server_request *request, struct server_response *response)
{
	struct listing *l;
	unsigned states;
	size_t limit;
	int r;

	if (parse_states(server_argument(request, "state"), &states) < 0)
		return refuse(response, 400, "bad_request",
			      "state is pending, delivered, dead or skipped");
	if (parse_limit(server_argument(request, "limit"), &limit) < 0)
		return refuse(response, 400, "bad_request", "limit is a number from 1 to 1000");
	l = malloc(sizeof(*l));
	if (!l)
		return -ENOMEM;
	*l = (struct listing){.response = response, .states = states, .left = limit};
	l->n_closed = dispatcher_closed(dispatcher, l->closed, ARRAY_LEN(l->closed));
	r = dispatcher_held(dispatcher, &l->held, &l->n_held);
	if (r == 0)
		r = committer_run(committer, do_list, on_listed, l);
	if (r < 0) {
		listing_free(l);
		return r;
	}
	return SERVER_LATER;
}

/* --- once more --- */

static const struct {
	int r;
	unsigned status;
	const char *code;
} refusals[] = {
	{-ENOENT, 404, "not_found"},
};

static void on_resent(void *user, int r, const char *text)
{
	struct server_response *response = user;
	unsigned status = 503;
	const char *code = "store_failing";

	if (r >= 0) {
		server_answer(response, status_json_health(NULL, 0, &response->body));
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (refusals[i].r == r) {
			status = refusals[i].status;
			code = refusals[i].code;
		}
	server_answer(response, refuse(response, status, code, text));
}

int api_retry_delivery(struct committer *committer, struct dispatcher *dispatcher, const char *path,
		       struct server_response *response)
{
	static const char verb[] = "/retry";
	char event[EVENT_ID_MAX], notifier[DELIVERY_NOTIFIER_MAX];
	size_t len = strlen(path), tail = strlen(verb);
	_cleanup_free_ char *id = NULL;
	int r;

	if (len <= tail || strcmp(path + len - tail, verb) != 0)
		return refuse(response, 404, "not_found",
			      "there is no such call; see POST /v1/deliveries/{id}/retry");
	id = strndup(path, len - tail);
	if (!id)
		return -ENOMEM;
	if (delivery_id_parse(id, event, notifier) < 0)
		return refuse(response, 404, "not_found",
			      "the id of a delivery is EVENT.NOTIFIER, as deliveries are listed");
	if (!dispatcher_knows(dispatcher, notifier))
		return refuse(response, 409, "conflict",
			      "no notifier of that name is in the configuration");
	if (dispatcher_has_off(dispatcher, notifier))
		return refuse(
			response, 409, "conflict",
			"the notifier is off until the next reload: its receiver answered 410");
	r = resend(dispatcher, committer, event, notifier, on_resent, response);
	return r < 0 ? r : SERVER_LATER;
}
