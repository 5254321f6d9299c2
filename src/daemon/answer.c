/* What an answer of the API means. */
#include "daemon/answer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "codec/active_filter.h"
#include "daemon/listing.h"
#include "daemon/planning.h"
#include "daemon/refusal.h"

#define MESSAGE_MAX 160 /* bytes of the server's own words that are shown */
/* Nothing can be kept now: the lists are not asked for so long, or one interval if shorter. */
#define NOT_TAKEN_MS (30 * MS_PER_S)

/* --- failures --- */

static void failure_text(struct answers *a, const struct question *q, const struct http_result *res,
			 const struct error *e, char *ret, size_t size)
{
	const char *const secrets[] = {q->key ? q->key : "", NULL};

	refusal_text(a->parser, q->account->endpoint, secrets, res, error_text(e, -EBADMSG),
		     MESSAGE_MAX, ret, size);
}

/* What stands between an answer and its body. */
static enum trouble trouble_of(const struct http_result *res)
{
	return res->r < 0 ? res->trouble : trouble_of_status(res->status);
}

/* Asks for it again: as soon as the account may be asked, or when it is due. */
static void plan_again(struct answers *a, const struct question *q)
{
	const struct account *account = q->account;
	uint64_t now_ms = clock_boot_now_ms();

	switch (q->type) {
	case QUESTION_JOB:
		planning_again(a->config, q->job, now_ms);
		if (account->blocked_until_ms > now_ms)
			planning_soon(q->job, now_ms);
		else if (q->collection->alone)
			planning_spare(q->job, q->collection->plan.blocked_until_ms);
		break;
	case QUESTION_PAGE:
		listing_forget(&q->collection->listings[q->list]); /* from the first page again */
		break;
	case QUESTION_LOOKUP:
		q->account->lookup_ms = account->blocked_until_ms > now_ms
						? now_ms
						: now_ms + a->config->poll_interval_ms;
		break;
	case QUESTION_ACCOUNT:
	case QUESTION_ASK:
		break;
	}
}

/* Where the lists of a collection are refused, its jobs mostly are, too. */
static bool is_of_collection(const struct question *q)
{
	return q->type == QUESTION_PAGE || (q->type == QUESTION_JOB && q->collection->alone);
}

static enum trouble fail(struct answers *a, const struct question *q, const struct http_result *res,
			 enum trouble trouble, const struct error *e)
{
	char text[OUTAGE_TEXT_MAX];
	const struct failure f = {.account = q->account,
				  .collection = is_of_collection(q) ? q->collection : NULL,
				  .job = is_of_collection(q) ? NULL : q->job,
				  .trouble = trouble,
				  .text = text,
				  .retry_after_ms = res->retry_after_ms};

	failure_text(a, q, res, e, text, sizeof(text));
	if (q->type == QUESTION_JOB)
		job_set_error(q->job, text);
	if (q->type == QUESTION_PAGE && q->list == PLAN_ALL) {
		q->collection->unfinished = true;
		q->collection->plan.whole.last_ms = 0; /* so that it is known when it works again */
	}
	health_failed(&a->health, &f);
	plan_again(a, q);
	return trouble;
}

/* --- a job --- */

/* 404 in the API's own words; anybody else's 404 says nothing about a job. */
static bool is_not_found(struct answers *a, const struct http_result *res)
{
	char message[8];

	if (res->r < 0 || res->status != 404)
		return false;
	job_json_error_message(a->parser, res->body, res->len, message, sizeof(message));
	return message[0] != '\0';
}

static void job_not_found(struct answers *a, struct job *job, uint32_t look)
{
	struct observation *b = NULL;

	job->look = look; /* what an older answer shows of it is from before */
	observation_begin(a->observer, job->account, &b);
	health_answered(&a->health, job->account, NULL, b);
	if (!job->snapshot) {
		if (!job->last_error)
			log_warning("%s is watched, but the API does not know it (HTTP 404)",
				    job->name);
		job_set_error(job, "the API does not know this job (HTTP 404)");
		job->missing = (uint8_t)MIN(job->missing + 1, 2);
	} else if (job->missing == 0) {
		job->missing = 1;
	} else if (snapshot_phase(job->snapshot) != PHASE_REMOVED && b &&
		   observation_gone(b, job) < 0) {
		log_err("out of memory: that %s is gone is noticed at the next poll", job->name);
	}
	if (b)
		observation_end(b);
	planning_again(a->config, job, clock_boot_now_ms());
}

/* The server refused the readMask, or may not understand it: whole jobs from now on. */
static void without_mask(struct collection *c, const char *why)
{
	if (!c->unmasked && why)
		log_info("account %s: whole %s jobs are asked for: %s", c->account->id,
			 kind_info(c->kind)->name, why);
	c->unmasked = true;
}

