/* Tries what is due and writes down what came of it. */
#include "daemon/sender.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/window.h"
#include "io/entropy.h"
#include "model/ready.h"
#include "model/schedule.h"

#define UNWRITTEN_MS MS_PER_MIN     /* until the next try, when there was no memory to write down */
#define NOT_NOTED_MS (5 * MS_PER_S) /* the same before a try */

static struct outlet *outlet_of(const struct lane *l)
{
	return container_of(l->lanes, struct outlet, lanes);
}

/* Runs over the deliveries that are under way. The body removes none. */
#define for_each_busy(l, v)                                                                        \
	for (struct delivery *v = lane_head(l), *v##_end = after_busy(l); v != v##_end;            \
	     v = after(v))

static struct delivery *after(const struct delivery *v)
{
	return container_of(v->in_lane.next, struct delivery, in_lane);
}

static struct delivery *after_busy(const struct lane *l)
{
	struct list *it = l->deliveries.next;

	for (size_t i = 0; i < l->n_busy; i++)
		it = it->next;
	return container_of(it, struct delivery, in_lane);
}

/* --- verdicts --- */

/* Nothing of the lane is under way any more, and its head is due in `wait_ms`. */
static void put_back(struct lane *l, uint64_t wait_ms)
{
	lane_head(l)->due_ms = clock_boot_now_ms() + wait_ms;
	l->n_busy = 0;
	lane_settle(l);
}

static void on_acknowledged(void *user, int r)
{
	struct lane *l = user;
	struct outlet *o = outlet_of(l);
	size_t n = l->n_busy, left = 0;
	struct list *it = l->deliveries.next, *next;

	l->n_busy = 0;
	if (r < 0) { /* closing: the deliveries stay as the store has them */
		o->owner->changed(o->owner);
		return;
	}
	for (; n > 0; it = next, n--) {
		struct delivery *v = container_of(it, struct delivery, in_lane);

		next = it->next;
		if (v->verdict == DELIVERY_PENDING) {
			/* One more, for the part of a millisecond that `now` leaves out: never too
			 * early. */
			v->due_ms = clock_boot_now_ms() + l->retry_in_ms + 1;
			v->due_us = clock_real_now_us() + (int64_t)l->retry_in_ms * US_PER_MS;
			left++;
		} else {
			lane_remove(l, v);
		}
	}
	window_replace_tried(o, l, left);
	lane_settle(l);
	o->owner->changed(o->owner);
}

/* Writes the verdicts on what is under way down; the lane goes on when they are durable. */
static void acknowledge(struct lane *l, uint64_t retry_in_ms, const char *text)
{
	struct outlet *o = outlet_of(l);
	struct commit *commit = NULL;
	int64_t due_us = clock_real_now_us() + (int64_t)retry_in_ms * US_PER_MS;
	int r = commit_new(o->owner->committer, &commit);

	for_each_busy(l, v)
	{
		const struct store_op op = {
			.type = STORE_VERDICT,
			.verdict = {.event_id = v->event->id,
				    .notifier = o->name,
				    .state = v->verdict,
				    .tries = v->tries,
				    .due_us = v->verdict == DELIVERY_PENDING ? due_us : 0,
				    .error = text},
		};

		if (r == 0)
			r = commit_add(commit, &op);
	}
	if (r < 0) {
		/* Not written down: it is tried again, which at-least-once allows. */
		commit_abandon(commit);
		put_back(l, MAX(retry_in_ms, UNWRITTEN_MS));
		return;
	}
	l->retry_in_ms = retry_in_ms;
	commit_submit(commit, on_acknowledged, l);
}

static void tell_test(const struct outlet *o, const struct delivery *v, enum verdict verdict,
		      const char *text)
{
	if (event_id_is_test(v->event->id) && o->owner->tested)
		o->owner->tested(o->owner->tested_user, v->event->id, verdict, text);
}

