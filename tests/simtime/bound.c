/* What no policy can beat: the time with the highest intensity of ends. */
#include "simtime/bound.h"

#include <errno.h>
#include <stdlib.h>

#include "base/macro.h"

/* The account's intensity changes by so much; then, a time in which it is the same. */
struct step {
	uint64_t at_ms;
	double per_ms;
};

struct level {
	double per_ms, ms;
};

static int by_time(const void *a, const void *b)
{
	const struct step *x = a, *y = b;

	return (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);
}

static int highest_first(const void *a, const void *b)
{
	const struct level *x = a, *y = b;

	return (x->per_ms < y->per_ms) - (x->per_ms > y->per_ms);
}

static size_t find_steps(const struct traces *t, const struct span *span, struct step *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n_hazards; i++) {
		const struct trace_hazard *h = &t->hazards[i];
		uint64_t from_ms = MAX(h->from_ms, span->begin_ms);
		uint64_t to_ms = MIN(h->to_ms, span->end_ms);

		if (from_ms >= to_ms)
			continue;
		ret[n++] = (struct step){from_ms, h->per_ms};
		ret[n++] = (struct step){to_ms, -h->per_ms};
	}
	qsort(ret, n, sizeof(*ret), by_time);
	return n;
}

/* The least time that holds so many ends, in parts of the time that a request may stand for. */
static double least_ms(const struct level *levels, size_t n, double ends)
{
	double ms = 0;

	for (size_t i = 0; i < n; i++) {
		double here = levels[i].per_ms * levels[i].ms;

		if (here >= ends)
			return ms + ends / levels[i].per_ms;
		ends -= here;
		ms += levels[i].ms;
	}
	return ms;
}

int bound_find(const struct traces *traces, const struct span *span, uint64_t requests,
	       struct bound *ret)
{
	_cleanup_free_ struct step *steps = calloc(2 * traces->n_hazards + 1, sizeof(*steps));
	_cleanup_free_ struct level *levels = calloc(2 * traces->n_hazards + 1, sizeof(*levels));
	double per_ms = 0, ends = 0, each = (double)MAX(requests, 1U);
	size_t n;

	if (!steps || !levels)
		return -ENOMEM;
	n = find_steps(traces, span, steps);
	for (size_t i = 0; i + 1 < n; i++) {
		double ms = (double)(steps[i + 1].at_ms - steps[i].at_ms);

		per_ms += steps[i].per_ms;
		levels[i] = (struct level){MAX(per_ms, 0), ms};
		ends += levels[i].per_ms * ms;
	}
	qsort(levels, n, sizeof(*levels), highest_first);
	*ret = (struct bound){.median_ms = least_ms(levels, n, 0.5 * ends) / each,
			      .p95_ms = least_ms(levels, n, 0.95 * ends) / each,
			      .ends = ends};
	return 0;
}
