/* What the planner is told. */
#include "daemon/planning.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "model/schedule.h"

/* So long it holds what was found to be fresh: somebody may ask fifty times a second. */
#define FRESHNESS_MS MS_PER_S

/* --- intervals --- */

static uint64_t wanted_ms(const struct config *config, const struct job *job)
{
	uint64_t wanted = job->watches & ROUTE_ADDED ? config->poll_interval_ms : UINT64_MAX;

	for (size_t i = 0; i < config->n_watches; i++)
		if (job->watches & route_bit(i))
			wanted = MIN(wanted, config->watches[i].poll_interval_ms);
	return wanted;
}

static uint64_t since_ms(int64_t then_us, int64_t now_us)
{
	return then_us < now_us ? (uint64_t)(now_us - then_us) / US_PER_MS : 0;
}

/* The API tells when a job ended, of most kinds; else it is when that was seen. */
static uint64_t ended_ms(const struct job *job, int64_t now_us)
{
	int64_t end_us;

	if (clock_parse_rfc3339(snapshot_text(job->snapshot, TEXT_COMPLETED_TIME), &end_us) < 0)
		end_us = job->phase_since_us;
	return since_ms(end_us, now_us);
}

/*
 * Until it may end, at the earliest. Where it has not moved, and that was far off when it did, it still
 * is: only how near the end is decides something.
 */
static uint64_t course_low_ms(struct course *c, uint64_t wanted, uint64_t now_ms)
{
	struct eta_estimate estimate;

	if (c->low_at_ms == 0 || (c->low_at_ms != UINT64_MAX && c->low_at_ms <= now_ms + wanted))
		c->low_at_ms = eta_estimate(&c->eta, now_ms, &estimate) ? now_ms + estimate.low_ms
									: UINT64_MAX;
	return c->low_at_ms == UINT64_MAX ? UINT64_MAX : c->low_at_ms - MIN(now_ms, c->low_at_ms);
}

static uint64_t interval_ms(const struct config *config, const struct job *job, uint64_t now_ms)
{
	int64_t now_us = clock_real_now_us();
	struct schedule_job s = {.phase = PHASE_UNKNOWN,
				 .wanted_ms = wanted_ms(config, job),
				 .in_phase_ms = UINT64_MAX,
				 .eta_low_ms = UINT64_MAX};

	if (!job->snapshot) {
		if (job->last_error) /* the API does not know it, or not yet */
			s.phase = PHASE_QUEUED;
		return schedule_job_ms(&s);
	}
	s.phase = snapshot_phase(job->snapshot);
	s.in_phase_ms = since_ms(job->phase_since_us, now_us);
	if (phase_is_end(s.phase))
		s.ended_ms = ended_ms(job, now_us);
	if (job->course && s.phase == PHASE_RUNNING)
		s.eta_low_ms = course_low_ms(job->course, s.wanted_ms, now_ms);
	return schedule_job_ms(&s);
}

bool planning_eta(const struct job *job, uint64_t now_ms, struct eta_estimate *ret)
{
	return job->course && snapshot_phase(job->snapshot) == PHASE_RUNNING &&
	       eta_estimate(&job->course->eta, now_ms, ret);
}

uint64_t planning_stall_budget_ms(const struct config *config, const struct job *job,
				  enum phase phase)
{
	uint64_t budget_ms = job->watches == ROUTE_ADDED ? config->stall_ms[phase] : UINT64_MAX;

	for (size_t i = 0; i < config->n_watches; i++)
		if (job->watches & route_bit(i))
			budget_ms = MIN(budget_ms, config->watches[i].stall_ms[phase]);
	return budget_ms;
}

/* --- jobs --- */

static bool at_end(const struct job *job)
{
	return job->snapshot && phase_is_end(snapshot_phase(job->snapshot));
}

static void put_in(struct job *job, uint64_t seen_ms, uint64_t interval, uint8_t lists)
{
	if (plan_job_set(&job_collection(job)->plan, &job->plan, seen_ms, interval, lists,
			 at_end(job)) < 0)
		log_err("out of memory: %s is looked at when a list shows it", job->name);
}

/* The lists that show a job of which no answer to one of them tells. */
static uint8_t usual_lists(const struct job *job)
{
	uint8_t newest = job->plan.shown & plan_bit(PLAN_NEWEST);

	if (!job->snapshot || job->hidden || job->missing > 0)
		return 0;
	return newest | plan_bit(PLAN_ALL) | (at_end(job) ? 0 : plan_bit(PLAN_ACTIVE));
}

/* A kind that has no epochs goes through its data once. */
static uint16_t epochs_of(const struct job *job)
{
	return kind_info(job->kind)->places[KIND_EPOCHS].key ? job->snapshot->epochs : 1;
}

static struct eta_point last_point(const struct eta *e)
{
	return e->n ? e->points[e->n - 1] : (struct eta_point){0};
}

