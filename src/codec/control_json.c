/* What the command line reads of the control socket's answers. */
#include "codec/control_json.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "codec/json_util.h"
#include "codec/text.h"

static int parse(const char *body, size_t len, struct json_object **ret)
{
	_cleanup_tokener_ struct json_tokener *tok = json_util_tokener();

	return tok ? json_util_parse(tok, body, len, ret, NULL) : -ENOMEM;
}

/* Copies a member, cut and fit to be shown. 0 or -EBADMSG. */
static int copy_text(struct json_object *o, const char *key, char *ret, size_t size)
{
	const char *text;
	int r = json_util_text(json_util_member(o, key), &text);

	if (r < 0)
		return r;
	utf8_snprintf(ret, size, "%s", text);
	text_clean(ret);
	return 0;
}

void control_json_parse_code(const char *body, size_t len, char *ret, size_t size)
{
	_cleanup_json_ struct json_object *doc = NULL;
	struct json_object *error;

	ret[0] = '\0';
	if (parse(body, len, &doc) == 0 &&
	    json_util_object(json_util_member(doc, "error"), &error) == 0 && error &&
	    copy_text(error, "code", ret, size) < 0)
		ret[0] = '\0';
}

int control_json_parse_faults(const char *body, size_t len, control_json_text_fn fn, void *user)
{
	_cleanup_json_ struct json_object *doc = NULL;
	struct json_object *error = NULL, *faults = NULL;
	int r = parse(body, len, &doc);

	if (r == 0)
		r = json_util_object(json_util_member(doc, "error"), &error);
	if (r == 0)
		r = json_util_array(json_util_member(error, "faults"), &faults);
	for (size_t i = 0; r == 0 && faults && i < json_object_array_length(faults); i++) {
		const char *text;

		r = json_util_text(json_object_array_get_idx(faults, i), &text);
		if (r == 0)
			r = fn(user, text);
	}
	return r;
}

int control_json_parse_job(const char *body, size_t len, struct control_job *ret)
{
	_cleanup_json_ struct json_object *doc = NULL;
	struct control_job job = {0};
	struct json_object *status = NULL;
	int r = parse(body, len, &doc);

	if (r == 0)
		r = json_util_object(json_util_member(doc, "status"), &status);
	if (r == 0)
		r = copy_text(doc, "name", job.name, sizeof(job.name));
	if (r == 0)
		r = copy_text(doc, "phase", job.phase, sizeof(job.phase));
	if (r == 0)
		r = copy_text(doc, "state", job.state, sizeof(job.state));
	if (r == 0)
		r = copy_text(status, "code", job.status_code, sizeof(job.status_code));
	if (r == 0)
		r = copy_text(status, "message", job.status_message, sizeof(job.status_message));
	if (r == 0)
		r = json_util_time(json_util_member(doc, "phaseSince"), &job.in_phase_us);
	if (r < 0)
		return r;
	/* These are the API's own texts: what is no time says nothing. */
	if (json_util_time(json_util_member(doc, "createTime"), &job.created_us) < 0)
		job.created_us = 0;
	if (json_util_time(json_util_member(doc, "completedTime"), &job.ended_us) < 0)
		job.ended_us = 0;
	job.not_found = json_object_get_boolean(json_util_member(doc, "notFound"));
	if (!job.name[0])
		return -EBADMSG;
	*ret = job;
	return 0;
}

/*
 * The rest finds a member's own bytes. It is given documents that a strict parser has accepted, so it
 * only has to know strings and brackets.
 */
static const char *skip_space(const char *p, const char *end)
{
	while (p < end && isspace((unsigned char)*p))
		p++;
	return p;
}

static const char *skip_string(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p < end ? p + 1 : end;
}

/* Behind the value that begins at `p`. */
static const char *skip_value(const char *p, const char *end)
{
	size_t depth = 0;

	while (p < end) {
		if (*p == '"') {
			p = skip_string(p, end);
		} else if (*p == '{' || *p == '[') {
			depth++;
			p++;
			continue;
		} else if (depth > 0 && (*p == '}' || *p == ']')) {
			depth--;
			p++;
		} else if (depth > 0 || !strchr(",}] \t\r\n", *p)) {
			p++; /* of a number or a word, or between the parts of what is open */
			continue;
		}
		if (depth == 0)
			return p;
	}
	return p;
}

