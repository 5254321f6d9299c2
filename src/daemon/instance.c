/* Notifiers and the configurations that they are made from. */
#include "daemon/instance.h"

#include <errno.h>
#include <stdlib.h>

static void free_if_unused(struct instance *i)
{
	if (!i->retired || i->calls > 0)
		return;
	config_unref(i->config);
	free(i);
}

int instance_new(const struct notifier_env *env, struct config *config, size_t index,
		 struct instance **ret)
{
	struct instance *i = calloc(1, sizeof(*i));

	if (!i)
		return -ENOMEM;
	i->notifier = notifier_make(env, &config->notifiers[index]);
	i->config = config_ref(config);
	*ret = i;
	return 0;
}

void instance_end_call(struct instance *i)
{
	i->calls--;
	free_if_unused(i);
}

void instance_retire(struct instance *i)
{
	if (!i)
		return;
	i->retired = true;
	free_if_unused(i);
}
