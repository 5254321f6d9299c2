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

Test(clock, rfc3339_cases)
{
	static const struct {
		const char *text;
		int64_t us; /* -1: bad */
		const char *again;
	} cases[] = {
		{"1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.000Z"},
		{"1970-01-01T00:00:01.5z", 1500000, "1970-01-01T00:00:01.500Z"},
		{"1970-01-01t00:00:01.25+00:00", 1250000, "1970-01-01T00:00:01.250Z"},
		{"1970-01-01 01:00:00.000001+01:00", 1, "1970-01-01T00:00:00.000Z"},
		{"1969-12-31T22:30:00-01:30", 0, "1970-01-01T00:00:00.000Z"},
		{"1969-12-31T23:59:59.999999999Z", -1000000 + 999999, NULL},
		{"2026-11-20T06:31:56.123456789Z", 1795156316123456, "2026-11-20T06:31:56.123Z"},
		{"2026-11-20T06:31:56.123Z", 1795156316123000, "2026-11-20T06:31:56.123Z"},
		{"2024-02-29T12:00:00Z", 1709208000000000, "2024-02-29T12:00:00.000Z"},
		{"2016-12-31T23:59:60Z", 1483228799000000, "2016-12-31T23:59:59.000Z"},
		{"9999-12-31T23:59:59.999Z", 253402300799999000, "9999-12-31T23:59:59.999Z"},
		{"0000-01-01T00:00:00Z", -62167219200000000, "0000-01-01T00:00:00.000Z"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[CLOCK_RFC3339_MAX];
		int64_t us;

		cr_assert_eq(clock_parse_rfc3339(cases[i].text, &us), 0, "%s", cases[i].text);
		cr_assert_eq(us, cases[i].us, "%s: %ld", cases[i].text, (long)us);
		clock_format_rfc3339(us, text);
		if (cases[i].again)
			cr_assert_str_eq(text, cases[i].again);
	}
}

Test(clock, rfc3339_bad)
{
	static const char *const bad[] = {
		"",
		"2026",
		"2026-11-20",
		"2026-11-20T06:31:56",
		"2026-11-20T06:31Z",
		"2026-11-20T06:31:56.Z",
		"2026-11-20T06:31:56Z ",
		" 2026-11-20T06:31:56Z",
		"2026-11-20T06:31:56ZZ",
		"2026-11-20T06:31:56+",
		"2026-11-20T06:31:56+1",
		"2026-11-20T06:31:56+01",
		"2026-11-20T06:31:56+0100",
		"2026-11-20T06:31:56+24:00",
		"2026-11-20T06:31:56+01:60",
		"2026-11-20T24:00:00Z",
		"2026-11-20T06:60:00Z",
		"2026-11-20T06:31:61Z",
		"2026-00-20T06:31:56Z",
		"2026-13-20T06:31:56Z",
		"2026-11-00T06:31:56Z",
		"2026-11-32T06:31:56Z",
		"2026-11-31T06:31:56Z",
		"1900-02-29T00:00:00Z",
		"26-11-20T06:31:56Z",
		"02026-11-20T06:31:56Z",
		"-026-11-20T06:31:56Z",
		"+026-11-20T06:31:56Z",
		"2026-11-20T 6:31:56Z",
		"2026/11/20T06:31:56Z",
		"2026-11-20X06:31:56Z",
		"2026-11-20T06:31:56,5Z",
		"2026-11-20T06:31:\xef\xbc\x95Z",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int64_t us = 4711;

		cr_assert_eq(clock_parse_rfc3339(bad[i], &us), -EINVAL, "%s", bad[i]);
		cr_assert_eq(us, 4711, "%s", bad[i]);
	}
}

Test(clock, rfc3339_round_trip)
{
	struct rnd r = rnd_open("clock");
	const int64_t first_ms = -62167219200000, last_ms = 253402300799999;

	for (int i = 0; i < 20000; i++) {
		int64_t ms = first_ms + (int64_t)rnd_below(&r, (uint64_t)(last_ms - first_ms) + 1),
			us;
		char text[CLOCK_RFC3339_MAX];

		clock_format_rfc3339(ms * 1000 + (int64_t)rnd_below(&r, 1000), text);
		cr_assert_eq(strlen(text), strlen("2026-11-20T06:31:56.123Z"), "%s", text);
		cr_assert_eq(clock_parse_rfc3339(text, &us), 0, "%s", text);
		cr_assert_eq(us, ms * 1000, "%s", text);
	}
}

Test(clock, rfc3339_beyond_the_years_is_still_a_time)
{
	static const int64_t beyond[] = {INT64_MIN, INT64_MAX, 253402300800000000,
					 -62167219200000001};

	for (size_t i = 0; i < ARRAY_LEN(beyond); i++) {
		char text[CLOCK_RFC3339_MAX];
		int64_t us;

		clock_format_rfc3339(beyond[i], text);
		cr_assert_eq(clock_parse_rfc3339(text, &us), 0, "%s", text);
	}
}

Test(clock, span_cases)
{
	static const struct {
		const char *text;
		uint64_t ms;
		const char *again;
	} cases[] = {
		{"0", 0, "0"},
		{"90", 90000, "1min 30s"},
		{"90s", 90000, "1min 30s"},
		{" 90 s ", 90000, "1min 30s"},
		{"\t2h\t", 7200000, "2h"},
		{"5min 30s", 330000, "5min 30s"},
		{"5min30s", 330000, "5min 30s"},
		{"5m", 300000, "5min"},
		{"1hour 1minute 1second", 3661000, "1h 1min 1s"},
		{"2 hours 2 minutes 2 seconds", 7322000, "2h 2min 2s"},
		{"2hr 2sec", 7202000, "2h 2s"},
		{"250ms", 250, "250ms"},
		{"250msec", 250, "250ms"},
		{"1d", 86400000, "1d"},
		{"2days", 172800000, "2d"},
		{"36h", 129600000, "1d 12h"},
		{"1w", 604800000, "7d"},
		{"1week 1day", 691200000, "8d"},
		{"2weeks", 1209600000, "14d"},
		{"72h", 259200000, "3d"},
		{"1s 1s", 2000, "2s"},
		{"00010", 10000, "10s"},
		{"9223372036854775807ms", INT64_MAX, NULL},
		{"off", UINT64_MAX, "off"},
		{"infinity", UINT64_MAX, "off"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[CLOCK_SPAN_MAX];
		uint64_t ms;

		cr_assert_eq(clock_parse_span_ms(cases[i].text, &ms), 0, "%s", cases[i].text);
		cr_assert_eq(ms, cases[i].ms, "%s", cases[i].text);
		clock_format_span_ms(ms, text);
		if (cases[i].again)
			cr_assert_str_eq(text, cases[i].again);
	}
}

Test(clock, span_bad)
{
	static const struct {
		const char *text;
		int r;
	} cases[] = {
		{"", -EINVAL},
		{"  ", -EINVAL},
		{"s", -EINVAL},
		{"5x", -EINVAL},
		{"-5s", -EINVAL},
		{"+5s", -EINVAL},
		{"1.5h", -EINVAL},
		{"5S", -EINVAL},
		{"5min -30s", -EINVAL},
		{"five", -EINVAL},
		{"off 5s", -EINVAL},
		{"OFF", -EINVAL},
		{"0x10", -EINVAL},
		{"5 min,", -EINVAL},
		{"5minutess", -EINVAL},
		{"1mo", -EINVAL},
		{"5\n", -EINVAL},
		{"99999999999999999999", -ERANGE},
		{"18446744073709551615ms", -ERANGE},
		{"18446744073709551615w", -ERANGE},
		{"9223372036854775808ms", -ERANGE},
		{"9223372036854775807ms 1ms", -ERANGE},
		{"9223372036854775807ms 9223372036854775807ms 9223372036854775807ms", -ERANGE},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t ms = 4711;

		cr_assert_eq(clock_parse_span_ms(cases[i].text, &ms), cases[i].r, "%s",
			     cases[i].text);
		cr_assert_eq(ms, 4711, "%s", cases[i].text);
	}
}

Test(clock, span_round_trip)
{
	struct rnd r = rnd_open("clock");

	for (int i = 0; i < 20000; i++) {
		uint64_t ms = rnd_next(&r) >> (1 + rnd_below(&r, 63)), again;
		char text[CLOCK_SPAN_MAX];

		clock_format_span_ms(ms, text);
		cr_assert_lt(strlen(text), CLOCK_SPAN_MAX - 1);
		cr_assert_eq(clock_parse_span_ms(text, &again), 0, "%s", text);
		cr_assert_eq(again, ms, "%s", text);
	}
}

Test(clock, what_passes_between_two_looks_is_no_sleep)
{
	int64_t asleep = clock_asleep_ms(5000, 5001, INT64_MIN);

	cr_assert_eq(clock_asleep_ms(6000, 6000, asleep) - asleep, 1);
	cr_assert_eq(clock_asleep_ms(7000, 7001, 0), 0, "the second clock was ahead for once");
	cr_assert_eq(clock_asleep_ms(9000, 12000, 0), 0, "somebody else had the processor");
	cr_assert_eq(clock_asleep_ms(13000, 13000, 0), 0);
	cr_assert_eq(clock_asleep_ms(20000, 14000, 0), 6000, "asleep");
	cr_assert_eq(clock_asleep_ms(21000, 20000, INT64_MIN), 1000);
	cr_assert_eq(clock_asleep_ms(1000, 9000, INT64_MIN), -8000, "in a time namespace");
	cr_assert_eq(clock_asleep_ms(9000, 10000, -8000), -1000, "asleep there");
}

Test(clock, clocks_run)
{
	uint64_t boot = clock_boot_now_ms(), mono = clock_monotonic_now_us();

	cr_assert_gt(boot, 0);
	cr_assert_geq(clock_boot_now_ms(), boot);
	cr_assert_geq(clock_monotonic_now_us(), mono);
	cr_assert_gt(clock_real_now_us(), 1577836800LL * US_PER_S, "before 2020");
}
