/*
 * What the command line reads of the control socket's answers, and the documents that it prints, next
 * to what codec/status_json and codec/delivery_json do.
 *
 * Texts that are copied are cut to their place, and fit to be shown.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "model/name.h"

/* The code of an error document, or "". `size` is not 0. */
void control_json_parse_code(const char *body, size_t len, char *ret, size_t size);

typedef int (*control_json_text_fn)(void *user, const char *text);

/* The "faults" of an error document, one after the other. 0, -EBADMSG, -ENOMEM, or fn's. */
int control_json_parse_faults(const char *body, size_t len, control_json_text_fn fn, void *user);

/* What counts of one job. */
struct control_job {
	char name[NAME_JOB_MAX];
	char phase[32]; /* "" for one that has not been seen yet */
	char state[64];
	char status_code[64], status_message[512];
	bool not_found;      /* the API does not know it, and never showed it */
	int64_t created_us;  /* by the API; 0: not known */
	int64_t ended_us;    /* by the API */
	int64_t in_phase_us; /* since when, as the daemon saw it */
};

/* Reads a job's document. 0, -EBADMSG, -ENOMEM. */
int control_json_parse_job(const char *body, size_t len, struct control_job *ret);

/*
 * Reads a page of events: calls `fn`, unless it is NULL, with the exact bytes of each. `ret_last` is the number to go on
 * behind. 0, -EBADMSG, -ENOMEM, or fn's first negative value.
 */
int control_json_parse_events(const char *body, size_t len,
			      int (*fn)(void *user, const char *event, size_t event_len),
			      void *user, uint64_t *ret_last, bool *ret_more);

/* What even an event of a newer version has. 0, -EBADMSG, -ENOMEM. */
struct control_event {
	char type[64];
	char subject[NAME_JOB_MAX];
	int64_t time_us;
};
int control_json_parse_event(const char *body, size_t len, struct control_event *ret);

/* What came of a test. 0, -EBADMSG, -ENOMEM. */
struct control_verdict {
	char verdict[32];
	char message[512];
	char event[64];
};
int control_json_parse_verdict(const char *body, size_t len, struct control_verdict *ret);

/* {"jobs":[…],"timedOut":false}: the documents as they are. 0, -ENOMEM, -EMSGSIZE. */
int control_json_wait(const struct buf documents[], size_t n, bool timed_out, struct buf *b);

/* {"removed":["acme/sft/abc"]} and the like: texts under one name. 0, -ENOMEM, -EMSGSIZE. */
int control_json_texts(const char *name, const char *const texts[], size_t n, struct buf *b);
