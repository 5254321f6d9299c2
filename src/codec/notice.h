/*
 * An event as a notice on a desktop: what a chat message says, for a small window.
 */
#pragma once

#include "codec/chat.h"

#define NOTICE_SUMMARY_MAX 200 /* bytes */

struct notice {
	enum chat_tone tone;
	char *summary; /* plain text, as the specification wants it; all owned */
	char *body;    /* plain text, lines with newlines between them */
	char *markup;  /* the same for who reads markup: texts of others have no effect in it */
	char *link;    /* the job's page; NULL: there is none */
};

/* 0, -ENOMEM, -EMSGSIZE. notice_done() also after a failure. */
int notice_init(struct notice *n, const struct event_fields *event);
void notice_done(struct notice *n);
#define _cleanup_notice_ _cleanup_(notice_done)
