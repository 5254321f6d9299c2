/* The API's calls about the daemon itself: how it is, and what it tells whom. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "codec/api_json.h"
#include "codec/status_json.h"
#include "daemon/api_private.h"
#include "daemon/openapi.h"

#define REASON_MAX 400
#define FAULTS_MAX 50 /* of a configuration that are told */

void api_view_status(struct api *api, struct api_status *ret)
{
	struct account *accounts[ROUTE_MAX];
	size_t n_accounts = api_accounts(api, accounts);
	size_t n_notifiers = dispatcher_views(api->sources.dispatcher, ret->notifiers, ROUTE_MAX);
	const struct view_moment now = view_now();
	struct status_view *v = &ret->view;

	*v = (struct status_view){.version = PACKAGE_VERSION,
				  .started_us = api->started_us,
				  .now_us = now.real_us,
				  .pid = (long)getpid(),
				  .accounts = ret->accounts,
				  .n_accounts = n_accounts,
				  .notifiers = ret->notifiers,
				  .n_notifiers = MIN(n_notifiers, (size_t)ROUTE_MAX),
				  .store_failing = api->sources.store_error[0] != '\0',
				  .store_error = api->sources.store_error,
				  .store_waiting = committer_waiting(api->sources.committer),
				  .longest_stall_ms =
					  loop_watch_longest_ms(api->sources.loop_watch),
				  .longest_stall_cpu_ms =
					  loop_watch_longest_cpu_ms(api->sources.loop_watch),
				  .configuration_error = api->sources.configuration_error};
	for (size_t i = 0; i < n_accounts; i++) {
		view_account(*api->sources.config, accounts[i], &now, &ret->of_accounts[i]);
		ret->accounts[i] = ret->of_accounts[i].view;
		for (int p = 0; p < PHASE_COUNT_; p++)
			v->jobs_by_phase[p] += accounts[i]->tally.by_phase[p];
	}
}

int api_get_status(struct api *api, const struct server_request *request, const char *rest,
		   struct server_response *response)
{
	struct api_status status;

	api_view_status(api, &status);
	return status_json_format(&status.view, &response->body);
}

int api_get_health(struct api *api, const struct server_request *request, const char *rest,
		   struct server_response *response)
{
	struct account *accounts[ROUTE_MAX];
	char reasons[ROUTE_MAX + 1][REASON_MAX];
	const char *list[ROUTE_MAX + 1];
	size_t n_accounts = api_accounts(api, accounts), n = 0;

	if (api->sources.store_error[0])
		snprintf(reasons[n++], REASON_MAX, "the store fails: %s", api->sources.store_error);
	for (size_t i = 0; i < n_accounts; i++)
		if (accounts[i]->sight.out && accounts[i]->sight.announced)
			snprintf(reasons[n++], REASON_MAX, "account %s is out of sight: %s",
				 account_name(accounts[i]), accounts[i]->sight.outage.last);
	for (size_t i = 0; i < n; i++)
		list[i] = reasons[i];
	response->status = n ? 503 : 200;
	return status_json_health(list, n, &response->body);
}

int api_get_openapi(struct api *api, const struct server_request *request, const char *rest,
		    struct server_response *response)
{
	return buf_append(&response->body, openapi_json, openapi_json_len);
}

/* One fault after the other, as an array of texts. */
struct faults {
	size_t n;
	const char *list[FAULTS_MAX];
	char texts[FAULTS_MAX][REASON_MAX];
};

static void note_fault(void *user, const char *file, unsigned line, const char *text)
{
	struct faults *f = user;
	char *to;

	if (f->n == FAULTS_MAX)
		return;
	to = f->texts[f->n];
	if (file && line)
		snprintf(to, REASON_MAX, "%s:%u: %s", file, line, text);
	else if (file)
		snprintf(to, REASON_MAX, "%s: %s", file, text);
	else
		snprintf(to, REASON_MAX, "%s", text);
	f->list[f->n++] = to;
}

int api_reload(struct api *api, const struct server_request *request, const char *rest,
	       struct server_response *response)
{
	struct faults f = {.n = 0};
	int r = api->sources.reload(api->sources.reload_user, note_fault, &f);

	if (r == 0)
		return api_done(response);
	if (f.n == 0)
		note_fault(&f, NULL, 0, strerror(-r));
	response->status = 422;
	return api_json_faults("bad_configuration",
			       "the new configuration was refused, the old one stays", f.list, f.n,
			       &response->body);
}
