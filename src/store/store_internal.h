/*
 * What the files of src/store share: the open store, its prepared statements, and how a failure of
 * SQLite becomes an errno with a sentence. Nobody outside includes this.
 */
#pragma once

#include <sqlite3.h>

#include "store/store.h"

enum store_statement {
	STMT_BEGIN,
	STMT_COMMIT,
	STMT_ROLLBACK,
	STMT_JOB,
	STMT_JOB_DROP,
	STMT_EVENT,
	STMT_EVENT_NUMBER,
	STMT_DELIVERY,
	STMT_DELIVERY_NOTIFIER,
	STMT_ATTEMPT,
	STMT_VERDICT,
	STMT_MODEL,
	STMT_REPLACE_COUNT,
	STMT_REPLACE,
	STMT_NOTIFIER,
	STMT_ACCOUNT,
	STMT_WATCHED,
	STMT_BASELINE,
	STMT_OVERRIDE,
	STMT_OVERRIDE_DROP,
	STMT_SUBMISSION,
	STMT_SUBMISSION_DROP,
	STMT_COUNT_,
};

struct store {
	int lock_fd; /* -1: not held */
	char *path;  /* of the database */
	sqlite3 *db;
	sqlite3_stmt *stmt[STMT_COUNT_]; /* of store_apply(); made by apply_prepare() */
};

/* The errno for the last failure of `db`, with SQLite's words. */
int sqlite_fail(sqlite3 *db, struct error *ret_e);

/* The same with the path, and with the way out where the database is damaged. */
int store_fail(const struct store *s, struct error *ret_e);

/* -EUCLEAN with "<path> <what>" and the way out. */
int store_refuse(const char *path, const char *what, struct error *ret_e);

/* Makes `dir` where it is not there, with its parents, mode 0700. */
int lock_make_dir(const char *dir, struct error *ret_e);

/* Takes the lock of `dir` until the descriptor is closed. -EBUSY names the holder's pid. */
int lock_take(const char *dir, int *ret_fd, struct error *ret_e);

/* Makes what a -wal file of the database holds durable, before SQLite opens it. */
int wal_settle(const char *path, struct error *ret_e);

int apply_prepare(struct store *s, struct error *ret_e);

/* A transaction that writes. After a failure inside it, or of its commit, it is rolled back. */
int store_begin(struct store *s, struct error *ret_e);
int store_commit(struct store *s, struct error *ret_e);
void store_roll_back(struct store *s);
