/*
 * Estimates: jobs with known ends are watched through percents and looks, and what is said is held
 * against the truth.
 */
#include <criterion/criterion.h>
#include <math.h>

#include "base/clock.h"
#include "base/macro.h"
#include "model/eta.h"
#include "support/rand.h"

#define START_MS MS_PER_DAY

/* A job and how it is watched. Where all else is zero, percent is overall and there is one epoch. */
struct shape {
	uint64_t train_ms, poll_ms;
	uint64_t prepare_ms;  /* running at 0 percent */
	uint64_t tail_ms;     /* at 100 percent, still running */
	uint64_t evaluate_ms; /* after each epoch */
	uint64_t stamp_ms;    /* progress is written in such steps only */
	uint64_t pause_ms;    /* out of the running phase */
	double pause_at;      /* when, in parts of the training */
	double restart_at;    /* falls back to the beginning, once */
	double stuck_at;      /* never moves again */
	double first_look_at;
	double faster;   /* the pace at the end, in times of that at the beginning */
	double noise;    /* each percent takes between 1 - noise and 1 + noise times as long */
	uint16_t epochs; /* 0: one */
	uint8_t quantum; /* percent moves in such steps */
	bool untold;     /* the number of epochs is not known */
	bool per_epoch;  /* percent begins again with each */
};

#define PARTS 1000

/* When each thousandth was trained, in ms since the start, and when it ended. */
struct course {
	struct shape s;
	double at_ms[PARTS + 1];
	double end_ms, pause_from_ms, pause_to_ms;
	uint16_t epochs;
};

static double uniform(struct rnd *r)
{
	return (double)(rnd_next(r) >> 11) / (double)(1ULL << 53);
}

static struct course train(const struct shape *s, struct rnd *r)
{
	struct course c = {.s = *s, .epochs = MAX(s->epochs, (uint16_t)1)};
	double now_ms = (double)s->prepare_ms, slow = 1, sum = 0;
	double took[PARTS];
	size_t pause = s->pause_ms ? (size_t)(s->pause_at * PARTS) : PARTS + 1;

	for (size_t i = 0; i < PARTS; i++) {
		double done = (double)i / PARTS;

		if (i % (PARTS / 100) == 0)
			slow = 1 + s->noise * (2 * uniform(r) - 1);
		took[i] = slow / (s->faster > 0 ? 1 + (s->faster - 1) * done : 1);
		sum += took[i];
	}
	for (size_t i = 0; i < PARTS; i++) {
		c.at_ms[i] = now_ms;
		if (i == pause) {
			c.pause_from_ms = now_ms;
			c.pause_to_ms = now_ms += (double)s->pause_ms;
		}
		now_ms += took[i] / sum * (double)s->train_ms;
		if ((i + 1) * c.epochs / PARTS != i * c.epochs / PARTS)
			now_ms += (double)s->evaluate_ms;
	}
	c.at_ms[PARTS] = now_ms;
	c.end_ms = now_ms + (double)s->tail_ms;
	return c;
}

/* How much is trained, in thousandths. */
static double done_at(const struct course *c, double at_ms)
{
	size_t low = 0, high = PARTS;

	if (at_ms <= c->at_ms[0])
		return 0;
	while (low < high) {
		size_t mid = (low + high + 1) / 2;

		if (c->at_ms[mid] <= at_ms)
			low = mid;
		else
			high = mid - 1;
	}
	if (low == PARTS)
		return PARTS;
	return (double)low + (at_ms - c->at_ms[low]) / (c->at_ms[low + 1] - c->at_ms[low]);
}

/* What the API shows then. */
static struct eta_look look_at(const struct course *c, double at_ms)
{
	double shown_ms = c->s.stamp_ms
				  ? floor(at_ms / (double)c->s.stamp_ms) * (double)c->s.stamp_ms
				  : at_ms;
	double done = done_at(c, shown_ms) / PARTS;
	int32_t quantum = MAX(c->s.quantum, 1), epoch, percent;

