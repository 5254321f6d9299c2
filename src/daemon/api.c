/* The control socket's calls: which there are, and those that are answered from memory. */
#include "daemon/api.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "codec/status_json.h"
#include "daemon/api_deliveries.h"
#include "daemon/view.h"
#include "io/listen.h"

#define API_REASON_MAX 400

struct api {
	struct api_sources sources;
	struct server *server;
	char *path;
	struct stat socket; /* what stands at `path`, to know it again */
	int64_t started_us;
	void (*closed)(void *user);
	void *closed_user;
};

/* The configured accounts, in the order of the configuration. */
static size_t configured(const struct api *api, struct account *ret[ROUTE_MAX])
{
	size_t n = 0;

	memset(ret, 0, ROUTE_MAX * sizeof(ret[0]));
	map_for_each (&api->sources.accounts->map, struct account, account)
		if (account->config && account->index < ROUTE_MAX)
			ret[account->index] = account;
	for (size_t i = 0; i < ROUTE_MAX; i++)
		if (ret[i])
			ret[n++] = ret[i];
	return n;
}

static bool is_watched(const struct job *job)
{
	return job->account->config && job->watches;
}

static int get_status(struct api *api, const struct server_request *request, const char *rest,
		      struct server_response *response)
{
	struct account *accounts[ROUTE_MAX];
	struct view_account of_accounts[ROUTE_MAX];
	struct account_view account_views[ROUTE_MAX];
	struct notifier_view notifier_views[ROUTE_MAX];
	size_t n_accounts = configured(api, accounts);
	size_t n_notifiers = dispatcher_views(api->sources.dispatcher, notifier_views, ROUTE_MAX);
	const struct view_moment now = view_now();
	struct status_view v = {.version = PACKAGE_VERSION,
				.started_us = api->started_us,
				.now_us = now.real_us,
				.pid = (long)getpid(),
				.accounts = account_views,
				.n_accounts = n_accounts,
				.notifiers = notifier_views,
				.n_notifiers = MIN(n_notifiers, (size_t)ROUTE_MAX),
				.store_failing = api->sources.store_error[0] != '\0',
				.store_error = api->sources.store_error,
				.store_waiting = committer_waiting(api->sources.committer),
				.longest_stall_ms = loop_watch_longest_ms(api->sources.loop_watch),
				.longest_stall_cpu_ms =
					loop_watch_longest_cpu_ms(api->sources.loop_watch),
				.configuration_error = api->sources.configuration_error};

	for (size_t i = 0; i < n_accounts; i++) {
		view_account(*api->sources.config, accounts[i], &now, &of_accounts[i]);
		account_views[i] = of_accounts[i].view;
		for (int p = 0; p < PHASE_COUNT_; p++)
			v.jobs_by_phase[p] += accounts[i]->tally.by_phase[p];
	}
	return status_json_format(&v, &response->body);
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct job *const *)a)->name, (*(const struct job *const *)b)->name);
}

static int account_jobs(const struct api *api, const struct account *account, struct buf *body)
{
	const struct view_moment now = view_now();
	_cleanup_free_ const struct job **jobs = calloc(account->jobs.n + 1, sizeof(*jobs));
	size_t n = 0;
	int r = 0;

	if (!jobs)
		return -ENOMEM;
	map_for_each (&account->jobs, const struct job, job)
		if (is_watched(job))
			jobs[n++] = job;
	qsort(jobs, n, sizeof(*jobs), by_name);
	for (size_t i = 0; i < n && r == 0; i++) {
		struct job_name name;
		struct job_view v;

		job_parse_name(jobs[i], &name);
		v = view_job(*api->sources.config, jobs[i], &name, &now);
		r = status_json_job(&v, body);
	}
	return r;
}

static int get_jobs(struct api *api, const struct server_request *request, const char *rest,
		    struct server_response *response)
{
	struct account *accounts[ROUTE_MAX];
	size_t n = configured(api, accounts);
	int r = status_json_jobs_begin(&response->body);

	for (size_t i = 0; i < n && r == 0; i++)
		r = account_jobs(api, accounts[i], &response->body);
	return r < 0 ? r : status_json_jobs_end(&response->body);
}

/* The job that a path like "acme/sft/abc" names, when it is watched. */
static const struct job *find_job(const struct api *api, const char *path)
{
	struct account *accounts[ROUTE_MAX];
	size_t n = configured(api, accounts);
	char full[NAME_JOB_MAX];
	struct job_name name;

	if (name_parse(path, NULL, &name) < 0)
		return NULL;
	name_format_full(&name, full);
	for (size_t i = 0; i < n; i++) {
		const struct job *job = map_get(&accounts[i]->jobs, full);

		if (job && is_watched(job))
			return job;
	}
	return NULL;
}

static int get_job(struct api *api, const struct server_request *request, const char *rest,
		   struct server_response *response)
{
	const struct job *job = find_job(api, rest);
	const struct view_moment now = view_now();
	struct job_name name;
	struct job_view v;

