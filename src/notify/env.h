/*
 * What notifiers send through, one of each for all of them: connections for webhooks and mail, the journal,
 * systemd's manager, the user's desktop.
 */
#pragma once

#include "base/error.h"
#include "config/config.h"
#include "notify/notifier.h"

/*
 * Fills `env`, but for its log, as it is for a daemon that started with this configuration. On failure it
 * is half filled, and to be closed all the same.
 */
int notifier_env_init(struct notifier_env *env, uv_loop_t *loop, const struct config *config,
		      struct error *ret_e);

/* No notifier is left. `closed` is called when the loop has let go, perhaps inside this call. */
void notifier_env_close(struct notifier_env *env, void (*closed)(void *user), void *user);
