/* Which request gains most. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/clock.h"
#include "base/macro.h"
#include "model/plan.h"
#include "support/rand.h"

#define JOBS_MAX  600
#define NOW       (1000 * MS_PER_S)
#define BIT(list) (1U << (list)) /* plan_bit(), for tables */
#define ACTIVE    (BIT(PLAN_ACTIVE) | BIT(PLAN_ALL))
#define ON_TOP    (BIT(PLAN_NEWEST) | ACTIVE)
#define OLD       BIT(PLAN_ALL)

/* One collection and its jobs. */
static struct plan_collection collection;
static struct plan_collection *collections[] = {&collection};
static struct plan_job jobs[JOBS_MAX];
static struct plan plan;

static void begin(void)
{
	plan_collection_init(&collection);
	plan = (struct plan){.collections = collections, .n = 1};
	for (size_t i = 0; i < JOBS_MAX; i++)
		jobs[i] = PLAN_JOB_INIT;
}

static void end(void)
{
	for (size_t i = 0; i < JOBS_MAX; i++)
		plan_job_out(&collection, &jobs[i]);
	plan_collection_done(&collection);
}

static void add(size_t from, size_t n, uint64_t age_ms, uint64_t interval_ms, uint8_t shown,
		bool ended)
{
	for (size_t i = from; i < from + n; i++)
		cr_assert_eq(plan_job_set(&collection, &jobs[i], NOW - age_ms, interval_ms, shown,
					  ended),
			     0);
}

static const char *picked(uint64_t now_ms)
{
	static const char *const lists[] = {"active", "newest", "all"};
	struct plan_choice c = plan_pick(&plan, now_ms);

	return c.type == PLAN_NOTHING ? "nothing" : c.type == PLAN_GET ? "get" : lists[c.list];
}

#define S MS_PER_S

static const struct population {
	const char *what, *expected;
	/* of the active jobs and the old ones */
	uint64_t n_active, age_ms, n_old, old_age_ms;
	uint32_t size;
	uint8_t shown, refused;
	bool discovered;
} populations[] = {
	{"nobody is due", "nothing", 3, 10 * S, 0, 0, 3, ACTIVE, 0, false},
	{"one that is named is asked for by itself", "get", 1, 40 * S, 0, 0, 0, ACTIVE, 0, false},
	{"of two that are named, a list shows both", "active", 2, 40 * S, 0, 0, 0, ACTIVE, 0,
	 false},
	{"without the filter each by itself", "get", 2, 40 * S, 0, 0, 0, ACTIVE, BIT(PLAN_ACTIVE),
	 false},
	{"where all fit on a page, all are looked at", "all", 3, 40 * S, 20, 60 * S, 23, ON_TOP, 0,
	 true},
	{"few that move in a large old collection: the newest page", "newest", 3, 40 * S, 400,
	 60 * S, 5000, ON_TOP, 0, true},
	{"they are not on it: the filter", "active", 3, 40 * S, 400, 60 * S, 5000, ACTIVE, 0, true},
	{"no filter, and not on the newest page: one by one", "get", 3, 40 * S, 0, 0, 5000, ACTIVE,
	 BIT(PLAN_ACTIVE), true},
	{"the same with more of them: all pages cost less than so many", "all", 300, 40 * S, 0, 0,
	 5000, ACTIVE, BIT(PLAN_ACTIVE), true},
	{"nothing but GETs and all pages", "get", 3, 40 * S, 0, 0, 5000, ACTIVE,
	 BIT(PLAN_ACTIVE) | BIT(PLAN_NEWEST), true},
};

Test(plan, what_gains_most)
{
	for (size_t i = 0; i < ARRAY_LEN(populations); i++) {
		const struct population *p = &populations[i];

		begin();
		collection.size = p->size;
		collection.refused = p->refused;
		if (p->discovered) {
			collection.newcomers = (struct plan_search){60 * S, NOW - 20 * S};
			collection.whole = (struct plan_search){MS_PER_H, NOW - 600 * S};
		}
		add(0, p->n_active, p->age_ms, 30 * S, p->shown, false);
		add(p->n_active, MIN(p->n_old, JOBS_MAX - p->n_active), p->old_age_ms, MS_PER_H,
		    OLD, true);
		cr_expect_str_eq(picked(NOW), p->expected, "%s: not %s", p->what, picked(NOW));
		end();
	}
}

/* The list of active jobs does not show one that ended before anybody saw it. */
Test(plan, who_finds_new_jobs)
{
	begin();
	collection.size = 5000;
	collection.newcomers = (struct plan_search){60 * S, NOW - 60 * S};
	collection.whole = (struct plan_search){MS_PER_H, NOW};
	add(0, 3, 40 * S, 30 * S, ACTIVE, false);
	collection.flying = plan_bit(PLAN_ACTIVE);
	cr_expect_str_eq(picked(NOW), "newest", "though active ones are on their way");
	collection.flying = plan_bit(PLAN_NEWEST);
	add(0, 3, 0, 30 * S, ACTIVE, false);
	cr_expect_str_eq(picked(NOW), "nothing", "it is on its way");
	collection.flying = 0;
	collection.refused = plan_bit(PLAN_NEWEST);
	cr_expect_str_eq(picked(NOW), "active", "the best there is");
	end();
}

