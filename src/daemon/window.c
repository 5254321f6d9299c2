/* How much of what waits for an outlet is in memory. */
#include "daemon/window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define READ_AGAIN_MS (5 * MS_PER_S)
#define UNREAD_MAX    10000          /* subjects whose last progress in the store is known */
#define DUE_MAX_MS    (2 * MS_PER_H) /* more than the longest wait of the schedule */

/* The last progress of a subject that is in the store only. */
struct unread {
	char id[EVENT_ID_MAX];
	char subject[];
};

static const char *unread_key(const void *value)
{
	return ((const struct unread *)value)->subject;
}

void window_init(struct outlet *o)
{
	map_init(&o->unread, unread_key);
}

static void forget_unread(struct outlet *o)
{
	map_for_each (&o->unread, struct unread, u)
		free(u);
	map_done(&o->unread);
	map_init(&o->unread, unread_key);
}

void window_done(struct outlet *o)
{
	forget_unread(o);
	map_done(&o->unread);
}

void window_restore(struct outlet *o, uint64_t pending, int64_t oldest_us)
{
	o->behind = pending;
	o->behind_since_us = oldest_us;
	o->spilled = pending > 0;
}

/*
 * What takes room. Those that wait for a model may do so for long, and whatever stands behind them in
 * the store would wait with them, of all other jobs, too: so they take none, up to a window of them.
 */
static size_t used(const struct outlet *o)
{
	return o->lanes.pending - MIN(o->lanes.held, o->owner->window);
}

/* --- progress --- */

/* Out of memory, nothing is replaced: both are sent, no harm done. */
static bool commit_replace(struct outlet *o, const char *id, const char *by_id)
{
	const struct store_op op = {
		.type = STORE_REPLACE,
		.replace = {.event_id = id, .by_id = by_id, .notifier = o->name},
	};
	struct commit *commit = NULL;

	if (commit_new(o->owner->committer, &commit) < 0)
		return false;
	if (commit_add(commit, &op) < 0) {
		commit_abandon(commit);
		return false;
	}
	commit_submit(commit, NULL, NULL);
	o->replaced++;
	return true;
}

/* Both are in the lane. */
static void replace(struct outlet *o, struct lane *l, struct delivery *old, struct delivery *by)
{
	if (!commit_replace(o, old->event->id, by->event->id))
		return;
	by->replaced += old->replaced + 1;
	/* The receiver's wish to be left alone is not of the event. */
	if (old->tries > 0) {
		by->due_ms = MAX(by->due_ms, old->due_ms);
		by->due_us = MAX(by->due_us, old->due_us);
	}
	lane_remove(l, old);
}

void window_replace_tried(struct outlet *o, struct lane *l, size_t n)
{
	struct list *it = l->deliveries.next, *next;

	for (; n > 0 && it != &l->deliveries; it = next, n--) {
		struct delivery *v = container_of(it, struct delivery, in_lane), *last;

		next = it->next;
		if (v->event->type != EVENT_JOB_PROGRESS)
			continue;
		last = lane_last_progress(l, v->event->subject);
		if (last->event->number > v->event->number)
			replace(o, l, v, last);
	}
}

static void note_unread(struct outlet *o, const struct event_record *event)
{
	struct unread *u = map_get(&o->unread, event->subject);
	size_t size = strlen(event->subject) + 1;

	if (!u) {
		if (o->unread.n >= UNREAD_MAX)
			return;
		u = malloc(sizeof(*u) + size);
		if (!u)
			return;
		memcpy(u->subject, event->subject, size);
		if (map_add(&o->unread, u) < 0) {
			free(u);
			return;
		}
	}
	memcpy(u->id, event->id, sizeof(u->id));
}

/*
 * New progress that is in the store only replaces what waits in memory or there. Not while a read is
 * under way, which knows nothing of it: what was read is replaced when the newer one is read, too.
 */
static void replace_behind(struct outlet *o, const struct event_record *event)
{
	struct lane *l = lanes_find(&o->lanes, event->subject);
	const struct unread *u = map_get(&o->unread, event->subject);
	struct delivery *old = l ? lane_stale_progress(l, event->subject, NULL) : NULL;

	if (old && commit_replace(o, old->event->id, event->id)) {
		lane_remove(l, old);
		lane_settle(l);
	}
	if (u && commit_replace(o, u->id, event->id) && o->behind > 0)
		o->behind--;
}

