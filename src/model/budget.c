/* The request budget of an account: a token bucket that is measured in time. */
#include "model/budget.h"

#include "base/macro.h"

#define NS_PER_US  1000ULL
#define NS_PER_MIN 60000000000ULL
#define US_PER_MIN (NS_PER_MIN / NS_PER_US)
#define SLOW_US    (BUDGET_SLOW_MS * 1000ULL)
#define GROW_MIN   10 /* minutes from nothing to the configured rate */

/* What is in the bucket stays, as far as the new one holds it. */
static void apply_rate(struct budget *b, uint32_t rate)
{
	uint64_t capacity = rate > BUDGET_SMOOTH ? rate / BUDGET_SMOOTH : 1;
	uint64_t inflow = capacity > 1 ? rate - capacity : rate;

	b->rate = rate;

	/* Rounded up: rather a little slower than one request too many. */
	b->space_ns = (NS_PER_MIN + inflow - 1) / inflow;
	b->capacity_ns = capacity * b->space_ns;
	b->level_ns = MIN(b->level_ns, b->capacity_ns);
}

void budget_init(struct budget *b, uint32_t per_minute, uint64_t now_us)
{
	*b = (struct budget){.per_minute = per_minute, .at_us = now_us};
	apply_rate(b, per_minute);
}

static uint64_t level(const struct budget *b, uint64_t now_us)
{
	uint64_t passed_us = now_us > b->at_us ? now_us - b->at_us : 0;
	uint64_t room_ns = b->capacity_ns - b->level_ns;

	/* Divided, not multiplied: the clock may have run for any time. */
	if (passed_us > room_ns / NS_PER_US)
		return b->capacity_ns;
	return b->level_ns + passed_us * NS_PER_US;
}

static void settle(struct budget *b, uint64_t now_us)
{
	b->level_ns = level(b, now_us);
	if (now_us > b->at_us)
		b->at_us = now_us;
}

/* The moment at which the rate grows next; UINT64_MAX: never. */
static uint64_t growth_us(const struct budget *b)
{
	return b->rate < b->per_minute ? b->grown_us + US_PER_MIN : UINT64_MAX;
}

/* Grows the rate once, at the moment that growth_us() says. */
static void grow(struct budget *b)
{
	uint32_t step = MAX(b->per_minute / GROW_MIN, 1U);

	b->grown_us = growth_us(b);
	settle(b, b->grown_us);
	apply_rate(b, b->per_minute - b->rate > step ? b->rate + step : b->per_minute);
}

/* Brings rate and level up to now: step by step, so that each rate had its time. */
static void advance(struct budget *b, uint64_t now_us)
{
	while (growth_us(b) <= now_us && b->rate < b->per_minute)
		grow(b);
	settle(b, now_us);
}

void budget_set_rate(struct budget *b, uint32_t per_minute, uint64_t now_us)
{
	uint32_t rate;

	advance(b, now_us);
	rate = (uint32_t)((uint64_t)b->rate * per_minute / b->per_minute);
	b->per_minute = per_minute;
	apply_rate(b, MAX(rate, 1U));
}

void budget_slow(struct budget *b, uint64_t now_us)
{
	advance(b, now_us);
	b->grown_us = MAX(b->grown_us, now_us);
	if (b->rate < b->per_minute && now_us < b->slowed_us + SLOW_US)
		return;
	b->slowed_us = now_us;
	apply_rate(b, MAX(b->rate / 2, 1U));
}

bool budget_take(struct budget *b, uint64_t now_us)
{
	advance(b, now_us);
	if (b->level_ns < b->space_ns)
		return false;
	b->level_ns -= b->space_ns;
	return true;
}

uint64_t budget_tokens(const struct budget *b, uint64_t now_us, uint32_t *ret_rate)
{
	struct budget then = *b;

	advance(&then, now_us);
	*ret_rate = then.rate;
	return then.level_ns / then.space_ns;
}

uint64_t budget_next_us(const struct budget *b, uint64_t now_us)
{
	struct budget then = *b;

	advance(&then, now_us);
	for (;;) {
		uint64_t short_ns, at_us;

		if (then.level_ns >= then.space_ns)
			return now_us;
		short_ns = then.space_ns - then.level_ns;
		at_us = then.at_us + (short_ns + NS_PER_US - 1) / NS_PER_US;
		if (at_us <= growth_us(&then))
			return at_us;
		now_us = growth_us(&then);
		grow(&then); /* which may bring it forward */
	}
}
