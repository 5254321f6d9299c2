/* The API: which calls there are, and who may make them. */
#include "daemon/api.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "codec/status_json.h"
#include "daemon/api_private.h"
#include "io/listen.h"
#include "io/origin.h"

#define API_REQUEST_MAX (1UL << 20) /* bytes of a request's body: a job to be created */

/* A path that ends with a slash, but "/", stands for all that begin with it. GET also answers HEAD. */
static const struct call {
	const char *method, *path;
	api_fn fn;
} calls[] = {
	{"GET", "/v1/status", api_get_status},
	{"GET", "/v1/jobs", api_get_jobs},
	{"GET", "/v1/jobs/", api_get_job},
	{"PUT", "/v1/jobs/", api_put_job},
	{"DELETE", "/v1/jobs/", api_delete_job},
	{"POST", "/v1/accounts/", api_submit},
	{"GET", "/v1/events", api_get_events},
	{"GET", "/v1/events/stream", api_stream_events},
	{"GET", "/v1/notifiers", api_get_notifiers},
	{"POST", "/v1/notifiers/", api_test_notifier},
	{"GET", "/v1/deliveries", api_get_deliveries},
	{"POST", "/v1/deliveries/", api_retry_delivery},
	{"POST", "/v1/reload", api_reload},
	{"GET", "/", api_get_page},
	{"GET", "/healthz", api_get_health},
	{"GET", "/metrics", api_get_metrics},
	{"GET", "/v1/openapi.json", api_get_openapi},
};

/* What follows the path of a call, or NULL when it is another. */
static const char *match(const char *path, const char *call)
{
	size_t len = strlen(call);

	if (strncmp(path, call, len) != 0 || ((call[len - 1] != '/' || len == 1) && path[len]))
		return NULL;
	return path + len;
}

static bool is_method(const char *method, const struct call *call)
{
	return strcmp(method, call->method) == 0 ||
	       (strcmp(method, "HEAD") == 0 && strcmp(call->method, "GET") == 0);
}

static bool writes(const struct call *call)
{
	return strcmp(call->method, "GET") != 0;
}

/* All methods that a path takes, for the header Allow; static texts, since there are few sets. */
static const char *allowed_at(const char *path)
{
	static const struct {
		unsigned set;
		const char *text;
	} sets[] = {{1, "GET, HEAD"}, {2, "POST"}, {13, "GET, HEAD, PUT, DELETE"}};
	static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};
	unsigned set = 0;

	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		for (size_t m = 0; match(path, calls[i].path) && m < ARRAY_LEN(methods); m++)
			if (strcmp(calls[i].method, methods[m]) == 0)
				set |= 1U << m;
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		if (sets[i].set == set)
			return sets[i].text;
	return NULL;
}

int api_refuse(struct server_response *response, unsigned status, const char *code, const char *fmt,
	       ...)
{
	char text[ERROR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_clear(&response->body);
	response->status = status;
	return status_json_error(code, text, &response->body);
}

int api_refuse_stopping(struct server_response *response)
{
	return api_refuse(response, 503, "stopping", "tunewatchd is being stopped");
}

int api_done(struct server_response *response)
{
	return status_json_health(NULL, 0, &response->body);
}

/* Who has changed something stands in the log. */
static void log_write(const struct server_request *request)
{
	struct ucred peer;

	if (server_peer(request, &peer) == 0)
		log_notice("%s %s, by uid %u, pid %d", request->method, request->path, peer.uid,
			   peer.pid);
}

static int run(struct api *api, const struct call *call, const struct server_request *request,
	       struct server_response *response)
{
	if (api->stopping)
		return api_refuse_stopping(response);
	if (request->too_large)
		return api_refuse(response, 413, "too_large",
				  "the request's body is longer than %lu bytes, or too many are "
				  "being sent at a time",
				  API_REQUEST_MAX);
	if (writes(call))
		log_write(request);
	return call->fn(api, request, match(request->path, call->path), response);
}

static int answer(struct api *api, const struct server_request *request, bool may_write,
		  struct server_response *response)
{
	const char *allow = allowed_at(request->path);

	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		if (!match(request->path, calls[i].path) || !is_method(request->method, &calls[i]))
			continue;
		if (writes(&calls[i]) && !may_write)
			return api_refuse(response, 403, "read_only",
					  "this address is for reading: use the control socket");
		return run(api, &calls[i], request, response);
	}
	if (!allow)
		return api_refuse(response, 404, "not_found",
				  "there is no such call; see GET /v1/openapi.json");
	response->allow = allow;
	return api_refuse(response, 405, "method_not_allowed", "this call takes %s only", allow);
}