/* --- what comes in --- */

static uint64_t due_ms(const struct outlet *o, const struct store_delivery *v)
{
	uint64_t digest_ms = outlet_digest_ms(o);
	int64_t first_us = v->created_us + (int64_t)digest_ms * US_PER_MS;
	int64_t wait_us = (v->tries > 0 ? v->due_us : first_us) - clock_real_now_us();
	uint64_t wait_ms = wait_us > 0 ? (uint64_t)(wait_us / US_PER_MS) : 0;

	/* A wall clock that was set back must not hold it longer than the schedule would. */
	return clock_boot_now_ms() + MIN(wait_ms, v->tries > 0 ? DUE_MAX_MS : digest_ms);
}

void window_hasten(struct outlet *o)
{
	int64_t now_us = clock_real_now_us(), digest_us = (int64_t)outlet_digest_ms(o) * US_PER_MS;
	uint64_t now_ms = clock_boot_now_ms();

	map_for_each (&o->lanes.by_subject, struct lane, l) {
		list_for_each (it, &l->deliveries) {
			struct delivery *v = container_of(it, struct delivery, in_lane);
			int64_t wait_us = MAX(v->created_us + digest_us, v->due_us) - now_us;
			uint64_t wait_ms = wait_us > 0 ? (uint64_t)(wait_us / US_PER_MS) : 0;

			if (v->tries == 0)
				v->due_ms = MIN(v->due_ms, now_ms + wait_ms);
		}
		lane_settle(l);
	}
}

static int push(struct outlet *o, const struct store_delivery *found)
{
	const struct event_record *event = found->event;
	const struct delivery template = {
		.event = found->event,
		.tries = found->tries,
		.replaced = found->replaced,
		.model_ready = found->model_ready,
		.created_us = found->created_us,
		.due_us = found->due_us,
		.due_ms = due_ms(o, found),
	};
	struct delivery *v, *old;
	struct lane *l;
	int r = lanes_push(&o->lanes, &template, outlet_digest_ms(o) > 0, &v, &l);

	if (r < 0)
		return r;
	o->last_number = MAX(o->last_number, event->number);
	o->newest = MAX(o->newest, event->number);
	if (event->type == EVENT_JOB_PROGRESS) {
		struct unread *u = map_get(&o->unread, event->subject);

		if (u && strcmp(u->id, event->id) == 0)
			free(map_remove(&o->unread, event->subject));
		old = lane_stale_progress(l, event->subject, v);
		if (old && old->event->number > event->number) /* this one is sent again */
			replace(o, l, v, old);
		else if (old)
			replace(o, l, old, v);
	}
	lane_settle(l);
	return 0;
}

/* It is in the store only. */
static void stay_behind(struct outlet *o, int64_t created_us)
{
	if (o->behind == 0 || created_us < o->behind_since_us)
		o->behind_since_us = created_us;
	o->spilled = true;
	o->behind++;
}

void window_take(struct outlet *o, struct event_record *event)
{
	const struct store_delivery new = {.event = event,
					   .created_us = event->time_us,
					   .due_us = event->time_us};

	o->coming--;
	if (!o->spilled && used(o) < o->owner->window && push(o, &new) == 0)
		return;
	stay_behind(o, event->time_us);
	if (event->type != EVENT_JOB_PROGRESS)
		return;
	if (!o->reading)
		replace_behind(o, event);
	note_unread(o, event);
}

void window_take_again(struct outlet *o, const struct store_delivery *delivery)
{
	uint64_t number = delivery->event->number;
	bool ahead = o->spilled && number > o->last_number; /* it will be read anyhow */

	if (!ahead && !o->reading && used(o) < o->owner->window && push(o, delivery) == 0)
		return;
	stay_behind(o, delivery->created_us);
	if (number <= o->last_number)
		o->passed = o->passed ? MIN(o->passed, number) : number;
}

int window_take_test(struct outlet *o, struct event_record *event)
{
	const struct delivery template = {.event = event,
					  .created_us = event->time_us,
					  .due_us = event->time_us,
					  .due_ms = clock_boot_now_ms()};
	struct delivery *v;
	struct lane *l;
	int r = lanes_push(&o->lanes, &template, false, &v, &l);

	if (r == 0)
		lane_settle(l);
	return r;
}

