/*
 * The outbox as JSON, and back for the command line: {"deliveries":[ … ],"more":false}.
 *
 * Views: whoever fills one owns what it points at; texts are never NULL. Times are microseconds of
 * CLOCK_REALTIME, 0 for never.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "model/event.h"

struct delivery_view {
	const char *event;    /* the event's id */
	const char *notifier; /* with the event's id, the delivery's name: "evt_….deploy" */
	const char *type, *subject;
	uint64_t sequence;
	const char *state; /* "pending", "delivered", "dead", "skipped" */
	unsigned tries;
	unsigned replaced;       /* older progress events that it stands for */
	int64_t created_us;      /* when the event was observed */
	int64_t next_try_us;     /* while pending */
	const char *waiting_for; /* what it waits for before its first try, "model"; "" for none */
	const char *last_error;  /* why it was not delivered; "" for none */
};

#define DELIVERY_NOTIFIER_MAX 64 /* bytes of a notifier's name, with the NUL */
#define DELIVERY_ID_MAX       (EVENT_ID_MAX + DELIVERY_NOTIFIER_MAX)

/* Splits "EVENT.NOTIFIER" at the first dot: an event's id holds none. 0 or -EINVAL. */
int delivery_id_parse(const char *id, char ret_event[EVENT_ID_MAX],
		      char ret_notifier[DELIVERY_NOTIFIER_MAX]);

/* begin, one delivery a call, end; a call that fails has appended nothing. 0, -ENOMEM, -EMSGSIZE. */
int delivery_json_begin(struct buf *b);
int delivery_json_add(const struct delivery_view *v, struct buf *b);
int delivery_json_end(bool more, struct buf *b);

/*
 * Reads such a document: calls `fn` for each delivery, with views that live in the call. 0, -EBADMSG,
 * -ENOMEM, or fn's first negative value.
 */
int delivery_json_parse(const char *body, size_t len,
			int (*fn)(void *user, const struct delivery_view *v), void *user,
			bool *ret_more);
