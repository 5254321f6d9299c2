/* The tables and their migrations. */
#include "store/schema.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "store/store_internal.h"

/*
 * Written for people with the sqlite3 shell too: names instead of numbers, no blobs.
 *
 * job is a rowid table because its rows are large; the others that have no number of their own are
 * small and go without. event.number grows with every insert and is never used again: it is the
 * order of history, and what a delivery refers to.
 */
static const char version_1[] =
	"CREATE TABLE job ("
	"	endpoint TEXT NOT NULL,"
	"	name TEXT NOT NULL,"
	"	phase TEXT NOT NULL,"
	"	state TEXT NOT NULL,"
	"	status_code TEXT NOT NULL,"
	"	status_message TEXT NOT NULL,"
	"	display_name TEXT NOT NULL,"
	"	base_model TEXT NOT NULL,"
	"	output_model TEXT NOT NULL,"
	"	dataset TEXT NOT NULL,"
	"	create_time TEXT NOT NULL,"
	"	completed_time TEXT NOT NULL,"
	"	percent INTEGER,"
	"	epoch INTEGER,"
	"	total_input_requests INTEGER,"
	"	total_processed_requests INTEGER,"
	"	successfully_processed_requests INTEGER,"
	"	failed_requests INTEGER,"
	"	output_rows INTEGER,"
	"	input_tokens INTEGER,"
	"	output_tokens INTEGER,"
	"	cached_input_token_count INTEGER,"
	"	attempt INTEGER NOT NULL,"
	"	attempt_ended INTEGER NOT NULL,"
	"	sequence INTEGER NOT NULL,"
	"	phase_since_us INTEGER NOT NULL,"
	"	PRIMARY KEY (endpoint, name)"
	") STRICT;"
	"CREATE TABLE event ("
	"	number INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	id TEXT NOT NULL UNIQUE,"
	"	subject TEXT NOT NULL,"
	"	sequence INTEGER NOT NULL,"
	"	type TEXT NOT NULL,"
	"	time_us INTEGER NOT NULL,"
	"	body TEXT NOT NULL"
	") STRICT;"
	"CREATE TABLE delivery ("
	"	event INTEGER NOT NULL REFERENCES event (number),"
	"	notifier TEXT NOT NULL,"
	"	state TEXT NOT NULL,"
	"	tries INTEGER NOT NULL,"
	"	created_us INTEGER NOT NULL,"
	"	due_us INTEGER NOT NULL,"
	"	error TEXT NOT NULL,"
	"	PRIMARY KEY (event, notifier)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX delivery_pending ON delivery (event) WHERE state = 'pending';"
	"CREATE TABLE account ("
	"	endpoint TEXT NOT NULL,"
	"	account TEXT NOT NULL,"
	"	sequence INTEGER NOT NULL,"
	"	outage_trouble TEXT," /* the five are NULL while the account is in sight */
	"	outage_since_us INTEGER,"
	"	outage_failures INTEGER,"
	"	outage_first TEXT,"
	"	outage_last TEXT,"
	"	PRIMARY KEY (endpoint, account)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE baseline ("
	"	endpoint TEXT NOT NULL,"
	"	account TEXT NOT NULL,"
	"	watch TEXT NOT NULL,"
	"	kind TEXT NOT NULL,"
	"	PRIMARY KEY (endpoint, account, watch, kind)"
	") STRICT, WITHOUT ROWID;";

/*
 * Three ways to ask for deliveries: those of an event (the primary key), the pending ones of a
 * notifier in order, and the dead, which both are few beside the history. Every notifier that has
 * deliveries has a row in notifier, so that nobody goes through all of them to find it; what was
 * there before has been there for ever.
 */
static const char version_2[] =
	"ALTER TABLE delivery ADD COLUMN replaced INTEGER NOT NULL DEFAULT 0;"
	"DROP INDEX delivery_pending;"
	"CREATE INDEX delivery_waiting ON delivery (notifier, event) WHERE state = 'pending';"
	"CREATE INDEX delivery_dead ON delivery (event) WHERE state = 'dead';"
	"CREATE TABLE notifier ("
	"	name TEXT NOT NULL PRIMARY KEY,"
	"	since_us INTEGER NOT NULL,"
	"	removed_us INTEGER NOT NULL" /* 0: it is in the configuration */
	") STRICT, WITHOUT ROWID;"
	"INSERT INTO notifier SELECT DISTINCT notifier, 0, 0 FROM delivery;";

