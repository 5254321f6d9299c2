/*
 * When a running job will probably end.
 *
 * Each change of (epoch, percent) is a point: the job crossed that position, somewhere between two
 * looks. The pace is the weighted median over all pairs of points (Theil-Sen), so a slow start, an
 * evaluation or a stall bends it little; the spread of the pairs is where the range comes from. What
 * a pause took is cut out by moving all earlier points later.
 */
#include "model/eta.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/macro.h"

/* What percent belongs to. Only a change of epoch shows it, or the number of epochs. */
enum scale { SCALE_UNKNOWN, SCALE_OVERALL, SCALE_EPOCH };

#define SHARE_SLACK 2 /* percent: rounding, and answers that are put together from two moments */

#define STAMP_MS       MS_PER_MIN /* the backend's own stamps move in such steps */
#define TAIL_LIKELY_MS MS_PER_MIN /* after 100 percent: saving and uploading what was trained */
#define TAIL_HIGH_MS   (5 * MS_PER_MIN) /* … at most, mostly */
#define STUCK_TIMES    5                /* so many usual steps without movement: anything may be */
#define STUCK_MIN_MS   (10 * MS_PER_MIN)
#define MAX_MS         (365 * MS_PER_DAY) /* more than that is no estimate */

#define LOW_QUANTILE  0.1
#define HIGH_QUANTILE 0.9
#define DRIFT         0.15 /* no job keeps its pace to the end better than so; see tests/simtime */

/* Where the course begins again: the scale stays, for the workflow stays the same. */
static void begin(struct eta *e)
{
	e->n = 0;
	e->changes = 0;
}

/* That time is not counted: as if all that was before it had been later. */
static void cut_out(struct eta *e, uint64_t ms)
{
	for (size_t i = 0; i < e->n; i++)
		e->points[i].at_ms += ms;
}

/* A pause begins and ends somewhere between two looks: half of the time between them counts. */
static void pause_or_go_on(struct eta *e, bool running, uint64_t now_ms)
{
	uint64_t gap_ms = now_ms - e->seen_ms;

	if (!running) {
		cut_out(e, e->paused ? gap_ms : gap_ms / 2);
		e->seen_ms = now_ms;
	} else if (e->paused) {
		cut_out(e, gap_ms / 2);
		e->seen_ms += gap_ms / 2;
	}
	e->paused = !running;
}

/*
 * Whether percent may be overall, in this epoch of so many. Epochs are said to count from 0, usually:
 * from 1 is allowed for.
 */
static bool may_be_overall(const struct eta_point *p, unsigned epochs)
{
	double share = 100.0 / epochs;

	return p->percent >= share * (p->epoch - 1.0) - SHARE_SLACK &&
	       p->percent <= share * (p->epoch + 1.0) + SHARE_SLACK;
}

/*
 * Percent did not fall though a new epoch began. Either it is overall, or a long time passed unseen:
 * the pace of the last epoch tells, where there were two points in it.
 */
static enum scale scale_by_pace(const struct eta *e, const struct eta_point *p)
{
	const struct eta_point *last = &e->points[e->n - 1], *first = last;
	double expected, epochs = (double)p->epoch - last->epoch;

	while (first > e->points && first[-1].epoch == last->epoch)
		first--;
	if (last->at_ms == first->at_ms)
		return SCALE_UNKNOWN;
	expected = (double)(last->percent - first->percent) * (double)(p->at_ms - last->at_ms) /
		   (double)(last->at_ms - first->at_ms);
	return expected < p->percent - last->percent + 50 * epochs ? SCALE_OVERALL : SCALE_EPOCH;
}

/* What the next point says of the scale. */
static enum scale recognise(const struct eta *e, const struct eta_point *p)
{
	const struct eta_point *last = e->n ? &e->points[e->n - 1] : NULL;

	if (last && p->epoch > last->epoch && p->percent < last->percent)
		return SCALE_EPOCH;
	if (e->scale != SCALE_UNKNOWN)
		return (enum scale)e->scale;
	if (e->epochs > 1 && !may_be_overall(p, e->epochs))
		return SCALE_EPOCH;
	return last && p->epoch > last->epoch ? scale_by_pace(e, p) : SCALE_UNKNOWN;
}