	if (c->s.stuck_at > 0)
		done = MIN(done, c->s.stuck_at);
	if (c->s.restart_at > 0) /* the course goes up to there, and then once through */
		done = done < c->s.restart_at ? done
					      : (done - c->s.restart_at) / (1 - c->s.restart_at);
	epoch = (int32_t)MIN(done * c->epochs + 1e-9, c->epochs - 1.0);
	percent = (int32_t)(100 * (c->s.per_epoch ? done * c->epochs - epoch : done) + 1e-9);
	return (struct eta_look){
		.now_ms = START_MS + (uint64_t)at_ms,
		.epoch = epoch,
		.percent = percent / quantum * quantum,
		.epochs = c->s.untold ? 0 : c->epochs,
		.running = at_ms < c->pause_from_ms || at_ms >= c->pause_to_ms,
	};
}

/* What was said at some part of the training, and the truth. */
struct said {
	bool any;
	struct eta_estimate is;
	double truth_ms, error; /* the error in parts of the whole training */
	bool held;
};

static const double moments[] = {0.25, 0.5, 0.75};

static void assert_ordered(const struct eta_estimate *s, const char *what)
{
	cr_assert_leq(s->low_ms, s->likely_ms, "%s", what);
	cr_assert_leq(s->likely_ms, s->high_ms, "%s", what);
}

static void watch(const struct course *c, const char *what, struct said ret[ARRAY_LEN(moments)])
{
	struct eta e = {0};
	size_t next = 0;

	for (double at_ms = c->s.first_look_at * c->end_ms;
	     at_ms < c->end_ms && next < ARRAY_LEN(moments); at_ms += (double)c->s.poll_ms) {
		struct eta_look look = look_at(c, at_ms);
		struct said said = {.truth_ms = c->end_ms - at_ms};

		eta_add(&e, &look);
		said.any = eta_estimate(&e, look.now_ms, &said.is);
		if (said.any) {
			assert_ordered(&said.is, what);
			said.error = fabs((double)said.is.likely_ms - said.truth_ms) /
				     (c->end_ms - (c->pause_to_ms - c->pause_from_ms));
			said.held = (double)said.is.low_ms <= said.truth_ms &&
				    said.truth_ms <= (double)said.is.high_ms;
		}
		while (next < ARRAY_LEN(moments) && look.running &&
		       done_at(c, at_ms) >= moments[next] * PARTS)
			ret[next++] = said;
	}
	while (next < ARRAY_LEN(moments))
		ret[next++] = (struct said){0};
}

#define NONE (-1.0) /* no estimate then */

static const struct {
	const char *what;
	struct shape shape;
	double error[ARRAY_LEN(moments)]; /* at most, in parts of the whole training */
} traces[] = {
	{"steady",
	 {.train_ms = 100 * MS_PER_MIN, .poll_ms = 20000, .tail_ms = 60000},
	 {.02, .02, .02}},
	{"steady, looked at rarely",
	 {.train_ms = 100 * MS_PER_MIN, .poll_ms = 300000, .tail_ms = 60000},
	 {.05, .04, .03}},
	{"overall, the course shows it",
	 {.train_ms = 200 * MS_PER_MIN, .poll_ms = 30000, .epochs = 10, .untold = true},
	 {.02, .02, .02}},
	{"overall, before the first epoch is over",
	 {.train_ms = 200 * MS_PER_MIN, .poll_ms = 30000, .epochs = 2, .untold = true},
	 {NONE, .02, .02}},
	{"overall, the number of epochs is known",
	 {.train_ms = 200 * MS_PER_MIN, .poll_ms = 30000, .epochs = 4},
	 {.02, .02, .02}},
	{"per epoch, the number is known",
	 {.train_ms = 200 * MS_PER_MIN, .poll_ms = 30000, .epochs = 4, .per_epoch = true},
	 {.02, .02, .02}},
	{"per epoch, looked at once or twice in each",
	 {.train_ms = 200 * MS_PER_MIN, .poll_ms = 420000, .epochs = 20, .per_epoch = true},
	 {.06, .05, .04}},
	{"per epoch, the number is not known",
	 {.train_ms = 200 * MS_PER_MIN,
	  .poll_ms = 30000,
	  .epochs = 4,
	  .per_epoch = true,
	  .untold = true},
	 {NONE, NONE, NONE}},
	{"one epoch, which nobody told",
	 {.train_ms = 200 * MS_PER_MIN, .poll_ms = 30000, .untold = true},
	 {NONE, NONE, NONE}},
	{"noisy",
	 {.train_ms = 150 * MS_PER_MIN,
	  .poll_ms = 45000,
	  .noise = .5,
	  .stamp_ms = 60000,
	  .tail_ms = 120000},
	 {.2, .15, .1}},
	{"a slow start and evaluations",
	 {.train_ms = 150 * MS_PER_MIN,
	  .poll_ms = 45000,
	  .epochs = 5,
	  .per_epoch = true,
	  .prepare_ms = 10 * MS_PER_MIN,
	  .evaluate_ms = 3 * MS_PER_MIN},
	 {.1, .06, .04}},
	{"a restart in the middle",
	 {.train_ms = 150 * MS_PER_MIN, .poll_ms = 20000, .restart_at = .4},
	 {.02, .05, .02}},
	{"a pause of hours",
	 {.train_ms = 100 * MS_PER_MIN,
	  .poll_ms = 20000,
	  .pause_at = .2,
	  .pause_ms = 10 * MS_PER_H},
	 {.02, .02, .02}},
	{"stuck at 60",
	 {.train_ms = 300 * MS_PER_MIN, .poll_ms = 20000, .stuck_at = .6},
	 {.02, .02, NONE}},
	{"twice as fast at the end",
	 {.train_ms = 100 * MS_PER_MIN, .poll_ms = 20000, .faster = 2},
	 {.35, .2, .1}},
	{"jumps of ten percent",
	 {.train_ms = 100 * MS_PER_MIN, .poll_ms = 20000, .quantum = 10},
	 {1, .04, .04}},
	{"watched from the middle",
	 {.train_ms = 100 * MS_PER_MIN, .poll_ms = 20000, .first_look_at = .45},
	 {NONE, .06, .03}},
};

