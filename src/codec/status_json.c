/* What the control socket tells, as JSON. */
#include "codec/status_json.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "codec/json_util.h"

/* Seconds, or null for never. */
static bool add_span(struct json_object *o, const char *key, uint64_t ms)
{
	return ms == UINT64_MAX ? json_util_add_null(o, key)
				: json_util_add_uint(o, key, ms / MS_PER_S);
}

/* Words as an array. */
static bool add_words(struct json_object *o, const char *key, const char *words)
{
	struct json_object *list = json_util_add_array(o, key);
	bool ok = list;

	for (size_t len; ok && *(words += strspn(words, " ")); words += len) {
		len = strcspn(words, " ");
		ok = json_util_append(list, json_object_new_string_len(words, (int)len));
	}
	return ok;
}

static bool add_collections(struct json_object *account, const struct account_view *a)
{
	struct json_object *list = json_util_add_array(account, "collections");
	bool ok = list;

	for (size_t i = 0; ok && i < a->n_collections; i++) {
		const struct collection_view *c = &a->collections[i];
		struct json_object *o = json_util_append_object(list);

		ok = o && json_util_add_text(o, "kind", c->kind) &&
		     json_util_add_uint(o, "jobs", c->jobs) &&
		     json_util_add_bool(o, "unseen", c->unseen) &&
		     add_words(o, "without", c->without) &&
		     json_util_add_text_or_null(o, "lastError", c->last_error);
	}
	return ok;
}

/* Rounded up, so that more than four times what is wanted still is. */
static bool add_freshness(struct json_object *account, const struct account_view *a)
{
	bool any = a->wanted_ms;

	return add_span(account, "wantedSeconds", any ? a->wanted_ms : UINT64_MAX) &&
	       add_span(account, "freshnessSeconds",
			any ? a->freshness_ms + MS_PER_S - 1 : UINT64_MAX);
}

static bool add_account(struct json_object *o, const struct account_view *a)
{
	return o && json_util_add_text(o, "name", a->name) &&
	       json_util_add_text(o, "account", a->account) &&
	       json_util_add_text(o, "endpoint", a->endpoint) &&
	       json_util_add_bool(o, "inSight", a->in_sight) &&
	       json_util_add_bool(o, "degraded", a->degraded) &&
	       json_util_add_text_or_null(o, "trouble", a->trouble) &&
	       json_util_add_text_or_null(o, "lastError", a->last_error) &&
	       json_util_add_time(o, "outSince", a->out_since_us) &&
	       json_util_add_uint(o, "requestsPerMinute", a->requests_per_minute) &&
	       json_util_add_uint(o, "requestsPerMinuteNow", a->rate) &&
	       json_util_add_uint(o, "requests", a->requests) &&
	       json_util_add_uint(o, "failures", a->failures) &&
	       json_util_add_uint(o, "jobs", a->jobs) && add_freshness(o, a) &&
	       json_util_add_text_or_null(o, "suspendState", a->suspend_state) &&
	       add_collections(o, a);
}

static bool add_notifier(struct json_object *o, const struct notifier_view *n)
{
	return o && json_util_add_text(o, "name", n->name) &&
	       json_util_add_text(o, "type", n->type) && json_util_add_bool(o, "off", n->off) &&
	       json_util_add_bool(o, "removed", n->removed) &&
	       json_util_add_uint(o, "pending", n->pending) &&
	       json_util_add_uint(o, "running", n->running) &&
	       json_util_add_uint(o, "delivered", n->delivered) &&
	       json_util_add_uint(o, "retried", n->retried) &&
	       json_util_add_uint(o, "dead", n->dead) &&
	       json_util_add_uint(o, "skipped", n->skipped) &&
	       json_util_add_uint(o, "replaced", n->replaced) &&
	       json_util_add_text_or_null(o, "lastError", n->last_error);
}

static bool add_events(struct json_object *o, uint64_t events)
{
	struct json_object *list = json_util_add_array(o, "events");
	bool ok = list;

	for (enum event_type t = EVENT_NONE + 1; ok && t < EVENT_COUNT_; t++)
		if (events & (uint64_t)1 << t)
			ok = json_util_append_text(list, event_type_name(t));
	return ok;
}

