/* What an answer of the API means. */
#include "daemon/answer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "io/entropy.h"
#include "model/schedule.h"

#define ANSWER_MESSAGE_MAX 160  /* bytes of the server's own words that are shown */
#define ANSWER_KEY_MAX     8192 /* of a key, see config/keys.c */
#define ANSWER_PAGES_MAX   1000 /* of one listing: as many jobs as an account may have */
#define ANSWER_EMPTY_MAX   10   /* pages without a job, one after the other */

/* --- the account's sight --- */

/* Time asleep is no outage: after it, somebody has to look first. */
static uint64_t awake_now_ms(void)
{
	return clock_monotonic_now_us() / US_PER_MS;
}

/* Replaces every occurrence of the key, which a server may echo. */
static void scrub(char *text, const char *key)
{
	size_t len = key ? strlen(key) : 0;

	if (len == 0)
		return;
	for (char *at = text; (at = strstr(at, key));)
		memset(at, '*', len);
}

/* `b` is NULL for an account of which nobody knows whose it is: no event can be about it. */
static void tell_sight(struct account *account, enum sight_verdict verdict, struct observation *b)
{
	const struct outage *outage = &account->sight.outage;
	char span[CLOCK_SPAN_MAX];

	if (b && observation_sight(b, verdict) < 0)
		log_err("out of memory: no event tells that account %s is %s",
			account_name(account),
			verdict == SIGHT_DEGRADED ? "out of sight" : "in sight again");
	if (verdict == SIGHT_DEGRADED) {
		log_warning("account %s is out of sight (%s): %s", account_name(account),
			    trouble_name(outage->trouble), outage->last);
	} else {
		clock_format_span_ms((uint64_t)((outage->until_us - outage->since_us) / US_PER_S) *
					     MS_PER_S,
				     span);
		log_notice("account %s is in sight again after %s", account_name(account), span);
	}
}

uint64_t answers_check_sight(struct answers *a, struct account *account, uint64_t now_ms)
{
	uint64_t due_ms = sight_due_ms(&account->sight, a->config->degraded_after_ms);
	uint64_t awake_ms = awake_now_ms();
	struct observation *b = NULL;

	if (due_ms == UINT64_MAX)
		return due_ms;
	if (awake_ms < due_ms)
		return now_ms + (due_ms - awake_ms);
	/* While the store takes nothing, the event waits. */
	if (account->id[0] && observation_begin(a->observer, account, &b) < 0)
		return now_ms + MS_PER_S;
	if (sight_check(&account->sight, a->config->degraded_after_ms, awake_ms) == SIGHT_DEGRADED)
		tell_sight(account, SIGHT_DEGRADED, b);
	if (b)
		observation_end(b);
	a->changed(a->user);
	return UINT64_MAX;
}

static void account_failed(struct answers *a, struct account *account, enum trouble trouble,
			   const char *text, uint64_t retry_after_ms)
{
	uint64_t now_ms = clock_boot_now_ms();
	bool first = !account->sight.out;

	account->failed++;
	sight_failed(&account->sight, trouble, text, awake_now_ms(), clock_real_now_us());
	/* Requests that were under way together fail together, which is one failure. */
	if (now_ms >= account->blocked_until_ms)
		account->failures++;
	if (trouble_blocks_account(trouble, account->failures))
		/* One more, for the part of a millisecond that `now` leaves out: never too early. */
		account->blocked_until_ms =
			MAX(account->blocked_until_ms,
			    now_ms + 1 +
				    schedule_backoff_ms(account->failures, retry_after_ms,
							entropy_u32()));
	if (first)
		a->changed(a->user);
	/* Where one list is refused and the others are not, each round fails and recovers. */
	if ((first || !account->logged[0]) && strcmp(text, account->logged) != 0) {
		log_msg(trouble == TROUBLE_UNAUTHORIZED || trouble == TROUBLE_SUSPENDED
				? LOG_LEVEL_WARNING
				: LOG_LEVEL_INFO,
			"account %s: %s", account_name(account), text);
		snprintf(account->logged, sizeof(account->logged), "%s", text);
	}
}