/* The value of the outermost member called `key`; NULL: there is none. */
static const char *find_member(const char *body, const char *end, const char *key)
{
	const char *p = skip_space(body, end) + 1;
	size_t key_len = strlen(key);

	while ((p = skip_space(p, end)) < end && *p == '"') {
		const char *name = p + 1, *value;
		bool is = (size_t)(end - name) > key_len && memcmp(name, key, key_len) == 0 &&
			  name[key_len] == '"';

		p = skip_space(skip_string(p, end), end); /* the colon */
		value = skip_space(p + 1, end);
		if (is)
			return value;
		p = skip_space(skip_value(value, end), end) + 1; /* the comma */
	}
	return NULL;
}

int control_json_parse_events(const char *body, size_t len,
			      int (*fn)(void *user, const char *event, size_t event_len),
			      void *user, uint64_t *ret_last, bool *ret_more)
{
	_cleanup_json_ struct json_object *doc = NULL;
	const char *end = body + len, *p;
	struct json_object *list = NULL;
	uint64_t last = 0;
	int r = parse(body, len, &doc);

	if (r == 0)
		r = json_util_array(json_util_member(doc, "events"), &list);
	if (r == 0)
		r = list ? json_util_uint(json_util_member(doc, "last"), UINT64_MAX, &last)
			 : -EBADMSG;
	if (r < 0)
		return r;
	p = find_member(body, end, "events");
	for (size_t i = 0; p && i < json_object_array_length(list); i++) {
		const char *event = skip_space(p + 1, end); /* behind the bracket or the comma */

		if (!json_object_is_type(json_object_array_get_idx(list, i), json_type_object))
			return -EBADMSG;
		p = skip_value(event, end);
		r = fn ? fn(user, event, (size_t)(p - event)) : 0;
		if (r < 0)
			return r;
		p = skip_space(p, end);
	}
	*ret_last = last;
	*ret_more = json_object_get_boolean(json_util_member(doc, "more"));
	return 0;
}

int control_json_parse_event(const char *body, size_t len, struct control_event *ret)
{
	_cleanup_json_ struct json_object *doc = NULL;
	struct control_event event = {0};
	int r = parse(body, len, &doc);

	if (r == 0)
		r = copy_text(doc, "type", event.type, sizeof(event.type));
	if (r == 0)
		r = copy_text(doc, "subject", event.subject, sizeof(event.subject));
	if (r == 0)
		r = json_util_time(json_util_member(doc, "time"), &event.time_us);
	if (r == 0 && !event.type[0])
		r = -EBADMSG;
	if (r == 0)
		*ret = event;
	return r;
}

int control_json_parse_verdict(const char *body, size_t len, struct control_verdict *ret)
{
	_cleanup_json_ struct json_object *doc = NULL;
	struct control_verdict v = {0};
	int r = parse(body, len, &doc);

	if (r == 0)
		r = copy_text(doc, "verdict", v.verdict, sizeof(v.verdict));
	if (r == 0)
		r = copy_text(doc, "message", v.message, sizeof(v.message));
	if (r == 0)
		r = copy_text(doc, "event", v.event, sizeof(v.event));
	if (r == 0 && !v.verdict[0])
		r = -EBADMSG;
	if (r == 0)
		*ret = v;
	return r;
}

int control_json_wait(const struct buf documents[], size_t n, bool timed_out, struct buf *b)
{
	int r = buf_puts(b, "{\"jobs\":[");
	bool any = false;

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (documents[i].len == 0)
			continue;
		r = any ? buf_puts(b, ",") : 0;
		any = true;
		if (r == 0)
			r = buf_append(b, documents[i].data, documents[i].len);
	}
	return r == 0 ? buf_printf(b, "],\"timedOut\":%s}", timed_out ? "true" : "false") : r;
}

int control_json_texts(const char *name, const char *const texts[], size_t n, struct buf *b)
{
	_cleanup_json_ struct json_object *doc = json_object_new_object();
	struct json_object *list = doc ? json_util_add_array(doc, name) : NULL;
	bool ok = list;

	for (size_t i = 0; ok && i < n; i++)
		ok = json_util_append_text(list, texts[i]);
	return json_util_write(doc, ok, "", b);
}
