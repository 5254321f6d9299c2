/* The outbox: what is sent when, verdicts, retries. */
#include "daemon/dispatcher.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "daemon/lane.h"
#include "io/alarm.h"
#include "io/entropy.h"
#include "io/http.h"
#include "io/journal.h"
#include "model/schedule.h"

/* A notifier made from one configuration; lives until it is replaced and its last call is over. */
struct instance {
	struct notifier *notifier;
	struct config *config; /* a reference: the notifier looks into it */
	unsigned calls;
	bool retired;
};

struct outlet {
	struct dispatcher *dispatcher;
	struct instance *instance; /* NULL: not in the configuration */
	struct lanes lanes;
	bool off; /* by a 410, until the next reload */
	unsigned running;
	uint64_t delivered, retried, dead;
	char last_error[STORE_ERROR_MAX];
	char name[STORE_NOTIFIER_MAX];
};

struct dispatcher {
	uv_loop_t *loop;
	struct committer *committer;
	struct http *http;
	struct journal *journal;
	struct alarm *alarm;
	struct notifier_env env;
	struct map outlets;      /* by name */
	struct outlet **current; /* of the present configuration, by index */
	size_t n_current;
	bool started, stopping;
	unsigned running; /* calls under way */
	uint64_t alarm_ms;
	uint64_t grace_until_ms;
	void (*stopped)(void *user);
	void *stopped_user;
	void (*closed)(void *user);
	void *closed_user;
};

static void pump(struct dispatcher *d);

static const char *outlet_key(const void *value)
{
	return ((const struct outlet *)value)->name;
}

static struct outlet *outlet_of(const struct lane *l)
{
	return container_of(l->lanes, struct outlet, lanes);
}

/* --- instances --- */

static void instance_free(struct instance *i)
{
	notifier_free(i->notifier);
	config_unref(i->config);
	free(i);
}

static void instance_retire(struct instance *i)
{
	if (!i)
		return;
	i->retired = true;
	if (i->calls == 0)
		instance_free(i);
}

static int instance_new(struct dispatcher *d, struct config *config, size_t index,
			struct instance **ret, struct error *ret_e)
{
	struct instance *i = calloc(1, sizeof(*i));
	int r;

	if (!i)
		return -ENOMEM;
	r = notifier_new(&d->env, &config->notifiers[index], &i->notifier, ret_e);
	if (r < 0) {
		free(i);
		return r;
	}
	i->config = config_ref(config);
	*ret = i;
	return 0;
}

static void wait_for_head(struct lane *l)
{
	if (lane_wait(l) < 0)
		log_err("out of memory: deliveries to \"%s\" of %s wait for a restart",
			outlet_of(l)->name, l->subject);
}

/* --- verdicts --- */

static void on_acknowledged(void *user, int r)
{
	struct lane *l = user;
	struct dispatcher *d = outlet_of(l)->dispatcher;
	struct delivery *head = lane_head(l);

	if (r < 0) { /* closing: the delivery stays as the store has it */
		l->verdict = DELIVERY_STATE_COUNT_;
		pump(d);
		return;
	}
	if (l->verdict == DELIVERY_PENDING) {
		head->tries++;
		/* One more, for the part of a millisecond that `now` leaves out: never too early. */
		head->due_ms = clock_boot_now_ms() + l->retry_in_ms + 1;
	} else {
		lane_remove(l, head);
	}
	l->verdict = DELIVERY_STATE_COUNT_;
	if (list_empty(&l->deliveries))
		lane_free(l);
	else
		wait_for_head(l);
	pump(d);
}

/* Writes the verdict on the lane's head down; the lane goes on when that is durable. */
static void acknowledge(struct lane *l, enum delivery_state state, uint64_t retry_in_ms,
			const char *text)
{
	struct dispatcher *d = outlet_of(l)->dispatcher;
	struct delivery *head = lane_head(l);
	struct commit *commit = NULL;
	int64_t due_us = clock_real_now_us() + (int64_t)retry_in_ms * US_PER_MS;
	const struct store_op op = {.type = STORE_VERDICT,
				    .verdict = {.event_id = head->event->id,
						.notifier = outlet_of(l)->name,
						.state = state,
						.tries = head->tries + 1,
						.due_us = state == DELIVERY_PENDING ? due_us : 0,
						.error = text}};
	int r = commit_new(d->committer, &commit);

	if (r == 0)
		r = commit_add(commit, &op);
	if (r < 0) {
		/* Not written down: it is tried again, which at-least-once allows. */
		commit_abandon(commit);
		head->due_ms = clock_boot_now_ms() + MAX(retry_in_ms, MS_PER_MIN);
		wait_for_head(l);
		return;
	}
	l->verdict = state;
	l->retry_in_ms = retry_in_ms;
	commit_submit(commit, on_acknowledged, l);
}

