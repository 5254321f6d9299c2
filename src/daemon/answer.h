/*
 * What an answer of the API means: a job or a page goes to the observer and to the planner, a failure
 * to the account's health.
 */
#pragma once

#include <stdint.h>

#include "codec/job_json.h"
#include "config/config.h"
#include "daemon/health.h"
#include "daemon/job.h"
#include "daemon/observer.h"
#include "daemon/question.h"
#include "io/http.h"

struct answers {
	struct accounts *accounts;
	struct observer *observer;
	struct job_json *parser;
	struct config *config; /* borrowed: the poller's */
	struct health health;
};

/*
 * Takes the answer to anything but QUESTION_ASK in. What is to be asked next, and when, stands in the
 * planner then. Returns TROUBLE_NONE, or what came between: the account, or the collection, may wait
 * for that. `ret_found` is the account that the key belongs to, which has the configuration now, after
 * a QUESTION_LOOKUP; else NULL.
 */
enum trouble answers_take(struct answers *a, const struct question *q,
			  const struct http_result *res, struct account **ret_found);

/* A request that could not even be sent, or was dropped: it is asked again. */
void answers_unsent(struct answers *a, const struct question *q, const char *text);
void answers_dropped(struct answers *a, const struct question *q);
