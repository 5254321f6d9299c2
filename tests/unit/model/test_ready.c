/* Which models are asked for, how often, and for how long. */
#include "model/ready.h"

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/macro.h"

#define ID_63 "012345678901234567890123456789012345678901234567890123456789012"
#define LIMIT MS_PER_H

Test(ready, only_successes_have_a_model_to_wait_for)
{
	for (enum event_type e = EVENT_NONE; e < EVENT_COUNT_; e++)
		cr_expect_eq(ready_concerns(e), e == EVENT_JOB_SUCCEEDED, "%d", e);
}

Test(ready, names_of_models)
{
	static const struct {
		const char *name;
		bool is_model;
	} cases[] = {
		{"accounts/acme/models/m", true},
		{"accounts/acme/models/support-replies-2026-11", true},
		{"accounts/" ID_63 "/models/" ID_63, true},
		{"accounts/acme/models/" ID_63 "4", false},
		{"accounts/" ID_63 "4/models/m", false},
		{"", false},
		{"m", false},
		{"accounts/acme/models/", false},
		{"accounts/acme/models", false},
		{"accounts//models/m", false},
		{"accounts/acme/datasets/m", false},
		{"accounts/acme/models/m/versions/1", false},
		{"accounts/acme/x/models/m", false},
		{"accounts/acme/models/m?pageSize=1", false},
		{"accounts/acme/models/..", false},
		{"accounts/../models/m", false},
		{"accounts/acme/models/m m", false},
		{"accounts/acme/models/m\n", false},
		{"/accounts/acme/models/m", false},
		{"https://x/v1/accounts/acme/models/m", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cr_expect_eq(ready_is_model(cases[i].name), cases[i].is_model, "%s", cases[i].name);
}

Test(ready, questions_become_rare)
{
	static const struct {
		unsigned asked;
		uint64_t retry_after_ms;
		uint32_t chance;
		uint64_t wait_ms;
	} cases[] = {
		{1, 0, 0, 15000},
		{2, 0, 0, 30000},
		{3, 0, 0, 60000},
		{4, 0, 0, 60000},
		{UINT32_MAX, 0, 0, 60000},
		{1, 0, UINT32_MAX, 16499},
		{3, 0, UINT32_MAX / 2, 62999},
		{1, 1000, 0, 15000},
		{1, 40000, 0, 40000},
		{3, UINT64_MAX, UINT32_MAX, MS_PER_H},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cr_expect_eq(ready_ask_ms(cases[i].asked, cases[i].retry_after_ms, cases[i].chance),
			     cases[i].wait_ms, "%zu", i);
}

Test(ready, the_limit_counts_from_the_event)
{
	static const int64_t event_us = 1795156316123000, limit_us = (int64_t)LIMIT * US_PER_MS;
	static const struct {
		int64_t after_us;
		uint64_t left_ms;
	} cases
		[] =
			{
				{0, LIMIT},         {1000, LIMIT - 1}, {limit_us - 1000, 1},
				{limit_us, 0},      {limit_us + 1, 0}, {100 * limit_us, 0},
				{-limit_us, LIMIT}, /* a clock that was set back */
			};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cr_expect_eq(ready_left_ms(event_us, LIMIT, event_us + cases[i].after_us),
			     cases[i].left_ms, "%zu", i);
}

Test(ready, late_is_what_was_asked_for)
{
	static const struct {
		struct ready_wait wait;
		uint64_t late_ms;
	} cases[] = {
		/* asked for within the limit: the limit decides */
		{{.since_ms = 1000, .limit_ms = 1000 + LIMIT, .answered = true}, 1000 + LIMIT},
		{{.since_ms = 1000, .limit_ms = 1000 + LIMIT}, 1000 + LIMIT},
		/* over, or nearly, when it began: one answer, and a minute for it */
		{{.since_ms = 1000, .limit_ms = 1000}, 1000 + READY_GRACE_MS},
		{{.since_ms = 1000, .limit_ms = 2000}, 1000 + READY_GRACE_MS},
		{{.since_ms = 1000, .limit_ms = 1000, .answered = true}, 1000},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cr_expect_eq(ready_late_ms(&cases[i].wait), cases[i].late_ms, "%zu", i);
}
