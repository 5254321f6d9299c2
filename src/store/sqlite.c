/* Opening the database: looked at before it is touched, then set to be durable, and closed. */
#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "store/schema.h"

/* Enough for somebody's look with the sqlite3 shell; what takes longer is retried by the caller. */
#define BUSY_TIMEOUT_MS 500

/* The header of an SQLite file, see https://www.sqlite.org/fileformat2.html section 1.3. */
#define HEADER_BYTES          100
#define HEADER_SCHEMA_COOKIE  40 /* grows with each change of the schema */
#define HEADER_USER_VERSION   60
#define HEADER_APPLICATION_ID 68
static const char header_magic[16] = "SQLite format 3";

/*
 * What a rollback journal and a -wal file begin with, sections 3 and 4.1 there; the lowest bit of
 * the latter is the byte order of its checksums.
 */
static const uint8_t journal_magic[] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
#define WAL_MAGIC       0x377f0683
#define WAL_MAGIC_BYTES 4

static uint32_t read_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int refuse_newer(const char *path, uint32_t version, struct error *ret_e)
{
	return error_set(ret_e, -EPROTO,
			 "%s was written by a newer tunewatch (schema %" PRIu32
			 ", this one knows up to %u): run that version; or move it and its -wal "
			 "file aside: a new one is made; watched jobs are then seen as for the "
			 "first time",
			 path, version, schema_version);
}

static int system_fail(const char *path, const char *doing, struct error *ret_e)
{
	int r = -errno;

	return error_set(ret_e, r, "cannot %s %s: %s", doing, path, strerror(-r));
}

/* 0 where there is no such file. */
static off_t file_bytes(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_size : 0;
}

/* The first bytes of a file beside the database; fewer than `len`: not there, or shorter. */
static ssize_t read_beside(const char *path, const char *suffix, uint8_t *ret, size_t len)
{
	_cleanup_free_ char *beside = NULL;
	_cleanup_close_ int fd = -1;

	if (asprintf(&beside, "%s%s", path, suffix) < 0) {
		beside = NULL;
		return -1;
	}
	fd = open(beside, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -1 : pread(fd, ret, len, 0);
}

/*
 * Whether a power cut may have torn the first page, and SQLite has what mends it: the journal of a
 * transaction that is to be rolled back, or a -wal file, from which pages were being moved.
 */
static bool can_be_mended(const char *path)
{
	uint8_t journal[sizeof(journal_magic)], wal[WAL_MAGIC_BYTES];

	return (read_beside(path, "-journal", journal, sizeof(journal)) == sizeof(journal) &&
		memcmp(journal, journal_magic, sizeof(journal)) == 0) ||
	       (read_beside(path, "-wal", wal, sizeof(wal)) == sizeof(wal) &&
		(read_be32(wal) | 1) == WAL_MAGIC);
}

/*
 * Judges the file by its header, without SQLite: to open somebody else's database is already to
 * leave files beside it and to roll back or check in what is half done. Makes an empty file where
 * there is none.
 */
static int check_file(const char *path, const char *wal, struct error *ret_e)
{
	_cleanup_close_ int fd = -1;
	uint8_t header[HEADER_BYTES];
	struct stat st;
	ssize_t n;

	if (file_bytes(path) == 0 && file_bytes(wal) > 0)
		/* SQLite would throw away the -wal file, which may be all that is left. */
		return store_refuse(path, "is missing though its -wal file is there", ret_e);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || fstat(fd, &st) < 0)
		return system_fail(path, "open", ret_e);
	if (!S_ISREG(st.st_mode))
		return store_refuse(path, "is not a regular file", ret_e);
	if (st.st_size == 0)
		/* Whatever the umask is. SQLite gives the files beside it the same mode. */
		return fchmod(fd, 0600) == 0 ? 0 : system_fail(path, "set the mode of", ret_e);
	n = pread(fd, header, sizeof(header), 0);
	if (n < 0)
		return system_fail(path, "read", ret_e);
	if (n < HEADER_BYTES || memcmp(header, header_magic, sizeof(header_magic)) != 0)
		return can_be_mended(path) ? 0 : store_refuse(path, "is not a database", ret_e);
	/* Its making was cut off before the first table: nothing of anybody is in it. */
	if (read_be32(header + HEADER_SCHEMA_COOKIE) == 0 &&
	    read_be32(header + HEADER_APPLICATION_ID) == 0)
		return 0;
	if (read_be32(header + HEADER_APPLICATION_ID) != SCHEMA_APPLICATION_ID)
		return store_refuse(path, "is a database, but not tunewatch's", ret_e);
	if (read_be32(header + HEADER_USER_VERSION) > schema_version)
		return refuse_newer(path, read_be32(header + HEADER_USER_VERSION), ret_e);
	return 0;
}

