/* Traces of an account's jobs, from a seeded generator. */
#include "simtime/trace.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/macro.h"
#include "support/rand.h"

/* Progress is written by the backend once a minute. */
#define STAMP_MS MS_PER_MIN

#define RUN_MAX_MS    (16 * MS_PER_H) /* a percent takes less than the budget of a stall */
#define WARM_UP_MS    (36 * MS_PER_H) /* jobs that are there at the beginning began in it */
#define OLD_MS        (60 * MS_PER_DAY)
#define SAMPLES       2000 /* to learn how long jobs are active */
#define MEAN_QUEUE_MS (6 * MS_PER_MIN)
#define QUEUE_MAX_MS  (12 * MS_PER_H)

/* Of all jobs. Failures: most are the platform's, a part comes at the start, some of these after an
 * hour of trying (API facts). */
#define SHARE_SILENT      0.006
#define SHARE_HARD_START  0.02
#define SHARE_PAUSED      0.05
#define SHARE_RESTARTED   0.08
#define SHARE_EARLY_STOPS 0.08 /* may stop early */
#define SHARE_OVERALL     0.5
#define SHARE_EPOCHS_TOLD 0.8
#define PER_MS(mean_ms)   (1.0 / (double)(mean_ms))
#define FAIL_RUNNING      PER_MS(50 * MS_PER_H)
#define FAIL_VALIDATING   PER_MS(25 * MS_PER_MIN)
#define FAIL_HARD_START   PER_MS(8 * MS_PER_MIN)
#define CANCEL            PER_MS(60 * MS_PER_H)
#define CANCELLED         PER_MS(40 * MS_PER_S)

/* One row a kind. */
static const struct shape {
	double share;
	uint64_t run_median_ms;
	double run_sigma; /* of its logarithm */
	uint64_t tail_ms; /* mean, from 100 % to the end */
	bool progress;
	bool writes;          /* the tail is a phase of its own */
	double message_share; /* without progress: of those whose status.message moves */
	uint8_t epochs_max;
} shapes[TRACE_KINDS] = {
	[TRACE_SFT] = {0.60, 55 * MS_PER_MIN, 0.8, 3 * MS_PER_MIN, true, false, 0, 5},
	[TRACE_RFT] = {0.15, 96 * MS_PER_MIN, 0.7, 4 * MS_PER_MIN, true, false, 0, 4},
	[TRACE_DPO] = {0.15, 45 * MS_PER_MIN, 0, 0, false, false, 0.6, 0},
	[TRACE_FT] = {0.02, 60 * MS_PER_MIN, 0, 0, false, false, 0.3, 0},
	[TRACE_RLOR] = {0.03, 90 * MS_PER_MIN, 0.8, 3 * MS_PER_MIN, true, false, 0, 3},
	[TRACE_BATCH] = {0.03, 40 * MS_PER_MIN, 0.8, 2 * MS_PER_MIN, true, true, 0, 1},
	[TRACE_EVAL] = {0.02, 15 * MS_PER_MIN, 0, 0, false, false, 0.5, 0},
};

bool trace_kind_tells_end(enum trace_kind kind)
{
	return kind != TRACE_FT && kind != TRACE_EVAL;
}

/* --- chance --- */

static double uniform(struct rnd *r)
{
	return (double)(rnd_next(r) >> 11) * 0x1p-53;
}

static bool happens(struct rnd *r, double probability)
{
	return uniform(r) < probability;
}

static double exponential(struct rnd *r, double mean)
{
	return -log1p(-uniform(r)) * mean;
}

static double normal(struct rnd *r)
{
	double u = uniform(r), v = uniform(r);

	return sqrt(-2 * log1p(-u)) * cos(2 * M_PI * v);
}

static uint64_t between(struct rnd *r, uint64_t low, uint64_t high)
{
	return low + rnd_below(r, high - low);
}

/* --- growing arrays --- */

