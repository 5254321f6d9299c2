/*
 * Creates jobs: writes the intent down, asks as model/submit says, and when the job is there, watches it
 * in the same transaction that ends the intent. So whatever happens in between, it is known after a
 * restart which jobs may have been made, and no repeat makes a second one.
 *
 * Whoever asked is told within the time that he gave. If it is not known by then whether there is a job,
 * that is found out all the same.
 */
#pragma once

#include <stdbool.h>
#include <uv.h>

#include "codec/sft_json.h"
#include "daemon/job.h"
#include "daemon/observer.h"
#include "daemon/poller.h"
#include "io/committer.h"

struct submitter;

int submitter_new(uv_loop_t *loop, struct config *const *config, struct committer *committer,
		  struct observer *observer, struct submitter **ret, struct error *ret_e);

enum submit_outcome {
	SUBMIT_OUTCOME_CREATED,
	SUBMIT_OUTCOME_FOUND,       /* it was there, and is the same job */
	SUBMIT_OUTCOME_OTHER,       /* another job has that id: see differences */
	SUBMIT_OUTCOME_NOT_ALLOWED, /* the API refuses: text */
	SUBMIT_OUTCOME_REFUSED,
	SUBMIT_OUTCOME_BAD,       /* it cannot be sent: text */
	SUBMIT_OUTCOME_TOO_LATE,  /* not within the time: text says what came between */
	SUBMIT_OUTCOME_UNWATCHED, /* it is there, and is watched from the next start on: text */
	SUBMIT_OUTCOME_STOPPED,   /* tunewatchd is being stopped */
};

struct submit_difference {
	char *field, *there, *here;
};

#define SUBMIT_DIFFERENCES_MAX 50

/* Valid inside the callback. */
struct submit_result {
	enum submit_outcome outcome;
	struct job *job;  /* CREATED, FOUND */
	const char *text; /* one sentence, without secrets; "" */
	const struct submit_difference *differences;
	size_t n_differences;
};

typedef void (*submit_fn)(void *user, const struct submit_result *result);

struct submit_order {
	struct account *account; /* configured */
	const char *id;          /* NULL: made from the account and the job */
	struct sft_job *job;     /* the submitter's, also on failure */
	const char *notify;      /* names joined by commas; NULL: none chosen */
	uint64_t timeout_ms;
};

/*
 * `fn` is called exactly once, never inside the call. 0; -EEXIST another job is being created under that
 * id right now; -EUSERS too many are; -ENOSPC the account has too many jobs; -ESHUTDOWN after
 * submitter_stop(); -ENOMEM.
 */
int submitter_submit(struct submitter *s, const struct submit_order *order, submit_fn fn,
		     void *user);

/* At the start: an intent of before. Nothing is asked before submitter_start(). */
int submitter_restore(struct submitter *s, struct account *account, const struct job_name *name,
		      const char *body, const char *notify);
void submitter_start(struct submitter *s, struct poller *poller);

/* Tells all who wait, asks nothing more. Before the poller's end. */
void submitter_stop(struct submitter *s);

/* After the committer's end; takes NULL. */
void submitter_close(struct submitter *s);