static bool refused(const struct http_result *res)
{
	return res->r == 0 && res->status == 400;
}

/*
 * What the observer said of a job goes to the planner. 0; 1 when the answer was not taken in: it was
 * overtaken, or the job must wait for the account's answer, and is seen again when that is there.
 */
static int plan_seen(struct answers *a, const struct question *q, struct job *job, bool changed,
		     int r)
{
	uint8_t lists = q->type == QUESTION_PAGE ? plan_bit(q->list) : 0;
	uint64_t now_ms = clock_boot_now_ms();

	if (r == 0 && job) {
		if (job->doubted)
			listing_contradicted(q->collection, job);
		planning_seen(a->config, job, changed, lists, now_ms);
	} else if (r == -EAGAIN) {
		planning_untaken(a->config, job, now_ms + 2 * QUESTION_ACCOUNT_MS);
		return 1;
	} else if (r == -ESTALE) {
		return 1;
	}
	return r;
}

/* Takes one job in: 0, 1, -ENOMEM, -ENOSPC. */
static int take_job(struct answers *a, const struct question *q, struct observation *b,
		    const struct job_name *name, struct snapshot *snapshot, struct job **ret_job)
{
	int r = observation_job(b, q->look, name, snapshot, ret_job);

	return plan_seen(a, q, *ret_job, true, r);
}

static enum trouble job_answered(struct answers *a, const struct question *q,
				 const struct http_result *res)
{
	_cleanup_snapshot_ struct snapshot *snapshot = NULL;
	struct job *job = q->job;
	struct error e = ERROR_NONE;
	struct job_name name;
	struct observation *b;
	int r;

	if (q->masked && refused(res)) {
		without_mask(q->collection, "the API refuses readMask");
		answers_dropped(a, q);
		return TROUBLE_NONE;
	}
	if (is_not_found(a, res)) {
		job_not_found(a, job, q->look);
		return TROUBLE_NONE;
	}
	if (trouble_of(res) != TROUBLE_NONE)
		return fail(a, q, res, trouble_of(res), &e);
	job_parse_name(job, &name);
	r = job_json_parse(a->parser, res->body, res->len, &name, &snapshot, &e);
	if (r != 0)
		return fail(a, q, res, r > 0 ? (enum trouble)r : TROUBLE_NOT_API, &e);
	if (q->masked && !job_json_mask_held(snapshot)) {
		without_mask(q->collection, "fields are missing with readMask");
		answers_dropped(a, q);
		return TROUBLE_NONE;
	}
	q->collection->mask_held |= q->masked;
	r = observation_begin(a->observer, job->account, &b);
	health_answered(&a->health, job->account, NULL, r == 0 ? b : NULL);
	if (r < 0) {
		planning_again(a->config, job, clock_boot_now_ms());
		return TROUBLE_NONE;
	}
	r = take_job(a, q, b, &name, snapshot, &job);
	if (r < 0) {
		log_err("out of memory: %s is looked at again at its next poll", q->job->name);
		planning_again(a->config, q->job, clock_boot_now_ms());
	} else if (r > 0 && !heap_node_in(&q->job->plan.due)) {
		planning_again(a->config, q->job, clock_boot_now_ms()); /* overtaken */
	}
	observation_end(b);
	return TROUBLE_NONE;
}

/* --- a page --- */

struct page {
	struct answers *answers;
	const struct question *question;
	struct observation *b;      /* NULL while the store takes nothing */
	struct page_record *record; /* of what is in it; NULL: it is not worth to be kept */
	size_t untaken;             /* jobs there was no room for */
	struct listing_page shown;
	uint32_t known;    /* of these, the ones that were known before */
	int64_t oldest_us; /* createTime of the last one */
	bool misread;      /* asked for with a readMask, which was not understood */
	bool unordered;    /* asked for newest first, and is not */
	bool unfiltered;   /* asked for with a filter, and holds what that leaves out */
};

static bool is_ordered(struct page *page, const struct snapshot *s)
{
	int64_t before_us = page->oldest_us;

	return clock_parse_rfc3339(snapshot_text(s, TEXT_CREATE_TIME), &page->oldest_us) == 0 &&
	       (page->shown.n == 0 || page->oldest_us <= before_us);
}

