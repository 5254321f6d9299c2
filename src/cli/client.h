/*
 * HTTP to the daemon over its control socket. A connection stays open from one call to the next.
 *
 * Whatever fails, the sentence says what to do next, and the exit status is the one that the manual
 * promises: one table in client.c has them all.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/macro.h"

struct client;

/* `socket` is borrowed. Costs nothing until the first call. 0 or -ENOMEM. */
int client_new(const char *socket, struct client **ret);
struct client *client_free(struct client *c); /* takes NULL, returns NULL */
DEFINE_CLEANUP(struct client *, client_free);
#define _cleanup_client_ _cleanup_(client_freep)

/* Every wait ends with -EINTR as soon as this descriptor can be read. -1: none. */
void client_wake_on(struct client *c, int fd);

struct client_request {
	const char *method, *path; /* "PUT", "/v1/jobs/acme/sft/abc"; at most 8,000 bytes */
	const char *body;          /* JSON, of `len` bytes; NULL: none */
	size_t len;
	uint64_t timeout_ms; /* 0: what an answer from memory may take */
};

#define CLIENT_CODE_MAX 48

/* How a call went. */
struct client_result {
	long status;                /* of HTTP; 0 when there was no answer */
	char code[CLIENT_CODE_MAX]; /* of the error document, or "" */
	int exit_status;
	bool lost; /* the daemon was there, and went away before it had answered */
	struct error error;
};

/*
 * The answer's body goes into `body`, which is cleared first, up to its maximum; an error document,
 * too. 0 with an answer of status 2xx; else negative, and the result says the rest:
 *  -ECONNREFUSED nobody answers    -EACCES the socket is not ours to use
 *  -ETIMEDOUT    -EMSGSIZE the body is too large    -ENOMEM    -EINTR (client_wake_on)
 *  -EINVAL 400    -EPERM 403    -ENOENT 404    -EALREADY 409    -E2BIG 413    -EBADMSG 422
 *  -EAGAIN 503    -EPROTO any other answer
 */
int client_call(struct client *c, const struct client_request *q, struct buf *body,
		struct client_result *ret);

/* The same, for the usual. */
int client_get(struct client *c, const char *path, struct buf *body, struct client_result *ret);
int client_post(struct client *c, const char *path, struct buf *body, struct client_result *ret);

/* The exit status of a negative errno alone. */
int client_exit_status(int r);

/* Whether the daemon was not there, or not able, and may be later. */
bool client_is_outage(int r);

/* Waits so long, or until the descriptor of client_wake_on() is readable: 0 or -EINTR. */
int client_sleep(struct client *c, uint64_t ms);
