/* The documents of jobs, written member by member as the table has them. */
#include "codec/status_json.h"

#include <string.h>

#include "base/clock.h"
#include "codec/json_out.h"

static const void *field(const struct job_view *v, const struct job_member *m)
{
	return (const char *)v + m->offset;
}

static const char *text(const struct job_view *v, const struct job_member *m)
{
	return *(const char *const *)field(v, m);
}

static void write_notify(struct json_out *out, const struct job_view *v)
{
	if (!v->notify_chosen) {
		json_out_null(out);
		return;
	}
	json_out_open(out, '[');
	for (size_t i = 0; i < v->n_notify; i++) {
		json_out_item(out);
		json_out_text(out, v->notify[i]);
	}
	json_out_close(out, ']');
}

static void write_value(struct json_out *out, const struct job_view *v, const struct job_member *m)
{
	const void *at = field(v, m);

	switch (m->value) {
	case JOB_TEXT:
		json_out_text(out, text(v, m));
		break;
	case JOB_TEXT_OR_NULL:
		if (*text(v, m))
			json_out_text(out, text(v, m));
		else
			json_out_null(out);
		break;
	case JOB_TIME:
		json_out_time(out, *(const int64_t *)at);
		break;
	case JOB_SPAN:
		if (*(const uint64_t *)at == UINT64_MAX)
			json_out_null(out);
		else
			json_out_uint(out, *(const uint64_t *)at / MS_PER_S);
		break;
	case JOB_BOOL:
		json_out_bool(out, *(const bool *)at);
		break;
	case JOB_INT32:
		json_out_int(out, *(const int32_t *)at);
		break;
	case JOB_UINT16_OR_NULL:
		if (*(const uint16_t *)at)
			json_out_uint(out, *(const uint16_t *)at);
		else
			json_out_null(out);
		break;
	case JOB_UINT32:
		json_out_uint(out, *(const uint32_t *)at);
		break;
	case JOB_UINT64:
		json_out_uint(out, *(const uint64_t *)at);
		break;
	case JOB_NOTIFY:
		write_notify(out, v);
		break;
	case JOB_OBJECT:
	case JOB_OBJECT_IF_BOOL:
	case JOB_OBJECT_IF_TIME:
		break;
	}
}

static bool is_object(const struct job_member *m)
{
	return m->n_members > 0;
}

/* Whether there is an object to be written, or null. */
static bool is_there(const struct job_view *v, const struct job_member *m)
{
	if (m->value == JOB_OBJECT_IF_BOOL)
		return *(const bool *)field(v, m);
	return m->value != JOB_OBJECT_IF_TIME || *(const int64_t *)field(v, m);
}

static void write_object(struct json_out *out, const struct job_view *v,
			 const struct job_mask *mask, size_t row)
{
	size_t end = row + 1 + job_members[row].n_members;

	if (!is_there(v, &job_members[row])) {
		json_out_null(out);
		return;
	}
	json_out_open(out, '{');
	for (size_t i = row + 1; i < end; i++)
		if (job_mask_has(mask, i)) {
			json_out_key(out, job_members[i].name);
			write_value(out, v, &job_members[i]);
		}
	json_out_close(out, '}');
}

int status_json_jobs_begin(struct buf *b)
{
	return buf_puts(b, "{\"jobs\":[");
}

int status_json_job(const struct job_view *v, const struct job_mask *mask, struct buf *b)
{
	bool first = b->len == 0 || b->data[b->len - 1] != '}';
	struct json_out out = json_out_begin(b);

	if (!mask)
		mask = &job_mask_all;
	out.comma = !first;
	json_out_item(&out);
	json_out_open(&out, '{');
	for (size_t i = 0; i < JOB_MEMBERS; i += 1 + job_members[i].n_members) {
		if (!job_mask_has(mask, i))
			continue;
		json_out_key(&out, job_members[i].name);
		if (is_object(&job_members[i]))
			write_object(&out, v, mask, i);
		else
			write_value(&out, v, &job_members[i]);
	}
	json_out_close(&out, '}');
	return json_out_end(&out);
}

int status_json_jobs_end(struct buf *b)
{
	return buf_puts(b, "]}");
}
