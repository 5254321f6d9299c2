/* A delivery is sent now. */
#include "daemon/resend.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/window.h"

struct resending {
	struct dispatcher *dispatcher;
	resend_fn fn;
	void *user;
	struct store_delivery delivery;
	int64_t now_us;
	char event_id[EVENT_ID_MAX];
	char notifier[STORE_NOTIFIER_MAX];
};

static int do_resend(void *user, struct store *store, struct error *ret_e)
{
	struct resending *x = user;

	return store_resend(store, x->event_id, x->notifier, x->now_us, &x->delivery, ret_e);
}

static void on_resent(void *user, int r, const char *text)
{
	struct resending *x = user;

	if (r >= 0) {
		log_notice("notifier \"%s\": %s of %s (%s) is sent %s on request", x->notifier,
			   event_type_name(x->delivery.event->type), x->delivery.event->subject,
			   x->event_id, r > 0 ? "now" : "again");
		if (r > 0)
			dispatcher_hurry(x->dispatcher, x->notifier, x->delivery.event->number);
		else
			dispatcher_add_again(x->dispatcher, x->notifier, &x->delivery);
		store_deliveries_done(&x->delivery, 1);
	}
	x->fn(x->user, r, text);
	free(x);
}

int resend(struct dispatcher *d, struct committer *committer, const char *event_id,
	   const char *notifier, resend_fn fn, void *user)
{
	struct resending *x = calloc(1, sizeof(*x));
	int r;

	if (!x)
		return -ENOMEM;
	*x = (struct resending){.dispatcher = d,
				.fn = fn,
				.user = user,
				.now_us = clock_real_now_us()};
	snprintf(x->event_id, sizeof(x->event_id), "%s", event_id);
	snprintf(x->notifier, sizeof(x->notifier), "%s", notifier);
	r = committer_run(committer, do_resend, on_resent, x);
	if (r < 0)
		free(x);
	return r;
}
