/* The loop's longest turn, on a real loop: work counts wherever it is done, sleep does not. */
#include "io/loop_watch.h"

#include <criterion/criterion.h>
#include <time.h>
#include <unistd.h>

#include "base/macro.h"

#define WORK_MS (LOOP_WATCH_STALL_MS + 5)

struct bench {
	uv_loop_t loop;
	struct loop_watch watch;
	uv_timer_t timer;
	uv_poll_t poll;
	int pipe[2];
	void (*work)(void);
};

/* CPU time of the thread, so that a busy machine makes it longer, not less. */
static void burn(void)
{
	struct timespec from, now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	while ((now.tv_sec - from.tv_sec) * 1000000000L + (now.tv_nsec - from.tv_nsec) <
	       WORK_MS * 1000000L);
}

static void block(void)
{
	nanosleep(&(struct timespec){.tv_nsec = WORK_MS * 1000000L}, NULL);
}

static void nothing(void)
{
}

static void end(struct bench *b)
{
	uv_close((uv_handle_t *)&b->timer, NULL);
	uv_close((uv_handle_t *)&b->poll, NULL);
}

static void on_last(uv_timer_t *timer)
{
	end(timer->data);
}

static void on_timer(uv_timer_t *timer)
{
	struct bench *b = timer->data;

	b->work();
	uv_timer_start(timer, on_last, 1, 0);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct bench *b = poll->data;

	b->work();
	uv_poll_stop(poll);
	uv_timer_start(&b->timer, on_last, 1, 0);
}

static void bench_init(struct bench *b, void (*work)(void))
{
	*b = (struct bench){.work = work};
	cr_assert_eq(uv_loop_init(&b->loop), 0);
	loop_watch_start(&b->watch, &b->loop);
	cr_assert_eq(pipe(b->pipe), 0);
	uv_timer_init(&b->loop, &b->timer);
	uv_poll_init(&b->loop, &b->poll, b->pipe[0]);
	b->timer.data = b->poll.data = b;
}

static void bench_done(struct bench *b)
{
	loop_watch_close(&b->watch);
	cr_expect_eq(uv_run(&b->loop, UV_RUN_DEFAULT), 0);
	cr_expect_eq(uv_loop_close(&b->loop), 0);
	close(b->pipe[0]);
	close(b->pipe[1]);
}

static void on_first(uv_timer_t *timer)
{
	uv_timer_start(timer, on_timer, 1, 0);
}

/*
 * A timer runs before the poll of its turn, a socket's callback inside of it. On a slow machine the
 * first is due before the first turn, from whose poll on the watch counts.
 */
static void run_with_timer(struct bench *b)
{
	uv_timer_start(&b->timer, on_first, 1, 0);
	cr_expect_eq(uv_run(&b->loop, UV_RUN_DEFAULT), 0, "the watch keeps the loop alive");
}

static void run_with_socket(struct bench *b)
{
	uv_poll_start(&b->poll, UV_READABLE, on_readable);
	cr_assert_eq(write(b->pipe[1], "", 1), 1);
	cr_expect_eq(uv_run(&b->loop, UV_RUN_DEFAULT), 0, "the watch keeps the loop alive");
}

Test(loop_watch, counts_work_wherever_it_is_done)
{
	static const struct {
		const char *name;
		void (*run)(struct bench *b);
		void (*work)(void);
		bool wall, cpu;
	} rows[] = {
		{"a timer burns", run_with_timer, burn, true, true},
		{"a socket burns", run_with_socket, burn, true, true},
		{"a timer blocks", run_with_timer, block, true, false},
		{"a socket blocks", run_with_socket, block, true, false},
		{"nothing", run_with_socket, nothing, false, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;
		uint64_t wall_ms, cpu_ms;

		bench_init(&b, rows[i].work);
		rows[i].run(&b);
		wall_ms = loop_watch_longest_ms(&b.watch);
		cpu_ms = loop_watch_longest_cpu_ms(&b.watch);
		if (rows[i].wall) { /* without it, the machine decides */
			cr_expect_geq(wall_ms, WORK_MS, "%s: %zu ms", rows[i].name,
				      (size_t)wall_ms);
			cr_expect_geq(loop_watch_stalls(&b.watch), 1, "%s", rows[i].name);
		}
		if (wall_ms <= LOOP_WATCH_STALL_MS)
			cr_expect_eq(loop_watch_stalls(&b.watch), 0, "%s", rows[i].name);
		if (rows[i].cpu)
			cr_expect_geq(cpu_ms, WORK_MS, "%s: %zu ms", rows[i].name, (size_t)cpu_ms);
		else
			cr_expect_lt(cpu_ms, WORK_MS, "%s: %zu ms", rows[i].name, (size_t)cpu_ms);
		bench_done(&b);
	}
}

/* Waiting for the kernel is no stall: the wall's figure stays far from the time that was slept. */
Test(loop_watch, does_not_count_sleep)
{
	struct bench b;

	bench_init(&b, nothing);
	uv_timer_start(&b.timer, on_timer, 1000, 0);
	cr_expect_eq(uv_run(&b.loop, UV_RUN_DEFAULT), 0);
	cr_expect_lt(loop_watch_longest_ms(&b.watch), 700);
	bench_done(&b);
}

Test(loop_watch, can_be_closed_without_a_start)
{
	struct loop_watch never = {0};

	loop_watch_close(&never);
	cr_expect_eq(loop_watch_longest_ms(&never), 0);
	cr_expect_eq(loop_watch_longest_cpu_ms(&never), 0);
	cr_expect_eq(loop_watch_stalls(&never), 0);
}
