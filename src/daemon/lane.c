/* Lanes of deliveries. */
#include "daemon/lane.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *lane_key(const void *value)
{
	return ((const struct lane *)value)->subject;
}

static struct delivery *delivery_at(struct list *it)
{
	return container_of(it, struct delivery, in_lane);
}

static bool is_of(const struct delivery *v, const char *subject)
{
	return strcmp(v->event->subject, subject) == 0;
}

void lanes_init(struct lanes *lanes)
{
	*lanes = (struct lanes){0};
	map_init(&lanes->by_subject, lane_key);
}

void lanes_done(struct lanes *lanes)
{
	while (lanes->by_subject.n > 0) {
		struct lane *any = NULL;

		map_for_each (&lanes->by_subject, struct lane, l) {
			any = l;
			break;
		}
		lane_free(any);
	}
	map_done(&lanes->by_subject);
	heap_done(&lanes->waiting);
}

static int lane_new(struct lanes *lanes, const char *subject, struct lane **ret)
{
	size_t size = strlen(subject) + 1;
	struct lane *l;
	int r;

	/* A place for each lane, so that a lane that must wait can. */
	r = heap_reserve(&lanes->waiting, (uint32_t)lanes->by_subject.n + 1);
	if (r < 0)
		return r;
	l = calloc(1, sizeof(*l) + size);
	if (!l)
		return -ENOMEM;
	l->due = HEAP_NODE_INIT;
	l->lanes = lanes;
	list_init(&l->deliveries);
	memcpy(l->subject, subject, size);
	r = map_add(&lanes->by_subject, l);
	if (r < 0) {
		free(l);
		return r;
	}
	*ret = l;
	return 0;
}

struct lane *lanes_find(const struct lanes *lanes, const char *subject)
{
	struct lane *l = map_get(&lanes->by_subject, subject);

	if (l)
		return l;
	l = map_get(&lanes->by_subject, LANE_SHARED);
	if (l)
		list_for_each (it, &l->deliveries)
			if (is_of(delivery_at(it), subject))
				return l;
	return NULL;
}

static int lane_for(struct lanes *lanes, const char *subject, bool digest, struct lane **ret)
{
	struct lane *l;

	if (digest) { /* saves looking through the shared lane, which it would be in any case */
		l = map_get(&lanes->by_subject, subject);
		if (!l)
			l = map_get(&lanes->by_subject, LANE_SHARED);
	} else {
		l = lanes_find(lanes, subject);
	}
	if (!l)
		return lane_new(lanes, digest ? LANE_SHARED : subject, ret);
	*ret = l;
	return 0;
}

int lanes_push(struct lanes *lanes, const struct delivery *template, bool digest,
	       struct delivery **ret, struct lane **ret_lane)
{
	struct delivery *v = malloc(sizeof(*v));
	struct lane *l;
	int r;

	if (!v)
		return -ENOMEM;
	r = lane_for(lanes, template->event->subject, digest, &l);
	if (r < 0) {
		free(v);
		return r;
	}
	*v = *template;
	event_record_ref(v->event);
	list_init(&v->in_lane);
	list_append(&l->deliveries, &v->in_lane);
	lanes->pending++;
	*ret = v;
	*ret_lane = l;
	return 0;
}

struct lane *lanes_first(const struct lanes *lanes)
{
	struct heap_node *top = heap_top(&lanes->waiting);

	return top ? container_of(top, struct lane, due) : NULL;
}

struct delivery *lane_head(const struct lane *l)
{
	return list_first(&l->deliveries, struct delivery, in_lane);
}

struct delivery *lane_stale_progress(const struct lane *l, const char *subject,
				     const struct delivery *newer)
{
	size_t busy = l->n_busy;

	list_for_each (it, &l->deliveries) {
		struct delivery *v = delivery_at(it);

		if (busy > 0) {
			busy--;
			continue;
		}
		if (v == newer)
			return NULL;
		if (v->event->type == EVENT_JOB_PROGRESS && is_of(v, subject))
			return v;
	}
	return NULL;
}

struct delivery *lane_last_progress(const struct lane *l, const char *subject)
{
	for (struct list *it = l->deliveries.prev; it != &l->deliveries; it = it->prev) {
		struct delivery *v = delivery_at(it);

		if (v->event->type == EVENT_JOB_PROGRESS && is_of(v, subject))
			return v;
	}
	return NULL;
}

bool lane_holds(const struct lane *l, uint64_t number)
{
	list_for_each (it, &l->deliveries)
		if (delivery_at(it)->event->number == number)
			return true;
	return false;
}

void lane_wait(struct lane *l)
{
	/* Cannot fail: see lane_new(). */
	(void)heap_set(&l->lanes->waiting, &l->due, lane_head(l)->due_ms);
}

void lane_stop_waiting(struct lane *l)
{
	heap_remove(&l->lanes->waiting, &l->due);
}

int lane_hold(struct lane *l, struct gate *gate, uint64_t limit_ms, uint64_t now_ms, gate_fn fn)
{
	int r = gate_join(gate, lane_head(l)->event, limit_ms, now_ms, &l->wait, fn);

	if (r == GATE_SHUT)
		l->lanes->held++;
	return r;
}

struct lane *lane_told(struct gate_wait *w)
{
	struct lane *l = container_of(w, struct lane, wait);

	l->lanes->held--;
	return l;
}

static void leave_gate(struct lane *l)
{
	if (gate_is_waiting(&l->wait))
		l->lanes->held--;
	gate_leave(&l->wait);
}

void lane_let_go(struct lane *l)
{
	if (!gate_is_waiting(&l->wait))
		return;
	leave_gate(l);
	l->n_busy = 0;
	lane_wait(l);
}

void lane_remove(struct lane *l, struct delivery *v)
{
	list_remove(&v->in_lane);
	event_record_unref(v->event);
	free(v);
	l->lanes->pending--;
}

void lane_settle(struct lane *l)
{
	if (l->n_busy > 0)
		return;
	if (list_empty(&l->deliveries))
		lane_free(l);
	else
		lane_wait(l);
}

void lane_free(struct lane *l)
{
	leave_gate(l);
	while (!list_empty(&l->deliveries))
		lane_remove(l, lane_head(l));
	lane_stop_waiting(l);
	map_remove(&l->lanes->by_subject, l->subject);
	free(l);
}
