/* What lists prove: which jobs are there, and which they should have shown and did not. */
#include "daemon/listing.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/planning.h"

#define T0      (1000 * MS_PER_H)
#define RUNNING "JOB_STATE_RUNNING"
#define ENDED   "JOB_STATE_COMPLETED"

static struct accounts accounts;
static struct account *account;
static struct collection *collection;
static struct config_watch watches[] = {{.poll_interval_ms = 30 * MS_PER_S}};
static struct config_account config_account = {.requests_per_minute = 600};
static struct config config = {.accounts = &config_account,
			       .n_accounts = 1,
			       .watches = watches,
			       .n_watches = 1,
			       .list_interval_ms = MS_PER_H};
static uint64_t now_ms;

static void setup(void)
{
	now_ms = T0;
	accounts_init(&accounts);
	cr_assert_eq(accounts_get(&accounts, "https://api", "acme", &account), 0);
	account->config = &config_account;
	collection = &account->collections[KIND_SFT];
	collection->watches = route_bit(0);
	collection->wanted_ms = 30 * MS_PER_S;
}

static void teardown(void)
{
	accounts_done(&accounts);
}

TestSuite(listing, .init = setup, .fini = teardown);

static struct snapshot *snapshot(const char *state)
{
	const struct snapshot_parts parts = {.text = {[TEXT_STATE] = state}};
	struct snapshot *s;

	cr_assert_eq(snapshot_new(&parts, &s), 0);
	return s;
}

/* A watched job that was seen a minute ago. */
static struct job *add(const char *id, const char *state)
{
	char name[NAME_JOB_MAX];
	struct job *job;

	snprintf(name, sizeof(name), "accounts/acme/supervisedFineTuningJobs/%s", id);
	cr_assert_eq(account_job(account, name, KIND_SFT, &job), 0);
	job->snapshot = snapshot(state);
	job_set_watches(job, route_bit(0));
	job->look = ++account->look;
	planning_seen(&config, job, true, 0, now_ms - MS_PER_MIN);
	return job;
}

static void ask(enum plan_list list)
{
	listing_asked(collection, list, ++account->look, now_ms);
	collection->plan.flying = 0; /* it is answered below */
}

static void show(struct job *job, enum plan_list list)
{
	job->look = account->look;
	planning_seen(&config, job, false, plan_bit(list), now_ms);
}

/* The list of active jobs comes, all on one page. */
static void list_active(struct job *const *shown, uint32_t n)
{
	const struct listing_page page = {.n = n, .active = n, .total = n};

	ask(PLAN_ACTIVE);
	for (uint32_t i = 0; i < n; i++)
		show(shown[i], PLAN_ACTIVE);
	listing_ends(&config, collection, PLAN_ACTIVE, &page, NULL);
}

static bool is_urgent(const struct job *job)
{
	return heap_node_in(&job->plan.due) && job->plan.due.due == 0;
}

/* The GET that an urgent job is asked for with finds it in that state. */
static void get(struct job *job, const char *state)
{
	cr_assert(is_urgent(job));
	plan_job_out(&collection->plan, &job->plan);
	snapshot_unref(job->snapshot);
	job->snapshot = snapshot(state);
	listing_contradicted(collection, job);
	job->look = ++account->look;
	planning_seen(&config, job, true, 0, now_ms);
}

Test(listing, what_it_does_not_show_is_asked_for)
{
	struct job *a = add("a", RUNNING), *b = add("b", RUNNING), *old = add("c", ENDED);

	list_active(&a, 1);
	cr_expect_not(is_urgent(a));
	cr_expect(is_urgent(b));
	cr_expect_not(is_urgent(old), "it is not to be on that list");
	cr_expect_eq(collection->plan.newcomers.last_ms, 0, "a new one may have ended already");
	cr_expect_eq(collection->plan.whole.last_ms, 0, "that was not all");
	collection->plan.refused = plan_bit(PLAN_NEWEST);
	list_active(&a, 1);
	cr_expect_eq(collection->plan.newcomers.last_ms, now_ms, "as good as it gets");
}

/* Also one that an answer has shown since the list began is there. */
Test(listing, an_answer_meanwhile_counts)
{
	struct job *a = add("a", RUNNING);
	const struct listing_page page = {.n = 0};

	ask(PLAN_ACTIVE);
	a->look = ++account->look;
	planning_seen(&config, a, false, 0, now_ms);
	listing_ends(&config, collection, PLAN_ACTIVE, &page, NULL);
	cr_expect_not(is_urgent(a));
}

Test(listing, a_filter_that_lies_is_given_up)
{
	struct job *a = add("a", RUNNING), *b = add("b", RUNNING);

	for (int i = 0; i < 2; i++) {
		list_active(&a, 1);
		get(b, RUNNING);
	}
	cr_expect_not(collection->plan.refused, "twice may be chance");
	list_active(&a, 1);
	get(b, RUNNING);
	cr_expect_eq(collection->plan.refused, plan_bit(PLAN_ACTIVE));
}