/* Three pages would show new jobs and those that are nearly due: two requests show the same. */
Test(plan, many_pages_are_not_read_for_few_jobs)
{
	begin();
	collection.size = 503;
	collection.newcomers = (struct plan_search){2 * S, NOW - 2 * S};
	collection.whole = (struct plan_search){MS_PER_H, NOW - 2 * S};
	add(0, 3, S - 1, S, ACTIVE, false);
	cr_expect_str_eq(picked(NOW), "newest");
	collection.refused = plan_bit(PLAN_ACTIVE) | plan_bit(PLAN_NEWEST);
	cr_expect_str_eq(picked(NOW), "all", "there is nothing else");
	end();
}

Test(plan, a_first_start_reads_all)
{
	begin();
	collection.newcomers.interval_ms = 60 * S;
	collection.whole.interval_ms = MS_PER_H;
	cr_expect_str_eq(picked(NOW), "all");
	collection.flying = plan_bit(PLAN_ALL);
	cr_expect_str_eq(picked(NOW), "nothing", "one page of unknown size is on its way");
	cr_expect_eq(plan_next_ms(&plan, NOW), UINT64_MAX);
	end();
}

Test(plan, a_walk_takes_turns)
{
	begin();
	collection.size = 5000;
	collection.newcomers = (struct plan_search){60 * S, NOW};
	collection.whole = (struct plan_search){MS_PER_H, NOW - MS_PER_H};
	collection.walking = plan_bit(PLAN_ALL);
	add(0, 3, 40 * S, 30 * S, ON_TOP, false);
	cr_expect_str_eq(picked(NOW), "all", "its next page");
	cr_expect_str_eq(picked(NOW), "newest", "then what is due");
	collection.flying = plan_bit(PLAN_NEWEST);
	cr_expect_str_eq(picked(NOW), "all");
	cr_expect_str_eq(picked(NOW), "all", "nothing else is due");
	end();
}

Test(plan, what_a_list_left_out_comes_first)
{
	struct plan_choice c;

	begin();
	collection.size = 5000;
	collection.newcomers = (struct plan_search){60 * S, NOW - 60 * S};
	collection.whole = (struct plan_search){MS_PER_H, NOW - MS_PER_H};
	add(0, 300, 40 * S, 30 * S, ACTIVE, false);
	cr_assert_eq(plan_job_urge(&collection, &jobs[7], 0), 0);
	c = plan_pick(&plan, NOW);
	cr_expect(c.type == PLAN_GET && c.job == &jobs[7]);
	plan_job_out(&collection, &jobs[7]);
	cr_expect_str_eq(picked(NOW), "active");
	end();
}

/* A hundred jobs that end at once, on the newest page: one request shows what became of them. */
Test(plan, many_that_were_left_out_are_looked_at_together)
{
	begin();
	collection.size = 5000;
	add(0, 300, 15 * S, 30 * S, ON_TOP, false);
	for (size_t i = 0; i < 100; i++)
		cr_assert_eq(plan_job_urge(&collection, &jobs[i], ON_TOP & ~BIT(PLAN_ACTIVE)), 0);
	cr_expect_str_eq(picked(NOW), "newest");
	collection.refused = plan_bit(PLAN_NEWEST);
	cr_expect_str_eq(picked(NOW), "all", "25 pages for a hundred");
	for (size_t i = 10; i < 100; i++)
		plan_job_out(&collection, &jobs[i]);
	cr_expect_str_eq(picked(NOW), "get", "25 pages for ten");
	end();
}

Test(plan, blocked_lists_leave_gets)
{
	begin();
	add(0, 2, 40 * S, 30 * S, ACTIVE, false);
	collection.blocked_until_ms = NOW + 5 * S;
	cr_expect_str_eq(picked(NOW), "get");
	collection.newcomers = (struct plan_search){60 * S, NOW - 61 * S};
	add(0, 2, 0, 30 * S, ACTIVE, false);
	cr_expect_str_eq(picked(NOW), "nothing");
	cr_expect_eq(plan_next_ms(&plan, NOW), NOW + 5 * S);
	end();
}

/* --- whatever happens --- */

static void expect_sums(void)
{
	struct plan_sum sums[PLAN_LISTS][PLAN_CLASSES] = {0};
	uint32_t n[PLAN_CLASSES] = {0};

	for (size_t i = 0; i < JOBS_MAX; i++) {
		const struct plan_job *j = &jobs[i];

		if (!heap_node_in(&j->due))
			continue;
		n[j->class]++;
		for (int l = 0; l < PLAN_LISTS; l++)
			if (j->shown & plan_bit(l)) {
				sums[l][j->class].n++;
				sums[l][j->class].weight += j->weight;
				sums[l][j->class].seen += j->weight * j->seen_ms;
			}
	}
	for (int k = 0; k < PLAN_CLASSES; k++)
		cr_assert_eq(n[k], collection.jobs[k].n);
	cr_assert_eq(memcmp(sums, collection.sums, sizeof(sums)), 0);
}

