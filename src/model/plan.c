/* Which request of an account gains most. */
#include "model/plan.h"

#include "base/macro.h"

/*
 * A job's weight is PLAN_SCALE / interval, so that weight times age is its staleness: PLAN_SCALE for
 * one interval. The sums are kept modulo 2^64, where adding and taking out cancel exactly; what is
 * read from them, weight times age over all jobs, is right as long as it is below 2^64: 100,000 jobs
 * that want to be seen every 15 s may be unseen for 119 days. Beyond that a choice is poor, no more.
 */
#define PLAN_SCALE (1U << 28)

/* Nobody has looked for new jobs yet: counts for as much as so many intervals. */
#define NEVER_INTERVALS 10.0

/* Far from the wrap, and later than any clock. */
#define NEVER UINT64_MAX

void plan_collection_init(struct plan_collection *c)
{
	*c = (struct plan_collection){.newcomers.interval_ms = NEVER, .whole.interval_ms = NEVER};
}

void plan_collection_done(struct plan_collection *c)
{
	heap_done(&c->active);
	heap_done(&c->ended);
}

/* --- jobs --- */

static bool is_planned(const struct plan_job *j)
{
	return heap_node_in(&j->due);
}

static struct heap *heap_of(struct plan_collection *c, const struct plan_job *j)
{
	return j->ended ? &c->ended : &c->active;
}

static struct plan_job *first(const struct heap *h)
{
	struct heap_node *top = heap_top(h);

	return top ? container_of(top, struct plan_job, due) : NULL;
}

static void count_in(struct plan_collection *c, const struct plan_job *j)
{
	for (int l = 0; l < PLAN_LISTS; l++)
		if (j->shown & plan_bit(l)) {
			c->sums[l].weight += j->weight;
			c->sums[l].seen += j->weight * j->seen_ms;
			c->sums[l].n++;
		}
}

static void count_out(struct plan_collection *c, const struct plan_job *j)
{
	for (int l = 0; l < PLAN_LISTS; l++)
		if (j->shown & plan_bit(l)) {
			c->sums[l].weight -= j->weight;
			c->sums[l].seen -= j->weight * j->seen_ms;
			c->sums[l].n--;
		}
}

static uint64_t add_ms(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? NEVER : sum;
}

void plan_job_out(struct plan_collection *c, struct plan_job *j)
{
	if (!is_planned(j))
		return;
	count_out(c, j);
	heap_remove(heap_of(c, j), &j->due);
}

int plan_job_set(struct plan_collection *c, struct plan_job *j, uint64_t seen_ms,
		 uint64_t interval_ms, uint8_t shown, bool ended)
{
	int r;

	if (is_planned(j)) {
		count_out(c, j);
		if (ended != j->ended || interval_ms == NEVER)
			heap_remove(heap_of(c, j), &j->due);
	}
	j->seen_ms = seen_ms;
	j->shown = shown;
	j->ended = ended;
	if (interval_ms == NEVER)
		return 0;
	j->weight = (uint32_t)MAX(PLAN_SCALE / MAX(interval_ms, 1ULL), 1ULL);
	r = heap_set(heap_of(c, j), &j->due, add_ms(seen_ms, interval_ms));
	if (r == 0)
		count_in(c, j);
	return r;
}

int plan_job_urge(struct plan_collection *c, struct plan_job *j)
{
	if (is_planned(j)) {
		count_out(c, j);
	} else {
		j->weight = 1;
		j->ended = false;
	}
	j->shown = 0;
	return heap_set(heap_of(c, j), &j->due, 0);
}

void plan_job_put_off(struct plan_collection *c, struct plan_job *j, uint64_t due_ms)
{
	if (is_planned(j))
		heap_set(heap_of(c, j), &j->due, due_ms); /* moving never fails */
}

void plan_job_show(struct plan_collection *c, struct plan_job *j, uint8_t shown)
{
	if (!is_planned(j)) {
		j->shown = shown;
		return;
	}
	count_out(c, j);
	j->shown = shown;
	count_in(c, j);
}

/* --- gains --- */