Test(listing, strikes_count_in_a_row)
{
	struct job *both[2] = {add("a", RUNNING), add("b", RUNNING)};

	for (int i = 0; i < 6; i++) {
		list_active(both, 1);
		get(both[1], RUNNING);
		list_active(both, 2);
	}
	cr_expect_not(collection->plan.refused);
}

Test(listing, a_filter_that_tells_of_ends_is_kept)
{
	struct job *a = add("a", RUNNING);

	for (int i = 0; i < 10; i++) {
		char id[8];
		struct job *job;

		snprintf(id, sizeof(id), "b%d", i);
		job = add(id, RUNNING);
		list_active(&a, 1);
		get(job, i % 3 == 2 ? ENDED : RUNNING);
		job->watches = 0; /* it has done its part */
	}
	cr_expect_not(collection->plan.refused, "an end clears what was held against it");
}

/* On several pages, a job may have been shifted from one that comes to one that came. */
Test(listing, a_filter_of_many_pages_is_not_blamed)
{
	const struct listing_page page = {.n = 200, .active = 200, .total = 201};
	struct job *b = add("b", RUNNING);
	struct error e = ERROR_NONE;

	ask(PLAN_ACTIVE);
	cr_assert_eq(listing_goes_on(collection, PLAN_ACTIVE, &page, "next", &e), 0);
	cr_expect_eq(collection->plan.walking, plan_bit(PLAN_ACTIVE));
	ask(PLAN_ACTIVE);
	listing_ends(&config, collection, PLAN_ACTIVE, &page, NULL);
	get(b, RUNNING);
	cr_expect_eq(collection->strikes, 0);
	cr_expect(b->hidden, "but no list is believed to show it");
	list_active(NULL, 0);
	cr_expect_not(is_urgent(b), "it has a GET of its own");
}

Test(listing, a_list_without_end)
{
	const struct listing_page page = {.n = 200};
	struct error e = ERROR_NONE;
	int r = 0;

	for (int i = 0; i < 20 && r == 0; i++) {
		const char *const tokens[] = {"a", "b", "c"};

		ask(PLAN_ALL);
		r = listing_goes_on(collection, PLAN_ALL, &page, tokens[i % 3], &e);
	}
	cr_expect_eq(r, TROUBLE_NOT_API);
	cr_expect_str_eq(error_text(&e, r), "the list does not end");
}

Test(listing, empty_pages_without_end)
{
	const struct listing_page page = {.n = 0};
	struct error e = ERROR_NONE;
	char token[16];
	int i = 0, r;

	do {
		snprintf(token, sizeof(token), "%d", i);
		ask(PLAN_ALL);
		r = listing_goes_on(collection, PLAN_ALL, &page, token, &e);
	} while (r == 0 && i++ < 100);
	cr_expect_eq(r, TROUBLE_NOT_API);
	cr_expect_lt(i, 20);
}

/* What was not taken in proves nothing. */
Test(listing, a_partial_list_proves_nothing)
{
	const struct listing_page page = {.n = 0};
	struct job *a = add("a", RUNNING);

	ask(PLAN_ACTIVE);
	collection->listings[PLAN_ACTIVE].partial = true;
	listing_ends(&config, collection, PLAN_ACTIVE, &page, NULL);
	cr_expect_not(is_urgent(a));
	cr_expect_eq(collection->plan.newcomers.last_ms, 0);
}

Test(listing, the_newest_page_knows_who_is_on_it)
{
	const struct listing_page page = {.n = 1, .active = 1, .total = 5000};
	struct job *a = add("a", RUNNING), *b = add("b", RUNNING);

	ask(PLAN_NEWEST);
	show(a, PLAN_NEWEST);
	listing_ends(&config, collection, PLAN_NEWEST, &page, NULL);
	cr_expect(a->plan.shown & plan_bit(PLAN_NEWEST));
	cr_expect_not(b->plan.shown & plan_bit(PLAN_NEWEST));
	cr_expect_not(is_urgent(b), "it is older");
	cr_expect_eq(collection->plan.size, 5000);
	ask(PLAN_NEWEST);
	show(b, PLAN_NEWEST);
	listing_ends(&config, collection, PLAN_NEWEST, &page, NULL);
	cr_expect_not(a->plan.shown & plan_bit(PLAN_NEWEST), "no longer");
}

/* While the baseline is taken, what was skipped would pass for new later: it is read again. */
Test(listing, a_first_list_that_shifted_is_read_again)
{
	const struct listing_page first = {.n = 200, .total = 300}, last = {.n = 99, .total = 299};
	struct job *a = add("a", RUNNING);
	struct error e = ERROR_NONE;

	collection->baseline = route_bit(0);
	for (int i = 0; i < 3; i++) {
		ask(PLAN_ALL);
		cr_assert_eq(listing_goes_on(collection, PLAN_ALL, &first, "next", &e), 0);
		ask(PLAN_ALL);
		listing_ends(&config, collection, PLAN_ALL, &last, NULL);
		cr_expect_eq(collection->baseline, route_bit(0), "it is not taken");
		cr_expect_eq(collection->plan.whole.last_ms, 0, "so it is due");
		cr_expect_not(is_urgent(a), "nor does it say that somebody is gone");
	}
}
