/* A list of a collection, from its first page to its last. */
#include "daemon/listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "codec/active_filter.h"
#include "daemon/planning.h"

#define PAGES_MAX   1000 /* of one listing: as many jobs as an account may have */
#define EMPTY_MAX   10   /* pages without a job, one after the other */
#define STRIKES_MAX 3    /* times in a row that a filter may leave out what it should show */
#define RELISTS_MAX 3    /* a first listing that jobs were shifted in is read again so often */

void listing_asked(struct collection *c, enum plan_list list, uint32_t look, uint64_t now_ms)
{
	struct listing *l = &c->listings[list];

	if (!l->token) {
		listing_forget(l);
		*l = (struct listing){.began_ms = now_ms,
				      .look = look,
				      .relists = l->relists,
				      .masked = !c->unmasked};
	}
	l->pages++;
	c->plan.flying |= plan_bit(list);
	c->plan.walking &= (uint8_t)~plan_bit(list);
}

static void note_size(struct collection *c, enum plan_list list, const struct listing_page *page)
{
	struct listing *l = &c->listings[list];

	l->shifted |= l->jobs > 0 && page->total != l->total;
	l->total = page->total;
	l->jobs += page->n;
	l->active += page->active;
	/* Of a list with a filter it is the number of those that pass. */
	if (list != PLAN_ACTIVE)
		c->plan.size = MAX(page->total, MAX(l->jobs, list == PLAN_ALL ? 0 : c->plan.size));
}

int listing_goes_on(struct collection *c, enum plan_list list, const struct listing_page *page,
		    const char *token, struct error *ret_e)
{
	struct listing *l = &c->listings[list];
	bool landmark = (l->pages & (l->pages - 1)) == 0;
	char *copy;

	l->empty_pages = page->n ? 0 : l->empty_pages + 1;
	/* Brent's way: a cycle of tokens meets one that was kept when the pages were a power of 2. */
	if (l->pages >= PAGES_MAX || l->empty_pages > EMPTY_MAX ||
	    (l->landmark && strcmp(l->landmark, token) == 0))
		return error_set(ret_e, TROUBLE_NOT_API, "the list does not end");
	copy = strdup(token);
	if (!copy)
		return -ENOMEM;
	if (landmark) {
		free(l->landmark);
		l->landmark = strdup(token); /* without it, the number of pages decides */
	}
	free(l->token);
	l->token = copy;
	note_size(c, list, page);
	c->plan.walking |= plan_bit(list);
	return 0;
}

/* --- what it did not hold --- */

static bool is_missed(const struct job *job, const struct collection *c, enum plan_list list,
		      uint32_t look)
{
	/* Of a hundred thousand jobs nearly all leave here: an answer has held them since it began. */
	if ((int32_t)(job->look - look) >= 0)
		return false;
	if (job->kind != c->kind || !job->snapshot || !job->watches ||
	    (job->doubted && list != PLAN_ALL) || job->hidden || job->missing > 0 ||
	    job->in_flight || snapshot_phase(job->snapshot) == PHASE_REMOVED)
		return false;
	return list != PLAN_ACTIVE || active_filter_passes(c->kind, job->snapshot);
}

static void doubt_missing(struct collection *c, enum plan_list list)
{
	const struct listing *l = &c->listings[list];
	bool any = false;

	map_for_each (&c->account->jobs, struct job, job) {
		/* What has left the active ones, other lists still show. */
		uint8_t others =
			list == PLAN_ACTIVE ? job->plan.shown & (uint8_t)~plan_bit(PLAN_ACTIVE) : 0;

		if (!is_missed(job, c, list, l->look))
			continue;
		if (plan_job_urge(&c->plan, &job->plan, others) < 0)
			continue; /* the next list will miss it again */
		any = true;
		/* Of several pages, jobs that came and went may have shifted it out of sight. */
		job->doubted = list == PLAN_ACTIVE && l->pages == 1 ? DOUBT_FILTER : DOUBT_LIST;
	}
	if (list == PLAN_ACTIVE && !any)
		c->strikes = 0; /* they count in a row */
}

void listing_contradicted(struct collection *c, struct job *job)
{
	if (job->doubted == DOUBT_LIST) {
		job->hidden = true;
		return;
	}
	if (!active_filter_passes(c->kind, job->snapshot)) {
		c->strikes = 0; /* that is why it was left out */
		return;
	}
	if (++c->strikes >= STRIKES_MAX)
		listing_refused(c, PLAN_ACTIVE, "the API's filter leaves out active jobs");
}

/* --- its end --- */

/* Jobs that nobody knew may have been skipped, and would be taken for new ones later. */
static bool must_be_read_again(struct collection *c)
{
	struct listing *l = &c->listings[PLAN_ALL];

	if (!l->shifted || !c->baseline || l->relists >= RELISTS_MAX) {
		l->relists = 0;
		return false;
	}
	l->relists++;
	return true;
}

static void whole_list_ends(struct collection *c, struct observation *b)
{
	if (observation_baseline(b, c) < 0)
		log_err("out of memory: the baseline of account %s is taken again", c->account->id);
}

void listing_ends(const struct config *config, struct collection *c, enum plan_list list,
		  const struct listing_page *page, struct observation *b)
{
	struct listing *l = &c->listings[list];

	note_size(c, list, page);
	if (list != PLAN_NEWEST)
		c->plan.active_size = l->active;
	listing_forget(l);
	page_memory_cut(&c->pages[list], l->pages);
	if (l->partial || (list == PLAN_ALL && must_be_read_again(c)))
		return; /* the next one says what there is */
	planning_listed(config, c, list);
	if (list == PLAN_ALL)
		whole_list_ends(c, b);
	if (list == PLAN_NEWEST)
		planning_newest(c, l->look);
	else
		doubt_missing(c, list);
}

void listing_refused(struct collection *c, enum plan_list list, const char *why)
{
	if (!(c->plan.refused & plan_bit(list)))
		log_info("account %s: %s jobs are looked at without it: %s", c->account->id,
			 kind_info(c->kind)->name, why);
	c->plan.refused |= plan_bit(list);
	c->plan.walking &= (uint8_t)~plan_bit(list);
	listing_forget(&c->listings[list]);
	page_memory_cut(&c->pages[list], 0);
}