int status_json_notifiers(const struct notifier_view *views, size_t n, struct buf *b)
{
	_cleanup_json_ struct json_object *doc = json_object_new_object();
	struct json_object *list = doc ? json_util_add_array(doc, "notifiers") : NULL;
	bool ok = list;

	for (size_t i = 0; ok && i < n; i++) {
		struct json_object *o = json_util_append_object(list);

		ok = add_notifier(o, &views[i]) && add_events(o, views[i].events);
	}
	return json_util_write(doc, ok, "", b);
}

static bool add_job_counts(struct json_object *doc, const size_t by_phase[PHASE_COUNT_])
{
	struct json_object *jobs = json_util_add_object(doc, "jobs"), *phases;
	size_t total = 0;
	bool ok;

	for (int p = 0; p < PHASE_COUNT_; p++)
		total += by_phase[p];
	if (!jobs || !json_util_add_uint(jobs, "total", total))
		return false;
	phases = json_util_add_object(jobs, "byPhase");
	ok = phases;
	for (int p = 0; ok && p < PHASE_COUNT_; p++)
		ok = json_util_add_uint(phases, phase_name(p), by_phase[p]);
	return ok;
}

static bool add_store(struct json_object *doc, const struct status_view *v)
{
	struct json_object *store = json_util_add_object(doc, "store");

	return store && json_util_add_bool(store, "failing", v->store_failing) &&
	       json_util_add_text_or_null(store, "error", v->store_error) &&
	       json_util_add_uint(store, "waiting", v->store_waiting);
}

static bool add_loop(struct json_object *doc, const struct status_view *v)
{
	struct json_object *loop = json_util_add_object(doc, "loop");

	return loop && json_util_add_uint(loop, "longestStallMs", v->longest_stall_ms) &&
	       json_util_add_uint(loop, "longestStallCpuMs", v->longest_stall_cpu_ms);
}

static bool add_status(struct json_object *doc, const struct status_view *v)
{
	int64_t uptime_us =
		MAX(v->now_us - v->started_us, 0); /* the clock may have been set back */
	struct json_object *list;
	bool ok;

	ok = json_util_add_text(doc, "version", v->version) &&
	     json_util_add_int(doc, "pid", v->pid) && json_util_add_time(doc, "time", v->now_us) &&
	     json_util_add_time(doc, "startTime", v->started_us) &&
	     json_util_add_int(doc, "uptimeSeconds", uptime_us / US_PER_S);
	list = ok ? json_util_add_array(doc, "accounts") : NULL;
	ok = list;
	for (size_t i = 0; ok && i < v->n_accounts; i++)
		ok = add_account(json_util_append_object(list), &v->accounts[i]);
	list = ok ? json_util_add_array(doc, "notifiers") : NULL;
	ok = list;
	for (size_t i = 0; ok && i < v->n_notifiers; i++)
		ok = add_notifier(json_util_append_object(list), &v->notifiers[i]);
	return ok && add_job_counts(doc, v->jobs_by_phase) && add_store(doc, v) &&
	       add_loop(doc, v) &&
	       json_util_add_text_or_null(doc, "configurationError", v->configuration_error);
}

int status_json_format(const struct status_view *v, struct buf *b)
{
	_cleanup_json_ struct json_object *doc = json_object_new_object();

	return json_util_write(doc, doc && add_status(doc, v), "", b);
}

int status_json_error(const char *code, const char *message, struct buf *b)
{
	_cleanup_json_ struct json_object *doc = json_object_new_object();
	struct json_object *error = doc ? json_util_add_object(doc, "error") : NULL;

	return json_util_write(doc,
			       error && json_util_add_text(error, "code", code) &&
				       json_util_add_text(error, "message", message),
			       "", b);
}

int status_json_health(const char *const *reasons, size_t n, struct buf *b)
{
	_cleanup_json_ struct json_object *doc = json_object_new_object();
	struct json_object *list = NULL;
	bool ok = doc && json_util_add_text(doc, "status", n > 0 ? "failing" : "ok");

	if (ok && n > 0) {
		list = json_util_add_array(doc, "reasons");
		ok = list;
	}
	for (size_t i = 0; ok && i < n; i++)
		ok = json_util_append_text(list, reasons[i]);
	return json_util_write(doc, ok, "", b);
}
