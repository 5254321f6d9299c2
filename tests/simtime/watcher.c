/* tunewatch in simulated time. */
#include "simtime/watcher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/macro.h"
#include "model/budget.h"
#include "model/eta.h"
#include "model/event.h"
#include "model/schedule.h"
#include "model/stall.h"

#define CONNECTIONS 4 /* requests at a time */

const double watcher_milestones[WATCHER_MILESTONES] = {0.25, 0.5, 0.75};

/* The defaults of stall-…; where there is none, a job cannot stall. */
static const uint64_t stall_ms[PHASE_COUNT_] = {
	[PHASE_QUEUED] = 48 * MS_PER_H, [PHASE_STARTING] = MS_PER_H,
	[PHASE_RUNNING] = MS_PER_H / 2, [PHASE_FINISHING] = MS_PER_H,
	[PHASE_CANCELLING] = MS_PER_H,
};

/* A job as it was last seen. */
struct known {
	struct plan_job plan;
	struct trace_change shown;
	uint64_t first_ms;   /* first sight of it */
	uint64_t since_ms;   /* it was first seen in its phase */
	uint64_t moved_ms;   /* the answer that showed its last movement */
	uint64_t gap_ms;     /* the longest between two answers since then */
	uint64_t longest_ms; /* and of all, up to the one that showed its end */
	struct stillness stillness;
	struct eta eta;
	uint64_t not_before_ms; /* its probable end */
	struct estimate {
		bool reached, given;
		struct eta_estimate estimate;
		uint64_t at_ms;
	} estimates[WATCHER_MILESTONES];
	uint32_t job;
	bool seen, newest;
};

struct walk {
	uint64_t token, begin_ms;
};

struct collection {
	struct plan_collection plan;
	struct walk walks[PLAN_LISTS];
	uint32_t newest[PLAN_PAGE_SIZE]; /* jobs of the newest page, as it was last seen */
	size_t n_newest;
};

struct request {
	struct plan_choice choice;
	uint32_t job;
	uint64_t answered_ms;
};

struct watcher {
	struct server *server;
	const struct traces *traces;
	const struct span *span;
	struct watcher_result *result;
	struct collection collections[TRACE_KINDS];
	struct plan_collection *planned[TRACE_KINDS];
	struct plan plan;
	struct budget budget;
	struct guard guard;
	struct watched watched;
	struct known *known;
	uint64_t *seen_ms; /* the ends */
	uint32_t *missed;  /* room for the jobs of a collection */
	/* Each takes the same time, so the first one sent is the first one answered. */
	struct request requests[CONNECTIONS];
	unsigned n_requests, first_request;
	uint32_t per_minute;
};

/* --- what is seen of a job --- */

static void note_estimate(struct watcher *w, struct known *k, const struct eta_look *look,
			  bool given, const struct eta_estimate *estimate)
{
	const struct trace_job *j = &w->traces->jobs[k->job];
	double done = look->percent / 100.0;

	if (!j->overall)
		done = (look->epoch + done) / j->epochs;
	for (size_t i = 0; i < WATCHER_MILESTONES; i++)
		if (!k->estimates[i].reached && look->running && done >= watcher_milestones[i])
			k->estimates[i] = (struct estimate){true, given, *estimate, look->now_ms};
}

/*
 * From now to the probable end, at the earliest. That comes nearer no faster than time passes: so while a
 * job has not moved, and its end was far off, it still is, and nothing has to be computed. The daemon
 * does not take this way; here it saves most of the time, and changes no decision.
 */
static uint64_t estimate(struct watcher *w, struct known *k, uint64_t now_ms)
{
	const struct trace_job *j = &w->traces->jobs[k->job];
	struct eta_look look = {.now_ms = now_ms,
				.epoch = k->shown.epoch,
				.percent = k->shown.percent,
				.epochs = j->epochs_told ? j->epochs : 0,
				.running = k->shown.phase == PHASE_RUNNING};
	struct eta_estimate found = {0};
	bool given;

	if (j->epochs == 0)
		return UINT64_MAX;
	eta_add(&k->eta, &look);
	if (k->moved_ms != now_ms && now_ms + WATCHER_INTERVAL_MS < k->not_before_ms)
		return UINT64_MAX;
	given = eta_estimate(&k->eta, now_ms, &found);
	note_estimate(w, k, &look, given, &found);
	k->not_before_ms = given ? now_ms + found.low_ms : UINT64_MAX;
	return given ? found.low_ms : UINT64_MAX;
}

