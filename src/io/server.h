/*
 * HTTP/1.1 on a listening socket, by libmicrohttpd on the daemon's own loop. The body of a request is
 * read and dropped; 200 connections, each cut off after 10 s of silence.
 */
#pragma once

#include <stddef.h>
#include <uv.h>

#include "base/buf.h"
#include "base/error.h"

struct server;

struct server_request {
	const char *method, *path; /* path without query */
	void *connection;          /* for server_argument() */
};

struct server_response {
	unsigned status;          /* preset to 200 */
	const char *content_type; /* preset to application/json */
	const char *allow;        /* methods, with status 405; else NULL */
	struct buf body;          /* empty, with the greatest size set */
};

#define SERVER_LATER 1

/*
 * Answers at once with 0; a negative return becomes 500. Or it returns SERVER_LATER and keeps
 * `response`, which then stays until server_answer().
 */
typedef int (*server_fn)(void *user, const struct server_request *request,
			 struct server_response *response);

/* The answer to a request that was to be answered later, once; a negative `r` becomes 500. */
void server_answer(struct server_response *response, int r);

/* An argument of the query, decoded; NULL when it is not there. Valid inside server_fn. */
const char *server_argument(const struct server_request *request, const char *name);

/* Serves on `fd`, a listening stream socket; takes it over, also when it fails. */
int server_new(uv_loop_t *loop, int fd, size_t max_body, server_fn fn, void *user,
	       struct server **ret, struct error *ret_e);

/*
 * Drops all connections and closes the socket; `closed` is called when the loop has let go. Whatever
 * was to be answered later has been answered by then.
 */
void server_close(struct server *s, void (*closed)(void *user), void *user);

/*
 * A listening Unix socket at `path`, mode 0660, whose missing parent directories are made with mode
 * 0750. A socket file that nobody listens on is replaced; a live one gives -EADDRINUSE.
 */
int server_listen_unix(const char *path, int *ret_fd, struct error *ret_e);