/* Whatever went wrong, the answer has the shape of an error. */
static int judge(struct server_response *response, int r)
{
	return r < 0 ? api_refuse(response, 500, "internal", "%s", strerror(-r)) : r;
}

static int on_request(void *user, const struct server_request *request,
		      struct server_response *response)
{
	return judge(response, answer(user, request, true, response));
}

static int on_web_request(void *user, const struct server_request *request,
			  struct server_response *response)
{
	if (!origin_allows(server_header(request, "Host"), server_header(request, "Origin"),
			   server_header(request, "Sec-Fetch-Site")))
		return api_refuse(response, 403, "forbidden",
				  "only this machine's own programs may read this: ask with a "
				  "loopback address as the host, and from no other web page");
	return judge(response, answer(user, request, false, response));
}

/* --- what the calls share --- */

size_t api_accounts(const struct api *api, struct account *ret[ROUTE_MAX])
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

struct account *api_find_account(const struct api *api, const char *id)
{
	struct account *accounts[ROUTE_MAX];
	size_t n = api_accounts(api, accounts);

	for (size_t i = 0; i < n; i++)
		if (strcmp(accounts[i]->id, id) == 0)
			return accounts[i];
	return NULL;
}

bool api_is_watched(const struct job *job)
{
	return job->account->config && job->watches;
}

int api_watched_jobs(const struct api *api, const struct job ***ret, size_t *ret_n)
{
	struct account *accounts[ROUTE_MAX];
	size_t n_accounts = api_accounts(api, accounts), max = 0, n = 0;
	const struct job **jobs;

	for (size_t i = 0; i < n_accounts; i++)
		max += accounts[i]->tally.watched;
	jobs = malloc((max + 1) * sizeof(*jobs));
	if (!jobs)
		return -ENOMEM;
	for (size_t i = 0; i < n_accounts; i++)
		map_for_each (&accounts[i]->jobs, const struct job, job)
			if (api_is_watched(job) && n < max)
				jobs[n++] = job;
	*ret = jobs;
	*ret_n = n;
	return 0;
}

int api_number(const struct server_request *request, struct server_response *response,
	       const char *name, uint64_t min, uint64_t max, uint64_t preset, uint64_t *ret)
{
	const char *text = server_argument(request, name);
	unsigned long long n;
	char *end;

	*ret = preset;
	if (!text)
		return 0;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || n < min || n > max) {
		api_refuse(response, 400, "bad_request", "%s is a number from %llu to %llu", name,
			   (unsigned long long)min, (unsigned long long)max);
		return -EINVAL;
	}
	*ret = n;
	return 0;
}

int api_job_name(const char *text, struct job_name *ret)
{
	return name_parse(text, NULL, ret);
}

bool api_is_store_failing(const struct api *api, struct server_response *response)
{
	if (!committer_failing(api->sources.committer))
		return false;
	api_refuse(response, 503, "store_failing", "nothing can be written down: %s",
		   api->sources.store_error);
	return true;
}

int api_no_account(struct server_response *response, const char *account)
{
	return api_refuse(response, 404, "not_found",
			  "no account %s is in the configuration; GET /v1/status lists those that "
			  "are",
			  account);
}

