/*
 * What a delivery sends: the event's bytes, and with them what this delivery alone says, whether the
 * output model is ready. Every notifier takes the document from here.
 */
#pragma once

#include "codec/event_json.h"
#include "notify/notifier.h"

struct document {
	const char *body; /* of the event, or in `own` */
	size_t len;
	char *own; /* NULL: the event's bytes are the document */
};

/* Views the event of `d`, which has to outlive it. 0, -EBADMSG, -ENOMEM, -EMSGSIZE. */
int document_init(struct document *ret, const struct notifier_delivery *d);
void document_done(struct document *d);
#define _cleanup_document_ _cleanup_(document_done)

/* The fields of the document; event_fields_done(). */
int document_fields(const struct notifier_delivery *d, struct event_fields *ret);