/* So that its rate of progress is known when its end comes near. */
static void follow(struct job *job, uint64_t now_ms)
{
	const struct snapshot *s = job->snapshot;
	const struct eta_look look = {.now_ms = now_ms,
				      .epoch = s->progress[PROGRESS_EPOCH],
				      .percent = s->progress[PROGRESS_PERCENT],
				      .epochs = epochs_of(job),
				      .running = snapshot_phase(s) == PHASE_RUNNING};
	struct eta_point last;

	if (at_end(job)) {
		free(job->course);
		job->course = NULL;
		return;
	}
	if (!job->course && look.running && s->progress_given)
		job->course = calloc(1, sizeof(*job->course)); /* without, nothing is estimated */
	if (!job->course)
		return;
	last = last_point(&job->course->eta);
	eta_add(&job->course->eta, &look);
	if (last_point(&job->course->eta).at_ms != last.at_ms)
		job->course->low_at_ms = 0;
}

void planning_seen(const struct config *config, struct job *job, bool changed, uint8_t lists,
		   uint64_t now_ms)
{
	job->doubted = false;
	if (lists)
		job->hidden = false;
	if (job->plan.seen_ms && now_ms >= job->plan.seen_ms) {
		uint64_t from_ms =
			MIN(MAX(job->plan.seen_ms, job->account->undisturbed_ms), now_ms);

		job->gap_ms = (uint32_t)MIN(now_ms - from_ms, (uint64_t)UINT32_MAX);
	}
	/* One that has been at its end for long, as most have: nobody asks for it by itself. */
	if (!changed && at_end(job) && !heap_node_in(&job->plan.due)) {
		job->plan.seen_ms = now_ms;
		return;
	}
	follow(job, now_ms);
	put_in(job, now_ms, interval_ms(config, job, now_ms), usual_lists(job) | lists);
}

void planning_again(const struct config *config, struct job *job, uint64_t now_ms)
{
	uint64_t interval = interval_ms(config, job, now_ms);

	job->doubted = false;
	if (interval == UINT64_MAX && job->missing == 0) {
		plan_job_out(&job_collection(job)->plan, &job->plan);
		return;
	}
	/* Gone or not: the second 404 counts one whole interval after the first. */
	if (job->snapshot ? job->missing > 0 && snapshot_phase(job->snapshot) != PHASE_REMOVED
			  : job->missing == 1)
		interval = wanted_ms(config, job);
	/* A look in vain is one, too: what always fails would gain ever more, and starve the rest. */
	put_in(job, MAX(job->plan.seen_ms, job->asked_ms), interval, usual_lists(job));
	if (interval != UINT64_MAX)
		plan_job_put_off(&job_collection(job)->plan, &job->plan,
				 MAX(job->asked_ms, 1ULL) + MIN(interval, UINT64_MAX / 2));
}

void planning_soon(struct job *job, uint64_t now_ms)
{
	plan_job_put_off(&job_collection(job)->plan, &job->plan, now_ms);
}

void planning_spare(struct job *job, uint64_t until_ms)
{
	if (job->plan.due.due < until_ms)
		plan_job_put_off(&job_collection(job)->plan, &job->plan, until_ms);
}

void planning_untaken(const struct config *config, struct job *job, uint64_t due_ms)
{
	uint64_t interval = interval_ms(config, job, clock_boot_now_ms());

	/* By the snapshot from before that answer, perhaps nobody asks for it any more. */
	put_in(job, job->plan.seen_ms, MIN(interval, wanted_ms(config, job)), usual_lists(job));
	plan_job_put_off(&job_collection(job)->plan, &job->plan, due_ms);
}

/* --- accounts --- */

static void search(const struct config *config, struct collection *c)
{
	/* However seldom it is wanted, the first time it is. */
	uint64_t list_ms = c->plan.whole.last_ms ? config->list_interval_ms : MS_PER_H;

	c->plan.newcomers.interval_ms = c->plan.whole.interval_ms = UINT64_MAX;
	if (!c->watches)
		return;
	c->plan.newcomers.interval_ms =
		schedule_newcomers_ms(c->wanted_ms, c->plan.size, c->plan.jobs[PLAN_RUNNING].n);
	c->plan.whole.interval_ms =
		schedule_whole_ms(list_ms, plan_pages(&c->plan, PLAN_ALL),
				  config->accounts[c->account->index].requests_per_minute);
}

void planning_disturbed(struct account *account, uint64_t until_ms)
{
	account->undisturbed_ms = until_ms;
	account->freshness.at_ms = 0;
}

/* Where its answer is under way, that sets the next time. */
static void take_job(const struct config *config, struct job *job, uint32_t spread, uint64_t now_ms)
{
	uint64_t interval = interval_ms(config, job, now_ms);

	if (job->in_flight)
		return;
	put_in(job, job->plan.seen_ms ? job->plan.seen_ms : now_ms, interval, usual_lists(job));
	plan_job_put_off(&job_collection(job)->plan, &job->plan,
			 schedule_first_ms(spread, interval, now_ms));
}

