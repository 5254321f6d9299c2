/* What http.c, transfer.c and url.c share. Nobody else includes this. */
#pragma once

#include <curl/curl.h>

#include "base/buf.h"
#include "io/http.h"
#include "io/multi.h"
#include "io/url.h"

/*
 * The last URL's judgement, kept with its text up to the path: requests to one host, one after the
 * other, need no other look at it.
 */
struct url_memo {
	struct url url;
	char prefix[320]; /* "https://host/"; "" for none */
	size_t len;
};

/* As url_parse(); what comes back is in the memo and valid until the next call. */
int url_judge(struct url_memo *memo, const char *url, const struct url **ret);

/*
 * An easy handle with what belongs to it. It serves many requests, one after the other: options that
 * never change are set once, the rest only when it differs from the request before.
 */
struct http_transfer {
	struct multi_task task; /* its node is in http's list while it is kept */
	struct http *h;
	http_fn fn;
	void *user;

	struct buf body;
	bool cut;
	size_t dropped; /* bytes over the maximum of a cut body */
	enum { SINK_OPEN, SINK_ENOUGH, SINK_TOO_LARGE, SINK_NO_MEMORY } sink;

	/* What the easy handle is set to. */
	struct curl_slist *headers;
	char *ca_file; /* NULL: default_ca_file */
	char *proxy;   /* NULL: the environment's */
	bool no_proxy;
	bool post;
	size_t max_bytes;
	uint64_t connect_timeout_ms;
	uint64_t timeout_ms;
	const char *default_ca_file; /* libcurl's own; NULL where it was built without */

	char detail[CURL_ERROR_SIZE];
	struct error text;
};

int transfer_new(struct http *h, long low_speed_s, void (*done)(struct multi_task *, CURLcode),
		 struct http_transfer **ret);
struct http_transfer *transfer_free(struct http_transfer *t); /* returns NULL */
DEFINE_CLEANUP(struct http_transfer *, transfer_free);

/* Sets the handle to a request whose URL was judged. 0, -EINVAL for a bad header, -ENOMEM. */
int transfer_prepare(struct http_transfer *t, const struct http_request *request,
		     const struct url *url, const char *user_agent, struct error *ret_e);

/* What came of it. The pointers in it are valid until transfer_reset(). */
void transfer_result(struct http_transfer *t, CURLcode code, struct http_result *ret);

/* Lets go of what is large or was for that request alone. */
void transfer_reset(struct http_transfer *t);
