/* From answers to events. */
#include "daemon/observer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "codec/event_json.h"
#include "daemon/outlet.h"
#include "model/diff.h"

/* Changes on their way to the disk, some kilobytes each at most; more is not taken in. */
#define OBSERVER_CHANGES_MAX 10000
#define OBSERVER_UNKNOWN_MAX 100 /* unknown states that are remembered as logged */

struct observer {
	struct accounts *accounts;
	struct committer *committer;
	struct dispatcher *dispatcher;
	struct config *config; /* a reference */
	struct map unknown;    /* states that were logged: strings */
};

/* An event on its way to one outlet, and whether that takes it. */
struct routed {
	struct event_record *event; /* a reference */
	struct outlet *outlet;
	enum outbox_answer answer;
};

struct observation {
	struct observer *observer;
	struct account *account;
	struct commit *commit;
	int64_t now_us;
	struct buf json;
	struct routed *routed;
	size_t n_routed, cap_routed;
	bool any; /* the commit holds something */
};

static const char *string_key(const void *value)
{
	return value;
}

int observer_new(struct accounts *accounts, struct committer *committer,
		 struct dispatcher *dispatcher, struct observer **ret)
{
	struct observer *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->accounts = accounts;
	o->committer = committer;
	o->dispatcher = dispatcher;
	map_init(&o->unknown, string_key);
	*ret = o;
	return 0;
}

struct observer *observer_free(struct observer *o)
{
	if (!o)
		return NULL;
	map_for_each (&o->unknown, char, state)
		free(state);
	map_done(&o->unknown);
	config_unref(o->config);
	free(o);
	return NULL;
}

void observer_configure(struct observer *o, struct config *config)
{
	struct route_table table = config_routes(config);

	config_ref(config);
	config_unref(o->config);
	o->config = config;
	map_for_each (&o->accounts->map, struct account, account)
		map_for_each (&account->jobs, struct job, job) {
			const char *display_name =
				job->snapshot ? snapshot_text(job->snapshot, TEXT_DISPLAY_NAME)
					      : "";

			job->watches = !account->config ? 0
				       : job->snapshot
					       ? route_watches(&table, account->index, job->kind,
							       display_name, job->named)
					       : job->named;
		}
}

/* --- one observation --- */

/* Those that came after the first `n` do not get to the disk. */
static void withdraw(struct observation *b, size_t n)
{
	while (b->n_routed > n) {
		struct routed *last = &b->routed[--b->n_routed];

		if (last->answer == OUTBOX_TAKE)
			outlet_withdraw(last->outlet);
		event_record_unref(last->event);
	}
}

static void observation_free(struct observation *b)
{
	withdraw(b, 0);
	free(b->routed);
	buf_done(&b->json);
	free(b);
}

int observation_begin(struct observer *o, struct account *account, struct observation **ret)
{
	struct observation *b;
	int r;

	if (committer_failing(o->committer) ||
	    committer_changes(o->committer) >= OBSERVER_CHANGES_MAX)
		return -EAGAIN;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->observer = o;
	b->account = account;
	b->now_us = clock_real_now_us();
	b->json = BUF_INIT(EVENT_JSON_MAX);
	r = commit_new(o->committer, &b->commit);
	if (r < 0) {
		observation_free(b);
		return r;
	}
	*ret = b;
	return 0;
}

static void on_durable(void *user, int r)
{
	struct observation *b = user;

	for (size_t i = 0; r == 0 && i < b->n_routed; i++) {
		const struct routed *routed = &b->routed[i];

		if (routed->answer == OUTBOX_TAKE)
			dispatcher_add(b->observer->dispatcher, routed->outlet, routed->event);
		else
			outlet_refuse(routed->outlet, routed->answer);
		event_record_unref(routed->event);
	}
	if (r == 0)
		b->n_routed = 0;
	observation_free(b);
}

void observation_end(struct observation *b)
{
	if (b->any) {
		buf_done(&b->json);
		commit_submit(b->commit, on_durable, b);
	} else {
		commit_abandon(b->commit);
		observation_free(b);
	}
}

/* Where an observation stood before a change that must come whole or not at all. */
struct mark {
	size_t commit, routed;
};

static struct mark mark(const struct observation *b)
{
	return (struct mark){commit_size(b->commit), b->n_routed};
}

static void rewind_to(struct observation *b, struct mark m)
{
	commit_truncate(b->commit, m.commit);
	withdraw(b, m.routed);
}

static int reserve_routed(struct observation *b)
{
	size_t cap = b->cap_routed ? b->cap_routed * 2 : 16;
	struct routed *p;

	if (b->n_routed < b->cap_routed)
		return 0;
	p = realloc(b->routed, cap * sizeof(*p));
	if (!p)
		return -ENOMEM;
	b->routed = p;
	b->cap_routed = cap;
	return 0;
}

