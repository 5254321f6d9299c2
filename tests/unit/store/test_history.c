/* History as it is told, and what people ask for: overrides and submissions. */
#include "tests/unit/store/fixture.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

TestSuite(history, .init = fixture_setup, .fini = fixture_teardown);

#define J "accounts/a/dpoJobs/j"
#define K "accounts/a/dpoJobs/k"

/* Events 1 to 6 of j and k in turn, at 1001, 1001, 1002, … */
static struct store *with_events(void)
{
	struct store *s = fixture_open();

	for (uint64_t i = 0; i < 6; i++) {
		struct event_record *event = fixture_event(i % 2 ? K : J, i / 2 + 1);

		fixture_apply(s, (struct store_op){.type = STORE_EVENT, .event = event});
		cr_assert_eq(event->number, i + 1);
		event_record_unref(event);
	}
	return s;
}

struct told {
	char text[256];
	unsigned stop_at, n;
};

static int tell(void *user, struct event_record *event)
{
	struct told *told = user;
	size_t len = strlen(told->text);

	cr_expect(strstr(event->body, event->subject), "%s", event->body);
	snprintf(told->text + len, sizeof(told->text) - len, "%" PRIu64 "%c ", event->number,
		 event->subject[strlen(event->subject) - 1]);
	return ++told->n == told->stop_at ? -ECANCELED : 0;
}

Test(history, is_told_from_where_it_is_asked_for)
{
	static const struct {
		struct store_query query;
		const char *expected;
	} rows[] = {
		{{.since_us = INT64_MIN, .max = 100}, "1j 2k 3j 4k 5j 6k "},
		{{.since_us = INT64_MIN, .max = 2}, "1j 2k "},
		{{.since_us = INT64_MIN, .after = 2, .max = 2}, "3j 4k "},
		{{.since_us = INT64_MIN, .after = 6, .max = 2}, ""},
		{{.since_us = INT64_MIN, .after = UINT64_MAX, .max = 2}, ""},
		{{.since_us = INT64_MIN, .max = 2, .newest = true}, "5j 6k "},
		{{.since_us = INT64_MIN, .max = 0}, ""},
		{{.since_us = INT64_MIN, .subject = K, .max = 2}, "2k 4k "},
		{{.since_us = INT64_MIN, .subject = K, .after = 2, .max = 9}, "4k 6k "},
		{{.since_us = INT64_MIN, .subject = J, .max = 2, .newest = true}, "3j 5j "},
		{{.since_us = INT64_MIN, .subject = "accounts/a", .max = 9}, ""},
		{{.since_us = 1002, .max = 9}, "3j 4k 5j 6k "},
		{{.since_us = 1002, .after = 4, .max = 9}, "5j 6k "},
		{{.since_us = 1003, .subject = J, .max = 9}, "5j "},
		{{.since_us = 1004, .max = 9}, ""},
		{{.since_us = 1002, .max = 1}, "3j "},
	};
	struct store *s = with_events();

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct told told = {0};

		cr_expect_eq(store_list_events(s, &rows[i].query, tell, &told, NULL), 0);
		cr_expect_str_eq(told.text, rows[i].expected, "%zu: %s", i, told.text);
	}
	store_close(s);
}

/* A clock that was set back: what is not of that time is left out, wherever it stands. */
Test(history, is_in_the_order_in_which_it_came)
{
	static const struct store_query query = {.since_us = 1002, .max = 9};
	struct store *s = with_events();
	struct told told = {0};

	free(fixture_query("UPDATE event SET time_us = 7 WHERE number = 5"));
	cr_expect_eq(store_list_events(s, &query, tell, &told, NULL), 0);
	cr_expect_str_eq(told.text, "3j 4k 6k ", "%s", told.text);
	store_close(s);
}

Test(history, stops_when_told)
{
	static const struct store_query query = {.since_us = INT64_MIN, .max = 9};
	struct store *s = with_events();
	struct told told = {.stop_at = 2};

	cr_expect_eq(store_list_events(s, &query, tell, &told, NULL), -ECANCELED);
	cr_expect_str_eq(told.text, "1j 2k ");
	store_close(s);
}

static int see_newest(void *user, uint64_t number)
{
	*(uint64_t *)user = number;
	return 0;
}

Test(history, numbers_are_remembered_when_the_events_are_gone)
{
	static const struct store_loader loader = {.newest = see_newest};
	static const struct store_retention none = {.before_us = INT64_MAX,
						    .max_bytes = UINT64_MAX};
	uint64_t cursor = STORE_PRUNE_START, number = 99;
	struct store_pruned pruned;
	struct store *s = fixture_open();

	cr_assert_eq(store_load(s, &loader, &number, NULL), 0);
	cr_expect_eq(number, 99, "there never was one");
	store_close(s);
	s = with_events();
	cr_assert_eq(store_prune(s, &none, 100, &cursor, &pruned, NULL), 0);
	cr_assert_eq(pruned.events, 6);
	cr_assert_eq(store_load(s, &loader, &number, NULL), 0);
	cr_expect_eq(number, 6);
	store_close(s);
}

static struct store_op override(const char *name, bool watched, const char *notify)
{
	return (struct store_op){.type = STORE_OVERRIDE,
				 .override = {.endpoint = "https://api.test",
					      .name = name,
					      .watched = watched,
					      .notify = notify}};
}

Test(history, what_was_asked_for_is_kept_and_replaced)
{
	_cleanup_free_ char *first = NULL, *second = NULL;
	struct store *s = fixture_open();

	fixture_apply(s, override(J, true, NULL));
	fixture_apply(s, override(K, true, "a,b"));
	fixture_apply(s, (struct store_op){.type = STORE_SUBMISSION,
					   .submission = {.endpoint = "https://api.test",
							  .name = J,
							  .body = "{}",
							  .notify = "a"}});
	first = fixture_dump(s);
	cr_expect_str_eq(first,
			 "override https://api.test " J " watched [-]\n"
			 "override https://api.test " K " watched [a,b]\n"
			 "submission https://api.test " J " {} [a]\n",
			 "%s", first);
	fixture_apply(s, override(K, false, NULL));
	fixture_apply(s,
		      (struct store_op){.type = STORE_OVERRIDE_DROP,
					.override = {.endpoint = "https://api.test", .name = J}});
	fixture_apply(s,
		      (struct store_op){.type = STORE_SUBMISSION_DROP,
					.submission = {.endpoint = "https://api.test", .name = J}});
	second = fixture_dump(s);
	cr_expect_str_eq(second, "override https://api.test " K " not watched [-]\n", "%s", second);
	store_close(s);
}
