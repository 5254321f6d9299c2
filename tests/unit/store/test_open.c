/* Opening: what is made, what is refused, and that what is refused stays as it was. */
#include "tests/unit/store/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <criterion/criterion.h>

#include "store/schema.h"

TestSuite(open, .init = fixture_setup, .fini = fixture_teardown);

static unsigned mode_of(const char *path)
{
	struct stat st;

	cr_assert_eq(stat(path, &st), 0, "%s: %m", path);
	return st.st_mode & 07777;
}

Test(open, makes_everything_for_the_owner_alone)
{
	static const mode_t umasks[] = {0, 022, 0777};

	for (size_t i = 0; i < ARRAY_LEN(umasks); i++) {
		mode_t old = umask(umasks[i]);
		struct store *s;

		snprintf(fixture_state, sizeof(fixture_state), "%s/%zu/deep", fixture_dir, i);
		s = fixture_open();
		fixture_apply(s, (struct store_op){.type = STORE_BASELINE,
						   .baseline = {"e", "a", "w", KIND_SFT}});
		umask(old);
		cr_expect_eq(mode_of(fixture_state), 0700);
		cr_expect_eq(mode_of(fixture_path("state.db")), 0600);
		cr_expect_eq(mode_of(fixture_path("state.db-wal")), 0600);
		cr_expect_eq(mode_of(fixture_path("lock")), 0600);
		store_close(s);
	}
}

Test(open, leaves_a_directory_that_is_there_as_it_is)
{
	cr_assert_eq(mkdir(fixture_state, 0750), 0);
	cr_assert_eq(chmod(fixture_state, 0750), 0);
	store_close(fixture_open());
	cr_expect_eq(mode_of(fixture_state), 0750);
}

Test(open, is_durable)
{
	struct store *s = fixture_open();
	_cleanup_free_ char *mode = fixture_query("PRAGMA journal_mode");
	_cleanup_free_ char *id = fixture_query("PRAGMA application_id");

	cr_expect_str_eq(mode, "wal");
	cr_expect_eq(atoi(id), SCHEMA_APPLICATION_ID);
	store_close(s);
	cr_expect_neq(access(fixture_path("state.db-wal"), F_OK), 0);
}

Test(open, makes_files_that_can_shrink)
{
	_cleanup_free_ char *mode = NULL;

	store_close(fixture_open());
	mode = fixture_query("PRAGMA auto_vacuum");
	cr_expect_str_eq(mode, "2", "%s", mode);
}

/* In a process of its own: 0 when it was refused as it should be. */
static int second_daemon(pid_t holder)
{
	struct error e = ERROR_NONE;
	struct store *s = NULL;
	char pid[32];

	snprintf(pid, sizeof(pid), "(pid %ld)", (long)holder);
	if (store_open(fixture_state, &s, &e) != -EBUSY)
		return 1;
	return strstr(e.text, pid) && strstr(e.text, fixture_state) ? 0 : 2;
}

static int in_child(int (*fn)(pid_t parent))
{
	pid_t parent = getpid(), child = fork();
	int status;

	cr_assert_geq(child, 0);
	if (child == 0)
		_exit(fn(parent));
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

Test(open, refuses_a_second_daemon)
{
	struct store *s = fixture_open();

	cr_expect_eq(in_child(second_daemon), 0);
	store_close(s);
	cr_expect_eq(in_child(second_daemon), 1, "the lock outlived its holder");
}

static int dies_with_a_store(pid_t parent)
{
	struct store *s = NULL;

	return store_open(fixture_state, &s, NULL) == 0 ? 0 : 1;
}

Test(open, is_not_kept_out_by_the_dead)
{
	cr_assert_eq(in_child(dies_with_a_store), 0);
	store_close(fixture_open());
}

/* The files of the state directory but the lock, by name and content. */
static char *picture(void)
{
	static const char *const names[] = {"state.db", "state.db-wal", "state.db-journal",
					    "state.db-shm"};
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		_cleanup_free_ char *data = NULL;
		size_t n;

		if (access(fixture_path(names[i]), F_OK) != 0)
			continue;
		data = tempdir_read(fixture_path(names[i]), &n);
		fprintf(f, "%s %zu\n", names[i], n);
		for (size_t k = 0; k < n; k++)
			fprintf(f, "%02x", (unsigned char)data[k]);
		fputc('\n', f);
	}
	fclose(f);
	return text;
}

