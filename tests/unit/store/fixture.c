/* What the tests of the store share. */
#include "tests/unit/store/fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#define ENDPOINT "https://api.test"

char fixture_dir[TEMPDIR_MAX];
char fixture_state[TEMPDIR_MAX + 16];

void fixture_setup(void)
{
	tempdir_make(fixture_dir);
	snprintf(fixture_state, sizeof(fixture_state), "%s/state", fixture_dir);
}

void fixture_teardown(void)
{
	tempdir_remove(fixture_dir);
}

const char *fixture_path(const char *name)
{
	static char path[sizeof(fixture_state) + 64];

	snprintf(path, sizeof(path), "%s/%s", fixture_state, name);
	return path;
}

struct store *fixture_open(void)
{
	struct error e = ERROR_NONE;
	struct store *s = NULL;
	int r = store_open(fixture_state, &s, &e);

	cr_assert_eq(r, 0, "%d: %s", r, error_text(&e, r));
	return s;
}

struct snapshot *fixture_snapshot(const char *state, int percent)
{
	struct snapshot_parts parts = {
		.text = {[TEXT_STATE] = state,
			 [TEXT_STATUS_MESSAGE] = "it is \"so\"; ünïcode",
			 [TEXT_DISPLAY_NAME] = "name",
			 [TEXT_CREATE_TIME] = "2026-11-20T06:31:56Z"},
		.progress.given = percent >= 0,
		.epochs = 3,
	};
	struct snapshot *s = NULL;

	for (int i = 0; i < PROGRESS_COUNT_; i++)
		parts.progress.values[i] = percent + i;
	cr_assert_eq(snapshot_new(&parts, &s), 0);
	return s;
}

struct event_record *fixture_event(const char *job, uint64_t sequence)
{
	struct event event = {.type = EVENT_JOB_RUNNING,
			      .sequence = sequence,
			      .time_us = 1000 + (int64_t)sequence};
	struct event_record *r = NULL;
	char body[128];
	int len;

	cr_assert_eq(event_id(ENDPOINT, job, sequence, event.id), 0);
	len = snprintf(body, sizeof(body), "{\"subject\":\"%s\",\"sequence\":%" PRIu64 "}", job,
		       sequence);
	cr_assert_eq(event_record_new(&event, job, body, (size_t)len, &r), 0);
	return r;
}

struct store_op fixture_job(const char *name, struct snapshot *snapshot, uint64_t sequence)
{
	return (struct store_op){
		.type = STORE_JOB,
		.job = {.endpoint = ENDPOINT,
			.name = name,
			.snapshot = snapshot,
			.attempt = {.number = 1},
			.sequence = sequence,
			.phase_since_us = 77,
			.still = {.moved_us = 66,
				  .moved_watched_ms = 55,
				  .moved = CHANGE_STATE | CHANGE_PROGRESS,
				  .stalled = sequence % 2}},
	};
}

struct store_op fixture_delivery(const char *event_id, const char *notifier)
{
	return (struct store_op){
		.type = STORE_DELIVERY,
		.delivery = {.event_id = event_id, .notifier = notifier, .created_us = 5},
	};
}

void fixture_apply(struct store *s, struct store_op op)
{
	struct error e = ERROR_NONE;
	int r = store_apply(s, &op, 1, &e);

	cr_assert_eq(r, 0, "%d: %s", r, error_text(&e, r));
}

static int dump_job(void *user, const char *endpoint, const char *name, struct snapshot *snapshot,
		    struct attempt attempt, uint64_t sequence, int64_t phase_since_us,
		    const struct stillness *still)
{
	FILE *f = user;

	fprintf(f, "job %s %s %s %" PRIu32 "%s %" PRIu64 " %" PRId64 ":", endpoint, name,
		phase_name(snapshot_phase(snapshot)), attempt.number, attempt.ended ? "!" : "",
		sequence, phase_since_us);
	for (int i = 0; i < TEXT_COUNT_; i++)
		fprintf(f, " [%s]", snapshot_text(snapshot, i));
	for (int i = 0; i < PROGRESS_COUNT_ && snapshot->progress_given; i++)
		fprintf(f, " %" PRId32, snapshot->progress[i]);
	fprintf(f, " of %u; moved %u at %" PRId64 ", %" PRIu64 " ms%s\n", snapshot->epochs,
		still->moved, still->moved_us, still->moved_watched_ms,
		still->stalled ? ", stalled" : "");
	return 0;
}

static int dump_account(void *user, const char *endpoint, const char *account, uint64_t sequence,
			const struct outage *outage, uint64_t watched_ms)
{
	FILE *f = user;

	fprintf(f, "account %s %s %" PRIu64 " %" PRIu64 " ms", endpoint, account, sequence,
		watched_ms);
	if (outage)
		fprintf(f, " %s %" PRId64 " %" PRId64 " %" PRIu64 " [%s] [%s]",
			trouble_name(outage->trouble), outage->since_us, outage->until_us,
			outage->failures, outage->first, outage->last);
	fputc('\n', f);
	return 0;
}

static int dump_baseline(void *user, const char *endpoint, const char *account, const char *watch,
			 enum kind kind)
{
	fprintf(user, "baseline %s %s %s %s\n", endpoint, account, watch, kind_info(kind)->name);
	return 0;
}

static int dump_override(void *user, const char *endpoint, const char *name, bool watched,
			 const char *notify)
{
	fprintf(user, "override %s %s %s [%s]\n", endpoint, name,
		watched ? "watched" : "not watched", notify ? notify : "-");
	return 0;
}

static int dump_submission(void *user, const char *endpoint, const char *name, const char *body,
			   const char *notify)
{
	fprintf(user, "submission %s %s %s [%s]\n", endpoint, name, body, notify ? notify : "-");
	return 0;
}

/* Pending deliveries are read a window at a time, so these lines come from a question of their own. */
static void dump_deliveries(FILE *f)
{
	static const char sql[] =
		"SELECT 'delivery ' || subject || ' ' || sequence || ' ' || type || ' ' || time_us || ' '"
		" || body || ' -> ' || notifier || ' ' || tries || ' ' || created_us || ' ' || due_us"
		" || ' [' || error || ']' FROM delivery JOIN event ON number = event"
		" WHERE state = 'pending' ORDER BY event, notifier";
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db = NULL;

	cr_assert_eq(sqlite3_open(fixture_path("state.db"), &db), SQLITE_OK);
	cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK, "%s",
		     sqlite3_errmsg(db));
	while (sqlite3_step(stmt) == SQLITE_ROW)
		fprintf(f, "%s\n", (const char *)sqlite3_column_text(stmt, 0));
	sqlite3_finalize(stmt);
	sqlite3_close(db);
}

char *fixture_dump(struct store *s)
{
	static const struct store_loader loader = {.job = dump_job,
						   .account = dump_account,
						   .baseline = dump_baseline,
						   .override = dump_override,
						   .submission = dump_submission};
	struct error e = ERROR_NONE;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	int r;

	cr_assert_not_null(f);
	r = store_load(s, &loader, f, &e);
	cr_assert_eq(r, 0, "%d: %s", r, error_text(&e, r));
	dump_deliveries(f);
	fclose(f);
	return text;
}

char *fixture_query(const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	char *answer;

	cr_assert_eq(sqlite3_open(fixture_path("state.db"), &db), SQLITE_OK);
	cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK, "%s: %s", sql,
		     sqlite3_errmsg(db));
	answer = sqlite3_step(stmt) == SQLITE_ROW
			 ? strdup((const char *)sqlite3_column_text(stmt, 0))
			 : strdup("");
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return answer;
}
