/* How long the loop's turns are. */
#include "io/loop_watch.h"

#include <time.h>

#include "base/macro.h"

#define NS_PER_MS 1000000U

static uint64_t cpu_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* fails for a wrong argument only */
	return (uint64_t)now.tv_sec * 1000 * NS_PER_MS + (uint64_t)now.tv_nsec;
}

/*
 * libuv calls back for sockets and pipes inside of its poll, before this. But it takes the time as
 * soon as the kernel has answered, and nothing else does in between: uv_now() is when the turn began.
 * (Its own measure of idle time would cost one more call of the kernel in each turn that sleeps.)
 */
static void on_check(uv_check_t *check)
{
	struct loop_watch *w = check->data;

	w->woke_ms = uv_now(check->loop);
	w->woken = true;
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct loop_watch *w = prepare->data;
	uint64_t now_ms = (uv_hrtime() + NS_PER_MS - 1) / NS_PER_MS, cpu_ns = cpu_now_ns();

	if (w->woken) {
		w->longest_ms = MAX(w->longest_ms, now_ms - w->woke_ms);
		w->longest_cpu_ns = MAX(w->longest_cpu_ns, cpu_ns - w->cpu_ns);
		w->stalls += now_ms - w->woke_ms > LOOP_WATCH_STALL_MS;
	}
	w->cpu_ns = cpu_ns;
}

/* None of these can fail. */
void loop_watch_start(struct loop_watch *w, uv_loop_t *loop)
{
	*w = (struct loop_watch){0};
	(void)uv_check_init(loop, &w->check);
	(void)uv_prepare_init(loop, &w->prepare);
	w->check.data = w->prepare.data = w;
	(void)uv_check_start(&w->check, on_check);
	(void)uv_prepare_start(&w->prepare, on_prepare);
	uv_unref((uv_handle_t *)&w->check);
	uv_unref((uv_handle_t *)&w->prepare);
}

uint64_t loop_watch_longest_ms(const struct loop_watch *w)
{
	return w->longest_ms;
}

uint64_t loop_watch_longest_cpu_ms(const struct loop_watch *w)
{
	return (w->longest_cpu_ns + NS_PER_MS - 1) / NS_PER_MS;
}

uint64_t loop_watch_stalls(const struct loop_watch *w)
{
	return w->stalls;
}

void loop_watch_close(struct loop_watch *w)
{
	if (!w->prepare.data)
		return;
	uv_close((uv_handle_t *)&w->check, NULL);
	uv_close((uv_handle_t *)&w->prepare, NULL);
}
