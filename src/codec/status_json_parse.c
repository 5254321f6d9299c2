/* Reads what the control socket tells, for the command line. */
#include "codec/status_json.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "codec/json_lint.h"
#include "codec/json_util.h"
#include "codec/text.h"

#define JOBS_HEAD "{\"jobs\":["
#define JOBS_TAIL "]}"

static int read_progress(struct json_object *job, struct progress *ret)
{
	struct json_object *progress;
	int r = json_util_object(json_util_member(job, "progress"), &progress);

	if (r < 0)
		return r;
	*ret = (struct progress){.given = progress};
	for (int i = 0; r == 0 && progress && i < PROGRESS_COUNT_; i++)
		r = json_util_int32(json_util_member(progress, progress_names[i]), &ret->values[i]);
	return r;
}

/* None, as from an older daemon, is 0. */
static int read_uint(struct json_object *v, uint64_t max, uint64_t *ret)
{
	*ret = 0;
	return json_util_is_none(v) ? 0 : json_util_uint(v, max, ret);
}

static int read_span(struct json_object *seconds, uint64_t *ret_ms)
{
	int r = read_uint(seconds, UINT64_MAX / MS_PER_S, ret_ms);

	*ret_ms *= MS_PER_S;
	return r;
}

static int read_eta(struct json_object *job, struct job_view *v)
{
	struct json_object *eta;
	int r = json_util_object(json_util_member(job, "eta"), &eta);

	v->eta_us = v->eta_low_us = v->eta_high_us = 0;
	if (r < 0 || !eta)
		return r;
	r = json_util_time(json_util_member(eta, "time"), &v->eta_us);
	if (r == 0)
		r = json_util_time(json_util_member(eta, "earliest"), &v->eta_low_us);
	return r == 0 ? json_util_time(json_util_member(eta, "latest"), &v->eta_high_us) : r;
}

static int read_stall(struct json_object *job, struct job_view *v)
{
	struct json_object *stall, *budget;
	int r = json_util_object(json_util_member(job, "stall"), &stall);

	v->moved_us = 0;
	v->still_ms = 0;
	v->stall_budget_ms = UINT64_MAX;
	v->stalled = false;
	if (r < 0 || !stall)
		return r;
	budget = json_util_member(stall, "budgetSeconds");
	v->stalled = json_object_get_boolean(json_util_member(stall, "stalled"));
	r = json_util_time(json_util_member(stall, "lastMovement"), &v->moved_us);
	if (r == 0)
		r = read_span(json_util_member(stall, "stillSeconds"), &v->still_ms);
	return r == 0 && budget ? read_span(budget, &v->stall_budget_ms) : r;
}

static int read_job(struct json_object *job, struct job_view *v)
{
	struct json_object *status;
	uint64_t attempt, epochs;
	int r = json_util_object(json_util_member(job, "status"), &status);
	const struct {
		struct json_object *in;
		const char *key, **value;
	} texts[] = {
		{job, "name", &v->name},
		{job, "account", &v->account},
		{job, "kind", &v->kind},
		{job, "id", &v->id},
		{job, "displayName", &v->text[TEXT_DISPLAY_NAME]},
		{job, "baseModel", &v->text[TEXT_BASE_MODEL]},
		{job, "outputModel", &v->text[TEXT_OUTPUT_MODEL]},
		{job, "dataset", &v->text[TEXT_DATASET]},
		{job, "createTime", &v->text[TEXT_CREATE_TIME]},
		{job, "completedTime", &v->text[TEXT_COMPLETED_TIME]},
		{job, "state", &v->text[TEXT_STATE]},
		{job, "phase", &v->phase},
		{job, "lastError", &v->last_error},
		{status, "code", &v->text[TEXT_STATUS_CODE]},
		{status, "message", &v->text[TEXT_STATUS_MESSAGE]},
	};

	if (r == 0 && !status)
		r = -EBADMSG;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(texts); i++)
		r = json_util_text(json_util_member(texts[i].in, texts[i].key), texts[i].value);
	if (r == 0)
		r = read_progress(job, &v->progress);
	if (r == 0)
		r = read_uint(json_util_member(job, "epochs"), UINT16_MAX, &epochs);
	if (r == 0)
		r = json_util_uint(json_util_member(job, "attempt"), UINT32_MAX, &attempt);
	if (r == 0)
		r = json_util_uint(json_util_member(job, "sequence"), UINT64_MAX, &v->sequence);
	if (r == 0)
		r = json_util_time(json_util_member(job, "phaseSince"), &v->phase_since_us);
	if (r == 0)
		r = read_eta(job, v);
	if (r == 0)
		r = read_stall(job, v);
	if (r == 0)
		r = json_util_time(json_util_member(job, "lastPoll"), &v->last_poll_us);
	if (r == 0)
		r = json_util_time(json_util_member(job, "nextPoll"), &v->next_poll_us);
	if (r < 0)
		return r;
	v->attempt = (uint32_t)attempt;
	v->epochs = (uint16_t)epochs;
	return v->name[0] && v->account[0] && v->kind[0] && v->id[0] ? 0 : -EBADMSG;
}

