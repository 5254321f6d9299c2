/*
 * Notifications on the user's desktop: org.freedesktop.Notifications, the Desktop Notifications
 * Specification 1.2, on the user's bus.
 *
 * There may be nobody to show them: no session, a session that has not begun, a server that is being
 * restarted. A notification waits for that, quietly.
 */
#pragma once

#include <stdint.h>

#include "io/bus.h"

struct notifications;
struct notification_call; /* a notification that is not shown yet */

enum notification_urgency { NOTIFICATION_LOW, NOTIFICATION_NORMAL, NOTIFICATION_CRITICAL };

struct notification {
	const char *tag; /* takes the place of the one that is shown under the same tag */
	const char *icon, *category; /* of the freedesktop specifications' names */
	enum notification_urgency urgency;
	const char *summary;
	const char *body;   /* plain text, for servers that show it as it is */
	const char *markup; /* the same, for servers that read markup */
	const char *url;    /* opened by who activates it; NULL: there is no action */
};

enum notification_end {
	NOTIFICATION_SHOWN,
	NOTIFICATION_NO_SERVICE, /* in all of the time that it waited */
	NOTIFICATION_FAILED,     /* the service answered with an error */
	NOTIFICATION_CANCELLED,
};

/* Called exactly once, on the loop, never inside a call of this header. `detail`: what D-Bus says. */
typedef void (*notification_fn)(void *user, enum notification_end end, const char *detail);

/* `open` is called when somebody activates a notification that has a URL. `bus` outlives it. */
int notifications_new(uv_loop_t *loop, struct bus *bus, void (*open)(void *user, const char *url),
		      void *user, struct notifications **ret);

/*
 * Shows it, as soon as there is a service, within `wait_ms` (0: only now). Everything is copied. 0; or
 * no callback and -ENOMEM.
 */
int notifications_show(struct notifications *n, const struct notification *what, uint64_t wait_ms,
		       notification_fn fn, void *user, struct notification_call **ret);

void notification_cancel(struct notification_call *call);

/* Nothing waits to be shown, and the bus was closed. `closed` comes when the loop has let go. */
void notifications_close(struct notifications *n, void (*closed)(void *user), void *user);