static void note_dead(struct outlet *o, struct delivery *v, const char *text)
{
	v->verdict = DELIVERY_DEAD;
	/* Who asked for it is told; it is no delivery that was lost. */
	if (event_id_is_test(v->event->id)) {
		log_info("notifier \"%s\": a test failed: %s", o->name, text);
		return;
	}
	o->dead++;
	log_warning("notifier \"%s\": %s of %s (%s) is given up at try %u: %s", o->name,
		    event_type_name(v->event->type), v->event->subject, v->event->id, v->tries,
		    text);
}

static void give_up(struct lane *l, const char *text)
{
	for_each_busy(l, v)
	{
		tell_test(outlet_of(l), v, VERDICT_DEAD, text);
		note_dead(outlet_of(l), v, text);
	}
	acknowledge(l, 0, text);
}

static void delivered(struct lane *l)
{
	for_each_busy(l, v)
	{
		tell_test(outlet_of(l), v, VERDICT_DELIVERED, "");
		v->verdict = DELIVERY_DELIVERED;
		if (!event_id_is_test(v->event->id))
			outlet_of(l)->delivered++;
	}
	acknowledge(l, 0, "");
}

static void log_retry(const struct lane *l, size_t n, uint64_t wait_ms, const char *text)
{
	const struct event_record *first = lane_head(l)->event;
	const char *name = outlet_of(l)->name;
	char span[CLOCK_SPAN_MAX];

	clock_format_span_ms(wait_ms, span);
	if (n == 1)
		log_info("notifier \"%s\": %s of %s (%s) is tried again in %s: %s", name,
			 event_type_name(first->type), first->subject, first->id, span, text);
	else
		log_info("notifier \"%s\": a digest of %zu events is tried again in %s: %s", name,
			 n, span, text);
}

/* All that are young enough for another try get it together; the others are given up. */
static void try_later(struct lane *l, uint64_t retry_after_ms, const char *text)
{
	struct outlet *o = outlet_of(l);
	int64_t now_us = clock_real_now_us();
	uint32_t chance = entropy_u32();
	uint64_t wait_ms = 0;
	size_t n = 0;

	for_each_busy(l, v)
	{
		int64_t age_us = MAX(now_us - v->created_us, 0);
		uint64_t own_ms;

		tell_test(o, v, VERDICT_RETRY, text);
		if (!event_id_is_test(v->event->id) &&
		    schedule_retry_ms(v->tries, (uint64_t)(age_us / US_PER_MS), retry_after_ms,
				      chance, &own_ms)) {
			v->verdict = DELIVERY_PENDING;
			wait_ms = n++ > 0 ? MIN(wait_ms, own_ms) : own_ms;
			o->retried++;
		} else {
			note_dead(o, v, text);
		}
	}
	if (n > 0)
		log_retry(l, n, wait_ms, text);
	acknowledge(l, wait_ms, text);
}

/* An old instance speaks of an old destination. */
static void switch_off(struct outlet *o, const struct instance *instance, const char *text)
{
	if (instance != o->instance || o->off)
		return;
	o->off = true;
	log_err("notifier \"%s\" is off until the next reload: %s", o->name, text);
}

static void end_call(struct lane *l)
{
	struct outlet *o = outlet_of(l);

	l->call = NULL;
	o->running--;
	o->owner->running--;
	instance_end_call(TAKE_PTR(l->instance));
}

static void on_verdict(void *user, const struct verdict_result *result)
{
	struct lane *l = user;
	struct outlet *o = outlet_of(l);

	if (result->verdict != VERDICT_DELIVERED && result->verdict != VERDICT_CANCELLED)
		snprintf(o->last_error, sizeof(o->last_error), "%s", result->text);
	switch (result->verdict) {
	case VERDICT_DELIVERED:
		delivered(l);
		break;
	case VERDICT_RETRY:
		try_later(l, result->retry_after_ms, result->text);
		break;
	case VERDICT_GONE:
		switch_off(o, l->instance, result->text);
		give_up(l, result->text);
		break;
	case VERDICT_DEAD:
		give_up(l, result->text);
		break;
	case VERDICT_CANCELLED:
		put_back(l, 0); /* stopping: it stays pending */
		break;
	}
	end_call(l);
	o->owner->changed(o->owner);
}

