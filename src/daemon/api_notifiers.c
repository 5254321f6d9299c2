/* The API's calls about notifiers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "codec/api_json.h"
#include "codec/status_json.h"
#include "daemon/api_private.h"
#include "daemon/override.h"

int api_get_notifiers(struct api *api, const struct server_request *request, const char *rest,
		      struct server_response *response)
{
	struct notifier_view views[ROUTE_MAX];
	size_t n = dispatcher_views(api->sources.dispatcher, views, ROUTE_MAX);

	return status_json_notifiers(views, MIN(n, (size_t)ROUTE_MAX), &response->body);
}

/* "; did you mean slack?", or "". */
static void hint_among(const char *name, const char *const names[], size_t n, char *ret,
		       size_t size)
{
	const char *near = nearest_name(name, names, n);

	ret[0] = '\0';
	if (near)
		snprintf(ret, size, "; did you mean %s?", near);
}

static void hint_at(const struct config *config, const char *name, char *ret, size_t size)
{
	const char *names[ROUTE_MAX] = {NULL};

	for (size_t i = 0; i < config->n_notifiers; i++)
		names[i] = config->notifiers[i].name;
	hint_among(name, names, config->n_notifiers, ret, size);
}

bool api_knows_notifiers(const struct api *api, const char *notify,
			 struct server_response *response)
{
	const struct config *config = *api->sources.config;
	char unknown[CONFIG_NAME_MAX + 1], hint[CONFIG_NAME_MAX + 32];
	route_set set;

	if (override_find(config, notify, &set, unknown) == 0)
		return true;
	hint_at(config, unknown, hint, sizeof(hint));
	api_refuse(response, 400, "bad_request", "there is no notifier \"%s\"%s", unknown, hint);
	return false;
}

bool api_is_open(const struct api *api, const char *notifier, struct server_response *response)
{
	if (!dispatcher_knows(api->sources.dispatcher, notifier))
		api_refuse(response, 409, "conflict",
			   "no notifier of that name is in the configuration");
	else if (dispatcher_has_off(api->sources.dispatcher, notifier))
		api_refuse(response, 409, "conflict",
			   "the notifier is off until the next reload: its receiver answered 410");
	else
		return true;
	return false;
}

/* --- tests --- */

static const char *verdict_name(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_DELIVERED:
		return "delivered";
	case VERDICT_RETRY:
		return "retry";
	case VERDICT_DEAD:
	case VERDICT_GONE:
	case VERDICT_CANCELLED:
		break;
	}
	return "dead";
}

static void on_tested(void *user, int r, enum verdict verdict, const char *text,
		      const char *event_id)
{
	struct server_response *response = user;

	if (r == -ENOENT)
		r = api_refuse(response, 409, "conflict",
			       "the notifier has left the configuration meanwhile");
	else if (r < 0)
		r = api_refuse_stopping(response);
	else
		r = api_json_verdict(verdict_name(verdict), text, event_id, &response->body);
	server_answer(response, r);
}

/* Whose job the event is of: the first account that there is. */
static const struct account *some_account(const struct api *api)
{
	struct account *accounts[ROUTE_MAX];

	return api_accounts(api, accounts) > 0 && accounts[0]->id[0] ? accounts[0] : NULL;
}

static int start_test(struct api *api, const char *name, enum event_type type,
		      struct server_response *response)
{
	static char id[] = "example", endpoint[] = "https://api.fireworks.ai";
	static const struct account example = {.id = id, .endpoint = endpoint};
	const struct account *account = some_account(api);
	int r;

	if (api_is_store_failing(api, response))
		return 0;
	r = tester_start(api->sources.tester, account ? account : &example, name, type, on_tested,
			 response);
	return r < 0 ? r : SERVER_LATER;
}

static int refuse_type(const char *name, struct server_response *response)
{
	const char *names[EVENT_COUNT_] = {NULL};
	char hint[64];

	for (int i = EVENT_NONE + 1; i < EVENT_COUNT_; i++)
		if (event_type_is_job((enum event_type)i))
			names[i] = event_type_name((enum event_type)i);
	hint_among(name, names, EVENT_COUNT_, hint, sizeof(hint));
	return api_refuse(response, 400, "bad_request",
			  "there is no event of a job of type \"%.80s\"%s", name,
			  *hint ? hint : ", as job.succeeded is one");
}

int api_test_notifier(struct api *api, const struct server_request *request, const char *rest,
		      struct server_response *response)
{
	static const char verb[] = "/test";
	const char *event = server_argument(request, "event");
	size_t len = strlen(rest), tail = strlen(verb);
	char name[STORE_NOTIFIER_MAX], hint[CONFIG_NAME_MAX + 32];
	enum event_type type = EVENT_JOB_SUCCEEDED;

	if (len <= tail || len - tail >= sizeof(name) || strcmp(rest + len - tail, verb) != 0)
		return api_refuse(response, 404, "not_found",
				  "there is no such call; see POST /v1/notifiers/{name}/test");
	snprintf(name, sizeof(name), "%.*s", (int)(len - tail), rest);
	if (!dispatcher_knows(api->sources.dispatcher, name)) {
		hint_at(*api->sources.config, name, hint, sizeof(hint));
		return api_refuse(response, 404, "not_found", "there is no notifier \"%s\"%s", name,
				  hint);
	}
	if (event && (event_type_from_name(event, &type) < 0 || !event_type_is_job(type)))
		return refuse_type(event, response);
	if (!api_is_open(api, name, response))
		return 0;
	return start_test(api, name, type, response);
}
