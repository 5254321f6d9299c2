/* From the sections of all files to the configuration: what nobody wrote is added, names are
 * resolved, and what concerns several options or sections is checked. */
#include "config/config_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define API_URL_DEFAULT     "https://api.fireworks.ai"
#define WEBHOOK_TIMEOUT_MS  (20 * MS_PER_S)
#define MAX_WAITING         100000 /* deliveries, some kilobytes on disk each at most */
#define MODEL_WAIT_MS       MS_PER_H
#define EXEC_TIMEOUT_MS     (10 * MS_PER_MIN)
#define EMAIL_TIMEOUT_MS    MS_PER_MIN /* a server may look at a message for long */
#define REQUESTS_PER_MINUTE 10
#define IMPLICIT            "default"
#define IMPLICIT_NOTIFIER   "journal"
#define NAME_CHARS          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

/* How long a job may be in a phase without a sign of life. */
static const uint64_t stall_default_ms[PHASE_COUNT_] = {
	[PHASE_QUEUED] = 48 * MS_PER_H,    [PHASE_STARTING] = MS_PER_H,
	[PHASE_RUNNING] = 30 * MS_PER_MIN, [PHASE_FINISHING] = MS_PER_H,
	[PHASE_CANCELLING] = MS_PER_H,
};

/* ---- sections ---- */

/* The `i`-th section of a type; NULL after the last. */
static struct raw_section *section_at(const struct load *l, enum section_type type, size_t i)
{
	for (size_t k = 0; k < l->n_sections; k++)
		if (l->sections[k].type == type && i-- == 0)
			return &l->sections[k];
	return NULL;
}

static size_t section_count(const struct load *l, enum section_type type)
{
	size_t n = 0;

	for (size_t k = 0; k < l->n_sections; k++)
		n += l->sections[k].type == type;
	return n;
}

/* The section of the same type and title before the `n`-th, or NULL. */
static const struct raw_section *section_same(const struct load *l, size_t n)
{
	const struct raw_section *s = &l->sections[n];

	for (size_t i = 0; i < n; i++)
		if (l->sections[i].type == s->type && strcmp(l->sections[i].title, s->title) == 0)
			return &l->sections[i];
	return NULL;
}

/* Reports bad names, and leaves out what is there already. */
static void check_titles(struct load *l)
{
	size_t n = l->n_sections, kept = 0;

	for (size_t i = 0; i < n; i++) {
		struct raw_section s = l->sections[i];
		size_t len = strlen(s.title);
		const struct raw_section *same;

		l->sections[kept] = s;
		/* with that many, the file is refused anyway: no need to compare all with all */
		same = kept < (size_t)ROUTE_MAX * SECTION_COUNT_ ? section_same(l, kept) : NULL;
		if (same) {
			fault_add(l, s.at, "%s is there already: %s:%u", fault_section(&s).text,
				  l->files[same->at.file].path, same->at.line);
			raw_section_done(&s);
			continue;
		}
		kept++;
		if (len < 1 || len > CONFIG_NAME_MAX || strspn(s.title, NAME_CHARS) != len)
			fault_add(l, s.at,
				  "%s: a name has 1 to %d of a-z, A-Z, 0-9, '.', '_' and '-'",
				  fault_section(&s).text, CONFIG_NAME_MAX);
	}
	l->n_sections = kept;
}

/*
 * More sections of a type than a set can hold are reported and left out. Without a watch there is one
 * for each account, so there are no more of these.
 */
static size_t check_count(struct load *l, enum section_type type)
{
	size_t n = section_count(l, type),
	       max = type == SECTION_NOTIFIER ? ROUTE_MAX : ROUTE_WATCHES_MAX;

	if (n <= max)
		return n;
	fault_add(l, section_at(l, type, max)->at, "more than %zu %s", max, section_plurals[type]);
	return max;
}

/* The index of a section by its name; -1 with a fault. */
static int find_reference(struct load *l, const struct raw_section *s, const char *option,
			  struct place at, enum section_type type, const char *name)
{
	const char *names[ROUTE_MAX];
	size_t n = 0;

	for (; n < ROUTE_MAX; n++) {
		const struct raw_section *other = section_at(l, type, n);

		if (!other)
			break;
		if (strcmp(other->title, name) == 0)
			return (int)n;
		names[n] = other->title;
	}
	fault_add(l, at, "'%s'%s: there is no %s %s%s", option, fault_in_section(s).text,
		  section_names[type], fault_quote(name).text, nearest_hint(name, names, n).text);
	return -1;
}

