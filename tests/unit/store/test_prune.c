/* Pruning: what goes and what stays, in steps, and that the file shrinks. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <criterion/criterion.h>

#include "store/schema.h"
#include "tests/support/rand.h"
#include "tests/unit/store/fixture.h"

TestSuite(prune, .init = fixture_setup, .fini = fixture_teardown);

#define JOB "accounts/a/dpoJobs/j"

static void add(struct store *s, uint64_t sequence, int64_t time_us, size_t len)
{
	struct event event = {.type = EVENT_JOB_RUNNING, .sequence = sequence, .time_us = time_us};
	_cleanup_free_ char *body = malloc(len);
	struct event_record *record = NULL;

	cr_assert_not_null(body);
	memset(body, 'x', len);
	snprintf(event.id, sizeof(event.id), "evt_%" PRIu64, sequence);
	cr_assert_eq(event_record_new(&event, JOB, body, len, &record), 0);
	fixture_apply(s, (struct store_op){.type = STORE_EVENT, .event = record});
	event_record_unref(record);
}

static void deliver(struct store *s, uint64_t sequence, const char *notifier,
		    enum delivery_state state)
{
	struct store_op op = fixture_delivery("", notifier);
	char id[EVENT_ID_MAX];

	snprintf(id, sizeof(id), "evt_%" PRIu64, sequence);
	op.delivery.event_id = id;
	op.delivery.state = state;
	op.delivery.error = state == DELIVERY_PENDING ? "" : "why not";
	fixture_apply(s, op);
}

static struct store_pruned prune(struct store *s, int64_t before_us, uint64_t max_bytes, size_t max,
				 uint64_t *cursor)
{
	const struct store_retention retention = {before_us, max_bytes};
	struct store_pruned pruned = {0};
	struct error e = ERROR_NONE;
	int r = store_prune(s, &retention, max, cursor, &pruned, &e);

	cr_assert_eq(r, 0, "%d: %s", r, error_text(&e, r));
	return pruned;
}

/* A whole round, in steps of `max`. */
static size_t prune_all(struct store *s, int64_t before_us, uint64_t max_bytes, size_t max)
{
	uint64_t cursor = STORE_PRUNE_START;
	struct store_pruned pruned;
	size_t n = 0;

	do {
		pruned = prune(s, before_us, max_bytes, max, &cursor);
		cr_assert_leq(pruned.events, max);
		n += pruned.events;
	} while (pruned.more);
	return n;
}

static void expect_left(const char *expected)
{
	_cleanup_free_ char *left = fixture_query(
		"SELECT coalesce(group_concat(sequence, ' '), '') FROM (SELECT sequence FROM event"
		" ORDER BY number)");
	_cleanup_free_ char *orphans = fixture_query(
		"SELECT count(*) FROM delivery WHERE event NOT IN (SELECT number FROM event)");

	cr_expect_str_eq(left, expected, "%s", left);
	cr_expect_str_eq(orphans, "0", "%s deliveries have no event", orphans);
}

Test(prune, takes_what_is_old_and_nobody_waits_for)
{
	_cleanup_snapshot_ struct snapshot *snapshot = fixture_snapshot("JOB_STATE_RUNNING", 1);
	struct store *s = fixture_open();
	_cleanup_free_ char *jobs = NULL;

	fixture_apply(s, fixture_job(JOB, snapshot, 9));
	for (uint64_t i = 1; i <= 8; i++)
		add(s, i, (int64_t)i * 10, 10);
	deliver(s, 1, "hook", DELIVERY_DELIVERED);
	deliver(s, 1, "slack", DELIVERY_DEAD);
	deliver(s, 2, "hook", DELIVERY_DELIVERED);
	deliver(s, 2, "slack", DELIVERY_PENDING);
	deliver(s, 4, "hook", DELIVERY_SKIPPED);
	cr_expect_eq(prune_all(s, INT64_MIN, UINT64_MAX, 3), 0);
	expect_left("1 2 3 4 5 6 7 8");
	cr_expect_eq(prune_all(s, 50, UINT64_MAX, 3), 3);
	expect_left("2 5 6 7 8");
	cr_expect_eq(prune_all(s, INT64_MAX, UINT64_MAX, 3), 4);
	expect_left("2");
	jobs = fixture_query("SELECT count(*) FROM job");
	cr_expect_str_eq(jobs, "1");
	store_close(s);
}

/* Each step looks at its few events, wherever those are that may go, and comes to an end. */
Test(prune, steps_over_what_stays)
{
	struct store *s = fixture_open();
	uint64_t cursor = STORE_PRUNE_START;

	for (uint64_t i = 1; i <= 7; i++) {
		add(s, i, 0, 10);
		if (i <= 5)
			deliver(s, i, "hook", DELIVERY_PENDING);
	}
	for (unsigned step = 0; step < 4; step++) {
		struct store_pruned pruned = prune(s, 1, UINT64_MAX, 2, &cursor);

		cr_expect_eq(pruned.events, step < 2 ? 0 : 1, "step %u: %zu", step, pruned.events);
		cr_expect_eq(pruned.more, step < 3, "step %u", step);
		cr_expect_eq(cursor, MIN(2 * step + 2, 7));
	}
	expect_left("1 2 3 4 5");
	cursor = STORE_PRUNE_START;
	cr_expect_not(prune(s, 1, UINT64_MAX, 5, &cursor).more,
		      "there is nothing behind the window");
	store_close(s);
}

