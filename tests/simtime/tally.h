/*
 * What a policy of watching achieved, in one form for all: requests, and for each end how long it took
 * to be seen. And the guard that no policy gets past: the budget, over every window of 60 s.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "simtime/trace.h"

/* A request takes so long, and the server looks in the middle. */
#define LATENCY_MS 300
#define LOOK_MS    (LATENCY_MS / 2)

/* The part of the traces that counts. A policy goes on for a while after it, to see the last ends. */
struct span {
	uint64_t begin_ms, end_ms, drain_ms;
};

static inline bool span_holds(const struct span *s, uint64_t at_ms)
{
	return at_ms >= s->begin_ms && at_ms < s->end_ms;
}

/* --- numbers in any order --- */

struct numbers {
	double *values;
	size_t n, room;
	bool sorted;
};

int numbers_add(struct numbers *n, double value); /* 0, -ENOMEM */
void numbers_done(struct numbers *n);

/* The smallest that at least `share` of them are not above; 0 when there are none. Sorts. */
double numbers_quantile(struct numbers *n, double share);

/* --- ends --- */

struct tally {
	uint64_t requests;
	struct numbers delays_ms;
	size_t unseen; /* of these; they count as seen when the policy stopped */
};

/* `seen_ms`: for each job, when its end was seen, 0 for never. 0 or -ENOMEM. */
int tally_take(struct tally *t, const struct traces *traces, const struct span *span,
	       const uint64_t *seen_ms);
void tally_done(struct tally *t);

/* --- the budget --- */

struct guard {
	uint64_t *starts_us; /* of the last `limit` requests */
	uint32_t limit, next;
};

int guard_init(struct guard *g, uint32_t per_minute); /* 0, -ENOMEM */
void guard_done(struct guard *g);

/* A request begins. Ends the program when it is one too many: nothing measured after that counts. */
void guard_request(struct guard *g, uint64_t now_us);
