/*
 * A notifier made from one configuration. It lives until it is replaced and its last call is over.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "config/config.h"
#include "notify/notifier.h"

struct instance {
	struct notifier notifier;
	struct config *config; /* a reference: the notifier looks into it */
	unsigned calls;        /* under way; instance_end_call() counts down */
	bool retired;
};

/* From the configuration's notifier of that index. 0 or -ENOMEM. */
int instance_new(const struct notifier_env *env, struct config *config, size_t index,
		 struct instance **ret);

/* A call of it is over. */
void instance_end_call(struct instance *i);

/* It gets no more calls and goes with its last one. Takes NULL. */
void instance_retire(struct instance *i);
