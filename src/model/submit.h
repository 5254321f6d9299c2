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
	enum submit_question asked; /* while it is under way */
	uint64_t at_ms;             /* when to ask what is next */
	uint64_t closed_until_ms;   /* so long the API does not want to be asked */
	unsigned failures;          /* in a row */
	unsigned absences;          /* GETs in a row that found nothing, since nobody waits */
	bool under_way;
	bool unsure; /* a POST before may have made the job, and nobody has said yet */
	bool taken;  /* a POST was told that there is such a job */
	bool lookup; /* nobody waits any more: only what became of it is to be found out */
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

/* An intent of before a restart, whose POST may have been sent: only looks, from the beginning. */
void submit_restore(struct submit *s);

/* What is next is under way; and no longer, without having been sent: it is asked at `at_ms`. */
void submit_asked(struct submit *s);
void submit_unasked(struct submit *s, uint64_t at_ms);

enum submit_verdict submit_replied(struct submit *s, enum submit_reply reply,
				   uint64_t retry_after_ms, uint64_t now_ms, uint32_t chance);

/* The job is there, and that could not be written down: it is looked at once more at `at_ms`. */
void submit_look_again(struct submit *s, uint64_t at_ms);

/* A POST may have made the job, or is about to, and nobody has said yet. */
bool submit_is_unsure(const struct submit *s);

/* There is nothing to wait for: the time is over, or nothing more is asked before it is. */
bool submit_is_late(const struct submit *s, uint64_t deadline_ms, uint64_t now_ms);

/*
 * Nobody waits any more. True: no job can have been made, so that is the end. False: what became of it
 * is to be found out, and nothing more is made.
 */
bool submit_leave(struct submit *s, uint64_t now_ms);

/* Somebody waits, perhaps again: asks at once, unless the API has said when. */
void submit_join(struct submit *s, uint64_t now_ms);