/* A place for one more. NULL: no memory. */
static void *more(void **array, size_t *n, size_t *room, size_t size)
{
	if (*n == *room) {
		size_t wanted = *room ? *room * 2 : 1024;
		void *grown = reallocarray(*array, wanted, size);

		if (!grown)
			return NULL;
		*array = grown;
		*room = wanted;
	}
	return (char *)*array + (*n)++ * size;
}

#define MORE(array, n, room) more((void **)&(array), &(n), &(room), sizeof(*(array)))

/* --- one job's course --- */

enum course_state { COURSE_GOES_ON, COURSE_CANCELLED, COURSE_OVER, COURSE_NO_MEMORY };

struct course {
	struct traces *traces;
	struct trace_job *job;
	const struct shape *shape;
	struct rnd *r;
	uint64_t now_ms;
	enum course_state state;
	struct trace_change shown;
	double silent_at; /* this part of its stage is done when it falls silent; above 1: never */
	enum phase silent_in;
	double early_per_ms; /* intensity of an early stop, later in its run */
};

/* Ends a millisecond, by outcome, and cancellations, which are no end yet. */
struct rates {
	double fail, done, early, cancelled;
	double cancel;
};

static void show(struct course *c, enum phase phase)
{
	struct trace_change *change;

	if (c->state == COURSE_OVER || c->state == COURSE_NO_MEMORY)
		return;
	change = MORE(c->traces->changes, c->traces->n_changes, c->traces->changes_room);
	if (!change) {
		c->state = COURSE_NO_MEMORY;
		return;
	}
	c->shown.at_ms = c->now_ms;
	c->shown.phase = (uint8_t)phase;
	*change = c->shown;
	c->job->n_changes++;
	if (phase == PHASE_RUNNING && c->job->running_ms == TRACE_NEVER)
		c->job->running_ms = c->now_ms;
}

static void show_message(struct course *c)
{
	c->shown.message++;
	show(c, c->shown.phase);
}

static void end(struct course *c, enum phase phase)
{
	show(c, phase);
	if (c->state == COURSE_NO_MEMORY)
		return;
	c->job->end_ms = c->now_ms;
	c->state = COURSE_OVER;
}

static void note_hazard(struct course *c, uint64_t to_ms, double per_ms)
{
	struct trace_job *j = c->job;
	struct trace_hazard *last =
		j->n_hazards ? &c->traces->hazards[j->hazards + j->n_hazards - 1] : NULL;

	if (per_ms <= 0 || to_ms == c->now_ms)
		return;
	if (last && last->to_ms == c->now_ms && last->per_ms == per_ms) {
		last->to_ms = to_ms;
		return;
	}
	last = MORE(c->traces->hazards, c->traces->n_hazards, c->traces->hazards_room);
	if (!last) {
		c->state = COURSE_NO_MEMORY;
		return;
	}
	*last = (struct trace_hazard){c->now_ms, to_ms, per_ms};
	j->n_hazards++;
}

/* Lets time pass, at most `ms`: less when the job ends or is cancelled. Whether it goes on. */
static bool pass(struct course *c, uint64_t ms, struct rates rates)
{
	double ends = rates.fail + rates.done + rates.early + rates.cancelled;
	double all = ends + rates.cancel;
	double wait_ms = all > 0 ? exponential(c->r, 1 / all) : INFINITY, which;
	bool whole = wait_ms >= (double)ms;
	uint64_t to_ms = c->now_ms + (whole ? ms : (uint64_t)wait_ms);

	if (c->state != COURSE_GOES_ON)
		return false;
	note_hazard(c, to_ms, ends);
	c->now_ms = to_ms;
	if (whole)
		return c->state == COURSE_GOES_ON;
	which = uniform(c->r) * all;
	if (which < rates.fail)
		end(c, PHASE_FAILED);
	else if (which < rates.fail + rates.done)
		end(c, PHASE_SUCCEEDED);
	else if (which < rates.fail + rates.done + rates.early)
		end(c, PHASE_EARLY_STOPPED);
	else if (which < ends)
		end(c, PHASE_CANCELLED);
	else
		c->state = COURSE_CANCELLED;
	return false;
}

