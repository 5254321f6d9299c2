/* Lanes: order per subject, first due first, nothing left behind. */
#include "daemon/lane.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

static struct lanes lanes;

static struct event_record *record(const char *subject, enum event_type type, uint64_t sequence)
{
	const struct event event = {.type = type, .sequence = sequence, .id = "evt_1"};
	struct event_record *r;

	cr_assert_eq(event_record_new(&event, subject, "{}", 2, &r), 0);
	return r;
}

static struct lane *push_as(const char *subject, enum event_type type, uint64_t sequence,
			    uint64_t due_ms, bool digest)
{
	struct event_record *r = record(subject, type, sequence);
	const struct delivery template = {.event = r, .due_ms = due_ms};
	struct delivery *v;
	struct lane *l;

	cr_assert_eq(lanes_push(&lanes, &template, digest, &v, &l), 0);
	cr_expect_eq(v->event, r);
	event_record_unref(r);
	return l;
}

/* Pushes the sequence number as an event of the subject. */
static struct lane *push(const char *subject, uint64_t sequence, uint64_t due_ms)
{
	return push_as(subject, EVENT_JOB_RUNNING, sequence, due_ms, false);
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
		lane_wait(l);
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
	lane_wait(l);
	cr_expect_eq(lanes_first(&lanes)->due.due, 100);
}

Test(lane, settles_when_it_is_idle)
{
	struct lane *l = push("a", 1, 7);

	l->n_busy = 1;
	lane_settle(l);
	cr_expect_null(lanes_first(&lanes), "busy lanes do not wait");
	l->n_busy = 0;
	lane_settle(l);
	cr_expect_eq(lanes_first(&lanes), l);
	lane_remove(l, lane_head(l));
	lane_settle(l);
	cr_expect_eq(lanes.by_subject.n, 0);
}

Test(lane, waiting_never_takes_memory)
{
	struct lane *l[64];

	for (size_t i = 0; i < ARRAY_LEN(l); i++) {
		const char subject[] = {(char)('A' + i), '\0'};

		l[i] = push(subject, 1, i);
	}
	cr_expect_geq(lanes.waiting.cap, ARRAY_LEN(l));
	for (size_t i = 0; i < ARRAY_LEN(l); i++)
		lane_wait(l[i]);
	cr_expect_eq(lanes_first(&lanes), l[0]);
}

Test(lane, a_digest_has_one_lane_for_all)
{
	struct lane *own = push("a", 1, 0), *shared = push_as("b", EVENT_JOB_RUNNING, 1, 0, true);

	cr_expect_str_eq(shared->subject, LANE_SHARED);
	cr_expect_eq(push_as("c", EVENT_JOB_RUNNING, 1, 0, true), shared);
	/* What is in a lane of its own is followed there, and what is in the shared one there. */
	cr_expect_eq(push_as("a", EVENT_JOB_RUNNING, 2, 0, true), own);
	cr_expect_eq(push("b", 2, 0), shared);
	cr_expect_str_eq(push("d", 1, 0)->subject, "d");
	cr_expect_eq(lanes_find(&lanes, "c"), shared);
	cr_expect_eq(lanes_find(&lanes, "a"), own);
	cr_expect_null(lanes_find(&lanes, "e"));
	cr_expect_eq(lanes.pending, 6);
}

Test(lane, finds_the_progress_that_waits)
{
	struct lane *l = push_as("a", EVENT_JOB_PROGRESS, 1, 0, true);
	struct delivery *v;

	push_as("b", EVENT_JOB_PROGRESS, 1, 0, true);
	push_as("a", EVENT_JOB_RUNNING, 2, 0, true);
	push_as("a", EVENT_JOB_PROGRESS, 3, 0, true);
	v = lane_last_progress(l, "a");
	cr_expect_eq(v->event->sequence, 3);
	cr_expect_eq(lane_stale_progress(l, "a", v), lane_head(l));
	l->n_busy = 1;
	cr_expect_null(lane_stale_progress(l, "a", v), "it is under way");
	cr_expect_eq(lane_stale_progress(l, "a", NULL), v);
	cr_expect_eq(lane_stale_progress(l, "b", NULL), lane_last_progress(l, "b"));
	cr_expect_null(lane_last_progress(l, "c"));
}

Test(lane, freeing_takes_it_out_everywhere)
{
	struct lane *l = push("a", 1, 0);

	push("a", 2, 0);
	lane_wait(l);
	lane_free(l);
	cr_expect_eq(lanes.pending, 0);
	cr_expect_null(lanes_first(&lanes));
	cr_expect_eq(lanes.by_subject.n, 0);
}