static void note_stall(struct watcher *w, const struct known *k, uint64_t now_ms)
{
	struct watcher_stalls *s = &w->result->stalls;
	const struct trace_job *j = &w->traces->jobs[k->job];
	uint64_t budget_ms = stall_ms[k->shown.phase];
	uint64_t excess_ms = now_ms - k->moved_ms - budget_ms;
	uint64_t moved_ms = k->shown.at_ms; /* in truth */

	s->told++;
	/* It may have moved after the server looked, which is no fault. */
	s->early += now_ms - moved_ms < budget_ms;
	s->worst_ms = MAX(s->worst_ms, excess_ms);
	s->worst_over_ms = MAX(s->worst_over_ms, (int64_t)excess_ms - (int64_t)k->gap_ms);
	if (j->end_ms == TRACE_NEVER && moved_ms == trace_last_ms(w->traces, j) &&
	    moved_ms >= w->span->begin_ms)
		s->worst_true_ms = MAX(s->worst_true_ms, now_ms - moved_ms - budget_ms);
}

static void look_for_movement(struct watcher *w, struct known *k, const struct trace_change *shown,
			      uint64_t now_ms)
{
	uint64_t total_ms = w->watched.total_ms;
	unsigned changed = 0;

	if (k->seen) {
		changed |= shown->phase != k->shown.phase ? CHANGE_STATE : 0;
		changed |= shown->message != k->shown.message ? CHANGE_STATUS : 0;
		changed |= shown->percent != k->shown.percent || shown->epoch != k->shown.epoch
				   ? CHANGE_PROGRESS
				   : 0;
		k->gap_ms = MAX(k->gap_ms, now_ms - k->plan.seen_ms);
		if (!phase_is_end(k->shown.phase))
			k->longest_ms = MAX(k->longest_ms, now_ms - k->plan.seen_ms);
	}
	if (!k->seen || changed) {
		stillness_moved(&k->stillness, changed, (int64_t)now_ms * US_PER_MS, total_ms);
		k->moved_ms = now_ms;
		k->gap_ms = 0;
	}
	if (!k->seen || changed & CHANGE_STATE)
		k->since_ms = now_ms;
	if (!k->seen)
		k->first_ms = now_ms;
	k->shown = *shown;
	if (stall_ms[shown->phase] &&
	    stillness_stalls(&k->stillness, total_ms, stall_ms[shown->phase])) {
		k->stillness.stalled = true;
		note_stall(w, k, now_ms);
	}
}

static uint8_t shown_by(const struct known *k, bool ended)
{
	uint8_t lists = plan_bit(PLAN_ALL);

	if (!ended)
		lists |= plan_bit(PLAN_ACTIVE);
	if (k->newest)
		lists |= plan_bit(PLAN_NEWEST);
	return lists;
}

static int see(struct watcher *w, uint32_t job, uint64_t now_ms)
{
	const struct trace_job *j = &w->traces->jobs[job];
	const struct trace_change *shown =
		server_get(w->server, job, now_ms - LATENCY_MS + LOOK_MS);
	struct known *k = &w->known[job];
	bool ended = phase_is_end(shown->phase);
	struct schedule_job schedule = {.phase = shown->phase, .wanted_ms = WATCHER_INTERVAL_MS};

	k->job = job;
	look_for_movement(w, k, shown, now_ms);
	k->seen = true;
	if (ended && w->seen_ms[job] == 0)
		w->seen_ms[job] = now_ms;
	schedule.in_phase_ms = now_ms - k->since_ms;
	if (ended)
		schedule.ended_ms =
			now_ms - (trace_kind_tells_end(j->kind) ? j->end_ms : k->since_ms);
	schedule.eta_low_ms = ended ? UINT64_MAX : estimate(w, k, now_ms);
	return plan_job_set(&w->collections[j->kind].plan, &k->plan, now_ms,
			    schedule_job_ms(&schedule), shown_by(k, ended), ended);
}

