/* Migrations: from nothing, step by step, and all or none. */
#include "store/schema.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <criterion/criterion.h>

#include "tests/unit/store/fixture.h"

TestSuite(schema, .init = fixture_setup, .fini = fixture_teardown);

static const char *const steps[] = {
	"CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1)",
	"ALTER TABLE a ADD COLUMN y TEXT; UPDATE a SET y = 'two'",
	"CREATE TABLE b AS SELECT y FROM a",
};

static char *ask(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	char *answer;

	cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK, "%s: %s", sql,
		     sqlite3_errmsg(db));
	cr_assert_eq(sqlite3_step(stmt), SQLITE_ROW, "%s", sql);
	answer = strdup((const char *)sqlite3_column_text(stmt, 0));
	sqlite3_finalize(stmt);
	return answer;
}

static void expect_answer(sqlite3 *db, const char *sql, const char *expected)
{
	_cleanup_free_ char *answer = ask(db, sql);

	cr_expect_str_eq(answer, expected, "%s: %s", sql, answer);
}

/* From every older version the way leads to the same tables. */
Test(schema, migrates_from_each_version)
{
	for (unsigned from = 0; from < ARRAY_LEN(steps); from++) {
		struct error e = ERROR_NONE;
		sqlite3 *db = NULL;

		cr_assert_eq(sqlite3_open(":memory:", &db), SQLITE_OK);
		cr_assert_eq(schema_migrate(db, steps, 0, from, &e), 0, "%s", e.text);
		cr_assert_eq(schema_migrate(db, steps, from, ARRAY_LEN(steps), &e), 0, "%s",
			     e.text);
		expect_answer(db, "SELECT y FROM b", "two");
		expect_answer(db, "PRAGMA user_version", "3");
		sqlite3_close(db);
	}
}

Test(schema, changes_nothing_when_a_step_fails)
{
	static const char *const broken[] = {
		"CREATE TABLE a (x)",
		"CREATE TABLE b (x); INSERT INTO a VALUES (1)",
		"INSERT INTO nowhere VALUES (1)",
	};
	static const char *const mended[] = {"CREATE TABLE a (x)", "CREATE TABLE b (x)"};
	struct error e = ERROR_NONE;
	sqlite3 *db = NULL;

	cr_assert_eq(sqlite3_open(":memory:", &db), SQLITE_OK);
	cr_assert_eq(schema_migrate(db, broken, 0, 1, &e), 0);
	cr_expect_eq(schema_migrate(db, broken, 1, 3, &e), -EINVAL);
	cr_expect_not_null(strstr(e.text, "from version 1 to 3: no such table"), "%s", e.text);
	expect_answer(db, "PRAGMA user_version", "1");
	expect_answer(db, "SELECT count(*) FROM sqlite_schema", "1");
	expect_answer(db, "SELECT count(*) FROM a", "0");
	cr_expect_eq(schema_migrate(db, mended, 1, 2, &e), 0, "%s", e.text);
	expect_answer(db, "PRAGMA user_version", "2");
	sqlite3_close(db);
}

/*
 * What each version looked like when it was released, with rows in each table. A later version opens
 * it, and finds everything.
 */
#define JOB_ROW                                                                                    \
	"INSERT INTO job VALUES ('https://api.test', 'accounts/a/dpoJobs/j', 'running',"           \
	" 'JOB_STATE_RUNNING', 'OK', 'm', 'd', 'b', 'o', 's', 'c', 'e',"                           \
	" 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 3, 1, 12, 99);"
#define EVENT_ROW                                                                                  \
	"INSERT INTO event (id, subject, sequence, type, time_us, body) VALUES ('evt_1',"          \
	" 'accounts/a/dpoJobs/j', 12, 'job.running', 5, '{}');"
#define ACCOUNT_ROWS                                                                               \
	"INSERT INTO account VALUES ('https://api.test', 'a', 7, 'dns', 1, 2, 'f', 'l'),"          \
	" ('https://api.test', 'b', 8, NULL, NULL, NULL, NULL, NULL);"