/* The clock was wrong for a while: these few do not keep the others for years. */
Test(prune, is_not_held_up_by_events_of_the_future)
{
	struct store *s = fixture_open();

	for (uint64_t i = 1; i <= 9; i++)
		add(s, i, i % 3 == 0 ? 1000000 : (int64_t)i, 10);
	cr_expect_eq(prune_all(s, 9, UINT64_MAX, 3), 6);
	expect_left("3 6 9");
	store_close(s);
}

static uint64_t used_bytes(void)
{
	_cleanup_free_ char *bytes =
		fixture_query("SELECT (page_count - freelist_count) * page_size"
			      " FROM pragma_page_count, pragma_freelist_count, pragma_page_size");

	return strtoull(bytes, NULL, 10);
}

static uint64_t file_bytes(void)
{
	struct stat st;

	free(fixture_query("PRAGMA wal_checkpoint(TRUNCATE)"));
	cr_assert_eq(stat(fixture_path("state.db"), &st), 0);
	return (uint64_t)st.st_size;
}

#define BODY (16 * 1024)

Test(prune, takes_the_oldest_while_there_is_too_much)
{
	struct store *s = fixture_open();
	uint64_t limit, before;

	for (uint64_t i = 1; i <= 40; i++) {
		add(s, i, 100, BODY);
		deliver(s, i, "hook", i <= 2 || i == 4 ? DELIVERY_PENDING : DELIVERY_DELIVERED);
	}
	limit = used_bytes();
	before = file_bytes();
	cr_expect_eq(prune_all(s, INT64_MIN, limit, 4), 0, "there is just enough");
	cr_expect_eq(prune_all(s, INT64_MIN, limit - BODY, 4), 1);
	cr_expect_eq(prune_all(s, INT64_MIN, limit - 3 * BODY, 4), 2);
	expect_left("1 2 4 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31"
		    " 32 33 34 35 36 37 38 39 40");
	cr_expect_leq(file_bytes(), before - 3 * BODY, "the disk has got nothing back");
	cr_expect_eq(prune_all(s, INT64_MIN, 0, 4), 34, "what cannot be reached ends as well");
	expect_left("1 2 4");
	store_close(s);
}

/* A file of the first version has no way to shrink; what is free in it does not count. */
Test(prune, keeps_a_file_that_cannot_shrink)
{
	uint64_t before, used;
	sqlite3 *db = NULL;
	struct store *s;

	cr_assert_eq(mkdir(fixture_state, 0700), 0);
	cr_assert_eq(sqlite3_open(fixture_path("state.db"), &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, schema_migrations[0], NULL, NULL, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, "PRAGMA application_id = 0x74756e77; PRAGMA user_version = 1",
				  NULL, NULL, NULL),
		     SQLITE_OK);
	sqlite3_close(db);
	s = fixture_open();
	for (uint64_t i = 1; i <= 20; i++)
		add(s, i, 100, BODY);
	used = used_bytes();
	before = file_bytes();
	cr_expect_eq(prune_all(s, INT64_MIN, used - 5 * BODY, 8), 5);
	cr_expect_eq(file_bytes(), before);
	cr_expect_eq(prune_all(s, INT64_MIN, used - 5 * BODY, 8), 0);
	store_close(s);
}

/* Another connection holds the database: nothing has happened, and the same step works later. */
Test(prune, can_be_tried_again)
{
	const struct store_retention retention = {50, UINT64_MAX};
	struct store_pruned pruned = {.events = 99};
	struct store *s = fixture_open();
	uint64_t cursor = STORE_PRUNE_START;
	struct error e = ERROR_NONE;
	sqlite3 *db = NULL;

	add(s, 1, 1, 10);
	cr_assert_eq(sqlite3_open(fixture_path("state.db"), &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	cr_expect_eq(store_prune(s, &retention, 5, &cursor, &pruned, &e), -EBUSY);
	cr_expect_not_null(strstr(e.text, "state.db"), "%s", e.text);
	cr_expect_eq(cursor, STORE_PRUNE_START);
	cr_expect_eq(pruned.events, 99);
	expect_left("1");
	sqlite3_close(db);
	cr_expect_eq(prune(s, 50, UINT64_MAX, 5, &cursor).events, 1);
	expect_left("");
	store_close(s);
}

/* Whatever the steps' size: gone is exactly what is old and has nothing pending. */
Test(prune, takes_the_same_in_steps_of_any_size)
{
	struct rnd rnd = rnd_open("prune");

	for (unsigned round = 0; round < 6; round++) {
		char expected[256] = "";
		size_t len = 0, gone = 0, max = 1 + rnd_below(&rnd, 12);
		struct store *s;

		snprintf(fixture_state, sizeof(fixture_state), "%s/%u", fixture_dir, round);
		s = fixture_open();
		for (uint64_t i = 1; i <= 20; i++) {
			bool pending = false;

			add(s, i, (int64_t)i, 10);
			for (unsigned k = 0; k < 2; k++) {
				enum delivery_state state = rnd_below(&rnd, DELIVERY_STATE_COUNT_);

				deliver(s, i, k ? "hook" : "slack", state);
				pending = pending || state == DELIVERY_PENDING;
			}
			if (i < 17 && !pending)
				gone++;
			else
				len += (size_t)snprintf(expected + len, sizeof(expected) - len,
							"%s%" PRIu64, len ? " " : "", i);
		}
		cr_assert_eq(prune_all(s, 17, UINT64_MAX, max), gone, "steps of %zu", max);
		expect_left(expected);
		store_close(s);
	}
}