/* ---- what nobody wrote ---- */

/* No account in any file: the one of the environment. */
static int add_account(struct load *l)
{
	int r;

	if (section_count(l, SECTION_ACCOUNT) > 0)
		return 0;
	r = keys_env_has_key(l);
	if (r < 0)
		return r;
	/* What could not be read may hold one, and has a fault of its own. */
	if (r == 0 && l->cut_short)
		return 0;
	if (r == 0) {
		_cleanup_free_ char *path = NULL;

		r = l->n_files > 0 ? 0 : paths_config_file(l->env, &path);
		fault_add(
			l, NOWHERE,
			"no account: set $FIREWORKS_API_KEY, or put the key into credentials/KEY "
			"beside %s and write there: account \"ID\" { api-key-credential = \"KEY\" }",
			l->n_files > 0 ? l->files[0].path
			: path         ? path
				       : "tunewatch.conf");
		return r;
	}
	return raw_add_implicit(l, SECTION_ACCOUNT, IMPLICIT);
}

static int add_implicit(struct load *l)
{
	size_t n_accounts;
	int r = add_account(l);

	if (r == 0 && section_count(l, SECTION_NOTIFIER) == 0)
		r = raw_add_implicit(l, SECTION_NOTIFIER, IMPLICIT_NOTIFIER);
	if (r < 0 || section_count(l, SECTION_WATCH) > 0)
		return r;
	n_accounts = MIN(section_count(l, SECTION_ACCOUNT), (size_t)ROUTE_WATCHES_MAX);
	for (size_t i = 0; i < n_accounts && r == 0; i++) {
		_cleanup_free_ char *title = strdup(
			n_accounts == 1 ? IMPLICIT : section_at(l, SECTION_ACCOUNT, i)->title);

		r = title ? raw_add_implicit(l, SECTION_WATCH, title) : -ENOMEM;
	}
	return r;
}

/* ---- the top ---- */

static int check_top(struct load *l)
{
	struct config *c = l->config;
	int r;

	c->poll_interval_ms = 30 * MS_PER_S;
	c->list_interval_ms = MS_PER_H;
	c->degraded_after_ms = 30 * MS_PER_S;
	c->history_max_age_ms = 30 * MS_PER_DAY;
	c->history_max_bytes = 1ULL << 30;
	c->progress_step = 10;
	r = options_apply(l, &l->top, c);
	if (r == 0 && !raw_find(&l->top, "state-dir"))
		r = paths_state_dir(l->env, &c->state_dir);
	if (r == 0 && !raw_find(&l->top, "control-socket"))
		r = paths_control_socket(l->env, &c->control_socket);
	if (r < 0)
		return r;
	if (!c->state_dir && !raw_find(&l->top, "state-dir"))
		fault_add(l, NOWHERE,
			  "there is neither $HOME nor $XDG_STATE_HOME: 'state-dir' is needed");
	if (!c->control_socket && !raw_find(&l->top, "control-socket"))
		fault_add(l, NOWHERE, "there is no $XDG_RUNTIME_DIR: 'control-socket' is needed");
	return 0;
}

/* ---- accounts ---- */

static int check_api_url(struct load *l, const struct raw_section *s, struct config_account *a)
{
	const struct raw_option *o = raw_find(s, "api-url");
	const char *text = raw_text(s, "api-url"), *why;
	struct place at = raw_place(s, "api-url");
	const char *what = "'api-url'";
	struct url u;
	size_t len;

	if (o && !text)
		return 0;
	if (!text && l->env->fireworks_base_url && *l->env->fireworks_base_url) {
		text = l->env->fireworks_base_url;
		what = "$FIREWORKS_BASE_URL";
	}
	if (!text)
		text = API_URL_DEFAULT;
	if (config_url_parse(text, &u, &why) < 0 || strchr(text, '?')) {
		fault_add(l, at, "%s%s: %s", what, fault_in_section(s).text,
			  why ? why : "a base URL has no query");
		return 0;
	}
	if (!u.https && !u.loopback && !a->allow_http)
		fault_add(l, at,
			  "%s%s: http:// would send the key in the clear; use https://, or set "
			  "allow-http = true",
			  what, fault_in_section(s).text);
	len = strlen(text);
	while (len > 0 && text[len - 1] == '/')
		len--;
	a->api_url = strndup(text, len);
	return a->api_url ? 0 : -ENOMEM;
}

