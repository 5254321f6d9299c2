/*
 * Mail to SMTP servers, on the loop.
 *
 * A connection has one message at a time. It is kept for some seconds for the next message that is to go
 * the same way, that is, with the same options in everything; then the server is told good-bye. TLS
 * is verified and required unless the options say otherwise. No proxy is used.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "base/error.h"

struct mail;          /* all connections */
struct mail_transfer; /* a message under way */

/* The way. Copied. */
struct mail_options {
	const char *url;     /* smtp://host[:port], which is 25, or smtps://host[:port], 465 */
	const char *ca_file; /* NULL: the system's */
	const char *user, *password; /* both or neither; never logged */
	bool plain; /* smtp:// stays in the clear; else STARTTLS is required. With a password only where
		       the host is this machine */
	uint64_t connect_timeout_ms;
	uint64_t timeout_ms; /* of a message, with all that comes before */
	uint64_t linger_ms;  /* how long a connection is kept for the next message; 0: 10 s */
};

/* A message. It is copied, or done with, before mail_start() returns. */
struct mail_message {
	const char *from; /* an address */
	char *const *to;  /* addresses, NULL-terminated, at least one */
	const char *data; /* as RFC 5322 has it: lines end with CRLF */
	size_t len;
};

#define MAIL_REPLY_MAX 512 /* bytes of a server's reply that are kept */

struct mail_result {
	int r; /* 0: accepted, for one recipient at least; -ECANCELED; else it was not */
	/*
	 * The server's reply, where that is why it was not accepted, or why some recipients were not:
	 * 400 to 599; 0 where something else happened. `of_message`: it answers the sender, the
	 * recipients or the text, rather than who is connecting.
	 */
	unsigned reply;
	bool of_message;
	unsigned refused;       /* recipients */
	const char *reply_text; /* one line of what others wrote, without the code; "" for none */
	const char *text;       /* with r < 0: a sentence, with the host, without secrets */
};

/* Called exactly once, on the loop, never inside mail_start() or mail_cancel(). */
typedef void (*mail_fn)(void *user, const struct mail_result *result);

int mail_new(uv_loop_t *loop, struct mail **ret);

/*
 * 0; -EINVAL for what is no URL of SMTP, and for an address with a control character; -EPERM for what would
 * send a password in the clear; -ENOTSUP where libcurl has no SMTP; -ENOMEM; -ECANCELED after
 * mail_close(). May be called from a callback. `ret` is valid until `fn` is called.
 */
int mail_start(struct mail *m, const struct mail_options *options,
	       const struct mail_message *message, mail_fn fn, void *user,
	       struct mail_transfer **ret, struct error *ret_e);

/* The callback comes soon, with -ECANCELED. */
void mail_cancel(struct mail_transfer *t);

/* Cancels what is under way, calls it back, closes everything, then calls `closed` and is gone. */
void mail_close(struct mail *m, void (*closed)(void *user), void *user);