/* What the bytes at `p` begin with: moves past it when it is `word`. */
static bool skip(const char **p, const char *end, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(end - *p) < len || memcmp(*p, word, len) != 0)
		return false;
	*p += len;
	return true;
}

/* Reads the one job at `*p`, moves past it, and adds its members to the count. */
static int parse_job(struct json_tokener *tok, const char **p, const char *end, size_t *members,
		     status_json_fn fn, void *user)
{
	_cleanup_json_ struct json_object *job = NULL;
	struct job_view v;
	int r;

	json_tokener_reset(tok);
	job = json_tokener_parse_ex(tok, *p, (int)MIN(end - *p, (ptrdiff_t)INT_MAX));
	if (json_tokener_get_error(tok) != json_tokener_success ||
	    !json_object_is_type(job, json_type_object))
		return -EBADMSG;
	*p += json_tokener_get_parse_end(tok);
	*members += json_lint_count(job);
	r = read_job(job, &v);
	return r < 0 ? r : fn(user, &v);
}

int status_json_parse_jobs(const char *body, size_t len, status_json_fn fn, void *user)
{
	_cleanup_tokener_ struct json_tokener *tok = json_util_tokener();
	const char *p = body, *end = body + len, *why;
	size_t written, read = 1; /* members; "jobs" is one */
	int r;

	if (!tok)
		return -ENOMEM;
	if (json_lint(body, len, &written, &why) < 0 || !skip(&p, end, JOBS_HEAD))
		return -EBADMSG;
	/* The tokener gets one job after the other, so that never more than one is in memory. */
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8 |
					    JSON_TOKENER_ALLOW_TRAILING_CHARS);
	if (p < end && *p == '{')
		do {
			r = parse_job(tok, &p, end, &read, fn, user);
			if (r < 0)
				return r;
		} while (skip(&p, end, ","));
	return skip(&p, end, JOBS_TAIL) && p == end && read == written ? 0 : -EBADMSG;
}

static int read_collection(struct json_object *collection, struct collection_view *v)
{
	int r;

	*v = (struct collection_view){.without = ""};
	if (!json_object_is_type(collection, json_type_object))
		return -EBADMSG;
	v->unseen = json_object_get_boolean(json_util_member(collection, "unseen"));
	r = json_util_text(json_util_member(collection, "kind"), &v->kind);
	return r == 0 ? json_util_text(json_util_member(collection, "lastError"), &v->last_error)
		      : r;
}

