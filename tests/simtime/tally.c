/* What a policy of watching achieved. */
#include "simtime/tally.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/macro.h"

#define WINDOW_US 60000000ULL

int numbers_add(struct numbers *n, double value)
{
	if (n->n == n->room) {
		size_t room = n->room ? n->room * 2 : 256;
		double *grown = reallocarray(n->values, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		n->values = grown;
		n->room = room;
	}
	n->values[n->n++] = value;
	n->sorted = false;
	return 0;
}

void numbers_done(struct numbers *n)
{
	free(n->values);
	*n = (struct numbers){0};
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double numbers_quantile(struct numbers *n, double share)
{
	size_t rank;

	if (n->n == 0)
		return 0;
	if (!n->sorted)
		qsort(n->values, n->n, sizeof(*n->values), ascending);
	n->sorted = true;
	rank = (size_t)ceil(share * (double)n->n);
	return n->values[MAX(rank, 1U) - 1];
}

int tally_take(struct tally *t, const struct traces *traces, const struct span *span,
	       const uint64_t *seen_ms)
{
	for (size_t i = 0; i < traces->n; i++) {
		uint64_t end_ms = traces->jobs[i].end_ms;
		uint64_t at_ms = seen_ms[i] ? seen_ms[i] : span->drain_ms;
		int r;

		if (!span_holds(span, end_ms))
			continue;
		t->unseen += seen_ms[i] == 0;
		r = numbers_add(&t->delays_ms, (double)at_ms - (double)end_ms);
		if (r < 0)
			return r;
	}
	return 0;
}

void tally_done(struct tally *t)
{
	numbers_done(&t->delays_ms);
}

int guard_init(struct guard *g, uint32_t per_minute)
{
	*g = (struct guard){.starts_us = calloc(per_minute, sizeof(*g->starts_us)),
			    .limit = per_minute};
	return g->starts_us ? 0 : -ENOMEM;
}

void guard_done(struct guard *g)
{
	free(g->starts_us);
	*g = (struct guard){0};
}

void guard_request(struct guard *g, uint64_t now_us)
{
	uint64_t *oldest = &g->starts_us[g->next];

	/* With this one, those since the oldest are one more than the budget. */
	if (*oldest != 0 && now_us - *oldest < WINDOW_US) {
		fprintf(stderr, "simtime: more than %" PRIu32 " requests in 60 s\n", g->limit);
		abort();
	}
	*oldest = now_us;
	g->next = (g->next + 1) % g->limit;
}
