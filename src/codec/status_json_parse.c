/* Reads what the control socket tells, for the command line. */
#include "codec/status_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "codec/json_util.h"
#include "codec/text.h"

/* None, as from an older daemon, is 0. */
static int read_uint(struct json_object *v, uint64_t max, uint64_t *ret)
{
	*ret = 0;
	return json_util_is_none(v) ? 0 : json_util_uint(v, max, ret);
}

static int read_span(struct json_object *seconds, uint64_t *ret_ms)
{
	int r = read_uint(seconds, UINT64_MAX / MS_PER_S, ret_ms);

	*ret_ms *= MS_PER_S;
	return r;
}

static int read_collection(struct json_object *collection, struct collection_view *v)
{
	int r;

	*v = (struct collection_view){.without = ""};
	if (!json_object_is_type(collection, json_type_object))
		return -EBADMSG;
	v->unseen = json_object_get_boolean(json_util_member(collection, "unseen"));
	r = json_util_text(json_util_member(collection, "kind"), &v->kind);
	return r == 0 ? json_util_text(json_util_member(collection, "lastError"), &v->last_error)
		      : r;
}

/* The array is the caller's, also when not all of it could be read. */
static int read_collections(struct json_object *account, struct collection_view **ret,
			    size_t *ret_n)
{
	struct json_object *list;
	int r = json_util_array(json_util_member(account, "collections"), &list);
	size_t n;

	if (r < 0 || !list)
		return r;
	n = json_object_array_length(list);
	*ret = calloc(n + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = read_collection(json_object_array_get_idx(list, i), &(*ret)[i]);
	*ret_n = n;
	return r;
}

static int read_account(struct json_object *account, struct account_view *v)
{
	uint64_t rate = 0;
	int r;

	*v = (struct account_view){0};
	if (!json_object_is_type(account, json_type_object))
		return -EBADMSG;
	v->in_sight = json_object_get_boolean(json_util_member(account, "inSight"));
	v->degraded = json_object_get_boolean(json_util_member(account, "degraded"));
	r = json_util_text(json_util_member(account, "name"), &v->name);
	if (r == 0)
		r = json_util_text(json_util_member(account, "account"), &v->account);
	if (r == 0)
		r = json_util_text(json_util_member(account, "lastError"), &v->last_error);
	if (r == 0)
		r = json_util_time(json_util_member(account, "outSince"), &v->out_since_us);
	if (r == 0)
		r = read_uint(json_util_member(account, "requestsPerMinuteNow"), UINT32_MAX, &rate);
	if (r == 0)
		r = read_span(json_util_member(account, "wantedSeconds"), &v->wanted_ms);
	v->rate = (uint32_t)rate;
	return r == 0 ? read_span(json_util_member(account, "freshnessSeconds"), &v->freshness_ms)
		      : r;
}

static int read_notifier(struct json_object *notifier, struct notifier_view *v)
{
	uint64_t pending = 0, running = 0;
	int r;

	*v = (struct notifier_view){0};
	if (!json_object_is_type(notifier, json_type_object))
		return -EBADMSG;
	v->off = json_object_get_boolean(json_util_member(notifier, "off"));
	v->removed = json_object_get_boolean(json_util_member(notifier, "removed"));
	r = json_util_text(json_util_member(notifier, "name"), &v->name);
	if (r == 0)
		r = json_util_text(json_util_member(notifier, "lastError"), &v->last_error);
	if (r == 0)
		r = json_util_uint(json_util_member(notifier, "pending"), SIZE_MAX, &pending);
	if (r == 0)
		r = json_util_uint(json_util_member(notifier, "retried"), UINT64_MAX, &v->retried);
	if (r == 0)
		r = json_util_uint(json_util_member(notifier, "dead"), UINT64_MAX, &v->dead);
	if (r == 0)
		r = json_util_text(json_util_member(notifier, "type"), &v->type);
	if (r == 0)
		r = read_uint(json_util_member(notifier, "running"), SIZE_MAX, &running);
	if (r == 0)
		r = read_uint(json_util_member(notifier, "delivered"), UINT64_MAX, &v->delivered);
	v->pending = (size_t)pending;
	v->running = (size_t)running;
	return r;
}

static int each_account(struct json_object *accounts, const struct status_reader *reader,
			void *user)
{
	struct account_view v;
	int r = 0;

	for (size_t i = 0; r == 0 && accounts && i < json_object_array_length(accounts); i++) {
		struct json_object *account = json_object_array_get_idx(accounts, i);
		_cleanup_free_ struct collection_view *collections = NULL;

		r = read_account(account, &v);
		if (r == 0)
			r = read_collections(account, &collections, &v.n_collections);
		v.collections = collections;
		if (r == 0)
			r = reader->account(user, &v);
	}
	return r;
}

static int each_notifier(struct json_object *notifiers, const struct status_reader *reader,
			 void *user)
{
	struct notifier_view v;
	int r = 0;

	for (size_t i = 0; r == 0 && notifiers && i < json_object_array_length(notifiers); i++) {
		r = read_notifier(json_object_array_get_idx(notifiers, i), &v);
		if (r == 0)
			r = reader->notifier(user, &v);
	}
	return r;
}

int status_json_parse_status(const char *body, size_t len, const struct status_reader *reader,
			     void *user)
{
	_cleanup_tokener_ struct json_tokener *tok = json_util_tokener();
	_cleanup_json_ struct json_object *doc = NULL;
	struct json_object *accounts, *notifiers, *store;
	const char *store_error = "", *configuration = "";
	int r;

	if (!tok)
		return -ENOMEM;
	r = json_util_parse(tok, body, len, &doc, NULL);
	if (r == 0)
		r = json_util_array(json_util_member(doc, "accounts"), &accounts);
	if (r == 0)
		r = json_util_array(json_util_member(doc, "notifiers"), &notifiers);
	if (r == 0)
		r = json_util_object(json_util_member(doc, "store"), &store);
	if (r == 0 && store)
		r = json_util_text(json_util_member(store, "error"), &store_error);
	if (r == 0)
		r = json_util_text(json_util_member(doc, "configurationError"), &configuration);
	if (r == 0 && reader->errors)
		r = reader->errors(user, store_error, configuration);
	if (r == 0 && reader->account)
		r = each_account(accounts, reader, user);
	return r < 0 || !reader->notifier ? r : each_notifier(notifiers, reader, user);
}

void status_json_parse_error(const char *body, size_t len, char *ret, size_t size)
{
	_cleanup_tokener_ struct json_tokener *tok = json_util_tokener();
	_cleanup_json_ struct json_object *doc = NULL;
	struct json_object *error;
	const char *message;

	ret[0] = '\0';
	if (!tok || json_util_parse(tok, body, len, &doc, NULL) < 0 ||
	    json_util_object(json_util_member(doc, "error"), &error) < 0 || !error ||
	    json_util_text(json_util_member(error, "message"), &message) < 0)
		return;
	utf8_snprintf(ret, size, "%s", message);
	text_clean(ret);
}
