/* A job that is to be created. */
#include "daemon/submission.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/override.h"
#include "daemon/planning.h"

#define SUBMISSIONS_MAX 100 /* under way at a time */
#define WAITERS_MAX     20  /* of one of them */

/* --- who hears of one --- */

/*
 * A list may show the job before its adoption, also when the POST's answer was lost: those who were chosen
 * hear of it then, and no others. Where there is no memory for that, the watch's do.
 */
void submission_foresee(struct submission *x)
{
	struct override *override;
	struct job *job;

	if (!x->notify || account_job(x->account, x->full, KIND_SFT, &job) < 0 ||
	    (job->override && !job->override->foreseen) ||
	    override_new(false, x->notify, &override) < 0)
		return;
	override->foreseen = true;
	override_resolve(override, *x->owner->config);
	job_set_override(job, override);
}

/* It will not be. Whatever somebody has asked for of the job meanwhile stays. */
static void forget(struct submission *x)
{
	struct job *job = map_get(&x->account->jobs, x->full);

	if (job && job->override && job->override->foreseen)
		job_set_override(job, NULL);
}

/* --- one of them --- */

static void submission_free(struct submission *x)
{
	config_secret_done(&x->secret);
	snapshot_unref(x->snapshot);
	sft_job_free(x->job);
	free(x->notify);
	free(x);
}

void submission_end(struct submission *x)
{
	if (!x->over) {
		x->over = true;
		forget(x);
		list_remove(&x->link);
		x->owner->n--;
	}
	if (x->busy == 0)
		submission_free(x);
}

void submission_release(struct submission *x)
{
	x->busy--;
	if (x->over)
		submission_end(x);
}

void submission_tell(struct submission *x, const struct submit_result *result)
{
	struct waiter *w;

	while ((w = list_first(&x->waiters, struct waiter, link))) {
		list_remove(&w->link);
		w->fn(w->user, result);
		free(w);
	}
}

void submission_tell_text(struct submission *x, enum submit_outcome outcome, const char *text)
{
	const struct submit_result result = {.outcome = outcome, .text = text};

	submission_tell(x, &result);
}

/* --- the end of one --- */

static int add_drop(const struct submission *x, struct commit *commit)
{
	const struct store_op drop = {.type = STORE_SUBMISSION_DROP,
				      .submission = {.endpoint = x->account->endpoint,
						     .name = x->full}};

	return commit_add(commit, &drop);
}

/* The intent is over without a job. Should it stay in the store, it is only looked for once more. */
void submission_drop(struct submission *x)
{
	struct commit *commit = NULL;

	if (commit_new(x->owner->committer, &commit) < 0)
		return;
	if (add_drop(x, commit) < 0)
		commit_abandon(commit);
	else
		commit_submit(commit, NULL, NULL);
}

void submission_leave(struct submission *x)
{
	if (!submit_leave(&x->state, clock_boot_now_ms()))
		return;
	submission_drop(x);
	submission_end(x);
}

void submission_refuse(struct submission *x, enum submit_outcome outcome)
{
	submission_tell_text(x, outcome, x->text);
	submission_leave(x);
}

/*
 * The job as the API shows it is known from now on, and what it says is an event like any other. An
 * answer that came meanwhile, to a later question, says more.
 */
static void take_in(struct submission *x, struct job *job)
{
	struct submission_owner *s = x->owner;
	struct observation *b;

	planning_take_job(*s->config, job, clock_boot_now_ms());
	if (x->snapshot && x->account->config &&
	    observation_begin(s->observer, x->account, &b) == 0) {
		struct job *seen;

		if (observation_job(b, x->look, &x->name, x->snapshot, &seen) == 0 && seen)
			planning_seen(*s->config, seen, true, 0, clock_boot_now_ms());
		observation_end(b);
	}
	if (s->poller)
		poller_wake(s->poller);
}

static int watch(struct submission *x, struct job **ret)
{
	struct override *override;
	struct job *job;
	int r = account_job(x->account, x->full, KIND_SFT, &job);

	if (r < 0)
		return r;
	r = override_new(true, x->notify, &override);
	if (r < 0)
		return r;
	job_set_override(job, override);
	observer_sort(x->owner->observer, job);
	*ret = job;
	return 0;
}