/* --- sending --- */

static void count_try(struct lane *l)
{
	for_each_busy(l, v) v->tries++;
}

static void start(struct lane *l)
{
	struct outlet *o = outlet_of(l);
	struct notifier_delivery d[DIGEST_MAX];
	size_t n = 0;
	int r;

	for_each_busy(l, v) d[n++] = (struct notifier_delivery){.event = v->event,
								.number = v->tries,
								.replaced = v->replaced,
								.model_ready = v->model_ready,
								.created_us = v->created_us};
	l->instance = o->instance;
	l->instance->calls++;
	o->owner->running++;
	r = notifier_deliver(&l->instance->notifier, d, n, on_verdict, l, &l->call);
	if (r < 0) {
		end_call(l);
		try_later(l, 0, strerror(-r));
	}
}

static void on_noted(void *user, int r)
{
	struct lane *l = user;
	struct outlet *o = outlet_of(l);

	count_try(l);
	if (r < 0 || o->owner->stopping || !outlet_is_open(o)) {
		/* It has not begun after all; the number that is skipped does no harm. */
		o->running--;
		put_back(l, 0);
	} else {
		start(l);
	}
	o->owner->changed(o->owner);
}

/* Writes down that a try begins; it does when that is durable. */
static void note_try(struct lane *l)
{
	struct outlet *o = outlet_of(l);
	struct commit *commit = NULL;
	int r = commit_new(o->owner->committer, &commit);

	for_each_busy(l, v)
	{
		const struct store_op op = {
			.type = STORE_ATTEMPT,
			.attempt = {.event_id = v->event->id,
				    .notifier = o->name,
				    .tries = v->tries + 1},
		};

		if (r == 0)
			r = commit_add(commit, &op);
	}
	if (r < 0) {
		commit_abandon(commit);
		o->running--;
		put_back(l, NOT_NOTED_MS);
		return;
	}
	commit_submit(commit, on_noted, l);
}

/* How many from the head go out together. */
static size_t batch(const struct outlet *o, const struct lane *l)
{
	size_t n = 1, bytes = lane_head(l)->event->len;

	if (outlet_digest_ms(o) == 0 || l->subject[0] != '\0')
		return 1;
	for (struct list *it = l->deliveries.next->next; it != &l->deliveries && n < DIGEST_MAX;
	     it = it->next, n++) {
		bytes += container_of(it, struct delivery, in_lane)->event->len;
		if (bytes > DIGEST_MAX_BYTES)
			break;
	}
	return n;
}

#define PAST_TEXT "given up: too old when the notifier came back"

static void give_up_past(struct lane *l)
{
	struct outlet *o = outlet_of(l);

	if (!o->told_past)
		log_warning("notifier \"%s\" is back: what is more than 72 hours older is given up",
			    o->name);
	o->told_past = true;
	lane_head(l)->verdict = DELIVERY_DEAD;
	if (!event_id_is_test(lane_head(l)->event->id))
		o->dead++;
	tell_test(o, lane_head(l), VERDICT_DEAD, PAST_TEXT);
	acknowledge(l, 0, PAST_TEXT);
}

/* What waited while the notifier was away; not what somebody asked for after its return. */
static bool is_past(const struct outlet *o, const struct delivery *v)
{
	/* A time to come is that of a clock that was set back since. */
	int64_t since_us = MIN(o->since_us, clock_real_now_us());

	return outbox_is_past(v->created_us, since_us) && v->due_us < since_us;
}

/* --- models --- */

static void on_decided(void *user, int r)
{
	struct lane *l = user;
	struct outlet *o = outlet_of(l);

	if (r < 0) /* closing: it is decided anew, nothing was sent */
		l->n_busy = 0;
	else
		put_back(l, 0);
	o->owner->changed(o->owner);
}