Test(eta, traces)
{
	struct rnd r = rnd_open("eta_traces");

	for (size_t i = 0; i < ARRAY_LEN(traces); i++) {
		struct course c = train(&traces[i].shape, &r);
		struct said said[ARRAY_LEN(moments)];

		watch(&c, traces[i].what, said);
		for (size_t k = 0; k < ARRAY_LEN(moments); k++) {
			double most = traces[i].error[k];

			cr_assert_eq(said[k].any, most >= 0, "%s, at %.2f", traces[i].what,
				     moments[k]);
			cr_assert_leq(said[k].error, MAX(most, 0), "%s, at %.2f: off by %.3f",
				      traces[i].what, moments[k], said[k].error);
		}
	}
}

static struct shape random_shape(struct rnd *r)
{
	struct shape s = {
		.train_ms = (uint64_t)((double)(15 * MS_PER_MIN) * pow(64, uniform(r))),
		.poll_ms = 15 * MS_PER_S + rnd_below(r, rnd_below(r, 4) ? 45000 : 300000),
		.prepare_ms = rnd_below(r, 3) ? 0 : rnd_below(r, 15 * MS_PER_MIN),
		.tail_ms = rnd_below(r, 4 * MS_PER_MIN),
		.stamp_ms = rnd_below(r, 2) ? MS_PER_MIN : 0,
		.noise = uniform(r),
		.epochs = (uint16_t)(1 + rnd_below(r, 6)),
		.quantum = rnd_below(r, 4) ? 1 : 5,
		.per_epoch = rnd_below(r, 2),
		.faster = .8 + .6 * uniform(r),
	};

	if (rnd_below(r, 3) == 0)
		s.evaluate_ms = (uint64_t)(uniform(r) * .05 * (double)s.train_ms);
	if (rnd_below(r, 5) == 0) {
		s.pause_at = .2 * uniform(r);
		s.pause_ms = rnd_below(r, 12 * MS_PER_H);
	}
	return s;
}

#define TRACES 2000

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* How good it is, over jobs of all shapes. What it prints is what the bounds come from. */
Test(eta, is_near_the_truth_and_knows_how_near)
{
	static const double most[] = {.12, .08, .06};
	static double errors[ARRAY_LEN(moments)][TRACES];
	size_t n[ARRAY_LEN(moments)] = {0}, held[ARRAY_LEN(moments)] = {0};
	struct rnd r = rnd_open("eta_quality");

	for (int i = 0; i < TRACES; i++) {
		struct shape s = random_shape(&r);
		struct course c = train(&s, &r);
		struct said said[ARRAY_LEN(moments)];

		watch(&c, "random shape", said);
		for (size_t k = 0; k < ARRAY_LEN(moments); k++) {
			if (!said[k].any)
				continue;
			errors[k][n[k]++] = said[k].error;
			held[k] += said[k].held;
		}
	}
	for (size_t k = 0; k < ARRAY_LEN(moments); k++) {
		double share = (double)held[k] / (double)MAX(n[k], (size_t)1);
		double median;

		qsort(errors[k], n[k], sizeof(double), by_size);
		median = errors[k][n[k] / 2];
		fprintf(stderr,
			"# eta at %.0f %%: %zu of %d jobs have one, median error %.1f %% of the whole, "
			"the range held in %.0f %%\n",
			100 * moments[k], n[k], TRACES, 100 * median, 100 * share);
		cr_assert_geq(n[k], (size_t)TRACES / 2);
		cr_assert_leq(median, most[k], "at %.2f: %.3f", moments[k], median);
		cr_assert_geq(share, .65, "at %.2f: held in %.3f", moments[k], share);
	}
}

