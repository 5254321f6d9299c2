/*
 * What is asked of the API, and how: one GET.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "daemon/job.h"

enum question_type {
	QUESTION_JOB,     /* one job */
	QUESTION_PAGE,    /* a page of a list */
	QUESTION_LOOKUP,  /* which account belongs to the key */
	QUESTION_ACCOUNT, /* the account: why its jobs are paused */
	QUESTION_ASK,     /* for another part of the daemon */
};

/* The event of a paused job waits for the account's answer, so that must not take long. */
#define QUESTION_ACCOUNT_MS 5000

struct question {
	enum question_type type;
	struct account *account;
	struct job *job;               /* QUESTION_JOB */
	struct collection *collection; /* of the job, or that is listed; else NULL */
	enum plan_list list;           /* QUESTION_PAGE */
	struct ask *ask;               /* QUESTION_ASK: owned */
	char *key;     /* owned: the key it was sent with, to scrub it from what the server says; or
			  NULL */
	uint32_t look; /* its number among the account's requests */
	bool masked;   /* with a readMask */
};

/* Wipes and frees what it owns. */
void question_done(struct question *q);

/* Replaces what is in the buffer by the URL. 0, -ENOMEM, -EMSGSIZE. */
int question_url(const struct question *q, struct buf *url);
