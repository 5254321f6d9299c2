/*
 * The tables, as a list of migrations, and the columns of the one that follows the model.
 *
 * The version is SQLite's user_version: how many migrations were made. A released migration is never
 * changed; a new version appends one.
 */
#pragma once

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/event.h"
#include "model/snapshot.h"

#define SCHEMA_APPLICATION_ID 0x74756e77 /* "tunw", in the file's header */

extern const char *const schema_migrations[]; /* each brings its index to the next version */
extern const unsigned schema_version;         /* how many there are: the newest version */

/*
 * Brings the database from `version` to `n`, in one transaction, and marks it as ours. On failure it
 * is as before.
 */
int schema_migrate(sqlite3 *db, const char *const *migrations, unsigned version, unsigned n,
		   struct error *ret_e);

/* The columns of table job. Parameter number in its statement: column + 1. */
enum job_column {
	JOB_ENDPOINT,
	JOB_NAME,
	JOB_PHASE,
	JOB_TEXT, /* enum snapshot_text, from here */
	JOB_PROGRESS =
		JOB_TEXT + TEXT_COUNT_, /* enum progress_field, from here; all NULL: none given */
	JOB_ATTEMPT = JOB_PROGRESS + PROGRESS_COUNT_,
	JOB_ATTEMPT_ENDED,
	JOB_SEQUENCE,
	JOB_PHASE_SINCE_US,
	JOB_EPOCHS,
	JOB_MOVED_US,
	JOB_MOVED_WATCHED_MS,
	JOB_MOVED,
	JOB_STALLED,
	JOB_COLUMN_COUNT_,
};

/* Statements over all columns, in that order: an upsert, and a select of all rows. The caller frees. */
int schema_job_upsert(char **ret_sql);
int schema_job_select(char **ret_sql);

/* What moved, a set of enum change, as column `moved` has it: "state progress"; "" for the empty set. */
const char *schema_moved_name(unsigned moved);              /* NULL for what no set is */
int schema_moved_from_name(const char *name, uint8_t *ret); /* 0 or -ENOENT */