/* --- answers --- */

static void set_searches(struct watcher *w, struct collection *c)
{
	struct plan_collection *p = &c->plan;

	p->newcomers.interval_ms =
		schedule_newcomers_ms(WATCHER_INTERVAL_MS, p->size, p->jobs[PLAN_RUNNING].n);
	p->whole.interval_ms = schedule_whole_ms(MS_PER_H, plan_pages(p, PLAN_ALL), w->per_minute);
}

/* Those that the list should have shown, and did not. */
static int urge_missed(struct watcher *w, struct collection *c, const struct heap *h,
		       enum plan_list list, uint64_t begin_ms)
{
	size_t n = 0;

	for (uint32_t i = 0; i < h->n; i++) {
		struct plan_job *p = container_of(h->nodes[i], struct plan_job, due);

		if (p->seen_ms < begin_ms && (p->due.due != 0 || list == PLAN_ALL))
			w->missed[n++] = container_of(p, struct known, plan)->job;
	}
	while (n > 0) {
		struct plan_job *p = &w->known[w->missed[--n]].plan;
		uint8_t others =
			list == PLAN_ACTIVE ? p->shown & (uint8_t)~plan_bit(PLAN_ACTIVE) : 0;
		int r = plan_job_urge(&c->plan, p, others);

		if (r < 0)
			return r;
	}
	return 0;
}

static int list_done(struct watcher *w, struct collection *c, enum plan_list list)
{
	uint64_t begin_ms = c->walks[list].begin_ms;
	int r = 0;

	if (plan_searches(&c->plan, list))
		c->plan.newcomers.last_ms = MAX(c->plan.newcomers.last_ms, begin_ms);
	if (list == PLAN_ALL)
		c->plan.whole.last_ms = begin_ms;
	set_searches(w, c);
	if (list != PLAN_NEWEST)
		r = urge_missed(w, c, &c->plan.jobs[PLAN_RUNNING], list, begin_ms);
	if (r == 0 && list == PLAN_ALL)
		r = urge_missed(w, c, &c->plan.jobs[PLAN_ENDED], list, begin_ms);
	if (r == 0 && list == PLAN_ALL)
		r = urge_missed(w, c, &c->plan.jobs[PLAN_URGENT], list, begin_ms);
	return r;
}

static void set_newest(struct watcher *w, struct collection *c, const struct server_page *page)
{
	for (size_t i = 0; i < c->n_newest; i++) {
		struct known *k = &w->known[c->newest[i]];

		k->newest = false;
		plan_job_show(&c->plan, &k->plan, k->plan.shown & (uint8_t)~plan_bit(PLAN_NEWEST));
	}
	c->n_newest = page->n;
	for (size_t i = 0; i < page->n; i++) {
		c->newest[i] = page->jobs[i];
		w->known[page->jobs[i]].newest = true; /* planned so when it is taken in */
	}
}

static int page_answered(struct watcher *w, const struct plan_choice *choice, uint64_t now_ms)
{
	struct collection *c = &w->collections[choice->collection];
	struct walk *walk = &c->walks[choice->list];
	uint8_t bit = plan_bit(choice->list);
	struct server_page page;

	c->plan.flying &= (uint8_t)~bit;
	if (!server_list(w->server, (enum trace_kind)choice->collection, choice->list, walk->token,
			 &page)) {
		w->result->refusals++;
		c->plan.refused |= bit;
		return 0;
	}
	if (choice->list != PLAN_ACTIVE)
		c->plan.size = page.total;
	if (choice->list == PLAN_NEWEST) {
		set_newest(w, c, &page);
		page.token = 0; /* one page is all that is wanted */
	}
	for (size_t i = 0; i < page.n; i++) {
		int r = see(w, page.jobs[i], now_ms);

		if (r < 0)
			return r;
	}
	walk->token = page.token;
	if (page.token == 0)
		return list_done(w, c, choice->list);
	c->plan.walking |= bit;
	return 0;
}