static void give_up(struct lane *l, const char *text)
{
	struct outlet *o = outlet_of(l);
	const struct event_record *event = lane_head(l)->event;

	o->dead++;
	log_warning("notifier \"%s\": %s of %s (%s) is given up at try %u: %s", o->name,
		    event_type_name(event->type), event->subject, event->id,
		    lane_head(l)->tries + 1, text);
	acknowledge(l, DELIVERY_DEAD, 0, text);
}

static void try_later(struct lane *l, uint64_t retry_after_ms, const char *text)
{
	struct outlet *o = outlet_of(l);
	struct delivery *head = lane_head(l);
	int64_t age_us = clock_real_now_us() - head->created_us;
	char span[CLOCK_SPAN_MAX];
	uint64_t wait_ms;

	if (!schedule_retry_ms(head->tries + 1, age_us > 0 ? (uint64_t)(age_us / US_PER_MS) : 0,
			       retry_after_ms, entropy_u32(), &wait_ms)) {
		give_up(l, text);
		return;
	}
	o->retried++;
	clock_format_span_ms(wait_ms, span);
	log_info("notifier \"%s\": %s of %s (%s) is tried again in %s: %s", o->name,
		 event_type_name(head->event->type), head->event->subject, head->event->id, span,
		 text);
	acknowledge(l, DELIVERY_PENDING, wait_ms, text);
}

static void on_verdict(void *user, const struct verdict_result *result)
{
	struct lane *l = user;
	struct outlet *o = outlet_of(l);
	struct dispatcher *d = o->dispatcher;
	struct instance *instance = TAKE_PTR(l->instance);

	l->call = NULL;
	o->running--;
	d->running--;
	if (result->verdict != VERDICT_DELIVERED && result->verdict != VERDICT_CANCELLED)
		snprintf(o->last_error, sizeof(o->last_error), "%s", result->text);
	switch (result->verdict) {
	case VERDICT_DELIVERED:
		o->delivered++;
		acknowledge(l, DELIVERY_DELIVERED, 0, "");
		break;
	case VERDICT_RETRY:
		try_later(l, result->retry_after_ms, result->text);
		break;
	case VERDICT_GONE:
		/* An old instance speaks of an old destination. */
		if (instance == o->instance && !o->off) {
			o->off = true;
			log_err("notifier \"%s\" is off until the next reload: %s", o->name,
				result->text);
		}
		give_up(l, result->text);
		break;
	case VERDICT_DEAD:
		give_up(l, result->text);
		break;
	case VERDICT_CANCELLED:
		wait_for_head(l); /* stopping: it stays pending */
		break;
	}
	instance->calls--;
	if (instance->retired && instance->calls == 0)
		instance_free(instance);
	pump(d);
}

/* --- sending --- */

static void lane_send(struct lane *l)
{
	struct outlet *o = outlet_of(l);
	struct dispatcher *d = o->dispatcher;
	struct delivery *head = lane_head(l);
	struct notifier_delivery delivery = {.event = head->event, .number = head->tries + 1};
	int r;

	l->instance = o->instance;
	l->instance->calls++;
	o->running++;
	d->running++;
	r = notifier_deliver(o->instance->notifier, &delivery, 1, on_verdict, l, &l->call);
	if (r < 0) {
		l->instance->calls--;
		l->instance = NULL;
		o->running--;
		d->running--;
		try_later(l, 0, strerror(-r));
	}
}

static void outlet_pump(struct outlet *o, uint64_t now_ms)
{
	struct lane *l;

	if (!o->instance || o->off)
		return;
	while (o->running < notifier_max_parallel(o->instance->notifier) &&
	       (l = lanes_first(&o->lanes)) && l->due.due <= now_ms) {
		lane_stop_waiting(l);
		lane_send(l);
	}
}

/* When the outlet can send next because of time alone; UINT64_MAX for not. */
static uint64_t outlet_due_ms(const struct outlet *o)
{
	const struct lane *first = lanes_first(&o->lanes);

	if (!first || !o->instance || o->off ||
	    o->running >= notifier_max_parallel(o->instance->notifier))
		return UINT64_MAX;
	return first->due.due;
}

static void stop_when_idle(struct dispatcher *d, uint64_t now_ms)
{
	/* Verdicts that are being written down are the committer's, also when the store hangs. */
	if (d->running == 0 && d->stopped) {
		void (*stopped)(void *user) = TAKE_PTR(d->stopped);

		alarm_set(d->alarm, UINT64_MAX);
		stopped(d->stopped_user);
		return;
	}
	if (now_ms < d->grace_until_ms) {
		alarm_set(d->alarm, d->grace_until_ms);
		return;
	}
	map_for_each (&d->outlets, struct outlet, o)
		map_for_each (&o->lanes.by_subject, struct lane, l)
			if (l->call)
				notifier_cancel(l->instance->notifier, TAKE_PTR(l->call));
}

