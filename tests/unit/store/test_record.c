/* Event records and the names of delivery states. */
#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include "store/store.h"

Test(record, holds_its_bytes_until_the_last_reference)
{
	struct event event = {.type = EVENT_JOB_FAILED, .id = "evt_x", .sequence = 3, .time_us = 4};
	struct event_record *r = NULL;
	char body[] = "{}....";

	cr_assert_eq(event_record_new(&event, "accounts/a/dpoJobs/j", body, 2, &r), 0);
	memset(body, 'x', sizeof(body));
	cr_expect_eq(event_record_ref(r), r);
	cr_expect_null(event_record_unref(r));
	cr_expect_eq(r->refs, 1);
	cr_expect_eq(r->type, EVENT_JOB_FAILED);
	cr_expect_eq(r->sequence, 3);
	cr_expect_eq(r->time_us, 4);
	cr_expect_str_eq(r->id, "evt_x");
	cr_expect_str_eq(r->subject, "accounts/a/dpoJobs/j");
	cr_expect_eq(r->len, 2);
	cr_expect_str_eq(r->body, "{}");
	cr_expect_null(event_record_unref(r));
	cr_expect_null(event_record_unref(NULL));
}

Test(record, refuses_a_subject_that_does_not_fit)
{
	struct event event = {.type = EVENT_JOB_FAILED, .id = "evt_x"};
	struct event_record *r = NULL;
	char subject[NAME_JOB_MAX + 1];

	memset(subject, 'a', sizeof(subject));
	subject[NAME_JOB_MAX] = '\0';
	cr_expect_eq(event_record_new(&event, subject, "", 0, &r), -EINVAL);
	subject[NAME_JOB_MAX - 1] = '\0';
	cr_assert_eq(event_record_new(&event, subject, "", 0, &r), 0);
	cr_expect_str_eq(r->subject, subject);
	event_record_unref(r);
}

Test(record, delivery_states_have_names)
{
	cr_expect_str_eq(delivery_state_name(DELIVERY_PENDING), "pending");
	cr_expect_str_eq(delivery_state_name(DELIVERY_DELIVERED), "delivered");
	cr_expect_str_eq(delivery_state_name(DELIVERY_DEAD), "dead");
	cr_expect_str_eq(delivery_state_name(DELIVERY_SKIPPED), "skipped");
}
