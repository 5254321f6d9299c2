/*
 * How long the loop is kept from its other work: the longest turn, from the moment the kernel woke it
 * to the next time it asks the kernel. While one turn lasts, nothing that becomes due begins.
 *
 * Two clocks. Wall time is what the others wait, a blocking call or a busy machine included. The CPU
 * time of the loop's thread is what the program itself is to blame for.
 *
 * A turn counts when it is over. It costs three readings of a clock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct loop_watch {
	uv_check_t check;
	uv_prepare_t prepare;
	bool woken;       /* the loop has been asleep once: a turn has begun */
	uint64_t woke_ms; /* uv_now(): when the kernel let the present turn begin */
	uint64_t cpu_ns;  /* of the thread, at the end of the last turn; asleep, it stands still */
	uint64_t longest_ms, longest_cpu_ns;
	uint64_t stalls;
};

#define LOOP_WATCH_STALL_MS 50 /* a turn that is longer is a stall */

/* Does not keep the loop alive. */
void loop_watch_start(struct loop_watch *w, uv_loop_t *loop);

/*
 * The longest turn so far, and the one with the most CPU time, in milliseconds, rounded up. The first
 * is up to two milliseconds too long, by the grain of libuv's clock.
 */
uint64_t loop_watch_longest_ms(const struct loop_watch *w);
uint64_t loop_watch_longest_cpu_ms(const struct loop_watch *w);

/* How many turns were stalls, by the wall's clock. */
uint64_t loop_watch_stalls(const struct loop_watch *w);

/* `w` is needed until the loop has run on. Also without a start. */
void loop_watch_close(struct loop_watch *w);
