/*
 * Tries what is due and writes down what came of it.
 *
 * The head of a lane (with a digest: the first deliveries of the shared lane) is handed to the
 * notifier; its verdict is committed; then the lane goes on. Where a try counts from its start
 * (notifier_type_info.counts_starts), that is committed before.
 *
 * Where the notifier waits for output models, a head that has one is held at the gate before its first
 * try, takes none of the notifier's places, and holds its lane only. What the gate says is committed
 * before that try, so that all tries say the same.
 */
#pragma once

#include <stdint.h>

#include "daemon/outlet.h"

/* What one message of a digest joins at most. */
#define DIGEST_MAX       50
#define DIGEST_MAX_BYTES (256UL * 1024) /* of the events' documents; one goes whatever its size */

/* Starts what is due, as many calls as the notifier wants. */
void sender_pump(struct outlet *o, uint64_t now_ms);

/* When it can start something because of time alone; UINT64_MAX for not. */
uint64_t sender_due_ms(const struct outlet *o);

enum sender_calls {
	SENDER_WAITING,  /* notifier_type_info.waits */
	SENDER_NEEDLESS, /* those, and notifier_type_info.goes_on */
	SENDER_ALL,
};

/* Tells these calls to stop; each ends with its callback. */
void sender_cancel(struct outlet *o, enum sender_calls calls);