static struct lane *find_lane(const struct outlet *o, uint64_t number)
{
	map_for_each (&o->lanes.by_subject, struct lane, l)
		list_for_each (it, &l->deliveries)
			if (container_of(it, struct delivery, in_lane)->event->number == number)
				return l;
	return NULL;
}

void window_hurry(struct outlet *o, uint64_t number)
{
	struct lane *l = find_lane(o, number);

	if (!l) /* in the store only: it is due when it comes in */
		return;
	list_for_each (it, &l->deliveries) {
		struct delivery *v = container_of(it, struct delivery, in_lane);

		v->due_ms = clock_boot_now_ms();
		v->due_us = clock_real_now_us();
		v->hurried = true;
		if (v->event->number == number)
			break;
	}
	lane_let_go(l);
	lane_settle(l);
}

/* --- what is read --- */

struct reading {
	struct outlet *outlet;
	uint64_t after;
	size_t max, n;
	struct store_delivery found[];
};

/* On the thread pool: of the outlet, only its name is looked at. */
static int do_read(void *user, struct store *store, struct error *ret_e)
{
	struct reading *rd = user;

	return store_load_deliveries(store, rd->outlet->name, rd->after, rd->max, rd->found, &rd->n,
				     ret_e);
}

/* Where reading began further back, some of what is found is in memory already. */
static bool has(const struct outlet *o, const struct event_record *event)
{
	const struct lane *l;

	if (event->number > o->newest)
		return false;
	l = lanes_find(&o->lanes, event->subject);
	return l && lane_holds(l, event->number);
}

static int take_in(struct outlet *o, const struct reading *rd)
{
	for (size_t i = 0; i < rd->n; i++) {
		int r;

		if (has(o, rd->found[i].event)) {
			o->last_number = rd->found[i].event->number;
			continue;
		}
		r = push(o, &rd->found[i]);
		if (r < 0)
			return r;
		if (o->behind > 0)
			o->behind--;
	}
	if (rd->n == rd->max) {
		/* What is left is newer than the last of these, but for what was passed. */
		if (rd->n > 0 && !o->passed)
			o->behind_since_us = rd->found[rd->n - 1].created_us;
		return 0;
	}
	if (o->passed) { /* what was passed is next */
		o->last_number = o->passed - 1;
		o->passed = 0;
		return 0;
	}
	o->spilled = false; /* that was all, whatever had been counted */
	o->behind = 0;
	forget_unread(o);
	return 0;
}

static void read_later(struct outlet *o, int r, const char *text)
{
	o->read_at_ms = clock_boot_now_ms() + READ_AGAIN_MS;
	if (!o->read_failed)
		log_err("notifier \"%s\": what waits in the store cannot be read, tried again every "
			"5 s: %s",
			o->name, text[0] ? text : strerror(-r));
	o->read_failed = true;
}

static void on_read(void *user, int r, const char *text)
{
	struct reading *rd = user;
	struct outlet *o = rd->outlet;

	o->reading = false;
	if (r >= 0) {
		r = take_in(o, rd);
		text = "";
		store_deliveries_done(rd->found, rd->n);
	}
	free(rd);
	if (r == -ECANCELED)
		return;
	if (r < 0)
		read_later(o, r, text);
	else
		o->read_failed = false;
	o->owner->changed(o->owner);
}

static bool wants_more(const struct outlet *o)
{
	return o->spilled && !o->reading && outlet_is_open(o) && used(o) <= o->owner->window / 2;
}

void window_fill(struct outlet *o, uint64_t now_ms)
{
	struct reading *rd;
	size_t max;
	int r;

	if (!wants_more(o) || now_ms < o->read_at_ms)
		return;
	max = o->owner->window - used(o);
	rd = calloc(1, sizeof(*rd) + max * sizeof(rd->found[0]));
	if (!rd) {
		read_later(o, -ENOMEM, "");
		return;
	}
	rd->outlet = o;
	rd->after = o->last_number;
	rd->max = max;
	r = committer_run(o->owner->committer, do_read, on_read, rd);
	if (r < 0) {
		free(rd);
		read_later(o, r, "");
		return;
	}
	o->reading = true;
}

uint64_t window_due_ms(const struct outlet *o)
{
	return wants_more(o) ? o->read_at_ms : UINT64_MAX;
}
