/* The outbox for those who ask. */
#include "tests/unit/store/fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/macro.h"

TestSuite(outbox, .init = fixture_setup, .fini = fixture_teardown);

#define NOW_US 1795156316123000LL

static struct store *with_events(size_t n, char ids[][EVENT_ID_MAX])
{
	struct store *s = fixture_open();

	for (size_t i = 0; i < n; i++) {
		struct event_record *event = fixture_event("abc", i + 1);

		fixture_apply(s, (struct store_op){.type = STORE_EVENT, .event = event});
		fixture_apply(s, fixture_delivery(event->id, "hook"));
		snprintf(ids[i], EVENT_ID_MAX, "%s", event->id);
		event_record_unref(event);
	}
	return s;
}

static void judge(struct store *s, const char *id, enum delivery_state state, const char *error)
{
	fixture_apply(s, (struct store_op){.type = STORE_VERDICT,
					   .verdict = {.event_id = id,
						       .notifier = "hook",
						       .state = state,
						       .tries = 4,
						       .error = error}});
}

static int describe(void *user, const struct store_row *row)
{
	FILE *out = user;

	fprintf(out, "%u %s %s %u \"%s\"\n", (unsigned)row->sequence, event_type_name(row->type),
		row->notifier, row->tries, row->error);
	return 0;
}

static char *list(struct store *s, enum delivery_state state, size_t max)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	cr_assert_eq(store_list_deliveries(s, state, max, describe, out, NULL), 0);
	fclose(out);
	return text;
}

Test(outbox, lists_by_state_the_newest_first)
{
	char ids[4][EVENT_ID_MAX];
	struct store *s = with_events(4, ids);
	char *type = NULL, *expected = NULL, *got;

	judge(s, ids[0], DELIVERY_DEAD, "exit status 1");
	judge(s, ids[2], DELIVERY_DEAD, "gone");
	judge(s, ids[3], DELIVERY_SKIPPED, "replaced");
	type = fixture_query("SELECT type FROM event");
	cr_assert_gt(asprintf(&expected, "3 %s hook 4 \"gone\"\n1 %s hook 4 \"exit status 1\"\n",
			      type, type),
		     0);
	got = list(s, DELIVERY_DEAD, 10);
	cr_expect_str_eq(got, expected);
	free(got);
	got = list(s, DELIVERY_DEAD, 1);
	cr_expect_eq(strlen(got), strcspn(expected, "\n") + 1, "%s", got);
	free(got);
	got = list(s, DELIVERY_DELIVERED, 10);
	cr_expect_str_eq(got, "");
	free(got);
	got = list(s, DELIVERY_PENDING, 10);
	cr_expect_eq(strncmp(got, "2 ", 2), 0, "%s", got);
	free(got);
	free(type);
	free(expected);
	store_close(s);
}

Test(outbox, resends_what_is_over)
{
	static const struct {
		enum delivery_state state;
		int r;
		enum model_ready model; /* stays: it says again what it has said */
	} cases[] = {
		{DELIVERY_PENDING, 1, MODEL_LATE},
		{DELIVERY_DELIVERED, 0, MODEL_READY},
		{DELIVERY_DEAD, 0, MODEL_LATE},
		{DELIVERY_SKIPPED, 0, MODEL_UNASKED},
	};
	char ids[ARRAY_LEN(cases)][EVENT_ID_MAX];
	struct store *s = with_events(ARRAY_LEN(cases), ids);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct store_delivery d = {0};

		fixture_apply(s, (struct store_op){.type = STORE_MODEL,
						   .model = {ids[i], "hook", cases[i].model}});
		judge(s, ids[i], cases[i].state, "why");
		cr_assert_eq(store_resend(s, ids[i], "hook", NOW_US, &d, NULL), cases[i].r,
			     "case %zu", i);
		cr_expect_str_eq(d.event->id, ids[i]);
		cr_expect_eq(d.event->number, i + 1);
		cr_expect_eq(d.tries, 4);
		cr_expect_eq(d.due_us, NOW_US);
		cr_expect_eq(d.model_ready, cases[i].model, "case %zu", i);
		store_deliveries_done(&d, 1);
		cr_expect_eq(store_resend(s, ids[i], "hook", NOW_US + 1, &d, NULL), 1);
		cr_expect_eq(d.due_us, NOW_US + 1);
		cr_expect_eq(d.model_ready, cases[i].model, "case %zu", i);
		store_deliveries_done(&d, 1);
	}
	store_close(s);
}

Test(outbox, resends_nothing_that_is_not_there)
{
	char ids[1][EVENT_ID_MAX];
	struct store *s = with_events(1, ids);
	struct error e = ERROR_NONE;
	struct store_delivery d;

	cr_expect_eq(store_resend(s, ids[0], "other", NOW_US, &d, &e), -ENOENT);
	cr_expect_str_eq(e.text, "there is no such delivery");
	cr_expect_eq(store_resend(s, "evt_none", "hook", NOW_US, &d, NULL), -ENOENT);
	store_close(s);
}
