/* Creates jobs. */
#include "daemon/submitter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/utf8.h"
#include "codec/job_json.h"
#include "daemon/health.h"
#include "daemon/override.h"
#include "daemon/planning.h"
#include "daemon/refusal.h"
#include "daemon/submission.h"
#include "io/alarm.h"
#include "io/entropy.h"
#include "model/submit.h"

#define ABSENT_MS     MS_PER_MIN /* until an account that has left is looked at again */
#define UNREADABLE_MS MS_PER_MIN /* until a job that cannot be compared is looked at again */
#define WORDS_MAX     400        /* of the API's that are told */

struct submitter {
	struct submission_owner owner;
	struct alarm *alarm;
	struct job_json *parser;
	bool stopped;
};

static struct submitter *submitter_of(const struct submission *x)
{
	return container_of(x->owner, struct submitter, owner);
}

static void arm(struct submitter *s)
{
	uint64_t next_ms = UINT64_MAX;

	list_for_each (it, &s->owner.submissions) {
		struct submission *x = container_of(it, struct submission, link);

		if (x->durable && x->busy == 0)
			next_ms = MIN(next_ms, x->state.at_ms);
		list_for_each (w, &x->waiters)
			next_ms = MIN(next_ms, container_of(w, struct waiter, link)->deadline_ms);
	}
	alarm_set(s->alarm, s->stopped ? UINT64_MAX : next_ms);
}

/* --- another job under that id --- */

struct differences {
	struct submit_difference list[SUBMIT_DIFFERENCES_MAX];
	size_t n;
	bool failed;
};

static void add_difference(void *user, const char *field, const char *there, const char *here)
{
	struct differences *d = user;
	struct submit_difference *to = &d->list[d->n];

	if (d->n == SUBMIT_DIFFERENCES_MAX)
		return;
	*to = (struct submit_difference){strdup(field), strdup(there), strdup(here)};
	d->failed |= !to->field || !to->there || !to->here;
	d->n++;
}

static void differences_done(struct differences *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->list[i].field);
		free(d->list[i].there);
		free(d->list[i].here);
	}
}

static void is_another(struct submission *x, const struct differences *d)
{
	const struct submit_result result = {.outcome = SUBMIT_OUTCOME_OTHER,
					     .text = "",
					     .differences = d->list,
					     .n_differences = d->n};

	submission_tell(x, &result);
	submission_drop(x);
	submission_end(x);
}

static void compare(struct submission *x, const struct http_result *res)
{
	struct differences d = {.n = 0};
	int r = sft_job_differences(x->job, res->body, res->len, add_difference, &d);

	if (r == -EBADMSG) { /* larger, or stranger, than any job that is compared */
		snprintf(x->text, sizeof(x->text),
			 "there is a job of this id, which cannot be read");
		submit_look_again(&x->state, clock_boot_now_ms() + UNREADABLE_MS);
	} else if (r < 0 || d.failed) { /* out of memory */
		submit_look_again(&x->state, clock_boot_now_ms() + MS_PER_S);
	} else if (d.n > 0) {
		is_another(x, &d);
	} else {
		submission_adopt(x, SUBMIT_OUTCOME_FOUND);
	}
	differences_done(&d);
}

/* --- questions and answers --- */

static void note_failure(struct submission *x, const struct http_result *res, const char *why)
{
	const char *key = x->account->rotated.value ? x->account->rotated.value
			  : x->account->config      ? x->account->config->api_key.value
						    : NULL;
	const char *const secrets[] = {key ? key : "", x->secret.value ? x->secret.value : "",
				       NULL};

	refusal_text(submitter_of(x)->parser, x->account->endpoint, secrets, res, why, WORDS_MAX,
		     x->text, sizeof(x->text));
}

/* A 404 in the API's own words, and not in a proxy's. */
static bool is_api(struct submission *x, const struct http_result *res)
{
	char message[8] = "";

	if (res->r == 0 && res->status == 404)
		job_json_error_message(submitter_of(x)->parser, res->body, res->len, message,
				       sizeof(message));
	return message[0] != '\0';
}

/* What the answer says; a job that is not the one that was asked for says nothing. */
static enum submit_reply read_reply(struct submission *x, const struct http_result *res)
{
	enum submit_reply reply =
		submit_reply_of(res->r, res->trouble, res->status, is_api(x, res));
	struct error e = ERROR_NONE;
	int r = 0;

	snapshot_unref(x->snapshot);
	x->snapshot = NULL;
	if (reply == SUBMIT_JOB) {
		r = job_json_parse(submitter_of(x)->parser, res->body, res->len, &x->name,
				   &x->snapshot, &e);
		if (r != 0)
			reply = SUBMIT_LOST;
	}
	/* What a GET did not find is no news; why the POST was refused is what there is to tell. */
	if (reply != SUBMIT_JOB && !(x->state.asked == SUBMIT_GET && reply == SUBMIT_ABSENT))
		note_failure(x, res, error_text(&e, r));
	return reply;
}