#define BASELINE_ROW "INSERT INTO baseline VALUES ('https://api.test', 'a', 'w', 'rft');"

static const struct version {
	unsigned number;
	const char *rows;
	const char *obstacle, *words,
		*removal;  /* what a migration cannot go past, and what it says */
	const char *extra; /* the columns that came later */
} versions[] = {
	{1,
	 JOB_ROW EVENT_ROW ACCOUNT_ROWS BASELINE_ROW
	 "INSERT INTO delivery VALUES (1, 'hook', 'pending', 2, 3, 4, 'oh');",
	 "CREATE TABLE notifier (x)", "from version 1 to 4: table notifier", "DROP TABLE notifier",
	 "hook 0 0, replaced 0, model -"},
	{2,
	 JOB_ROW EVENT_ROW ACCOUNT_ROWS BASELINE_ROW
	 "INSERT INTO delivery VALUES (1, 'hook', 'pending', 2, 3, 4, 'oh', 6);"
	 "INSERT INTO notifier VALUES ('hook', 8, 9);",
	 /* The last that is added: all before it has been done when it fails. */
	 "ALTER TABLE delivery ADD COLUMN model_ready INTEGER",
	 "from version 2 to 4: duplicate column", "ALTER TABLE delivery DROP COLUMN model_ready",
	 "hook 8 9, replaced 6, model -"},
	{3,
	 "INSERT INTO job VALUES ('https://api.test', 'accounts/a/dpoJobs/j', 'running',"
	 " 'JOB_STATE_RUNNING', 'OK', 'm', 'd', 'b', 'o', 's', 'c', 'e',"
	 " 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 3, 1, 12, 99, 0, 99, 0, '', 0);" EVENT_ROW
	 "INSERT INTO account VALUES ('https://api.test', 'a', 7, 'dns', 1, 2, 'f', 'l', 0),"
	 " ('https://api.test', 'b', 8, NULL, NULL, NULL, NULL, NULL, 0);" BASELINE_ROW
	 "INSERT INTO delivery VALUES (1, 'hook', 'pending', 2, 3, 4, 'oh', 6, 1);"
	 "INSERT INTO notifier VALUES ('hook', 8, 9);",
	 "CREATE INDEX event_time ON event (time_us)", "from version 3 to 4: index event_time",
	 "DROP INDEX event_time", "hook 8 9, replaced 6, model 1"},
};

/* A file as the version left it. */
static void make_old(const struct version *v)
{
	struct error e = ERROR_NONE;
	sqlite3 *db = NULL;

	snprintf(fixture_state, sizeof(fixture_state), "%s/v%u", fixture_dir, v->number);
	cr_assert_eq(mkdir(fixture_state, 0700), 0);
	cr_assert_eq(sqlite3_open(fixture_path("state.db"), &db), SQLITE_OK);
	cr_assert_eq(schema_migrate(db, schema_migrations, 0, v->number, &e), 0, "%s", e.text);
	cr_assert_eq(sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, v->rows, NULL, NULL, NULL), SQLITE_OK, "%s",
		     sqlite3_errmsg(db));
	sqlite3_close(db);
}

/* A job has moved when its phase began, as far as is known, and has not stood still since. */
static void expect_opens(const struct version *v)
{
	_cleanup_free_ char *dump = NULL, *extra = NULL;
	struct store *s = fixture_open();

	dump = fixture_dump(s);
	cr_expect_str_eq(dump,
			 "account https://api.test a 7 0 ms dns 1 0 2 [f] [l]\n"
			 "account https://api.test b 8 0 ms\n"
			 "baseline https://api.test a w rft\n"
			 "job https://api.test accounts/a/dpoJobs/j running 3! 12 99:"
			 " [JOB_STATE_RUNNING] [OK] [m] [d] [b] [o] [s] [c] [e]"
			 " 1 2 3 4 5 6 7 8 9 10 of 0; moved 0 at 99, 0 ms\n"
			 "delivery accounts/a/dpoJobs/j 12 job.running 5 {} -> hook 2 3 4 [oh]\n",
			 "version %u: %s", v->number, dump);
	extra = fixture_query("SELECT name || ' ' || since_us || ' ' || removed_us || ', replaced '"
			      " || replaced || ', model ' || coalesce(model_ready, '-')"
			      " FROM notifier JOIN delivery ON notifier = name");
	cr_expect_str_eq(extra, v->extra, "version %u: %s", v->number, extra);
	store_close(s);
}