/* It stands in its state for ever and says nothing more. */
static bool falls_silent(struct course *c, double part)
{
	if (c->shown.phase != c->silent_in || part < c->silent_at)
		return false;
	c->state = COURSE_OVER;
	return true;
}

static void queue(struct course *c)
{
	static const struct rates rates = {.cancel = CANCEL};
	double mean_ms = happens(c->r, 0.05) ? 20.0 * MEAN_QUEUE_MS : MEAN_QUEUE_MS;
	uint64_t wait_ms = (uint64_t)exponential(c->r, mean_ms);

	show(c, PHASE_QUEUED);
	pass(c, MIN(wait_ms, QUEUE_MAX_MS), rates);
}

/* Only the message moves: "rendering data (30%)", "Waiting for capacity". */
static void start(struct course *c)
{
	bool hard = happens(c->r, SHARE_HARD_START);
	unsigned steps = (unsigned)between(c->r, 2, 10);

	show(c, PHASE_STARTING);
	for (unsigned i = 0; i < steps; i++) {
		if (falls_silent(c, (double)i / steps) ||
		    !pass(c, between(c->r, 15 * MS_PER_S, 70 * MS_PER_S),
			  (struct rates){.fail = i ? 0 : FAIL_VALIDATING, .cancel = CANCEL}))
			return;
		show_message(c);
	}
	/* It tries for an hour, and then gives up. */
	for (unsigned i = 0; hard && c->state == COURSE_GOES_ON; i++) {
		if (pass(c, 5 * MS_PER_MIN, (struct rates){.fail = i < 10 ? 0 : FAIL_HARD_START}))
			show_message(c);
	}
}

static void show_progress(struct course *c, double done)
{
	const struct trace_job *j = c->job;
	double epochs = MIN(done, 1) * j->epochs;
	int epoch = MIN((int)epochs, j->epochs - 1);
	double percent = 100 * (j->overall ? MIN(done, 1) : epochs - epoch);
	int16_t shown = (int16_t)(percent + 1e-9);

	if (c->shown.phase == PHASE_RUNNING && c->shown.percent == shown && c->shown.epoch == epoch)
		return;
	c->shown.percent = shown;
	c->shown.epoch = (int16_t)epoch;
	show(c, PHASE_RUNNING);
}

/* A job that goes on elsewhere, some of its work lost, or one that somebody pauses. */
static double interrupt(struct course *c, double done, bool pause)
{
	uint64_t ms = pause ? between(c->r, 10 * MS_PER_MIN, 3 * MS_PER_H)
			    : between(c->r, MS_PER_MIN, 5 * MS_PER_MIN);

	show(c, pause ? PHASE_PAUSED : PHASE_STARTING);
	if (!pass(c, ms, (struct rates){.cancel = CANCEL}))
		return done;
	if (!pause && happens(c->r, 0.5))
		done = MAX(done - 0.15 * uniform(c->r), 0);
	show(c, PHASE_RUNNING);
	return done;
}

