/* Which pages are known again. */
#include "daemon/page_memory.h"

#include <criterion/criterion.h>
#include <string.h>

#include "daemon/job.h"

static struct accounts accounts;
static struct account *account;
static struct page_memory memory;
static const uint8_t bytes[HASH_SHA256_BYTES] = {1, 2, 3}, others[HASH_SHA256_BYTES] = {1, 2, 4};

static void setup(void)
{
	accounts_init(&accounts);
	cr_assert_eq(accounts_get(&accounts, "https://api", "acme", &account), 0);
}

static void teardown(void)
{
	page_memory_cut(&memory, 0);
	accounts_done(&accounts);
}

TestSuite(page_memory, .init = setup, .fini = teardown);

static void become(struct job *job, const char *state)
{
	const struct snapshot_parts parts = {.text = {[TEXT_STATE] = state}};
	_cleanup_snapshot_ struct snapshot *s = NULL;

	cr_assert_eq(snapshot_new(&parts, &s), 0);
	job_set_snapshot(job, s);
}

static struct job *add(const char *name)
{
	struct job *job;

	cr_assert_eq(account_job(account, name, KIND_DPO, &job), 0);
	become(job, "JOB_STATE_RUNNING");
	return job;
}

/* A page of these jobs, as they are now. */
static void keep(uint32_t place, struct job *const *jobs, uint32_t n)
{
	struct page_record *r;

	cr_assert_eq(page_record_new(bytes, &r), 0);
	for (uint32_t i = 0; i < n; i++)
		cr_assert_eq(page_record_add(r, jobs[i], jobs[i]->snapshot), 0);
	page_memory_keep(&memory, place, r);
}

static bool knows(uint32_t place, const uint8_t digest[HASH_SHA256_BYTES])
{
	return page_memory_find(&memory, place, digest) != NULL;
}

Test(page_memory, a_page_is_its_place_and_its_bytes)
{
	struct job *job = add("accounts/acme/dpoJobs/a");

	cr_expect_not(knows(0, bytes), "nothing was kept");
	keep(1, &job, 1);
	cr_expect(knows(1, bytes));
	cr_expect_not(knows(1, others), "other bytes");
	cr_expect_not(knows(0, bytes), "another place");
	cr_expect_not(knows(2, bytes), "a place behind the last");
	page_memory_keep(&memory, 1, NULL);
	cr_expect_not(knows(1, bytes), "it was forgotten");
}

/* The bytes say what the job was then: something else has shown it since, which is newer. */
Test(page_memory, a_job_that_changed_makes_it_worthless)
{
	enum { N = 40 };
	struct job *jobs[N];

	for (int i = 0; i < N; i++) {
		char name[] = "accounts/acme/dpoJobs/j00";

		name[sizeof(name) - 3] = (char)('0' + i / 10);
		name[sizeof(name) - 2] = (char)('0' + i % 10);
		jobs[i] = add(name);
	}
	for (int i = 0; i < N; i++) {
		keep(0, jobs, N);
		cr_assert(knows(0, bytes));
		become(jobs[i], "JOB_STATE_COMPLETED");
		cr_assert_not(knows(0, bytes), "of %d jobs, no. %d changed", N, i);
		become(jobs[i], "JOB_STATE_RUNNING");
		cr_assert_not(knows(0, bytes), "it went there and back: nobody has read the page");
	}
}

Test(page_memory, a_list_that_became_shorter)
{
	struct job *job = add("accounts/acme/dpoJobs/a");

	for (uint32_t place = 0; place < 5; place++)
		keep(place, &job, 1);
	page_memory_cut(&memory, 2);
	for (uint32_t place = 0; place < 5; place++)
		cr_expect_eq(knows(place, bytes), place < 2, "%u", place);
	keep(4, &job, 1);
	cr_expect(knows(4, bytes));
	cr_expect_not(knows(3, bytes), "between");
}
