/* Times and spans as text. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "base/macro.h"
#include "support/rand.h"

/* A failing call leaves its output as it was, also when it fails at the very end. */
Test(clock, failed_parse_writes_nothing)
{
	static const char *const bad[] = {"2026-02-30T00:00:00Z", "2025-02-29T00:00:00Z",
					  "2026-04-31T00:00:00Z", "2026-11-20T06:31:56"};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int64_t us = 4711;

		cr_assert_eq(clock_parse_rfc3339(bad[i], &us), -EINVAL, "%s", bad[i]);
		cr_assert_eq(us, 4711, "%s", bad[i]);
	}
}

Test(clock, early_years_have_four_digits)
{
	char text[CLOCK_RFC3339_MAX];
	int64_t us, again;

	cr_assert_eq(clock_parse_rfc3339("0033-04-03T15:00:00.5Z", &us), 0);
	clock_format_rfc3339(us, text);
	cr_assert_str_eq(text, "0033-04-03T15:00:00.500Z");
	cr_assert_eq(clock_parse_rfc3339(text, &again), 0);
	cr_assert_eq(again, us);
}
