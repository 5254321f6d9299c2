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

/* An urgent job counts like one that wants to be seen that often: as much as a list of hundreds. */
#define URGENT_MS 500

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
	for (int k = 0; k < PLAN_CLASSES; k++)
		heap_done(&c->jobs[k]);
}

/* --- jobs --- */

static bool is_planned(const struct plan_job *j)
{
	return heap_node_in(&j->due);
}

static struct heap *heap_of(struct plan_collection *c, const struct plan_job *j)
{
	return &c->jobs[j->class];
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
			struct plan_sum *sum = &c->sums[l][j->class];

			sum->weight += j->weight;
			sum->seen += j->weight * j->seen_ms;
			sum->n++;
		}
}

static void count_out(struct plan_collection *c, const struct plan_job *j)
{
	for (int l = 0; l < PLAN_LISTS; l++)
		if (j->shown & plan_bit(l)) {
			struct plan_sum *sum = &c->sums[l][j->class];

			sum->weight -= j->weight;
			sum->seen -= j->weight * j->seen_ms;
			sum->n--;
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

/* Puts the job, which is not counted, in its class and its place. */
static int place(struct plan_collection *c, struct plan_job *j, enum plan_class class,
		 uint64_t due_ms)
{
	int r;

	if (j->class != class)
		heap_remove(heap_of(c, j), &j->due);
	j->class = class;
	r = heap_set(heap_of(c, j), &j->due, due_ms);
	if (r == 0)
		count_in(c, j);
	return r;
}

int plan_job_set(struct plan_collection *c, struct plan_job *j, uint64_t seen_ms,
		 uint64_t interval_ms, uint8_t shown, bool ended)
{
	if (is_planned(j))
		count_out(c, j);
	j->seen_ms = seen_ms;
	j->shown = shown;
	if (interval_ms == NEVER) {
		heap_remove(heap_of(c, j), &j->due);
		return 0;
	}
	j->weight = (uint32_t)MAX(PLAN_SCALE / MAX(interval_ms, 1ULL), 1ULL);
	return place(c, j, ended ? PLAN_ENDED : PLAN_RUNNING, add_ms(seen_ms, interval_ms));
}

int plan_job_urge(struct plan_collection *c, struct plan_job *j, uint8_t shown)
{
	if (is_planned(j))
		count_out(c, j);
	j->shown = shown;
	j->weight = PLAN_SCALE / URGENT_MS;
	return place(c, j, PLAN_URGENT, 0);
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
 * What has not been looked at for the time T, and wants to be every I, is T / I intervals stale; to
 * look at it then gains the square of that. With T / I itself, a list of a hundred jobs would win a
 * hundred times as often as a search, which would starve when the budget is small. With the square, the
 * times between two looks stretch together: n times the jobs are looked at sqrt(n) times as often.
 */
static double gain_of(double intervals)
{
	return intervals * intervals;
}

/* Of the n jobs of a class: as if all were as stale as their mean, which is nearly so; else it is more. */
static double class_gain(const struct plan_sum *sum, uint64_t now_ms)
{
	double intervals = (double)(sum->weight * now_ms - sum->seen) / PLAN_SCALE;

	return sum->n ? sum->n * gain_of(intervals / sum->n) : 0;
}

static double job_gain(const struct plan_job *j, uint64_t now_ms)
{
	return gain_of((double)(now_ms - MIN(j->seen_ms, now_ms)) * j->weight / PLAN_SCALE);
}

static double search_gain(const struct plan_search *s, uint64_t now_ms)
{
	double intervals = (double)(now_ms - MIN(s->last_ms, now_ms)) / (double)s->interval_ms;

	if (s->interval_ms == NEVER)
		return 0;
	if (s->last_ms == 0) /* the time since the machine's start: it grows, so that it is done */
		intervals = MAX(intervals, NEVER_INTERVALS);
	return gain_of(intervals);
}

static uint64_t search_due_ms(const struct plan_search *s)
{
	return s->last_ms == 0 && s->interval_ms != NEVER ? 0 : add_ms(s->last_ms, s->interval_ms);
}

uint32_t plan_pages(const struct plan_collection *c, enum plan_list list)
{
	uint32_t jobs = 1;

	if (list == PLAN_ALL)
		jobs = c->size;
	if (list == PLAN_ACTIVE)
		jobs = MAX(c->sums[PLAN_ACTIVE][PLAN_RUNNING].n, c->active_size);
	return MAX((jobs + PLAN_PAGE_SIZE - 1) / PLAN_PAGE_SIZE, 1U);
}

enum plan_list plan_short_list(const struct plan_collection *c)
{
	return plan_pages(c, PLAN_ALL) == 1 || c->refused & plan_bit(PLAN_NEWEST) ? PLAN_ALL
										  : PLAN_NEWEST;
}

bool plan_searches(const struct plan_collection *c, enum plan_list list)
{
	return list != PLAN_ACTIVE || c->refused & plan_bit(PLAN_NEWEST);
}

static double list_gain(const struct plan_collection *c, enum plan_list list, uint64_t now_ms)
{
	double gain = plan_searches(c, list) ? search_gain(&c->newcomers, now_ms) : 0;

	for (int k = 0; k < PLAN_CLASSES; k++)
		gain += class_gain(&c->sums[list][k], now_ms);
	return gain;
}

/* The short list that shows the jobs of a class, where the server takes it. */
static const enum plan_list short_lists[PLAN_CLASSES] = {
	[PLAN_RUNNING] = PLAN_ACTIVE,
	[PLAN_ENDED] = PLAN_NEWEST,
	[PLAN_URGENT] = PLAN_NEWEST,
};

/*
 * Of all pages, where these are several: what a short list would show for less does not count, or many
 * pages would be read for the sake of few jobs that are nearly due.
 */
static double whole_gain(const struct plan_collection *c, uint64_t now_ms)
{
	double gain = search_gain(&c->whole, now_ms);

	if (plan_pages(c, PLAN_ALL) == 1)
		return gain + list_gain(c, PLAN_ALL, now_ms);
	if (c->refused & plan_bit(PLAN_NEWEST))
		gain += search_gain(&c->newcomers, now_ms);
	for (int k = 0; k < PLAN_CLASSES; k++) {
		const struct plan_sum *shorter = &c->sums[short_lists[k]][k];
		struct plan_sum sum = c->sums[PLAN_ALL][k];

		if (!(c->refused & plan_bit(short_lists[k]))) {
			sum.weight -= shorter->weight;
			sum.seen -= shorter->seen;
			sum.n -= MIN(shorter->n, sum.n);
		}
		gain += class_gain(&sum, now_ms);
	}
	return gain;
}

/* What a request for the list gains for each of its pages. */
static double page_gain(const struct plan_collection *c, enum plan_list list, uint64_t now_ms)
{
	double gain = list == PLAN_ALL ? whole_gain(c, now_ms) : list_gain(c, list, now_ms);

	return gain / plan_pages(c, list);
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

/* One of these finds new jobs. */
static bool is_searched(const struct plan_collection *c)
{
	uint8_t lists = soon(c);

	for (int l = 0; l < PLAN_LISTS; l++)
		if (lists & plan_bit(l) && plan_searches(c, l))
			return true;
	return false;
}

/* When a GET of the heap's first job may be asked for. */
static uint64_t get_due_ms(const struct plan_collection *c, const struct heap *h)
{
	const struct plan_job *j = first(h);

	return j && !(j->shown & soon(c)) ? j->due.due : NEVER;
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
	uint64_t due_ms = NEVER;

	if (c->refused & plan_bit(list) || is_busy(c, list))
		return NEVER;
	/* What nobody discovers has no known size, and its old jobs are nobody's business. */
	if (list == PLAN_ALL && c->newcomers.interval_ms == NEVER && c->size == 0)
		return NEVER;
	for (int k = 0; k < PLAN_CLASSES; k++)
		due_ms = MIN(due_ms, shown_due_ms(c, &c->jobs[k], list));
	if (plan_searches(c, list) && !is_searched(c))
		due_ms = MIN(due_ms, search_due_ms(&c->newcomers));
	if (list == PLAN_ALL)
		due_ms = MIN(due_ms, search_due_ms(&c->whole));
	return MAX(due_ms, c->blocked_until_ms);
}

/* --- the choice --- */

struct candidate {
	struct plan_choice choice;
	double gain;  /* a page */
	bool at_once; /* it serves what is due at once */
};

static void offer(struct candidate *best, struct plan_choice choice, uint64_t due_ms, double gain)
{
	if (best->choice.type == PLAN_NOTHING || gain > best->gain)
		*best = (struct candidate){choice, gain, due_ms == 0};
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

	for (int k = 0; k < PLAN_CLASSES; k++) {
		struct plan_job *j = first(&c->jobs[k]);
		uint64_t due_ms = get_due_ms(c, &c->jobs[k]);

		if (due_ms <= now_ms)
			offer(best,
			      (struct plan_choice){.type = PLAN_GET, .collection = i, .job = j},
			      due_ms, job_gain(j, now_ms));
	}
}

static void offer_lists(const struct plan *p, size_t i, uint64_t now_ms, struct candidate *best)
{
	/* Of equal gains the first offered stays: all pages also tell what is there no more. */
	static const enum plan_list lists[] = {PLAN_ALL, PLAN_NEWEST, PLAN_ACTIVE};
	const struct plan_collection *c = p->collections[i];

	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		uint64_t due_ms = list_due_ms(c, lists[l]);

		if (due_ms <= now_ms)
			offer(best,
			      (struct plan_choice){.type = PLAN_PAGE,
						   .collection = i,
						   .list = lists[l]},
			      due_ms, page_gain(c, lists[l], now_ms));
	}
}

struct plan_choice plan_pick(struct plan *p, uint64_t now_ms)
{
	struct candidate best = {.choice.type = PLAN_NOTHING};
	struct plan_choice page;
	bool walks = pick_page(p, now_ms, &page);

	for (size_t i = 0; i < p->n; i++) {
		offer_gets(p, i, now_ms, &best);
		offer_lists(p, i, now_ms, &best);
	}
	/* A walk and what is due take turns; what is due at once takes nobody's. */
	if (best.at_once)
		return best.choice;
	if (walks && (!p->paged || best.choice.type == PLAN_NOTHING)) {
		p->paged = true;
		return page;
	}
	p->paged = false;
	return best.choice;
}

uint64_t plan_next_ms(const struct plan *p, uint64_t now_ms)
{
	uint64_t next_ms = NEVER;

	for (size_t i = 0; i < p->n; i++) {
		const struct plan_collection *c = p->collections[i];

		for (int k = 0; k < PLAN_CLASSES; k++)
			next_ms = MIN(next_ms, get_due_ms(c, &c->jobs[k]));
		for (int l = 0; l < PLAN_LISTS; l++)
			next_ms = MIN(next_ms, list_due_ms(c, l));
		if (c->walking)
			next_ms = MIN(next_ms, MAX(c->blocked_until_ms, now_ms));
	}
	return next_ms;
}