static void pump(struct dispatcher *d)
{
	uint64_t now_ms = clock_boot_now_ms(), next_ms = UINT64_MAX;

	if (d->stopping) {
		stop_when_idle(d, now_ms);
		return;
	}
	if (!d->started)
		return;
	map_for_each (&d->outlets, struct outlet, o) {
		outlet_pump(o, now_ms);
		next_ms = MIN(next_ms, outlet_due_ms(o));
	}
	d->alarm_ms = next_ms;
	alarm_set(d->alarm, next_ms);
}

static void on_alarm(void *user)
{
	pump(user);
}

/* --- what comes in --- */

static int enqueue(struct outlet *o, struct event_record *event, unsigned tries, int64_t created_us,
		   uint64_t due_ms, struct lane **ret)
{
	int r = lanes_push(&o->lanes, event, tries, created_us, due_ms, ret);

	if (r == 0 && !lane_is_busy(*ret))
		wait_for_head(*ret);
	return r;
}

/* The newer event is in the lane already. On failure it is sent as well, no harm done. */
static void skip(struct lane *l, struct delivery *v)
{
	const struct store_op op = {.type = STORE_VERDICT,
				    .verdict = {.event_id = v->event->id,
						.notifier = outlet_of(l)->name,
						.state = DELIVERY_SKIPPED,
						.tries = v->tries,
						.error = "replaced by newer progress"}};
	struct commit *commit = NULL;

	if (commit_new(outlet_of(l)->dispatcher->committer, &commit) < 0)
		return;
	if (commit_add(commit, &op) < 0) {
		commit_abandon(commit);
		return;
	}
	commit_submit(commit, NULL, NULL);
	lane_remove(l, v);
}

/* Progress that waits is replaced by newer progress, which is the last in the lane. */
static void skip_stale_progress(struct lane *l)
{
	const struct delivery *head = lane_head(l);
	bool busy = lane_is_busy(l);

	list_for_each_safe (it, &l->deliveries) {
		struct delivery *v = container_of(it, struct delivery, in_lane);

		if (v->event->type == EVENT_JOB_PROGRESS && it != l->deliveries.prev &&
		    !(busy && v == head))
			skip(l, v);
	}
	if (!busy)
		wait_for_head(l);
}

int dispatcher_add(struct dispatcher *d, struct outlet *o, struct event_record *event)
{
	struct lane *l;
	int r = enqueue(o, event, 0, event->time_us, clock_boot_now_ms(), &l);

	if (r < 0)
		return r;
	if (event->type == EVENT_JOB_PROGRESS)
		skip_stale_progress(l);
	pump(d);
	return 0;
}

/* Outlets are made for configured notifiers, and for names that the store still has deliveries for. */
static int get_outlet(struct dispatcher *d, const char *name, struct outlet **ret)
{
	struct outlet *o = map_get(&d->outlets, name);
	int r;

	if (!o) {
		o = calloc(1, sizeof(*o));
		if (!o)
			return -ENOMEM;
		o->dispatcher = d;
		lanes_init(&o->lanes);
		snprintf(o->name, sizeof(o->name), "%s", name);
		r = map_add(&d->outlets, o);
		if (r < 0) {
			free(o);
			return r;
		}
	}
	*ret = o;
	return 0;
}

int dispatcher_restore(struct dispatcher *d, const char *notifier, struct event_record *event,
		       unsigned tries, int64_t created_us, int64_t due_us)
{
	int64_t wait_us = due_us - clock_real_now_us();
	uint64_t due_ms = clock_boot_now_ms();
	struct outlet *o;
	struct lane *l;
	int r;

	/* A wall clock that was set back must not hold a delivery longer than the schedule would. */
	if (wait_us > 0)
		due_ms += MIN((uint64_t)(wait_us / US_PER_MS), 2 * MS_PER_H);
	r = get_outlet(d, notifier, &o);
	if (r < 0)
		return r;
	return enqueue(o, event, tries, created_us, due_ms, &l);
}

/* --- life --- */

static void on_log(void *user _unused_, enum log_level level, const char *line)
{
	log_msg(level, "%s", line);
}

static void on_unused_http_closed(void *user)
{
	free(user);
}

