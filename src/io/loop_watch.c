/* How long the loop's turns are. */
#include "io/loop_watch.h"

#include <time.h>

#include "base/clock.h"
#include "base/macro.h"

#define NS_PER_US 1000U

static uint64_t cpu_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* fails for a wrong argument only */
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/*
 * libuv calls back for sockets and pipes inside of its poll, before any uv_check, so that a turn is
 * measured from one uv_prepare to the next, without the time that the kernel was asked to wait.
 */
static void on_prepare(uv_prepare_t *prepare)
{
	struct loop_watch *w = prepare->data;
	uint64_t wall_ns = uv_hrtime(), idle_ns = uv_metrics_idle_time(prepare->loop);
	uint64_t cpu_ns = cpu_now_ns();

	if (w->running) {
		uint64_t all_ns = wall_ns - w->wall_ns, slept_ns = idle_ns - w->idle_ns;

		/* The two readings of the clock are not one: sleep may seem longer than the turn. */
		w->longest_us = MAX(w->longest_us, (all_ns - MIN(all_ns, slept_ns)) / NS_PER_US);
		w->longest_cpu_us = MAX(w->longest_cpu_us, (cpu_ns - w->cpu_ns) / NS_PER_US);
	}
	w->running = true;
	w->wall_ns = wall_ns;
	w->idle_ns = idle_ns;
	w->cpu_ns = cpu_ns;
}

int loop_watch_start(struct loop_watch *w, uv_loop_t *loop)
{
	int r = uv_loop_configure(loop, UV_METRICS_IDLE_TIME);

	*w = (struct loop_watch){0};
	if (r < 0)
		return r;
	(void)uv_prepare_init(loop, &w->prepare); /* always 0, as the next one */
	w->prepare.data = w;
	(void)uv_prepare_start(&w->prepare, on_prepare);
	uv_unref((uv_handle_t *)&w->prepare);
	return 0;
}

static uint64_t round_up_ms(uint64_t us)
{
	return (us + US_PER_MS - 1) / US_PER_MS;
}

uint64_t loop_watch_longest_ms(const struct loop_watch *w)
{
	return round_up_ms(w->longest_us);
}

uint64_t loop_watch_longest_cpu_ms(const struct loop_watch *w)
{
	return round_up_ms(w->longest_cpu_us);
}

void loop_watch_close(struct loop_watch *w)
{
	if (w->prepare.data)
		uv_close((uv_handle_t *)&w->prepare, NULL);
}