static void account_answered(struct answers *a, struct account *account, struct observation *b)
{
	account->failures = 0;
	account->blocked_until_ms = 0;
	if (!account->sight.out)
		return;
	/* An outage that was announced ends with an event, so it lasts until one can be kept. */
	if (account->sight.announced && account->id[0] && !b)
		return;
	if (sight_succeeded(&account->sight, clock_real_now_us()) == SIGHT_RESTORED)
		tell_sight(account, SIGHT_RESTORED, b);
	a->changed(a->user);
}

/* --- answers --- */

/*
 * A failure in one sentence: "HTTP 503 from api.fireworks.ai: try later". What the server says is
 * scrubbed while there is more of it than will be shown: a key must not be cut before it is found.
 */
static void failure_text(struct answers *a, const struct question *q, const struct http_result *res,
			 const struct error *e, char *ret, size_t size)
{
	char host[256], message[ANSWER_MESSAGE_MAX + ANSWER_KEY_MAX] = "";

	if (res->r < 0) {
		snprintf(ret, size, "%s", res->text);
		return;
	}
	if (http_url_host(q->account->endpoint, host, sizeof(host)) < 0)
		snprintf(host, sizeof(host), "the API");
	if (res->status != 200)
		job_json_error_message(a->parser, res->body, res->len, message, sizeof(message));
	else
		snprintf(message, sizeof(message), "%s", error_text(e, -EBADMSG));
	scrub(message, q->key);
	message[utf8_cut(message, ANSWER_MESSAGE_MAX)] = '\0';
	utf8_snprintf(ret, size, "HTTP %ld from %s%s%s", res->status, host, message[0] ? ": " : "",
		      message);
}

/* What stands between an answer and its body. */
static enum trouble trouble_of(const struct http_result *res)
{
	return res->r < 0 ? res->trouble : trouble_of_status(res->status);
}

static enum answer_outcome fail(struct answers *a, const struct question *q,
				const struct http_result *res, enum trouble trouble,
				const struct error *e)
{
	char text[OUTAGE_TEXT_MAX];

	failure_text(a, q, res, e, text, sizeof(text));
	if (q->poll->type == POLL_JOB)
		job_set_error(poll_job(q->poll), text);
	account_failed(a, q->account, trouble, text, res->retry_after_ms);
	return ANSWER_FAILED;
}

/* 404 in the API's own words; anybody else's 404 says nothing about a job. */
static bool is_not_found(struct answers *a, const struct http_result *res)
{
	char message[8];

	if (res->r < 0 || res->status != 404)
		return false;
	job_json_error_message(a->parser, res->body, res->len, message, sizeof(message));
	return message[0] != '\0';
}

static void job_not_found(struct answers *a, struct job *job)
{
	struct observation *b = NULL;

	observation_begin(a->observer, job->account, &b);
	account_answered(a, job->account, b);
	if (!job->snapshot) {
		if (!job->last_error)
			log_warning("%s is watched, but the API does not know it (HTTP 404)",
				    job->name);
		job_set_error(job, "the API does not know this job (HTTP 404)");
	} else if (snapshot_phase(job->snapshot) == PHASE_REMOVED) {
		job->confirm = false;
	} else if (job->missing == 0) {
		job->missing = 1;
	} else if (b && observation_gone(b, job) < 0) {
		log_err("out of memory: that %s is gone is noticed at the next poll", job->name);
	}
	if (b)
		observation_end(b);
}

/* The server refused the readMask, or may not understand it: whole jobs from now on. */
static enum answer_outcome without_mask(struct collection *c, const char *why)
{
	if (!c->whole && why)
		log_info("account %s: whole %s jobs are asked for: %s", c->account->id,
			 kind_info(c->kind)->name, why);
	c->whole = true;
	return ANSWER_AGAIN;
}

static bool mask_refused(const struct question *q, const struct http_result *res)
{
	return q->masked && res->r == 0 && res->status == 400;
}

