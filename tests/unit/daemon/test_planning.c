/* What the planner is told of an account, and what it says of how fresh that is kept. */
#include "daemon/planning.h"

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/macro.h"

#define T0 (1000 * MS_PER_H)

static struct accounts accounts;
static struct account *account;
/* Of the two watches, "fast" wants 10 s and "slow" 10 min. */
static struct config_watch watches[] = {{.poll_interval_ms = 10 * MS_PER_S},
					{.poll_interval_ms = 10 * MS_PER_MIN}};
static struct config_account config_account = {.requests_per_minute = 10};
static struct config config = {.accounts = &config_account,
			       .n_accounts = 1,
			       .watches = watches,
			       .n_watches = 2,
			       .poll_interval_ms = MS_PER_MIN,
			       .stall_ms = {[PHASE_RUNNING] = 7 * MS_PER_MIN}};
enum { FAST, SLOW };

static void setup(void)
{
	accounts_init(&accounts);
	cr_assert_eq(accounts_get(&accounts, "https://api", "acme", &account), 0);
	account->config = &config_account;
}

static void teardown(void)
{
	accounts_done(&accounts);
}

TestSuite(planning, .init = setup, .fini = teardown);

static struct job *add(const char *name, unsigned watch, const char *state)
{
	const struct snapshot_parts parts = {.text = {[TEXT_STATE] = state}};
	_cleanup_snapshot_ struct snapshot *s = NULL;
	struct job *job;

	cr_assert_eq(account_job(account, name, KIND_SFT, &job), 0);
	cr_assert_eq(snapshot_new(&parts, &s), 0);
	job_set_snapshot(job, s);
	job_set_watches(job, route_bit(watch));
	return job;
}

static void see(struct job *job, uint64_t at_ms)
{
	planning_seen(&config, job, true, 0, at_ms);
}

static void assert_freshness(uint64_t now_ms, uint64_t wanted_ms, uint64_t freshness_ms)
{
	uint64_t wanted, freshness;

	cr_assert(planning_freshness(&config, account, now_ms, &wanted, &freshness));
	cr_expect_eq(wanted, wanted_ms, "%lu wanted", (unsigned long)wanted);
	cr_expect_eq(freshness, freshness_ms, "%lu", (unsigned long)freshness);
}

Test(planning, freshness_of_no_active_job)
{
	uint64_t wanted, freshness;

	cr_expect_not(planning_freshness(&config, account, T0, &wanted, &freshness));
	see(add("accounts/acme/supervisedFineTuningJobs/a", FAST, "JOB_STATE_COMPLETED"), T0);
	cr_expect_not(planning_freshness(&config, account, T0 + MS_PER_H, &wanted, &freshness));
}

Test(planning, freshness_is_that_of_the_job_furthest_behind)
{
	struct job *fast =
		add("accounts/acme/supervisedFineTuningJobs/a", FAST, "JOB_STATE_RUNNING");
	struct job *slow =
		add("accounts/acme/supervisedFineTuningJobs/b", SLOW, "JOB_STATE_RUNNING");

	see(fast, T0);
	see(slow, T0);
	see(fast, T0 + 500 * MS_PER_S);
	see(fast, T0 + 510 * MS_PER_S);
	/* 500 s for the slow one are what it wants, 12 s for the fast one more than that. */
	assert_freshness(T0 + 522 * MS_PER_S, 10 * MS_PER_S, 12 * MS_PER_S);
	see(fast, T0 + 522 * MS_PER_S);
	assert_freshness(T0 + 523 * MS_PER_S, 10 * MS_PER_S, 12 * MS_PER_S);
	see(fast, T0 + 530 * MS_PER_S);
	assert_freshness(T0 + 530 * MS_PER_S, 10 * MS_PER_MIN, 530 * MS_PER_S);
	assert_freshness(T0 + 545 * MS_PER_S, 10 * MS_PER_S, 15 * MS_PER_S);
}

