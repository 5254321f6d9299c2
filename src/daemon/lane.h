/*
 * Lanes: the deliveries of one subject to one notifier, in order. A lane is there while it holds any;
 * its head waits for its time, is tried, has its verdict committed, and makes room for the next.
 * Who tries and commits is the dispatcher.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "store/store.h"

struct instance;      /* the dispatcher's */
struct notifier_call; /* the notifier's */

struct delivery {
	struct list in_lane;
	struct event_record *event; /* a reference */
	unsigned tries;             /* made so far */
	int64_t created_us;         /* CLOCK_REALTIME */
	uint64_t due_ms;            /* CLOCK_BOOTTIME */
};

/* All lanes of a notifier. */
struct lanes {
	struct map by_subject; /* struct lane */
	struct heap waiting;   /* lanes whose head may go when its time comes */
	size_t pending;        /* deliveries in all of them */
};

struct lane {
	struct heap_node due; /* in lanes->waiting while its head waits */
	struct lanes *lanes;
	struct list deliveries;
	struct notifier_call *call; /* of the head, while it runs */
	struct instance *instance;  /* that runs it */
	/* The verdict on the head while it is being committed, else DELIVERY_STATE_COUNT_. */
	enum delivery_state verdict;
	uint64_t retry_in_ms;
	char subject[];
};

void lanes_init(struct lanes *lanes);
void lanes_done(struct lanes *lanes); /* frees what is in them; nothing may be under way */

/* Puts a delivery at the end of its subject's lane. 0 or -ENOMEM, and then nothing has changed. */
int lanes_push(struct lanes *lanes, struct event_record *event, unsigned tries, int64_t created_us,
	       uint64_t due_ms, struct lane **ret);

/* The lane whose head is due first, or NULL. */
struct lane *lanes_first(const struct lanes *lanes);

struct delivery *lane_head(const struct lane *l);

/* The head is under way, or its verdict is. */
bool lane_is_busy(const struct lane *l);

/* The head may go at its time. -ENOMEM: it waits for a restart. */
int lane_wait(struct lane *l);
void lane_stop_waiting(struct lane *l);

/* Takes a delivery out and frees it. The lane stays, also when it is empty now. */
void lane_remove(struct lane *l, struct delivery *v);

/* Frees the lane with what it holds. */
void lane_free(struct lane *l);