/*
 * The first column of the first row as text; "" where there is no row. To the end: what a pragma
 * changes is committed after its row, so "wal" may be the answer although that failed.
 */
static int query(struct store *s, const char *sql, char *ret, size_t size, struct error *ret_e)
{
	sqlite3_stmt *stmt = NULL;
	int code, r = 0;

	ret[0] = '\0';
	code = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(stmt, 0);

		snprintf(ret, size, "%s", text ? text : "");
	}
	while (code == SQLITE_ROW)
		code = sqlite3_step(stmt);
	if (code != SQLITE_DONE)
		r = store_fail(s, ret_e);
	sqlite3_finalize(stmt);
	return r;
}

static int query_number(struct store *s, const char *sql, long *ret, struct error *ret_e)
{
	char answer[32];
	int r = query(s, sql, answer, sizeof(answer), ret_e);

	if (r >= 0)
		*ret = strtol(answer, NULL, 10);
	return r;
}

/*
 * A start reads the whole file as long as that is quickly done. 1 GiB took 0.9 s out of the page
 * cache, but 7 s from a disk that gave 150 MB/s, and would take minutes from a slower one, while
 * nobody is watched. Nearly all of a large file is history, which the start does not need: there,
 * what the daemon goes on from is read (every row but those of event and delivery, the list of what
 * is pending, and the way to the end of the history, where the next rows go). SQLite itself refuses
 * a file that is shorter than it should be. What is damaged elsewhere is met when it is read.
 */
#define CHECK_WHOLE_MAX_BYTES (64 * 1024 * 1024)

static const struct {
	const char *sql;
	const char *answer; /* NULL: any, it is enough that it can be read */
} large_checks[] = {
	{"SELECT quick_check FROM sqlite_schema, pragma_quick_check(name) WHERE type = 'table'"
	 " AND name NOT IN ('event', 'delivery') AND quick_check <> 'ok'",
	 ""},
	{"SELECT count(*) FROM delivery WHERE state = 'pending'", NULL},
	{"SELECT body FROM event ORDER BY number DESC LIMIT 1", NULL},
	{"SELECT error FROM delivery ORDER BY event DESC, notifier DESC LIMIT 1", NULL},
};

static int check_large(struct store *s, struct error *ret_e)
{
	for (size_t i = 0; i < ARRAY_LEN(large_checks); i++) {
		char answer[128];
		int r = query(s, large_checks[i].sql, answer, sizeof(answer), ret_e);

		if (r < 0)
			return r;
		if (large_checks[i].answer && strcmp(answer, large_checks[i].answer) != 0)
			return store_refuse(s->path, "is damaged", ret_e);
	}
	return 0;
}

static int check_whole(struct store *s, struct error *ret_e)
{
	char answer[128];
	int r = query(s, "PRAGMA quick_check(1)", answer, sizeof(answer), ret_e);

	if (r >= 0 && strcmp(answer, "ok") != 0)
		return store_refuse(s->path, "is damaged", ret_e);
	return r;
}

/*
 * What the header says may be old where a -wal file is to be read with it, so everything is asked
 * again. Reads only.
 */
