/*
 * HTTP/1.1 on a listening socket, by libmicrohttpd on the daemon's own loop.
 *
 * Everything is bounded: 256 connections, each cut off after 10 s in which nothing moved, 30 s in which
 * its request has not come whole, or 60 s in which its answer has not been taken; headers of 32 KiB,
 * bodies of `max_request` bytes, 16 MiB of them together; 64 MiB of answers that are made whole, beyond
 * which the next is a 503.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <uv.h>

#include "base/buf.h"
#include "base/error.h"

struct server;

struct server_request {
	const char *method, *path; /* path without query */
	const char *body;          /* as it was sent, with a NUL behind it; "" for none */
	size_t body_len;
	bool too_large;   /* the body was longer than allowed, and was dropped */
	void *connection; /* for server_argument() and the like */
};

/*
 * The next bytes of an answer that is made while it is sent: at most `max` of them, how many, or one
 * of these. Never called inside server_wake().
 */
#define SERVER_WAIT 0    /* none now: server_wake() when there are */
#define SERVER_END  (-1) /* that was all */
typedef ssize_t (*server_fill_fn)(void *user, char *data, size_t max);

struct server_response {
	unsigned status;          /* preset to 200 */
	const char *content_type; /* preset to application/json */
	const char *allow;        /* methods, with status 405; else NULL */
	struct buf body;          /* empty, with the greatest size set */
	/* Instead of the body: */
	server_fill_fn fill;
	void (*done)(void *user); /* once, after the last `fill`, also when the client has gone */
	void *user;               /* of these two */
	bool endless;             /* it may take as long as it likes */
};

#define SERVER_LATER 1

/*
 * Answers at once with 0; a negative return becomes 500. Or it returns SERVER_LATER and keeps
 * `response`, which then stays until server_answer().
 */
typedef int (*server_fn)(void *user, const struct server_request *request,
			 struct server_response *response);

/*
 * The answer to a request that was to be answered later, once, also when its client has gone meanwhile,
 * whose connection is closed within a second; a negative `r` becomes 500.
 */
void server_answer(struct server_response *response, int r);

/* `fill` is called again soon, if it waits. */
void server_wake(struct server_response *response);

/* An argument of the query, decoded; a header. NULL when it is not there. Valid inside server_fn. */
const char *server_argument(const struct server_request *request, const char *name);
const char *server_header(const struct server_request *request, const char *name);

/* Who is at the other end of a Unix socket. 0; -EOPNOTSUPP where that cannot be said. */
int server_peer(const struct server_request *request, struct ucred *ret);

struct server_options {
	int fd; /* a listening stream socket; taken over, also when server_new() fails */
	size_t max_request; /* bytes of a request's body */
	size_t max_body;    /* bytes of an answer's body, where it is made whole */
	server_fn fn;
	void *user;
};

int server_new(uv_loop_t *loop, const struct server_options *options, struct server **ret,
	       struct error *ret_e);

/* Takes no new connections; those that there are go on. */
void server_quiesce(struct server *s);

/*
 * Drops all connections and closes the socket; `closed` is called when the loop has let go and what
 * was to be answered later has been answered. Answers that came before this call still go out; nobody
 * is asked, and nothing filled, any more. Who waits to fill is told `done`.
 */
void server_close(struct server *s, void (*closed)(void *user), void *user);