static int check_account_id(struct load *l, const struct raw_section *s, size_t i)
{
	struct config_account *a = &l->config->accounts[i];
	int r = 0;

	if (s->implicit) {
		r = keys_env_account_id(l, &a->account_id);
		if (r < 0 || a->account_id)
			return r;
		if (!section_at(l, SECTION_WATCH, 0)->implicit)
			fault_add(l, NOWHERE,
				  "the account of the watches is not known: set "
				  "$FIREWORKS_ACCOUNT_ID, or write an account section");
		a->account_id = strdup("");
		return a->account_id ? 0 : -ENOMEM;
	}
	if (!raw_find(s, "account-id")) {
		if (name_id_valid(s->title)) {
			a->account_id = strdup(s->title);
			return a->account_id ? 0 : -ENOMEM;
		}
		fault_add(l, s->at, "%s needs 'account-id': its name is not an account id",
			  fault_section(s).text);
	}
	if (!a->account_id)
		return 0;
	if (!a->account_id[0] && section_count(l, SECTION_ACCOUNT) > 1)
		fault_add(
			l, raw_place(s, "account-id"),
			"'account-id'%s: empty, to be found with the key, is for a single account",
			fault_in_section(s).text);
	return 0;
}

static int check_account(struct load *l, const struct raw_section *s, size_t i)
{
	struct config_account *a = &l->config->accounts[i];
	int r;

	a->requests_per_minute = REQUESTS_PER_MINUTE;
	a->name = strdup(s->title);
	if (!a->name)
		return -ENOMEM;
	r = options_apply(l, s, a);
	if (r == 0)
		r = check_account_id(l, s, i);
	if (r == 0)
		r = check_api_url(l, s, a);
	if (r == 0)
		r = keys_account(l, s, a);
	if (r < 0 || !a->account_id)
		return r;
	/* events and stored jobs are known by the account's id */
	for (size_t k = 0; k < i && a->account_id[0]; k++) {
		const struct config_account *other = &l->config->accounts[k];

		if (other->account_id && strcmp(other->account_id, a->account_id) == 0) {
			fault_add(l, raw_place(s, "account-id"), "%s is the same account as \"%s\"",
				  fault_section(s).text, other->name);
			break;
		}
	}
	return 0;
}

/* ---- notifiers ---- */

static uint64_t default_events(void)
{
	uint64_t set = (uint64_t)1 << EVENT_JOB_PAUSED | (uint64_t)1 << EVENT_JOB_STALLED |
		       (uint64_t)1 << EVENT_JOB_RECOVERED | (uint64_t)1 << EVENT_WATCHER_DEGRADED |
		       (uint64_t)1 << EVENT_WATCHER_RESTORED;

	for (enum event_type e = EVENT_NONE + 1; e < EVENT_COUNT_; e++)
		if (event_type_is_end(e))
			set |= (uint64_t)1 << e;
	return set;
}

static enum notifier_type notifier_type_of(struct load *l, const struct raw_section *s)
{
	const struct raw_option *o = raw_find(s, "type");
	int i = -1;

	if (s->implicit)
		return NOTIFIER_SYSLOG;
	if (!o)
		fault_add(l, s->at, "%s needs 'type'%s", fault_section(s).text,
			  nearest_hint("", notifier_type_names, NOTIFIER_TYPE_COUNT_).text);
	else if (raw_text(s, "type"))
		i = value_enum(l, s, o, &o->values[0], notifier_type_names, NOTIFIER_TYPE_COUNT_);
	return i < 0 ? NOTIFIER_TYPE_COUNT_ : (enum notifier_type)i;
}

static bool says(const struct raw_section *s, const char *option, const char *value)
{
	const char *text = raw_text(s, option);

	return text && strcmp(text, value) == 0;
}