#define OUT (-2) /* as percent: out of the running phase */

/* One look after the other; 0 s ends them. */
struct script {
	uint32_t after_s;
	int32_t epoch, percent;
};

static const struct {
	const char *what;
	uint16_t epochs;
	struct script looks[10];
	uint32_t then_s; /* when it is asked, after the last look */
	bool any;
} scripts[] = {
	{"nothing was ever seen", 1, {{0, 0, 0}}, 0, false},
	{"one sight", 1, {{60, 0, 40}}, 0, false},
	{"two points", 1, {{60, 0, 40}, {60, 0, 41}}, 0, false},
	{"three points", 1, {{60, 0, 40}, {60, 0, 41}, {60, 0, 42}}, 0, true},
	{"never moved", 1, {{60, 0, 0}, {60, 0, 0}, {600, 0, 0}, {600, 0, 0}}, 0, false},
	{"100 percent from the beginning", 1, {{60, 0, 100}, {60, 0, 100}, {60, 0, 100}}, 0, false},
	{"out of the running phase now",
	 1,
	 {{60, 0, 40}, {60, 0, 41}, {60, 0, 42}, {60, 0, OUT}},
	 0,
	 false},
	{"a restart", 1, {{60, 0, 40}, {60, 0, 41}, {60, 0, 42}, {60, 0, 0}, {60, 0, 1}}, 0, false},
	{"three points after a restart",
	 1,
	 {{60, 0, 40}, {60, 0, 41}, {60, 0, 42}, {60, 0, 0}, {60, 0, 1}, {60, 0, 2}},
	 0,
	 true},
	{"an epoch that steps back",
	 3,
	 {{60, 1, 10}, {60, 1, 80}, {60, 1, 90}, {60, 0, 95}},
	 0,
	 false},
	{"at the end, the look is fresh", 1, {{60, 0, 98}, {60, 0, 99}, {60, 0, 100}}, 60, true},
	{"the likely end is long past", 1, {{60, 0, 40}, {60, 0, 41}, {60, 0, 42}}, 9000, false},
	{"no movement for long",
	 1,
	 {{60, 0, 40}, {60, 0, 41}, {60, 0, 42}, {900, 0, 42}},
	 0,
	 false},
	{"it moved again",
	 1,
	 {{60, 0, 40}, {60, 0, 41}, {60, 0, 42}, {900, 0, 42}, {60, 0, 43}},
	 0,
	 true},
	{"first epoch of two, percent may be either",
	 2,
	 {{60, 0, 10}, {60, 0, 11}, {60, 0, 12}},
	 0,
	 false},
	{"first epoch of two, and beyond its share",
	 2,
	 {{60, 0, 60}, {60, 0, 61}, {60, 0, 90}},
	 0,
	 true},
	{"last epoch of five, and below its share",
	 5,
	 {{60, 4, 10}, {60, 4, 11}, {60, 4, 12}},
	 0,
	 true},
	{"last epoch of five, percent may be either",
	 5,
	 {{60, 4, 90}, {60, 4, 91}, {60, 4, 92}},
	 0,
	 false},
	{"percent goes on through an epoch",
	 0,
	 {{60, 0, 30}, {60, 0, 33}, {60, 1, 36}, {60, 1, 39}},
	 0,
	 true},
	{"percent begins again, of nobody knows how many",
	 0,
	 {{60, 0, 90}, {60, 0, 95}, {60, 1, 0}, {60, 1, 5}},
	 0,
	 false},
	{"percent begins again unseen: it was not looked at for long",
	 0,
	 {{60, 0, 30}, {60, 0, 33}, {2200, 1, 43}, {60, 1, 46}},
	 0,
	 false},
	{"the same of two", 2, {{60, 0, 30}, {60, 0, 33}, {2200, 1, 43}, {60, 1, 46}}, 0, true},
	{"more epochs than there are",
	 2,
	 {{60, 0, 90}, {60, 1, 0}, {60, 2, 5}, {60, 3, 9}},
	 0,
	 false},
	{"one too many, per epoch",
	 2,
	 {{60, 0, 90}, {60, 1, 0}, {60, 1, 90}, {60, 2, 5}, {60, 2, 9}},
	 0,
	 false},
	{"one too many, overall",
	 3,
	 {{60, 0, 30}, {60, 0, 33}, {60, 1, 36}, {60, 4, 39}},
	 0,
	 false},
	{"percent begins again after one sight",
	 2,
	 {{60, 0, 40}, {60, 1, 2}, {60, 1, 4}, {60, 1, 6}},
	 0,
	 true},
	{"it was taken for overall, until it began again",
	 0,
	 {{60, 0, 10}, {60, 0, 11}, {60, 1, 12}, {60, 1, 13}, {60, 2, 0}},
	 0,
	 false},
	{"a restart after a long course",
	 1,
	 {{60, 0, 40}, {60, 0, 41}, {60, 0, 42}, {60, 0, 43}, {60, 0, 44}, {60, 0, 0}},
	 0,
	 false},
	{"beyond all", 1, {{60, 0, 101}, {60, 0, 102}, {60, 0, 103}}, 0, false},
	{"below all", 1, {{60, 0, -30}, {60, 0, -20}, {60, 0, -10}}, 0, false},
	{"below the first epoch", 1, {{60, -1, 1}, {60, -1, 2}, {60, -1, 3}}, 0, false},
	{"nothing in it",
	 1,
	 {{60, 0, -1}, {60, 0, 101}, {60, -1, 5}, {60, 0, INT32_MAX}},
	 0,
	 false},
	{"nonsense between sense",
	 1,
	 {{60, 0, 40}, {60, 0, 41}, {60, INT32_MIN, INT32_MIN}, {60, 0, 42}},
	 0,
	 true},
	{"epochs leap",
	 3,
	 {{60, 0, 40}, {60, INT32_MAX, 41}, {60, INT32_MAX, 42}, {60, INT32_MAX, 43}},
	 0,
	 false},
};

