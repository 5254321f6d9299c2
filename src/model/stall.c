/* When a job stands still for too long: sums that stop at their ends instead of wrapping. */
#include "model/stall.h"

#include "base/macro.h"

static uint64_t add_ms(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

void watched_answer(struct watched *w, uint64_t now_ms)
{
	if (w->at_ms && !w->lost && now_ms > w->at_ms)
		w->total_ms = add_ms(w->total_ms, now_ms - w->at_ms);
	/* Never back, or time would count twice; and never 0, which says that there was no answer. */
	w->at_ms = MAX(MAX(w->at_ms, now_ms), UINT64_C(1));
	w->lost = false;
}

void watched_lost(struct watched *w)
{
	w->lost = true;
}

void stillness_moved(struct stillness *s, unsigned changed, int64_t now_us, uint64_t watched_ms)
{
	*s = (struct stillness){
		.moved_us = now_us,
		.moved_watched_ms = watched_ms,
		.moved = (uint8_t)changed,
	};
}

void stillness_skip(struct stillness *s, uint64_t unseen_ms)
{
	s->moved_watched_ms = add_ms(s->moved_watched_ms, unseen_ms);
}

uint64_t stillness_ms(const struct stillness *s, uint64_t watched_ms)
{
	/*
	 * Watched time is stored less often than movements, so after a crash it may be behind them:
	 * then the job counts as just moved, which errs on the side of silence.
	 */
	return watched_ms > s->moved_watched_ms ? watched_ms - s->moved_watched_ms : 0;
}

bool stillness_stalls(const struct stillness *s, uint64_t watched_ms, uint64_t budget_ms)
{
	return !s->stalled && budget_ms != UINT64_MAX && stillness_ms(s, watched_ms) >= budget_ms;
}
