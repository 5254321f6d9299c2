/* Whether a text describes a supervised fine-tuning job that can be created. */
#include "codec/sft_json.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "codec/sft_json_internal.h"
#include "codec/text.h"

#define PATH_MAX_BYTES 96 /* longer names are shown cut */

struct check {
	sft_fault_fn fn;
	void *user;
	size_t told[SFT_FAULT + 1];
};

static void tell(struct check *c, const struct json_node *v, enum sft_severity severity,
		 const char *fmt, ...) _printf_(4, 5);

static void tell(struct check *c, const struct json_node *v, enum sft_severity severity,
		 const char *fmt, ...)
{
	char text[512];
	va_list args;

	if (c->told[severity]++ >= SFT_FAULTS_MAX)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	text_clean(text);
	c->fn(c->user, v->line, severity, text);
}

bool sft_is_integer(const struct json_node *v)
{
	return v->type == JSON_DOC_NUMBER && !strpbrk(v->text, ".eE");
}

static bool ends_in(const char *s, const char *end)
{
	size_t len = strlen(s), end_len = strlen(end);

	return len >= end_len && strcmp(s + len - end_len, end) == 0;
}

/* Nothing in the object counts. */
static bool is_hollow(const struct json_node *object, const struct sft_field *field)
{
	for (const struct json_node *m = object->first; m; m = m->next) {
		const struct sft_field *f = sft_fields_find(field ? field->members : NULL, m->key);

		if (!(f && f->role >= SFT_OUTPUT) && !sft_is_none(m, f))
			return false;
	}
	return true;
}

bool sft_is_none(const struct json_node *v, const struct sft_field *field)
{
	switch (v->type) {
	case JSON_DOC_NULL:
		return true;
	case JSON_DOC_BOOL:
		return !v->truth;
	case JSON_DOC_NUMBER:
		return strtod(v->text, NULL) == 0;
	case JSON_DOC_STRING:
		return !*v->text ||
		       (field && field->type == SFT_ENUM && ends_in(v->text, "_UNSPECIFIED"));
	case JSON_DOC_ARRAY:
		return v->n == 0;
	case JSON_DOC_OBJECT:
		return is_hollow(v, field);
	}
	return false;
}

static void check_int32(struct check *c, const struct json_node *v, const char *path)
{
	long long n;

	if (!sft_is_integer(v)) {
		tell(c, v, SFT_FAULT,
		     "%s must be a number (integer), without a fraction or an exponent", path);
		return;
	}
	errno = 0;
	n = strtoll(v->text, NULL, 10);
	if (errno == ERANGE || n > INT32_MAX || n < INT32_MIN)
		tell(c, v, SFT_FAULT, "%s does not fit: it goes from %d to %d", path, INT32_MIN,
		     INT32_MAX);
}

static void check_float(struct check *c, const struct json_node *v, const char *path)
{
	if (!(fabs(strtod(v->text, NULL)) <= (double)FLT_MAX))
		tell(c, v, SFT_FAULT, "%s does not fit: it is a float of 32 bits", path);
}

static const char *const type_names[] = {
	[JSON_DOC_NULL] = "null",       [JSON_DOC_BOOL] = "true or false",
	[JSON_DOC_NUMBER] = "a number", [JSON_DOC_STRING] = "a string",
	[JSON_DOC_ARRAY] = "an array",  [JSON_DOC_OBJECT] = "an object",
};

/* The value of a known field, but not what is in it. */
static void check_value(struct check *c, const struct sft_field *field, const struct json_node *v,
			const char *path)
{
	static const struct {
		enum json_doc_type type;
		const char *name;
	} wanted[] = {
		[SFT_TEXT] = {JSON_DOC_STRING, "a string"},
		[SFT_ENUM] = {JSON_DOC_STRING, "a string"},
		[SFT_BOOL] = {JSON_DOC_BOOL, "true or false"},
		[SFT_INT32] = {JSON_DOC_NUMBER, "a number (integer)"},
		[SFT_FLOAT] = {JSON_DOC_NUMBER, "a number"},
		[SFT_OBJECT] = {JSON_DOC_OBJECT, "an object"},
	};

	if (v->type == JSON_DOC_NULL)
		return;
	if (v->type != wanted[field->type].type)
		tell(c, v, SFT_FAULT, "%s must be %s, not %s", path, wanted[field->type].name,
		     type_names[v->type]);
	else if (field->type == SFT_INT32)
		check_int32(c, v, path);
	else if (field->type == SFT_FLOAT)
		check_float(c, v, path);
}

static void check_known(struct check *c, const struct sft_field *field, const struct json_node *v,
			const char *path)
{
	switch (field->role) {
	case SFT_SECRET:
		if (!sft_is_none(v, field))
			tell(c, v, SFT_FAULT,
			     "%s: a W&B key does not belong in this file; put it into a file of "
			     "its own, named by the account's wandb-api-key-file",
			     path);
		return;
	case SFT_OUTPUT:
		tell(c, v, SFT_WARNING, "%s is not sent: only the API sets it", path);
		return;
	case SFT_DEPRECATED:
		if (!sft_is_none(v, field))
			tell(c, v, SFT_WARNING, "%s is deprecated: the API may ignore it", path);
		break;
	case SFT_INPUT:
		break;
	}
	check_value(c, field, v, path);
}