/* From 0 to 100 %, in the backend's steps; at the end of each epoch it is evaluated. */
static void train(struct course *c)
{
	const struct shape *s = c->shape;
	double run_ms = MIN((double)s->run_median_ms * exp(s->run_sigma * normal(c->r)),
			    (double)RUN_MAX_MS);
	double pause_at = happens(c->r, SHARE_PAUSED) ? uniform(c->r) : 2;
	double restart_at = happens(c->r, SHARE_RESTARTED) ? uniform(c->r) : 2;
	double done = 0, pace = 0;
	int evaluated = 0;

	show(c, PHASE_RUNNING);
	while (done < 1) {
		struct rates rates = {.fail = FAIL_RUNNING, .cancel = CANCEL};

		if (falls_silent(c, done))
			return;
		if (done > 0.4)
			rates.early = c->early_per_ms;
		if (!pass(c, STAMP_MS, rates))
			return;
		/* Its pace wanders about its mean and comes back to it. */
		pace = 0.9 * pace + 0.12 * normal(c->r);
		done += STAMP_MS / run_ms * exp(pace);
		show_progress(c, done);
		if (done < 1 && (int)(done * c->job->epochs) > evaluated) {
			evaluated++;
			if (!pass(c, between(c->r, MS_PER_MIN, 4 * MS_PER_MIN), rates))
				return;
		}
		if (done >= pause_at) {
			pause_at = 2;
			done = interrupt(c, done, true);
		} else if (done >= restart_at) {
			restart_at = 2;
			done = interrupt(c, done, false);
		}
	}
	if (s->writes)
		show(c, PHASE_FINISHING);
	while (!falls_silent(c, 1) &&
	       pass(c, MS_PER_H, (struct rates){.fail = FAIL_RUNNING, .done = PER_MS(s->tail_ms)}))
		;
}

/* Without progress, all that is known of the end is that it gets likelier. */
static void run_blind(struct course *c)
{
	static const uint64_t step_ms = 4 * MS_PER_MIN;
	double median_ms = (double)c->shape->run_median_ms;
	bool tells = happens(c->r, c->shape->message_share);

	show(c, PHASE_RUNNING);
	for (double ran_ms = 0;; ran_ms += (double)step_ms) {
		if (falls_silent(c, ran_ms / median_ms))
			return;
		/* Of Weibull's with k = 3. */
		if (!pass(c, step_ms,
			  (struct rates){.fail = FAIL_RUNNING,
					 .done = 2.08 * pow(ran_ms / median_ms, 2) / median_ms,
					 .cancel = CANCEL}))
			return;
		if (tells)
			show_message(c);
	}
}

static void cancel(struct course *c)
{
	c->state = COURSE_GOES_ON;
	show(c, PHASE_CANCELLING);
	if (falls_silent(c, 1))
		return;
	while (pass(c, MS_PER_H, (struct rates){.cancelled = CANCELLED}))
		;
}

/* Where most silent failures are: in RUNNING. */
static void choose_silence(struct course *c)
{
	c->silent_at = 2;
	c->silent_in = PHASE_RUNNING;
	if (!happens(c->r, SHARE_SILENT))
		return;
	c->silent_at = uniform(c->r);
	if (happens(c->r, 0.25))
		c->silent_in = PHASE_STARTING;
}

static enum trace_kind draw_kind(struct rnd *r)
{
	double u = uniform(r);
	enum trace_kind kind = TRACE_SFT;

	while (kind + 1 < TRACE_KINDS && u >= shapes[kind].share)
		u -= shapes[kind++].share;
	return kind;
}

static struct trace_job *add_job(struct traces *t, struct rnd *r, uint64_t created_ms)
{
	struct trace_job *j = MORE(t->jobs, t->n, t->room);
	enum trace_kind kind = draw_kind(r);

	if (!j)
		return NULL;
	*j = (struct trace_job){.key = rnd_next(r),
				.created_ms = created_ms,
				.running_ms = TRACE_NEVER,
				.end_ms = TRACE_NEVER,
				.changes = t->n_changes,
				.hazards = t->n_hazards,
				.kind = (uint8_t)kind};
	if (shapes[kind].progress) {
		j->epochs = (uint8_t)between(r, 1, shapes[kind].epochs_max + 1U);
		j->overall = happens(r, SHARE_OVERALL);
		j->epochs_told = happens(r, SHARE_EPOCHS_TOLD);
	}
	return j;
}