Test(schema, opens_older_versions)
{
	cr_assert_eq(ARRAY_LEN(versions), schema_version - 1, "one for each that was");
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		make_old(&versions[i]);
		expect_opens(&versions[i]);
	}
}

/* All that a version is: its mark, its tables and its indexes, and that nothing is torn. */
static char *version_picture(void)
{
	return fixture_query("SELECT group_concat(sql) || (SELECT user_version FROM"
			     " pragma_user_version) || (SELECT quick_check FROM pragma_quick_check)"
			     " FROM sqlite_schema");
}

Test(schema, leaves_older_versions_when_they_cannot_be_migrated)
{
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		const struct version *v = &versions[i];
		_cleanup_free_ char *before = NULL, *after = NULL;
		struct error e = ERROR_NONE;
		struct store *s = NULL;

		make_old(v);
		free(fixture_query(v->obstacle));
		before = version_picture();
		cr_expect_eq(store_open(fixture_state, &s, &e), -EINVAL);
		cr_expect_not_null(strstr(e.text, v->words), "%s", e.text);
		after = version_picture();
		cr_expect_str_eq(after, before, "%s", after);
		free(fixture_query(v->removal));
		expect_opens(v);
	}
}

static int die(void *user)
{
	return raise(SIGKILL);
}

/* Migrates in a process of its own that is killed after some of the work, or at its commit. */
static void kill_migration(unsigned version, int after)
{
	pid_t child = fork();
	int status;

	cr_assert_geq(child, 0);
	if (child == 0) {
		sqlite3 *db = NULL;

		if (sqlite3_open(fixture_path("state.db"), &db) != SQLITE_OK)
			_exit(1);
		sqlite3_progress_handler(db, after, die, NULL);
		sqlite3_commit_hook(db, die, NULL);
		_exit(schema_migrate(db, schema_migrations, version, schema_version, NULL) < 0);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFSIGNALED(status), "it was not killed: %x", status);
}

Test(schema, leaves_older_versions_when_it_is_killed)
{
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		const struct version *v = &versions[i];
		_cleanup_free_ char *before = NULL;

		make_old(v);
		before = version_picture();
		/* The last one's work is never so long: it dies at the commit. */
		for (int n = 1; n < 100000; n *= 3) {
			_cleanup_free_ char *after = NULL;

			kill_migration(v->number, n);
			after = version_picture();
			cr_assert_str_eq(after, before, "version %u, after %d steps: %s", v->number,
					 n, after);
		}
		expect_opens(v);
	}
}

/* A number is never used again, so that a reader who remembers the last one misses nothing. */
Test(schema, numbers_events_for_good)
{
	_cleanup_free_ char *number = NULL;

	store_close(fixture_open());
	number = fixture_query("INSERT INTO event (id, subject, sequence, type, time_us, body)"
			       " VALUES ('a', 's', 1, 't', 1, '{}') RETURNING number");
	cr_expect_str_eq(number, "1");
	free(fixture_query("DELETE FROM event RETURNING number"));
	free(TAKE_PTR(number));
	number = fixture_query("INSERT INTO event (id, subject, sequence, type, time_us, body)"
			       " VALUES ('b', 's', 2, 't', 1, '{}') RETURNING number");
	cr_expect_str_eq(number, "2");
}
