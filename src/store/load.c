/* What is read at the start, row by row. */
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/reader.h"
#include "store/schema.h"

/* Who is told of the rows. */
struct loading {
	const struct store_loader *loader;
	void *user;
};

static int load_job(struct reader *rd, void *user)
{
	const struct loading *l = user;
	_cleanup_snapshot_ struct snapshot *snapshot = NULL;
	const char *endpoint = reader_text(rd, JOB_ENDPOINT), *name = reader_text(rd, JOB_NAME);
	struct snapshot_parts parts = {
		/* The phase follows from the state, but for a job that the API has lost. */
		.gone = strcmp(reader_text(rd, JOB_PHASE), phase_name(PHASE_REMOVED)) == 0,
		.progress.given = !reader_is_null(rd, JOB_PROGRESS),
		.epochs = (uint16_t)reader_number(rd, JOB_EPOCHS),
	};
	struct attempt attempt = {
		.number = (uint32_t)reader_number(rd, JOB_ATTEMPT),
		.ended = reader_number(rd, JOB_ATTEMPT_ENDED) != 0,
	};
	struct stillness still = {
		.moved_us = reader_number(rd, JOB_MOVED_US),
		.moved_watched_ms = (uint64_t)reader_number(rd, JOB_MOVED_WATCHED_MS),
		.stalled = reader_number(rd, JOB_STALLED) != 0,
	};
	const char *moved = reader_text(rd, JOB_MOVED);
	int r;

	for (int i = 0; i < TEXT_COUNT_; i++)
		parts.text[i] = reader_text(rd, JOB_TEXT + i);
	for (int i = 0; i < PROGRESS_COUNT_; i++)
		parts.progress.values[i] = (int32_t)reader_number(rd, JOB_PROGRESS + i);
	if (rd->failed)
		return -ENOMEM;
	if (schema_moved_from_name(moved, &still.moved) < 0)
		return reader_unknown(rd, "movement", moved);
	r = snapshot_new(&parts, &snapshot);
	if (r < 0)
		return r;
	return l->loader->job(l->user, endpoint, name, snapshot, attempt,
			      (uint64_t)reader_number(rd, JOB_SEQUENCE),
			      reader_number(rd, JOB_PHASE_SINCE_US), &still);
}

enum {
	ACCOUNT_ENDPOINT,
	ACCOUNT_ACCOUNT,
	ACCOUNT_SEQUENCE,
	ACCOUNT_TROUBLE,
	ACCOUNT_SINCE_US,
	ACCOUNT_FAILURES,
	ACCOUNT_FIRST,
	ACCOUNT_LAST,
	ACCOUNT_WATCHED_MS,
};

static const char select_accounts[] =
	"SELECT endpoint, account, sequence, outage_trouble, outage_since_us, outage_failures,"
	" outage_first, outage_last, watched_ms FROM account";

static int read_outage(struct reader *rd, struct outage *ret)
{
	const char *name = reader_text(rd, ACCOUNT_TROUBLE);
	enum trouble trouble = TROUBLE_NONE;

	while (trouble < TROUBLE_COUNT_ && strcmp(trouble_name(trouble), name) != 0)
		trouble++;
	if (trouble == TROUBLE_COUNT_ && !rd->failed)
		return reader_unknown(rd, "trouble", name);
	*ret = (struct outage){
		.trouble = trouble,
		.since_us = reader_number(rd, ACCOUNT_SINCE_US),
		.failures = (uint64_t)reader_number(rd, ACCOUNT_FAILURES),
	};
	snprintf(ret->first, sizeof(ret->first), "%s", reader_text(rd, ACCOUNT_FIRST));
	snprintf(ret->last, sizeof(ret->last), "%s", reader_text(rd, ACCOUNT_LAST));
	return 0;
}

static int load_account(struct reader *rd, void *user)
{
	const struct loading *l = user;
	const char *endpoint = reader_text(rd, ACCOUNT_ENDPOINT),
		   *account = reader_text(rd, ACCOUNT_ACCOUNT);
	bool out = !reader_is_null(rd, ACCOUNT_TROUBLE);
	struct outage outage;

	if (out) {
		int r = read_outage(rd, &outage);

		if (r < 0)
			return r;
	}
	if (rd->failed)
		return -ENOMEM;
	return l->loader->account(l->user, endpoint, account,
				  (uint64_t)reader_number(rd, ACCOUNT_SEQUENCE),
				  out ? &outage : NULL,
				  (uint64_t)reader_number(rd, ACCOUNT_WATCHED_MS));
}

