/*
 * Lanes: the deliveries of one subject to one notifier, in order. A lane is there while it holds any;
 * its head waits for its time, then perhaps for its job's output model, is tried, has its verdict
 * committed, and makes room for the next.
 * A notifier with a digest has one lane for all subjects, of which several go out together.
 * Who tries and commits is the sender.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "daemon/gate.h"
#include "store/store.h"

struct instance;      /* what sends */
struct notifier_call; /* the notifier's */

struct delivery {
	struct list in_lane;
	struct event_record *event; /* a reference */
	unsigned tries;             /* begun so far */
	unsigned replaced;          /* older progress events that it stands for */
	int64_t created_us, due_us; /* CLOCK_REALTIME, as the store has them */
	uint64_t due_ms;            /* CLOCK_BOOTTIME */
	enum model_ready model_ready;
	bool hurried; /* somebody asked for it: it waits for no model but one answer */
	enum delivery_state verdict; /* while that is being committed */
};

/* All lanes of a notifier. */
struct lanes {
	struct map by_subject; /* struct lane */
	struct heap waiting;   /* lanes whose head may go when its time comes */
	size_t pending;        /* deliveries in all of them */
	size_t held;           /* lanes whose head waits for its model */
};

#define LANE_SHARED "" /* the subject of the lane of all subjects */

struct lane {
	struct heap_node due; /* in lanes->waiting while its head waits */
	struct lanes *lanes;
	struct list deliveries;
	size_t n_busy; /* so many from the head are being tried, have their verdict committed, or
			  wait for their model */
	struct gate_wait wait;      /* the head's, for its model */
	struct notifier_call *call; /* of these, while it runs */
	struct instance *instance;  /* that runs it */
	uint64_t retry_in_ms;       /* the verdict that is being committed */
	char subject[];
};

void lanes_init(struct lanes *lanes);
void lanes_done(struct lanes *lanes); /* frees what is in them; nothing may be under way */

/*
 * Puts a copy of a delivery, with its own reference to the event, at the end of a lane: the one that
 * holds deliveries of its subject already, so that their order stays when a digest comes or goes,
 * else the one that all share when `digest`, else one of its own. 0 or -ENOMEM, and then nothing has
 * changed.
 */
int lanes_push(struct lanes *lanes, const struct delivery *template, bool digest,
	       struct delivery **ret, struct lane **ret_lane);

/* The lane that holds the subject's deliveries, or NULL. */
struct lane *lanes_find(const struct lanes *lanes, const char *subject);

/* The lane whose head is due first, or NULL. */
struct lane *lanes_first(const struct lanes *lanes);

struct delivery *lane_head(const struct lane *l);

/*
 * The first progress of the subject that waits in the lane, is not `newer` itself and stands before
 * it; NULL for none. Without `newer` all stand before it.
 */
struct delivery *lane_stale_progress(const struct lane *l, const char *subject,
				     const struct delivery *newer);

/* The last progress of the subject, or NULL. */
struct delivery *lane_last_progress(const struct lane *l, const char *subject);

/* Whether the delivery of the event of that number is in it. */
bool lane_holds(const struct lane *l, uint64_t number);

/* The head may go at its time; moves the lane when it waits already. There is a head. */
void lane_wait(struct lane *l);
void lane_stop_waiting(struct lane *l);

/*
 * The head, which is busy, waits for its model: as gate_join(). `fn` calls lane_told() first, which
 * gives the lane.
 */
int lane_hold(struct lane *l, struct gate *gate, uint64_t limit_ms, uint64_t now_ms, gate_fn fn);
struct lane *lane_told(struct gate_wait *w);

/* If the head waits for its model, it waits for its time again instead. */
void lane_let_go(struct lane *l);

/* Takes a delivery out and frees it. The lane stays, also when it is empty now. */
void lane_remove(struct lane *l, struct delivery *v);

/*
 * After a change of an idle lane: it waits for its head, or is freed when it is empty. Harmless for
 * one that is busy.
 */
void lane_settle(struct lane *l);

/* Frees the lane with what it holds. */
void lane_free(struct lane *l);
