/*
 * Events as messages of chat services: the JSON that a service's incoming webhook takes.
 *
 * One event is a message with what people ask first: what happened to which job, from what to what,
 * how far it was, why, how long it took, which model came out, and a link. Several are a digest: a
 * title that counts outcomes, and a line for each event.
 *
 * Names and messages come from outside. Whatever they hold, in the message they are text: no markup,
 * mention, link, control or direction character of theirs takes effect (see chat_message.h), and
 * they are cut so that every limit of the service is kept.
 */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "codec/event_json.h"

/* How good the news is; of a digest, the worst. */
enum chat_tone { CHAT_NEUTRAL, CHAT_GOOD, CHAT_WARNING, CHAT_BAD, CHAT_TONE_COUNT_ };

enum chat_service {
	CHAT_SLACK,   /* incoming webhooks: an attachment of blocks */
	CHAT_DISCORD, /* webhooks: an embed */
	CHAT_TEAMS,   /* Workflows, "when a Teams webhook request is received": an Adaptive Card */
	CHAT_NTFY,    /* publishing as JSON, to the server's root */
	CHAT_SERVICE_COUNT_,
};

#define CHAT_CONTENT_TYPE "application/json"
#define CHAT_BYTES_MAX    (28 * 1024) /* of any message: the least of the services' limits, Teams' */

#define CHAT_EVENTS_MAX 49 /* more are not shown one by one */

/*
 * Appends the message of `n` events, at least one, in their order, and of further ones, which are
 * only counted: `more` has their number by type and may be NULL. `topic` is for CHAT_NTFY only, else
 * NULL. 0, -ENOMEM, -EMSGSIZE.
 */
int chat_format(enum chat_service service, const struct event_fields *events, size_t n,
		const size_t more[EVENT_COUNT_], const char *topic, struct buf *b);