static int check_content(struct store *s, unsigned *ret_version, struct error *ret_e)
{
	bool large = file_bytes(s->path) > CHECK_WHOLE_MAX_BYTES;
	long id = 0, version = 0, objects = 0;
	int r = large ? 0 : check_whole(s, ret_e);

	if (r >= 0)
		r = query_number(s, "PRAGMA application_id", &id, ret_e);
	if (r >= 0)
		r = query_number(s, "PRAGMA user_version", &version, ret_e);
	if (r >= 0)
		r = query_number(s, "SELECT count(*) FROM sqlite_schema", &objects, ret_e);
	if (r < 0)
		return r;
	/* Nothing at all: a new one, or one whose making was cut off. */
	if (id != SCHEMA_APPLICATION_ID && (id != 0 || version != 0 || objects != 0))
		return store_refuse(s->path, "is a database, but not tunewatch's", ret_e);
	if (version < 0 || version > (long)schema_version)
		return refuse_newer(s->path, (uint32_t)version, ret_e);
	*ret_version = (unsigned)version;
	return large && version > 0 ? check_large(s, ret_e) : 0;
}

/* Asked for, and asked whether it was granted. */
static const struct {
	const char *sql;
	const char *answer; /* NULL: any */
} settings[] = {
	{"PRAGMA journal_mode = WAL", "wal"},
	{"PRAGMA synchronous = FULL", NULL},
	{"PRAGMA synchronous", "2"},
	{"PRAGMA foreign_keys = ON", NULL},
	{"PRAGMA foreign_keys", "1"},
	{"PRAGMA trusted_schema = OFF", NULL},
	{"PRAGMA cache_size = -2048", NULL}, /* KiB: all that is kept in memory */
	{"PRAGMA journal_size_limit = 16777216", "16777216"},
};

static int apply_settings(struct store *s, struct error *ret_e)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		char answer[32];
		int r = query(s, settings[i].sql, answer, sizeof(answer), ret_e);

		if (r < 0)
			return r;
		if (settings[i].answer && strcmp(answer, settings[i].answer) != 0)
			return error_set(ret_e, -ENOTSUP,
					 "%s: the answer to \"%s\" is \"%s\"; the state directory "
					 "must be on a local file system",
					 s->path, settings[i].sql, answer);
	}
	return 0;
}

static int open_database(struct store *s, struct error *ret_e)
{
	_cleanup_free_ char *wal = NULL;
	unsigned version = 0;
	bool kept;
	int r;

	if (asprintf(&wal, "%s-wal", s->path) < 0) {
		wal = NULL;
		return -ENOMEM;
	}
	r = check_file(s->path, wal, ret_e);
	if (r < 0)
		return r;
	kept = file_bytes(wal) > 0;
	r = wal_settle(s->path, ret_e);
	if (r < 0)
		return r;
	if (sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK)
		return s->db ? store_fail(s, ret_e) : -ENOMEM;
	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	/* Closing moves the -wal file's content into the database: not into one that is refused. */
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, kept, NULL);
	r = check_content(s, &version, ret_e);
	if (r < 0)
		return r;
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	/* Before WAL, so that the header always says whose database it is, see check_file(). */
	if (version < schema_version) {
		r = schema_migrate(s->db, schema_migrations, version, schema_version, ret_e);
		if (r < 0)
			return error_prefix(ret_e, r, "%s", s->path);
	}
	r = apply_settings(s, ret_e);
	if (r < 0)
		return r;
	return apply_prepare(s, ret_e);
}

int store_open(const char *dir, struct store **ret, struct error *ret_e)
{
	_cleanup_(store_closep) struct store *s = NULL;
	int r;

	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->lock_fd = -1;
	if (asprintf(&s->path, "%s/state.db", dir) < 0) {
		s->path = NULL;
		return -ENOMEM;
	}
	r = lock_make_dir(dir, ret_e);
	if (r >= 0)
		r = lock_take(dir, &s->lock_fd, ret_e);
	if (r >= 0)
		r = open_database(s, ret_e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(s);
	return 0;
}

struct store *store_close(struct store *s)
{
	if (!s)
		return NULL;
	for (int i = 0; i < STMT_COUNT_; i++)
		sqlite3_finalize(s->stmt[i]);
	sqlite3_close(s->db);
	/* Last: nobody else may open the database while this one is being closed. */
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	free(s->path);
	free(s);
	return NULL;
}