static int add_delivery(struct observation *b, struct event_record *event, struct outlet *outlet)
{
	static const enum delivery_state states[] = {
		[OUTBOX_TAKE] = DELIVERY_PENDING,
		[OUTBOX_SKIP] = DELIVERY_SKIPPED,
		[OUTBOX_DEAD] = DELIVERY_DEAD,
		[OUTBOX_OFF] = DELIVERY_SKIPPED,
	};
	enum outbox_answer answer = outlet_admit(outlet, event->type);
	const struct store_op op = {.type = STORE_DELIVERY,
				    .delivery = {.event_id = event->id,
						 .notifier = outlet->name,
						 .created_us = b->now_us,
						 .state = states[answer],
						 .error = outbox_reason(answer)}};
	int r = reserve_routed(b);

	if (r == 0)
		r = commit_add(b->commit, &op);
	if (r < 0)
		return r;
	if (answer == OUTBOX_TAKE)
		outlet_expect(outlet);
	b->routed[b->n_routed++] = (struct routed){event_record_ref(event), outlet, answer};
	return 0;
}

/* Adds the event and a delivery for each notifier of the set. */
static int add_event(struct observation *b, struct event *event, const char *subject,
		     route_set notifiers)
{
	struct event_record *record = NULL;
	struct store_op op = {.type = STORE_EVENT};
	int r;

	event->endpoint = b->account->endpoint;
	event->account = b->account->id;
	event->time_us = b->now_us;
	r = event_id(event->endpoint, subject, event->sequence, event->id);
	if (r < 0)
		return r;
	buf_clear(&b->json);
	r = event_json_format(event, &b->json);
	if (r < 0)
		return r;
	r = event_record_new(event, subject, buf_str(&b->json), b->json.len, &record);
	if (r < 0)
		return r;
	op.event = record;
	r = commit_add(b->commit, &op);
	for (size_t i = 0; r == 0 && i < ROUTE_MAX; i++)
		if (notifiers & route_bit(i))
			r = add_delivery(b, record, dispatcher_outlet(b->observer->dispatcher, i));
	event_record_unref(record);
	return r;
}

/* --- jobs --- */

static void note_unknown_state(struct observer *o, const struct job *job, const char *state)
{
	char *copy;

	if (!state[0] || map_get(&o->unknown, state) || o->unknown.n >= OBSERVER_UNKNOWN_MAX)
		return;
	copy = strdup(state);
	if (copy && map_add(&o->unknown, copy) < 0)
		free(copy);
	log_notice("%s is in a state that this version does not know: %s", job->name, state);
}

/* What taking the new snapshot in does to a job; applied when the transaction is complete. */
struct step {
	struct transition transition;
	struct attempt attempt;
	int64_t phase_since_us;
	route_set notifiers;
	bool tell; /* there is an event */
};

static struct step step_of(const struct observation *b, const struct job *job,
			   const struct snapshot *snapshot)
{
	const struct config *config = b->observer->config;
	const struct collection *collection = &b->account->collections[job->kind];
	struct route_table table = config_routes(config);
	enum phase phase = snapshot_phase(snapshot);
	struct step s = {.attempt = attempt_after(job->attempt, phase),
			 .phase_since_us = job->phase_since_us};
	route_set watches = job->watches;

	if (!job->snapshot) {
		s.transition = diff_first(snapshot);
		watches = route_announcing(&table, watches, job->named, collection->baseline);
		s.tell = watches != 0;
	} else {
		s.transition = diff(job->snapshot, snapshot, config->progress_step);
		s.tell = s.transition.type != EVENT_NONE && watches != 0;
	}
	if (!job->snapshot || snapshot_phase(job->snapshot) != phase)
		s.phase_since_us = b->now_us;
	if (s.tell)
		s.notifiers = route_job_event(&table, s.transition.type, watches);
	return s;
}

static int add_step(struct observation *b, struct job *job, struct snapshot *snapshot,
		    const struct step *s)
{
	struct job_name name;
	struct event event = {.type = s->transition.type,
			      .sequence = job->sequence + 1,
			      .job = &name,
			      .attempt = s->attempt.number,
			      .changed = s->transition.changed,
			      .from = job->snapshot,
			      .to = snapshot};
	const struct store_op op = {.type = STORE_JOB,
				    .job = {.endpoint = b->account->endpoint,
					    .name = job->name,
					    .snapshot = snapshot,
					    .attempt = s->attempt,
					    .sequence = job->sequence + (s->tell ? 1 : 0),
					    .phase_since_us = s->phase_since_us}};
	int r = commit_add(b->commit, &op);

	if (r < 0 || !s->tell)
		return r;
	job_parse_name(job, &name);
	return add_event(b, &event, job->name, s->notifiers);
}

