/* Holds codec/json_in against json-c. */
#include "support/jobs_check.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "codec/json_in.h"
#include "codec/json_lint.h"
#include "codec/json_util.h"
#include "codec/status_json.h"

struct check {
	struct json_object *jobs; /* as json-c sees them; NULL: it does not */
	size_t n;
	const char *wrong;
};

static bool same_notify(struct json_object *v, const struct job_view *view)
{
	if (!v || !view->notify_chosen)
		return !v && !view->notify_chosen;
	if (json_object_array_length(v) != view->n_notify)
		return false;
	for (size_t i = 0; i < view->n_notify; i++)
		if (strcmp(json_object_get_string(json_object_array_get_idx(v, i)),
			   view->notify[i]) != 0)
			return false;
	return true;
}

static bool same_span(struct json_object *v, uint64_t ms, bool budget)
{
	if (!v)
		return ms == (budget ? UINT64_MAX : 0);
	return json_object_get_uint64(v) == ms / MS_PER_S;
}

/* `v`: NULL where it is absent or null. */
static bool same(struct json_object *v, const struct job_view *view, const struct job_member *m)
{
	const void *at = (const char *)view + m->offset;
	int64_t time_us;
	const char *text;

	switch (m->value) {
	case JOB_TEXT:
	case JOB_TEXT_OR_NULL:
		return json_util_text(v, &text) == 0 && strcmp(text, *(const char *const *)at) == 0;
	case JOB_TIME:
		return json_util_time(v, &time_us) == 0 && (!v || time_us == *(const int64_t *)at);
	case JOB_SPAN:
		return same_span(v, *(const uint64_t *)at, at == &view->stall_budget_ms);
	case JOB_BOOL:
		return json_object_get_boolean(v) == *(const bool *)at;
	case JOB_INT32:
		return json_object_get_int64(v) == *(const int32_t *)at;
	case JOB_UINT16_OR_NULL:
		return json_object_get_uint64(v) == *(const uint16_t *)at;
	case JOB_UINT32:
		return json_object_get_uint64(v) == *(const uint32_t *)at;
	case JOB_UINT64:
		return json_object_get_uint64(v) == *(const uint64_t *)at;
	case JOB_NOTIFY:
		return same_notify(v, view);
	case JOB_OBJECT_IF_BOOL:
		return !v == !*(const bool *)at;
	case JOB_OBJECT:
	case JOB_OBJECT_IF_TIME:
		return true;
	}
	return false;
}

static int check_job(void *user, const struct job_view *view)
{
	struct check *c = user;
	struct json_object *job, *in;

	if (!c->jobs)
		return 0;
	job = in = json_object_array_get_idx(c->jobs, c->n++);
	for (size_t i = 0, inside = 0; i < JOB_MEMBERS; i++) {
		struct json_object *v = json_util_member(in, job_members[i].name);

		if (!same(v, view, &job_members[i]))
			c->wrong = job_members[i].name;
		inside = inside > 0 ? inside - 1 : job_members[i].n_members;
		if (inside == 0)
			in = job;
		else if (job_members[i].n_members > 0)
			in = v;
	}
	return 0;
}

/* A number with a fraction, which json-c reads more kindly and keeps as it was written. */
static bool has_double(struct json_object *v)
{
	if (json_object_is_type(v, json_type_object)) {
		struct lh_entry *entry;

		lh_foreach(json_object_get_object(v),
			   entry) if (has_double(lh_entry_v(entry))) return true;
	} else if (json_object_is_type(v, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(v); i++)
			if (has_double(json_object_array_get_idx(v, i)))
				return true;
	}
	return json_object_is_type(v, json_type_double);
}

static bool takes(const char *text, size_t len)
{
	struct json_in in = {0};
	int r = json_in_init(&in, text, len);

	if (r == 0)
		r = json_in_skip(&in);
	if (r == 0)
		r = json_in_end(&in);
	json_in_done(&in);
	return r == 0;
}

/* NUL is in no text of ours, and json-c prints one so. */
static bool takes_as_printed(struct json_object *doc)
{
	const char *text = json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PLAIN);

	return has_double(doc) || strstr(text, "\\u0000") || takes(text, strlen(text));
}

/* NULL: json-c refuses it. Names that come twice are no matter where nobody reads them. */
static struct json_object *parse(const char *body, size_t len)
{
	_cleanup_tokener_ struct json_tokener *tok = json_util_tokener();
	_cleanup_json_ struct json_object *doc = NULL;
	const char *why;
	size_t members;

	if (json_lint(body, len, &members, &why) < 0)
		return NULL;
	doc = json_tokener_parse_ex(tok, body, (int)len);
	if (json_tokener_get_error(tok) != json_tokener_success ||
	    !json_object_is_type(doc, json_type_object))
		return NULL;
	return TAKE_PTR(doc);
}

const char *jobs_check(const char *body, size_t len)
{
	_cleanup_json_ struct json_object *doc = parse(body, len);
	const struct job_mask none = {0};
	struct check c = {0};
	int own;

	if (doc)
		c.jobs = json_util_member(doc, "jobs");
	if (!json_object_is_type(c.jobs, json_type_array))
		c.jobs = NULL;
	own = status_json_parse_jobs(body, len, &none, check_job, &c);
	if (own != 0 && own != -EBADMSG)
		return "an error that is none of the document's";
	if (own == 0 && !doc)
		return "json-c refuses it";
	if (own == 0 && c.n != json_object_array_length(c.jobs))
		return "the number of jobs";
	if (own == 0 && c.wrong)
		return c.wrong;
	return !doc || takes_as_printed(doc) ? NULL : "as json-c prints it";
}