static int on_page_job(void *user, const struct job_name *name, struct snapshot *snapshot)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot;
	struct page *page = user;
	const struct question *q = page->question;
	struct job *job;
	int r;

	page->misread = q->masked && !job_json_mask_held(s);
	page->unordered = q->list == PLAN_NEWEST && !is_ordered(page, s);
	page->unfiltered = q->list == PLAN_ACTIVE && !active_filter_passes(name->kind, s);
	if (page->misread || page->unordered || page->unfiltered)
		return -ENODATA;
	page->shown.n++;
	page->shown.active += active_filter_passes(name->kind, s);
	if (!page->b)
		return 0;
	r = take_job(page->answers, q, page->b, name, s, &job);
	if (r < 0)
		page->untaken++;
	else
		page->known += !job || job->gap_ms > 0;
	/* What is not as the page has it must be looked at again, whatever the page says then. */
	if (r != 0 ||
	    (job && page->record && page_record_add(page->record, job, job->snapshot) < 0))
		page->record = page_record_free(page->record);
	return 0;
}

/* The page is as it was, and so are its jobs. */
static void take_same(struct page *page, const struct page_record *known)
{
	for (uint32_t i = 0; i < known->n; i++) {
		struct job *job = known->jobs[i].job;
		int r = observation_same(page->b, page->question->look, job);

		if (plan_seen(page->answers, page->question, job, false, r) < 0)
			page->untaken++;
	}
	page->shown = known->shown;
	page->known = known->shown.n;
}

static void note_untaken(struct account *account, size_t untaken)
{
	if (untaken && !account->dropped_jobs)
		log_err("account %s: %zu jobs found no room; %d are watched at most", account->id,
			untaken, JOB_MAX_PER_ACCOUNT);
	account->dropped_jobs += untaken;
}

/*
 * The server answered 400: it does not take one of the parameters that may be missing. Which one
 * follows from what it has taken before; else the readMask, which every list has, goes first.
 */
static bool gives_way(const struct question *q)
{
	static const char *const whys[PLAN_LISTS] = {
		[PLAN_ACTIVE] = "the API refuses the filter on state",
		[PLAN_NEWEST] = "the API refuses orderBy",
	};
	struct collection *c = q->collection;

	if (q->masked && !c->mask_held) {
		listing_forget(&c->listings[q->list]);
		without_mask(c, "the API refuses readMask");
	} else if (whys[q->list] && !c->listings[q->list].token) {
		listing_refused(c, q->list, whys[q->list]);
	} else {
		return false;
	}
	return true;
}

/* What was asked for is not what came: the next request does without. */
static void misunderstood(const struct question *q, const struct page *page)
{
	struct collection *c = q->collection;

	if (page->unfiltered) {
		listing_refused(c, q->list, "the API ignores the filter on state");
	} else if (page->unordered) {
		listing_refused(c, q->list, "the API ignores orderBy");
	} else {
		/* Nothing at all says nothing about the server, so nothing is said. */
		without_mask(c, page->misread ? "fields are missing with readMask" : NULL);
		listing_forget(&c->listings[q->list]);
	}
}

/* The list goes on, or has come to its end. 0, -ENOMEM, or TROUBLE_NOT_API. */
static int turn_page(struct answers *a, const struct question *q, const struct page *page,
		     const char *token, struct error *e)
{
	struct collection *c = q->collection;
	struct listing *l = &c->listings[q->list];
	bool untaken = !page->b || page->untaken > 0;

	l->partial |= untaken;
	c->mask_held |= q->masked && page->shown.n > 0;
	if (token[0] && q->list != PLAN_NEWEST)
		return listing_goes_on(c, q->list, &page->shown, token, e);
	/* A list whose end cannot be reached is out of sight, however often it begins well, and
	   whatever the others say: these do not show all jobs. */
	c->unfinished &= q->list != PLAN_ALL;
	health_answered(&a->health, c->account, c->unfinished ? NULL : c, page->b);
	/* One that a reload made partial is read again at once. */
	if (untaken)
		c->plan.blocked_until_ms = clock_boot_now_ms() + MIN(c->wanted_ms, NOT_TAKEN_MS);
	/* More new jobs than fit on it: the rest stands behind. */
	if (token[0] && page->known == 0 && !c->baseline)
		planning_list_again(c);
	listing_ends(a->config, c, q->list, &page->shown, page->b);
	return 0;
}

/*
 * Reads the page, or knows it again. 0; -ENODATA when it is not what was asked for; -ENOMEM; a positive
 * enum trouble.
 */
static int read_page(struct page *page, const struct http_result *res, struct job_json_page *ret,
		     struct error *e)
{
	const struct question *q = page->question;
	struct collection *c = q->collection;
	struct page_memory *memory = &c->pages[q->list];
	uint32_t place = listing_place(c, q->list);
	uint8_t digest[HASH_SHA256_BYTES];
	const struct page_record *known;
	int r = hash_sha256(res->body, res->len, digest);