static void judge(struct submission *x, const struct http_result *res)
{
	uint64_t now_ms = clock_boot_now_ms();

	switch (submit_replied(&x->state, read_reply(x, res), res->retry_after_ms, now_ms,
			       entropy_u32())) {
	case SUBMIT_AGAIN:
		break;
	case SUBMIT_CREATED:
		submission_adopt(x, SUBMIT_OUTCOME_CREATED);
		break;
	case SUBMIT_FOUND:
		compare(x, res);
		break;
	case SUBMIT_NOT_CREATED:
		log_notice("%s was not created", x->full);
		submission_leave(x);
		break;
	case SUBMIT_NOT_ALLOWED:
		submission_refuse(x, SUBMIT_OUTCOME_NOT_ALLOWED);
		break;
	case SUBMIT_NOT_TAKEN:
		submission_refuse(x, SUBMIT_OUTCOME_REFUSED);
		break;
	}
}

static void pump(struct submitter *s);

static void take_answer(struct submission *x, const struct http_result *res)
{
	if (res->r != -ECANCELED) {
		judge(x, res);
	} else if (!submitter_of(x)->stopped) { /* else the next start finds out */
		snprintf(x->text, sizeof(x->text), "the account has left the configuration");
		submit_unasked(&x->state, clock_boot_now_ms() + ABSENT_MS);
	}
}

static void on_answer(void *user, const struct http_result *res)
{
	struct submission *x = user;
	struct submitter *s = submitter_of(x);

	x->post = NULL;
	if (!x->over)
		take_answer(x, res);
	config_secret_done(&x->secret);
	submission_release(x);
	pump(s);
}

static int ask_get(struct submission *x)
{
	char path[NAME_JOB_MAX + 8];

	snprintf(path, sizeof(path), "v1/%s", x->full);
	return poller_ask(x->owner->poller, x->account, path, on_answer, x);
}

static int ask_post(struct submission *x)
{
	_cleanup_buf_ struct buf body = BUF_INIT(SFT_BODY_MAX_BYTES);
	char path[2 * NAME_JOB_MAX];
	int r;

	snprintf(path, sizeof(path), "v1/accounts/%s/%s?supervisedFineTuningJobId=%s",
		 x->name.account, kind_info(KIND_SFT)->collection, x->name.id);
	r = sft_job_body(x->job, x->secret.value, &body);
	if (r == 0)
		r = poller_post(x->owner->poller, x->account, path, buf_str(&body), body.len,
				on_answer, x, &x->post);
	if (body.data)
		explicit_bzero(body.data, body.len);
	return r;
}

/* The W&B key is read when it is needed, so that one that was exchanged counts. */
static int read_secret(struct submission *x)
{
	struct error e = ERROR_NONE;
	int r;

	if (x->state.next != SUBMIT_POST || !sft_job_wants_wandb(x->job) || !x->account->config)
		return 0;
	r = config_read_wandb_key(x->account->config, &x->secret, &e);
	if (r == -ENOENT)
		snprintf(x->text, sizeof(x->text),
			 "wandbConfig is enabled: name a file with the W&B key in the account's "
			 "option wandb-api-key-file");
	else if (r < 0)
		snprintf(x->text, sizeof(x->text), "%s", error_text(&e, r));
	return r;
}

static void ask(struct submission *x)
{
	struct account *account = x->account;
	int r;

	if (read_secret(x) < 0) {
		submission_refuse(x, SUBMIT_OUTCOME_BAD);
		return;
	}
	/* What failed for the daemon before is tried again for a person, but for what the API wants. */
	if (!list_empty(&x->waiters) && account->blocked_by != TROUBLE_RATE_LIMITED)
		health_forgive(account);
	x->look = ++account->look;
	x->busy++;
	submit_asked(&x->state);
	r = x->state.asked == SUBMIT_POST ? ask_post(x) : ask_get(x);
	if (r == 0)
		return;
	x->busy--;
	config_secret_done(&x->secret);
	snprintf(x->text, sizeof(x->text), "%s",
		 r == -ECANCELED ? "the account is not in the configuration" : strerror(-r));
	submit_unasked(&x->state, clock_boot_now_ms() + ABSENT_MS);
}

/* --- time --- */

/* What was not sent yet is taken back when nobody waits any more. */
static void take_back(struct submission *x, uint64_t now_ms)
{
	if (!x->post || !poller_withdraw(x->post))
		return;
	x->post = NULL;
	x->busy--;
	config_secret_done(&x->secret);
	submit_unasked(&x->state, now_ms);
}