static int take_answer(struct watcher *w, uint64_t now_ms)
{
	struct request *q = &w->requests[w->first_request];

	w->first_request = (w->first_request + 1) % CONNECTIONS;
	w->n_requests--;
	watched_answer(&w->watched, now_ms);
	server_advance(w->server, now_ms - LATENCY_MS + LOOK_MS);
	return q->choice.type == PLAN_GET ? see(w, q->job, now_ms)
					  : page_answered(w, &q->choice, now_ms);
}

/* --- requests --- */

static void send_request(struct watcher *w, const struct plan_choice *choice, uint64_t now_ms)
{
	struct collection *c = &w->collections[choice->collection];
	struct request *q = &w->requests[(w->first_request + w->n_requests++) % CONNECTIONS];

	*q = (struct request){.choice = *choice, .answered_ms = now_ms + LATENCY_MS};
	if (choice->type == PLAN_GET) {
		q->job = container_of(choice->job, struct known, plan)->job;
		plan_job_out(&c->plan, choice->job);
	} else {
		if (c->plan.walking & plan_bit(choice->list))
			c->plan.walking &= (uint8_t)~plan_bit(choice->list);
		else
			c->walks[choice->list] = (struct walk){.begin_ms = now_ms};
		c->plan.flying |= plan_bit(choice->list);
	}
	if (now_ms < w->span->end_ms) {
		w->result->tally.requests++;
		*(choice->type == PLAN_GET ? &w->result->gets : &w->result->pages) += 1;
	}
	guard_request(&w->guard, now_ms * 1000);
}

/* Sends what may be sent. Returns when to come again. */
static uint64_t pump(struct watcher *w, uint64_t now_ms)
{
	uint64_t next_ms = w->n_requests ? w->requests[w->first_request].answered_ms : UINT64_MAX;

	while (w->n_requests < CONNECTIONS) {
		uint64_t budget_ms = (budget_next_us(&w->budget, now_ms * 1000) + 999) / 1000;
		struct plan_choice choice;

		if (budget_ms > now_ms || plan_next_ms(&w->plan, now_ms) > now_ms) {
			uint64_t due_ms = MAX(budget_ms, plan_next_ms(&w->plan, now_ms));

			return MIN(next_ms, due_ms);
		}
		choice = plan_pick(&w->plan, now_ms);
		if (choice.type == PLAN_NOTHING || !budget_take(&w->budget, now_ms * 1000)) {
			fputs("simtime: plan or budget is not ready when it says so\n", stderr);
			abort();
		}
		send_request(w, &choice, now_ms);
		next_ms = w->requests[w->first_request].answered_ms;
	}
	return next_ms;
}

static int run(struct watcher *w)
{
	uint64_t now_ms = w->span->begin_ms;
	int r = 0;

	while (r == 0 && now_ms < w->span->drain_ms) {
		if (w->n_requests && w->requests[w->first_request].answered_ms <= now_ms)
			r = take_answer(w, now_ms);
		else
			now_ms = pump(w, now_ms);
	}
	return r;
}

/* --- afterwards --- */

