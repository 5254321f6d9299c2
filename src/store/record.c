/* Event records, counted by reference, and the names of delivery states. */
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const state_names[DELIVERY_STATE_COUNT_] = {
	[DELIVERY_PENDING] = "pending",
	[DELIVERY_DELIVERED] = "delivered",
	[DELIVERY_DEAD] = "dead",
	[DELIVERY_SKIPPED] = "skipped",
};

const char *delivery_state_name(enum delivery_state state)
{
	return state_names[state];
}

int event_record_new(const struct event *event, const char *subject, const char *body, size_t len,
		     struct event_record **ret)
{
	struct event_record *r;

	if (strlen(subject) >= sizeof(r->subject))
		return -EINVAL;
	r = malloc(sizeof(*r) + len + 1);
	if (!r)
		return -ENOMEM;
	*r = (struct event_record){
		.refs = 1,
		.type = event->type,
		.sequence = event->sequence,
		.time_us = event->time_us,
		.len = len,
	};
	snprintf(r->id, sizeof(r->id), "%s", event->id);
	snprintf(r->subject, sizeof(r->subject), "%s", subject);
	memcpy(r->body, body, len);
	r->body[len] = '\0';
	*ret = r;
	return 0;
}

struct event_record *event_record_ref(struct event_record *r)
{
	r->refs++;
	return r;
}

struct event_record *event_record_unref(struct event_record *r)
{
	if (r && --r->refs == 0)
		free(r);
	return NULL;
}
