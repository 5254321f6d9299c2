/* Which watches, which notifiers. */
#include <criterion/criterion.h>

#include "base/macro.h"
#include "model/route.h"

#define K(kind)   (1U << (kind))
#define ALL_KINDS (K(KIND_COUNT_) - 1)
#define T(type)   ((uint64_t)1 << (type))

static const struct route_watch watches[] = {
	{.account = 0, .kinds = ALL_KINDS, .notify = 0x1},
	{.account = 0, .kinds = K(KIND_SFT), .display_name = "prod-*", .notify = 0x2},
	{.account = 0, .kinds = ALL_KINDS, .by_name = true, .notify = 0x4},
	{.account = 0, .kinds = K(KIND_DPO) | K(KIND_RFT), .announce = true, .notify = 0x3},
	{.account = 1, .kinds = ALL_KINDS, .notify = ROUTE_ALL},
};

static const uint64_t accepts[] = {
	T(EVENT_JOB_SUCCEEDED) | T(EVENT_JOB_FOUND) | T(EVENT_WATCHER_DEGRADED),
	T(EVENT_JOB_SUCCEEDED),
	T(EVENT_JOB_SUCCEEDED) | T(EVENT_WATCHER_DEGRADED),
};

static const struct route_table table = {watches, ARRAY_LEN(watches), accepts, ARRAY_LEN(accepts)};

Test(route, watches_of_a_job)
{
	static const struct {
		size_t account;
		enum kind kind;
		const char *display_name;
		route_set named, want;
	} cases[] = {
		{0, KIND_SFT, "x", 0, 0x01},
		{0, KIND_SFT, "prod-1", 0, 0x03},
		{0, KIND_SFT, "xprod-1", 0, 0x01},
		{0, KIND_SFT, "", 0, 0x01},
		{0, KIND_SFT, "x", 0x04, 0x05},
		{0, KIND_SFT, "x", 0x02, 0x03}, /* named: the glob does not count */
		{0, KIND_DPO, "prod-1", 0, 0x09},
		{0, KIND_RFT, "prod-1", 0, 0x09},
		{0, KIND_FT, "prod-1", 0, 0x01},
		{1, KIND_SFT, "prod-1", 0, 0x10},
		{2, KIND_SFT, "prod-1", 0, 0x00},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		route_set got = route_watches(&table, cases[i].account, cases[i].kind,
					      cases[i].display_name, cases[i].named);

		cr_assert_eq(got, cases[i].want, "case %zu: %lx", i, (unsigned long)got);
	}
}

Test(route, watches_that_announce_a_job)
{
	static const struct {
		route_set watches, named, baseline, want;
	} cases[] = {
		{0x00, 0x00, 0x00, 0x00},
		{0x03, 0x00, 0x00, 0x03},
		/* Silent for a watch that takes its baseline … */
		{0x03, 0x00, 0x01, 0x02},
		{0x03, 0x00, 0x03, 0x00},
		/* … but not for one that announces or names the job … */
		{0x09, 0x00, 0x09, 0x08},
		{0x04, 0x04, 0x04, 0x04},
		{0x05, 0x04, 0x05, 0x04},
		/* … and never for a watch that the job is not of. */
		{0x01, 0x00, 0x02, 0x01},
		{0x01, 0x04, 0x04, 0x01},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		route_set got = route_announcing(&table, cases[i].watches, cases[i].named,
						 cases[i].baseline);

		cr_assert_eq(got, cases[i].want, "case %zu: %lx", i, (unsigned long)got);
	}
}

Test(route, notifiers_of_a_job_event)
{
	static const struct {
		enum event_type type;
		route_set watches, want;
	} cases[] = {
		{EVENT_JOB_SUCCEEDED, 0x00, 0x0}, {EVENT_JOB_SUCCEEDED, 0x01, 0x1},
		{EVENT_JOB_SUCCEEDED, 0x03, 0x3}, {EVENT_JOB_SUCCEEDED, 0x07, 0x7},
		{EVENT_JOB_SUCCEEDED, 0x10, 0x7}, {EVENT_JOB_FOUND, 0x07, 0x1},
		{EVENT_JOB_PAUSED, 0x1f, 0x0},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		route_set got = route_job_event(&table, cases[i].type, cases[i].watches, NULL);

		cr_assert_eq(got, cases[i].want, "case %zu: %lx", i, (unsigned long)got);
	}
}

Test(route, notifiers_of_an_account_event)
{
	cr_assert_eq(route_account_event(&table, EVENT_WATCHER_DEGRADED, 0), 0x5);
	cr_assert_eq(route_account_event(&table, EVENT_WATCHER_DEGRADED, 1), 0x5);
	cr_assert_eq(route_account_event(&table, EVENT_WATCHER_RESTORED, 0), 0x0);
	cr_assert_eq(route_account_event(&table, EVENT_WATCHER_DEGRADED, 2), 0x5,
		     "none of the watches is of it: it is looked at for jobs that were added");
}

Test(route, notifiers_of_a_job_that_somebody_asked_for)
{
	static const route_set first = 0x1, last = 0x4, none = 0;

	/* Of no watch, it is told to all; of a watch, as that says; and chosen ones come before both. */
	cr_expect_eq(route_job_event(&table, EVENT_JOB_SUCCEEDED, ROUTE_ADDED, NULL), 0x7);
	cr_expect_eq(route_job_event(&table, EVENT_JOB_SUCCEEDED, ROUTE_ADDED | 0x1, NULL), 0x1);
	cr_expect_eq(route_job_event(&table, EVENT_JOB_SUCCEEDED, ROUTE_ADDED, &last), 0x4);
	cr_expect_eq(route_job_event(&table, EVENT_JOB_SUCCEEDED, 0x7, &first), 0x1);
	cr_expect_eq(route_job_event(&table, EVENT_JOB_FOUND, ROUTE_ADDED, &last), 0x0,
		     "which is asked for no more than it wants");
	cr_expect_eq(route_job_event(&table, EVENT_JOB_SUCCEEDED, ROUTE_ADDED, &none), 0x0);
}

/* The sets hold as many as the configuration allows. */
Test(route, the_last_bits)
{
	struct route_watch many[ROUTE_WATCHES_MAX] = {0};
	uint64_t all[ROUTE_MAX];
	struct route_table t = {many, ROUTE_WATCHES_MAX, all, ROUTE_MAX};

	for (size_t i = 0; i < ROUTE_MAX; i++) {
		if (i < ROUTE_WATCHES_MAX)
			many[i] = (struct route_watch){.kinds = ALL_KINDS, .notify = route_bit(i)};
		all[i] = UINT64_MAX;
	}
	many[62].notify |= route_bit(63);
	cr_assert_eq(route_watches(&t, 0, KIND_FT, "", 0), ROUTE_ALL & ~ROUTE_ADDED);
	cr_assert_eq(route_job_event(&t, EVENT_JOB_FAILED, route_bit(62), NULL),
		     route_bit(62) | route_bit(63));
	cr_assert_eq(route_announcing(&t, ROUTE_ALL & ~ROUTE_ADDED, 0, route_bit(62)),
		     ROUTE_ALL & ~ROUTE_ADDED & ~route_bit(62));
	cr_assert_eq(route_announcing(&t, ROUTE_ADDED | route_bit(62), 0, route_bit(62)),
		     ROUTE_ADDED | route_bit(62), "what somebody asked for is announced");
	cr_assert_eq(route_account_event(&t, EVENT_WATCHER_RESTORED, 0), ROUTE_ALL);
}
