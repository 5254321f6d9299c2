/*
 * The request budget: over any 60 s at most the rate, whatever the demand, and with steady demand
 * nearly all of it.
 */
#include <criterion/criterion.h>

#include "base/macro.h"
#include "model/budget.h"
#include "support/rand.h"

#define US_PER_MIN 60000000ULL

static const uint32_t rates[] = {
	1,     2,      3,    7,    10,   11,   59,     60,     61,      100,      333,      599,
	600,   601,    700,  1000, 1199, 1200, 1201,   1799,   1800,    3000,     6000,     12345,
	60000, 600000, 7919, 5999, 6001, 9973, 100000, 999983, 3000000, 29999999, 60000000,
};

/* Takes whenever it may, for `minutes`; how many requests that were. */
static uint64_t take_steadily(struct budget *b, uint64_t now_us, uint64_t minutes)
{
	uint64_t end_us = now_us + minutes * US_PER_MIN, n = 0;

	for (;;) {
		now_us = budget_next_us(b, now_us);
		if (now_us >= end_us)
			return n;
		cr_assert(budget_take(b, now_us), "budget_next_us() was too early");
		n++;
	}
}

Test(budget, steady_demand_gets_the_rate)
{
	for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
		uint64_t minutes = rates[i] > 100000 ? 1 : rates[i] > 1000 ? 5 : 200, n;
		struct budget b;

		budget_init(&b, rates[i], 1000);
		n = take_steadily(&b, 1000, minutes);
		cr_assert_leq(n, minutes * rates[i], "rate %u: %lu", rates[i], (unsigned long)n);
		/* One more: the token whose time the end of the test cuts. */
		cr_assert_geq((n + 1) * 100, minutes * rates[i] * 99, "rate %u: %lu in %lu min",
			      rates[i], (unsigned long)n, (unsigned long)minutes);
	}
}
