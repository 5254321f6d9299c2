/*
 * The daemon's way to the API: one `struct http` for each CA file, since a multi handle keeps one CA
 * store (http.h); and fresh ones after the network has changed, since connections may be dead
 * without knowing it.
 */
#pragma once

#include "io/http.h"

struct http_pool;

/* `options` are for each `struct http`; borrowed until http_pool_new() returns. */
int http_pool_new(uv_loop_t *loop, const struct http_options *options, struct http_pool **ret,
		  struct error *ret_e);

/* As http_start(), on the handle of the request's ca_file. */
int http_pool_start(struct http_pool *p, const struct http_request *request, http_fn fn, void *user,
		    struct http_transfer **ret, struct error *ret_e);

/*
 * From now on requests go over new connections. Those under way are called back with -ECANCELED,
 * which says nothing about the server: ask again.
 */
void http_pool_renew(struct http_pool *p);

/* Cancels what is under way, calls it back, closes everything, then calls `closed` and is gone. */
void http_pool_close(struct http_pool *p, void (*closed)(void *user), void *user);