	if (!job) {
		response->status = 404;
		return status_json_error(
			"not_found", "no such job is watched; GET /v1/jobs lists those that are",
			&response->body);
	}
	job_parse_name(job, &name);
	v = view_job(*api->sources.config, job, &name, &now);
	return status_json_job(&v, &response->body);
}

static int get_health(struct api *api, const struct server_request *request, const char *rest,
		      struct server_response *response)
{
	struct account *accounts[ROUTE_MAX];
	char reasons[ROUTE_MAX + 1][API_REASON_MAX];
	const char *list[ROUTE_MAX + 1];
	size_t n_accounts = configured(api, accounts), n = 0;

	if (api->sources.store_error[0])
		snprintf(reasons[n++], API_REASON_MAX, "the store fails: %s",
			 api->sources.store_error);
	for (size_t i = 0; i < n_accounts; i++)
		if (accounts[i]->sight.out && accounts[i]->sight.announced)
			snprintf(reasons[n++], API_REASON_MAX, "account %s is out of sight: %s",
				 account_name(accounts[i]), accounts[i]->sight.outage.last);
	for (size_t i = 0; i < n; i++)
		list[i] = reasons[i];
	response->status = n ? 503 : 200;
	return status_json_health(list, n, &response->body);
}

static int get_deliveries(struct api *api, const struct server_request *request, const char *rest,
			  struct server_response *response)
{
	return api_get_deliveries(api->sources.committer, api->sources.dispatcher, request,
				  response);
}

static int retry_delivery(struct api *api, const struct server_request *request, const char *rest,
			  struct server_response *response)
{
	return api_retry_delivery(api->sources.committer, api->sources.dispatcher, rest, response);
}

/* A path that ends with a slash stands for all that begin with it; `rest` is what follows. */
static const struct {
	const char *path;
	bool writes; /* by POST; else GET and HEAD */
	int (*fn)(struct api *api, const struct server_request *request, const char *rest,
		  struct server_response *response);
} calls[] = {
	{"/v1/status", false, get_status},
	{"/v1/jobs", false, get_jobs},
	{"/v1/jobs/", false, get_job},
	{"/v1/deliveries", false, get_deliveries},
	{"/v1/deliveries/", true, retry_delivery},
	{"/healthz", false, get_health},
};

/* What follows the path of a call, or NULL when it is another. */
static const char *match(const char *path, const char *call)
{
	size_t len = strlen(call);

	if (strncmp(path, call, len) != 0 || (call[len - 1] != '/' && path[len]))
		return NULL;
	return path + len;
}

static bool may(const char *method, bool writes)
{
	if (writes)
		return strcmp(method, "POST") == 0;
	return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

static int answer(struct api *api, const struct server_request *request,
		  struct server_response *response)
{
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		const char *rest = match(request->path, calls[i].path);

		if (!rest)
			continue;
		if (may(request->method, calls[i].writes))
			return calls[i].fn(api, request, rest, response);
		response->status = 405;
		response->allow = calls[i].writes ? "POST" : "GET, HEAD";
		return status_json_error("method_not_allowed",
					 calls[i].writes ? "this call takes POST only"
							 : "this call takes GET only",
					 &response->body);
	}
	response->status = 404;
	return status_json_error("not_found",
				 "there is no such call; see /v1/status, /v1/jobs, /v1/deliveries, "
				 "/healthz",
				 &response->body);
}

static int on_request(void *user, const struct server_request *request,
		      struct server_response *response)
{
	int r = answer(user, request, response);

	if (r < 0) {
		buf_clear(&response->body);
		response->status = 500;
		r = status_json_error("internal", strerror(-r), &response->body);
	}
	return r;
}

int api_new(uv_loop_t *loop, const char *path, const struct api_sources *sources, struct api **ret,
	    struct error *ret_e)
{
	struct api *api = calloc(1, sizeof(*api));
	struct server_options options = {.max_body = STATUS_JSON_MAX,
					 .fn = on_request,
					 .user = api};
	int r;

	if (!api)
		return -ENOMEM;
	api->sources = *sources;
	api->started_us = clock_real_now_us();
	api->path = strdup(path);
	r = api->path ? listen_unix(path, &options.fd, ret_e) : -ENOMEM;
	if (r == 0)
		r = server_new(loop, &options, &api->server, ret_e);
	if (r < 0) {
		free(api->path);
		free(api);
		return r;
	}
	if (lstat(path, &api->socket) < 0)
		api->socket = (struct stat){0}; /* gone already: there is nothing to remove */
	*ret = api;
	return 0;
}

/* Unless another daemon has made a socket of its own there meanwhile. */
static void remove_socket(const struct api *api)
{
	struct stat st;

	if (lstat(api->path, &st) == 0 && st.st_dev == api->socket.st_dev &&
	    st.st_ino == api->socket.st_ino)
		unlink(api->path);
}

static void on_server_closed(void *user)
{
	struct api *api = user;

	remove_socket(api);
	api->closed(api->closed_user);
	free(api->path);
	free(api);
}

void api_close(struct api *api, void (*closed)(void *user), void *user)
{
	api->closed = closed;
	api->closed_user = user;
	server_close(api->server, on_server_closed, api);
}