/* The array is the caller's, also when not all of it could be read. */
static int read_collections(struct json_object *account, struct collection_view **ret,
			    size_t *ret_n)
{
	struct json_object *list;
	int r = json_util_array(json_util_member(account, "collections"), &list);
	size_t n;

	if (r < 0 || !list)
		return r;
	n = json_object_array_length(list);
	*ret = calloc(n + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = read_collection(json_object_array_get_idx(list, i), &(*ret)[i]);
	*ret_n = n;
	return r;
}

static int read_account(struct json_object *account, struct account_view *v)
{
	uint64_t rate = 0;
	int r;

	*v = (struct account_view){0};
	if (!json_object_is_type(account, json_type_object))
		return -EBADMSG;
	v->in_sight = json_object_get_boolean(json_util_member(account, "inSight"));
	v->degraded = json_object_get_boolean(json_util_member(account, "degraded"));
	r = json_util_text(json_util_member(account, "name"), &v->name);
	if (r == 0)
		r = json_util_text(json_util_member(account, "account"), &v->account);
	if (r == 0)
		r = json_util_text(json_util_member(account, "lastError"), &v->last_error);
	if (r == 0)
		r = json_util_time(json_util_member(account, "outSince"), &v->out_since_us);
	if (r == 0)
		r = read_uint(json_util_member(account, "requestsPerMinuteNow"), UINT32_MAX, &rate);
	if (r == 0)
		r = read_span(json_util_member(account, "wantedSeconds"), &v->wanted_ms);
	v->rate = (uint32_t)rate;
	return r == 0 ? read_span(json_util_member(account, "freshnessSeconds"), &v->freshness_ms)
		      : r;
}

static int read_notifier(struct json_object *notifier, struct notifier_view *v)
{
	uint64_t pending = 0;
	int r;

	*v = (struct notifier_view){0};
	if (!json_object_is_type(notifier, json_type_object))
		return -EBADMSG;
	v->off = json_object_get_boolean(json_util_member(notifier, "off"));
	v->removed = json_object_get_boolean(json_util_member(notifier, "removed"));
	r = json_util_text(json_util_member(notifier, "name"), &v->name);
	if (r == 0)
		r = json_util_text(json_util_member(notifier, "lastError"), &v->last_error);
	if (r == 0)
		r = json_util_uint(json_util_member(notifier, "pending"), SIZE_MAX, &pending);
	if (r == 0)
		r = json_util_uint(json_util_member(notifier, "retried"), UINT64_MAX, &v->retried);
	if (r == 0)
		r = json_util_uint(json_util_member(notifier, "dead"), UINT64_MAX, &v->dead);
	v->pending = (size_t)pending;
	return r;
}

static int each_account(struct json_object *accounts, const struct status_reader *reader,
			void *user)
{
	struct account_view v;
	int r = 0;

	for (size_t i = 0; r == 0 && accounts && i < json_object_array_length(accounts); i++) {
		struct json_object *account = json_object_array_get_idx(accounts, i);
		_cleanup_free_ struct collection_view *collections = NULL;

		r = read_account(account, &v);
		if (r == 0)
			r = read_collections(account, &collections, &v.n_collections);
		v.collections = collections;
		if (r == 0)
			r = reader->account(user, &v);
	}
	return r;
}

static int each_notifier(struct json_object *notifiers, const struct status_reader *reader,
			 void *user)
{
	struct notifier_view v;
	int r = 0;

	for (size_t i = 0; r == 0 && notifiers && i < json_object_array_length(notifiers); i++) {
		r = read_notifier(json_object_array_get_idx(notifiers, i), &v);
		if (r == 0)
			r = reader->notifier(user, &v);
	}
	return r;
}

int status_json_parse_status(const char *body, size_t len, const struct status_reader *reader,
			     void *user)
{
	_cleanup_tokener_ struct json_tokener *tok = json_util_tokener();
	_cleanup_json_ struct json_object *doc = NULL;
	struct json_object *accounts, *notifiers, *store;
	const char *store_error = "", *configuration = "";
	int r;

	if (!tok)
		return -ENOMEM;
	r = json_util_parse(tok, body, len, &doc, NULL);
	if (r == 0)
		r = json_util_array(json_util_member(doc, "accounts"), &accounts);
	if (r == 0)
		r = json_util_array(json_util_member(doc, "notifiers"), &notifiers);
	if (r == 0)
		r = json_util_object(json_util_member(doc, "store"), &store);
	if (r == 0 && store)
		r = json_util_text(json_util_member(store, "error"), &store_error);
	if (r == 0)
		r = json_util_text(json_util_member(doc, "configurationError"), &configuration);
	if (r == 0)
		r = reader->errors(user, store_error, configuration);
	if (r == 0)
		r = each_account(accounts, reader, user);
	return r < 0 ? r : each_notifier(notifiers, reader, user);
}

void status_json_parse_error(const char *body, size_t len, char *ret, size_t size)
{
	_cleanup_tokener_ struct json_tokener *tok = json_util_tokener();
	_cleanup_json_ struct json_object *doc = NULL;
	struct json_object *error;
	const char *message;

	ret[0] = '\0';
	if (!tok || json_util_parse(tok, body, len, &doc, NULL) < 0 ||
	    json_util_object(json_util_member(doc, "error"), &error) < 0 || !error ||
	    json_util_text(json_util_member(error, "message"), &message) < 0)
		return;
	utf8_snprintf(ret, size, "%s", message);
	text_clean(ret);
}
