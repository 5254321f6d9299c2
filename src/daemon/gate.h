/*
 * The gate: deliveries that wait until the output model of their job can be used.
 *
 * It knows which models are waited for and asks for each of them, one question at a time, however many
 * notifiers wait for it (model/ready.h has the schedule). What waits is told once: that the model is
 * ready, or that it has taken too long. No timer is in here: whoever owns the gate calls gate_pump()
 * when gate_due_ms() has come, and after `changed`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "io/http.h"
#include "model/outbox.h"
#include "store/store.h"

struct gate;
struct gate_model;
struct gate_wait;
struct account;
struct accounts;
struct poller;

/* poller_ask(), or what a test has in its place. */
typedef int (*gate_ask_fn)(struct poller *p, struct account *account, const char *path, http_fn fn,
			   void *user);

/*
 * The end of a wait: MODEL_READY, or MODEL_LATE and a sentence why it is not. Called inside
 * gate_pump() only; it may not join or leave.
 */
typedef void (*gate_fn)(struct gate_wait *w, enum model_ready ready, const char *why);

/* What waits; embedded in it. */
struct gate_wait {
	struct list link;
	struct gate_model *model;    /* NULL: it does not wait */
	uint64_t since_ms, limit_ms; /* as in struct ready_wait */
	unsigned answers;            /* that its model had had when the wait began */
	gate_fn fn;
};

/* `changed` is called when an answer came, never inside a call of the gate. 0 or -ENOMEM. */
int gate_new(void (*changed)(void *user), void *user, struct gate **ret);
void gate_free(struct gate *g); /* nothing waits, and no question is under way; takes NULL */

/*
 * From now on models are asked for in this way, with the keys of these accounts; before, and with NULL
 * for `ask`, they are not, and all that waits does so until its limit.
 */
void gate_ask_with(struct gate *g, struct accounts *accounts, gate_ask_fn ask, struct poller *p);

enum gate_answer {
	GATE_SHUT,    /* it waits */
	GATE_NOTHING, /* the event names no model that can be asked for */
};

/*
 * Begins a wait for the event's output model, until `limit_ms` after the event. An enum gate_answer
 * or -ENOMEM; `fn` is called after GATE_SHUT only, or gate_leave() before.
 */
int gate_join(struct gate *g, const struct event_record *event, uint64_t limit_ms, uint64_t now_ms,
	      struct gate_wait *w, gate_fn fn);

/* Ends the wait untold. Harmless when it is over, or has been all zeros ever since. */
void gate_leave(struct gate_wait *w);

bool gate_is_waiting(const struct gate_wait *w);

/* Asks for what is due, tells what is over. */
void gate_pump(struct gate *g, uint64_t now_ms);

/* When gate_pump() has something to do because of time alone; UINT64_MAX for not. */
uint64_t gate_due_ms(const struct gate *g);
