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
 * Random demand with restarts (a new bucket, while the requests of the old one still count), refusals
 * and changes of the rate: no window holds more than the highest rate that was configured.
 */
static void run(struct rnd *r, const uint32_t *from, size_t n_rates, const char *what)
{
	static struct sent sent;
	uint64_t now_us = rnd_below(r, 1ULL << 50);
	uint32_t rate = from[rnd_below(r, n_rates)], highest = 0;
	uint64_t calm = rnd_below(r, 2) ? 8 : 2000; /* or a minute is never full at high rates */
	uint64_t refusals = rnd_below(r, 3);        /* in 20 calm times; often none */
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
		if (rnd_below(r, 20 * calm) < refusals)
			budget_slow(&b, now_us);
		cr_assert(b.rate >= 1 && b.rate <= b.per_minute, "%s: rate %u", what, b.rate);
		cr_assert_eq(b.per_minute, rate);
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

static const struct {
	const char *what;
	uint32_t per_minute;
	struct slow_step {
		uint32_t at_s; /* since the step before */
		bool refused;
		uint32_t rate; /* in effect then */
	} steps[24];
} slows[] = {
	{"half, then a tenth a minute",
	 100,
	 {{1, true, 50},
	  {59, false, 50},
	  {1, false, 60},
	  {59, false, 60},
	  {1, false, 70},
	  {120, false, 90},
	  {60, false, 100},
	  {600, false, 100}}},
	{"refusals of requests that were under way together",
	 100,
	 {{1, true, 50},
	  {1, true, 50},
	  {8, true, 50},
	  {1, true, 25},
	  {9, true, 25},
	  {2, true, 12}}},
	{"a refusal right after a growth counts",
	 100,
	 {{1, true, 50}, {60, false, 60}, {1, true, 30}, {59, false, 30}, {1, false, 40}}},
	{"the minute without a refusal counts from the last of them",
	 100,
	 {{1, true, 50}, {5, true, 50}, {59, false, 50}, {1, false, 60}}},
	{"refusals much later halve again",
	 100,
	 {{1, true, 50}, {3600, true, 50}, {3600, false, 100}}},
	{"never below one",
	 10,
	 {{1, true, 5},
	  {10, true, 2},
	  {10, true, 1},
	  {10, true, 1},
	  {10, true, 1},
	  {60, false, 2},
	  {420, false, 9},
	  {60, false, 10},
	  {60, false, 10}}},
	{"one stays one", 1, {{1, true, 1}, {100, true, 1}, {1000, false, 1}}},
	{"small rates grow by one", 3, {{1, true, 1}, {60, false, 2}, {60, false, 3}}},
	{"the last step is what is left", 19, {{1, true, 9}, {540, false, 18}, {60, false, 19}}},
};

Test(budget, gives_way_to_refusals_and_creeps_back)
{
	for (size_t i = 0; i < ARRAY_LEN(slows); i++) {
		uint64_t now_us = 77;
		struct budget b;

		budget_init(&b, slows[i].per_minute, now_us);
		for (const struct slow_step *s = slows[i].steps; s->at_s; s++) {
			now_us += s->at_s * 1000000ULL;
			if (s->refused)
				budget_slow(&b, now_us);
			else
				budget_take(&b, now_us);
			cr_assert_eq(b.rate, s->rate, "%s, step %td: %u", slows[i].what,
				     s - slows[i].steps, b.rate);
			cr_assert_eq(b.per_minute, slows[i].per_minute);
		}
	}
}

/* Also what nobody asked for in between is counted: each minute at its own rate. */
Test(budget, slow_minutes_give_fewer_requests)
{
	for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
		uint64_t start_us = 5 * US_PER_MIN, full, slow;
		struct budget b;

		if (rates[i] < 10 || rates[i] > 100000)
			continue;
		budget_init(&b, rates[i], start_us);
		full = take_steadily(&b, start_us, 5);
		budget_init(&b, rates[i], start_us);
		budget_slow(&b, start_us);
		slow = take_steadily(&b, start_us, 5);
		/* 50 to 90 percent: 70 on average, and the halves that whole numbers cut off */
		cr_assert_geq(slow * 100, full * 60, "rate %u: %lu of %lu", rates[i],
			      (unsigned long)slow, (unsigned long)full);
		cr_assert_leq(slow * 100, full * 75, "rate %u: %lu of %lu", rates[i],
			      (unsigned long)slow, (unsigned long)full);
	}
}

