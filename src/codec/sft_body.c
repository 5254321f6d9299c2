/* What a job is: the bytes that are sent, and the id that follows from what they mean. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "codec/sft_json.h"
#include "codec/sft_json_internal.h"

#define SLUG_MAX   40
#define HASH_CHARS 10 /* 50 bits: among a million jobs of one name, one chance in 2,000 */

/* How a value is written, and which members are. */
struct form {
	bool kept;      /* without storages */
	bool canonical; /* for the id: sorted, without what is none, numbers in one way */
	const char *wandb_key;
	struct buf *b;
};

static int write_value(const struct form *form, const struct json_node *v,
		       const struct sft_field *field);

static int write_number(const struct form *form, const struct json_node *v,
			const struct sft_field *field)
{
	bool integer = sft_is_integer(v);

	if (!form->canonical)
		return buf_puts(form->b, v->text);
	if (field && field->type == SFT_FLOAT)
		return buf_printf(form->b, "%.9g", (double)strtof(v->text, NULL));
	if (integer)
		return buf_printf(form->b, "%lld", strtoll(v->text, NULL, 10));
	return buf_printf(form->b, "%.17g", strtod(v->text, NULL));
}

static bool is_written(const struct form *form, const struct json_node *m,
		       const struct sft_field *field)
{
	if (field && field->role >= SFT_OUTPUT)
		return false;
	if (form->kept && field && field->hidden)
		return false;
	return !form->canonical || !sft_is_none(m, field);
}

static int write_member(const struct form *form, const struct json_node *m,
			const struct sft_fields *fields, bool *first)
{
	const struct sft_field *field = sft_fields_find(fields, m->key);
	int r = 0;

	if (!is_written(form, m, field))
		return 0;
	if (!*first)
		r = buf_puts(form->b, ",");
	*first = false;
	if (r == 0)
		r = json_doc_quote(m->key, form->b);
	if (r == 0)
		r = buf_puts(form->b, ":");
	return r < 0 ? r : write_value(form, m, field);
}

static int write_wandb_key(const struct form *form, bool first)
{
	int r = buf_puts(form->b, first ? "\"apiKey\":" : ",\"apiKey\":");

	return r < 0 ? r : json_doc_quote(form->wandb_key, form->b);
}

static int write_object(const struct form *form, const struct json_node *object,
			const struct sft_field *field, const struct sft_fields *fields)
{
	_cleanup_free_ const struct json_node **sorted = NULL;
	bool first = true;
	int r = buf_puts(form->b, "{");

	if (form->canonical) {
		sorted = json_doc_sorted(object);
		if (!sorted)
			return -ENOMEM;
		for (size_t i = 0; i < object->n && r == 0; i++)
			r = write_member(form, sorted[i], fields, &first);
	} else {
		for (const struct json_node *m = object->first; m && r == 0; m = m->next)
			r = write_member(form, m, fields, &first);
	}
	if (r == 0 && form->wandb_key && field && sft_fields_find(field->members, "apiKey"))
		r = write_wandb_key(form, first);
	return r < 0 ? r : buf_puts(form->b, "}");
}

static int write_array(const struct form *form, const struct json_node *array)
{
	int r = buf_puts(form->b, "[");

	for (const struct json_node *e = array->first; e && r == 0; e = e->next) {
		if (e != array->first)
			r = buf_puts(form->b, ",");
		if (r == 0)
			r = write_value(form, e, NULL);
	}
	return r < 0 ? r : buf_puts(form->b, "]");
}

static int write_value(const struct form *form, const struct json_node *v,
		       const struct sft_field *field)
{
	switch (v->type) {
	case JSON_DOC_NULL:
		return buf_puts(form->b, "null");
	case JSON_DOC_BOOL:
		return buf_puts(form->b, v->truth ? "true" : "false");
	case JSON_DOC_NUMBER:
		return write_number(form, v, field);
	case JSON_DOC_STRING:
		return json_doc_quote(v->text, form->b);
	case JSON_DOC_ARRAY:
		return write_array(form, v);
	case JSON_DOC_OBJECT:
		return write_object(form, v, field, field ? field->members : NULL);
	}
	return -EBADMSG;
}

static int write_job(const struct form *form, const struct sft_job *job)
{
	return write_object(form, json_doc_root(job->doc), NULL, &sft_fields);
}

int sft_job_body(const struct sft_job *job, const char *wandb_key, struct buf *b)
{
	_cleanup_buf_ struct buf body = BUF_INIT(SFT_BODY_MAX_BYTES);
	const struct form form = {.wandb_key = wandb_key, .b = &body};
	int r = write_job(&form, job);

	return r < 0 ? r : buf_append(b, body.data, body.len);
}

int sft_job_kept(const struct sft_job *job, struct buf *b)
{
	_cleanup_buf_ struct buf body = BUF_INIT(SFT_BODY_MAX_BYTES);
	const struct form form = {.kept = true, .b = &body};
	int r = write_job(&form, job);

	return r < 0 ? r : buf_append(b, body.data, body.len);
}

/* The characters that an id may have; a dash between what is left, none at the ends. */
static size_t make_slug(const char *name, char ret[SLUG_MAX + 1])
{
	size_t n = 0;
	bool gap = false;

	for (; *name; name++) {
		char c = *name >= 'A' && *name <= 'Z' ? (char)(*name + ('a' - 'A')) : *name;

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) {
			gap = true;
			continue;
		}
		if (n + (gap && n > 0) >= SLUG_MAX)
			break;
		if (gap && n > 0)
			ret[n++] = '-';
		gap = false;
		ret[n++] = c;
	}
	ret[n] = '\0';
	return n;
}

int sft_job_id(const struct sft_job *job, const char *account, char ret[NAME_ID_MAX + 1])
{
	_cleanup_buf_ struct buf content = BUF_INIT(SFT_BODY_MAX_BYTES + NAME_ID_MAX + 1);
	const struct form form = {.canonical = true, .b = &content};
	const struct json_node *name = json_doc_member(json_doc_root(job->doc), "displayName");
	char slug[SLUG_MAX + 1], hash[HASH_CHARS + 1];
	uint8_t digest[HASH_SHA256_BYTES];
	int r = buf_printf(&content, "%s\n", account);

	if (r == 0)
		r = write_job(&form, job);
	if (r == 0)
		r = hash_sha256(content.data, content.len, digest);
	if (r < 0)
		return r == -EMSGSIZE ? -ENOMEM : r;
	hash_base32hex(digest, HASH_CHARS, hash);
	if (make_slug(name ? name->text : "", slug) == 0)
		snprintf(slug, sizeof(slug), "sft");
	snprintf(ret, NAME_ID_MAX + 1, "%s-%s", slug, hash);
	return 0;
}
