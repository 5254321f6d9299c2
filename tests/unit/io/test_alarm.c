/* The alarm, on a real loop and the real clock: due times are past, or milliseconds away. */
#include "io/alarm.h"

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/macro.h"

struct ring {
	uv_loop_t loop;
	struct alarm *alarm;
	unsigned n, close_at; /* closes itself at that call */
	uint64_t at_ms, next_ms;
};

static void on_alarm(void *user)
{
	struct ring *ring = user;

	ring->at_ms = clock_boot_now_ms();
	if (++ring->n == ring->close_at)
		ring->alarm = alarm_close(ring->alarm);
	else
		alarm_set(ring->alarm, ring->next_ms);
}

static void ring_init(struct ring *ring, unsigned close_at)
{
	*ring = (struct ring){.close_at = close_at};
	cr_assert_eq(uv_loop_init(&ring->loop), 0);
	cr_assert_eq(alarm_new(&ring->loop, on_alarm, ring, &ring->alarm), 0);
}

static void ring_done(struct ring *ring)
{
	cr_expect_eq(uv_run(&ring->loop, UV_RUN_DEFAULT), 0);
	cr_expect_eq(uv_loop_close(&ring->loop), 0);
}

Test(alarm, goes_off_once_and_not_before_its_time)
{
	static const struct {
		const char *name;
		uint64_t due_ms; /* before or after now */
		bool past;
	} rows[] = {
		{"the epoch", UINT64_MAX, true},
		{"the past", 1000, true},
		{"now", 0, false},
		{"soon", 20, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t now = clock_boot_now_ms(), due;
		struct ring ring;

		ring_init(&ring, 1);
		if (rows[i].past)
			due = rows[i].due_ms > now ? 0 : now - rows[i].due_ms;
		else
			due = now + rows[i].due_ms;
		alarm_set(ring.alarm, due);
		cr_expect_eq(ring.n, 0, "%s: called inside alarm_set()", rows[i].name);
		cr_expect_eq(uv_run(&ring.loop, UV_RUN_DEFAULT), 0);
		cr_expect_eq(ring.n, 1, "%s", rows[i].name);
		cr_expect_geq(ring.at_ms, due, "%s", rows[i].name);
		ring_done(&ring);
	}
}

Test(alarm, can_be_set_again_in_its_call)
{
	struct ring ring;

	ring_init(&ring, 3);
	ring.next_ms = 1;
	alarm_set(ring.alarm, 1);
	cr_expect_eq(uv_run(&ring.loop, UV_RUN_DEFAULT), 0);
	cr_expect_eq(ring.n, 3);
	ring_done(&ring);
}

/* What is not set does not go off, not even when it had expired before it was taken back. */
Test(alarm, can_be_taken_back)
{
	struct ring ring, other;

	ring_init(&ring, 0);
	alarm_set(ring.alarm, 1);
	alarm_set(ring.alarm, UINT64_MAX);
	/* A second alarm in the same loop tells when the first one would have come. */
	other = (struct ring){.close_at = 3, .next_ms = 1};
	cr_assert_eq(alarm_new(&ring.loop, on_alarm, &other, &other.alarm), 0);
	alarm_set(other.alarm, 1);
	while (other.alarm)
		uv_run(&ring.loop, UV_RUN_ONCE);
	cr_expect_eq(ring.n, 0);
	cr_expect_null(alarm_close(ring.alarm));
	ring_done(&ring);
}

Test(alarm, a_later_time_replaces_an_expired_one)
{
	struct ring ring;
	uint64_t due;

	ring_init(&ring, 1);
	alarm_set(ring.alarm, 1);
	due = clock_boot_now_ms() + 20;
	alarm_set(ring.alarm, due);
	cr_expect_eq(uv_run(&ring.loop, UV_RUN_DEFAULT), 0);
	cr_expect_eq(ring.n, 1);
	cr_expect_geq(ring.at_ms, due);
	ring_done(&ring);
}

Test(alarm, is_silent_once_closed)
{
	struct ring ring;

	ring_init(&ring, 0);
	alarm_set(ring.alarm, 1);
	alarm_close(ring.alarm);
	ring_done(&ring);
	cr_expect_eq(ring.n, 0);
	cr_expect_null(alarm_close(NULL));
}