/* What stands in the store counts at the next start, whatever comes of it now. */
static void finish(struct submission *x)
{
	struct submit_result result = {.outcome = x->outcome, .text = ""};

	if (watch(x, &result.job) < 0) {
		log_err("out of memory: %s is there, and is watched from the next start on",
			x->full);
		submission_tell_text(
			x, SUBMIT_OUTCOME_UNWATCHED,
			"the job is there, but there is no memory to watch it before tunewatchd is "
			"started again");
		return;
	}
	log_notice("%s %s, and is watched", x->full,
		   x->outcome == SUBMIT_OUTCOME_CREATED ? "was created"
							: "is there, and the same job");
	take_in(x, result.job);
	submission_tell(x, &result);
}

static void on_adopted(void *user, int r)
{
	struct submission *x = user;

	if (r == 0)
		finish(x);
	else /* closing */
		submission_tell_text(x, SUBMIT_OUTCOME_STOPPED, "");
	submission_end(x);
	submission_release(x);
}

/* It is there, and ours: watched from now on, and the intent is over, in one transaction. */
void submission_adopt(struct submission *x, enum submit_outcome outcome)
{
	const struct store_op override = {.type = STORE_OVERRIDE,
					  .override = {.endpoint = x->account->endpoint,
						       .name = x->full,
						       .watched = true,
						       .notify = x->notify}};
	struct commit *commit = NULL;
	int r = commit_new(x->owner->committer, &commit);

	x->outcome = outcome;
	if (r == 0)
		r = commit_add(commit, &override);
	if (r == 0)
		r = add_drop(x, commit);
	if (r < 0) {
		commit_abandon(commit);
		submit_look_again(&x->state, clock_boot_now_ms() + MS_PER_S);
		return;
	}
	x->busy++;
	x->adopting = true;
	commit_submit(commit, on_adopted, x);
}

/* --- the beginning of one --- */

int submission_add_waiter(struct submission *x, uint64_t timeout_ms, submit_fn fn, void *user)
{
	size_t n = 0;
	struct waiter *w;

	list_for_each (it, &x->waiters)
		n++;
	if (n >= WAITERS_MAX)
		return -EUSERS;
	w = malloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	*w = (struct waiter){.fn = fn,
			     .user = user,
			     .deadline_ms = clock_boot_now_ms() + timeout_ms};
	list_append(&x->waiters, &w->link);
	return 0;
}

int submission_new(struct submission_owner *owner, struct account *account,
		   const struct job_name *name, struct sft_job *job, const char *notify,
		   struct submission **ret)
{
	struct submission *x;
	int r;

	if (owner->n >= SUBMISSIONS_MAX)
		return -EUSERS;
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	list_init(&x->waiters);
	x->owner = owner;
	x->account = account;
	x->name = *name;
	name_format_full(name, x->full);
	r = sft_job_id(job, account->id, x->identity);
	x->notify = notify ? strdup(notify) : NULL;
	if (r == 0 && notify && !x->notify)
		r = -ENOMEM;
	if (r < 0) {
		submission_free(x);
		return r;
	}
	x->job = job;
	list_append(&owner->submissions, &x->link);
	owner->n++;
	*ret = x;
	return 0;
}

int submission_write(struct submission *x, commit_fn written)
{
	_cleanup_buf_ struct buf body = BUF_INIT(SFT_BODY_MAX_BYTES);
	struct store_op op = {.type = STORE_SUBMISSION,
			      .submission = {.endpoint = x->account->endpoint,
					     .name = x->full,
					     .notify = x->notify}};
	struct commit *commit = NULL;
	int r = sft_job_kept(x->job, &body);

	op.submission.body = buf_str(&body);
	if (r == 0)
		r = commit_new(x->owner->committer, &commit);
	if (r == 0)
		r = commit_add(commit, &op);
	if (r < 0) {
		commit_abandon(commit);
		return r;
	}
	x->busy++;
	commit_submit(commit, written, x);
	return 0;
}
