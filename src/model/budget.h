/*
 * The request budget of an account: a token bucket.
 *
 * The API counts all requests of an account together, inference included: 10 a minute without a
 * payment method (API facts). So over any 60 seconds at most `per_minute` requests start, however
 * the window is laid. That holds because the bucket's capacity and what flows in during a minute
 * add up to `per_minute`; with budgets up to BUDGET_SMOOTH the capacity is one request, that is,
 * requests are spaced evenly. The bucket starts empty, so that it also holds across restarts.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define BUDGET_SMOOTH 600 /* requests a minute */

/*
 * The envelope is shared with all other use of the account, so the server may refuse (429) what is
 * within our part of it. Then the rate is halved, and grows back by a tenth of the configured rate
 * with each minute without another refusal. Refusals of requests that were under way together, within
 * BUDGET_SLOW_MS, halve it once. Never below one request a minute.
 */
#define BUDGET_SLOW_MS 10000

struct budget {
	uint32_t per_minute; /* as configured */
	uint32_t rate;       /* in effect, per minute */
	uint64_t slowed_us;  /* when it was last halved; 0: never */
	uint64_t grown_us;   /* from when the minute to the next growth counts */
	/* In ns, so that rounding costs no rate anything: a microsecond is half of the fastest. */
	uint64_t space_ns;    /* time for one token to flow in */
	uint64_t capacity_ns; /* the bucket's size, in the same measure */
	uint64_t level_ns;    /* what is in it */
	uint64_t at_us;       /* when it held that; CLOCK_BOOTTIME */
};

/* `per_minute` is 1 to 60,000,000. */
void budget_init(struct budget *b, uint32_t per_minute, uint64_t now_us);

/*
 * Another configured rate, without a gift: the level is kept within the new capacity. A slowdown stays
 * in proportion, since others use the envelope as they did before: half of the old is half of the new.
 */
void budget_set_rate(struct budget *b, uint32_t per_minute, uint64_t now_us);

/* The server has refused a request with 429. */
void budget_slow(struct budget *b, uint64_t now_us);

/* Takes a token when there is one. Grows the rate back. */
bool budget_take(struct budget *b, uint64_t now_us);

/* How many times budget_take() would succeed at once, and the rate in effect, as of now. */
uint64_t budget_tokens(const struct budget *b, uint64_t now_us, uint32_t *ret_rate);

/* The moment from which budget_take() succeeds. */
uint64_t budget_next_us(const struct budget *b, uint64_t now_us);
