/* The request budget of an account: a token bucket that is measured in time. */
#include "model/budget.h"

#define NS_PER_US  1000ULL
#define NS_PER_MIN 60000000000ULL

static void set_rate(struct budget *b, uint32_t per_minute)
{
	uint64_t capacity = per_minute > BUDGET_SMOOTH ? per_minute / BUDGET_SMOOTH : 1;
	uint64_t inflow = capacity > 1 ? per_minute - capacity : per_minute;

	/* Rounded up: rather a little slower than one request too many. */
	b->space_ns = (NS_PER_MIN + inflow - 1) / inflow;
	b->capacity_ns = capacity * b->space_ns;
}

void budget_init(struct budget *b, uint32_t per_minute, uint64_t now_us)
{
	*b = (struct budget){.at_us = now_us};
	set_rate(b, per_minute);
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

void budget_set_rate(struct budget *b, uint32_t per_minute, uint64_t now_us)
{
	settle(b, now_us);
	set_rate(b, per_minute);
	if (b->level_ns > b->capacity_ns)
		b->level_ns = b->capacity_ns;
}

bool budget_take(struct budget *b, uint64_t now_us)
{
	settle(b, now_us);
	if (b->level_ns < b->space_ns)
		return false;
	b->level_ns -= b->space_ns;
	return true;
}

uint64_t budget_next_us(const struct budget *b, uint64_t now_us)
{
	uint64_t have_ns = level(b, now_us);

	if (have_ns >= b->space_ns)
		return now_us;
	return now_us + (b->space_ns - have_ns + NS_PER_US - 1) / NS_PER_US;
}