/* Why a notifier's events cannot be joined; NULL when they can, or its type or format is at fault. */
static const char *digest_fault(const struct raw_section *s, const struct config_notifier *n)
{
	switch (n->type) {
	case NOTIFIER_EXEC:
		return "a hook runs for one event, which is its cause";
	case NOTIFIER_UNIT:
		return "a unit is started for one event, which is its cause";
	case NOTIFIER_DESKTOP:
		return "there is one notification for each job";
	case NOTIFIER_SYSLOG:
		return "the journal has an entry for each event";
	case NOTIFIER_WEBHOOK:
		if (n->format == WEBHOOK_JSON &&
		    (!raw_find(s, "format") || says(s, "format", "json")))
			return "format json is one event, with its id and the same bytes each time";
		break;
	case NOTIFIER_EMAIL:
	case NOTIFIER_TYPE_COUNT_:
		break;
	}
	return NULL;
}

static void check_digest(struct load *l, const struct raw_section *s,
			 const struct config_notifier *n)
{
	const char *why = n->digest_ms > 0 ? digest_fault(s, n) : NULL;

	if (why)
		fault_add(l, raw_place(s, "digest"),
			  "'digest'%s: %s; only mail, and webhooks of format slack, discord, teams "
			  "or ntfy, join several",
			  fault_in_section(s).text, why);
}

/*
 * model_wait_ms has the limit, its default or as it was written; it stays where the notifier waits.
 *
 * One message of a digest would wait for the models of all its jobs: the news of each job would be as
 * late as the slowest model of any, and none of them could say of its own model whether it is ready
 * before all of them are decided. That is no digest any more, so it is one or the other.
 */
static void check_model_wait(struct load *l, const struct raw_section *s, struct config_notifier *n)
{
	const struct raw_option *o = raw_find(s, "wait-for-model");
	bool wait = o != NULL; /* also when its value is at fault: one fault says so */

	if (raw_text(s, "wait-for-model"))
		value_bool(l, s, o, &wait);
	if (!wait)
		n->model_wait_ms = 0;
	if (!wait && raw_find(s, "wait-for-model-max"))
		fault_add(l, raw_place(s, "wait-for-model-max"),
			  "'wait-for-model-max'%s: only with wait-for-model = true",
			  fault_in_section(s).text);
	if (wait && n->events && !(n->events & (uint64_t)1 << EVENT_JOB_SUCCEEDED))
		fault_add(
			l, raw_place(s, "wait-for-model"),
			"'wait-for-model'%s: it gets no job.succeeded, which alone waits; add that "
			"to its events",
			fault_in_section(s).text);
	if (wait && n->digest_ms > 0)
		fault_add(l, raw_place(s, "wait-for-model"),
			  "'wait-for-model'%s: a digest would wait for the models of all its jobs; "
			  "give the events that wait to another notifier, without digest",
			  fault_in_section(s).text);
}

/* What a format asks for. */
static void check_format(struct load *l, const struct raw_section *s,
			 const struct config_notifier *n)
{
	size_t at, len;

	if (n->format != WEBHOOK_JSON && raw_find(s, "secret-file"))
		fault_add(l, raw_place(s, "secret-file"),
			  "'secret-file'%s: only format = \"json\" is signed",
			  fault_in_section(s).text);
	if (n->format == WEBHOOK_NTFY && n->url.value &&
	    config_url_topic(n->url.value, &at, &len) < 0) {
		const char *option = raw_find(s, "url") ? "url" : "url-file";

		fault_add(l, raw_place(s, option),
			  "'%s'%s: with format = \"ntfy\", a URL ends with the topic, such as "
			  "https://ntfy.sh/alerts",
			  option, fault_in_section(s).text);
	}
}

/* It would wait for ever, without a word. */
static void check_desktop(struct load *l, const struct raw_section *s)
{
	if (l->env->system && !l->env->session_bus)
		fault_add(
			l, raw_place(s, "type"),
			"'type'%s: a service of the machine has no desktop; desktop is for a user's "
			"own, see systemctl --user in tunewatchd(8)",
			fault_in_section(s).text);
}

/* 0: the type has no such option. */
static uint64_t default_timeout_ms(enum notifier_type type)
{
	switch (type) {
	case NOTIFIER_WEBHOOK:
		return WEBHOOK_TIMEOUT_MS;
	case NOTIFIER_EXEC:
		return EXEC_TIMEOUT_MS;
	case NOTIFIER_EMAIL:
		return EMAIL_TIMEOUT_MS;
	case NOTIFIER_SYSLOG:
	case NOTIFIER_UNIT:
	case NOTIFIER_DESKTOP:
	case NOTIFIER_TYPE_COUNT_:
		break;
	}
	return 0;
}

