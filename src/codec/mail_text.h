/*
 * Events as mail: the bytes of a message as RFC 5322 has it, the same at each try.
 *
 * One event is a message in its job's thread: it refers to a message that never was, whose id is the
 * same for all events of the job, and has the subject of all others, since there are mail programs
 * that part what they do not call the same. So what happened stands where nobody threads by, in the
 * sender's name, and in the first line, which many lists show. Several events are a digest: a title
 * that counts outcomes, and a line for each event, in no thread.
 *
 * Whatever names and messages from outside hold, they begin no header and no line of their own.
 */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "codec/event_json.h"

#define MAIL_TEXT_MAX (256 * 1024) /* bytes of any message to as many as may be configured */

struct mail_text {
	const char *from;                  /* an address; message ids end with its domain */
	char *const *to;                   /* addresses, NULL-terminated */
	const struct event_fields *events; /* those that are shown, in order */
	size_t n;                          /* at least 1, at most CHAT_EVENTS_MAX */
	const size_t *more;                /* of further ones, their number by type; or NULL */
	const char *const *ids;            /* of all events */
	size_t n_ids;
};

/* Appends the message; lines end with CRLF, and are of ASCII. 0, -ENOMEM, -EMSGSIZE. */
int mail_text_format(const struct mail_text *text, struct buf *b);