static uint8_t random_lists(struct rnd *r)
{
	return (uint8_t)rnd_below(r, 1U << PLAN_LISTS);
}

static void random_change(struct rnd *r, uint64_t now_ms)
{
	struct plan_job *j = &jobs[rnd_below(r, 40)];

	switch (rnd_below(r, 8)) {
	case 0:
		plan_job_out(&collection, j);
		break;
	case 1:
		cr_assert_eq(plan_job_urge(&collection, j, random_lists(r)), 0);
		break;
	case 2:
		plan_job_show(&collection, j, random_lists(r));
		break;
	case 3:
		plan_job_put_off(&collection, j, now_ms + rnd_below(r, 100000));
		break;
	case 4:
		collection.flying = random_lists(r);
		collection.walking = random_lists(r) & (uint8_t)~collection.flying &
				     (uint8_t)~collection.refused;
		break;
	case 5:
		collection.refused = random_lists(r) & (uint8_t)~plan_bit(PLAN_ALL);
		collection.walking &= (uint8_t)~collection.refused;
		collection.size = (uint32_t)rnd_below(r, 1000);
		collection.blocked_until_ms = rnd_below(r, 2) ? now_ms + rnd_below(r, 90000) : 0;
		break;
	case 6:
		collection.newcomers =
			(struct plan_search){rnd_below(r, 3) ? 1 + rnd_below(r, 100000)
							     : UINT64_MAX,
					     rnd_below(r, 2) ? now_ms - rnd_below(r, 100000) : 0};
		break;
	default:
		cr_assert_eq(plan_job_set(&collection, j, now_ms - rnd_below(r, 100000),
					  rnd_below(r, 9) ? 1 + rnd_below(r, 100000) : UINT64_MAX,
					  random_lists(r), rnd_below(r, 2)),
			     0);
	}
}

/* The sums stay those of the jobs; and it says rightly when there is something to ask. */
Test(plan, next_is_when_there_is_something)
{
	struct rnd r = rnd_open("plan");
	uint64_t now_ms = 1000000000;

	begin();
	for (int i = 0; i < 200000; i++) {
		struct plan_choice c;
		uint64_t next_ms;

		random_change(&r, now_ms);
		expect_sums();
		next_ms = plan_next_ms(&plan, now_ms);
		c = plan_pick(&plan, now_ms);
		cr_assert_eq(c.type != PLAN_NOTHING, next_ms <= now_ms);
		if (c.type == PLAN_NOTHING && next_ms != UINT64_MAX) {
			cr_assert_eq(plan_pick(&plan, next_ms - 1).type, PLAN_NOTHING);
			cr_assert_neq(plan_pick(&plan, next_ms).type, PLAN_NOTHING);
		}
		if (c.type == PLAN_PAGE) {
			cr_assert_not(collection.refused & plan_bit(c.list));
			cr_assert_not(collection.flying & plan_bit(c.list) &&
				      !(collection.walking & plan_bit(c.list)));
		}
		now_ms += rnd_below(&r, 3000);
	}
	end();
}

/* A budget of a tenth of what is wanted: everything is seen, and nothing waits much longer than the
 * others. */
Test(plan, nothing_starves)
{
	uint64_t longest_ms = 0, least = UINT64_MAX;
	unsigned seen[100] = {0};

	begin();
	collection.refused = plan_bit(PLAN_ACTIVE) | plan_bit(PLAN_NEWEST);
	collection.size = 100000;
	add(0, 100, 0, 30 * S, ACTIVE, false);
	for (uint64_t now_ms = NOW; now_ms < NOW + 6 * MS_PER_H; now_ms += 3 * S) {
		struct plan_choice c = plan_pick(&plan, now_ms);

		if (c.type != PLAN_GET)
			continue;
		longest_ms = MAX(longest_ms, now_ms - c.job->seen_ms);
		seen[c.job - jobs]++;
		plan_job_set(&collection, c.job, now_ms, 30 * S, ACTIVE, false);
	}
	for (size_t i = 0; i < ARRAY_LEN(seen); i++)
		least = MIN(least, seen[i]);
	cr_expect_leq(longest_ms, 100 * 3 * S + 30 * S);
	cr_expect_geq(least, 6 * MS_PER_H / (100 * 3 * S) - 1);
	end();
}

/* 100,000 jobs over a night without a look: what is gained is still counted right. */
Test(plan, sums_do_not_wrap)
{
	static struct plan_job many[2000];
	struct plan_choice c;

	begin();
	for (size_t i = 0; i < ARRAY_LEN(many); i++) {
		many[i] = PLAN_JOB_INIT;
		cr_assert_eq(plan_job_set(&collection, &many[i], 1000, 1000, ACTIVE, false), 0);
	}
	collection.size = 2000;
	c = plan_pick(&plan, 30 * MS_PER_DAY);
	cr_expect(c.type == PLAN_PAGE, "2,000 that are due are not asked for one by one");
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		plan_job_out(&collection, &many[i]);
	end();
}
