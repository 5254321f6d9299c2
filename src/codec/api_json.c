/* The API's smaller documents. */
#include "codec/api_json.h"

#include <inttypes.h>

#include "codec/json_util.h"

/* {"error":{"code":…,"message":…,…}} with room for more; NULL when memory is out. */
static struct json_object *begin_error(struct json_object *doc, const char *code,
				       const char *message)
{
	struct json_object *error = doc ? json_util_add_object(doc, "error") : NULL;

	return error && json_util_add_text(error, "code", code) &&
			       json_util_add_text(error, "message", message)
		       ? error
		       : NULL;
}

int api_json_faults(const char *code, const char *message, const char *const *faults, size_t n,
		    struct buf *b)
{
	_cleanup_json_ struct json_object *doc = json_object_new_object();
	struct json_object *error = begin_error(doc, code, message);
	struct json_object *list = error ? json_util_add_array(error, "faults") : NULL;
	bool ok = list;

	for (size_t i = 0; ok && i < n; i++)
		ok = json_util_append_text(list, faults[i]);
	return json_util_write(doc, ok, "", b);
}

int api_json_conflict(const char *message, const struct api_difference *d, size_t n, struct buf *b)
{
	_cleanup_json_ struct json_object *doc = json_object_new_object();
	struct json_object *error = begin_error(doc, "conflict", message);
	struct json_object *list = error ? json_util_add_array(error, "differences") : NULL;
	bool ok = list;

	for (size_t i = 0; ok && i < n; i++) {
		struct json_object *o = json_util_append_object(list);

		ok = o && json_util_add_text(o, "field", d[i].field) &&
		     json_util_add_text(o, "there", d[i].there) &&
		     json_util_add_text(o, "here", d[i].here);
	}
	return json_util_write(doc, ok, "", b);
}

int api_json_verdict(const char *verdict, const char *message, const char *event, struct buf *b)
{
	_cleanup_json_ struct json_object *doc = json_object_new_object();
	bool ok = doc && json_util_add_text(doc, "verdict", verdict) &&
		  json_util_add_text(doc, "message", message) &&
		  json_util_add_text(doc, "event", event);

	return json_util_write(doc, ok, "", b);
}

int api_json_outcome_begin(const char *outcome, struct buf *b)
{
	return buf_printf(b, "{\"outcome\":\"%s\",\"job\":", outcome);
}

int api_json_outcome_end(struct buf *b)
{
	return buf_puts(b, "}");
}

int api_json_events_begin(struct buf *b)
{
	return buf_puts(b, "{\"events\":[");
}

int api_json_event(const char *body, size_t len, bool first, struct buf *b)
{
	size_t before = b->len;
	int r = first ? 0 : buf_puts(b, ",");

	if (r == 0)
		r = buf_append(b, body, len);
	if (r < 0 && b->len > before)
		b->data[b->len = before] = '\0'; /* nothing of it was appended */
	return r;
}

int api_json_events_end(uint64_t last, bool more, struct buf *b)
{
	return buf_printf(b, "],\"last\":%" PRIu64 ",\"more\":%s}", last, more ? "true" : "false");
}
