/*
 * How long the loop is kept from its other work: the longest turn, from one poll of the kernel to the
 * next. While one turn lasts, nothing that becomes due begins.
 *
 * Two clocks. Wall time is what the others wait, a blocking call or a busy machine included. The CPU
 * time of the loop's thread is what the program itself is to blame for.
 *
 * A turn counts when it is over. Costs two readings of a clock a turn, and libuv one more poll of the
 * kernel in a turn that sleeps, which is how it tells sleep from work.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct loop_watch {
	uv_prepare_t prepare;
	bool running;                      /* a turn has begun */
	uint64_t wall_ns, idle_ns, cpu_ns; /* when it began; idle and CPU since the start */
	uint64_t longest_us, longest_cpu_us;
};

/* Before the loop runs for the first time. Does not keep the loop alive. 0 or a negative errno. */
int loop_watch_start(struct loop_watch *w, uv_loop_t *loop);

/* The longest turn so far, and the one with the most CPU time, in milliseconds, rounded up. */
uint64_t loop_watch_longest_ms(const struct loop_watch *w);
uint64_t loop_watch_longest_cpu_ms(const struct loop_watch *w);

/* `w` is needed until the loop has run on. Also without a start. */
void loop_watch_close(struct loop_watch *w);
