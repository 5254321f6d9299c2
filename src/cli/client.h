/* HTTP to the daemon over its control socket. */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

/*
 * GETs a path, "/v1/jobs"; the body goes into `body`, up to its maximum. Whatever fails, the sentence
 * says what to do next. 0 with an answer of status 200; -ECONNREFUSED when nobody answers, -EACCES
 * when the socket is not ours to use, -ETIMEDOUT, -EMSGSIZE, -ENOMEM; -EINVAL for 400, -ENOENT for
 * 404, -EALREADY for 409, -EAGAIN for 503; -EPROTO for any other answer.
 */
int client_get(const char *socket, const char *path, struct buf *body, struct error *ret_e);

/* The same with POST, and nothing to send. */
int client_post(const char *socket, const char *path, struct buf *body, struct error *ret_e);

struct client_result {
	long status;        /* of HTTP */
	struct error error; /* of a status that is not 2xx: a sentence with the daemon's message */
};

/*
 * POSTs JSON to a path of at most 8,000 bytes. 0 with an answer of any status; -ECONNRESET when the
 * daemon went away before it had answered, else negative as above; then `ret` has the sentence.
 */
int client_post_body(const char *socket, const char *path, const struct buf *send,
		     uint64_t timeout_ms, struct buf *body, struct client_result *ret);

/* The exit status for a negative return of these. */
int client_exit_status(int r);