static void expect_refused(int expected, const char *words)
{
	_cleanup_free_ char *before = picture(), *after = NULL;
	struct error e = ERROR_NONE;
	struct store *s = NULL;
	int r = store_open(fixture_state, &s, &e);

	after = picture();
	cr_expect_eq(r, expected, "%d: %s", r, error_text(&e, r));
	cr_expect_null(s);
	cr_expect_not_null(strstr(e.text, words), "%s", e.text);
	cr_expect_not_null(strstr(e.text, fixture_path("state.db")), "%s", e.text);
	cr_expect(strcmp(before, after) == 0, "the files were touched (%s)", words);
}

static void shell(const char *sql)
{
	sqlite3 *db = NULL;

	cr_assert_eq(sqlite3_open(fixture_path("state.db"), &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s: %s", sql,
		     sqlite3_errmsg(db));
	cr_assert_eq(sqlite3_close(db), SQLITE_OK);
}

Test(open, refuses_what_is_not_a_database)
{
	static const char noise[4096] = "\x7f"
					"ELF";

	cr_assert_eq(mkdir(fixture_state, 0700), 0);
	tempdir_write(fixture_path("state.db"), "short", 5);
	expect_refused(-EUCLEAN, "aside: a new one is made");
	tempdir_write(fixture_path("state.db"), noise, sizeof(noise));
	expect_refused(-EUCLEAN, "is not a database");
}

Test(open, refuses_what_is_not_a_file)
{
	cr_assert_eq(mkdir(fixture_state, 0700), 0);
	cr_assert_eq(mkdir(fixture_path("state.db"), 0700), 0);
	cr_expect_eq(store_open(fixture_state, &(struct store *){NULL}, NULL), -EISDIR);
	cr_assert_eq(rmdir(fixture_path("state.db")), 0);
	cr_assert_eq(mkfifo(fixture_path("state.db"), 0600), 0);
	cr_expect_eq(store_open(fixture_state, &(struct store *){NULL}, NULL), -EUCLEAN);
}

Test(open, leaves_a_foreign_database_as_it_is)
{
	static const char *const makes[] = {
		"CREATE TABLE t (x); INSERT INTO t VALUES (1)",
		"PRAGMA journal_mode = WAL; CREATE TABLE u (x); INSERT INTO u VALUES (1)",
		"PRAGMA application_id = 42",
	};

	cr_assert_eq(mkdir(fixture_state, 0700), 0);
	for (size_t i = 0; i < ARRAY_LEN(makes); i++) {
		shell(makes[i]);
		expect_refused(-EUCLEAN, "not tunewatch's");
	}
}

Test(open, refuses_a_newer_database)
{
	store_close(fixture_open());
	shell("PRAGMA user_version = 4711");
	expect_refused(-EPROTO, "schema 4711");
}

/*
 * Copies the database with its -wal file from under an open connection, as a crash or a backup
 * would leave them, and puts them where the store is.
 */
static void crash_with(const char *sql)
{
	static const char *const names[] = {"state.db", "state.db-wal"};
	char *data[ARRAY_LEN(names)];
	size_t len[ARRAY_LEN(names)];
	sqlite3 *db = NULL;

	cr_assert_eq(sqlite3_open(fixture_path("state.db"), &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		data[i] = tempdir_read(fixture_path(names[i]), &len[i]);
	cr_assert_gt(len[1], 0, "nothing was left in the -wal file");
	sqlite3_close(db);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		tempdir_write(fixture_path(names[i]), data[i], len[i]);
		free(data[i]);
	}
}

Test(open, recovers_from_the_wal_file)
{
	struct store *s = fixture_open();
	_cleanup_free_ char *dump = NULL;

	store_close(s);
	crash_with("INSERT INTO baseline VALUES ('e', 'a', 'w', 'sft')");
	s = fixture_open();
	dump = fixture_dump(s);
	cr_expect_str_eq(dump, "baseline e a w sft\n");
	store_close(s);
}

/* The header of the database alone still says the old version. */
Test(open, refuses_a_newer_database_whose_version_is_in_the_wal_file)
{
	_cleanup_free_ char *version = NULL;
	size_t len[2][2];

	store_close(fixture_open());
	crash_with("PRAGMA user_version = 9");
	free(tempdir_read(fixture_path("state.db"), &len[0][0]));
	free(tempdir_read(fixture_path("state.db-wal"), &len[0][1]));
	cr_expect_eq(store_open(fixture_state, &(struct store *){NULL}, NULL), -EPROTO);
	free(tempdir_read(fixture_path("state.db"), &len[1][0]));
	free(tempdir_read(fixture_path("state.db-wal"), &len[1][1]));
	cr_expect_arr_eq(len[0], len[1], sizeof(len[0]));
	version = fixture_query("PRAGMA user_version");
	cr_expect_str_eq(version, "9");
}

Test(open, refuses_a_wal_file_without_its_database)
{
	store_close(fixture_open());
	crash_with("INSERT INTO baseline VALUES ('e', 'a', 'w', 'sft')");
	cr_assert_eq(unlink(fixture_path("state.db")), 0);
	expect_refused(-EUCLEAN, "-wal file is there");
	cr_expect_neq(access(fixture_path("state.db"), F_OK), 0);
}

Test(open, refuses_a_damaged_database)
{
	_cleanup_free_ char *data = NULL;
	struct store *s = fixture_open();
	size_t len;

	for (uint64_t i = 1; i <= 50; i++) {
		struct event_record *event = fixture_event("accounts/a/dpoJobs/j", i);

		fixture_apply(s, (struct store_op){.type = STORE_EVENT, .event = event});
		event_record_unref(event);
	}
	store_close(s);
	data = tempdir_read(fixture_path("state.db"), &len);
	cr_assert_gt(len, 8 * 4096);
	/* A page in the middle, and a file that ends too early. */
	for (size_t page = 1; page < len / 4096; page++) {
		char old[4096];

		memcpy(old, data + page * 4096, sizeof(old));
		memset(data + page * 4096, 0x55, sizeof(old));
		tempdir_write(fixture_path("state.db"), data, len);
		expect_refused(-EUCLEAN, "is damaged");
		memcpy(data + page * 4096, old, sizeof(old));
	}
	tempdir_write(fixture_path("state.db"), data, 4096 + 100);
	expect_refused(-EUCLEAN, "is damaged");
	tempdir_write(fixture_path("state.db"), data, len);
	store_close(fixture_open());
}

/* Overwrites each of the pages that `sql` names, one at a time, and opens the store. */
static void damage_each(const char *sql, bool refused)
{
	_cleanup_free_ char *pages = fixture_query(sql);
	_cleanup_close_ int fd = open(fixture_path("state.db"), O_RDWR | O_CLOEXEC);
	char noise[4096], old[sizeof(noise)], *at = pages;

	cr_assert_geq(fd, 0);
	memset(noise, 0x55, sizeof(noise));
	do {
		off_t page = (strtol(at, &at, 10) - 1) * (off_t)sizeof(old);
		struct error e = ERROR_NONE;
		struct stat before, after;
		struct store *s = NULL;
		int r;

		cr_assert_geq(page, 0, "%s: %s", sql, pages);
		cr_assert_eq(pread(fd, old, sizeof(old), page), (ssize_t)sizeof(old));
		cr_assert_eq(pwrite(fd, noise, sizeof(noise), page), (ssize_t)sizeof(noise));
		cr_assert_eq(fstat(fd, &before), 0);
		r = store_open(fixture_state, &s, &e);
		cr_expect_eq(r, refused ? -EUCLEAN : 0, "%s, %jd: %d %s", sql, (intmax_t)page, r,
			     e.text);
		cr_assert_eq(fstat(fd, &after), 0);
		if (refused)
			cr_expect(memcmp(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim)) ==
						  0 &&
					  before.st_size == after.st_size,
				  "it was touched");
		store_close(s);
		cr_assert_eq(pwrite(fd, old, sizeof(old), page), (ssize_t)sizeof(old));
	} while (*at++ == ',');
}

/* Of a large file only what the daemon goes on from is looked at. */
Test(open, refuses_a_large_database_that_cannot_be_used)
{
	struct stat st;

	store_close(fixture_open());
	shell("INSERT INTO event (id, subject, sequence, type, time_us, body) VALUES"
	      " ('a', 's', 1, 'job.running', 1, hex(zeroblob(34 * 1024 * 1024))),"
	      " ('b', 's', 1, 'job.running', 1, '{}');"
	      "INSERT INTO delivery VALUES (2, 'hook', 'pending', 0, 1, 1, '', 0, NULL)");
	cr_assert_eq(stat(fixture_path("state.db"), &st), 0);
	cr_assert_gt(st.st_size, 64 * 1024 * 1024);
	damage_each("SELECT group_concat(rootpage) FROM sqlite_schema WHERE name IN ('job',"
		    " 'event', 'delivery', 'delivery_waiting', 'account', 'notifier', 'override')",
		    true);
	damage_each("SELECT '5000'", false); /* of a long text */
	cr_assert_eq(truncate(fixture_path("state.db"), st.st_size - 4096), 0);
	cr_expect_eq(store_open(fixture_state, &(struct store *){NULL}, NULL), -EUCLEAN);
}

/* Some bytes in the middle of a page, and a header that is nearly right. */
Test(open, refuses_a_database_with_garbage_in_a_page)
{
	static const struct {
		size_t at, len;
		const char *words;
	} cases[] = {
		{0, 16, "is not a database"},
		{8, 1, "is not a database"},
		{16, 2, "is damaged"}, /* the size of a page */
		{68, 4, "not tunewatch's"},
		{100, 1, "is damaged"}, /* the kind of the first page */
		{4096 + 3, 2, "is damaged"},
		{4096 + 8, 200, "is damaged"},
	};
	_cleanup_free_ char *data = NULL;
	size_t len;

	store_close(fixture_open());
	data = tempdir_read(fixture_path("state.db"), &len);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char old[256];

		memcpy(old, data + cases[i].at, cases[i].len);
		memset(data + cases[i].at, 0x55, cases[i].len);
		tempdir_write(fixture_path("state.db"), data, len);
		expect_refused(-EUCLEAN, cases[i].words);
		memcpy(data + cases[i].at, old, cases[i].len);
	}
	tempdir_write(fixture_path("state.db"), data, len);
	store_close(fixture_open());
}

