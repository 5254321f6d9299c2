/* A GET of each active job in a fixed interval. */
#include "simtime/fixed.h"

#include <errno.h>
#include <stdlib.h>

#include "base/heap.h"
#include "base/macro.h"
#include "model/budget.h"

#define TRIES 12    /* to meet the number of requests */
#define CLOSE 0.004 /* of them more is near enough */

struct fixed {
	const struct traces *traces;
	const struct span *span;
	struct heap due;
	struct heap_node *nodes; /* one a job */
	uint64_t *seen_ms;
	uint64_t requests;
};

/* Each job from its creation, or from the beginning, at a place of its own in the interval. */
static int plan_all(struct fixed *f, uint64_t interval_ms)
{
	const struct traces *t = f->traces;

	for (size_t i = 0; i < t->n; i++) {
		const struct trace_job *j = &t->jobs[i];
		int r;

		f->seen_ms[i] = 0;
		if (j->end_ms <= f->span->begin_ms)
			continue;
		r = heap_set(&f->due, &f->nodes[i],
			     MAX(j->created_ms, f->span->begin_ms) + j->key % interval_ms);
		if (r < 0)
			return r;
	}
	return 0;
}

static int run(struct fixed *f, uint32_t per_minute, uint64_t interval_ms)
{
	uint64_t now_us = f->span->begin_ms * 1000;
	struct heap_node *top;
	struct budget budget;
	struct guard guard;
	int r = plan_all(f, interval_ms);

	if (r < 0)
		return r;
	r = guard_init(&guard, per_minute);
	if (r < 0)
		return r;
	budget_init(&budget, per_minute, now_us);
	f->requests = 0;
	while ((top = heap_top(&f->due))) {
		size_t job = (size_t)(top - f->nodes);
		uint64_t now_ms;

		now_us = budget_next_us(&budget, MAX(now_us, top->due * 1000));
		now_ms = now_us / 1000;
		if (now_ms >= f->span->drain_ms)
			break;
		budget_take(&budget, now_us);
		guard_request(&guard, now_us);
		f->requests += now_ms < f->span->end_ms;
		if (f->traces->jobs[job].end_ms <= now_ms + LOOK_MS) {
			f->seen_ms[job] = now_ms + LATENCY_MS;
			heap_remove(&f->due, top);
		} else {
			heap_set(&f->due, top, now_ms + interval_ms); /* moving never fails */
		}
	}
	while ((top = heap_top(&f->due)))
		heap_remove(&f->due, top);
	guard_done(&guard);
	return 0;
}

/* How long jobs are active in the span, all together. */
static double active_ms(const struct traces *t, const struct span *s)
{
	double sum = 0;

	for (size_t i = 0; i < t->n; i++) {
		uint64_t from_ms = MAX(t->jobs[i].created_ms, s->begin_ms);
		uint64_t to_ms = MIN(t->jobs[i].end_ms, s->end_ms);

		if (to_ms > from_ms)
			sum += (double)(to_ms - from_ms);
	}
	return sum;
}

/*
 * The interval by trying, between one that is too short and one that is too long. When the budget lets
 * it make no more than too few, a shorter one changes nothing, and the last one stays.
 */
static int meet(struct fixed *f, uint32_t per_minute, uint64_t requests, uint64_t *ret_interval_ms)
{
	double wanted = (double)MAX(requests, 1U),
	       interval_ms = active_ms(f->traces, f->span) / wanted;
	double low_ms = 0, high_ms = 0;

	for (int i = 0; i < TRIES; i++) {
		double ratio;
		int r;

		*ret_interval_ms = (uint64_t)MAX(interval_ms, 1);
		r = run(f, per_minute, *ret_interval_ms);
		if (r < 0)
			return r;
		ratio = (double)f->requests / wanted;
		if (ratio >= 1 && ratio < 1 + CLOSE)
			break;
		*(ratio < 1 ? &high_ms : &low_ms) = interval_ms;
		if (low_ms > 0 && high_ms > 0)
			interval_ms = (low_ms + high_ms) / 2;
		else
			interval_ms *= ratio < 1 ? ratio * ratio * ratio : ratio;
	}
	return 0;
}

int fixed_run(const struct traces *traces, const struct span *span, uint32_t per_minute,
	      uint64_t requests, struct fixed_result *ret)
{
	struct fixed f = {.traces = traces,
			  .span = span,
			  .nodes = calloc(traces->n + 1, sizeof(*f.nodes)),
			  .seen_ms = calloc(traces->n + 1, sizeof(*f.seen_ms))};
	int r = f.nodes && f.seen_ms ? 0 : -ENOMEM;

	*ret = (struct fixed_result){0};
	for (size_t i = 0; r == 0 && i < traces->n; i++)
		f.nodes[i] = HEAP_NODE_INIT;
	if (r == 0)
		r = meet(&f, per_minute, requests, &ret->interval_ms);
	if (r == 0)
		r = tally_take(&ret->tally, traces, span, f.seen_ms);
	ret->tally.requests = f.requests;
	while (heap_top(&f.due))
		heap_remove(&f.due, heap_top(&f.due));
	heap_done(&f.due);
	free(f.nodes);
	free(f.seen_ms);
	return r;
}

void fixed_result_done(struct fixed_result *r)
{
	tally_done(&r->tally);
}