/* Takes the snapshot in, with its event, or leaves everything as it was. */
static int take_in(struct observation *b, struct job *job, struct snapshot *snapshot)
{
	struct mark before = mark(b);
	struct step s;
	int r;

	if (job->snapshot && snapshot_equal(job->snapshot, snapshot))
		return 0; /* as nearly always */
	s = step_of(b, job, snapshot);
	r = add_step(b, job, snapshot, &s);
	if (r < 0) {
		rewind_to(b, before);
		return r;
	}
	b->any = true;
	snapshot_unref(job->snapshot);
	job->snapshot = snapshot_ref(snapshot);
	job->attempt = s.attempt;
	job->phase_since_us = s.phase_since_us;
	if (s.tell)
		job->sequence++;
	if (snapshot_phase(snapshot) == PHASE_UNKNOWN)
		note_unknown_state(b->observer, job, snapshot_text(snapshot, TEXT_STATE));
	return 0;
}

/* The watches of a job that shows this display name. */
static route_set watches_of(const struct observation *b, enum kind kind, route_set named,
			    const struct snapshot *snapshot)
{
	struct route_table table = config_routes(b->observer->config);

	return route_watches(&table, b->account->index, kind,
			     snapshot_text(snapshot, TEXT_DISPLAY_NAME), named);
}

static int find_job(struct observation *b, const struct job_name *name,
		    const struct snapshot *snapshot, struct job **ret)
{
	char full[NAME_JOB_MAX];
	struct job *job;
	int r;

	name_format_full(name, full);
	job = map_get(&b->account->jobs, full);
	if (!job) {
		*ret = NULL;
		if (!watches_of(b, name->kind, 0, snapshot))
			return 0;
		r = account_job(b->account, full, name->kind, &job);
		if (r < 0)
			return r;
	}
	if (!job->snapshot || strcmp(snapshot_text(job->snapshot, TEXT_DISPLAY_NAME),
				     snapshot_text(snapshot, TEXT_DISPLAY_NAME)) != 0)
		job->watches = watches_of(b, name->kind, job->named, snapshot);
	*ret = job;
	return 0;
}

int observation_job(struct observation *b, const struct job_name *name, struct snapshot *snapshot,
		    struct job **ret_job)
{
	struct job *job;
	int r = find_job(b, name, snapshot, &job);

	if (ret_job)
		*ret_job = r == 0 ? job : NULL;
	if (r < 0 || !job)
		return r;
	job->last_seen_us = b->now_us;
	job->missing = 0;
	job->confirm = false;
	job->cycle = b->account->collections[job->kind].cycle;
	job_set_error(job, NULL);
	return take_in(b, job, snapshot);
}

int observation_gone(struct observation *b, struct job *job)
{
	_cleanup_snapshot_ struct snapshot *gone = NULL;
	int r = snapshot_new_gone(job->snapshot, &gone);

	if (r == 0)
		r = take_in(b, job, gone);
	if (r == 0)
		job->confirm = false;
	return r;
}

int observation_baseline(struct observation *b, struct collection *collection)
{
	const struct config *config = b->observer->config;

	for (size_t i = 0; i < config->n_watches; i++) {
		const struct store_op op = {.type = STORE_BASELINE,
					    .baseline = {.endpoint = b->account->endpoint,
							 .account = b->account->id,
							 .watch = config->watches[i].name,
							 .kind = collection->kind}};
		int r;

		if (!(collection->baseline & route_bit(i)))
			continue;
		r = commit_add(b->commit, &op);
		if (r == 0)
			r = accounts_add_baseline(b->observer->accounts, b->account,
						  config->watches[i].name, collection->kind);
		if (r < 0)
			return r;
		b->any = true;
		collection->baseline &= ~route_bit(i);
	}
	return 0;
}

/* --- accounts --- */

int observation_sight(struct observation *b, enum sight_verdict verdict)
{
	struct account *account = b->account;
	struct route_table table = config_routes(b->observer->config);
	bool degraded = verdict == SIGHT_DEGRADED;
	struct event event = {.type = degraded ? EVENT_WATCHER_DEGRADED : EVENT_WATCHER_RESTORED,
			      .sequence = account->sequence + 1,
			      .outage = &account->sight.outage};
	const struct store_op op = {.type = STORE_ACCOUNT,
				    .account = {.endpoint = account->endpoint,
						.account = account->id,
						.sequence = event.sequence,
						.outage = degraded ? event.outage : NULL}};
	struct mark before = mark(b);
	char subject[NAME_JOB_MAX];
	int r;

	snprintf(subject, sizeof(subject), "accounts/%s", account->id);
	r = commit_add(b->commit, &op);
	if (r == 0)
		r = add_event(b, &event, subject,
			      route_account_event(&table, event.type, account->index));
	if (r < 0) {
		rewind_to(b, before);
		return r;
	}
	b->any = true;
	account->sequence++;
	return 0;
}
