/* A delivery is sent now, because somebody asks for it: one that waits, or one that was over. */
#pragma once

#include <stdint.h>

#include "daemon/dispatcher.h"

/*
 * Called once, never inside resend(): 0 or 1 when it is durable and on its way; -ENOENT as
 * store_resend(); else the store fails. With a sentence for people.
 */
typedef void (*resend_fn)(void *user, int r, const char *text);

/* -ENOMEM, and `fn` is not called. */
int resend(struct dispatcher *d, struct committer *committer, const char *event_id,
	   const char *notifier, resend_fn fn, void *user);