static int judge_estimates(struct watcher *w)
{
	for (size_t i = 0; i < w->traces->n; i++) {
		const struct trace_job *j = &w->traces->jobs[i];

		/* An estimate is of the end of a job that does what it is to do. */
		if (j->end_ms == TRACE_NEVER || !j->epochs ||
		    trace_change(w->traces, j, j->n_changes - 1)->phase != PHASE_SUCCEEDED)
			continue;
		for (size_t m = 0; m < WATCHER_MILESTONES; m++) {
			const struct estimate *e = &w->known[i].estimates[m];
			struct watcher_eta *eta = &w->result->etas[m];
			double left_ms = (double)j->end_ms - (double)e->at_ms, error_ms;

			eta->asked += e->reached;
			if (!e->given)
				continue;
			eta->given++;
			eta->held += left_ms >= (double)e->estimate.low_ms &&
				     left_ms <= (double)e->estimate.high_ms;
			error_ms = (double)e->estimate.likely_ms - left_ms;
			error_ms = error_ms < 0 ? -error_ms : error_ms;
			if (numbers_add(&eta->errors_ms, error_ms) < 0 ||
			    numbers_add(&eta->errors,
					error_ms / (double)(j->end_ms - j->running_ms)) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

static int judge_looks(struct watcher *w)
{
	for (size_t i = 0; i < w->traces->n; i++) {
		uint64_t created_ms = w->traces->jobs[i].created_ms;
		const struct known *k = &w->known[i];
		uint64_t first_ms = k->seen ? k->first_ms : w->span->drain_ms;

		if (span_holds(w->span, created_ms) &&
		    numbers_add(&w->result->founds_ms, (double)(first_ms - created_ms)) < 0)
			return -ENOMEM;
		if (k->longest_ms && numbers_add(&w->result->gaps_ms, (double)k->longest_ms) < 0)
			return -ENOMEM;
	}
	return 0;
}

static void judge_stalls(struct watcher *w)
{
	struct watcher_stalls *s = &w->result->stalls;

	for (size_t i = 0; i < w->traces->n; i++) {
		const struct trace_job *j = &w->traces->jobs[i];
		uint64_t from_ms = MAX(trace_last_ms(w->traces, j), w->span->begin_ms);
		uint64_t budget_ms = stall_ms[trace_change(w->traces, j, j->n_changes - 1)->phase];

		if (j->end_ms != TRACE_NEVER || from_ms + budget_ms >= w->span->end_ms)
			continue;
		s->due++;
		s->found += w->known[i].stillness.stalled;
	}
}

static int watcher_init(struct watcher *w)
{
	size_t n = w->traces->n + 1;

	for (size_t k = 0; k < TRACE_KINDS; k++) {
		plan_collection_init(&w->collections[k].plan);
		w->planned[k] = &w->collections[k].plan;
		set_searches(w, &w->collections[k]);
	}
	w->plan = (struct plan){.collections = w->planned, .n = TRACE_KINDS};
	budget_init(&w->budget, w->per_minute, w->span->begin_ms * 1000);
	w->known = calloc(n, sizeof(*w->known));
	w->seen_ms = calloc(n, sizeof(*w->seen_ms));
	w->missed = calloc(n, sizeof(*w->missed));
	if (!w->known || !w->seen_ms || !w->missed)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		w->known[i].plan = PLAN_JOB_INIT;
	return guard_init(&w->guard, w->per_minute);
}

static void watcher_done(struct watcher *w)
{
	for (size_t i = 0; w->known && i < w->traces->n; i++)
		plan_job_out(&w->collections[w->traces->jobs[i].kind].plan, &w->known[i].plan);
	for (size_t k = 0; k < TRACE_KINDS; k++)
		plan_collection_done(&w->collections[k].plan);
	guard_done(&w->guard);
	free(w->known);
	free(w->seen_ms);
	free(w->missed);
}

int watcher_run(struct server *server, const struct span *span, uint32_t per_minute,
		struct watcher_result *ret)
{
	struct watcher w = {.server = server,
			    .traces = server->traces,
			    .span = span,
			    .result = ret,
			    .per_minute = per_minute};
	int r = watcher_init(&w);

	*ret = (struct watcher_result){.stalls.worst_over_ms = INT64_MIN};
	if (r == 0)
		r = run(&w);
	if (r == 0)
		r = tally_take(&ret->tally, w.traces, span, w.seen_ms);
	if (r == 0)
		r = judge_estimates(&w);
	if (r == 0)
		r = judge_looks(&w);
	if (r == 0)
		judge_stalls(&w);
	watcher_done(&w);
	return r;
}

void watcher_result_done(struct watcher_result *r)
{
	tally_done(&r->tally);
	numbers_done(&r->founds_ms);
	numbers_done(&r->gaps_ms);
	for (size_t i = 0; i < WATCHER_MILESTONES; i++) {
		numbers_done(&r->etas[i].errors_ms);
		numbers_done(&r->etas[i].errors);
	}
}