static const char *what_came_between(const struct submission *x)
{
	if (x->adopting)
		return "the job is there, and is watched as soon as that can be written down";
	if (!x->durable)
		return "it could not be written down in time";
	if (x->text[0])
		return x->text;
	if (x->post && poller_is_sent(x->post))
		return "the API has not answered yet";
	return x->account->sight.out ? x->account->sight.outage.last : "the API was not asked yet";
}

static void tell_late(struct submission *x, struct waiter *w)
{
	static const char unsure[] = "; whether it was created is not known yet, and is found out";
	char text[ERROR_TEXT_MAX + sizeof(unsure)];
	const struct submit_result late = {.outcome = SUBMIT_OUTCOME_TOO_LATE, .text = text};

	snprintf(text, sizeof(text), "%s%s", what_came_between(x),
		 submit_is_unsure(&x->state) && !x->adopting ? unsure : "");
	list_remove(&w->link);
	w->fn(w->user, &late);
	free(w);
}

static bool is_any_in_time(const struct submission *x, uint64_t now_ms)
{
	list_for_each (it, &x->waiters)
		if (!submit_is_late(&x->state, container_of(it, struct waiter, link)->deadline_ms,
				    now_ms))
			return true;
	return false;
}

static void look_at_deadlines(struct submission *x, uint64_t now_ms)
{
	if (list_empty(&x->waiters))
		return;
	if (!is_any_in_time(x, now_ms))
		take_back(x, now_ms);
	list_for_each_safe (it, &x->waiters) {
		struct waiter *w = container_of(it, struct waiter, link);

		if (submit_is_late(&x->state, w->deadline_ms, now_ms))
			tell_late(x, w);
	}
	if (list_empty(&x->waiters) && !x->adopting)
		submission_leave(x);
}

static void pump(struct submitter *s)
{
	uint64_t now_ms = clock_boot_now_ms();

	if (!s->owner.poller)
		return;
	list_for_each_safe (it, &s->owner.submissions)
		look_at_deadlines(container_of(it, struct submission, link), now_ms);
	list_for_each_safe (it, &s->owner.submissions) {
		struct submission *x = container_of(it, struct submission, link);

		if (x->durable && x->busy == 0 && x->state.at_ms <= now_ms)
			ask(x);
	}
	arm(s);
}

static void on_alarm(void *user)
{
	pump(user);
}

/* --- new ones --- */

static struct submission *find(const struct submitter *s, const struct account *account,
			       const char *full)
{
	list_for_each (it, &s->owner.submissions) {
		struct submission *x = container_of(it, struct submission, link);

		if (x->account == account && strcmp(x->full, full) == 0)
			return x;
	}
	return NULL;
}

static void on_written(void *user, int r)
{
	struct submission *x = user;
	struct submitter *s = submitter_of(x);

	if (r < 0 && !x->over) { /* closing */
		submission_tell_text(x, SUBMIT_OUTCOME_STOPPED, "");
		submission_end(x);
	}
	x->durable = true;
	submission_release(x);
	pump(s);
}

/* A job of that name has been seen, and is not gone. */
static bool is_known(const struct account *account, const char *full)
{
	const struct job *job = map_get(&account->jobs, full);

	return job && job->snapshot && snapshot_phase(job->snapshot) != PHASE_REMOVED;
}

static bool has_room(const struct account *account, const struct job_name *name)
{
	char full[NAME_JOB_MAX];

	name_format_full(name, full);
	return account->jobs.n < JOB_MAX_PER_ACCOUNT || map_get(&account->jobs, full);
}

/* Who does not say whom to tell leaves that as it is. */
static const char *notify_of(const struct submit_order *order, const struct job_name *name)
{
	char full[NAME_JOB_MAX];
	const struct job *job;

	name_format_full(name, full);
	job = map_get(&order->account->jobs, full);
	if (!order->notify && job && job->override && job->override->chosen)
		return job->override->notify;
	return order->notify;
}

static int begin(struct submitter *s, const struct submit_order *order, struct sft_job *job,
		 const struct job_name *name, submit_fn fn, void *user)
{
	struct submission *x;
	int r = has_room(order->account, name) ? submission_new(&s->owner, order->account, name,
								job, notify_of(order, name), &x)
					       : -ENOSPC;

	if (r < 0) {
		sft_job_free(job);
		return r;
	}
	submit_begin(&x->state, is_known(x->account, x->full), clock_boot_now_ms());
	r = submission_add_waiter(x, order->timeout_ms, fn, user);
	if (r == 0)
		r = submission_write(x, on_written);
	if (r < 0) {
		struct waiter *w = list_first(&x->waiters, struct waiter, link);

		if (w)
			list_remove(&w->link);
		free(w);
		submission_end(x);
		return r;
	}
	submission_foresee(x);
	arm(s);
	return 0;
}