/*
 * Of a job's movements the older versions kept only when its phase began, which is the last that is
 * known. Watched time begins with this version, so nothing has stood still yet.
 *
 * model_ready is NULL where a delivery says nothing of its model.
 */
static const char version_3[] =
	"ALTER TABLE job ADD COLUMN epochs INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE job ADD COLUMN moved_us INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE job ADD COLUMN moved_watched_ms INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE job ADD COLUMN moved TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE job ADD COLUMN stalled INTEGER NOT NULL DEFAULT 0;"
	"UPDATE job SET moved_us = phase_since_us;"
	"ALTER TABLE account ADD COLUMN watched_ms INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE delivery ADD COLUMN model_ready INTEGER;";

/*
 * An override says of one job what no rule of the configuration does: somebody asked for it to be
 * watched, or not to be. Its notifiers are names joined by commas; NULL: none were chosen.
 *
 * A submission is the intent to create a job: it is there from before the request until it is known
 * what became of it. History is asked for by its subject and by its time.
 */
static const char version_4[] = "CREATE TABLE override ("
				"	endpoint TEXT NOT NULL,"
				"	name TEXT NOT NULL,"
				"	watched INTEGER NOT NULL,"
				"	notify TEXT,"
				"	PRIMARY KEY (endpoint, name)"
				") STRICT, WITHOUT ROWID;"
				"CREATE TABLE submission ("
				"	endpoint TEXT NOT NULL,"
				"	name TEXT NOT NULL,"
				"	body TEXT NOT NULL,"
				"	notify TEXT,"
				"	PRIMARY KEY (endpoint, name)"
				") STRICT;"
				"CREATE INDEX event_subject ON event (subject);"
				"CREATE INDEX event_time ON event (time_us);";

const char *const schema_migrations[] = {version_1, version_2, version_3, version_4};
const unsigned schema_version = ARRAY_LEN(schema_migrations);

static const char *const job_columns[JOB_COLUMN_COUNT_] = {
	[JOB_ENDPOINT] = "endpoint",
	[JOB_NAME] = "name",
	[JOB_PHASE] = "phase",
	[JOB_TEXT + TEXT_STATE] = "state",
	[JOB_TEXT + TEXT_STATUS_CODE] = "status_code",
	[JOB_TEXT + TEXT_STATUS_MESSAGE] = "status_message",
	[JOB_TEXT + TEXT_DISPLAY_NAME] = "display_name",
	[JOB_TEXT + TEXT_BASE_MODEL] = "base_model",
	[JOB_TEXT + TEXT_OUTPUT_MODEL] = "output_model",
	[JOB_TEXT + TEXT_DATASET] = "dataset",
	[JOB_TEXT + TEXT_CREATE_TIME] = "create_time",
	[JOB_TEXT + TEXT_COMPLETED_TIME] = "completed_time",
	[JOB_PROGRESS + PROGRESS_PERCENT] = "percent",
	[JOB_PROGRESS + PROGRESS_EPOCH] = "epoch",
	[JOB_PROGRESS + PROGRESS_TOTAL_INPUT_REQUESTS] = "total_input_requests",
	[JOB_PROGRESS + PROGRESS_TOTAL_PROCESSED_REQUESTS] = "total_processed_requests",
	[JOB_PROGRESS + PROGRESS_SUCCESSFULLY_PROCESSED_REQUESTS] =
		"successfully_processed_requests",
	[JOB_PROGRESS + PROGRESS_FAILED_REQUESTS] = "failed_requests",
	[JOB_PROGRESS + PROGRESS_OUTPUT_ROWS] = "output_rows",
	[JOB_PROGRESS + PROGRESS_INPUT_TOKENS] = "input_tokens",
	[JOB_PROGRESS + PROGRESS_OUTPUT_TOKENS] = "output_tokens",
	[JOB_PROGRESS + PROGRESS_CACHED_INPUT_TOKEN_COUNT] = "cached_input_token_count",
	[JOB_ATTEMPT] = "attempt",
	[JOB_ATTEMPT_ENDED] = "attempt_ended",
	[JOB_SEQUENCE] = "sequence",
	[JOB_PHASE_SINCE_US] = "phase_since_us",
	[JOB_EPOCHS] = "epochs",
	[JOB_MOVED_US] = "moved_us",
	[JOB_MOVED_WATCHED_MS] = "moved_watched_ms",
	[JOB_MOVED] = "moved",
	[JOB_STALLED] = "stalled",
};

