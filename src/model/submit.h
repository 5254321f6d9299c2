/*
 * Creating a job exactly once: what to ask next after each answer. Pure.
 *
 * The job has its id before the first request, and the API refuses a second one of that id. So an
 * answer that was lost is no harm: a GET of the id says whether the job is there, and a POST may be made
 * again. Times are ms of CLOCK_BOOTTIME.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/trouble.h"

/* What an answer to either question says, see submit_reply_of(). */
enum submit_reply {
	SUBMIT_JOB,       /* the job: created by the POST, there for the GET */
	SUBMIT_EXISTS,    /* 409: the id is taken */
	SUBMIT_ABSENT,    /* 404 in the API's own words */
	SUBMIT_UNSENT,    /* it did not get to the API */
	SUBMIT_BUSY,      /* 408, 425, 429: not now, and nothing was done */
	SUBMIT_LOST,      /* anything may have been done */
	SUBMIT_FORBIDDEN, /* 401, 403, 412 */
	SUBMIT_REFUSED,   /* any other answer: never like this */
};

enum submit_question {
	SUBMIT_POST,
	SUBMIT_GET,
};

struct submit {
	enum submit_question next;
	uint64_t at_ms;    /* when to ask it */
	unsigned failures; /* in a row */
	unsigned absences; /* GETs in a row that found nothing */
	bool unsure;       /* a POST may have made the job, and nobody has said yet */
	bool taken;        /* a POST was told that there is such a job */
	bool lookup;       /* nobody waits any more: only what became of it is to be found out */
};

enum submit_verdict {
	SUBMIT_AGAIN,       /* ask `next` at `at_ms` */
	SUBMIT_CREATED,     /* the answer has the job */
	SUBMIT_FOUND,       /* the answer has a job of that id, perhaps another one */
	SUBMIT_NOT_CREATED, /* there is none, and nobody waits for it */
	SUBMIT_NOT_ALLOWED, /* the API refuses, with these words */
	SUBMIT_NOT_TAKEN,
};

/* `r`, `trouble` and `status` are those of a struct http_result; `is_api`: its 404 is the API's own. */
enum submit_reply submit_reply_of(int r, enum trouble trouble, long status, bool is_api);

/* `known`: there seems to be such a job already, so it is looked at first. */
void submit_begin(struct submit *s, bool known, uint64_t now_ms);

/* After a restart, or when nobody waits any more: only looks. */
void submit_look(struct submit *s, uint64_t now_ms);

enum submit_verdict submit_replied(struct submit *s, enum submit_reply reply,
				   uint64_t retry_after_ms, uint64_t now_ms, uint32_t chance);
