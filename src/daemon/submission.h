/*
 * A job that is to be created: who waits for it, what is durable of it, and its end. What is asked of
 * the API, and when, is the submitter's.
 *
 * It is on its owner's list from submission_new() to submission_end(), and goes with its last callback:
 * `busy` counts those that are to come, or have not returned.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "codec/sft_json.h"
#include "config/config.h"
#include "daemon/job.h"
#include "daemon/observer.h"
#include "daemon/poller.h"
#include "daemon/submitter.h"
#include "io/committer.h"
#include "model/submit.h"

/* What they share; the submitter's. */
struct submission_owner {
	struct config *const *config;
	struct committer *committer;
	struct observer *observer;
	struct poller *poller; /* NULL before the start and after the stop */
	struct list submissions;
	size_t n;
};

/* Who waits for one. */
struct waiter {
	struct list link;
	submit_fn fn;
	void *user;
	uint64_t deadline_ms; /* CLOCK_BOOTTIME */
};

struct submission {
	struct list link;
	struct submission_owner *owner;
	struct account *account;
	struct job_name name;
	char full[NAME_JOB_MAX];
	char identity[NAME_ID_MAX + 1]; /* of what is to be created, whatever its id */
	struct sft_job *job;
	char *notify;
	struct submit state;
	struct list waiters;
	struct ask *post;            /* while it is under way or waits to be sent */
	struct config_secret secret; /* the W&B key that it was sent with */
	uint32_t look; /* number of the account's last request before the last of these */
	bool durable;  /* the intent is written down */
	bool adopting; /* its end is being written down */
	unsigned busy; /* callbacks that are to come, or have not returned */
	bool over;     /* it goes when these have */
	char text[ERROR_TEXT_MAX];   /* of the last failure; of a refused POST */
	struct snapshot *snapshot;   /* of the job that is there; to be taken in */
	enum submit_outcome outcome; /* when it is over */
};

/* The job is the submission's on success only. 0; -EUSERS there are too many; -ENOMEM. */
int submission_new(struct submission_owner *owner, struct account *account,
		   const struct job_name *name, struct sft_job *job, const char *notify,
		   struct submission **ret);

/* It is over. It goes when no callback is to come any more. */
void submission_end(struct submission *x);

/* A callback returns, which may have been the last that an ended one waited for. */
void submission_release(struct submission *x);

/* One more waits for it. 0, -EUSERS, -ENOMEM. */
int submission_add_waiter(struct submission *x, uint64_t timeout_ms, submit_fn fn, void *user);

/* Tells all who wait, who wait no more then. */
void submission_tell(struct submission *x, const struct submit_result *result);
void submission_tell_text(struct submission *x, enum submit_outcome outcome, const char *text);

/* Those who were chosen, and no others, hear of the job also when a list shows it first. */
void submission_foresee(struct submission *x);

/* Writes the intent down; `written` is one of its callbacks. 0 or negative. */
int submission_write(struct submission *x, commit_fn written);

/* The intent is over without a job. */
void submission_drop(struct submission *x);

/* Nobody waits any more: that is the end, or what became of it is to be found out. */
void submission_leave(struct submission *x);
void submission_refuse(struct submission *x, enum submit_outcome outcome); /* tells x->text first */

/* The job is there, and ours: it is watched, and the intent is over, in one transaction. */
void submission_adopt(struct submission *x, enum submit_outcome outcome);
