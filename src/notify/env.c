/* What notifiers send through: who owns it, and its end. */
#include "notify/env.h"

#include "io/http.h"
#include "io/journal.h"
#include "model/route.h"
#include "notify/webhook.h"

#define CONNECTIONS_MAX ((long)ROUTE_MAX * WEBHOOK_MAX_PARALLEL)

static void part_closed(void *user)
{
	struct notifier_env *env = user;

	if (--env->open == 0 && env->closed)
		env->closed(env->closed_user);
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
	part_closed(env);
}

int notifier_env_init(struct notifier_env *env, uv_loop_t *loop, struct error *ret_e)
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
	return r;
}