/* A night asleep, or without a network, is no lack of budget. */
Test(planning, what_nobody_could_see_is_not_counted)
{
	struct job *job =
		add("accounts/acme/supervisedFineTuningJobs/a", FAST, "JOB_STATE_RUNNING");
	uint64_t morning = T0 + 8 * MS_PER_H;

	see(job, T0);
	see(job, T0 + 70 * MS_PER_S);
	assert_freshness(T0 + 70 * MS_PER_S, 10 * MS_PER_S, 70 * MS_PER_S);
	assert_freshness(morning, 10 * MS_PER_S, morning - T0 - 70 * MS_PER_S);
	planning_disturbed(account, morning);
	assert_freshness(morning, 10 * MS_PER_S, 0);
	assert_freshness(morning + 3 * MS_PER_S, 10 * MS_PER_S, 3 * MS_PER_S);
	see(job, morning + 4 * MS_PER_S);
	assert_freshness(morning + 5 * MS_PER_S, 10 * MS_PER_S, 4 * MS_PER_S);
	see(job, morning + 60 * MS_PER_S);
	assert_freshness(morning + 60 * MS_PER_S, 10 * MS_PER_S, 56 * MS_PER_S);
	/* Left alone for a while. */
	planning_disturbed(account, morning + 5 * MS_PER_MIN);
	assert_freshness(morning + 4 * MS_PER_MIN, 10 * MS_PER_S, 0);
	see(job, morning + 5 * MS_PER_MIN + 2000);
	assert_freshness(morning + 5 * MS_PER_MIN + 2000, 10 * MS_PER_S, 2000);
}

/* --- what a job is like, as the schedule is told --- */

static uint64_t due_in_ms(const struct job *job, uint64_t now_ms)
{
	return heap_node_in(&job->plan.due) ? job->plan.due.due - now_ms : UINT64_MAX;
}

/* Wanted every 10 min: an hour in its state is long, a few seconds are not. */
Test(planning, a_new_state_is_looked_at_soon)
{
	struct job *job =
		add("accounts/acme/supervisedFineTuningJobs/a", SLOW, "JOB_STATE_RUNNING");

	job->phase_since_us = clock_real_now_us() - (int64_t)(MS_PER_H * US_PER_MS);
	see(job, T0);
	cr_expect_eq(due_in_ms(job, T0), 10 * MS_PER_MIN);
	job->phase_since_us = clock_real_now_us();
	see(job, T0);
	cr_expect_eq(due_in_ms(job, T0), 15 * MS_PER_S);
	/* The wall clock was set back by a day: no age is made of that. */
	job->phase_since_us = clock_real_now_us() + (int64_t)(MS_PER_DAY * US_PER_MS);
	see(job, T0);
	cr_expect_eq(due_in_ms(job, T0), 15 * MS_PER_S);
}

/* The API's word for when it ended counts more than when that was seen. */
Test(planning, an_end_is_as_old_as_the_api_says)
{
	static const struct {
		const char *completed;
		uint64_t seen_ago_ms;
		uint64_t expected_ms;
	} cases[] = {
		{"", 0, MS_PER_H},
		{"", 23 * MS_PER_H, MS_PER_H},
		{"", 25 * MS_PER_H, UINT64_MAX},
		{"2020-01-01T00:00:00Z", 0, UINT64_MAX},
		{"2999-01-01T00:00:00Z", 25 * MS_PER_H, MS_PER_H},
		{"yesterday", 25 * MS_PER_H, UINT64_MAX},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct snapshot_parts parts = {
			.text = {[TEXT_STATE] = "JOB_STATE_FAILED",
				 [TEXT_COMPLETED_TIME] = cases[i].completed}};
		_cleanup_snapshot_ struct snapshot *s = NULL;
		struct job *job =
			add("accounts/acme/supervisedFineTuningJobs/a", FAST, "JOB_STATE_FAILED");

		cr_assert_eq(snapshot_new(&parts, &s), 0);
		job_set_snapshot(job, s);
		job->phase_since_us =
			clock_real_now_us() - (int64_t)(cases[i].seen_ago_ms * US_PER_MS);
		see(job, T0);
		cr_expect_eq(due_in_ms(job, T0), cases[i].expected_ms, "%zu", i);
	}
}

static void progress(struct job *job, int32_t percent, uint16_t epochs)
{
	const struct snapshot_parts parts = {.text = {[TEXT_STATE] = "JOB_STATE_RUNNING"},
					     .progress = {.given = true,
							  .values = {[PROGRESS_PERCENT] = percent}},
					     .epochs = epochs};
	_cleanup_snapshot_ struct snapshot *s = NULL;

	cr_assert_eq(snapshot_new(&parts, &s), 0);
	job_set_snapshot(job, s);
}

