/* The API's calls about jobs: what is known of them, and which are watched. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "codec/status_json.h"
#include "daemon/api_private.h"
#include "daemon/override.h"
#include "daemon/planning.h"
#include "daemon/view.h"

/* --- all of them --- */

#define WALK_SLICE  (16UL * 1024) /* bytes that are made at a time, about: some 20 jobs */
#define WALK_SORTED 5000          /* jobs that are sorted on the loop, in some 2 ms at most */

/*
 * An answer that is made while it is sent, so that no list stops the loop or has to be in memory whole.
 * Jobs live as long as the daemon, so pointers are all that has to be kept.
 */
struct walk {
	struct api *api;
	struct server_response *response;
	struct job_mask mask; /* what of each job is asked for */
	size_t n, at;
	struct buf out; /* made, and sent up to `sent` */
	size_t sent;
	bool any; /* job was made */
	bool ended;
	const struct job **jobs;
};

static void walk_done(void *user)
{
	struct walk *w = user;

	buf_done(&w->out);
	free(w->jobs);
	free(w);
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct job *const *)a)->name, (*(const struct job *const *)b)->name);
}

/*
 * Those of each account, which stand together. Whose job it is and its name never change, so this may
 * run on any thread.
 */
static void walk_sort(struct walk *w)
{
	for (size_t first = 0, n; first < w->n; first += n) {
		for (n = 1; first + n < w->n; n++)
			if (w->jobs[first + n]->account != w->jobs[first]->account)
				break;
		qsort(w->jobs + first, n, sizeof(w->jobs[0]), by_name);
	}
}

static struct walk *walk_new(struct api *api, const struct job_mask *mask)
{
	struct walk *w = malloc(sizeof(*w));

	if (!w)
		return NULL;
	*w = (struct walk){.api = api, .mask = *mask, .out = BUF_INIT(STATUS_JSON_MAX)};
	if (api_watched_jobs(api, &w->jobs, &w->n) < 0) {
		free(w);
		return NULL;
	}
	return w;
}

static int put_job(const struct api *api, const struct job *job, const struct job_mask *mask,
		   struct buf *body)
{
	const struct view_moment now = view_now();
	struct job_name name;
	struct job_view v;

	job_parse_name(job, &name);
	v = view_job(*api->sources.config, job, &name, &now);
	return status_json_job(&v, mask, body);
}

/* The next slice. What was watched when the call came, and is not any more, is left out. */
static int walk_on(struct walk *w)
{
	int r = 0;

	buf_clear(&w->out);
	w->sent = 0;
	if (w->at == 0)
		r = status_json_jobs_begin(&w->out);
	for (; r == 0 && w->at < w->n && w->out.len < WALK_SLICE; w->at++) {
		if (!api_is_watched(w->jobs[w->at]))
			continue;
		if (w->any && w->out.len == 0) /* after those of the last slice */
			r = buf_puts(&w->out, ",");
		if (r == 0)
			r = put_job(w->api, w->jobs[w->at], &w->mask, &w->out);
		w->any = true;
	}
	if (r == 0 && w->at == w->n) {
		w->ended = true;
		r = status_json_jobs_end(&w->out);
	}
	return r;
}

static ssize_t walk_fill(void *user, char *data, size_t max)
{
	struct walk *w = user;
	size_t n;

	if (w->sent == w->out.len) {
		if (w->ended)
			return SERVER_END;
		if (walk_on(w) < 0)
			return -ENOMEM;
	}
	n = MIN(w->out.len - w->sent, max);
	memcpy(data, w->out.data + w->sent, n);
	w->sent += n;
	return (ssize_t)n;
}

static void walk_begin(struct walk *w)
{
	w->response->fill = walk_fill;
	w->response->done = walk_done;
	w->response->user = w;
}

static int do_sort(void *user, struct store *store _unused_, struct error *ret_e _unused_)
{
	walk_sort(user);
	return 0;
}

static void on_sorted(void *user, int r, const char *text _unused_)
{
	struct walk *w = user;
	struct server_response *response = w->response;

	if (r < 0) { /* closing */
		walk_done(w);
		r = api_refuse_stopping(response);
	} else {
		walk_begin(w);
	}
	server_answer(response, r);
}

/* So many are sorted on the thread pool, in turn with commits. */
static int walk_later(struct walk *w)
{
	int r = committer_run(w->api->sources.committer, do_sort, on_sorted, w);

	if (r < 0)
		walk_done(w);
	return r < 0 ? r : SERVER_LATER;
}

int api_get_jobs(struct api *api, const struct server_request *request, const char *rest,
		 struct server_response *response)
{
	const char *paths = server_argument(request, "readMask");
	struct job_mask mask = job_mask_all;
	struct error e = ERROR_NONE;
	struct walk *w;

	if (paths && job_mask_parse(paths, &mask, &e) < 0)
		return api_refuse(response, 400, "bad_request", "%s", e.text);
	w = walk_new(api, &mask);
	if (!w)
		return -ENOMEM;
	w->response = response;
	if (w->n > WALK_SORTED)
		return walk_later(w);
	walk_sort(w);
	walk_begin(w);
	return 0;
}

/* --- one of them --- */

int api_job_document(const struct api *api, const struct job *job, struct buf *body)
{
	return put_job(api, job, NULL, body);
}

/* The job that a path like "acme/sft/abc" names, when it is watched. */
static struct job *find_job(const struct api *api, const char *path)
{
	char full[NAME_JOB_MAX];
	struct account *account;
	struct job_name name;
	struct job *job;

	if (api_job_name(path, &name) < 0)
		return NULL;
	account = api_find_account(api, name.account);
	name_format_full(&name, full);
	job = account ? map_get(&account->jobs, full) : NULL;
	return job && api_is_watched(job) ? job : NULL;
}