/*
 * A -wal file ends where its checksums do not fit any more, as after a power cut: what comes before
 * is there. With a database that is not one it mends nothing, and is kept.
 */
Test(open, reads_a_wal_file_up_to_the_garbage_in_it)
{
	_cleanup_free_ char *wal = NULL, *dump = NULL;
	char noise[4096];
	struct store *s;
	size_t len, after;

	memset(noise, 0x55, sizeof(noise));
	store_close(fixture_open());
	crash_with("INSERT INTO baseline VALUES ('e', 'a', 'first', 'sft');"
		   "INSERT INTO baseline VALUES ('e', 'a', 'second', 'sft')");
	wal = tempdir_read(fixture_path("state.db-wal"), &len);
	memset(wal + len - 100, 0x55, 50);
	tempdir_write(fixture_path("state.db-wal"), wal, len);
	s = fixture_open();
	dump = fixture_dump(s);
	cr_expect_str_eq(dump, "baseline e a first sft\n");
	store_close(s);

	tempdir_write(fixture_path("state.db"), noise, sizeof(noise));
	tempdir_write(fixture_path("state.db-wal"), wal, len);
	cr_expect_eq(store_open(fixture_state, &(struct store *){NULL}, NULL), -EUCLEAN);
	free(tempdir_read(fixture_path("state.db-wal"), &after));
	cr_expect_eq(after, len);
}

