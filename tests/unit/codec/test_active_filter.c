/* The filter with which a list shows the jobs that are not at an end. */
#include <criterion/criterion.h>

#include "base/macro.h"
#include "codec/active_filter.h"

static const struct {
	enum kind kind;
	const char *state;
	bool passes;
} states[] = {
	{KIND_SFT, "JOB_STATE_RUNNING", true},
	{KIND_SFT, "JOB_STATE_COMPLETED", false},
	{KIND_SFT, "JOB_STATE_EARLY_STOPPED", false},
	{KIND_SFT, "JOB_STATE_NOBODY_KNOWS", true},
	{KIND_SFT, "", true},
	{KIND_SFT, "COMPLETED", true}, /* the filter does not name it like that */
	{KIND_SFT, "JOB_STATE_DELETED", true},
	{KIND_FT, "RUNNING", true},
	{KIND_FT, "COMPLETED", false},
	{KIND_FT, "FAILED", false},
	{KIND_FT, "CANCELLED", true}, /* the legacy kind has no such state */
};

Test(active_filter, what_it_lets_through)
{
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		const struct snapshot_parts parts = {.text[TEXT_STATE] = states[i].state};
		_cleanup_snapshot_ struct snapshot *s = NULL;

		cr_assert_eq(snapshot_new(&parts, &s), 0);
		cr_expect_eq(active_filter_passes(states[i].kind, s), states[i].passes, "%s",
			     states[i].state);
	}
}

Test(active_filter, how_it_is_written)
{
	_cleanup_buf_ struct buf b = BUF_INIT(1024);

	cr_assert_eq(active_filter_write(KIND_FT, &b), 0);
	cr_expect_str_eq(buf_str(&b), "state!=\"COMPLETED\" AND state!=\"FAILED\"");
	buf_clear(&b);
	cr_assert_eq(active_filter_write(KIND_DPO, &b), 0);
	cr_expect_str_eq(buf_str(&b),
			 "state!=\"JOB_STATE_COMPLETED\" AND state!=\"JOB_STATE_FAILED\" AND "
			 "state!=\"JOB_STATE_CANCELLED\" AND state!=\"JOB_STATE_EXPIRED\" AND "
			 "state!=\"JOB_STATE_EARLY_STOPPED\"");
}