static int not_watched(struct server_response *response)
{
	return api_refuse(response, 404, "not_found",
			  "no such job is watched; GET /v1/jobs lists those that are");
}

int api_get_job(struct api *api, const struct server_request *request, const char *rest,
		struct server_response *response)
{
	const struct job *job = find_job(api, rest);

	return job ? api_job_document(api, job, &response->body) : not_watched(response);
}

/* --- what is watched --- */

/* A wish that is on its way to the disk. */
struct wish {
	struct api *api;
	struct server_response *response;
	struct job *job;
	struct override *override; /* owned; NULL: the job has none any more */
	unsigned status;           /* of the answer, when it is durable */
};

static void wish_free(struct wish *w)
{
	override_free(w->override);
	free(w);
}
DEFINE_CLEANUP(struct wish *, wish_free);

static int on_wished(struct wish *w)
{
	struct api *api = w->api;
	bool wanted = w->override && w->override->watched, was_watched;

	if (!*api->sources.poller) /* at the end; it is durable, and counts at the next start */
		return api_done(w->response);
	was_watched = w->job->watches;
	job_set_override(w->job, TAKE_PTR(w->override));
	observer_sort(api->sources.observer, w->job);
	/* It is looked at at once, but not each time that somebody says so. */
	if (!was_watched || !w->job->watches)
		planning_take_job(*api->sources.config, w->job, clock_boot_now_ms());
	poller_wake(*api->sources.poller);
	w->response->status = w->status;
	if (w->job->watches)
		return api_job_document(api, w->job, &w->response->body);
	/* A job that is wanted and not watched is one whose account has left the configuration. */
	return wanted ? api_no_account(w->response, w->job->account->id) : api_done(w->response);
}

static void on_durable(void *user, int r)
{
	struct wish *w = user;
	struct server_response *response = w->response;

	r = r < 0 ? api_refuse_stopping(response) : on_wished(w);
	wish_free(w);
	server_answer(response, r);
}

static int commit_wish(struct wish *w)
{
	const struct override *o = w->override;
	const struct store_op op = {.type = o ? STORE_OVERRIDE : STORE_OVERRIDE_DROP,
				    .override = {.endpoint = w->job->account->endpoint,
						 .name = w->job->name,
						 .watched = o && o->watched,
						 .notify = o && o->chosen ? o->notify : NULL}};
	struct commit *commit;
	int r = commit_new(w->api->sources.committer, &commit);

	if (r < 0)
		return r;
	r = commit_add(commit, &op);
	if (r < 0) {
		commit_abandon(commit);
		return r;
	}
	commit_submit(commit, on_durable, w);
	return SERVER_LATER;
}

static int begin_wish(struct api *api, struct server_response *response, struct job *job,
		      unsigned status, struct wish **ret)
{
	struct wish *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	*w = (struct wish){.api = api, .response = response, .job = job, .status = status};
	*ret = w;
	return 0;
}

/* The job that is to be watched, made where it is not known; NULL when the response says why not. */
static int job_to_watch(struct api *api, struct server_response *response, const char *path,
			struct job **ret)
{
	char full[NAME_JOB_MAX];
	struct account *account;
	struct job_name name;
	const struct job *job;
	int r;

	*ret = NULL;
	if (api_job_name(path, &name) < 0)
		return api_refuse(response, 400, "bad_request",
				  "not the name of a job: write {account}/{kind}/{id}, as in "
				  "acme/sft/abc");
	account = api_find_account(api, name.account);
	if (!account)
		return api_no_account(response, name.account);
	name_format_full(&name, full);
	job = map_get(&account->jobs, full);
	if (account->n_overrides >= JOB_OVERRIDES_MAX && !(job && job->override))
		return api_too_many(response, name.account);
	r = account_job(account, full, name.kind, ret);
	if (r == -ENOSPC)
		return api_refuse(response, 409, "conflict", "account %s has too many jobs",
				  name.account);
	return r;
}

int api_put_job(struct api *api, const struct server_request *request, const char *rest,
		struct server_response *response)
{
	const char *notify = server_argument(request, "notify");
	_cleanup_(wish_freep) struct wish *w = NULL;
	struct job *job;
	int r;

	if (notify && !*notify)
		notify = NULL;
	if (notify && !api_knows_notifiers(api, notify, response))
		return 0;
	if (api_is_store_failing(api, response))
		return 0;
	r = job_to_watch(api, response, rest, &job);
	if (r < 0 || !job)
		return r;
	/* Who does not say whom to tell leaves that as it is. */
	if (!server_argument(request, "notify") && job->override && job->override->chosen)
		notify = job->override->notify;
	r = begin_wish(api, response, job, job->watches ? 200 : 201, &w);
	if (r == 0)
		r = override_new(true, notify, &w->override);
	if (r == 0)
		r = commit_wish(w);
	if (r == SERVER_LATER)
		w = NULL; /* on_durable()'s */
	return r;
}

int api_delete_job(struct api *api, const struct server_request *request, const char *rest,
		   struct server_response *response)
{
	_cleanup_(wish_freep) struct wish *w = NULL;
	struct job *job = find_job(api, rest);
	int r;

	if (!job)
		return not_watched(response);
	if (api_is_store_failing(api, response))
		return 0;
	r = begin_wish(api, response, job, 200, &w);
	/* Where no rule would have it watched, there is nothing to keep of it. */
	if (r == 0 && observer_is_ruled(api->sources.observer, job))
		r = override_new(false, NULL, &w->override);
	if (r == 0)
		r = commit_wish(w);
	if (r == SERVER_LATER)
		w = NULL;
	return r;
}