/* What is told of the bucket is what taking from it gives, and telling changes nothing. */
Test(budget, tokens_are_what_can_be_taken)
{
	for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
		const uint64_t start_us = 77;
		struct budget b;

		budget_init(&b, rates[i], start_us);
		budget_slow(&b, start_us);
		for (uint64_t s = 0; s < 700; s += 7) {
			const uint64_t now_us = start_us + s * 1000000;
			uint32_t rate;
			uint64_t tokens = budget_tokens(&b, now_us, &rate), taken = 0;

			cr_assert_eq(tokens, budget_tokens(&b, now_us, &rate));
			if (s % 3)
				continue; /* it grows by itself */
			while (budget_take(&b, now_us))
				taken++;
			cr_assert_eq(tokens, taken, "rate %u, %u s", rates[i], (unsigned)s);
			cr_assert_eq(rate, b.rate, "rate %u, %u s", rates[i], (unsigned)s);
		}
	}
}

/* The promise of the next request knows that the rate grows until then. */
Test(budget, the_next_is_promised_with_growth)
{
	struct budget b, later;
	uint64_t next_us;

	budget_init(&b, 100, 0);
	for (int i = 0; i < 10; i++)
		budget_slow(&b, US_PER_MIN + (uint64_t)i * BUDGET_SLOW_MS * 1000);
	cr_assert_eq(b.rate, 1);
	cr_assert(budget_take(&b, 150000000)); /* the minute is over at 210 s, the token at 210 s */
	cr_assert_eq(budget_next_us(&b, 150000000), 210000000);
	cr_assert(budget_take(&b, 205000000) == false);
	next_us = budget_next_us(&b, 205000000);
	later = b;
	cr_assert_not(budget_take(&later, next_us - 1));
	cr_assert(budget_take(&b, next_us));
	cr_assert_eq(budget_next_us(&b, next_us), next_us + US_PER_MIN / 11 + 1);
}

static const struct {
	uint32_t from, slowed, to, rate;
} reloads[] = {
	{100, 50, 100, 50}, {100, 50, 200, 100}, {100, 25, 10, 2},           {100, 50, 1, 1},
	{100, 100, 40, 40}, {1, 1, 60, 60},      {3, 1, 60000000, 20000000},
};

Test(budget, another_rate_keeps_the_proportion_of_a_slowdown)
{
	for (size_t i = 0; i < ARRAY_LEN(reloads); i++) {
		uint64_t now_us = 1000;
		struct budget b;

		budget_init(&b, reloads[i].from, now_us);
		while (b.rate > reloads[i].slowed)
			budget_slow(&b, now_us += BUDGET_SLOW_MS * 1000);
		cr_assert_eq(b.rate, reloads[i].slowed);
		budget_set_rate(&b, reloads[i].to, now_us);
		cr_assert_eq(b.per_minute, reloads[i].to);
		cr_assert_eq(b.rate, reloads[i].rate, "%zu: %u", i, b.rate);
	}
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

	budget_init(&b, 60, 10 * US_PER_MIN);
	budget_slow(&b, 10 * US_PER_MIN);
	budget_slow(&b, 0);
	budget_slow(&b, 9 * US_PER_MIN);
	cr_assert_eq(b.rate, 30);
	budget_slow(&b, UINT64_MAX);
	budget_take(&b, UINT64_MAX);
	budget_next_us(&b, UINT64_MAX);
	cr_assert(b.rate >= 1 && b.rate <= 60);
}
