/* The request budget of an account: a token bucket that is measured in time. */
#include "model/budget.h"

#define US_PER_MIN 60000000ULL

static void set_rate(struct budget *b, uint32_t per_minute)
{
	uint64_t capacity = per_minute > BUDGET_SMOOTH ? per_minute / BUDGET_SMOOTH : 1;
	uint64_t inflow = capacity > 1 ? per_minute - capacity : per_minute;

	/* Rounded up: rather a little slower than one request too many. */
	b->space_us = (US_PER_MIN + inflow - 1) / inflow;
	b->capacity_us = capacity * b->space_us;
}

void budget_init(struct budget *b, uint32_t per_minute, uint64_t now_us)
{
	*b = (struct budget){.at_us = now_us};
	set_rate(b, per_minute);
}

static uint64_t level(const struct budget *b, uint64_t now_us)
{
	uint64_t passed = now_us > b->at_us ? now_us - b->at_us : 0;

	return passed >= b->capacity_us - b->level_us ? b->capacity_us : b->level_us + passed;
}

static void settle(struct budget *b, uint64_t now_us)
{
	b->level_us = level(b, now_us);
	if (now_us > b->at_us)
		b->at_us = now_us;
}

void budget_set_rate(struct budget *b, uint32_t per_minute, uint64_t now_us)
{
	settle(b, now_us);
	set_rate(b, per_minute);
	if (b->level_us > b->capacity_us)
		b->level_us = b->capacity_us;
}

bool budget_take(struct budget *b, uint64_t now_us)
{
	settle(b, now_us);
	if (b->level_us < b->space_us)
		return false;
	b->level_us -= b->space_us;
	return true;
}

uint64_t budget_next_us(const struct budget *b, uint64_t now_us)
{
	uint64_t have = level(b, now_us);

	return have >= b->space_us ? now_us : now_us + (b->space_us - have);
}
