/*
 * What an answer of the API means: a job or a page goes to the observer, a failure to the account's
 * sight. When to ask again is the poller's business; it is told what the answer calls for.
 */
#pragma once

#include <stdint.h>

#include "codec/job_json.h"
#include "config/config.h"
#include "daemon/job.h"
#include "daemon/observer.h"
#include "io/http.h"

/* The account's health or number of jobs, which the status line shows, may have changed. */
typedef void (*answers_changed_fn)(void *user);

struct answers {
	struct accounts *accounts;
	struct observer *observer;
	struct job_json *parser;
	struct config *config; /* borrowed: the poller's */
	answers_changed_fn changed;
	void *user;
};

/* What was asked. */
struct question {
	struct account *account;
	struct poll *poll;
	char *key;   /* the key it was sent with, to scrub it from what the server says; or NULL */
	bool masked; /* with a readMask */
};

enum answer_outcome {
	ANSWER_DONE,      /* ask again when it is due */
	ANSWER_FAILED,    /* ask again when it is due, or as soon as the account may be asked */
	ANSWER_AGAIN,     /* ask the same again at once, now without a readMask */
	ANSWER_NEXT_PAGE, /* the collection's token says which, ask soon */
	ANSWER_LISTED,    /* the list is complete; jobs that it did not hold are marked `confirm` */
	ANSWER_FOUND,     /* `ret_account` is whose key it is; it has the configuration now */
};

enum answer_outcome answers_take(struct answers *a, const struct question *q,
				 const struct http_result *res, struct account **ret_account);

/* A request that could not even be sent. */
void answers_unsent(struct answers *a, struct account *account, const char *text);

/*
 * Makes watcher.degraded when it is due. Returns when to look again, ms on CLOCK_BOOTTIME; UINT64_MAX
 * for not before something fails.
 */
uint64_t answers_check_sight(struct answers *a, struct account *account, uint64_t now_ms);
