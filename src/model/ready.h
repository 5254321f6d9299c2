/*
 * Waiting for an output model: which events wait, when to ask for the model, and when it is late.
 *
 * A job that has succeeded may be some minutes ahead of its model: that is uploaded, then READY.
 * Spans are ms; times of the wait are ms of CLOCK_BOOTTIME, that of the event is CLOCK_REALTIME.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/event.h"

/* Whether an event of that type may have an output model to wait for. */
bool ready_concerns(enum event_type type);

/*
 * Whether it is the resource name of a model, accounts/{id}/models/{id}, both ids as in model/name.h:
 * it goes into a URL as it is, so nothing else is asked for.
 */
bool ready_is_model(const char *name);

/*
 * How long to wait with the next question after `asked` (from 1) answers that did not say READY:
 * 15 s, 30 s, then 1 min, each plus up to a tenth. `retry_after_ms` is what the server asked for, 0
 * when it did not: it is honoured up to one hour when it is more.
 */
uint64_t ready_ask_ms(unsigned asked, uint64_t retry_after_ms, uint32_t chance);

/*
 * What is left of the limit, which counts from the event's time, so that it passes while the daemon
 * is down, too. An event of the future, by a clock that was set back, has the whole limit.
 */
uint64_t ready_left_ms(int64_t event_us, uint64_t limit_ms, int64_t now_us);

/*
 * The limit may be over when the wait begins: the daemon was down, or the machine slept. What nobody
 * has asked for is not called late: one question goes out then, which has READY_GRACE_MS.
 */
#define READY_GRACE_MS 60000

struct ready_wait {
	uint64_t since_ms; /* when the wait began */
	uint64_t limit_ms; /* when the limit is over */
	bool answered;     /* there was an answer since then, or none is to be had */
};

/* When the model is late. */
uint64_t ready_late_ms(const struct ready_wait *w);