/* A percent a minute: until half of it is done nothing is near, and then its end may come any time. */
Test(planning, a_job_near_its_end_is_looked_at_soon)
{
	struct job *job =
		add("accounts/acme/supervisedFineTuningJobs/a", SLOW, "JOB_STATE_RUNNING");
	struct eta_estimate estimate;
	uint64_t now_ms = T0;

	for (int32_t percent = 0; percent < 100; percent++, now_ms += MS_PER_MIN) {
		progress(job, percent, 1);
		see(job, now_ms);
		if (percent < 50)
			cr_assert_eq(due_in_ms(job, now_ms), 10 * MS_PER_MIN, "at %d percent",
				     percent);
		if (percent >= 92)
			cr_assert_eq(due_in_ms(job, now_ms), 15 * MS_PER_S, "at %d percent",
				     percent);
		cr_assert_eq(planning_eta(job, now_ms, &estimate), percent >= 2);
	}
	see(add("accounts/acme/supervisedFineTuningJobs/a", SLOW, "JOB_STATE_COMPLETED"), now_ms);
	cr_expect_not(planning_eta(job, now_ms, &estimate), "it has ended");
	cr_expect_null(job->course);
}

/* After the first 404 it is asked for when it is due, not before, so that the two are one interval
 * apart. */
Test(planning, not_found_once_is_asked_again_an_interval_later)
{
	struct job *job =
		add("accounts/acme/supervisedFineTuningJobs/a", FAST, "JOB_STATE_COMPLETED");

	see(job, T0);
	cr_assert_eq(plan_job_urge(&job_collection(job)->plan, &job->plan, 0), 0);
	plan_job_out(&job_collection(job)->plan, &job->plan);
	job->asked_ms = T0 + MS_PER_H;
	job->missing = 1;
	planning_again(&config, job, T0 + MS_PER_H + 100);
	cr_expect_eq(due_in_ms(job, T0 + MS_PER_H), 10 * MS_PER_S);
	cr_expect_eq(job->plan.shown, 0, "no list shows it");
}

/* A batch tells percent and no epochs, since it has none. */
Test(planning, a_kind_without_epochs_has_estimates)
{
	struct eta_estimate estimate;
	struct job *job;

	cr_assert_eq(account_job(account, "accounts/acme/batchInferenceJobs/a", KIND_BATCH, &job),
		     0);
	job_set_watches(job, route_bit(SLOW));
	for (int32_t percent = 0; percent < 10; percent++) {
		progress(job, percent, 0);
		see(job, T0 + (uint64_t)percent * MS_PER_MIN);
	}
	cr_expect(planning_eta(job, T0 + 10 * MS_PER_MIN, &estimate));
}

Test(planning, the_shortest_budget_for_standing_still_counts)
{
	struct job *job =
		add("accounts/acme/supervisedFineTuningJobs/a", FAST, "JOB_STATE_RUNNING");

	for (unsigned shorter = FAST; shorter <= SLOW; shorter++) {
		watches[shorter].stall_ms[PHASE_RUNNING] = MS_PER_MIN;
		watches[!shorter].stall_ms[PHASE_RUNNING] = MS_PER_H;
		job_set_watches(job, route_bit(FAST) | route_bit(SLOW));
		cr_expect_eq(planning_stall_budget_ms(&config, job, PHASE_RUNNING), MS_PER_MIN);
		job_set_watches(job, route_bit(!shorter));
		cr_expect_eq(planning_stall_budget_ms(&config, job, PHASE_RUNNING), MS_PER_H,
			     "the other one is none of its watches");
	}
	job_set_watches(job, 0);
	cr_expect_eq(planning_stall_budget_ms(&config, job, PHASE_RUNNING), UINT64_MAX);
}

/* A job that is of no watch, because somebody asked for it, is looked at as the top of the file says. */
Test(planning, a_job_that_was_added_has_the_defaults)
{
	struct job *job =
		add("accounts/acme/supervisedFineTuningJobs/a", FAST, "JOB_STATE_RUNNING");

	watches[FAST].stall_ms[PHASE_RUNNING] = MS_PER_H;
	job_set_watches(job, ROUTE_ADDED);
	planning_take_job(&config, job, T0);
	cr_expect_eq(job->plan.due.due, T0, "it is due at once");
	cr_expect_eq(planning_stall_budget_ms(&config, job, PHASE_RUNNING), 7 * MS_PER_MIN);
	see(job, T0);
	assert_freshness(T0 + 2 * MS_PER_MIN, MS_PER_MIN, 2 * MS_PER_MIN);
	job_set_watches(job, ROUTE_ADDED | route_bit(FAST));
	cr_expect_eq(planning_stall_budget_ms(&config, job, PHASE_RUNNING), MS_PER_H,
		     "what a watch says of it counts");
	job_set_watches(job, 0);
	planning_take_job(&config, job, T0);
	cr_expect(!heap_node_in(&job->plan.due), "nobody asks for it any more");
}
