/* Reads the documents of jobs, member by member as the table has them. */
#include "codec/status_json.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "codec/json_in.h"
#include "model/route.h"

struct reader {
	struct json_in in;
	struct job_mask wanted;
	struct job_mask seen; /* of the present job: its names, each of which comes once */
	struct job_view view;
	const char *notify[ROUTE_MAX];
};

static void *field(struct reader *r, const struct job_member *m)
{
	return (char *)&r->view + m->offset;
}

static int read_time(struct json_in *in, int64_t *ret_us)
{
	const char *text;
	int r = json_in_text(in, &text);

	if (r < 0 || !*text)
		return r;
	return clock_parse_rfc3339(text, ret_us) < 0 ? -EBADMSG : 0;
}

static int read_notify(struct reader *r)
{
	size_t n = 0;
	int more, e = json_in_open(&r->in, '[');

	if (e < 0)
		return e;
	while ((more = json_in_more(&r->in, ']')) > 0) {
		if (n == ARRAY_LEN(r->notify))
			return -EBADMSG;
		e = json_in_text(&r->in, &r->notify[n++]);
		if (e < 0)
			return e;
	}
	r->view.notify_chosen = true;
	r->view.notify = r->notify;
	r->view.n_notify = n;
	return more;
}

/* Any value but an object's, which is not null. */
static int read_value(struct reader *r, const struct job_member *m)
{
	void *at = field(r, m);
	uint64_t n;
	int64_t i;
	int e;

	switch (m->value) {
	case JOB_TEXT:
	case JOB_TEXT_OR_NULL:
		return json_in_text(&r->in, at);
	case JOB_TIME:
		return read_time(&r->in, at);
	case JOB_SPAN:
		e = json_in_uint(&r->in, UINT64_MAX / MS_PER_S, &n);
		if (e == 0)
			*(uint64_t *)at = n * MS_PER_S;
		return e;
	case JOB_BOOL:
		return json_in_bool(&r->in, at);
	case JOB_INT32:
		e = json_in_int(&r->in, INT32_MIN, INT32_MAX, &i);
		if (e == 0)
			*(int32_t *)at = (int32_t)i;
		return e;
	case JOB_UINT16_OR_NULL:
		e = json_in_uint(&r->in, UINT16_MAX, &n);
		if (e == 0)
			*(uint16_t *)at = (uint16_t)n;
		return e;
	case JOB_UINT32:
		e = json_in_uint(&r->in, UINT32_MAX, &n);
		if (e == 0)
			*(uint32_t *)at = (uint32_t)n;
		return e;
	case JOB_UINT64:
		return json_in_uint(&r->in, UINT64_MAX, at);
	case JOB_NOTIFY:
		return read_notify(r);
	case JOB_OBJECT:
	case JOB_OBJECT_IF_BOOL:
	case JOB_OBJECT_IF_TIME:
		break;
	}
	return -EBADMSG;
}

static int read_members(struct reader *r, size_t begin, size_t end);

static int read_member(struct reader *r, size_t row)
{
	const struct job_member *m = &job_members[row];
	uint64_t bit = (uint64_t)1 << row;

	if (r->seen.bits & bit)
		return -EBADMSG;
	r->seen.bits |= bit;
	if (json_in_null(&r->in))
		return m->required ? -EBADMSG : 0;
	if (m->n_members == 0)
		return read_value(r, m);
	if (m->value == JOB_OBJECT_IF_BOOL)
		*(bool *)field(r, m) = true;
	return read_members(r, row + 1, row + 1 + m->n_members);
}

/*
 * The row of the name, or `end`. What was asked for comes in the order of the table, so it is nearly
 * always the first one from `next` on that was.
 */
static size_t find(const struct reader *r, size_t begin, size_t end, size_t next, const char *name)
{
	while (next < end && !job_mask_has(&r->wanted, next))
		next += 1 + job_members[next].n_members;
	if (next < end && strcmp(job_members[next].name, name) == 0)
		return next;
	for (size_t i = begin; i < end; i += 1 + job_members[i].n_members)
		if (strcmp(job_members[i].name, name) == 0)
			return i;
	return end;
}

/* An object of the members from row `begin` on. */
static int read_members(struct reader *r, size_t begin, size_t end)
{
	size_t next = begin, row;
	const char *name;
	int more, e = json_in_open(&r->in, '{');

	if (e < 0)
		return e;
	while ((more = json_in_more(&r->in, '}')) > 0) {
		e = json_in_key(&r->in, &name);
		if (e < 0)
			return e;
		row = find(r, begin, end, next, name);
		e = row < end ? read_member(r, row) : json_in_skip(&r->in);
		if (e < 0)
			return e;
		if (row < end)
			next = row + 1 + job_members[row].n_members;
	}
	return more;
}

/* What no member says. */
static const struct job_view nothing = {
	.name = "",
	.account = "",
	.kind = "",
	.id = "",
	.text = {"", "", "", "", "", "", "", "", ""},
	.phase = "",
	.stall_budget_ms = UINT64_MAX,
	.last_error = "",
};

static bool is_empty_text(struct reader *r, const struct job_member *m)
{
	return m->value == JOB_TEXT && !**(const char *const *)field(r, m);
}

/* Whether everything is there that makes it a job. */
static bool is_whole(struct reader *r)
{
	for (size_t i = 0; i < JOB_MEMBERS; i++)
		if (job_members[i].required && job_mask_has(&r->wanted, i) &&
		    (!job_mask_has(&r->seen, i) || is_empty_text(r, &job_members[i])))
			return false;
	return true;
}

static int read_jobs(struct reader *r, status_json_fn fn, void *user)
{
	int more, e = json_in_open(&r->in, '[');

	if (e < 0)
		return e;
	while ((more = json_in_more(&r->in, ']')) > 0) {
		json_in_forget(&r->in);
		r->view = nothing;
		r->view.document = r->in.p;
		r->seen.bits = 0;
		e = read_members(r, 0, JOB_MEMBERS);
		r->view.document_len = (size_t)(r->in.p - r->view.document);
		if (e == 0 && !is_whole(r))
			e = -EBADMSG;
		if (e == 0)
			e = fn(user, &r->view);
		if (e < 0)
			return e;
	}
	return more;
}

static int read_document(struct reader *r, status_json_fn fn, void *user)
{
	bool seen = false;
	const char *name;
	int more, e = json_in_open(&r->in, '{');

	if (e < 0)
		return e;
	while ((more = json_in_more(&r->in, '}')) > 0) {
		bool jobs;

		e = json_in_key(&r->in, &name);
		if (e < 0)
			return e;
		jobs = strcmp(name, "jobs") == 0;
		if (jobs && seen)
			return -EBADMSG;
		seen |= jobs;
		e = jobs ? read_jobs(r, fn, user) : json_in_skip(&r->in);
		if (e < 0)
			return e;
	}
	if (more == 0 && seen)
		return json_in_end(&r->in);
	return -EBADMSG;
}

int status_json_parse_jobs(const char *body, size_t len, const struct job_mask *mask,
			   status_json_fn fn, void *user)
{
	struct reader r = {.wanted = mask ? *mask : job_mask_all};
	int e = json_in_init(&r.in, body, len);

	if (e < 0)
		return e;
	e = read_document(&r, fn, user);
	json_in_done(&r.in);
	return e;
}
