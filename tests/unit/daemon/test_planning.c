/* What the planner is told of an account, and what it says of how fresh that is kept. */
#include "daemon/planning.h"

#include <criterion/criterion.h>

#include "base/clock.h"

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
			       .n_watches = 2};
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
	struct job *job;

	cr_assert_eq(account_job(account, name, KIND_SFT, &job), 0);
	cr_assert_eq(snapshot_new(&parts, &job->snapshot), 0);
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
