/*
 * HTTP requests on the loop, through one libcurl multi handle.
 *
 * HTTP/2 where the server has it, with many streams on few connections; HTTP/1.1 keep-alive else.
 * TLS is verified, the CA store is loaded once, easy handles are reused, redirects are not followed,
 * and the body is bounded while it arrives, after decompression.
 *
 * One loaded CA store is kept: callers with several `ca_file`s give each a `struct http` of its own.
 * After suspend or a change of network, connections may be dead without knowing it: then open a new
 * `struct http` and close the old one; what was under way in it is called back with -ECANCELED.
 * Else a connection that no longer acknowledges is given up after 30 s.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "base/error.h"
#include "model/trouble.h"

struct http;          /* a multi handle with its connections */
struct http_transfer; /* a request under way */

struct http_options {
	long max_connections_per_host; /* 0: 4 */
	long max_connections;          /* kept or open, in all; 0: 64 */
	long low_speed_s;       /* seconds without a byte that end a request as TIMEOUT; 0: 30 */
	const char *user_agent; /* copied */
};

/* The request. Everything is copied, or done with, before http_start() returns. */
struct http_request {
	const char *url;
	const char *bearer;         /* "Authorization: Bearer …", or NULL; never logged */
	const char *const *headers; /* "Name: value", NULL-terminated, or NULL */
	const void *body;           /* NULL: a GET, which has none; else a POST */
	size_t body_len;
	const char *ca_file;         /* NULL: the system's */
	const char *proxy;           /* NULL: the environment's */
	bool allow_http;             /* http:// also to hosts that are not loopback. Without it,
					plain HTTP to loopback goes through no proxy either */
	size_t max_bytes;            /* of the answer's body; 0: 8 MiB */
	bool cut;                    /* what is over max_bytes is dropped instead of an error;
					an endless body is not waited for */
	uint64_t connect_timeout_ms; /* 0: 10 s */
	uint64_t timeout_ms;         /* of the whole request; 0: 60 s */
};

#define HTTP_MAX_BYTES_DEFAULT (8UL << 20)

struct http_result {
	int r; /* 0: an answer came, whatever its status; -ECANCELED; else see trouble */
	enum trouble trouble; /* TROUBLE_NONE with r == 0; status codes are not judged here */
	long status;
	const char *body; /* NUL-terminated; valid inside the callback only */
	size_t len;
	const char *content_type; /* "" when none */
	bool multiplexed;         /* over HTTP/2: more requests need no more connections */
	uint64_t retry_after_ms;  /* retry-after-ms, else Retry-After (seconds or date), at most a
				     day; 0: none */
	const char *text; /* with r < 0: a sentence, with the host, without path, query, secrets */
};

/* Called exactly once, on the loop, never inside http_start() or http_cancel(). */
typedef void (*http_fn)(void *user, const struct http_result *result);

int http_new(uv_loop_t *loop, const struct http_options *options, struct http **ret,
	     struct error *ret_e);

/*
 * -EPERM for http:// to a host that is not loopback without allow_http; -EINVAL for a bad URL or
 * header; -ECANCELED after http_close(). May be called from a callback. `ret` may be NULL; what it
 * gets is valid until `fn` is called.
 */
int http_start(struct http *h, const struct http_request *request, http_fn fn, void *user,
	       struct http_transfer **ret, struct error *ret_e);

/* The callback comes soon, with -ECANCELED. */
void http_cancel(struct http_transfer *t);

/* Requests under way. */
size_t http_active(const struct http *h);

/* Cancels what is under way, calls it back, closes everything, then calls `closed` and is gone. */
void http_close(struct http *h, void (*closed)(void *user), void *user);

/* "host" or "host:port" of a URL, for messages. 0 or -EINVAL. */
int http_url_host(const char *url, char *ret, size_t size);

/* Whether plain HTTP to that URL's host stays on this machine: localhost, 127.0.0.0/8, [::1]. */
bool http_url_is_loopback(const char *url);

/* Appends the text percent-encoded, as part of a query. 0, -ENOMEM, -EMSGSIZE. */
int http_url_escape(const char *text, struct buf *b);
