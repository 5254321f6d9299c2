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

#define SENT_MAX 300000

/* Every request of a run, and the rate that was in force at it. */
struct sent {
	uint64_t at_us[SENT_MAX];
	size_t n;
};

/* Over any 60 seconds, however laid: so from each request on, the one `limit` later is not in them. */
static void assert_within(const struct sent *s, uint32_t limit, const char *what)
{
	for (size_t i = 0; i + limit < s->n; i++)
		cr_assert_geq(s->at_us[i + limit] - s->at_us[i], US_PER_MIN,
			      "%s: %u requests within %lu us", what, limit + 1,
			      (unsigned long)(s->at_us[i + limit] - s->at_us[i]));
}

/*
 * How long whoever asks waits until it asks again: as short as it may, but once in `calm` times
 * anything else: just too early, a while, or long.
 */
static uint64_t pause_us(struct rnd *r, const struct budget *b, uint64_t now_us, uint64_t calm)
{
	uint64_t next_us = budget_next_us(b, now_us);

	switch (rnd_below(r, calm)) {
	case 0:
		return rnd_below(r, 1000);
	case 1:
		return rnd_below(r, 10 * US_PER_MIN / 60);
	case 2:
		return next_us - now_us ? next_us - now_us - 1 : 0;
	case 3:
		return rnd_below(r, 1000) ? 0 : rnd_below(r, 3 * US_PER_MIN);
	}
	return next_us - now_us;
}

/*
 * Random demand with restarts (a new bucket, while the requests of the old one still count) and
 * changes of the rate: no window holds more than the highest rate that was in force.
 */
static void run(struct rnd *r, const uint32_t *from, size_t n_rates, const char *what)
{
	static struct sent sent;
	uint64_t now_us = rnd_below(r, 1ULL << 50);
	uint32_t rate = from[rnd_below(r, n_rates)], highest = 0;
	uint64_t calm = rnd_below(r, 2) ? 8 : 2000; /* or a minute is never full at high rates */
	struct budget b;

	for (size_t i = 0; i < n_rates; i++)
		highest = MAX(highest, from[i]);
	sent.n = 0;
	budget_init(&b, rate, now_us);
	for (int step = 0; step < 20000; step++) {
		now_us += pause_us(r, &b, now_us, calm);
		if (rnd_below(r, 10 * calm) == 0)
			budget_init(&b, rate, now_us);
		if (n_rates > 1 && rnd_below(r, 10 * calm) == 0) {
			rate = from[rnd_below(r, n_rates)];
			budget_set_rate(&b, rate, now_us);
		}
		if (budget_next_us(&b, now_us) == now_us) {
			cr_assert(budget_take(&b, now_us), "%s: promised, not given", what);
			sent.at_us[sent.n++] = now_us;
		} else {
			cr_assert_not(budget_take(&b, now_us), "%s: given too early", what);
		}
	}
	cr_assert_gt(sent.n, 100, "%s: hardly anything was sent", what);
	assert_within(&sent, highest, what);
}

Test(budget, no_window_is_over_the_rate)
{
	struct rnd r = rnd_open("budget");

	for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
		char what[32];

		snprintf(what, sizeof(what), "rate %u", rates[i]);
		run(&r, &rates[i], 1, what);
	}
}

Test(budget, no_window_is_over_the_highest_of_changing_rates)
{
	struct rnd r = rnd_open("budget");

	for (int round = 0; round < 60; round++) {
		uint32_t set[3];
		char what[64];

		for (size_t i = 0; i < ARRAY_LEN(set); i++)
			set[i] = rates[rnd_below(&r, 22)];
		snprintf(what, sizeof(what), "rates %u, %u, %u", set[0], set[1], set[2]);
		run(&r, set, ARRAY_LEN(set), what);
	}
}

/* The worst: a long silence fills the bucket, then everything is taken, over a restart. */
Test(budget, silence_then_greed)
{
	static struct sent sent;

	for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
		uint64_t now_us = 5 * US_PER_MIN, restart_us = now_us + US_PER_MIN / 3;
		struct budget b;

		if (rates[i] > SENT_MAX / 3)
			continue;
		sent.n = 0;
		budget_init(&b, rates[i], 0);
		while ((now_us = budget_next_us(&b, now_us)) < 7 * US_PER_MIN) {
			if (now_us >= restart_us) {
				budget_init(&b, rates[i], now_us);
				restart_us = UINT64_MAX;
				continue;
			}
			cr_assert(budget_take(&b, now_us));
			sent.at_us[sent.n++] = now_us;
		}
		assert_within(&sent, rates[i], "greed");
	}
}

Test(budget, starts_empty)
{
	for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
		struct budget b;

		budget_init(&b, rates[i], 5000);
		cr_assert_not(budget_take(&b, 5000), "rate %u", rates[i]);
		cr_assert_gt(budget_next_us(&b, 5000), 5000);
	}
}

/* Up to BUDGET_SMOOTH there are no bursts, even after a long silence. */
Test(budget, smooth_rates_are_spaced_evenly)
{
	struct budget b;

	budget_init(&b, 10, 0);
	cr_assert_eq(budget_next_us(&b, 0), 6000000);
	cr_assert(budget_take(&b, 100 * US_PER_MIN));
	cr_assert_not(budget_take(&b, 100 * US_PER_MIN));
	cr_assert_not(budget_take(&b, 100 * US_PER_MIN + 5999999));
	cr_assert(budget_take(&b, 100 * US_PER_MIN + 6000000));
}

Test(budget, odd_clocks)
{
	struct budget b;

	budget_init(&b, 60, 1000000);
	cr_assert(budget_take(&b, UINT64_MAX)); /* for ever is long enough */
	cr_assert_not(budget_take(&b, UINT64_MAX));
	budget_init(&b, 60, 10 * US_PER_MIN);
	cr_assert_not(budget_take(&b, 0)); /* backwards: nothing flows in, nothing breaks */
	cr_assert_not(budget_take(&b, 9 * US_PER_MIN));
	cr_assert(budget_take(&b, 10 * US_PER_MIN + 1000000));
}