	if (r < 0)
		return r;
	known = page->b ? page_memory_find(memory, place, digest) : NULL;
	if (known) {
		take_same(page, known);
		snprintf(ret->token, sizeof(ret->token), "%s", known->token);
		ret->listed = true;
		return 0;
	}
	if (page->b)
		page_record_new(digest, &page->record); /* without it, it is parsed each time */
	r = job_json_parse_page(page->answers->parser, res->body, res->len, c->account->id, c->kind,
				on_page_job, page, ret, e);
	if (r == 0)
		page->shown.total = ret->total;
	if (r == 0 && page->record) {
		page->record->token = strdup(ret->token);
		page->record->shown = page->shown;
		page_record_end(page->record);
	}
	if (r != 0 || !page->record || !page->record->token)
		page->record = page_record_free(page->record);
	page_memory_keep(memory, place, page->record);
	page->record = NULL;
	return r;
}

static enum trouble page_answered(struct answers *a, const struct question *q,
				  const struct http_result *res)
{
	struct collection *c = q->collection;
	struct job_json_page parsed;
	struct error e = ERROR_NONE;
	struct page page = {.answers = a, .question = q};
	enum trouble trouble = TROUBLE_NONE;
	int r;

	if (refused(res) && gives_way(q))
		return TROUBLE_NONE;
	if (trouble_of(res) != TROUBLE_NONE)
		return fail(a, q, res, trouble_of(res), &e);
	if (observation_begin(a->observer, c->account, &page.b) < 0)
		page.b = NULL;
	r = read_page(&page, res, &parsed, &e);
	/* No list at all may be a mask that was taken to be of the page, not of its jobs. */
	if (r == 0 && q->masked && !parsed.listed && !c->listings[q->list].token)
		r = -ENODATA;
	if (r == 0)
		r = turn_page(a, q, &page, parsed.token, &e);
	if (r == -ENODATA)
		misunderstood(q, &page);
	else if (r != 0)
		trouble = fail(a, q, res, r > 0 ? (enum trouble)r : TROUBLE_NOT_API, &e);
	note_untaken(c->account, page.untaken);
	if (page.b)
		observation_end(page.b);
	return trouble;
}

/* --- accounts --- */

static enum trouble lookup_answered(struct answers *a, const struct question *q,
				    const struct http_result *res, struct account **ret_found)
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
	health_answered(&a->health, account, NULL, NULL);
	log_notice("the key belongs to account %s", id);
	found->config = account->config;
	found->index = account->index;
	account->config = NULL;
	account->lookup_ms = UINT64_MAX;
	*ret_found = found;
	return TROUBLE_NONE;
}

/* Why its jobs are paused; without an answer they are told of without a reason. */
static enum trouble account_answered(struct answers *a, const struct question *q,
				     const struct http_result *res)
{
	struct account *account = q->account;
	struct error e = ERROR_NONE;

	account->suspend_ms = clock_boot_now_ms();
	account->suspend_state[0] = '\0';
	if (trouble_of(res) == TROUBLE_NONE)
		job_json_parse_account(a->parser, res->body, res->len, account->suspend_state, &e);
	map_for_each (&account->jobs, struct job, job)
		if (job->why_ms)
			planning_soon(job, account->suspend_ms);
	return TROUBLE_NONE;
}

enum trouble answers_take(struct answers *a, const struct question *q,
			  const struct http_result *res, struct account **ret_found)
{
	*ret_found = NULL;
	switch (q->type) {
	case QUESTION_JOB:
		return job_answered(a, q, res);
	case QUESTION_PAGE:
		return page_answered(a, q, res);
	case QUESTION_LOOKUP:
		return lookup_answered(a, q, res, ret_found);
	case QUESTION_ACCOUNT:
		return account_answered(a, q, res);
	case QUESTION_ASK:
		break;
	}
	return TROUBLE_NONE;
}

void answers_unsent(struct answers *a, const struct question *q, const char *text)
{
	const struct failure f = {.account = q->account, .trouble = TROUBLE_CONNECT, .text = text};

	health_failed(&a->health, &f);
	plan_again(a, q);
}

void answers_dropped(struct answers *a, const struct question *q)
{
	switch (q->type) {
	case QUESTION_JOB:
		planning_again(a->config, q->job, clock_boot_now_ms());
		planning_soon(q->job, clock_boot_now_ms());
		break;
	case QUESTION_PAGE:
		/* The same page again: its token is still there. */
		q->collection->listings[q->list].pages--;
		if (q->collection->listings[q->list].token)
			q->collection->plan.walking |= plan_bit(q->list);
		break;
	case QUESTION_LOOKUP:
		q->account->lookup_ms = clock_boot_now_ms();
		break;
	case QUESTION_ACCOUNT:
		q->account->suspend_wanted = true;
		break;
	case QUESTION_ASK:
		break;
	}
}