static enum answer_outcome job_answered(struct answers *a, const struct question *q,
					const struct http_result *res)
{
	_cleanup_snapshot_ struct snapshot *snapshot = NULL;
	struct job *job = poll_job(q->poll);
	struct collection *c = &job->account->collections[job->kind];
	struct error e = ERROR_NONE;
	struct job_name name;
	struct observation *b;
	int r;

	if (mask_refused(q, res))
		return without_mask(c, "the API refuses readMask");
	if (is_not_found(a, res)) {
		job_not_found(a, job);
		return ANSWER_DONE;
	}
	if (trouble_of(res) != TROUBLE_NONE)
		return fail(a, q, res, trouble_of(res), &e);
	job_parse_name(job, &name);
	r = job_json_parse(a->parser, res->body, res->len, &name, &snapshot, &e);
	if (r != 0)
		return fail(a, q, res, r > 0 ? (enum trouble)r : TROUBLE_NOT_API, &e);
	if (q->masked && !job_json_mask_held(snapshot))
		return without_mask(c, "fields are missing with readMask");
	r = observation_begin(a->observer, job->account, &b);
	account_answered(a, job->account, r == 0 ? b : NULL);
	if (r < 0)
		return ANSWER_DONE;
	if (observation_job(b, &name, snapshot, NULL) < 0)
		log_err("out of memory: %s is looked at again at its next poll", job->name);
	observation_end(b);
	return ANSWER_DONE;
}

struct page {
	struct observation *b; /* NULL while the store takes nothing */
	size_t untaken;        /* jobs there was no room for */
	size_t n;              /* jobs in it */
	bool masked, misread;  /* asked for with a readMask; which was not understood */
};

static int on_page_job(void *user, const struct job_name *name, struct snapshot *snapshot)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot;
	struct page *page = user;

	page->misread = page->masked && !job_json_mask_held(s);
	if (page->misread)
		return -ENODATA;
	page->n++;
	if (page->b && observation_job(page->b, name, s, NULL) < 0)
		page->untaken++;
	return 0;
}

/* Jobs of the kind that a complete list did not hold are asked for by name. */
static void confirm_missing(struct collection *c)
{
	map_for_each (&c->account->jobs, struct job, job) {
		if (job->kind != c->kind || job->cycle == c->cycle || !job->snapshot ||
		    job->named || !(job->watches & c->watches) || job->confirm ||
		    snapshot_phase(job->snapshot) == PHASE_REMOVED)
			continue;
		job->confirm = true;
	}
}

static void forget_token(struct collection *c)
{
	free(c->token);
	free(c->landmark);
	c->token = c->landmark = NULL;
}

/* Keeps the token of the page that comes next. */
static int keep_token(struct collection *c, const char *token, size_t n_jobs, struct error *e)
{
	bool landmark = (c->pages & (c->pages - 1)) == 0;
	char *copy;

	c->empty_pages = n_jobs ? 0 : c->empty_pages + 1;
	/* Brent's way: a cycle of tokens meets one that was kept when the pages were a power of 2. */
	if (c->pages >= ANSWER_PAGES_MAX || c->empty_pages > ANSWER_EMPTY_MAX ||
	    (c->landmark && strcmp(c->landmark, token) == 0))
		return error_set(e, TROUBLE_NOT_API, "the list does not end");
	copy = strdup(token);
	if (!copy)
		return -ENOMEM;
	if (landmark) {
		free(c->landmark);
		c->landmark = strdup(token); /* without it, the number of pages decides */
	}
	free(c->token);
	c->token = copy;
	return 0;
}

static void note_untaken(struct account *account, size_t untaken)
{
	if (untaken && !account->dropped_jobs)
		log_err("account %s: %zu jobs found no room; %d are watched at most", account->id,
			untaken, JOB_MAX_PER_ACCOUNT);
	account->dropped_jobs += untaken;
}