/*
 * Makes room for one more. The first sight and the first change stay; of the others goes the one whose
 * neighbours are nearest to each other, so that the rest is spread over the whole course.
 */
static void thin_out(struct eta *e)
{
	size_t goes = 2;
	uint64_t least_ms = UINT64_MAX;

	for (size_t i = 2; i + 1 < e->n; i++) {
		uint64_t ms = e->points[i + 1].at_ms - e->points[i - 1].at_ms;

		if (ms < least_ms) {
			least_ms = ms;
			goes = i;
		}
	}
	e->n--;
	for (size_t i = goes; i < e->n; i++)
		e->points[i] = e->points[i + 1];
}

static bool steps_back(const struct eta_point *last, const struct eta_look *look)
{
	return look->epoch < last->epoch ||
	       (look->epoch == last->epoch && look->percent < last->percent);
}

/* The moment at which that position was crossed: the more was passed since, the later. */
static uint64_t crossed_ms(const struct eta *e, const struct eta_look *look, uint64_t now_ms)
{
	int32_t passed = (look->percent - e->points[e->n - 1].percent + 100) % 100;

	return now_ms - (now_ms - e->seen_ms) / (2 * (uint64_t)MAX(passed, 1));
}

void eta_add(struct eta *e, const struct eta_look *look)
{
	uint64_t now_ms = MAX(look->now_ms, e->seen_ms);
	struct eta_point p = {.at_ms = now_ms, .epoch = look->epoch, .percent = look->percent};
	const struct eta_point *last;

	if (look->epochs)
		e->epochs = look->epochs;
	pause_or_go_on(e, look->running, now_ms);
	if (!look->running || look->epoch < 0 || look->percent < 0 || look->percent > 100)
		return;
	if (e->n && steps_back(&e->points[e->n - 1], look))
		begin(e);
	last = e->n ? &e->points[e->n - 1] : NULL;
	if (!last || last->epoch != p.epoch || last->percent != p.percent) {
		if (last) {
			p.at_ms = crossed_ms(e, look, now_ms);
			e->changes = (uint16_t)MIN(e->changes + 1, UINT16_MAX);
		}
		e->scale = (uint8_t)recognise(e, &p);
		if (e->n == ETA_POINTS)
			thin_out(e);
		e->points[e->n++] = p;
	}
	e->seen_ms = now_ms;
}

/* How far the whole job is, in percent. False: not known, or nonsense. */
static bool position(const struct eta *e, const struct eta_point *p, double *ret)
{
	double done;

	if (e->epochs && p->epoch > e->epochs)
		return false;
	switch ((enum scale)e->scale) {
	case SCALE_UNKNOWN:
		if (e->epochs != 1)
			return false;
		*ret = p->percent;
		return true;
	case SCALE_OVERALL:
		*ret = p->percent;
		return true;
	case SCALE_EPOCH:
		if (!e->epochs)
			return false;
		done = (100.0 * p->epoch + p->percent) / e->epochs;
		if (done > 100)
			return false;
		*ret = done;
		return true;
	}
	return false;
}

/* A position, and when it was crossed, in ms before the last one of the course. */
struct crossing {
	double ago_ms, percent;
};

/* The positions that rose, oldest first. Not the first sight: nobody knows when that was crossed. */
static size_t crossings(const struct eta *e, struct crossing ret[ETA_POINTS])
{
	size_t n = 0;

	for (size_t i = e->n > 3 ? 1 : 0; i < e->n; i++) {
		uint64_t ago_ms = e->points[e->n - 1].at_ms - e->points[i].at_ms;
		double percent;

		if (!position(e, &e->points[i], &percent))
			return 0;
		if (n == 0 || percent > ret[n - 1].percent)
			ret[n++] = (struct crossing){(double)ago_ms, percent};
	}
	return n;
}

/* Milliseconds for a percent of the whole job, between two crossings. */
struct pace {
	double ms, weight;
};

#define PACES_MAX (ETA_POINTS * (ETA_POINTS - 1) / 2)

static int by_pace(const void *a, const void *b)
{
	const struct pace *x = a, *y = b;

	return (x->ms > y->ms) - (x->ms < y->ms);
}

