/* Lanes of deliveries. */
#include "daemon/lane.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *lane_key(const void *value)
{
	return ((const struct lane *)value)->subject;
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

static int lanes_get(struct lanes *lanes, const char *subject, struct lane **ret)
{
	struct lane *l = map_get(&lanes->by_subject, subject);
	size_t size = strlen(subject) + 1;
	int r;

	if (!l) {
		l = calloc(1, sizeof(*l) + size);
		if (!l)
			return -ENOMEM;
		l->due = HEAP_NODE_INIT;
		l->lanes = lanes;
		l->verdict = DELIVERY_STATE_COUNT_;
		list_init(&l->deliveries);
		memcpy(l->subject, subject, size);
		r = map_add(&lanes->by_subject, l);
		if (r < 0) {
			free(l);
			return r;
		}
	}
	*ret = l;
	return 0;
}

int lanes_push(struct lanes *lanes, struct event_record *event, unsigned tries, int64_t created_us,
	       uint64_t due_ms, struct lane **ret)
{
	struct delivery *v = calloc(1, sizeof(*v));
	struct lane *l;
	int r;

	if (!v)
		return -ENOMEM;
	r = lanes_get(lanes, event->subject, &l);
	if (r < 0) {
		free(v);
		return r;
	}
	v->event = event_record_ref(event);
	v->tries = tries;
	v->created_us = created_us;
	v->due_ms = due_ms;
	list_append(&l->deliveries, &v->in_lane);
	lanes->pending++;
	*ret = l;
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

bool lane_is_busy(const struct lane *l)
{
	return l->instance || l->verdict != DELIVERY_STATE_COUNT_;
}

int lane_wait(struct lane *l)
{
	return heap_set(&l->lanes->waiting, &l->due, lane_head(l)->due_ms);
}

void lane_stop_waiting(struct lane *l)
{
	heap_remove(&l->lanes->waiting, &l->due);
}

void lane_remove(struct lane *l, struct delivery *v)
{
	list_remove(&v->in_lane);
	event_record_unref(v->event);
	free(v);
	l->lanes->pending--;
}

void lane_free(struct lane *l)
{
	while (!list_empty(&l->deliveries))
		lane_remove(l, lane_head(l));
	lane_stop_waiting(l);
	map_remove(&l->lanes->by_subject, l->subject);
	free(l);
}
