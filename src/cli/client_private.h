/* What calls and streams share of a client. */
#pragma once

#include <stdbool.h>

#include <curl/curl.h>

#include "cli/client.h"

DEFINE_CLEANUP(CURL *, curl_easy_cleanup);
#define _cleanup_curl_ _cleanup_(curl_easy_cleanupp)

/* One request under way: CURLOPT_PRIVATE points to it. */
struct transfer {
	bool done;
	CURLcode code; /* when done */
};

struct client {
	const char *socket;
	int wake_fd;
	CURLM *multi;
	CURL *call; /* for one call after the other */
};

/* Sets up what is there once. 0 or negative and a sentence. */
int client_begin(struct client *c, struct client_result *ret);

/* What every request of ours has. */
CURLcode client_set_up(const struct client *c, CURL *curl, const char *url, struct transfer *t);

/* Lets transfers go on as far as they can without waiting. */
void client_advance(struct client *c);

/* Waits until one can go on, so long at most, and lets it. 0 or -EINTR. */
int client_turn(struct client *c, int timeout_ms);

/* Judges a transfer that is done; `body` holds the answer as far as it came. */
int client_judge(const struct client *c, CURL *curl, CURLcode code, const struct buf *body,
		 struct client_result *ret);
