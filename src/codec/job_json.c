/* Answers of the API, from bytes to snapshots. */
#include "codec/job_json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "codec/json_util.h"
#include "codec/text.h"

struct job_json {
	struct json_tokener *tok;
};

/*
 * The texts of a job, with status and progress below: the allow-list. Names and times are
 * identifiers, the rest may be anything. Where no key is given, the place depends on the kind.
 */
static const struct {
	const char *key;
	enum kind_field field;
	int (*get)(struct json_object *v, const char **ret);
} texts[TEXT_COUNT_] = {
	[TEXT_STATE] = {.key = "state", .get = json_util_identifier},
	[TEXT_DISPLAY_NAME] = {.key = "displayName", .get = json_util_text},
	[TEXT_CREATE_TIME] = {.key = "createTime", .get = json_util_identifier},
	[TEXT_DATASET] = {.field = KIND_DATASET, .get = json_util_identifier},
	[TEXT_BASE_MODEL] = {.field = KIND_BASE_MODEL, .get = json_util_identifier},
	[TEXT_OUTPUT_MODEL] = {.field = KIND_OUTPUT_MODEL, .get = json_util_identifier},
	[TEXT_COMPLETED_TIME] = {.field = KIND_END_TIME, .get = json_util_identifier},
};

/* google.rpc.Code, by number */
static const char *const rpc_codes[] = {
	"OK",
	"CANCELLED",
	"UNKNOWN",
	"INVALID_ARGUMENT",
	"DEADLINE_EXCEEDED",
	"NOT_FOUND",
	"ALREADY_EXISTS",
	"PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED",
	"FAILED_PRECONDITION",
	"ABORTED",
	"OUT_OF_RANGE",
	"UNIMPLEMENTED",
	"INTERNAL",
	"UNAVAILABLE",
	"DATA_LOSS",
	"UNAUTHENTICATED",
};