static int check_notifier(struct load *l, const struct raw_section *s, size_t i)
{
	struct config_notifier *n = &l->config->notifiers[i];
	int r;

	n->name = strdup(s->title);
	if (!n->name)
		return -ENOMEM;
	n->type = notifier_type_of(l, s);
	n->events = default_events();
	n->max_parallel = 1;
	n->max_waiting = MAX_WAITING;
	n->model_wait_ms = MODEL_WAIT_MS;
	n->timeout_ms = default_timeout_ms(n->type);
	r = options_apply(l, s, n);
	if (r < 0)
		return r;
	check_digest(l, s, n);
	check_model_wait(l, s, n);
	if (n->type == NOTIFIER_WEBHOOK) {
		r = keys_notifier(l, s, n);
		check_format(l, s, n);
	} else if (n->type == NOTIFIER_EMAIL) {
		r = email_check(l, s, n);
	} else if (n->type == NOTIFIER_EXEC && !raw_find(s, "command")) {
		fault_add(l, s->at, "%s needs 'command'", fault_section(s).text);
	} else if (n->type == NOTIFIER_UNIT && !raw_find(s, "unit")) {
		fault_add(l, s->at, "%s needs 'unit'", fault_section(s).text);
	} else if (n->type == NOTIFIER_DESKTOP) {
		check_desktop(l, s);
	}
	l->config->route_accepts[i] = n->events;
	return r;
}

/* ---- watches ---- */

struct job_ref {
	const struct job_name *job;
	size_t index; /* in the list as written */
};

static int job_ref_cmp(const void *a, const void *b)
{
	const struct job_ref *x = a, *y = b;
	int r = strcmp(x->job->id, y->job->id);

	if (r == 0)
		r = (int)x->job->kind - (int)y->job->kind;
	return r ? r : (x->index > y->index) - (x->index < y->index);
}

static int check_jobs_unique(struct load *l, const struct raw_section *s,
			     const struct raw_option *o, struct job_ref *refs, size_t n)
{
	qsort(refs, n, sizeof(*refs), job_ref_cmp);
	for (size_t i = 1; i < n; i++) {
		const struct raw_value *v = &o->values[refs[i].index];

		if (strcmp(refs[i].job->id, refs[i - 1].job->id) == 0 &&
		    refs[i].job->kind == refs[i - 1].job->kind)
			fault_add(l, (struct place){o->at.file, v->line},
				  "'jobs'%s: %s is named twice", fault_in_section(s).text,
				  fault_quote(v->text).text);
	}
	return 0;
}

static int check_jobs(struct load *l, const struct raw_section *s, struct config_watch *w,
		      const struct config_account *a)
{
	const struct raw_option *o = raw_find(s, "jobs");
	_cleanup_free_ struct job_ref *refs = NULL;

	if (!o || o->n == 0)
		return 0;
	if (o->n > CONFIG_JOBS_MAX) {
		fault_add(l, o->at, "'jobs'%s: more than %d jobs", fault_in_section(s).text,
			  CONFIG_JOBS_MAX);
		return 0;
	}
	if (!a || !a->account_id) /* reported */
		return 0;
	if (!a->account_id[0]) {
		fault_add(l, o->at, "'jobs'%s: named jobs need the account's 'account-id'",
			  fault_in_section(s).text);
		return 0;
	}
	w->route.by_name = true;
	w->jobs = calloc(o->n, sizeof(*w->jobs));
	refs = calloc(o->n, sizeof(*refs));
	if (!w->jobs || !refs)
		return -ENOMEM;
	for (size_t i = 0; i < o->n; i++) {
		const struct raw_value *v = &o->values[i];
		struct place at = {o->at.file, v->line};
		struct job_name *job = &w->jobs[w->n_jobs];

		if (name_parse(v->text, a->account_id, job) < 0)
			fault_add(l, at,
				  "'jobs'%s: %s is not the name of a job, such as \"sft/abc\"",
				  fault_in_section(s).text, fault_quote(v->text).text);
		else if (strcmp(job->account, a->account_id) != 0)
			fault_add(l, at, "'jobs'%s: %s belongs to another account than \"%s\"",
				  fault_in_section(s).text, fault_quote(v->text).text,
				  a->account_id);
		else
			refs[w->n_jobs++] = (struct job_ref){job, i};
	}
	return check_jobs_unique(l, s, o, refs, w->n_jobs);
}

