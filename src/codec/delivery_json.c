/* The outbox as JSON, and back. */
#include "codec/delivery_json.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "codec/json_util.h"

int delivery_id_parse(const char *id, char ret_event[EVENT_ID_MAX],
		      char ret_notifier[DELIVERY_NOTIFIER_MAX])
{
	const char *dot = strchrnul(id, '.');
	size_t len = (size_t)(dot - id);

	if (len == 0 || len >= EVENT_ID_MAX || !*dot || !dot[1] ||
	    strlen(dot + 1) >= DELIVERY_NOTIFIER_MAX)
		return -EINVAL;
	snprintf(ret_event, EVENT_ID_MAX, "%.*s", (int)len, id);
	snprintf(ret_notifier, DELIVERY_NOTIFIER_MAX, "%s", dot + 1);
	return 0;
}

int delivery_json_begin(struct buf *b)
{
	return buf_puts(b, "{\"deliveries\":[");
}

static bool add(struct json_object *o, const struct delivery_view *v)
{
	char id[DELIVERY_ID_MAX];

	snprintf(id, sizeof(id), "%s.%s", v->event, v->notifier);
	return json_util_add_text(o, "id", id) && json_util_add_text(o, "event", v->event) &&
	       json_util_add_text(o, "type", v->type) &&
	       json_util_add_text(o, "subject", v->subject) &&
	       json_util_add_uint(o, "sequence", v->sequence) &&
	       json_util_add_text(o, "notifier", v->notifier) &&
	       json_util_add_text(o, "state", v->state) &&
	       json_util_add_uint(o, "tries", v->tries) &&
	       json_util_add_uint(o, "replaced", v->replaced) &&
	       json_util_add_time(o, "createTime", v->created_us) &&
	       json_util_add_time(o, "nextTry", v->next_try_us) &&
	       json_util_add_text_or_null(o, "waitingFor", v->waiting_for) &&
	       json_util_add_text_or_null(o, "lastError", v->last_error);
}

int delivery_json_add(const struct delivery_view *v, struct buf *b)
{
	_cleanup_json_ struct json_object *o = json_object_new_object();
	bool first = b->len > 0 && b->data[b->len - 1] == '[';

	return json_util_write(o, o && add(o, v), first ? "" : ",", b);
}

int delivery_json_end(bool more, struct buf *b)
{
	return buf_printf(b, "],\"more\":%s}", more ? "true" : "false");
}

static int read_delivery(struct json_object *o, struct delivery_view *v)
{
	const struct {
		const char *key, **value;
	} texts[] = {
		{"event", &v->event},
		{"notifier", &v->notifier},
		{"type", &v->type},
		{"subject", &v->subject},
		{"state", &v->state},
		{"lastError", &v->last_error},
		{"waitingFor", &v->waiting_for},
	};
	uint64_t tries = 0, replaced = 0;
	int r = json_object_is_type(o, json_type_object) ? 0 : -EBADMSG;

	*v = (struct delivery_view){0};
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(texts); i++)
		r = json_util_text(json_util_member(o, texts[i].key), texts[i].value);
	if (r == 0)
		r = json_util_uint(json_util_member(o, "sequence"), UINT64_MAX, &v->sequence);
	if (r == 0)
		r = json_util_uint(json_util_member(o, "tries"), UINT_MAX, &tries);
	if (r == 0)
		r = json_util_uint(json_util_member(o, "replaced"), UINT_MAX, &replaced);
	if (r == 0)
		r = json_util_time(json_util_member(o, "createTime"), &v->created_us);
	if (r == 0)
		r = json_util_time(json_util_member(o, "nextTry"), &v->next_try_us);
	v->tries = (unsigned)tries;
	v->replaced = (unsigned)replaced;
	return r;
}

int delivery_json_parse(const char *body, size_t len,
			int (*fn)(void *user, const struct delivery_view *v), void *user,
			bool *ret_more)
{
	_cleanup_tokener_ struct json_tokener *tok = json_util_tokener();
	_cleanup_json_ struct json_object *doc = NULL;
	struct json_object *list = NULL;
	int r;

	if (!tok)
		return -ENOMEM;
	r = json_util_parse(tok, body, len, &doc, NULL);
	if (r == 0)
		r = json_util_array(json_util_member(doc, "deliveries"), &list);
	for (size_t i = 0; r == 0 && list && i < json_object_array_length(list); i++) {
		struct delivery_view v;

		r = read_delivery(json_object_array_get_idx(list, i), &v);
		if (r == 0)
			r = fn(user, &v);
	}
	if (r == 0)
		*ret_more = json_object_get_boolean(json_util_member(doc, "more"));
	return r;
}