/*
 * What has not been looked at for the time T, and wants to be every I, has been stale for T * T / I by
 * now. That is the gain, and not T / I: with the latter, a list that shows a hundred jobs would win a
 * hundred times as often as a search, and the search would starve when the budget is small; so the time
 * between two looks goes with the square root, which makes the mean staleness the least there is.
 */
static double gain_of(double age_ms, double weight)
{
	return age_ms * age_ms * weight / PLAN_SCALE;
}

/* Of all jobs of a list. As if all had been seen together, which most have; else it is less. */
static double jobs_gain(const struct plan_sum *sum, uint64_t now_ms)
{
	double weight = (double)sum->weight, stale = (double)(sum->weight * now_ms - sum->seen);

	return sum->n ? gain_of(stale / weight, weight) : 0;
}

static double search_gain(const struct plan_search *s, uint64_t now_ms)
{
	double interval_ms = (double)s->interval_ms;
	double age_ms = (double)(now_ms - MIN(s->last_ms, now_ms));

	if (s->last_ms == 0) /* the time since the machine's start: it grows, so that it is done */
		age_ms = MAX(age_ms, NEVER_INTERVALS * interval_ms);

	return s->interval_ms == NEVER ? 0 : gain_of(age_ms, PLAN_SCALE / interval_ms);
}

static uint64_t search_due_ms(const struct plan_search *s)
{
	return s->last_ms == 0 && s->interval_ms != NEVER ? 0 : add_ms(s->last_ms, s->interval_ms);
}

uint32_t plan_pages(const struct plan_collection *c, enum plan_list list)
{
	uint32_t jobs = list == PLAN_ALL      ? c->size
			: list == PLAN_ACTIVE ? MAX(c->sums[PLAN_ACTIVE].n, c->active_size)
					      : 1;

	return MAX((jobs + PLAN_PAGE_SIZE - 1) / PLAN_PAGE_SIZE, 1U);
}

static double list_gain(const struct plan_collection *c, enum plan_list list, uint64_t now_ms)
{
	double gain = jobs_gain(&c->sums[list], now_ms) + search_gain(&c->newcomers, now_ms);

	return list == PLAN_ALL ? gain + search_gain(&c->whole, now_ms) : gain;
}

/* --- what is due --- */

/* A list of it is being read, up to its last page. */
static bool is_busy(const struct plan_collection *c, enum plan_list list)
{
	return (c->flying | c->walking) & plan_bit(list);
}

/*
 * The lists that will show a job soon, so that nobody asks for it by itself. Reading all pages may
 * take minutes: it keeps nothing else from being asked for, unless it is one page.
 */
static uint8_t soon(const struct plan_collection *c)
{
	uint8_t lists = c->flying | c->walking;

	return plan_pages(c, PLAN_ALL) > 1 ? lists & (uint8_t)~plan_bit(PLAN_ALL) : lists;
}

/* When a GET of the heap's first job may be asked for. */
static uint64_t get_due_ms(const struct plan_collection *c, const struct heap *h)
{
	const struct plan_job *j = first(h);

	return j && (j->due.due == 0 || !(j->shown & soon(c))) ? j->due.due : NEVER;
}

/* The same for a list that would show it. */
static uint64_t shown_due_ms(const struct plan_collection *c, const struct heap *h,
			     enum plan_list list)
{
	const struct plan_job *j = first(h);

	return j && j->shown & plan_bit(list) ? get_due_ms(c, h) : NEVER;
}

/* When a list serves something that is due. */
static uint64_t list_due_ms(const struct plan_collection *c, enum plan_list list)
{
	uint64_t due_ms = MIN(shown_due_ms(c, &c->active, list), shown_due_ms(c, &c->ended, list));

	if (c->refused & plan_bit(list) || is_busy(c, list))
		return NEVER;
	/* What nobody discovers has no known size, and its old jobs are nobody's business. */
	if (list == PLAN_ALL && c->newcomers.interval_ms == NEVER && c->size == 0)
		return NEVER;
	if (!soon(c)) /* which looks for new jobs, too */
		due_ms = MIN(due_ms, search_due_ms(&c->newcomers));
	if (list == PLAN_ALL)
		due_ms = MIN(due_ms, search_due_ms(&c->whole));
	return MAX(due_ms, c->blocked_until_ms);
}

/* --- the choice --- */

