/* The daemon's memory of accounts, collections and jobs. */
#include "daemon/job.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/override.h"

static const char *account_key(const void *value)
{
	return ((const struct account *)value)->key;
}

static const char *job_key(const void *value)
{
	return ((const struct job *)value)->name;
}

static void job_free(struct job *job)
{
	snapshot_unref(job->snapshot);
	free(job->last_error);
	override_free(job->override);
	free(job->course);
	free(job);
}

void listing_forget(struct listing *l)
{
	free(l->token);
	free(l->landmark);
	l->token = l->landmark = NULL;
}

static void collection_done(struct collection *c)
{
	plan_collection_done(&c->plan);
	for (int l = 0; l < PLAN_LISTS; l++) {
		listing_forget(&c->listings[l]);
		page_memory_cut(&c->pages[l], 0);
	}
	free(c->last_error);
}

static void account_free(struct account *account)
{
	map_for_each (&account->jobs, struct job, job) {
		plan_job_out(&job_collection(job)->plan, &job->plan);
		job_free(job);
	}
	map_done(&account->jobs);
	for (int k = 0; k < KIND_COUNT_; k++)
		collection_done(&account->collections[k]);
	config_secret_done(&account->rotated);
	free(account->endpoint);
	free(account->id);
	free(account->key);
	free(account);
}

static const char *string_key(const void *value)
{
	return value;
}

void accounts_init(struct accounts *a)
{
	map_init(&a->map, account_key);
	map_init(&a->baselines, string_key);
}

void accounts_done(struct accounts *a)
{
	map_for_each (&a->map, struct account, account)
		account_free(account);
	map_done(&a->map);
	map_for_each (&a->baselines, char, key)
		free(key);
	map_done(&a->baselines);
}

static int account_new(const char *endpoint, const char *id, struct account **ret)
{
	struct account *account = calloc(1, sizeof(*account));

	if (!account)
		return -ENOMEM;
	map_init(&account->jobs, job_key);
	list_init(&account->asks);
	account->lookup_ms = UINT64_MAX;
	for (int k = 0; k < KIND_COUNT_; k++) {
		struct collection *c = &account->collections[k];

		plan_collection_init(&c->plan);
		c->account = account;
		c->kind = k;
		c->wanted_ms = UINT64_MAX;
		account->plans[k] = &c->plan;
	}
	account->plan = (struct plan){.collections = account->plans, .n = KIND_COUNT_};
	account->endpoint = strdup(endpoint);
	account->id = strdup(id);
	if (asprintf(&account->key, "%s %s", endpoint, id) < 0)
		account->key = NULL;
	if (!account->endpoint || !account->id || !account->key) {
		account_free(account);
		return -ENOMEM;
	}
	*ret = account;
	return 0;
}

int accounts_get(struct accounts *a, const char *endpoint, const char *id, struct account **ret)
{
	_cleanup_free_ char *key = NULL;
	struct account *account;
	int r;

	if (asprintf(&key, "%s %s", endpoint, id) < 0) {
		key = NULL;
		return -ENOMEM;
	}
	account = map_get(&a->map, key);
	if (!account) {
		r = account_new(endpoint, id, &account);
		if (r < 0)
			return r;
		r = map_add(&a->map, account);
		if (r < 0) {
			account_free(account);
			return r;
		}
	}
	*ret = account;
	return 0;
}

const char *account_name(const struct account *account)
{
	return account->id[0] || !account->config ? account->id : account->config->name;
}

static char *baseline_key(const struct account *account, const char *watch, enum kind kind)
{
	char *key;

	return asprintf(&key, "%s %s %s", account->key, kind_info(kind)->name, watch) < 0 ? NULL
											  : key;
}

bool accounts_has_baseline(const struct accounts *a, const struct account *account,
			   const char *watch, enum kind kind)
{
	_cleanup_free_ char *key = baseline_key(account, watch, kind);

	return key && map_get(&a->baselines, key);
}

int accounts_add_baseline(struct accounts *a, const struct account *account, const char *watch,
			  enum kind kind)
{
	_cleanup_free_ char *key = baseline_key(account, watch, kind);
	int r;

	if (!key)
		return -ENOMEM;
	r = map_add(&a->baselines, key);
	if (r == 0)
		key = NULL; /* the map's now */
	return r == -EEXIST ? 0 : r;
}

int account_job(struct account *account, const char *name, enum kind kind, struct job **ret)
{
	struct job *job = map_get(&account->jobs, name);
	size_t size;
	int r;

	if (!job) {
		if (account->jobs.n >= JOB_MAX_PER_ACCOUNT)
			return -ENOSPC;
		size = strlen(name) + 1;
		/* There may be 100,000: the name begins where the padding would. */
		job = calloc(1, MAX(sizeof(*job), offsetof(struct job, name) + size));
		if (!job)
			return -ENOMEM;
		job->plan = PLAN_JOB_INIT;
		job->account = account;
		job->kind = (uint8_t)kind;
		job->attempt.number = 1;
		memcpy(job->name, name, size);
		r = map_add(&account->jobs, job);
		if (r < 0) {
			job_free(job);
			return r;
		}
	}
	*ret = job;
	return 0;
}

static void count(struct job *job, int by)
{
	struct tally *tally = &job->account->tally;

	if (!job->watches)
		return;
	tally->watched += (size_t)by;
	if (job->snapshot)
		tally->by_phase[snapshot_phase(job->snapshot)] += (size_t)by;
}

void job_set_watches(struct job *job, route_set watches)
{
	count(job, -1);
	job->watches = watches;
	count(job, 1);
}

void job_set_snapshot(struct job *job, struct snapshot *snapshot)
{
	snapshot_ref(snapshot);
	count(job, -1);
	snapshot_unref(job->snapshot);
	job->snapshot = snapshot;
	count(job, 1);
}

void job_set_override(struct job *job, struct override *override)
{
	job->account->n_overrides -= job->override != NULL;
	override_free(job->override);
	job->override = override;
	job->account->n_overrides += override != NULL;
}

struct ask *ask_free(struct ask *a)
{
	if (a && a->body)
		explicit_bzero(a->body, a->body_len);
	if (a)
		free(a->body);
	free(a);
	return NULL;
}

void job_parse_name(const struct job *job, struct job_name *ret)
{
	/* The name was checked when the job was made. */
	if (name_parse_full(job->name, ret) < 0)
		*ret = (struct job_name){.kind = job->kind};
}

void job_set_error(struct job *job, const char *text)
{
	free(job->last_error);
	job->last_error = text && text[0] ? strdup(text) : NULL;
}
