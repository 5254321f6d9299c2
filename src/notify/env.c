/* What notifiers send through: who owns it, and its end. */
#include "notify/env.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/browser.h"
#include "io/bus.h"
#include "io/http.h"
#include "io/journal.h"
#include "io/mail.h"
#include "io/notifications.h"
#include "io/units.h"
#include "model/route.h"
#include "notify/webhook.h"

#define CONNECTIONS_MAX ((long)ROUTE_MAX * WEBHOOK_MAX_PARALLEL)

static void part_closed(void *user)
{
	struct notifier_env *env = user;

	if (--env->open > 0)
		return;
	free(TAKE_PTR(env->unit_dir));
	env->closed(env->closed_user);
}

static void on_session_bus_closed(void *user)
{
	struct notifier_env *env = user;

	env->browser = browser_free(env->browser);
	if (env->notifications)
		notifications_close(TAKE_PTR(env->notifications), part_closed, env);
	else
		part_closed(env);
}

static void on_manager_bus_closed(void *user)
{
	struct notifier_env *env = user;

	if (env->units)
		units_close(TAKE_PTR(env->units), part_closed, env);
	else
		part_closed(env);
}

void notifier_env_close(struct notifier_env *env, void (*closed)(void *user), void *user)
{
	env->closed = closed;
	env->closed_user = user;
	env->open = 1; /* this call, until all parts are told */
	if (env->http) {
		env->open++;
		http_close(TAKE_PTR(env->http), part_closed, env);
	}
	if (env->journal) {
		env->open++;
		journal_close(TAKE_PTR(env->journal), part_closed, env);
	}
	if (env->mail) {
		env->open++;
		mail_close(TAKE_PTR(env->mail), part_closed, env);
	}
	if (env->manager_bus) {
		env->open++;
		bus_close(TAKE_PTR(env->manager_bus), on_manager_bus_closed, env);
	}
	if (env->session_bus) {
		env->open++;
		bus_close(TAKE_PTR(env->session_bus), on_session_bus_closed, env);
	}
	part_closed(env);
}

#define UNIT_DIR "units" /* beside the control socket: in /run, or in the user's own part of it */

static int unit_dir(const struct config *config, char **ret)
{
	const char *slash = strrchr(config->control_socket, '/');

	if (asprintf(ret, "%.*s/" UNIT_DIR, (int)(slash - config->control_socket),
		     config->control_socket) >= 0)
		return 0;
	*ret = NULL;
	return -ENOMEM;
}

static void on_open(void *user, const char *url)
{
	struct notifier_env *env = user;

	browser_open(env->browser, url);
}

static void on_not_opened(void *user, const char *text)
{
	struct notifier_env *env = user;

	env->log(env->log_user, LOG_LEVEL_WARNING, text);
}

int notifier_env_init(struct notifier_env *env, uv_loop_t *loop, const struct config *config,
		      struct error *ret_e)
{
	/* The bound is each notifier's own: one that hangs takes no place of another at its host. */
	static const struct http_options options = {.max_connections_per_host = CONNECTIONS_MAX,
						    .max_connections = CONNECTIONS_MAX,
						    .user_agent = "tunewatch/" PACKAGE_VERSION};
	int r;

	*env = (struct notifier_env){.loop = loop};
	r = http_new(loop, &options, &env->http, ret_e);
	if (r == 0)
		r = journal_new(loop, system_log_write, &env->journal);
	if (r == 0)
		r = mail_new(loop, &env->mail);
	if (r == 0)
		r = bus_new(loop, config->system ? BUS_SYSTEM : BUS_USER, &env->manager_bus);
	if (r == 0)
		r = units_new(loop, env->manager_bus, &env->units);
	if (r == 0)
		r = unit_dir(config, &env->unit_dir);
	if (r == 0)
		r = bus_new(loop, BUS_USER, &env->session_bus);
	if (r == 0)
		r = browser_new(env->session_bus, on_not_opened, env, &env->browser);
	if (r == 0)
		r = notifications_new(loop, env->session_bus, on_open, env, &env->notifications);
	return r;
}