/* The index of a watch's account, or -1. */
static int watch_account(struct load *l, const struct raw_section *s, size_t i)
{
	const char *name = raw_text(s, "account");

	if (name)
		return find_reference(l, s, "account", raw_place(s, "account"), SECTION_ACCOUNT,
				      name);
	if (raw_find(s, "account"))
		return -1;
	if (s->implicit)
		return (int)i; /* one for each account, in their order */
	if (l->config->n_accounts == 1)
		return 0;
	if (l->config->n_accounts > 1)
		fault_add(l, s->at, "%s needs 'account': there are several", fault_section(s).text);
	return -1;
}

static void check_notify(struct load *l, const struct raw_section *s, struct config_watch *w)
{
	const struct raw_option *o = raw_find(s, "notify");
	size_t n = l->config->n_notifiers;

	if (!o || o->n == 0) {
		w->route.notify = n == ROUTE_MAX ? ROUTE_ALL : route_bit(n) - 1;
		return;
	}
	for (size_t i = 0; i < o->n; i++) {
		int ref = find_reference(l, s, "notify",
					 (struct place){o->at.file, o->values[i].line},
					 SECTION_NOTIFIER, o->values[i].text);

		if (ref >= 0)
			w->route.notify |= route_bit((size_t)ref);
	}
}

static int check_watch(struct load *l, const struct raw_section *s, size_t i)
{
	struct config *c = l->config;
	struct config_watch *w = &c->watches[i];
	int account, r;

	w->name = strdup(s->title);
	if (!w->name)
		return -ENOMEM;
	w->route.kinds = (1U << KIND_COUNT_) - 1;
	w->poll_interval_ms = c->poll_interval_ms;
	memcpy(w->stall_ms, c->stall_ms, sizeof(w->stall_ms));
	r = options_apply(l, s, w);
	if (r < 0)
		return r;
	account = watch_account(l, s, i);
	if (account >= 0)
		w->route.account = (size_t)account;
	check_notify(l, s, w);
	r = check_jobs(l, s, w, account >= 0 ? &c->accounts[account] : NULL);
	c->route_watches[i] = w->route;
	return r;
}

/* ---- all ---- */

static int check_all(struct load *l, enum section_type type, size_t n, size_t *ret_n,
		     int (*check)(struct load *l, const struct raw_section *s, size_t i))
{
	*ret_n = n;
	for (size_t i = 0; i < n; i++) {
		int r = check(l, section_at(l, type, i), i);

		if (r < 0)
			return r;
	}
	return 0;
}

int check_sections(struct load *l)
{
	struct config *c = l->config;
	size_t n_accounts, n_watches, n_notifiers;
	int r = check_top(l);

	check_titles(l);
	if (r == 0)
		r = add_implicit(l);
	if (r < 0)
		return r;
	n_accounts = check_count(l, SECTION_ACCOUNT);
	n_watches = check_count(l, SECTION_WATCH);
	n_notifiers = check_count(l, SECTION_NOTIFIER);
	c->accounts = calloc(MAX(n_accounts, 1U), sizeof(*c->accounts));
	for (enum phase p = 0; p < PHASE_COUNT_; p++)
		c->stall_ms[p] = stall_default_ms[p] ? stall_default_ms[p] : UINT64_MAX;
	c->watches = calloc(MAX(n_watches, 1U), sizeof(*c->watches));
	c->notifiers = calloc(MAX(n_notifiers, 1U), sizeof(*c->notifiers));
	c->route_watches = calloc(MAX(n_watches, 1U), sizeof(*c->route_watches));
	c->route_accepts = calloc(MAX(n_notifiers, 1U), sizeof(*c->route_accepts));
	if (!c->accounts || !c->watches || !c->notifiers || !c->route_watches || !c->route_accepts)
		return -ENOMEM;
	r = check_all(l, SECTION_ACCOUNT, n_accounts, &c->n_accounts, check_account);
	if (r == 0)
		r = check_all(l, SECTION_NOTIFIER, n_notifiers, &c->n_notifiers, check_notifier);
	if (r == 0)
		r = check_all(l, SECTION_WATCH, n_watches, &c->n_watches, check_watch);
	return r;
}
