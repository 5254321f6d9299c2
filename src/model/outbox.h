/*
 * What the outbox takes, and what it no longer sends.
 *
 * Nothing is dropped without a trace: a delivery that is not taken is in the store as well, with its
 * state and the reason, is counted, and can be sent again on request.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/event.h"

enum outbox_answer {
	OUTBOX_TAKE,
	OUTBOX_SKIP, /* not sent: news that an end makes superfluous, while too many wait */
	OUTBOX_DEAD, /* an end that finds no room: given up, kept and listed */
	OUTBOX_OFF,  /* skipped: the notifier is off until the next reload */
};

/*
 * Whether a new delivery is taken while `waiting` are. Up to `max` everything is; above it only ends
 * and watcher.* are, and these up to twice `max`.
 */
enum outbox_answer outbox_admit(size_t waiting, size_t max, bool off, enum event_type type);

/*
 * What a delivery says of its event's output model. A notifier with wait-for-model gets job.succeeded
 * only when the API says that the model is ready, or when that has taken too long.
 */
enum model_ready {
	MODEL_UNASKED, /* the notifier does not wait, or it is not decided yet: nothing is said */
	MODEL_READY,   /* "modelReady":true */
	MODEL_LATE,    /* "modelReady":false: not ready within the limit */
	MODEL_READY_COUNT_,
};

/* The reason for people: "too many deliveries wait"; "" for OUTBOX_TAKE. */
const char *outbox_reason(enum outbox_answer answer);

/*
 * Whether a delivery that was made at `created_us` is too old for a notifier that came (back) into
 * the configuration at `since_us`: more than SCHEDULE_RETRY_MAX_AGE_MS older. Who returns after
 * days gets no flood of the past. Both us of CLOCK_REALTIME.
 */
bool outbox_is_past(int64_t created_us, int64_t since_us);
