/* Loading: order, sharing, and who may stop it. */
#include "tests/unit/store/fixture.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

TestSuite(load, .init = fixture_setup, .fini = fixture_teardown);

struct seen {
	char text[1024];
	size_t len;
	struct event_record *events[16];
	unsigned n, stop_at;
};

static int see(void *user, struct event_record *event, const char *notifier, unsigned tries,
	       int64_t created_us, int64_t due_us, const char *error)
{
	struct seen *seen = user;

	seen->len += (size_t)snprintf(seen->text + seen->len, sizeof(seen->text) - seen->len,
				      "%s%" PRIu64 " ", notifier, event->sequence);
	seen->events[seen->n++] = event_record_ref(event);
	return seen->n == seen->stop_at ? -ECANCELED : 0;
}

static void forget(struct seen *seen)
{
	for (unsigned i = 0; i < seen->n; i++)
		event_record_unref(seen->events[i]);
	*seen = (struct seen){0};
}

/* Event ids are hashes: their order says nothing of the order of the events. */
static struct store *with_deliveries(void)
{
	struct store *s = fixture_open();

	for (uint64_t sequence = 1; sequence <= 5; sequence++) {
		struct event_record *event = fixture_event("accounts/a/dpoJobs/j", sequence);

		fixture_apply(s, (struct store_op){.type = STORE_EVENT, .event = event});
		fixture_apply(s, fixture_delivery(event->id, "b"));
		if (sequence == 3)
			fixture_apply(s, (struct store_op){.type = STORE_VERDICT,
							   .verdict = {.event_id = event->id,
								       .notifier = "b",
								       .state = DELIVERY_DEAD}});
		event_record_unref(event);
	}
	for (uint64_t sequence = 5; sequence >= 1; sequence -= 2) {
		struct event_record *event = fixture_event("accounts/a/dpoJobs/j", sequence);

		fixture_apply(s, fixture_delivery(event->id, "a"));
		event_record_unref(event);
		if (sequence == 1)
			break;
	}
	return s;
}

Test(load, gives_pending_deliveries_in_the_order_of_their_events)
{
	const struct store_loader loader = {.delivery = see};
	struct store *s = with_deliveries();
	struct seen seen = {0};

	cr_assert_eq(store_load(s, &loader, &seen, NULL), 0);
	cr_expect_str_eq(seen.text, "a1 b1 b2 a3 b4 a5 b5 ", "%s", seen.text);
	cr_expect_eq(seen.events[0], seen.events[1], "deliveries of one event share it");
	cr_expect_neq(seen.events[1], seen.events[2]);
	for (unsigned i = 0; i < seen.n; i++)
		cr_expect_eq(seen.events[i]->number, seen.events[i]->sequence);
	forget(&seen);
	store_close(s);
}

Test(load, stops_when_told)
{
	const struct store_loader loader = {.delivery = see};
	struct store *s = with_deliveries();
	struct seen seen = {.stop_at = 3};

	cr_expect_eq(store_load(s, &loader, &seen, NULL), -ECANCELED);
	cr_expect_eq(seen.n, 3);
	for (unsigned i = 0; i < seen.n; i++)
		cr_expect_eq(seen.events[i]->refs, i == 2 ? 1 : 2, "%u", i);
	forget(&seen);
	cr_expect_eq(store_load(s, &loader, &seen, NULL), 0, "it can be done again");
	cr_expect_eq(seen.n, 7);
	forget(&seen);
	store_close(s);
}

static int count(void *user, const char *notifier, enum delivery_state state, uint64_t n)
{
	struct seen *seen = user;

	seen->len +=
		(size_t)snprintf(seen->text + seen->len, sizeof(seen->text) - seen->len,
				 "%s %s %" PRIu64 "\n", notifier, delivery_state_name(state), n);
	return seen->stop_at ? -ECANCELED : 0;
}

Test(load, counts_deliveries)
{
	struct store *s = with_deliveries();
	struct seen seen = {0};

	cr_assert_eq(store_count_deliveries(s, count, &seen, NULL), 0);
	cr_expect_str_eq(seen.text, "a pending 3\nb dead 1\nb pending 4\n", "%s", seen.text);
	seen = (struct seen){.stop_at = 1};
	cr_expect_eq(store_count_deliveries(s, count, &seen, NULL), -ECANCELED);
	store_close(s);
}

static int accept_account(void *user, const char *endpoint, const char *account, uint64_t sequence,
			  const struct outage *outage)
{
	return 0;
}

static int accept_baseline(void *user, const char *endpoint, const char *account, const char *watch,
			   enum kind kind)
{
	return 0;
}

static int accept_delivery(void *user, struct event_record *event, const char *notifier,
			   unsigned tries, int64_t created_us, int64_t due_us, const char *error)
{
	return 0;
}

/* Names that only a newer version can have written, without a new schema. */
Test(load, says_what_it_does_not_know)
{
	static const struct {
		const char *sql;
		const char *words;
		int r;
	} rows[] = {
		{"INSERT INTO baseline VALUES ('e', 'a', 'w', 'rlor')", "kind \"rlor\"", -EPROTO},
		{"INSERT INTO account VALUES ('e', 'a', 1, 'gremlins', 1, 1, '', '')",
		 "trouble \"gremlins\"", -EPROTO},
		{"UPDATE event SET type = 'job.divided' WHERE number = 1",
		 "event type \"job.divided\"", -EPROTO},
		{"UPDATE event SET subject = hex(zeroblob(200)) WHERE number = 1", "is damaged",
		 -EUCLEAN},
	};
	const struct store_loader loader = {.account = accept_account,
					    .baseline = accept_baseline,
					    .delivery = accept_delivery};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error e = ERROR_NONE;
		struct store *s;
		int r;

		snprintf(fixture_state, sizeof(fixture_state), "%s/%zu", fixture_dir, i);
		s = with_deliveries();
		cr_expect_eq(store_load(s, &loader, NULL, &e), 0, "%s", e.text);
		free(fixture_query(rows[i].sql));
		r = store_load(s, &loader, NULL, &e);
		cr_expect_eq(r, rows[i].r, "%s: %d", rows[i].sql, r);
		cr_expect_not_null(strstr(e.text, rows[i].words), "%s", e.text);
		store_close(s);
	}
}

static int count_job(void *user, const char *endpoint, const char *name, struct snapshot *snapshot,
		     struct attempt attempt, uint64_t sequence, int64_t phase_since_us)
{
	++*(unsigned *)user;
	return 0;
}

/* The store keeps no rows in memory, and gives back the pages that it read. */
Test(load, keeps_no_rows)
{
	const struct store_loader loader = {.job = count_job};
	_cleanup_snapshot_ struct snapshot *snapshot = fixture_snapshot("JOB_STATE_RUNNING", 1);
	struct store *s = fixture_open();
	static struct store_op ops[10000];
	static char names[ARRAY_LEN(ops)][64];
	unsigned n = 0;
	int64_t used;

	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		snprintf(names[i], sizeof(names[i]), "accounts/a/dpoJobs/j%zu", i);
		ops[i] = fixture_job(names[i], snapshot, 1);
	}
	cr_assert_eq(store_apply(s, ops, ARRAY_LEN(ops), NULL), 0);
	cr_assert_eq(store_load(s, &loader, &n, NULL), 0);
	cr_expect_eq(n, ARRAY_LEN(ops));
	used = sqlite3_memory_used();
	cr_expect_lt(used, 1024 * 1024, "%" PRId64 " bytes", used);
	store_close(s);
}
