/* Tries and verdicts: what is written down when, the end of the schedule, digests. */
#include "daemon/sender.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "daemon/window.h"
#include "model/schedule.h"
#include "world.h"

#define ROWS                                                                                       \
	"SELECT event.id || ':' || state || ':' || tries FROM delivery JOIN event ON number = event"

static void setup(void)
{
	world_begin(1000);
}

TestSuite(sender, .init = setup, .fini = world_end);

static int64_t hours_ago(int64_t hours)
{
	return clock_real_now_us() - hours * 3600 * US_PER_S;
}

Test(sender, writes_verdicts_down)
{
	static const struct {
		enum verdict verdict;
		const char *row;
	} cases[] = {
		{VERDICT_DELIVERED, "evt_a1:delivered:1"},
		{VERDICT_RETRY, "evt_a1:pending:1"},
		{VERDICT_DEAD, "evt_a1:dead:1"},
		{VERDICT_GONE, "evt_a1:dead:1"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (i > 0) {
			world_end();
			setup();
		}
		world_event('a', 1, EVENT_JOB_FAILED);
		world_settle();
		world.now_ms = 0;
		world_answer(cases[i].verdict);
		cr_expect_str_eq(world_query(ROWS), cases[i].row);
		cr_expect_eq(world.outlet->off, cases[i].verdict == VERDICT_GONE);
	}
}

Test(sender, retries_wait_and_the_lane_with_them)
{
	uint64_t due_ms;

	world_event('a', 1, EVENT_JOB_PAUSED);
	world_event('a', 2, EVENT_JOB_FAILED);
	world_event('b', 1, EVENT_JOB_FAILED);
	world_settle();
	world.now_ms = clock_boot_now_ms() + 1000;
	world_answer(VERDICT_RETRY);
	world_answer(VERDICT_DELIVERED);
	cr_expect_str_eq(world.sent, "a1 b1 ");
	due_ms = sender_due_ms(world.outlet);
	cr_expect_gt(due_ms, clock_boot_now_ms() + 4000);
	cr_expect_lt(due_ms, clock_boot_now_ms() + 6000);
	world.now_ms = due_ms;
	world.owner.changed(&world.owner);
	world_answer_all(VERDICT_DELIVERED);
	cr_expect_str_eq(world.sent, "a1 b1 a1/2 a2 ");
}

/* Many that fail at one moment do not come back at one moment. */
Test(sender, retries_are_spread)
{
	uint64_t least_ms = UINT64_MAX, most_ms = 0;

	world.max_parallel = 20;
	for (char letter = 'a'; letter < 'a' + 20; letter++)
		world_event(letter, 1, EVENT_JOB_FAILED);
	world_settle();
	world.now_ms = 0;
	world_answer_all(VERDICT_RETRY);
	map_for_each (&world.outlet->lanes.by_subject, struct lane, l) {
		least_ms = MIN(least_ms, l->retry_in_ms);
		most_ms = MAX(most_ms, l->retry_in_ms);
	}
	cr_expect_geq(least_ms, 5000U);
	cr_expect_gt(most_ms, least_ms + 100, "all after %u ms", (unsigned)most_ms);
}

Test(sender, a_notifier_that_cannot_begin_is_tried_later)
{
	world.deliver_result = -12;
	world.now_ms = clock_boot_now_ms() + 1000;
	world_event('a', 1, EVENT_JOB_FAILED);
	world_settle();
	cr_expect_str_eq(world_query(ROWS), "evt_a1:pending:1");
	cr_expect_eq(world.outlet->running, 0U);
	cr_expect_eq(world.owner.running, 0U);
	cr_expect_gt(sender_due_ms(world.outlet), world.now_ms);
}

static char row_at_start[64];

static void look(void)
{
	snprintf(row_at_start, sizeof(row_at_start), "%s", world_query(ROWS));
}

Test(sender, counts_a_try_before_it_begins)
{
	world.info.counts_starts = true;
	world.on_deliver = look;
	world_event('a', 1, EVENT_JOB_FAILED);
	world_settle();
	cr_expect_str_eq(row_at_start, "evt_a1:pending:1", "%s", row_at_start);
	world_restart(); /* in the middle of it */
	cr_expect_str_eq(world.sent, "a1/2 ", "%s", world.sent);
	cr_expect_str_eq(row_at_start, "evt_a1:pending:2", "%s", row_at_start);
	world_answer(VERDICT_DELIVERED);
	cr_expect_str_eq(world_query(ROWS), "evt_a1:delivered:2");
}

Test(sender, does_not_count_a_try_that_was_cut_short_elsewhere)
{
	world_event('a', 1, EVENT_JOB_FAILED);
	world_settle();
	world_restart();
	cr_expect_str_eq(world.sent, "a1 ", "%s", world.sent);
	world_answer(VERDICT_DELIVERED);
}

Test(sender, tries_that_are_written_down_count_as_running)
{
	world.info.counts_starts = true;
	world.max_parallel = 2;
	for (char letter = 'a'; letter <= 'e'; letter++)
		world_event(letter, 1, EVENT_JOB_FAILED);
	world_settle();
	cr_expect_eq(world.n_calls, 2U);
	world_answer(VERDICT_DELIVERED);
	cr_expect_eq(world.n_calls, 2U);
	world_answer_all(VERDICT_DELIVERED);
	cr_expect_eq(world.outlet->delivered, 5U);
	cr_expect_eq(world.outlet->running, 0U);
}

/* What waits has been tried so often before. */
static void set_tries(unsigned tries)
{
	map_for_each (&world.outlet->lanes.by_subject, struct lane, l)
		list_for_each (it, &l->deliveries)
			container_of(it, struct delivery, in_lane)->tries = tries;
}

static void go_on(void)
{
	world.now_ms = clock_boot_now_ms() + 1000;
	world.owner.changed(&world.owner);
	world_settle();
}

Test(sender, gives_up_after_the_last_try)
{
	world.now_ms = 0;
	world_old_event('a', 1, EVENT_JOB_FAILED, hours_ago(73));
	world_old_event('b', 1, EVENT_JOB_FAILED, hours_ago(70));
	world_settle();
	set_tries(SCHEDULE_RETRY_MIN - 1);
	go_on();
	world_answer_all(VERDICT_RETRY);
	cr_expect_str_eq(world.sent, "a1/8 b1/8 ", "%s", world.sent);
	cr_expect_str_eq(world_query(ROWS), "evt_a1:dead:8 evt_b1:pending:8");
	cr_expect_eq(world.outlet->dead, 1U);
}

/* The time may have passed while the machine slept, and its network is not up yet. */
Test(sender, gives_nothing_up_at_the_first_failure_after_a_long_sleep)
{
	world.now_ms = clock_boot_now_ms() + 1000;
	world_old_event('a', 1, EVENT_JOB_FAILED, hours_ago(100));
	world_settle();
	world_answer_all(VERDICT_RETRY);
	cr_expect_str_eq(world_query(ROWS), "evt_a1:pending:1");
}

Test(sender, gives_up_what_is_past_for_who_came_back)
{
	world_old_event('a', 1, EVENT_JOB_FAILED, hours_ago(73));
	world_old_event('a', 2, EVENT_JOB_FAILED, hours_ago(71));
	world_old_event('b', 1, EVENT_JOB_FAILED, hours_ago(200));
	world.outlet->since_us = clock_real_now_us();
	world_settle();
	cr_expect_str_eq(world.sent, "a2 ", "%s", world.sent);
	world_answer_all(VERDICT_DELIVERED);
	cr_expect_str_eq(world_query(ROWS), "evt_a1:dead:0 evt_a2:delivered:1 evt_b1:dead:0");
	cr_expect_eq(world.outlet->dead, 2U);
	cr_expect_str_eq(world_query("SELECT DISTINCT error FROM delivery WHERE state = 'dead'"),
			 "given up: too old when the notifier came back");
}

Test(sender, sends_what_is_past_when_it_is_asked_for)
{
	struct store_delivery d;

	world.now_ms = 0;
	world_old_event('a', 1, EVENT_JOB_FAILED, hours_ago(200));
	world.outlet->since_us = clock_real_now_us();
	world_settle();
	world.now_ms = clock_boot_now_ms() + 1000;
	world.owner.changed(&world.owner);
	world_settle();
	cr_expect_str_eq(world_query(ROWS), "evt_a1:dead:0");
	cr_assert_eq(store_resend(world.store, "evt_a1", "n", clock_real_now_us(), &d, NULL), 0);
	window_take_again(world.outlet, &d);
	store_deliveries_done(&d, 1);
	world.owner.changed(&world.owner);
	world_settle();
	cr_expect_str_eq(world.sent, "a1 ");
	world_answer(VERDICT_DELIVERED);
}

/* Whoever came while the clock was wrong gets what happens once it is right. */
Test(sender, a_clock_that_was_set_back_makes_nothing_past)
{
	world.outlet->since_us = hours_ago(-24 * 365);
	world_event('a', 1, EVENT_JOB_FAILED);
	world_settle();
	cr_expect_str_eq(world.sent, "a1 ", "%s", world.sent);
	world_answer_all(VERDICT_DELIVERED);
	cr_expect_str_eq(world_query(ROWS), "evt_a1:delivered:1");
}

/* --- digests --- */

#define DIGEST_MS 30000

static void begin_digest(void)
{
	world.config.digest_ms = DIGEST_MS;
	world.now_ms = clock_boot_now_ms() + 1000;
}

static void pass_digest(void)
{
	world.now_ms = clock_boot_now_ms() + DIGEST_MS + 1000;
	world.owner.changed(&world.owner);
	world_settle();
}

Test(sender, a_digest_joins_what_came_within_its_time)
{
	begin_digest();
	world_event('a', 1, EVENT_JOB_PAUSED);
	world_event('b', 1, EVENT_JOB_PROGRESS);
	world_event('a', 2, EVENT_JOB_RUNNING);
	world_event('b', 2, EVENT_JOB_PROGRESS);
	world_settle();
	cr_expect_str_eq(world.sent, "");
	cr_expect_leq(sender_due_ms(world.outlet), clock_boot_now_ms() + DIGEST_MS);
	pass_digest();
	cr_expect_str_eq(world.sent, "a1,a2,b2+1 ", "%s", world.sent);
	/* What comes while it is under way goes into the next one. */
	world_event('a', 3, EVENT_JOB_SUCCEEDED);
	world_settle();
	world_answer(VERDICT_DELIVERED);
	world_answer_all(VERDICT_DELIVERED);
	cr_expect_str_eq(world.sent, "a1,a2,b2+1 a3 ", "%s", world.sent);
	cr_expect_eq(world.outlet->delivered, 4U);
}

Test(sender, a_digest_is_tried_again_as_a_whole)
{
	begin_digest();
	world.now_ms = 0; /* all of it is there when the first one's time has come */
	world_old_event('a', 1, EVENT_JOB_FAILED, hours_ago(73));
	world_settle();
	set_tries(SCHEDULE_RETRY_MIN - 1);
	world_event('b', 1, EVENT_JOB_FAILED);
	world_event('c', 1, EVENT_JOB_PROGRESS);
	world_settle();
	go_on();
	cr_expect_str_eq(world.sent, "a1/8,b1,c1 ", "%s", world.sent);
	world_event('c', 2, EVENT_JOB_PROGRESS);
	world_settle();
	world_answer(VERDICT_RETRY);
	cr_expect_str_eq(world_query(ROWS),
			 "evt_a1:dead:8 evt_b1:pending:1 evt_c1:skipped:1 evt_c2:pending:0", "%s",
			 world_query(ROWS));
	cr_expect_gt(sender_due_ms(world.outlet), clock_boot_now_ms() + 4000);
	pass_digest();
	cr_expect_str_eq(world.sent, "a1/8,b1,c1 b1/2,c2+1 ", "%s", world.sent);
	world_answer(VERDICT_DEAD);
	cr_expect_eq(world.outlet->dead, 3U);
	cr_expect_eq(outlet_waiting(world.outlet), 0U);
}

Test(sender, a_digest_has_a_bound)
{
	begin_digest();
	for (unsigned i = 1; i <= DIGEST_MAX + 1; i++)
		world_event('a', i, EVENT_JOB_STATUS);
	world_settle();
	pass_digest();
	world_answer(VERDICT_DELIVERED);
	cr_expect_not_null(strstr(world.sent, ",a50 a51 "), "%s", world.sent);
	world_answer(VERDICT_DELIVERED);
}

Test(sender, a_restart_does_not_prolong_a_digest)
{
	uint64_t due_ms;

	begin_digest();
	world_old_event('a', 1, EVENT_JOB_FAILED, clock_real_now_us() - 20 * US_PER_S);
	world_settle();
	world_restart();
	due_ms = sender_due_ms(world.outlet);
	cr_expect_gt(due_ms, clock_boot_now_ms() + 5000);
	cr_expect_leq(due_ms, clock_boot_now_ms() + 10000);
}

Test(sender, a_shorter_digest_holds_for_what_waits)
{
	begin_digest();
	world.now_ms = 0;
	world_event('b', 1, EVENT_JOB_PROGRESS);
	world_event('c', 1, EVENT_JOB_PAUSED);
	world_settle();
	world.config.digest_ms = 2 * DIGEST_MS;
	window_hasten(world.outlet);
	cr_expect_leq(sender_due_ms(world.outlet), clock_boot_now_ms() + DIGEST_MS);
	world.config.digest_ms = DIGEST_MS / 3;
	window_hasten(world.outlet);
	cr_expect_leq(sender_due_ms(world.outlet), clock_boot_now_ms() + DIGEST_MS / 3);
	cr_expect_gt(sender_due_ms(world.outlet), clock_boot_now_ms() + DIGEST_MS / 3 - 5000);
	world.config.digest_ms = 0;
	window_hasten(world.outlet);
	cr_expect_leq(sender_due_ms(world.outlet), clock_boot_now_ms());
	world.now_ms = clock_boot_now_ms();
	world.owner.changed(&world.owner);
	world_settle();
	world_answer_all(VERDICT_DELIVERED);
	cr_expect_str_eq(world.sent, "b1 c1 ", "%s", world.sent);
}

/* The wish of a receiver to be left alone is not the digest's. */
Test(sender, a_shorter_digest_hastens_no_retry)
{
	begin_digest();
	world.config.digest_ms = 0;
	world_event('a', 1, EVENT_JOB_PROGRESS);
	world_event('b', 1, EVENT_JOB_FAILED);
	world_settle();
	world_event('a', 2, EVENT_JOB_PROGRESS);
	world_settle();
	world_answer_all(VERDICT_RETRY);
	window_hasten(world.outlet);
	cr_expect_gt(sender_due_ms(world.outlet), clock_boot_now_ms() + 4000);
}

Test(sender, order_stays_when_a_digest_comes_and_goes)
{
	world_event('a', 1, EVENT_JOB_PAUSED);
	world_settle(); /* under way by itself */
	begin_digest();
	world_event('a', 2, EVENT_JOB_RUNNING);
	world_event('b', 1, EVENT_JOB_PAUSED);
	world_settle();
	world.config.digest_ms = 0;
	world_event('b', 2, EVENT_JOB_RUNNING);
	world_event('c', 1, EVENT_JOB_PAUSED);
	world_settle();
	cr_expect_str_eq(world.sent, "a1 c1 ", "%s", world.sent);
	pass_digest();
	cr_expect_str_eq(world.sent, "a1 c1 b1 ", "%s", world.sent);
	world.now_ms = UINT64_MAX - 1;
	world_answer_all(VERDICT_DELIVERED);
	cr_expect_not_null(strstr(world.sent, "a2"), "%s", world.sent);
	cr_expect_not_null(strstr(world.sent, "b2"), "%s", world.sent);
	cr_expect_eq(world.outlet->delivered, 5U);
}