static const char select_baselines[] = "SELECT endpoint, account, watch, kind FROM baseline";

static int load_baseline(struct reader *rd, void *user)
{
	const struct loading *l = user;
	const char *endpoint = reader_text(rd, 0), *account = reader_text(rd, 1),
		   *watch = reader_text(rd, 2);
	const char *name = reader_text(rd, 3);
	enum kind kind;

	if (rd->failed)
		return -ENOMEM;
	if (kind_from_name(name, &kind) < 0)
		return reader_unknown(rd, "kind", name);
	return l->loader->baseline(l->user, endpoint, account, watch, kind);
}

static const char select_notifiers[] =
	"SELECT name, since_us, removed_us, (SELECT count(*) FROM delivery INDEXED BY"
	" delivery_waiting WHERE notifier = name AND state = 'pending'),"
	" ifnull((SELECT created_us FROM delivery INDEXED BY delivery_waiting WHERE notifier = name"
	" AND state = 'pending' ORDER BY event LIMIT 1), 0) FROM notifier";

static int load_notifier(struct reader *rd, void *user)
{
	const struct loading *l = user;
	const struct store_notifier notifier = {
		.name = reader_text(rd, 0),
		.since_us = reader_number(rd, 1),
		.removed_us = reader_number(rd, 2),
	};

	if (rd->failed)
		return -ENOMEM;
	return l->loader->notifier(l->user, &notifier, (uint64_t)reader_number(rd, 3),
				   reader_number(rd, 4));
}

static const char select_overrides[] = "SELECT endpoint, name, watched, notify FROM override";

/* A text that may be NULL. */
static const char *text_or_null(struct reader *rd, int column)
{
	return reader_is_null(rd, column) ? NULL : reader_text(rd, column);
}

static int load_override(struct reader *rd, void *user)
{
	const struct loading *l = user;
	const char *endpoint = reader_text(rd, 0), *name = reader_text(rd, 1),
		   *notify = text_or_null(rd, 3);

	if (rd->failed)
		return -ENOMEM;
	return l->loader->override(l->user, endpoint, name, reader_number(rd, 2) != 0, notify);
}

static const char select_submissions[] = "SELECT endpoint, name, body, notify FROM submission";

static int load_submission(struct reader *rd, void *user)
{
	const struct loading *l = user;
	const char *endpoint = reader_text(rd, 0), *name = reader_text(rd, 1),
		   *body = reader_text(rd, 2), *notify = text_or_null(rd, 3);

	if (rd->failed)
		return -ENOMEM;
	return l->loader->submission(l->user, endpoint, name, body, notify);
}

/* Also of one that is not there any more: numbers are never used again. */
static const char select_newest[] = "SELECT seq FROM sqlite_sequence WHERE name = 'event'";

static int load_newest(struct reader *rd, void *user)
{
	const struct loading *l = user;

	return l->loader->newest(l->user, (uint64_t)reader_number(rd, 0));
}

static int load_table(struct store *s, const char *sql, reader_fn fn, struct loading *l,
		      struct error *ret_e)
{
	_cleanup_reader_ struct reader rd = {.s = s, .ret_e = ret_e};
	int r = reader_prepare(&rd, sql);

	return r < 0 ? r : reader_rows(&rd, fn, l);
}

int store_load(struct store *s, const struct store_loader *loader, void *user, struct error *ret_e)
{
	struct loading l = {.loader = loader, .user = user};
	_cleanup_free_ char *select_jobs = NULL;
	int r;

	r = schema_job_select(&select_jobs);
	if (r < 0)
		return r;
	const struct {
		const char *sql;
		reader_fn fn;
		bool wanted;
	} tables[] = {
		{select_accounts, load_account, loader->account != NULL},
		{select_baselines, load_baseline, loader->baseline != NULL},
		{select_jobs, load_job, loader->job != NULL},
		{select_notifiers, load_notifier, loader->notifier != NULL},
		{select_overrides, load_override, loader->override != NULL},
		{select_submissions, load_submission, loader->submission != NULL},
		{select_newest, load_newest, loader->newest != NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		if (!tables[i].wanted)
			continue;
		r = load_table(s, tables[i].sql, tables[i].fn, &l, ret_e);
		if (r < 0)
			return r;
	}
	/* The pages that were read are not needed again soon; the daemon is meant to stay small. */
	sqlite3_db_release_memory(s->db);
	return 0;
}
