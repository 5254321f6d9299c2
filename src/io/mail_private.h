/* What mail.c and mail_link.c share. Nobody else includes this. */
#pragma once

#include "io/mail.h"

/*
 * The way to one server, with one connection at most. TLS is verified and required unless the options say
 * otherwise. No proxy is used.
 */
struct mail_link;

/*
 * `idle` is called when the last message was so long ago that the connection is not kept any more: then
 * mail_link_close() says good-bye. The same errors as mail_start().
 */
int mail_link_new(uv_loop_t *loop, const struct mail_options *options, void (*idle)(void *user),
		  void *user, struct mail_link **ret, struct error *ret_e);

/* 0; -EBUSY while a message is under way; -EINVAL, -ENOMEM; -ECANCELED after mail_link_close(). */
int mail_link_start(struct mail_link *m, const struct mail_message *message, mail_fn fn,
		    void *user);

/* The callback comes soon, with -ECANCELED. */
void mail_link_cancel(struct mail_link *m);

/* Cancels what is under way, calls it back, closes everything, then calls `closed`, which may be
 * NULL, and is gone. */
void mail_link_close(struct mail_link *m, void (*closed)(void *user), void *user);
