/*
 * The outbox: which delivery goes out when.
 *
 * It owns the outlets, one for each notifier (outlet.h). A delivery enters when its event is durable;
 * a bounded number of each outlet's is in memory (window.h). Order is kept per notifier and subject
 * in lanes (lane.h); the head of a lane is tried, its verdict committed, then the next one comes
 * (sender.h). One broken notifier delays only itself, one broken job's lane only itself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "codec/status_json.h"
#include "config/config.h"
#include "daemon/gate.h"
#include "io/committer.h"
#include "notify/notifier.h"
#include "store/store.h"

struct dispatcher;
struct outlet;

/* `config` is the one of the start; its notifiers come with dispatcher_configure(). */
int dispatcher_new(uv_loop_t *loop, struct committer *committer, const struct config *config,
		   struct dispatcher **ret, struct error *ret_e);

/*
 * What the store knows of a notifier, how many deliveries wait in it for it, and when the oldest of
 * them was created; at start only.
 */
int dispatcher_restore(struct dispatcher *d, const struct store_notifier *notifier,
		       uint64_t pending, int64_t oldest_us);

/*
 * Takes the notifiers of a configuration. All or nothing: on failure the old ones stay. Running
 * deliveries end with the notifier that began them. A notifier that a 410 switched off is on again.
 * Who is new, has left or has come back is written down; what waits for one that has left stays.
 */
int dispatcher_configure(struct dispatcher *d, struct config *config);

/* The outlet of the i-th notifier of the present configuration: for outlet_admit() and the like. */
struct outlet *dispatcher_outlet(struct dispatcher *d, size_t i);

/*
 * A delivery that outlet_expect() announced is durable, with its event. It cannot fail: what there is
 * no room for now is read from the store later.
 */
void dispatcher_add(struct dispatcher *d, struct outlet *o, struct event_record *event);

/* Whether a notifier of that name is in the configuration. */
bool dispatcher_knows(const struct dispatcher *d, const char *name);

/* Whether this notifier is off until the next reload. */
bool dispatcher_has_off(const struct dispatcher *d, const char *name);

/*
 * The notifiers to which nothing is sent at present, off or not in the configuration: fills at most
 * `max` names, which live as long as the dispatcher and may be read on any thread.
 */
size_t dispatcher_closed(const struct dispatcher *d, const char **ret, size_t max);

/*
 * A delivery that was over is pending again, and durable as such (store_resend). It goes to the end
 * of its lane.
 */
void dispatcher_add_again(struct dispatcher *d, const char *notifier,
			  const struct store_delivery *delivery);

/* A delivery that waits, by its event's number, is due now, and what stands before it of its job. */
void dispatcher_hurry(struct dispatcher *d, const char *notifier, uint64_t number);

/*
 * A test event goes out now, past everything that waits, and is tried once. It has no delivery in the
 * store. -ENOENT: no such notifier is in the configuration; -ENOMEM.
 */
int dispatcher_test(struct dispatcher *d, const char *notifier, struct event_record *event);

/* Who is told what came of it; called once for each test that was tried. */
typedef void (*dispatcher_tested_fn)(void *user, const char *event_id, enum verdict verdict,
				     const char *text);
void dispatcher_on_tested(struct dispatcher *d, dispatcher_tested_fn fn, void *user);

/* A delivery that waits for its job's output model. */
struct dispatcher_held {
	char event_id[EVENT_ID_MAX];
	const char *notifier; /* lives as long as the dispatcher, may be read on any thread */
};

/* All of these, in the order of dispatcher_held_cmp(); free() it. 0 or -ENOMEM. */
int dispatcher_held(const struct dispatcher *d, struct dispatcher_held **ret, size_t *ret_n);
int dispatcher_held_cmp(const void *a, const void *b);

/*
 * How to ask for models, see gate_ask_with(). Without it, and with NULL for `ask`, which ends it, what
 * waits for a model does so until its limit.
 */
void dispatcher_ask_with(struct dispatcher *d, struct accounts *accounts, gate_ask_fn ask,
			 struct poller *poller);

/* Starts what is due. Nothing is sent before the first call. */
void dispatcher_start(struct dispatcher *d);

/*
 * Starts nothing more; lets running deliveries finish for `grace_ms`, then cancels them; then calls
 * `stopped`. What was not delivered stays pending in the store.
 */
void dispatcher_stop(struct dispatcher *d, uint64_t grace_ms, void (*stopped)(void *user),
		     void *user);

/* After `stopped`: closes the handles; `closed` is called when the loop has let go, and all is free. */
void dispatcher_close(struct dispatcher *d, void (*closed)(void *user), void *user);

/* Fills at most `max` views, of the configured notifiers first; the number there are. */
size_t dispatcher_views(const struct dispatcher *d, struct notifier_view *ret, size_t max);

/* When the oldest delivery that waits for a notifier was created, as outlet_oldest_us(). */
int64_t dispatcher_oldest_us(const struct dispatcher *d, const char *notifier);

/* How long something has been due without being looked at, in ms; 0 while all is well. */
uint64_t dispatcher_overdue_ms(const struct dispatcher *d, uint64_t now_ms);