static enum answer_outcome list_complete(struct collection *c, struct page *page)
{
	forget_token(c);
	if (c->partial)
		return ANSWER_DONE; /* the next one says what there is */
	if (observation_baseline(page->b, c) < 0)
		log_err("out of memory: the baseline of account %s is taken again", c->account->id);
	confirm_missing(c);
	return ANSWER_LISTED;
}

/* From the first page: the parameters of a listing must not change on its way. */
static enum answer_outcome list_without_mask(struct collection *c, const char *why)
{
	forget_token(c);
	return without_mask(c, why);
}

static enum answer_outcome page_answered(struct answers *a, const struct question *q,
					 const struct http_result *res)
{
	struct collection *c = poll_collection(q->poll);
	enum answer_outcome outcome = ANSWER_DONE;
	char token[JOB_JSON_TOKEN_MAX] = "";
	struct error e = ERROR_NONE;
	struct page page = {.masked = q->masked};
	int r;

	if (mask_refused(q, res))
		return list_without_mask(c, "the API refuses readMask");
	if (trouble_of(res) != TROUBLE_NONE) {
		forget_token(c); /* from the first page again */
		return fail(a, q, res, trouble_of(res), &e);
	}
	if (observation_begin(a->observer, c->account, &page.b) < 0)
		page.b = NULL;
	r = job_json_parse_page(a->parser, res->body, res->len, c->account->id, c->kind,
				on_page_job, &page, token, NULL, &e);
	/* Nothing at all may be a mask that was taken to be of the page, not of its jobs. */
	if (r == 0 && q->masked && page.n == 0 && !c->token)
		r = -ENODATA;
	if (r == 0 && token[0])
		r = keep_token(c, token, page.n, &e);
	if (r == -ENODATA) {
		outcome = list_without_mask(c, page.misread ? "fields are missing with readMask"
							    : NULL);
	} else if (r != 0) {
		outcome = fail(a, q, res, r > 0 ? (enum trouble)r : TROUBLE_NOT_API, &e);
		forget_token(c);
	} else {
		note_untaken(c->account, page.untaken);
		c->partial |= !page.b || page.untaken;
		/* A list whose end cannot be reached is out of sight, however often it begins well. */
		if (!token[0])
			account_answered(a, c->account, page.b);
		outcome = token[0] ? ANSWER_NEXT_PAGE : list_complete(c, &page);
	}
	if (page.b)
		observation_end(page.b);
	return outcome;
}

static enum answer_outcome lookup_answered(struct answers *a, const struct question *q,
					   const struct http_result *res,
					   struct account **ret_account)
{
	struct account *account = q->account, *found;
	struct error e = ERROR_NONE;
	char id[NAME_ID_MAX + 1];
	int r;

	if (trouble_of(res) != TROUBLE_NONE)
		return fail(a, q, res, trouble_of(res), &e);
	r = job_json_parse_accounts(a->parser, res->body, res->len, id, &e);
	if (r == 0)
		r = accounts_get(a->accounts, account->endpoint, id, &found);
	if (r != 0)
		return fail(a, q, res, r > 0 ? (enum trouble)r : TROUBLE_HTTP, &e);
	account_answered(a, account, NULL);
	log_notice("the key belongs to account %s", id);
	found->config = account->config;
	found->index = account->index;
	account->config = NULL;
	*ret_account = found;
	return ANSWER_FOUND;
}

enum answer_outcome answers_take(struct answers *a, const struct question *q,
				 const struct http_result *res, struct account **ret_account)
{
	switch ((enum poll_type)q->poll->type) {
	case POLL_JOB:
		return job_answered(a, q, res);
	case POLL_COLLECTION:
		return page_answered(a, q, res);
	case POLL_LOOKUP:
		return lookup_answered(a, q, res, ret_account);
	case POLL_ACCOUNT:
		break;
	}
	return ANSWER_DONE;
}

void answers_unsent(struct answers *a, struct account *account, const char *text)
{
	account_failed(a, account, TROUBLE_CONNECT, text, 0);
}