static bool play(struct eta *e, const struct script *looks, uint16_t epochs, uint64_t *now_ms,
		 struct eta_estimate *ret)
{
	for (const struct script *s = looks; s->after_s; s++) {
		struct eta_look look = {.now_ms = *now_ms += s->after_s * MS_PER_S,
					.epoch = s->epoch,
					.percent = s->percent,
					.epochs = epochs,
					.running = s->percent != OUT};

		eta_add(e, &look);
	}
	return eta_estimate(e, *now_ms, ret);
}

Test(eta, says_nothing_rather_than_nonsense)
{
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		struct eta_estimate said;
		uint64_t now_ms = START_MS;
		struct eta e = {0};

		play(&e, scripts[i].looks, scripts[i].epochs, &now_ms, &said);
		cr_assert_eq(eta_estimate(&e, now_ms + scripts[i].then_s * MS_PER_S, &said),
			     scripts[i].any, "%s", scripts[i].what);
		if (scripts[i].any)
			assert_ordered(&said, scripts[i].what);
	}
}

/* While it stands still, the range grows and the end comes no nearer; then nothing is said. */
Test(eta, stuck_at_99_widens_and_ends)
{
	static const struct script begin[] = {
		{60, 0, 96}, {60, 0, 97}, {60, 0, 98}, {60, 0, 99}, {0, 0, 0}};
	static const struct script still[] = {{60, 0, 99}, {0, 0, 0}};
	struct eta_estimate before, said;
	uint64_t now_ms = START_MS;
	struct eta e = {0};
	int minutes = 0;

	cr_assert(play(&e, begin, 1, &now_ms, &before));
	for (; play(&e, still, 1, &now_ms, &said); minutes++) {
		assert_ordered(&said, "stuck");
		if (minutes > 1) {
			cr_assert_geq(said.likely_ms, before.likely_ms);
			cr_assert_gt(said.high_ms, before.high_ms);
		}
		before = said;
	}
	cr_assert(minutes >= 5 && minutes <= 15, "%d", minutes);
}

