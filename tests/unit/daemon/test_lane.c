/* Lanes: order per subject, first due first, nothing left behind. */
#include "daemon/lane.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

static struct lanes lanes;

static struct event_record *record(const char *subject, uint64_t sequence)
{
	const struct event event = {.type = EVENT_JOB_RUNNING, .sequence = sequence, .id = "evt_1"};
	struct event_record *r;

	cr_assert_eq(event_record_new(&event, subject, "{}", 2, &r), 0);
	return r;
}

/* Pushes the sequence number as an event of the subject. */
static struct lane *push(const char *subject, uint64_t sequence, uint64_t due_ms)
{
	struct event_record *r = record(subject, sequence);
	struct lane *l;

	cr_assert_eq(lanes_push(&lanes, r, 0, 0, due_ms, &l), 0);
	event_record_unref(r);
	return l;
}

static void setup(void)
{
	lanes_init(&lanes);
}

static void teardown(void)
{
	lanes_done(&lanes);
	cr_expect_eq(lanes.pending, 0);
}

TestSuite(lane, .init = setup, .fini = teardown);

Test(lane, keeps_the_order_of_a_subject)
{
	struct lane *a = push("a", 1, 30);

	cr_expect_eq(push("a", 2, 10), a);
	cr_expect_neq(push("b", 1, 20), a);
	cr_expect_eq(lanes.pending, 3);
	for (uint64_t sequence = 1; sequence <= 2; sequence++) {
		cr_assert_not_null(lane_head(a));
		cr_expect_eq(lane_head(a)->event->sequence, sequence);
		lane_remove(a, lane_head(a));
	}
	cr_expect_null(lane_head(a));
	cr_expect_eq(lanes.pending, 1);
	lane_free(a);
	cr_expect_neq(push("a", 3, 0), NULL);
}

Test(lane, the_first_due_comes_first)
{
	static const struct {
		const char *subject;
		uint64_t due_ms;
	} cases[] = {{"c", 30}, {"a", 10}, {"d", 40}, {"b", 20}};
	struct lane *l;

	cr_expect_null(lanes_first(&lanes));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		l = push(cases[i].subject, 1, cases[i].due_ms);
		cr_assert_eq(lane_wait(l), 0);
	}
	for (const char *subject = "abcd"; *subject; subject++) {
		l = lanes_first(&lanes);
		cr_assert_not_null(l);
		cr_expect_eq(l->subject[0], *subject);
		lane_stop_waiting(l);
	}
	cr_expect_null(lanes_first(&lanes), "a lane that does not wait is not due");
}

Test(lane, a_later_delivery_is_not_due_before_the_head)
{
	struct lane *l = push("a", 1, 100);

	push("a", 2, 1);
	cr_assert_eq(lane_wait(l), 0);
	cr_expect_eq(lanes_first(&lanes)->due.due, 100);
}

Test(lane, is_busy_while_its_head_or_its_verdict_is_under_way)
{
	struct lane *l = push("a", 1, 0);

	cr_expect_not(lane_is_busy(l));
	l->instance = (struct instance *)l;
	cr_expect(lane_is_busy(l));
	l->instance = NULL;
	l->verdict = DELIVERY_DELIVERED;
	cr_expect(lane_is_busy(l));
	l->verdict = DELIVERY_STATE_COUNT_;
	cr_expect_not(lane_is_busy(l));
}

Test(lane, freeing_takes_it_out_everywhere)
{
	struct lane *l = push("a", 1, 0);

	push("a", 2, 0);
	cr_assert_eq(lane_wait(l), 0);
	lane_free(l);
	cr_expect_eq(lanes.pending, 0);
	cr_expect_null(lanes_first(&lanes));
	cr_expect_eq(lanes.by_subject.n, 0);
}