/* 0 or -ENOMEM. Each job has its own chance, so that populations of one seed are alike. */
static int make_job(struct traces *t, uint64_t seed, uint64_t created_ms)
{
	struct rnd r = {seed};
	struct trace_job *j = add_job(t, &r, created_ms);
	struct course c = {.traces = t, .job = j, .r = &r, .now_ms = created_ms};

	if (!j)
		return -ENOMEM;
	c.shape = &shapes[j->kind];
	choose_silence(&c);
	if (happens(&r, SHARE_EARLY_STOPS))
		c.early_per_ms = 0.5 / (double)c.shape->run_median_ms;
	queue(&c);
	if (c.state == COURSE_GOES_ON)
		start(&c);
	if (c.state == COURSE_GOES_ON)
		(j->epochs ? train : run_blind)(&c);
	if (c.state == COURSE_CANCELLED)
		cancel(&c);
	return c.state == COURSE_NO_MEMORY ? -ENOMEM : 0;
}

static void drop_last(struct traces *t)
{
	const struct trace_job *j = &t->jobs[--t->n];

	t->n_changes = j->changes;
	t->n_hazards = j->hazards;
}

/* --- the account --- */

static int make_old(struct traces *t, struct rnd *r, const struct trace_size *size)
{
	uint64_t step_ms = OLD_MS / (size->old + 1ULL);

	for (uint32_t i = 0; i < size->old; i++) {
		uint64_t end_ms = size->begin_ms - OLD_MS + (i + 1) * step_ms;
		struct trace_job *j = add_job(t, r, end_ms - 2 * MS_PER_H);
		struct course c = {.traces = t, .job = j, .r = r, .now_ms = end_ms - 2 * MS_PER_H};

		if (!j)
			return -ENOMEM;
		show(&c, PHASE_RUNNING);
		c.now_ms = end_ms;
		end(&c, happens(r, 0.85) ? PHASE_SUCCEEDED : PHASE_FAILED);
		if (c.state == COURSE_NO_MEMORY)
			return -ENOMEM;
	}
	return 0;
}

/* How long a job is active, those that fall silent left out. */
static int mean_active_ms(struct rnd *r, double *ret)
{
	struct traces t = {0};
	double sum = 0;
	size_t n = 0;
	int status = 0;

	for (size_t i = 0; i < SAMPLES && status == 0; i++) {
		status = make_job(&t, rnd_next(r), 0);
		if (status == 0 && t.jobs[i].end_ms != TRACE_NEVER) {
			sum += (double)t.jobs[i].end_ms;
			n++;
		}
	}
	traces_done(&t);
	*ret = sum / (double)MAX(n, 1U);
	return status;
}

static int by_creation(const void *a, const void *b)
{
	const struct trace_job *x = a, *y = b;

	return x->created_ms != y->created_ms ? (x->created_ms < y->created_ms ? -1 : 1)
					      : (x->key > y->key) - (x->key < y->key);
}

int traces_make(const struct trace_size *size, struct traces *ret)
{
	struct rnd r = {size->seed};
	struct traces t = {0};
	double at_ms = (double)(size->begin_ms - WARM_UP_MS), mean_ms;
	int status = mean_active_ms(&r, &mean_ms);

	if (status == 0)
		status = make_old(&t, &r, size);
	while (status == 0) {
		at_ms += exponential(&r, mean_ms / size->active);
		if (at_ms >= (double)size->end_ms)
			break;
		status = make_job(&t, rnd_next(&r), (uint64_t)at_ms);
		if (status == 0 && t.jobs[t.n - 1].end_ms <= size->begin_ms)
			drop_last(&t);
	}
	if (status < 0) {
		traces_done(&t);
		return status;
	}
	qsort(t.jobs, t.n, sizeof(*t.jobs), by_creation);
	*ret = t;
	return 0;
}

void traces_done(struct traces *t)
{
	free(t->jobs);
	free(t->changes);
	free(t->hazards);
	*t = (struct traces){0};
}