/* Time passes without a look, as it does between two: all of the estimate comes nearer. */
Test(eta, counts_down_between_looks)
{
	static const struct script looks[] = {
		{60, 0, 40}, {60, 0, 41}, {60, 0, 42}, {60, 0, 43}, {0, 0, 0}};
	struct eta_estimate now, later;
	uint64_t now_ms = START_MS;
	struct eta e = {0};

	cr_assert(play(&e, looks, 1, &now_ms, &now));
	cr_assert(eta_estimate(&e, now_ms + 10 * MS_PER_MIN, &later));
	cr_assert_eq(now.likely_ms - later.likely_ms, 10 * MS_PER_MIN);
	cr_assert_eq(now.high_ms - later.high_ms, 10 * MS_PER_MIN);
	cr_assert(eta_estimate(&e, 0, &later), "a clock that was set back is now");
	cr_assert_eq(now.likely_ms, later.likely_ms);
}

/* However long the course: the first sight, the first change and the newest stay, and none crowd. */
Test(eta, thinned_points_are_spread)
{
	struct eta e = {0};

	for (int32_t i = 0; i <= 100; i++) {
		struct eta_look look = {START_MS + (uint64_t)i * MS_PER_MIN, 0, i, 1, true};

		eta_add(&e, &look);
		cr_assert_leq(e.n, ETA_POINTS);
		cr_assert_eq(e.points[0].percent, 0);
		cr_assert_eq(e.points[e.n - 1].percent, i);
		cr_assert_eq(e.changes, i);
	}
	cr_assert_eq(e.points[1].percent, 1);
	for (size_t i = 2; i < e.n; i++) {
		int32_t gap = e.points[i].percent - e.points[i - 1].percent;

		cr_assert(gap >= 1 && gap <= 16, "%zu: %d", i, gap);
	}
	cr_assert_geq(e.points[9].percent - e.points[1].percent, 30, "the old ones are gone");
}

static int32_t odd_number(struct rnd *r, int32_t usual)
{
	static const int32_t odd[] = {INT32_MIN, -1, 0, 1, 99, 100, 101, 65535, INT32_MAX};

	return rnd_below(r, 40) ? usual : odd[rnd_below(r, ARRAY_LEN(odd))];
}

/* Whatever comes: no overflow, the order holds, nothing is said of what did not move three times. */
Test(eta, survives_anything)
{
	struct rnd r = rnd_open("eta_anything");
	size_t estimates = 0;

	for (int round = 0; round < 3000; round++) {
		struct eta e = {0};
		uint64_t now_ms = rnd_below(&r, 3) ? rnd_below(&r, 1ULL << 50) : UINT64_MAX - 5000;
		int32_t percent = 0, epoch = 0, seen[2] = {-1, -1};
		uint16_t epochs = (uint16_t)odd_number(&r, (int32_t)rnd_below(&r, 4));
		uint64_t speed = rnd_below(&r, 8), scale_ms = 1ULL << rnd_below(&r, 50);
		unsigned moves = 0;

		for (int step = 0; step < 60; step++) {
			struct eta_estimate said;
			struct eta_look look;

			percent += speed ? (int32_t)rnd_below(&r, speed) : 0;
			if (percent > 100) {
				percent = rnd_below(&r, 2) ? 100 : 0;
				epoch++;
			}
			now_ms += rnd_below(&r, 9) ? rnd_below(&r, scale_ms) : -rnd_below(&r, 99);
			look = (struct eta_look){.now_ms = now_ms,
						 .epoch = odd_number(&r, epoch),
						 .percent = odd_number(&r, percent),
						 .epochs = epochs,
						 .running = rnd_below(&r, 15) != 0};
			eta_add(&e, &look);
			moves += look.epoch != seen[0] || look.percent != seen[1];
			seen[0] = look.epoch;
			seen[1] = look.percent;
			if (!eta_estimate(&e, now_ms + rnd_below(&r, scale_ms), &said))
				continue;
			estimates++;
			cr_assert_geq(moves, 3);
			assert_ordered(&said, "anything");
			cr_assert_leq(said.high_ms, 366 * MS_PER_DAY);
			eta_estimate(&e, rnd_next(&r), &said);
		}
	}
	cr_assert_gt(estimates, 1000, "%zu", estimates);
}