/*
 * Pairs that are far apart say more: what is not known of both ends counts less. And so do late
 * ones, for a job that changed its pace.
 */
static size_t all_paces(const struct crossing *c, size_t n, struct pace ret[PACES_MAX])
{
	size_t n_paces = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; k < n; k++) {
			double percent = c[k].percent - c[i].percent;

			ret[n_paces++] = (struct pace){
				.ms = (c[i].ago_ms - c[k].ago_ms) / percent,
				.weight = percent * (double)(i + k),
			};
		}
	qsort(ret, n_paces, sizeof(*ret), by_pace);
	return n_paces;
}

static double quantile(const struct pace *paces, size_t n, double part)
{
	double total = 0, sum = 0;

	for (size_t i = 0; i < n; i++)
		total += paces[i].weight;
	for (size_t i = 0; i < n; i++) {
		sum += paces[i].weight;
		if (sum >= part * total)
			return paces[i].ms;
	}
	return paces[n - 1].ms;
}

/* What is known when the last point was crossed. */
struct course {
	double left;                     /* percent */
	double pace_ms, low_ms, high_ms; /* for a percent of it */
	double usual_ms;                 /* between two changes */
	double doubt_ms;                 /* of the moment of a crossing */
};

static bool course(const struct eta *e, struct course *ret)
{
	struct crossing c[ETA_POINTS];
	struct pace paces[PACES_MAX];
	size_t n = crossings(e, c), n_paces;
	unsigned skipped = e->n > 3, changes = MAX(e->changes - skipped, 1U);
	double doubt;

	if (n < 3)
		return false;
	n_paces = all_paces(c, n, paces);
	ret->pace_ms = quantile(paces, n_paces, 0.5);
	if (ret->pace_ms <= 0)
		return false;
	ret->usual_ms = c[0].ago_ms / changes;
	ret->doubt_ms = MAX((double)STAMP_MS, ret->usual_ms) / 2;
	doubt = ret->doubt_ms / c[0].ago_ms + DRIFT;
	ret->left = MAX(100 - c[n - 1].percent, 0);
	ret->low_ms = MIN(quantile(paces, n_paces, LOW_QUANTILE), ret->pace_ms / (1 + doubt));
	ret->high_ms = MAX(quantile(paces, n_paces, HIGH_QUANTILE), ret->pace_ms * (1 + doubt));
	return true;
}

static uint64_t whole_ms(double ms)
{
	return ms <= 0 ? 0 : (uint64_t)MIN(ms, (double)MAX_MS);
}

bool eta_estimate(const struct eta *e, uint64_t now_ms, struct eta_estimate *ret)
{
	struct course c;
	uint64_t last_ms;
	double since_ms, unseen_ms, still_ms, overdue_ms, likely_ms;

	if (e->n < 3 || e->paused || !course(e, &c))
		return false;
	last_ms = e->points[e->n - 1].at_ms;
	now_ms = MAX(now_ms, e->seen_ms);
	since_ms = (double)(now_ms - last_ms);
	unseen_ms = (double)(now_ms - e->seen_ms);
	still_ms = since_ms - unseen_ms;
	overdue_ms = MAX(still_ms - c.usual_ms, 0);
	if (still_ms > MAX(STUCK_TIMES * c.usual_ms, (double)STUCK_MIN_MS))
		return false;

	/* At the last look the next change had not come: so much was left then, at least. */
	likely_ms = c.left * c.pace_ms - MIN(since_ms, c.usual_ms + unseen_ms);
	if (likely_ms > (double)MAX_MS || likely_ms < -(double)STUCK_MIN_MS)
		return false;
	likely_ms = MAX(likely_ms, 0) + (double)TAIL_LIKELY_MS + overdue_ms / 2;
	ret->likely_ms = whole_ms(likely_ms);
	ret->low_ms = whole_ms(MIN(c.left * c.low_ms - since_ms - c.doubt_ms, likely_ms));
	ret->high_ms = whole_ms(MAX(c.left * c.high_ms - since_ms, 0) + c.doubt_ms +
				(double)TAIL_HIGH_MS + 2 * overdue_ms);
	ret->high_ms = MAX(ret->high_ms, ret->likely_ms);
	return true;
}