int api_too_many(struct server_response *response, const char *account)
{
	return api_refuse(
		response, 409, "conflict",
		"%d jobs of account %s were asked for one by one, which is the most: stop "
		"watching some, or write a watch for them",
		JOB_OVERRIDES_MAX, account);
}

/* --- life --- */

static int serve(struct api *api, int fd, server_fn fn, struct server **ret, struct error *ret_e)
{
	const struct server_options options = {.fd = fd,
					       .max_request = API_REQUEST_MAX,
					       .max_body = STATUS_JSON_MAX,
					       .fn = fn,
					       .user = api};
	int r = server_new(api->loop, &options, ret, ret_e);

	if (r == 0)
		api->open++;
	return r;
}

/* systemd's, where it has one; else our own, at `path`. */
static int open_socket(struct api *api, const char *path, int *ret_fd, struct error *ret_e)
{
	int r = listen_handed_over(ret_fd, ret_e);

	if (r != -ENOENT)
		return r;
	api->path = strdup(path);
	r = api->path ? listen_unix(path, ret_fd, ret_e) : -ENOMEM;
	if (r == 0 && lstat(path, &api->socket) < 0)
		api->socket = (struct stat){0}; /* gone already: there is nothing to remove */
	return r;
}

int api_new(uv_loop_t *loop, const char *path, const struct api_sources *sources, struct api **ret,
	    struct error *ret_e)
{
	struct api *api = calloc(1, sizeof(*api));
	int fd, r;

	if (!api)
		return -ENOMEM;
	api->loop = loop;
	api->open = 1;
	api->sources = *sources;
	api->started_us = clock_real_now_us();
	r = open_socket(api, path, &fd, ret_e);
	if (r == 0)
		r = serve(api, fd, on_request, &api->server, ret_e);
	if (r < 0) {
		free(api->path);
		free(api);
		return r;
	}
	*ret = api;
	return 0;
}

/* Unless another daemon has made a socket of its own there meanwhile. */
static void remove_socket(const struct api *api)
{
	struct stat st;

	if (api->path && lstat(api->path, &st) == 0 && st.st_dev == api->socket.st_dev &&
	    st.st_ino == api->socket.st_ino)
		unlink(api->path);
}

static void on_server_closed(void *user)
{
	struct api *api = user;

	if (--api->open > 0)
		return;
	if (!api->stopping)
		remove_socket(api);
	api->closed(api->closed_user);
	free(api->path);
	free(api->address);
	free(api);
}

static void stop_web(struct api *api)
{
	if (!api->web)
		return;
	server_quiesce(api->web); /* its address is free at once */
	server_close(TAKE_PTR(api->web), on_server_closed, api);
	free(api->address);
	api->address = NULL;
}

int api_listen(struct api *api, const char *address, struct error *ret_e)
{
	struct server *web = NULL;
	char *copy = NULL, where[LISTEN_ADDRESS_MAX];
	int fd, r;

	if (strcmp(address ? address : "", api->address ? api->address : "") == 0)
		return 0;
	if (address) {
		copy = strdup(address);
		r = copy ? listen_tcp(address, &fd, where, ret_e) : -ENOMEM;
		if (r == 0)
			r = serve(api, fd, on_web_request, &web, ret_e);
		if (r < 0) {
			free(copy);
			return error_prefix(ret_e, r, "http-listen");
		}
	}
	stop_web(api);
	api->web = web;
	api->address = copy;
	if (web)
		log_notice("the status page is at http://%s/", where);
	return 0;
}

void api_stop(struct api *api)
{
	api->stopping = true;
	remove_socket(api);
	server_quiesce(api->server);
	if (api->web)
		server_quiesce(api->web);
}

void api_close(struct api *api, void (*closed)(void *user), void *user)
{
	api->closed = closed;
	api->closed_user = user;
	stop_web(api);
	server_close(api->server, on_server_closed, api);
	on_server_closed(api); /* which it is not before the last of them */
}
