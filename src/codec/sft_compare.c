/* Whether a job that is there is the one that is to be created. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "codec/sft_json.h"
#include "codec/sft_json_internal.h"
#include "codec/text.h"

#define FLOAT_TOLERANCE 1e-6
#define SHOWN_MAX       96 /* bytes of a value, with the NUL */
#define PATH_MAX_BYTES  96

struct comparison {
	sft_difference_fn fn;
	void *user;
	const char *account; /* the job's, as the answer's name has it */
};

/* A number, or the text of one: the API writes 64-bit integers so. */
static bool read_number(const struct json_node *v, double *ret)
{
	char *end;

	if (v->type != JSON_DOC_NUMBER && v->type != JSON_DOC_STRING)
		return false;
	*ret = strtod(v->text, &end);
	return end != v->text && !*end;
}

static bool same_number(const struct json_node *there, const struct json_node *here,
			const struct sft_field *field)
{
	double a, b;

	if (!read_number(there, &a) || !read_number(here, &b))
		return false;
	if (!field || field->type != SFT_FLOAT)
		return a == b;
	a = (double)(float)a;
	b = (double)(float)b;
	return fabs(a - b) <= FLOAT_TOLERANCE * MAX(fabs(a), fabs(b));
}

/* accounts/A/models/X, of which `id` is X, A being the job's account or the platform's. */
static bool is_full_form(const struct comparison *c, const char *full, const char *id,
			 const char *collection)
{
	const char *const accounts[] = {c->account, "fireworks"};

	for (size_t i = 0; i < ARRAY_LEN(accounts); i++) {
		char prefix[NAME_JOB_MAX];
		size_t len = (size_t)snprintf(prefix, sizeof(prefix), "accounts/%s/%s/",
					      accounts[i], collection);

		if (strncmp(full, prefix, len) == 0 && strcmp(full + len, id) == 0)
			return true;
	}
	return false;
}

static bool same_text(const struct comparison *c, const char *there, const char *here,
		      const struct sft_field *field)
{
	const char *collection;

	if (strcmp(there, here) == 0)
		return true;
	if (!field || (field->compare != SFT_MODEL && field->compare != SFT_DATASET))
		return false;
	collection = field->compare == SFT_MODEL ? "models" : "datasets";
	return is_full_form(c, there, here, collection) || is_full_form(c, here, there, collection);
}

static bool same(const struct comparison *c, const struct json_node *there,
		 const struct json_node *here, const struct sft_field *field);

static bool same_elements(const struct comparison *c, const struct json_node *there,
			  const struct json_node *here)
{
	const struct json_node *a = there->first, *b = here->first;

	for (; a && b; a = a->next, b = b->next)
		if (!same(c, a, b, NULL))
			return false;
	return !a && !b;
}

/* Of an unknown object: what the file gives is there. */
static bool same_members(const struct comparison *c, const struct json_node *there,
			 const struct json_node *here)
{
	for (const struct json_node *m = here->first; m; m = m->next) {
		const struct json_node *other = json_doc_member(there, m->key);

		if (!(other ? same(c, other, m, NULL) : sft_is_none(m, NULL)))
			return false;
	}
	return true;
}

static bool same(const struct comparison *c, const struct json_node *there,
		 const struct json_node *here, const struct sft_field *field)
{
	if (sft_is_none(there, field) && sft_is_none(here, field))
		return true;
	if (here->type == JSON_DOC_NUMBER)
		return same_number(there, here, field);
	if (there->type != here->type)
		return false;
	switch (here->type) {
	case JSON_DOC_STRING:
		return same_text(c, there->text, here->text, field);
	case JSON_DOC_BOOL:
		return there->truth == here->truth;
	case JSON_DOC_ARRAY:
		return same_elements(c, there, here);
	case JSON_DOC_OBJECT:
		return same_members(c, there, here);
	case JSON_DOC_NUMBER:
	case JSON_DOC_NULL:
		break;
	}
	return false;
}

/* Cut between characters, with an ellipsis. */
static void show_text(const char *text, char ret[SHOWN_MAX])
{
	static const char dots[] = "…";
	size_t len = strlen(text);

	if (len >= SHOWN_MAX) {
		len = SHOWN_MAX - sizeof(dots);
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
		snprintf(ret, SHOWN_MAX, "%.*s%s", (int)len, text, dots);
	} else {
		memcpy(ret, text, len + 1);
	}
	text_clean(ret);
}

static void show(const struct json_node *v, const struct sft_field *field, char ret[SHOWN_MAX])
{
	const char *text = "none";

	if (v && !(sft_is_none(v, field) && v->type != JSON_DOC_BOOL)) {
		static const char *const fixed[] = {
			[JSON_DOC_ARRAY] = "[…]",
			[JSON_DOC_OBJECT] = "{…}",
		};

		if (field && field->hidden)
			text = "(not shown)";
		else if (v->type == JSON_DOC_BOOL)
			text = v->truth ? "true" : "false";
		else
			text = v->type >= JSON_DOC_ARRAY ? fixed[v->type] : v->text;
	}
	show_text(text, ret);
}

/* null, "" and 0 ask for what the API chooses; false is an answer. */
static bool gives_nothing(const struct json_node *v, const struct sft_field *field)
{
	return v->type != JSON_DOC_BOOL && v->type != JSON_DOC_OBJECT && sft_is_none(v, field);
}

static void compare_object(const struct comparison *c, const struct sft_fields *fields,
			   const struct json_node *there, const struct json_node *here,
			   const char *prefix);

static void compare_member(const struct comparison *c, const struct sft_field *field,
			   const struct json_node *there, const struct json_node *here,
			   const char *path)
{
	static const struct json_node null = {.type = JSON_DOC_NULL, .text = ""};
	char there_text[SHOWN_MAX], here_text[SHOWN_MAX];

	if ((field && field->role >= SFT_OUTPUT) || gives_nothing(here, field))
		return;
	if (!there) {
		if (!field || field->compare == SFT_IF_SHOWN)
			return;
		there = &null;
	}
	if (field && field->type == SFT_OBJECT && here->type == JSON_DOC_OBJECT) {
		compare_object(c, field->members, there, here, path);
		return;
	}
	if (same(c, there, here, field))
		return;
	show(there, field, there_text);
	show(here, field, here_text);
	c->fn(c->user, path, there_text, here_text);
}

static void compare_object(const struct comparison *c, const struct sft_fields *fields,
			   const struct json_node *there, const struct json_node *here,
			   const char *prefix)
{
	for (const struct json_node *m = here->first; m; m = m->next) {
		char path[PATH_MAX_BYTES];

		snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix ? "." : "", m->key);
		text_clean(path);
		compare_member(c, sft_fields_find(fields, m->key), json_doc_member(there, m->key),
			       m, path);
	}
}

int sft_job_differences(const struct sft_job *job, const char *answer, size_t len,
			sft_difference_fn fn, void *user)
{
	_cleanup_(json_doc_freep) struct json_doc *doc = NULL;
	struct comparison c = {.fn = fn, .user = user};
	const struct json_node *name;
	struct job_name parsed;
	unsigned line;
	const char *why;
	int r = json_doc_parse(answer, len, false, &doc, &line, &why);

	if (r < 0)
		return r;
	name = json_doc_member(json_doc_root(doc), "name");
	if (!name || name->type != JSON_DOC_STRING || name_parse_full(name->text, &parsed) < 0 ||
	    parsed.kind != KIND_SFT)
		return -EBADMSG;
	c.account = parsed.account;
	compare_object(&c, &sft_fields, json_doc_root(doc), json_doc_root(job->doc), "");
	return 0;
}
