/* The table of notifier types, and the calls through it. */
#include "notify/desktop.h"
#include "notify/email.h"
#include "notify/exec.h"
#include "notify/notifier.h"
#include "notify/syslog.h"
#include "notify/unit.h"
#include "notify/webhook.h"

static const struct notifier_type_info *const types[NOTIFIER_TYPE_COUNT_] = {
	[NOTIFIER_SYSLOG] = &notifier_syslog,   [NOTIFIER_WEBHOOK] = &notifier_webhook,
	[NOTIFIER_EXEC] = &notifier_exec,       [NOTIFIER_UNIT] = &notifier_unit,
	[NOTIFIER_DESKTOP] = &notifier_desktop, [NOTIFIER_EMAIL] = &notifier_email,
};

struct notifier notifier_make(const struct notifier_env *env, const struct config_notifier *config)
{
	return (struct notifier){.info = types[config->type], .env = env, .config = config};
}

int notifier_deliver(struct notifier *n, const struct notifier_delivery *d, size_t n_d,
		     verdict_fn fn, void *user, struct notifier_call **ret)
{
	return n->info->deliver(n, d, n_d, fn, user, ret);
}

void notifier_cancel(struct notifier *n, struct notifier_call *call)
{
	n->info->cancel(n, call);
}

unsigned notifier_max_parallel(const struct notifier *n)
{
	return n->info->max_parallel(n);
}