/* By the set of enum change. So few that each has its text. */
static const char *const moved_names[] = {
	[0] = "",
	[CHANGE_STATE] = "state",
	[CHANGE_STATUS] = "status",
	[CHANGE_STATE | CHANGE_STATUS] = "state status",
	[CHANGE_PROGRESS] = "progress",
	[CHANGE_STATE | CHANGE_PROGRESS] = "state progress",
	[CHANGE_STATUS | CHANGE_PROGRESS] = "status progress",
	[CHANGE_STATE | CHANGE_STATUS | CHANGE_PROGRESS] = "state status progress",
};

const char *schema_moved_name(unsigned moved)
{
	return moved < ARRAY_LEN(moved_names) ? moved_names[moved] : NULL;
}

int schema_moved_from_name(const char *name, uint8_t *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(moved_names); i++)
		if (strcmp(moved_names[i], name) == 0) {
			*ret = (uint8_t)i;
			return 0;
		}
	return -ENOENT;
}

#define SQL_MAX_BYTES 8192

int schema_job_upsert(char **ret_sql)
{
	_cleanup_buf_ struct buf b = BUF_INIT(SQL_MAX_BYTES);
	int r;

	r = buf_puts(&b, "INSERT INTO job (");
	for (int i = 0; i < JOB_COLUMN_COUNT_ && r >= 0; i++)
		r = buf_printf(&b, "%s%s", i ? ", " : "", job_columns[i]);
	if (r >= 0)
		r = buf_puts(&b, ") VALUES (");
	for (int i = 0; i < JOB_COLUMN_COUNT_ && r >= 0; i++)
		r = buf_printf(&b, "%s?%d", i ? ", " : "", i + 1);
	if (r >= 0)
		r = buf_puts(&b, ") ON CONFLICT (endpoint, name) DO UPDATE SET ");
	for (int i = JOB_NAME + 1; i < JOB_COLUMN_COUNT_ && r >= 0; i++)
		r = buf_printf(&b, "%s%s = ?%d", i > JOB_NAME + 1 ? ", " : "", job_columns[i],
			       i + 1);
	if (r < 0)
		return r;
	*ret_sql = buf_take(&b);
	return 0;
}

int schema_job_select(char **ret_sql)
{
	_cleanup_buf_ struct buf b = BUF_INIT(SQL_MAX_BYTES);
	int r;

	r = buf_puts(&b, "SELECT ");
	for (int i = 0; i < JOB_COLUMN_COUNT_ && r >= 0; i++)
		r = buf_printf(&b, "%s%s", i ? ", " : "", job_columns[i]);
	if (r >= 0)
		r = buf_puts(&b, " FROM job");
	if (r < 0)
		return r;
	*ret_sql = buf_take(&b);
	return 0;
}

static bool exec(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static bool migrate(sqlite3 *db, const char *const *migrations, unsigned version, unsigned n)
{
	char mark[128];

	for (unsigned i = version; i < n; i++)
		if (!exec(db, migrations[i]))
			return false;
	snprintf(mark, sizeof(mark), "PRAGMA application_id = %d; PRAGMA user_version = %u",
		 SCHEMA_APPLICATION_ID, n);
	return exec(db, mark);
}

/*
 * A new database can give back to the disk what is pruned. That has to be said before it has a page,
 * but in the same transaction: a file that says nothing else would not be ours at the next start.
 */
#define BEGIN_NEW "BEGIN; PRAGMA auto_vacuum = INCREMENTAL"

int schema_migrate(sqlite3 *db, const char *const *migrations, unsigned version, unsigned n,
		   struct error *ret_e)
{
	int r;

	if (exec(db, version == 0 ? BEGIN_NEW : "BEGIN IMMEDIATE") &&
	    migrate(db, migrations, version, n) && exec(db, "COMMIT"))
		return 0;
	r = sqlite_fail(db, ret_e);
	/* SQLite has rolled back by itself after some failures. */
	if (!sqlite3_get_autocommit(db))
		exec(db, "ROLLBACK");
	return error_prefix(ret_e, r, "cannot bring its schema from version %u to %u", version, n);
}