static void note_late(const struct outlet *o, const struct delivery *v, const char *why)
{
	log_warning("notifier \"%s\": %s of %s (%s) is delivered, though its output model is not "
		    "ready: %s",
		    o->name, event_type_name(v->event->type), v->event->subject, v->event->id, why);
}

static void on_gate(struct gate_wait *w, enum model_ready ready, const char *why)
{
	struct lane *l = lane_told(w);
	struct outlet *o = outlet_of(l);
	struct delivery *v = lane_head(l);
	const struct store_op op = {
		.type = STORE_MODEL,
		.model = {.event_id = v->event->id, .notifier = o->name, .ready = ready},
	};
	struct commit *commit = NULL;
	int r = commit_new(o->owner->committer, &commit);

	if (r == 0)
		r = commit_add(commit, &op);
	if (r < 0) {
		commit_abandon(commit);
		put_back(l, NOT_NOTED_MS);
		return;
	}
	v->model_ready = ready;
	if (ready == MODEL_LATE)
		note_late(o, v, why);
	commit_submit(commit, on_decided, l);
}

static bool wants_model(const struct outlet *o, const struct delivery *v)
{
	/* What was tried before says what it said then. */
	return outlet_model_wait_ms(o) > 0 && ready_concerns(v->event->type) && v->tries == 0 &&
	       v->model_ready == MODEL_UNASKED && !event_id_is_test(v->event->id);
}

/* Whether the head is held: it waits for its model from now on. */
static bool hold(struct lane *l, uint64_t now_ms)
{
	struct outlet *o = outlet_of(l);
	struct delivery *v = lane_head(l);
	uint64_t limit_ms = v->hurried ? 0 : outlet_model_wait_ms(o);
	int r;

	if (!wants_model(o, v))
		return false;
	r = lane_hold(l, o->owner->gate, limit_ms, now_ms, on_gate);
	if (r < 0)
		put_back(l, NOT_NOTED_MS);
	else if (r == GATE_SHUT)
		log_info("notifier \"%s\": %s of %s (%s) waits for its output model", o->name,
			 event_type_name(v->event->type), v->event->subject, v->event->id);
	return r != GATE_NOTHING;
}

static void try_head(struct lane *l, uint64_t now_ms)
{
	struct outlet *o = outlet_of(l);

	lane_stop_waiting(l);
	l->n_busy = 1;
	if (is_past(o, lane_head(l))) {
		give_up_past(l);
		return;
	}
	if (hold(l, now_ms))
		return;
	l->n_busy = batch(o, l);
	o->running++;
	if (o->instance->notifier.info->counts_starts) {
		note_try(l);
	} else {
		count_try(l);
		start(l);
	}
}

void sender_pump(struct outlet *o, uint64_t now_ms)
{
	struct lane *l;

	if (!outlet_is_open(o))
		return;
	while (o->running < notifier_max_parallel(&o->instance->notifier) &&
	       (l = lanes_first(&o->lanes)) && l->due.due <= now_ms)
		try_head(l, now_ms);
}

uint64_t sender_due_ms(const struct outlet *o)
{
	const struct lane *first = lanes_first(&o->lanes);

	if (!first || !outlet_is_open(o) ||
	    o->running >= notifier_max_parallel(&o->instance->notifier))
		return UINT64_MAX;
	return first->due.due;
}

static bool is_meant(const struct notifier_type_info *info, enum sender_calls calls)
{
	switch (calls) {
	case SENDER_WAITING:
		return info->waits;
	case SENDER_NEEDLESS:
		return info->waits || info->goes_on;
	case SENDER_ALL:
		break;
	}
	return true;
}

void sender_cancel(struct outlet *o, enum sender_calls calls)
{
	map_for_each (&o->lanes.by_subject, struct lane, l)
		if (l->call && is_meant(l->instance->notifier.info, calls))
			notifier_cancel(&l->instance->notifier, TAKE_PTR(l->call));
}