/* One more chooses who hears of it: the last one counts. Too late once that is being written down. */
static int choose_again(struct submission *x, const char *notify)
{
	char *copy, *before = x->notify;
	int r;

	if (!notify || x->adopting || (before && strcmp(before, notify) == 0))
		return 0;
	copy = strdup(notify);
	if (!copy)
		return -ENOMEM;
	x->notify = copy;
	r = submission_write(x, on_written);
	if (r < 0)
		x->notify = before;
	free(r < 0 ? copy : before);
	if (r == 0)
		submission_foresee(x);
	return r;
}

/* The same is being created already: one more waits for it. */
static int join(struct submission *x, struct sft_job *job, const struct submit_order *order,
		submit_fn fn, void *user)
{
	char identity[NAME_ID_MAX + 1];
	int r = sft_job_id(job, order->account->id, identity);

	if (r == 0 && list_empty(&x->waiters)) {
		/* Not all of what it was is known after a restart; what is wanted now is. */
		memcpy(x->identity, identity, sizeof(identity));
		sft_job_free(x->job);
		x->job = TAKE_PTR(job);
	}
	sft_job_free(job);
	if (r == 0 && strcmp(identity, x->identity) != 0)
		r = -EEXIST;
	if (r == 0)
		r = choose_again(x, order->notify);
	if (r == 0)
		r = submission_add_waiter(x, order->timeout_ms, fn, user);
	if (r < 0)
		return r;
	submit_join(&x->state, clock_boot_now_ms());
	arm(submitter_of(x));
	return 0;
}

int submitter_submit(struct submitter *s, const struct submit_order *order, submit_fn fn,
		     void *user)
{
	struct job_name name = {.kind = KIND_SFT};
	char full[NAME_JOB_MAX];
	struct submission *x;
	int r = 0;

	snprintf(name.account, sizeof(name.account), "%s", order->account->id);
	if (s->stopped)
		r = -ESHUTDOWN;
	else if (order->id)
		snprintf(name.id, sizeof(name.id), "%s", order->id);
	else
		r = sft_job_id(order->job, order->account->id, name.id);
	if (r < 0) {
		sft_job_free(order->job);
		return r;
	}
	name_format_full(&name, full);
	x = find(s, order->account, full);
	return x ? join(x, order->job, order, fn, user)
		 : begin(s, order, order->job, &name, fn, user);
}

static void ignore_fault(void *user, unsigned line, enum sft_severity severity, const char *text)
{
}

int submitter_restore(struct submitter *s, struct account *account, const struct job_name *name,
		      const char *body, const char *notify)
{
	struct submission *x;
	struct sft_job *job;
	int r = sft_json_check(body, strlen(body), ignore_fault, NULL, &job);

	if (r == -EBADMSG) {
		log_warning("what was to be created as %s cannot be read any more", name->id);
		return 0;
	}
	if (r < 0)
		return r;
	r = submission_new(&s->owner, account, name, job, notify, &x);
	if (r < 0) {
		sft_job_free(job);
		return r == -EUSERS ? 0 : r; /* it stays in the store */
	}
	x->durable = true;
	submission_foresee(x);
	submit_restore(&x->state);
	log_notice("whether %s was created is not known, and is found out", x->full);
	return 0;
}

/* --- life --- */

int submitter_new(uv_loop_t *loop, struct config *const *config, struct committer *committer,
		  struct observer *observer, struct submitter **ret, struct error *ret_e)
{
	struct submitter *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->owner = (struct submission_owner){.config = config,
					     .committer = committer,
					     .observer = observer};
	list_init(&s->owner.submissions);
	r = job_json_new(&s->parser);
	if (r == 0)
		r = alarm_new(loop, on_alarm, s, &s->alarm);
	if (r < 0) {
		job_json_free(s->parser);
		free(s);
		return error_set(ret_e, r, "no timer for submissions: %s", strerror(-r));
	}
	*ret = s;
	return 0;
}

void submitter_start(struct submitter *s, struct poller *poller)
{
	s->owner.poller = poller;
	pump(s);
}

void submitter_stop(struct submitter *s)
{
	s->stopped = true;
	s->owner.poller = NULL;
	alarm_set(s->alarm, UINT64_MAX);
	list_for_each (it, &s->owner.submissions)
		submission_tell_text(container_of(it, struct submission, link),
				     SUBMIT_OUTCOME_STOPPED, "");
}

void submitter_close(struct submitter *s)
{
	struct submission *x;

	if (!s)
		return;
	while ((x = list_first(&s->owner.submissions, struct submission, link)))
		submission_end(x);
	alarm_close(s->alarm);
	job_json_free(s->parser);
	free(s);
}
