/* The API's calls about the outbox. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "codec/delivery_json.h"
#include "codec/status_json.h"
#include "daemon/api_private.h"
#include "daemon/resend.h"

#define DELIVERIES_LIMIT     100  /* without `limit` */
#define DELIVERIES_LIMIT_MAX 1000 /* some hundred bytes each */
#define CLOSED_MAX           256

_Static_assert(DELIVERY_NOTIFIER_MAX == STORE_NOTIFIER_MAX, "a name fits both");

/* --- the list --- */

struct outbox_list {
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

static void outbox_list_free(struct outbox_list *l)
{
	free(l->held);
	free(l);
}

static bool is_held(const struct outbox_list *l, const struct store_row *row)
{
	struct dispatcher_held key = {.notifier = row->notifier};

	if (l->state != DELIVERY_PENDING)
		return false;
	snprintf(key.event_id, sizeof(key.event_id), "%s", row->event_id);
	return bsearch(&key, l->held, l->n_held, sizeof(key), dispatcher_held_cmp);
}

static int64_t next_try_us(const struct outbox_list *l, const struct store_row *row, bool held)
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
	struct outbox_list *l = user;
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
	struct outbox_list *l = user;
	int r = delivery_json_begin(&l->response->body);

	for (l->state = 0; l->state < DELIVERY_STATE_COUNT_ && r >= 0; l->state++)
		if (l->states & 1U << l->state)
			r = store_list_deliveries(store, l->state, l->left + 1, take_row, l, ret_e);
	return r < 0 ? r : delivery_json_end(l->more, &l->response->body);
}

static void on_listed(void *user, int r, const char *text)
{
	struct outbox_list *l = user;

	if (r == -ECANCELED)
		r = api_refuse_stopping(l->response);
	else if (r < 0)
		r = api_refuse(l->response, 503, "store_failing", "%s", text);
	server_answer(l->response, r);
	outbox_list_free(l);
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

int api_get_deliveries(struct api *api, const struct server_request *request, const char *rest,
		       struct server_response *response)
{
	const struct api_sources *from = &api->sources;
	const char *state = server_argument(request, "state");
	struct outbox_list *l;
	unsigned states;
	uint64_t limit;
	int r;

	if (parse_states(state, &states) < 0)
		return api_refuse(
			response, 400, "bad_request",
			"there is no state \"%.80s\": pending, delivered, dead or skipped", state);
	if (api_number(request, response, "limit", 1, DELIVERIES_LIMIT_MAX, DELIVERIES_LIMIT,
		       &limit) < 0)
		return 0; /* the response says why */
	l = malloc(sizeof(*l));
	if (!l)
		return -ENOMEM;
	*l = (struct outbox_list){.response = response, .states = states, .left = limit};
	l->n_closed = dispatcher_closed(from->dispatcher, l->closed, ARRAY_LEN(l->closed));
	r = dispatcher_held(from->dispatcher, &l->held, &l->n_held);
	if (r == 0)
		r = committer_run(from->committer, do_list, on_listed, l);
	if (r < 0) {
		outbox_list_free(l);
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
		server_answer(response, api_done(response));
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (refusals[i].r == r) {
			status = refusals[i].status;
			code = refusals[i].code;
		}
	server_answer(response, api_refuse(response, status, code, "%s", text));
}

int api_retry_delivery(struct api *api, const struct server_request *request, const char *rest,
		       struct server_response *response)
{
	static const char verb[] = "/retry";
	const struct api_sources *from = &api->sources;
	char event[EVENT_ID_MAX], notifier[DELIVERY_NOTIFIER_MAX];
	size_t len = strlen(rest), tail = strlen(verb);
	_cleanup_free_ char *id = NULL;
	int r;

	if (len <= tail || strcmp(rest + len - tail, verb) != 0)
		return api_refuse(response, 404, "not_found",
				  "there is no such call; see POST /v1/deliveries/{id}/retry");
	id = strndup(rest, len - tail);
	if (!id)
		return -ENOMEM;
	if (delivery_id_parse(id, event, notifier) < 0)
		return api_refuse(
			response, 404, "not_found",
			"the id of a delivery is EVENT.NOTIFIER, as deliveries are listed");
	if (!api_is_open(api, notifier, response))
		return 0;
	r = resend(from->dispatcher, from->committer, event, notifier, on_resent, response);
	return r < 0 ? r : SERVER_LATER;
}