int dispatcher_new(uv_loop_t *loop, struct committer *committer, struct dispatcher **ret,
		   struct error *ret_e)
{
	static const struct http_options options = {.max_connections_per_host = 4,
						    .max_connections = 64,
						    .user_agent = "tunewatch/" PACKAGE_VERSION};
	struct dispatcher *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->loop = loop;
	d->committer = committer;
	d->alarm_ms = UINT64_MAX;
	map_init(&d->outlets, outlet_key);
	r = alarm_new(loop, on_alarm, d, &d->alarm);
	if (r < 0) {
		free(d);
		return error_set(ret_e, r, "no timer for deliveries: %s", strerror(-r));
	}
	r = http_new(loop, &options, &d->http, ret_e);
	if (r < 0) {
		alarm_close(d->alarm);
		free(d);
		return r;
	}
	r = journal_new(loop, system_log_write, &d->journal);
	if (r < 0) {
		alarm_close(d->alarm);
		http_close(d->http, on_unused_http_closed, d);
		return r;
	}
	d->env = (struct notifier_env){.loop = loop,
				       .http = d->http,
				       .journal = d->journal,
				       .log = on_log};
	*ret = d;
	return 0;
}

static void instances_free(struct instance **instances, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (instances[i])
			instance_free(instances[i]);
	free(instances);
}

int dispatcher_configure(struct dispatcher *d, struct config *config, struct error *ret_e)
{
	size_t n = config->n_notifiers;
	struct instance **instances = calloc(n + 1, sizeof(struct instance *));
	_cleanup_free_ struct outlet **outlets = calloc(n + 1, sizeof(struct outlet *));
	int r = instances && outlets ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && r == 0; i++) {
		r = get_outlet(d, config->notifiers[i].name, &outlets[i]);
		if (r == 0)
			r = instance_new(d, config, i, &instances[i], ret_e);
	}
	if (r < 0) {
		if (instances)
			instances_free(instances, n);
		return r;
	}
	map_for_each (&d->outlets, struct outlet, o)
		instance_retire(TAKE_PTR(o->instance));
	for (size_t i = 0; i < n; i++) {
		outlets[i]->instance = instances[i];
		outlets[i]->off = false;
	}
	free(instances);
	map_for_each (&d->outlets, struct outlet, o)
		if (!o->instance && o->lanes.pending > 0)
			log_warning(
				"%zu deliveries wait for the notifier \"%s\", which is not in the "
				"configuration",
				o->lanes.pending, o->name);
	free(d->current);
	d->current = TAKE_PTR(outlets);
	d->n_current = n;
	pump(d);
	return 0;
}

struct outlet *dispatcher_outlet(struct dispatcher *d, size_t i)
{
	return i < d->n_current && !d->current[i]->off ? d->current[i] : NULL;
}

const char *outlet_name(const struct outlet *o)
{
	return o->name;
}

void dispatcher_start(struct dispatcher *d)
{
	d->started = true;
	pump(d);
}

void dispatcher_stop(struct dispatcher *d, uint64_t grace_ms, void (*stopped)(void *user),
		     void *user)
{
	d->stopping = true;
	d->stopped = stopped;
	d->stopped_user = user;
	d->grace_until_ms = clock_boot_now_ms() + grace_ms;
	/* From the alarm, so that `stopped` never comes inside this call. */
	alarm_set(d->alarm, d->running > 0 ? d->grace_until_ms : 0);
}

static void on_journal_closed(void *user)
{
	struct dispatcher *d = user;

	map_for_each (&d->outlets, struct outlet, o) {
		lanes_done(&o->lanes);
		instance_retire(o->instance);
		free(o);
	}
	map_done(&d->outlets);
	free(d->current);
	d->closed(d->closed_user);
	free(d);
}

static void on_http_closed(void *user)
{
	struct dispatcher *d = user;

	journal_close(d->journal, on_journal_closed, d);
}

void dispatcher_close(struct dispatcher *d, void (*closed)(void *user), void *user)
{
	d->closed = closed;
	d->closed_user = user;
	d->alarm = alarm_close(d->alarm);
	http_close(d->http, on_http_closed, d);
}

/* --- for the control socket --- */

static struct notifier_view view(const struct outlet *o)
{
	return (struct notifier_view){
		.name = o->name,
		.type = o->instance ? o->instance->notifier->info->name : "",
		.off = o->off || !o->instance,
		.pending = o->lanes.pending,
		.running = o->running,
		.delivered = o->delivered,
		.retried = o->retried,
		.dead = o->dead,
		.last_error = o->last_error,
	};
}

size_t dispatcher_views(const struct dispatcher *d, struct notifier_view *ret, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n_current; i++, n++)
		if (n < max)
			ret[n] = view(d->current[i]);
	map_for_each (&d->outlets, struct outlet, o) {
		if (o->instance || o->lanes.pending == 0)
			continue;
		if (n < max)
			ret[n] = view(o);
		n++;
	}
	return n;
}

uint64_t dispatcher_overdue_ms(const struct dispatcher *d, uint64_t now_ms)
{
	return d->alarm_ms < now_ms ? now_ms - d->alarm_ms : 0;
}
