/* The outbox: its outlets, their configuration, start and stop. */
#include "daemon/dispatcher.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "daemon/outlet.h"
#include "daemon/sender.h"
#include "daemon/window.h"
#include "io/alarm.h"
#include "notify/env.h"

#define OUTLET_WINDOW 1000 /* deliveries in memory, some kilobytes each at most */

struct dispatcher {
	struct outlet_owner owner;
	struct alarm *alarm;
	struct notifier_env env;
	struct map outlets;      /* by name */
	struct outlet **current; /* of the present configuration, by index */
	size_t n_current;
	uint64_t alarm_ms;
	uint64_t grace_until_ms;
	void (*stopped)(void *user);
	void *stopped_user;
	void (*closed)(void *user);
	void *closed_user;
};

static const char *outlet_key(const void *value)
{
	return ((const struct outlet *)value)->name;
}

static void stop_when_idle(struct dispatcher *d, uint64_t now_ms)
{
	/* Verdicts that are being written down are the committer's, also when the store hangs. */
	if (d->owner.running == 0 && d->stopped) {
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
		sender_cancel(o, SENDER_ALL);
}

static void pump(struct dispatcher *d)
{
	uint64_t now_ms = clock_boot_now_ms(), next_ms = UINT64_MAX;

	if (d->owner.stopping) {
		stop_when_idle(d, now_ms);
		return;
	}
	if (!d->owner.started)
		return;
	gate_pump(d->owner.gate, now_ms);
	map_for_each (&d->outlets, struct outlet, o) {
		outlet_ease(o);
		sender_pump(o, now_ms);
		window_fill(o, now_ms);
		next_ms = MIN(next_ms, MIN(sender_due_ms(o), window_due_ms(o)));
	}
	/* After the outlets, which bring it new ones. */
	next_ms = MIN(next_ms, gate_due_ms(d->owner.gate));
	d->alarm_ms = next_ms;
	alarm_set(d->alarm, next_ms);
}

static void on_changed(struct outlet_owner *owner)
{
	pump(container_of(owner, struct dispatcher, owner));
}

static void on_alarm(void *user)
{
	pump(user);
}

static void on_model(void *user)
{
	pump(user);
}

/* --- outlets --- */

/* Made for configured notifiers, and for those that the store knows. */
static int get_outlet(struct dispatcher *d, const char *name, struct outlet **ret)
{
	struct outlet *o = map_get(&d->outlets, name);
	int r;

	if (!o) {
		r = outlet_new(&d->owner, name, &o);
		if (r < 0)
			return r;
		r = map_add(&d->outlets, o);
		if (r < 0) {
			outlet_free(o);
			return r;
		}
	}
	*ret = o;
	return 0;
}

int dispatcher_restore(struct dispatcher *d, const struct store_notifier *notifier,
		       uint64_t pending, int64_t oldest_us)
{
	struct outlet *o;
	int r = get_outlet(d, notifier->name, &o);

	if (r < 0)
		return r;
	o->known = true;
	o->since_us = notifier->since_us;
	o->removed_us = notifier->removed_us;
	window_restore(o, pending, oldest_us);
	return 0;
}

struct outlet *dispatcher_outlet(struct dispatcher *d, size_t i)
{
	return d->current[i];
}

void dispatcher_add(struct dispatcher *d, struct outlet *o, struct event_record *event)
{
	window_take(o, event);
	pump(d);
}

bool dispatcher_knows(const struct dispatcher *d, const char *name)
{
	const struct outlet *o = map_get(&d->outlets, name);

	return o && o->instance;
}

bool dispatcher_has_off(const struct dispatcher *d, const char *name)
{
	const struct outlet *o = map_get(&d->outlets, name);

	return o && o->off;
}

size_t dispatcher_closed(const struct dispatcher *d, const char **ret, size_t max)
{
	size_t n = 0;

	map_for_each (&d->outlets, const struct outlet, o)
		if (n < max && !outlet_is_open(o))
			ret[n++] = o->name;
	return n;
}

void dispatcher_add_again(struct dispatcher *d, const char *notifier,
			  const struct store_delivery *delivery)
{
	struct outlet *o = map_get(&d->outlets, notifier);

	if (!o)
		return;
	window_take_again(o, delivery);
	pump(d);
}

void dispatcher_hurry(struct dispatcher *d, const char *notifier, uint64_t number)
{
	struct outlet *o = map_get(&d->outlets, notifier);

	if (!o)
		return;
	window_hurry(o, number);
	pump(d);
}

/* --- tests --- */

int dispatcher_test(struct dispatcher *d, const char *notifier, struct event_record *event)
{
	struct outlet *o = map_get(&d->outlets, notifier);
	int r;

	if (!o || !o->instance)
		return -ENOENT;
	r = window_take_test(o, event);
	if (r == 0)
		pump(d);
	return r;
}

void dispatcher_on_tested(struct dispatcher *d, dispatcher_tested_fn fn, void *user)
{
	d->owner.tested = fn;
	d->owner.tested_user = user;
}

/* --- models --- */

void dispatcher_ask_with(struct dispatcher *d, struct accounts *accounts, gate_ask_fn ask,
			 struct poller *poller)
{
	gate_ask_with(d->owner.gate, accounts, ask, poller);
	pump(d);
}

int dispatcher_held_cmp(const void *a, const void *b)
{
	const struct dispatcher_held *x = a, *y = b;
	int r = strcmp(x->event_id, y->event_id);

	return r ? r : strcmp(x->notifier, y->notifier);
}

static size_t count_held(const struct dispatcher *d)
{
	size_t n = 0;

	map_for_each (&d->outlets, const struct outlet, o)
		map_for_each (&o->lanes.by_subject, const struct lane, l)
			n += gate_is_waiting(&l->wait);
	return n;
}

int dispatcher_held(const struct dispatcher *d, struct dispatcher_held **ret, size_t *ret_n)
{
	struct dispatcher_held *held = calloc(count_held(d) + 1, sizeof(*held));
	size_t n = 0;

	if (!held)
		return -ENOMEM;
	map_for_each (&d->outlets, const struct outlet, o)
		map_for_each (&o->lanes.by_subject, const struct lane, l) {
			if (!gate_is_waiting(&l->wait))
				continue;
			memcpy(held[n].event_id, lane_head(l)->event->id, EVENT_ID_MAX);
			held[n++].notifier = o->name;
		}
	qsort(held, n, sizeof(*held), dispatcher_held_cmp);
	*ret = held;
	*ret_n = n;
	return 0;
}

/* --- the configuration --- */

/* Whether a notifier comes or goes with the next configuration, and what is then known of it. */
static bool is_changing(const struct outlet *o, int64_t now_us, struct store_notifier *ret)
{
	bool there = o->known && o->removed_us == 0;

	*ret = (struct store_notifier){.name = o->name,
				       .since_us = o->next ? now_us : o->since_us,
				       .removed_us = o->next ? 0 : now_us};
	return o->next ? !there : there;
}

static int note_changes(struct dispatcher *d, int64_t now_us, struct commit *commit)
{
	map_for_each (&d->outlets, struct outlet, o) {
		struct store_op op = {.type = STORE_NOTIFIER};
		int r = is_changing(o, now_us, &op.notifier) ? commit_add(commit, &op) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* Makes the notifiers of the configuration, as the outlets' next ones. */
static int prepare(struct dispatcher *d, struct config *config, struct outlet **outlets)
{
	for (size_t i = 0; i < config->n_notifiers; i++) {
		int r = get_outlet(d, config->notifiers[i].name, &outlets[i]);

		if (r == 0)
			r = instance_new(&d->env, config, i, &outlets[i]->next);
		if (r < 0)
			return r;
	}
	return 0;
}

static void switch_over(struct outlet *o, int64_t now_us)
{
	struct store_notifier known;

	if (is_changing(o, now_us, &known)) {
		o->known = true;
		o->since_us = known.since_us;
		o->removed_us = known.removed_us;
		o->told_past = false;
		if (!o->next && outlet_waiting(o) > 0)
			log_warning(
				"notifier \"%s\" is no longer in the configuration: %zu %s until "
				"it is again",
				o->name, outlet_waiting(o),
				outlet_waiting(o) == 1 ? "delivery waits" : "deliveries wait");
	}
	outlet_reopen(o);
	sender_cancel(o, SENDER_WAITING);
	instance_retire(o->instance);
	o->instance = TAKE_PTR(o->next);
	/* By the new configuration it may wait for a shorter time, or not at all. */
	map_for_each (&o->lanes.by_subject, struct lane, l)
		lane_let_go(l);
	if (o->instance)
		window_hasten(o);
}

int dispatcher_configure(struct dispatcher *d, struct config *config)
{
	_cleanup_free_ struct outlet **outlets = calloc(config->n_notifiers + 1, sizeof(*outlets));
	struct commit *commit = NULL;
	int64_t now_us = clock_real_now_us();
	int r = outlets ? commit_new(d->owner.committer, &commit) : -ENOMEM;

	if (r == 0)
		r = prepare(d, config, outlets);
	if (r == 0)
		r = note_changes(d, now_us, commit);
	if (r < 0) {
		commit_abandon(commit);
		map_for_each (&d->outlets, struct outlet, o)
			instance_retire(TAKE_PTR(o->next));
		return r;
	}
	map_for_each (&d->outlets, struct outlet, o)
		switch_over(o, now_us);
	if (commit_size(commit) > 0)
		commit_submit(commit, NULL, NULL);
	else
		commit_abandon(commit);
	free(d->current);
	d->current = TAKE_PTR(outlets);
	d->n_current = config->n_notifiers;
	pump(d);
	return 0;
}

/* --- life --- */

static void on_log(void *user _unused_, enum log_level level, const char *line)
{
	log_msg(level, "%s", line);
}

static void dispatcher_free(void *user)
{
	struct dispatcher *d = user;

	gate_free(d->owner.gate);
	free(d);
}

int dispatcher_new(uv_loop_t *loop, struct committer *committer, const struct config *config,
		   struct dispatcher **ret, struct error *ret_e)
{
	struct dispatcher *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->owner = (struct outlet_owner){.committer = committer,
					 .window = OUTLET_WINDOW,
					 .changed = on_changed};
	d->alarm_ms = UINT64_MAX;
	map_init(&d->outlets, outlet_key);
	r = gate_new(on_model, d, &d->owner.gate);
	if (r < 0) {
		free(d);
		return r;
	}
	r = alarm_new(loop, on_alarm, d, &d->alarm);
	if (r < 0) {
		dispatcher_free(d);
		return error_set(ret_e, r, "no timer for deliveries: %s", strerror(-r));
	}
	r = notifier_env_init(&d->env, loop, config, ret_e);
	if (r < 0) {
		alarm_close(d->alarm);
		notifier_env_close(&d->env, dispatcher_free, d);
		return r;
	}
	d->env.log = on_log;
	*ret = d;
	return 0;
}

void dispatcher_start(struct dispatcher *d)
{
	d->owner.started = true;
	pump(d);
}

void dispatcher_stop(struct dispatcher *d, uint64_t grace_ms, void (*stopped)(void *user),
		     void *user)
{
	d->owner.stopping = true;
	d->stopped = stopped;
	d->stopped_user = user;
	d->grace_until_ms = clock_boot_now_ms() + grace_ms;
	map_for_each (&d->outlets, struct outlet, o)
		sender_cancel(o, SENDER_NEEDLESS);
	/* From the alarm, so that `stopped` never comes inside this call. */
	alarm_set(d->alarm, d->owner.running > 0 ? d->grace_until_ms : 0);
}

static void on_env_closed(void *user)
{
	struct dispatcher *d = user;

	map_for_each (&d->outlets, struct outlet, o)
		outlet_free(o);
	map_done(&d->outlets);
	free(d->current);
	d->closed(d->closed_user);
	dispatcher_free(d);
}

void dispatcher_close(struct dispatcher *d, void (*closed)(void *user), void *user)
{
	d->closed = closed;
	d->closed_user = user;
	d->alarm = alarm_close(d->alarm);
	notifier_env_close(&d->env, on_env_closed, d);
}

/* --- for the control socket --- */

size_t dispatcher_views(const struct dispatcher *d, struct notifier_view *ret, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n_current; i++, n++)
		if (n < max)
			ret[n] = outlet_view(d->current[i]);
	map_for_each (&d->outlets, struct outlet, o) {
		if (o->instance || outlet_waiting(o) == 0)
			continue;
		if (n < max)
			ret[n] = outlet_view(o);
		n++;
	}
	return n;
}

int64_t dispatcher_oldest_us(const struct dispatcher *d, const char *notifier)
{
	const struct outlet *o = map_get(&d->outlets, notifier);

	return o ? outlet_oldest_us(o) : 0;
}

uint64_t dispatcher_overdue_ms(const struct dispatcher *d, uint64_t now_ms)
{
	return d->alarm_ms < now_ms ? now_ms - d->alarm_ms : 0;
}
