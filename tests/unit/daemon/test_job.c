/* The daemon's memory of jobs: what it counts as they change. */
#include "daemon/job.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tests/support/rand.h"

#define JOBS 50

static struct tally counted_again(const struct account *account)
{
	struct tally t = {0};

	map_for_each (&account->jobs, const struct job, job) {
		if (!job->watches)
			continue;
		t.watched++;
		if (job->snapshot)
			t.by_phase[snapshot_phase(job->snapshot)]++;
	}
	return t;
}

Test(job, the_tally_is_what_a_recount_gives)
{
	static const char *const states[] = {"JOB_STATE_PENDING",
					     "JOB_STATE_RUNNING",
					     "JOB_STATE_COMPLETED",
					     "JOB_STATE_FAILED",
					     "",
					     "JOB_STATE_DREAMING"};
	struct rnd r = rnd_open("job");
	struct accounts accounts;
	struct account *account;

	accounts_init(&accounts);
	cr_assert_eq(accounts_get(&accounts, "https://api", "acme", &account), 0);
	for (int step = 0; step < 2000; step++) {
		const struct snapshot_parts parts = {
			.text = {[TEXT_STATE] = states[rnd_below(&r, ARRAY_LEN(states))]},
			.gone = rnd_below(&r, 10) == 0};
		_cleanup_snapshot_ struct snapshot *snapshot = NULL;
		char name[NAME_JOB_MAX];
		struct tally want;
		struct job *job;

		snprintf(name, sizeof(name), "accounts/acme/dpoJobs/j%u",
			 (unsigned)rnd_below(&r, JOBS));
		cr_assert_eq(account_job(account, name, KIND_DPO, &job), 0);
		cr_assert_eq(snapshot_new(&parts, &snapshot), 0);
		if (rnd_below(&r, 2))
			job_set_snapshot(job, snapshot);
		else
			job_set_watches(job, rnd_below(&r, 3) ? route_bit(rnd_below(&r, 3)) : 0);
		want = counted_again(account);
		cr_assert_eq(memcmp(&account->tally, &want, sizeof(want)), 0, "step %d", step);
	}
	cr_assert_gt(account->tally.watched, 0U);
	accounts_done(&accounts);
}
