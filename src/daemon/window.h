/*
 * The window: how much of what waits for an outlet is in memory, the oldest first.
 *
 * While there is room, what becomes durable comes in at once. When there is none, or no memory, the
 * outlet is spilled: everything new stays in the store, and is read from there in its order when the
 * window has half emptied. That has no races, for the committer runs commits and reads one after the
 * other and calls back in the same order: what was called back before a read is in it, what comes
 * after its end comes in by itself again.
 *
 * What waits for its output model takes no room, up to a window of these.
 */
#pragma once

#include <stdint.h>

#include "daemon/outlet.h"

void window_init(struct outlet *o);
void window_done(struct outlet *o);

/* The store has that many deliveries for it, the oldest created then: at the start. */
void window_restore(struct outlet *o, uint64_t pending, int64_t oldest_us);

/* A delivery that was expected (outlet_expect) is durable. Cannot fail. */
void window_take(struct outlet *o, struct event_record *event);

/* A delivery that was over is pending in the store again. Cannot fail either. */
void window_take_again(struct outlet *o, const struct store_delivery *delivery);

/*
 * A test event goes to a lane of its own, whatever waits and however much; the store knows of no such
 * delivery. 0 or -ENOMEM.
 */
int window_take_test(struct outlet *o, struct event_record *event);

/*
 * The digest may have become shorter, or be gone: what has not been tried yet waits no longer than it
 * would if it came now. It never waits longer than it did.
 */
void window_hasten(struct outlet *o);

/* Whatever stands before the delivery in its lane, and itself, is due now. Harmless for any other. */
void window_hurry(struct outlet *o, uint64_t number);

/* Reads more if the outlet is open, there is more, there is room for it and it is time. */
void window_fill(struct outlet *o, uint64_t now_ms);

/* When window_fill() is to be called because of time alone; UINT64_MAX for not. */
uint64_t window_due_ms(const struct outlet *o);

/*
 * Of the first `n` deliveries of the lane, which were busy, progress is replaced by newer progress
 * that came meanwhile.
 */
void window_replace_tried(struct outlet *o, struct lane *l, size_t n);