/* What a power cut while the first database was being made can leave. */
Test(open, makes_an_empty_file_into_a_database)
{
	cr_assert_eq(mkdir(fixture_state, 0700), 0);
	tempdir_write(fixture_path("state.db"), "", 0);
	store_close(fixture_open());
	cr_expect_eq(mode_of(fixture_path("state.db")), 0600);
}

#define NOBODY 65534

Test(open, says_when_it_may_not_write)
{
	struct error e = ERROR_NONE;
	struct store *s = NULL;

	if (geteuid() != 0)
		cr_skip_test("only root can become somebody else");
	cr_assert_eq(mkdir(fixture_state, 0700), 0);
	cr_assert_eq(chmod(fixture_dir, 0755), 0);
	cr_assert_eq(seteuid(NOBODY), 0);
	cr_expect_eq(store_open(fixture_state, &s, &e), -EACCES);
	cr_expect_not_null(strstr(e.text, fixture_state), "%s", e.text);
	snprintf(fixture_state, sizeof(fixture_state), "%s/new", fixture_dir);
	cr_expect_eq(store_open(fixture_state, &s, &e), -EACCES);
	cr_expect_not_null(strstr(e.text, "cannot make the state directory"), "%s", e.text);
	cr_assert_eq(seteuid(0), 0);
}

Test(open, says_when_another_program_holds_the_database)
{
	struct error e = ERROR_NONE;
	struct store *s = NULL;
	sqlite3 *db = NULL;

	store_close(fixture_open());
	cr_assert_eq(sqlite3_open(fixture_path("state.db"), &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE", NULL,
				  NULL, NULL),
		     SQLITE_OK);
	cr_expect_eq(store_open(fixture_state, &s, &e), -EBUSY, "%s", e.text);
	sqlite3_close(db);
	store_close(fixture_open());
}
