/* What the outbox takes, and what it no longer sends. */
#include "model/outbox.h"

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/macro.h"
#include "model/schedule.h"

Test(outbox, admits_by_weight)
{
	static const struct {
		size_t waiting, max;
		bool off;
		enum event_type type;
		enum outbox_answer answer;
	} cases[] = {
		{0, 10, false, EVENT_JOB_PROGRESS, OUTBOX_TAKE},
		{9, 10, false, EVENT_JOB_PROGRESS, OUTBOX_TAKE},
		{10, 10, false, EVENT_JOB_PROGRESS, OUTBOX_SKIP},
		{10, 10, false, EVENT_JOB_PAUSED, OUTBOX_SKIP},
		{10, 10, false, EVENT_JOB_STALLED, OUTBOX_SKIP},
		{10, 10, false, EVENT_JOB_SUCCEEDED, OUTBOX_TAKE},
		{10, 10, false, EVENT_WATCHER_DEGRADED, OUTBOX_TAKE},
		{19, 10, false, EVENT_JOB_FAILED, OUTBOX_TAKE},
		{20, 10, false, EVENT_JOB_FAILED, OUTBOX_DEAD},
		{20, 10, false, EVENT_JOB_PAUSED, OUTBOX_SKIP},
		{SIZE_MAX, SIZE_MAX - 1, false, EVENT_JOB_FAILED, OUTBOX_TAKE},
		{0, 10, true, EVENT_JOB_SUCCEEDED, OUTBOX_OFF},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cr_expect_eq(outbox_admit(cases[i].waiting, cases[i].max, cases[i].off,
					  cases[i].type),
			     cases[i].answer, "case %zu", i);
}

Test(outbox, every_refusal_has_a_reason)
{
	cr_expect_str_eq(outbox_reason(OUTBOX_TAKE), "");
	for (enum outbox_answer a = OUTBOX_SKIP; a <= OUTBOX_OFF; a++)
		cr_expect_neq(outbox_reason(a)[0], '\0', "answer %d", (int)a);
}

Test(outbox, what_is_past_for_a_notifier_that_returns)
{
	const int64_t limit = (int64_t)SCHEDULE_RETRY_MAX_AGE_MS * US_PER_MS, since = 10 * limit;

	cr_expect(!outbox_is_past(since + 1, since), "made after its return");
	cr_expect(!outbox_is_past(since - limit, since));
	cr_expect(outbox_is_past(since - limit - 1, since));
	cr_expect(!outbox_is_past(0, 0));
}
