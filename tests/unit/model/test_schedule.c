/* When something is due next. */
#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/macro.h"
#include "model/schedule.h"
#include "support/rand.h"

/* "off" is UINT64_MAX ms, and a clock that was set back makes an age of nearly that. */
Test(schedule, nothing_wraps_around)
{
	static const uint64_t huge[] = {UINT64_MAX, UINT64_MAX - 1, UINT64_MAX / 2 + 1,
					UINT64_MAX - 5 * MS_PER_S};
	uint64_t wait_ms = 4711;

	for (size_t i = 0; i < ARRAY_LEN(huge); i++)
		for (size_t k = 0; k < ARRAY_LEN(huge); k++) {
			uint64_t now = 1000 + i;

			cr_assert_geq(schedule_first_ms(7, huge[i], now), now);
			cr_assert_geq(schedule_next_ms(7, huge[i], now, now), now);
			cr_assert_geq(schedule_next_ms(7, huge[i], huge[k], now), huge[k] / 2);
			cr_assert_geq(schedule_next_ms(7, huge[i], huge[k], huge[k]), huge[k]);
			cr_assert_geq(schedule_next_ms(7, 30000, huge[k], huge[i]), huge[i]);
			cr_assert_not(schedule_retry_ms(1, huge[i], 0, 0, &wait_ms));
			cr_assert_eq(wait_ms, 4711);
		}
}