struct candidate {
	struct plan_choice choice;
	double gain; /* a page */
};

static void offer(struct candidate *best, struct plan_choice choice, double gain)
{
	if (best->choice.type == PLAN_NOTHING || gain > best->gain)
		*best = (struct candidate){choice, gain};
}

/* What a list that was looked for in vain should have shown. */
static bool pick_urgent(const struct plan *p, struct plan_choice *ret)
{
	for (size_t i = 0; i < p->n; i++) {
		struct plan_job *j = first(&p->collections[i]->active);
		struct plan_job *e = first(&p->collections[i]->ended);

		j = j && j->due.due == 0 ? j : e;
		if (j && j->due.due == 0) {
			*ret = (struct plan_choice){.type = PLAN_GET, .collection = i, .job = j};
			return true;
		}
	}
	return false;
}

/* Page tokens age, so of several walks the first in order goes on. */
static bool pick_page(const struct plan *p, uint64_t now_ms, struct plan_choice *ret)
{
	for (int l = 0; l < PLAN_LISTS; l++)
		for (size_t i = 0; i < p->n; i++)
			if (p->collections[i]->walking & plan_bit(l) &&
			    p->collections[i]->blocked_until_ms <= now_ms) {
				*ret = (struct plan_choice){.type = PLAN_PAGE,
							    .collection = i,
							    .list = l};
				return true;
			}
	return false;
}

static void offer_gets(const struct plan *p, size_t i, uint64_t now_ms, struct candidate *best)
{
	const struct plan_collection *c = p->collections[i];
	const struct heap *heaps[] = {&c->active, &c->ended};

	for (size_t h = 0; h < ARRAY_LEN(heaps); h++) {
		struct plan_job *j = first(heaps[h]);

		if (get_due_ms(c, heaps[h]) <= now_ms)
			offer(best,
			      (struct plan_choice){.type = PLAN_GET, .collection = i, .job = j},
			      gain_of((double)(now_ms - MIN(j->seen_ms, now_ms)), j->weight));
	}
}

static void offer_lists(const struct plan *p, size_t i, uint64_t now_ms, struct candidate *best)
{
	/* Of equal gains the first offered stays: all pages also tell what is there no more. */
	static const enum plan_list lists[] = {PLAN_ALL, PLAN_NEWEST, PLAN_ACTIVE};
	const struct plan_collection *c = p->collections[i];

	for (size_t l = 0; l < ARRAY_LEN(lists); l++)
		if (list_due_ms(c, lists[l]) <= now_ms)
			offer(best,
			      (struct plan_choice){.type = PLAN_PAGE,
						   .collection = i,
						   .list = lists[l]},
			      list_gain(c, lists[l], now_ms) / plan_pages(c, lists[l]));
}

static struct plan_choice pick_best(const struct plan *p, uint64_t now_ms)
{
	struct candidate best = {.choice.type = PLAN_NOTHING};

	for (size_t i = 0; i < p->n; i++) {
		offer_gets(p, i, now_ms, &best);
		offer_lists(p, i, now_ms, &best);
	}
	return best.choice;
}

struct plan_choice plan_pick(struct plan *p, uint64_t now_ms)
{
	struct plan_choice page, best;
	bool walks;

	if (pick_urgent(p, &best))
		return best;
	walks = pick_page(p, now_ms, &page);
	if (walks && !p->paged) {
		p->paged = true;
		return page;
	}
	best = pick_best(p, now_ms);
	p->paged = false;
	if (best.type != PLAN_NOTHING || !walks)
		return best;
	p->paged = true;
	return page;
}

uint64_t plan_next_ms(const struct plan *p, uint64_t now_ms)
{
	uint64_t next_ms = NEVER;

	for (size_t i = 0; i < p->n; i++) {
		const struct plan_collection *c = p->collections[i];

		next_ms = MIN(next_ms, get_due_ms(c, &c->active));
		next_ms = MIN(next_ms, get_due_ms(c, &c->ended));
		for (int l = 0; l < PLAN_LISTS; l++)
			next_ms = MIN(next_ms, list_due_ms(c, l));
		if (c->walking)
			next_ms = MIN(next_ms, MAX(c->blocked_until_ms, now_ms));
	}
	return next_ms;
}
