/* From answers to events. */
#include "daemon/observer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "codec/event_json.h"
#include "daemon/outlet.h"
#include "daemon/override.h"
#include "daemon/planning.h"
#include "model/diff.h"

/* Changes on their way to the disk, some kilobytes each at most; more is not taken in. */
#define OBSERVER_CHANGES_MAX 10000
#define OBSERVER_UNKNOWN_MAX 100 /* unknown states that are remembered as logged */

struct observer {
	struct accounts *accounts;
	struct committer *committer;
	struct dispatcher *dispatcher;
	struct feed *feed;
	struct config *config;         /* a reference */
	struct map unknown;            /* states that were logged: strings */
	uint64_t events[EVENT_COUNT_]; /* that became durable, by their type */
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
	struct event_record **events; /* references: all that is to be durable */
	size_t n_events, cap_events;
	struct routed *routed; /* of these, to whom */
	size_t n_routed, cap_routed;
	bool any; /* the commit holds something */
};

static const char *string_key(const void *value)
{
	return value;
}

int observer_new(struct accounts *accounts, struct committer *committer,
		 struct dispatcher *dispatcher, struct feed *feed, struct observer **ret)
{
	struct observer *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->accounts = accounts;
	o->committer = committer;
	o->dispatcher = dispatcher;
	o->feed = feed;
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

/* The watches of a job that shows this display name. */
static route_set watches_of(const struct route_table *table, const struct job *job,
			    const char *display_name)
{
	return override_watches(job->override, route_watches(table, job->account->index, job->kind,
							     display_name, job->named));
}

/* Of one that was never seen it is not known which rules it is for, but for those that name it. */
static void sort_job(const struct route_table *table, struct job *job)
{
	if (!job->account->config)
		job_set_watches(job, 0);
	else if (job->snapshot)
		job_set_watches(job, watches_of(table, job,
						snapshot_text(job->snapshot, TEXT_DISPLAY_NAME)));
	else
		job_set_watches(job, override_watches(job->override, job->named));
}

uint64_t observer_events(const struct observer *o, enum event_type type)
{
	return o->events[type];
}

void observer_configure(struct observer *o, struct config *config)
{
	struct route_table table = config_routes(config);

	config_ref(config);
	config_unref(o->config);
	o->config = config;
	map_for_each (&o->accounts->map, struct account, account)
		map_for_each (&account->jobs, struct job, job) {
			override_resolve(job->override, config);
			sort_job(&table, job);
		}
}

void observer_sort(struct observer *o, struct job *job)
{
	struct route_table table = config_routes(o->config);

	bool was_watched = job->watches;

	override_resolve(job->override, o->config);
	sort_job(&table, job);
	/* Pages that are known again tell only of those whom somebody watched when they were read. */
	for (int l = 0; !was_watched && job->watches && l < PLAN_LISTS; l++)
		page_memory_cut(&job_collection(job)->pages[l], 0);
}

bool observer_is_ruled(const struct observer *o, const struct job *job)
{
	struct route_table table = config_routes(o->config);

	/* Which rules one that was never seen is for, nobody knows: any that looks for its kind. */
	if (job->named || !job->snapshot)
		return job->named || job_collection(job)->watches;
	return route_watches(&table, job->account->index, job->kind,
			     snapshot_text(job->snapshot, TEXT_DISPLAY_NAME), 0);
}

/* --- one observation --- */

/* Where an observation stood before a change that must come whole or not at all. */
struct mark {
	size_t commit, events, routed;
};

/* What came after that does not get to the disk. */
static void withdraw(struct observation *b, struct mark m)
{
	while (b->n_events > m.events)
		event_record_unref(b->events[--b->n_events]);
	while (b->n_routed > m.routed) {
		struct routed *last = &b->routed[--b->n_routed];

		if (last->answer == OUTBOX_TAKE)
			outlet_withdraw(last->outlet);
		event_record_unref(last->event);
	}
}

static void observation_free(struct observation *b)
{
	withdraw(b, (struct mark){0});
	free(b->events);
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

	for (size_t i = 0; r == 0 && i < b->n_events; i++) {
		feed_publish(b->observer->feed, b->events[i]);
		b->observer->events[b->events[i]->type]++;
	}
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

static struct mark mark(const struct observation *b)
{
	return (struct mark){commit_size(b->commit), b->n_events, b->n_routed};
}

static void rewind_to(struct observation *b, struct mark m)
{
	commit_truncate(b->commit, m.commit);
	withdraw(b, m);
}

/* Room for one more element, in an array that begins with 16. */
static int reserve(void *array, size_t n, size_t *cap, size_t size)
{
	size_t new_cap = *cap ? *cap * 2 : 16;
	void **at = array, *p;

	if (n < *cap)
		return 0;
	p = reallocarray(*at, new_cap, size);
	if (!p)
		return -ENOMEM;
	*at = p;
	*cap = new_cap;
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
	int r = reserve(&b->routed, b->n_routed, &b->cap_routed, sizeof(*b->routed));

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
	r = reserve(&b->events, b->n_events, &b->cap_events, sizeof(struct event_record *));
	if (r == 0)
		r = commit_add(b->commit, &op);
	if (r == 0)
		b->events[b->n_events++] = event_record_ref(record);
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

/* What taking a snapshot in does to a job; applied when the transaction is complete. */
struct step {
	struct transition transition;
	struct attempt attempt;
	int64_t phase_since_us;
	struct stillness still;
	bool recovered,
		stalled;   /* there is such an event: before, or after, that of the transition */
	bool tell;         /* there is an event of the transition */
	route_set watches; /* whose notifiers hear of it */
};

/* Whether the job has stood still for too long; it is in an answer just now. */
static bool stalls(const struct observation *b, const struct job *job, const struct stillness *s,
		   const struct snapshot *snapshot)
{
	uint64_t budget_ms =
		planning_stall_budget_ms(b->observer->config, job, snapshot_phase(snapshot));

	return job->watches && stillness_stalls(s, b->account->watched.total_ms, budget_ms);
}

static struct step first_step(const struct observation *b, const struct job *job,
			      const struct snapshot *snapshot)
{
	struct route_table table = config_routes(b->observer->config);
	struct step s = {.transition = diff_first(snapshot),
			 .attempt = attempt_after(job->attempt, snapshot_phase(snapshot)),
			 .phase_since_us = b->now_us,
			 .watches = route_announcing(&table, job->watches, job->named,
						     job_collection(job)->baseline)};

	stillness_moved(&s.still, 0, b->now_us, b->account->watched.total_ms);
	s.tell = s.watches != 0;
	return s;
}

static struct step next_step(const struct observation *b, const struct job *job,
			     const struct snapshot *snapshot)
{
	enum phase phase = snapshot_phase(snapshot);
	struct step s = {.transition =
				 diff(job->snapshot, snapshot, b->observer->config->progress_step),
			 .attempt = attempt_after(job->attempt, phase),
			 .phase_since_us = snapshot_phase(job->snapshot) == phase
						   ? job->phase_since_us
						   : b->now_us,
			 .still = job->still,
			 .watches = job->watches};

	s.tell = s.transition.type != EVENT_NONE && s.watches != 0;
	if (s.transition.changed) {
		/* That it has ended says more than that it moved. */
		s.recovered = job->still.stalled && !phase_is_end(phase) && s.watches != 0;
		stillness_moved(&s.still, s.transition.changed, b->now_us,
				b->account->watched.total_ms);
	} else if (stalls(b, job, &s.still, snapshot)) {
		s.stalled = s.still.stalled = true;
	}
	return s;
}

/* How long it stood still, as of now. */
static struct event_stall stall_of(const struct observation *b, const struct job *job)
{
	return (struct event_stall){.still_ms =
					    stillness_ms(&job->still, b->account->watched.total_ms),
				    .moved_us = job->still.moved_us,
				    .moved = job->still.moved};
}

/* The event of a step that comes `ahead` events after the job's last one. */
static int add_job_event(struct observation *b, const struct job *job, const struct step *s,
			 enum event_type type, struct snapshot *snapshot, unsigned ahead)
{
	struct route_table table = config_routes(b->observer->config);
	bool of_stall = type == EVENT_JOB_STALLED || type == EVENT_JOB_RECOVERED;
	const struct event_stall stall = of_stall ? stall_of(b, job) : (struct event_stall){0};
	struct job_name name;
	struct event event = {.type = type,
			      .sequence = job->sequence + ahead,
			      .job = &name,
			      .attempt = s->attempt.number,
			      .changed = s->transition.changed,
			      .from = job->snapshot,
			      .to = snapshot,
			      .stall = of_stall ? &stall : NULL,
			      .suspend_state =
				      type == EVENT_JOB_PAUSED ? b->account->suspend_state : NULL};

	job_parse_name(job, &name);
	return add_event(b, &event, job->name,
			 route_job_event(&table, type, s->watches, override_chosen(job->override)));
}

static unsigned events_of(const struct step *s)
{
	return (unsigned)s->recovered + s->tell + s->stalled;
}

static int add_step(struct observation *b, struct job *job, struct snapshot *snapshot,
		    const struct step *s)
{
	const struct store_op op = {.type = STORE_JOB,
				    .job = {.endpoint = b->account->endpoint,
					    .name = job->name,
					    .snapshot = snapshot,
					    .attempt = s->attempt,
					    .sequence = job->sequence + events_of(s),
					    .phase_since_us = s->phase_since_us,
					    .still = s->still}};
	int r = commit_add(b->commit, &op);
	unsigned n = 0;

	if (r == 0 && s->recovered)
		r = add_job_event(b, job, s, EVENT_JOB_RECOVERED, snapshot, ++n);
	if (r == 0 && s->tell)
		r = add_job_event(b, job, s, s->transition.type, snapshot, ++n);
	if (r == 0 && s->stalled)
		r = add_job_event(b, job, s, EVENT_JOB_STALLED, snapshot, ++n);
	return r;
}

/* How long what is known of the account's suspension is good for, and answers the question why. */
#define SUSPEND_FRESH_MS MS_PER_MIN

/*
 * A job that has just been paused is told of with the reason, which the account knows: that is asked
 * first, and the job is seen again right after.
 */
static bool waits_for_reason(const struct observation *b, struct job *job,
			     const struct snapshot *snapshot)
{
	struct account *account = b->account;
	uint64_t now_ms = clock_boot_now_ms();

	if (snapshot_phase(snapshot) != PHASE_PAUSED || !job->snapshot ||
	    snapshot_phase(job->snapshot) == PHASE_PAUSED || !job->watches)
		return false;
	if (account->suspend_ms && now_ms - account->suspend_ms < SUSPEND_FRESH_MS)
		return false;
	/* However long ago, where requests are few. */
	if (job->why_ms && account->suspend_ms >= job->why_ms)
		return false;
	if (!job->why_ms)
		job->why_ms = now_ms;
	account->suspend_wanted = !account->suspend_asked;
	return true;
}

/* Takes the snapshot in, with its events, or leaves everything as it was. */
static int take_in(struct observation *b, struct job *job, struct snapshot *snapshot)
{
	struct mark before = mark(b);
	struct step s;
	int r;

	if (job->snapshot && snapshot_equal(job->snapshot, snapshot) &&
	    !stalls(b, job, &job->still, snapshot)) {
		job->why_ms = 0; /* it was paused for a moment */
		return 0;        /* as nearly always */
	}
	if (waits_for_reason(b, job, snapshot))
		return -EAGAIN;
	s = job->snapshot ? next_step(b, job, snapshot) : first_step(b, job, snapshot);
	r = add_step(b, job, snapshot, &s);
	if (r < 0) {
		rewind_to(b, before);
		return r;
	}
	b->any = true;
	job_set_snapshot(job, snapshot);
	job->attempt = s.attempt;
	job->phase_since_us = s.phase_since_us;
	job->still = s.still;
	job->sequence += events_of(&s);
	job->why_ms = 0;
	if (snapshot_phase(snapshot) == PHASE_UNKNOWN)
		note_unknown_state(b->observer, job, snapshot_text(snapshot, TEXT_STATE));
	return 0;
}

/* A later request was answered before this one, which shows the job as it was before. */
static bool is_overtaken(const struct job *job, uint32_t look)
{
	return (int32_t)(job->look - look) > 0;
}

/* The job, or NULL where no watch wants it; its watches are those of the snapshot. */
static int find_job(struct observation *b, uint32_t look, const struct job_name *name,
		    const struct snapshot *snapshot, struct job **ret)
{
	struct route_table table = config_routes(b->observer->config);
	const char *display_name = snapshot_text(snapshot, TEXT_DISPLAY_NAME);
	char full[NAME_JOB_MAX];
	struct job *job;
	int r;

	name_format_full(name, full);
	job = map_get(&b->account->jobs, full);
	if (!job) {
		*ret = NULL;
		if (!route_watches(&table, b->account->index, name->kind, display_name, 0))
			return 0;
		r = account_job(b->account, full, name->kind, &job);
		if (r < 0)
			return r;
	}
	*ret = job;
	if (is_overtaken(job, look))
		return -ESTALE;
	if (!job->snapshot ||
	    strcmp(snapshot_text(job->snapshot, TEXT_DISPLAY_NAME), display_name) != 0)
		job_set_watches(job, watches_of(&table, job, display_name));
	/* It would be known, and thus no news any more, when somebody watches it. */
	if (!job->snapshot && !job->watches)
		*ret = NULL;
	return 0;
}

static int take_sight(struct observation *b, uint32_t look, struct job *job,
		      struct snapshot *snapshot)
{
	uint64_t watched_ms = b->account->watched.total_ms;

	job->look = look;
	/* For so long it could not be seen, though others could. */
	if (job->snapshot && (job->last_error || job->missing > 0))
		stillness_skip(&job->still, watched_ms - job->seen_watched_ms);
	job->seen_watched_ms = watched_ms;
	job->last_seen_us = b->now_us;
	job->missing = 0;
	job->failed_at = 0;
	if (job->last_error)
		job_set_error(job, NULL);
	return take_in(b, job, snapshot);
}

int observation_same(struct observation *b, uint32_t look, struct job *job)
{
	return is_overtaken(job, look) ? -ESTALE : take_sight(b, look, job, job->snapshot);
}

int observation_job(struct observation *b, uint32_t look, const struct job_name *name,
		    struct snapshot *snapshot, struct job **ret_job)
{
	struct job *job = NULL;
	int r = find_job(b, look, name, snapshot, &job);

	*ret_job = job;
	if (r < 0 || !job)
		return r;
	return take_sight(b, look, job, snapshot);
}

int observation_gone(struct observation *b, struct job *job)
{
	_cleanup_snapshot_ struct snapshot *gone = NULL;
	int r = snapshot_new_gone(job->snapshot, &gone);

	return r < 0 ? r : take_in(b, job, gone);
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

int observation_watched(struct observation *b)
{
	struct account *account = b->account;
	const struct store_op op = {.type = STORE_WATCHED,
				    .watched = {.endpoint = account->endpoint,
						.account = account->id,
						.watched_ms = account->watched.total_ms}};
	int r;

	if (account->watched_kept_ms == account->watched.total_ms)
		return 0;
	r = commit_add(b->commit, &op);
	if (r < 0)
		return r;
	b->any = true;
	account->watched_kept_ms = account->watched.total_ms;
	return 0;
}

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
