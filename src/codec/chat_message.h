/*
 * What a chat message says, before a service's JSON is made of it: the part that all services
 * share. All texts of a message are safe for the service whose style it was made in.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

#include "base/buf.h"
#include "codec/chat.h"

/* How ASCII punctuation is kept from being markup. */
enum chat_escape {
	CHAT_PLAIN,     /* the service shows the text as it is */
	CHAT_ENTITIES,  /* & < > as HTML entities: Slack */
	CHAT_BACKSLASH, /* a backslash before each: Discord */
	CHAT_VERBATIM,  /* the same as CHAT_PLAIN, and nothing is broken that may be a link: mail */
};

/*
 * Appends a text of others, safe and at most `max` bytes long: cut between characters, with an
 * ellipsis. Control characters become spaces, direction marks go, and, except in CHAT_VERBATIM, a
 * zero-width space breaks what clients make links and mentions of by themselves: "://", a dot or an
 * at sign before a letter, and "{{". 0, -ENOMEM, -EMSGSIZE.
 */
int chat_text(const char *s, size_t max, enum chat_escape escape, struct buf *b);

/* What a service takes. */
struct chat_style {
	enum chat_escape escape;
	size_t title_max; /* bytes */
	size_t lines_max; /* bytes of all lines, each counted with CHAT_LINE_EXTRA for its frame */
	bool full; /* with what is not news: the job's whole name, what it began with, times */
};

#define CHAT_LINES_MAX  (CHAT_EVENTS_MAX + 1) /* the last says how many more there are */
#define CHAT_LINE_EXTRA 8                     /* "**", ":**", a space, a newline */

struct chat_line {
	const char *label; /* a constant; NULL for the lines of a digest */
	char *text;        /* owned */
};

struct chat_message {
	enum chat_tone tone;
	char *title;      /* owned */
	const char *news; /* of one event, the title without the name; a constant. NULL: a digest */
	char *link;       /* owned; NULL: there is none */
	const char *time; /* of the last event that is shown, RFC 3339; a view into its fields */
	struct chat_line lines[CHAT_LINES_MAX];
	size_t n_lines;
};

/* As chat_format(). chat_message_done() also after a failure. */
int chat_message_init(struct chat_message *m, const struct chat_style *style,
		      const struct event_fields *events, size_t n, const size_t more[EVENT_COUNT_]);
void chat_message_done(struct chat_message *m);
#define _cleanup_chat_message_ _cleanup_(chat_message_done)

/* Appends what an event is about: "acme/sft/abc", "Account acme". Not made safe. 0, -ENOMEM,
 * -EMSGSIZE. */
int chat_message_subject(const struct event_fields *f, struct buf *b);

/* Appends the lines with newlines between them: "Label: text", the label between `before` and
 * `after`. */
int chat_message_join(const struct chat_message *m, const char *before, const char *after,
		      struct buf *b);

/* chat_link.c: the page of the event's job in the vendor's console, or of all jobs; NULL when the
 * API is another one, or the job no fine-tuning job. 0 or -ENOMEM. */
int chat_link(const struct event_fields *event, char **ret);

/* The page of all jobs, if all events are of the vendor's API. */
int chat_link_list(const struct event_fields *events, size_t n, char **ret);

/* One file a service: the document, or NULL when memory is out. */
struct json_object *chat_slack(const struct chat_message *m, const char *topic);
struct json_object *chat_discord(const struct chat_message *m, const char *topic);
struct json_object *chat_teams(const struct chat_message *m, const char *topic);
struct json_object *chat_ntfy(const struct chat_message *m, const char *topic);