void planning_take_job(const struct config *config, struct job *job, uint64_t now_ms)
{
	take_job(config, job, 0, now_ms);
}

void planning_take_up(const struct config *config, struct account *account, uint64_t now_ms)
{
	planning_disturbed(account, now_ms);
	for (int k = 0; k < KIND_COUNT_; k++) {
		struct collection *c = &account->collections[k];

		if (c->baseline)
			c->plan.whole.last_ms = 0;
		search(config, c);
	}
	map_for_each (&account->jobs, struct job, job)
		take_job(config, job, hash_stable(job->name), now_ms);
}

void planning_let_go(struct account *account)
{
	for (int k = 0; k < KIND_COUNT_; k++) {
		struct collection *c = &account->collections[k];

		c->plan.newcomers.interval_ms = c->plan.whole.interval_ms = UINT64_MAX;
		c->plan.walking = 0;
		for (int l = 0; l < PLAN_LISTS; l++) {
			/* Who watches which of its jobs may be another now. */
			page_memory_cut(&c->pages[l], 0);
			if (c->plan.flying & plan_bit(l))
				/* Its first pages were for others. */
				c->listings[l].partial = true;
			else
				listing_forget(&c->listings[l]);
		}
	}
	map_for_each (&account->jobs, struct job, job) {
		plan_job_out(&job_collection(job)->plan, &job->plan);
		job->doubted = DOUBT_NONE; /* or no list would ever miss it again */
	}
}

void planning_listed(const struct config *config, struct collection *c, enum plan_list list)
{
	const struct listing *l = &c->listings[list];

	if (plan_searches(&c->plan, list))
		c->plan.newcomers.last_ms = l->began_ms;
	if (list == PLAN_ALL)
		c->plan.whole.last_ms = l->began_ms;
	search(config, c); /* its size is known better */
}

void planning_list_again(struct collection *c)
{
	c->plan.whole.last_ms = 0;
	c->plan.whole.interval_ms = MIN(c->plan.whole.interval_ms, (uint64_t)MS_PER_H);
}

static void show_newest(const struct heap *jobs, struct plan_collection *c, uint32_t look)
{
	for (uint32_t i = 0; i < jobs->n; i++) {
		struct plan_job *p = container_of(jobs->nodes[i], struct plan_job, due);
		uint8_t others = p->shown & (uint8_t)~plan_bit(PLAN_NEWEST);
		bool on = job_of_plan(p)->look == look;

		plan_job_show(c, p, others | (on ? plan_bit(PLAN_NEWEST) : 0));
	}
}

void planning_newest(struct collection *c, uint32_t look)
{
	for (int k = 0; k < PLAN_CLASSES; k++)
		show_newest(&c->plan.jobs[k], &c->plan, look);
}

/* The last time between two looks, or that since the last one when it is longer already. */
static uint64_t unseen_ms(const struct job *job, uint64_t now_ms)
{
	uint64_t begin_ms = job->account->undisturbed_ms;
	uint64_t since_ms = now_ms - MIN(MAX(job->plan.seen_ms, begin_ms), now_ms);

	return job->plan.seen_ms >= begin_ms ? MAX((uint64_t)job->gap_ms, since_ms) : since_ms;
}

static struct freshness look_for_freshness(const struct config *config,
					   const struct account *account, uint64_t now_ms)
{
	struct freshness f = {.at_ms = now_ms};
	double worst = -1;

	for (int k = 0; k < KIND_COUNT_; k++) {
		const struct collection *c = &account->collections[k];
		const struct heap *jobs = &c->plan.jobs[PLAN_RUNNING];

		/* What its lists cannot show is told of by itself. */
		for (uint32_t i = 0; !c->alone && i < jobs->n; i++) {
			const struct job *job =
				job_of_plan(container_of(jobs->nodes[i], struct plan_job, due));
			uint64_t wanted = wanted_ms(config, job), unseen = unseen_ms(job, now_ms);
			double behind = (double)unseen / (double)wanted;

			if (!job->snapshot || wanted == UINT64_MAX || behind <= worst)
				continue;
			worst = behind;
			f.wanted_ms = wanted;
			f.unseen_ms = unseen;
			f.any = true;
		}
	}
	return f;
}

bool planning_freshness(const struct config *config, struct account *account, uint64_t now_ms,
			uint64_t *ret_wanted_ms, uint64_t *ret_freshness_ms)
{
	struct freshness *f = &account->freshness;

	if (!f->at_ms || now_ms - f->at_ms >= FRESHNESS_MS)
		*f = look_for_freshness(config, account, now_ms);
	if (!f->any)
		return false;
	*ret_wanted_ms = f->wanted_ms;
	*ret_freshness_ms = f->unseen_ms;
	return true;
}
