/* Loading: who may stop it, what it does not know, what it leaves behind. */
#include "tests/unit/store/fixture.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

TestSuite(load, .init = fixture_setup, .fini = fixture_teardown);

/* Two notifiers, and five events with a delivery to the second one, of which one is dead. */
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
	fixture_apply(s, (struct store_op){.type = STORE_NOTIFIER, .notifier = {"a", 7, 8}});
	return s;
}

struct seen {
	char text[256];
	unsigned n, stop_at;
};

static int see(void *user, const struct store_notifier *notifier, uint64_t pending,
	       int64_t oldest_us)
{
	struct seen *seen = user;
	size_t len = strlen(seen->text);

	snprintf(seen->text + len, sizeof(seen->text) - len,
		 "%s %" PRId64 " %" PRId64 " %" PRIu64 " %" PRId64 "\n", notifier->name,
		 notifier->since_us, notifier->removed_us, pending, oldest_us);
	return ++seen->n == seen->stop_at ? -ECANCELED : 0;
}

Test(load, stops_when_told)
{
	const struct store_loader loader = {.notifier = see};
	struct store *s = with_deliveries();
	struct seen seen = {.stop_at = 1};

	cr_expect_eq(store_load(s, &loader, &seen, NULL), -ECANCELED);
	cr_expect_str_eq(seen.text, "a 7 8 0 0\n", "%s", seen.text);
	seen = (struct seen){0};
	cr_expect_eq(store_load(s, &loader, &seen, NULL), 0, "it can be done again");
	cr_expect_str_eq(seen.text, "a 7 8 0 0\nb 5 0 4 5\n", "%s", seen.text);
	store_close(s);
}

static int accept_job(void *user, const char *endpoint, const char *name, struct snapshot *snapshot,
		      struct attempt attempt, uint64_t sequence, int64_t phase_since_us,
		      const struct stillness *still)
{
	return 0;
}

static int accept_account(void *user, const char *endpoint, const char *account, uint64_t sequence,
			  const struct outage *outage, uint64_t watched_ms)
{
	return 0;
}

static int accept_baseline(void *user, const char *endpoint, const char *account, const char *watch,
			   enum kind kind)
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
		{"INSERT INTO baseline VALUES ('e', 'a', 'w', 'tune')", "kind \"tune\"", -EPROTO},
		{"INSERT INTO account VALUES ('e', 'a', 1, 'gremlins', 1, 1, '', '', 0)",
		 "trouble \"gremlins\"", -EPROTO},
		{"UPDATE job SET moved = 'state mood'", "movement \"state mood\"", -EPROTO},
	};
	const struct store_loader loader = {.job = accept_job,
					    .account = accept_account,
					    .baseline = accept_baseline};
	_cleanup_snapshot_ struct snapshot *snapshot = fixture_snapshot("JOB_STATE_RUNNING", 1);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error e = ERROR_NONE;
		struct store *s;
		int r;

		snprintf(fixture_state, sizeof(fixture_state), "%s/%zu", fixture_dir, i);
		s = with_deliveries();
		fixture_apply(s, fixture_job("accounts/a/dpoJobs/j", snapshot, 1));
		cr_expect_eq(store_load(s, &loader, NULL, &e), 0, "%s", e.text);
		free(fixture_query(rows[i].sql));
		r = store_load(s, &loader, NULL, &e);
		cr_expect_eq(r, rows[i].r, "%s: %d", rows[i].sql, r);
		cr_expect_not_null(strstr(e.text, rows[i].words), "%s", e.text);
		store_close(s);
	}
}

Test(load, finds_names_that_cannot_be)
{
	struct store *s = with_deliveries();
	struct store_delivery found[1];
	struct error e = ERROR_NONE;
	size_t n;

	free(fixture_query("UPDATE event SET subject = hex(zeroblob(200)) WHERE number = 1"));
	cr_expect_eq(store_load_deliveries(s, "b", 0, 1, found, &n, &e), -EUCLEAN);
	cr_expect_not_null(strstr(e.text, "is damaged"), "%s", e.text);
	store_close(s);
}

static int count_job(void *user, const char *endpoint, const char *name, struct snapshot *snapshot,
		     struct attempt attempt, uint64_t sequence, int64_t phase_since_us,
		     const struct stillness *still)
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