int job_json_new(struct job_json **ret)
{
	struct job_json *p = malloc(sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->tok = json_util_tokener();
	if (!p->tok) {
		free(p);
		return -ENOMEM;
	}
	*ret = p;
	return 0;
}

struct job_json *job_json_free(struct job_json *p)
{
	if (p) {
		json_tokener_free(p->tok);
		free(p);
	}
	return NULL;
}

static int malformed(struct error *e, const char *field)
{
	return error_set(e, TROUBLE_NOT_API, "%s: not of the type it should be", field);
}

static int parse_document(struct job_json *p, const char *body, size_t len,
			  struct json_object **ret, struct error *e)
{
	int r = json_util_parse(p->tok, body, len, ret, e);

	return r == -EBADMSG ? (int)TROUBLE_NOT_API : r;
}

static int read_name(struct json_object *job, struct job_name *ret, struct error *e)
{
	const char *name;

	if (json_util_identifier(json_util_member(job, "name"), &name) < 0)
		return malformed(e, "name");
	if (name_parse_full(name, ret) < 0)
		return error_set(e, TROUBLE_NOT_API, "name: not the name of a job");
	return 0;
}

static int read_status(struct json_object *job, struct snapshot_parts *parts, struct error *e)
{
	struct json_object *status, *code;

	if (json_util_object(json_util_member(job, "status"), &status) < 0)
		return malformed(e, "status");
	code = json_util_member(status, "code");
	if (json_object_is_type(code, json_type_int)) {
		int64_t n = json_object_get_int64(code);

		if (n < 0 || n >= (int64_t)ARRAY_LEN(rpc_codes))
			return error_set(e, TROUBLE_NOT_API, "status.code: not a known number");
		parts->text[TEXT_STATUS_CODE] = rpc_codes[n];
	} else if (json_util_identifier(code, &parts->text[TEXT_STATUS_CODE]) < 0) {
		return malformed(e, "status.code");
	}
	if (json_util_text(json_util_member(status, "message"), &parts->text[TEXT_STATUS_MESSAGE]) <
	    0)
		return malformed(e, "status.message");
	return 0;
}

static int read_progress(struct json_object *job, struct progress *progress, struct error *e)
{
	struct json_object *object;

	if (json_util_object(json_util_member(job, "jobProgress"), &object) < 0)
		return malformed(e, "jobProgress");
	progress->given = object != NULL;
	for (int i = 0; object && i < PROGRESS_COUNT_; i++)
		if (json_util_int32(json_util_member(object, progress_names[i]),
				    &progress->values[i]) < 0)
			return malformed(e, progress_names[i]);
	return 0;
}

/* NULL where the kind has no such field, or the answer says nothing of it. */
static int find_field(struct json_object *job, const struct kind_place *place,
		      struct json_object **ret, struct error *e)
{
	struct json_object *object = NULL, *v = NULL;

	if (place->object && json_util_object(json_util_member(job, place->object), &object) < 0)
		return malformed(e, place->object);
	if (place->key) {
		v = json_util_member(object, place->key);
		if (json_util_is_none(v))
			v = json_util_member(job, place->key);
	}
	*ret = v;
	return 0;
}

static int read_text(struct json_object *job, const struct kind_info *kind, enum snapshot_text text,
		     struct snapshot_parts *parts, struct error *e)
{
	const struct kind_place *place = &kind->places[texts[text].field];
	const char *key = texts[text].key;
	struct json_object *v;
	int r = 0;

	if (key)
		v = json_util_member(job, key);
	else
		r = find_field(job, place, &v, e);
	if (r != 0)
		return r;
	return texts[text].get(v, &parts->text[text]) < 0 ? malformed(e, key ? key : place->key)
							  : 0;
}

static int read_epochs(struct json_object *job, const struct kind_info *kind,
		       struct snapshot_parts *parts, struct error *e)
{
	const struct kind_place *place = &kind->places[KIND_EPOCHS];
	struct json_object *v;
	int32_t n;
	int r = find_field(job, place, &v, e);

	if (r != 0)
		return r;
	if (json_util_int32(v, &n) < 0)
		return malformed(e, place->key);
	parts->epochs = (uint16_t)MIN(MAX(n, 0), UINT16_MAX);
	return 0;
}

/* Fills views into the tree. */
static int read_job(struct json_object *job, enum kind kind, struct snapshot_parts *parts,
		    struct error *e)
{
	int r = 0;

	*parts = (struct snapshot_parts){0};
	for (int i = 0; i < TEXT_COUNT_ && r == 0; i++)
		if (texts[i].get)
			r = read_text(job, kind_info(kind), i, parts, e);
	if (r == 0)
		r = read_status(job, parts, e);
	if (r == 0)
		r = read_progress(job, &parts->progress, e);
	if (r == 0)
		r = read_epochs(job, kind_info(kind), parts, e);
	return r;
}

int job_json_parse(struct job_json *p, const char *body, size_t len, const struct job_name *asked,
		   struct snapshot **ret, struct error *ret_e)
{
	_cleanup_json_ struct json_object *job = NULL;
	struct snapshot_parts parts;
	struct job_name name;
	int r;

	r = parse_document(p, body, len, &job, ret_e);
	if (r == 0)
		r = read_name(job, &name, ret_e);
	if (r == 0)
		r = read_job(job, asked->kind, &parts, ret_e);
	if (r != 0)
		return r;
	if (name.kind != asked->kind || strcmp(name.account, asked->account) != 0 ||
	    strcmp(name.id, asked->id) != 0)
		return error_set(ret_e, TROUBLE_WRONG_JOB, "the answer is about another job");
	return snapshot_new(&parts, ret);
}

/* An object is asked for as a whole, and once. */
static bool is_named_before(const struct kind_info *info, int field)
{
	for (int i = 0; i < field; i++)
		if (info->places[i].object && info->places[field].object &&
		    strcmp(info->places[i].object, info->places[field].object) == 0)
			return true;
	return false;
}

int job_json_read_mask(enum kind kind, struct buf *b)
{
	const struct kind_info *info = kind_info(kind);
	int r = buf_puts(b, "name,status");

	for (int i = 0; i < TEXT_COUNT_ && r == 0; i++)
		if (texts[i].key)
			r = buf_printf(b, ",%s", texts[i].key);
	if (r == 0 && info->has_progress)
		r = buf_puts(b, ",jobProgress");
	for (int i = 0; i < KIND_FIELD_COUNT_ && r == 0; i++) {
		const struct kind_place *place = &info->places[i];

		if (place->key && !is_named_before(info, i))
			r = buf_printf(b, ",%s", place->object ? place->object : place->key);
	}
	return r;
}

bool job_json_mask_held(const struct snapshot *s)
{
	/* A state, and a field with a capital inside: its casing is what a server may not know. */
	return snapshot_text(s, TEXT_STATE)[0] && snapshot_text(s, TEXT_CREATE_TIME)[0];
}

struct entry {
	struct job_name name;
	struct snapshot_parts parts;
};

static int read_entry(struct json_object *job, const char *account, enum kind kind,
		      struct entry *ret, struct error *e)
{
	int r;

	if (!json_object_is_type(job, json_type_object))
		return error_set(e, TROUBLE_NOT_API, "not an object");
	r = read_name(job, &ret->name, e);
	if (r == 0)
		r = read_job(job, kind, &ret->parts, e);
	if (r != 0)
		return r;
	if (ret->name.kind != kind || strcmp(ret->name.account, account) != 0)
		return error_set(e, TROUBLE_WRONG_JOB, "a job of another account or kind");
	return 0;
}

static int read_token(struct json_object *page, const char **ret, struct error *e)
{
	const char *token;

	if (json_util_identifier(json_util_member(page, "nextPageToken"), &token) < 0)
		return malformed(e, "nextPageToken");
	if (strlen(token) >= JOB_JSON_TOKEN_MAX)
		return error_set(e, TROUBLE_NOT_API, "nextPageToken: too long");
	*ret = token;
	return 0;
}

/* How many jobs the whole list has. */
static int read_total(struct json_object *page, uint32_t *ret, struct error *e)
{
	int32_t n;

	if (json_util_int32(json_util_member(page, "totalSize"), &n) < 0)
		return malformed(e, "totalSize");
	*ret = (uint32_t)MAX(n, 0);
	return 0;
}

/*
 * The array of a page. It may be left out like every empty value, but then nothing else may stand
 * there than what a page has: an object of unknown keys is not an empty page.
 */
static int read_array(struct json_object *page, const char *key, struct json_object **ret,
		      struct error *e)
{
	static const char *const others[] = {"nextPageToken", "totalSize"};
	int known = 0;

	if (json_util_array(json_util_member(page, key), ret) < 0)
		return malformed(e, key);
	if (json_object_object_get_ex(page, key, NULL))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		known += json_object_object_get_ex(page, others[i], NULL);
	if (json_object_object_length(page) != known)
		return error_set(e, TROUBLE_NOT_API, "%s: missing", key);
	return 0;
}

/* All jobs are read before the first one is handed on. */
static int read_entries(struct json_object *jobs, size_t n, const char *account, enum kind kind,
			struct entry **ret, struct error *e)
{
	_cleanup_free_ struct entry *entries = NULL;

	if (n > JOB_JSON_PAGE_MAX)
		return error_set(e, TROUBLE_NOT_API, "more than %d jobs", JOB_JSON_PAGE_MAX);
	entries = calloc(n + 1, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int r = read_entry(json_object_array_get_idx(jobs, i), account, kind, &entries[i],
				   e);

		if (r != 0)
			return error_prefix(e, r, "job %zu of the page", i + 1);
	}
	*ret = TAKE_PTR(entries);
	return 0;
}

int job_json_parse_page(struct job_json *p, const char *body, size_t len, const char *account,
			enum kind kind, job_json_fn fn, void *user, struct job_json_page *ret,
			struct error *ret_e)
{
	_cleanup_json_ struct json_object *page = NULL;
	_cleanup_free_ struct entry *entries = NULL;
	struct json_object *jobs = NULL;
	const char *token = "";
	uint32_t total = 0;
	size_t n;
	int r;

	r = parse_document(p, body, len, &page, ret_e);
	if (r == 0)
		r = read_array(page, kind_info(kind)->collection, &jobs, ret_e);
	if (r == 0)
		r = read_token(page, &token, ret_e);
	if (r == 0)
		r = read_total(page, &total, ret_e);
	if (r != 0)
		return r;
	n = jobs ? json_object_array_length(jobs) : 0;
	r = read_entries(jobs, n, account, kind, &entries, ret_e);
	if (r != 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		struct snapshot *snapshot;

		r = snapshot_new(&entries[i].parts, &snapshot);
		if (r < 0)
			return r;
		r = fn(user, &entries[i].name, snapshot);
		if (r < 0)
			return r;
	}
	snprintf(ret->token, sizeof(ret->token), "%s", token);
	ret->total = total;
	ret->listed = jobs != NULL;
	return 0;
}

/* The id in "accounts/acme", a view; NULL when that is not what it is. */
static const char *account_id(const char *name)
{
	static const char prefix[] = "accounts/";
	const char *id = name + strlen(prefix);

	return strncmp(name, prefix, strlen(prefix)) == 0 && name_id_valid(id) ? id : NULL;
}

int job_json_parse_accounts(struct job_json *p, const char *body, size_t len,
			    char ret_account[NAME_ID_MAX + 1], struct error *ret_e)
{
	_cleanup_json_ struct json_object *page = NULL;
	struct json_object *accounts = NULL, *account;
	const char *name, *token, *id;
	size_t n;
	int r;

	r = parse_document(p, body, len, &page, ret_e);
	if (r == 0)
		r = read_array(page, "accounts", &accounts, ret_e);
	if (r == 0)
		r = read_token(page, &token, ret_e);
	if (r != 0)
		return r;
	n = accounts ? json_object_array_length(accounts) : 0;
	if (n > 1 || *token)
		return error_set(ret_e, -ENOTUNIQ, "the key can see several accounts");
	if (n == 0)
		return error_set(ret_e, -ENOENT, "the key can see no account");
	account = json_object_array_get_idx(accounts, 0);
	if (!json_object_is_type(account, json_type_object) ||
	    json_util_identifier(json_util_member(account, "name"), &name) < 0)
		return malformed(ret_e, "accounts");
	id = account_id(name);
	if (!id)
		return error_set(ret_e, TROUBLE_NOT_API, "name: not the name of an account");
	snprintf(ret_account, NAME_ID_MAX + 1, "%s", id);
	return 0;
}

/* States of an account that are no reason for anything. */
static bool is_unsuspended(const char *state)
{
	static const char *const none[] = {"UNSUSPENDED", "UNSPECIFIED",
					   "SUSPEND_STATE_UNSPECIFIED"};

	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		if (strcmp(state, none[i]) == 0)
			return true;
	return false;
}

int job_json_parse_account(struct job_json *p, const char *body, size_t len,
			   char ret_suspend_state[JOB_JSON_SUSPEND_MAX], struct error *ret_e)
{
	_cleanup_json_ struct json_object *account = NULL;
	const char *name, *state;
	int r = parse_document(p, body, len, &account, ret_e);

	if (r != 0)
		return r;
	/* Any other object says nothing of a suspension either. */
	if (json_util_identifier(json_util_member(account, "name"), &name) < 0 || !account_id(name))
		return error_set(ret_e, TROUBLE_NOT_API, "name: not the name of an account");
	if (json_util_identifier(json_util_member(account, "suspendState"), &state) < 0)
		return malformed(ret_e, "suspendState");
	if (strlen(state) >= JOB_JSON_SUSPEND_MAX)
		return error_set(ret_e, TROUBLE_NOT_API, "suspendState: too long");
	snprintf(ret_suspend_state, JOB_JSON_SUSPEND_MAX, "%s", is_unsuspended(state) ? "" : state);
	return 0;
}

int job_json_parse_model(struct job_json *p, const char *body, size_t len, bool *ret_ready,
			 struct error *ret_e)
{
	_cleanup_json_ struct json_object *model = NULL;
	const char *name, *state;
	int r = parse_document(p, body, len, &model, ret_e);

	if (r != 0)
		return r;
	if (json_util_identifier(json_util_member(model, "name"), &name) < 0 ||
	    strncmp(name, "accounts/", strlen("accounts/")) != 0 || !strstr(name, "/models/"))
		return error_set(ret_e, TROUBLE_NOT_API, "name: not the name of a model");
	if (json_util_identifier(json_util_member(model, "state"), &state) < 0)
		return malformed(ret_e, "state");
	*ret_ready = strcmp(state, "READY") == 0;
	return 0;
}

void job_json_error_message(struct job_json *p, const char *body, size_t len, char *ret,
			    size_t size)
{
	_cleanup_json_ struct json_object *answer = NULL;
	struct json_object *error = NULL;
	const char *message = "";

	ret[0] = '\0';
	if (json_util_parse(p->tok, body, len, &answer, NULL) < 0)
		return;
	/* {"error":{"message":…}} from the front end, {"code":5,"message":…} from behind it */
	if (json_util_object(json_util_member(answer, "error"), &error) < 0 ||
	    json_util_text(json_util_member(error ? error : answer, "message"), &message) < 0)
		return;
	utf8_snprintf(ret, size, "%s", message);
	text_clean(ret);
}