static void warn_unknown(struct check *c, const struct sft_fields *fields,
			 const struct json_node *v, const char *path)
{
	/* Looking for the nearest costs, and behind the last warning nobody sees it. */
	bool told = c->told[SFT_WARNING] < SFT_FAULTS_MAX;
	const char *nearest = told ? sft_fields_nearest(fields, v->key) : NULL;

	if (nearest)
		tell(c, v, SFT_WARNING, "%s is not a known field, is it %s? It is sent as it is",
		     path, nearest);
	else
		tell(c, v, SFT_WARNING, "%s is not a known field; it is sent as it is", path);
}

/* What holds for numbers anywhere. */
static void check_number(struct check *c, const struct json_node *v, const char *path)
{
	double d;

	errno = 0;
	if (sft_is_integer(v)) {
		(void)strtoll(v->text, NULL, 10);
		if (errno == ERANGE)
			tell(c, v, SFT_FAULT, "%s does not fit an integer of 64 bits", path);
		return;
	}
	d = strtod(v->text, NULL);
	if (!isfinite(d))
		tell(c, v, SFT_FAULT, "%s does not fit a number of 64 bits", path);
}

static int check_object(struct check *c, const struct sft_fields *fields,
			const struct json_node *object, const char *prefix);

/* A value of an unknown field, and all that is in it. */
static int check_any(struct check *c, const struct json_node *v, const char *path)
{
	if (v->type == JSON_DOC_NUMBER)
		check_number(c, v, path);
	if (v->type == JSON_DOC_OBJECT)
		return check_object(c, NULL, v, path);
	for (const struct json_node *e = v->first; e; e = e->next) {
		int r = check_any(c, e, path);

		if (r < 0)
			return r;
	}
	return 0;
}

static int check_repeats(struct check *c, const struct json_node *object, const char *prefix)
{
	_cleanup_free_ const struct json_node **sorted = json_doc_sorted(object);

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 1; i < object->n; i++)
		if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0)
			tell(c, sorted[i], SFT_FAULT, "%s%s%.*s is there already, in line %u",
			     prefix, *prefix ? "." : "", PATH_MAX_BYTES, sorted[i]->key,
			     sorted[i - 1]->line);
	return 0;
}

/* `fields`: NULL inside an unknown field. */
static int check_object(struct check *c, const struct sft_fields *fields,
			const struct json_node *object, const char *prefix)
{
	int r = check_repeats(c, object, prefix);

	for (const struct json_node *m = object->first; m && r == 0; m = m->next) {
		const struct sft_field *f = sft_fields_find(fields, m->key);
		char path[PATH_MAX_BYTES];

		snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix ? "." : "", m->key);
		if (f) {
			check_known(c, f, m, path);
			if (f->members && m->type == JSON_DOC_OBJECT)
				r = check_object(c, f->members, m, path);
			continue;
		}
		if (fields)
			warn_unknown(c, fields, m, path);
		r = check_any(c, m, path);
	}
	return r;
}

/* NULL for none. A value of a wrong type gives something: that it is wrong is told elsewhere. */
static const struct json_node *given(const struct json_node *root, const char *name)
{
	const struct json_node *v = json_doc_member(root, name);

	if (!v || v->type == JSON_DOC_NULL || (v->type == JSON_DOC_STRING && !*v->text))
		return NULL;
	return v;
}

static void check_required(struct check *c, const struct json_node *root)
{
	const struct json_node *base = given(root, "baseModel");
	const struct json_node *warm = given(root, "warmStartFrom");

	if (!given(root, "dataset"))
		tell(c, root, SFT_FAULT, "dataset is missing: the name of the dataset to train on");
	if (base && warm)
		tell(c, base->line > warm->line ? base : warm, SFT_FAULT,
		     "both baseModel and warmStartFrom: only one of them says what to train");
	if (!base && !warm)
		tell(c, root, SFT_FAULT,
		     "neither baseModel nor warmStartFrom: one of them must say what to train");
}

int sft_json_check(const char *text, size_t len, sft_fault_fn fn, void *user, struct sft_job **ret)
{
	_cleanup_(json_doc_freep) struct json_doc *doc = NULL;
	struct check c = {.fn = fn, .user = user};
	const struct json_node *root;
	struct json_node where = {0};
	struct sft_job *job;
	const char *why;
	int r;

	r = json_doc_parse(text, len, true, &doc, &where.line, &why);
	if (r == -EBADMSG)
		tell(&c, &where, SFT_FAULT, "%s", why);
	if (r < 0)
		return r;
	root = json_doc_root(doc);
	if (root->type == JSON_DOC_OBJECT) {
		r = check_object(&c, &sft_fields, root, "");
		if (r < 0)
			return r;
		check_required(&c, root);
	} else {
		tell(&c, root, SFT_FAULT, "a job is an object, not %s", type_names[root->type]);
	}
	if (c.told[SFT_FAULT] > 0)
		return -EBADMSG;
	job = calloc(1, sizeof(*job));
	if (!job)
		return -ENOMEM;
	job->doc = TAKE_PTR(doc);
	*ret = job;
	return 0;
}

struct sft_job *sft_job_free(struct sft_job *job)
{
	if (job)
		json_doc_free(job->doc);
	free(job);
	return NULL;
}

bool sft_job_wants_wandb(const struct sft_job *job)
{
	const struct json_node *v = json_doc_member(json_doc_root(job->doc), "wandbConfig");

	v = v ? json_doc_member(v, "enabled") : NULL;
	return v && v->type == JSON_DOC_BOOL && v->truth;
}
