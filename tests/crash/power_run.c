/* Fifty transitions as batches. */
#include "tests/crash/power_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store/schema.h"
#include "store/store_internal.h"
#include "tests/support/rand.h"

#define ENDPOINT     "https://api.test"
#define JOBS         6
#define STEPS_MAX    (4 * RUN_TRANSITIONS)
#define OPS_MAX      64
#define BODY_MAX     2048
#define BATCH_MAX    3 /* transitions that one commit makes durable */
#define TIME_MAX     (1 << 30)
#define PRUNE_EVERY  5
#define PRUNE_EVENTS 16
#define LIFE         40 /* steps between two restarts */

static const char *const names[JOBS] = {
	"accounts/a/supervisedFineTuningJobs/one",
	"accounts/a/supervisedFineTuningJobs/two",
	"accounts/a/dpoJobs/three",
	"accounts/a/dpoJobs/four",
	"accounts/a/fineTuningJobs/five",
	"accounts/a/fineTuningJobs/six",
};
static const char *const notifiers[] = {"journal", "web"};

struct step {
	struct store_op ops[OPS_MAX];
	size_t n;
	int64_t prunes; /* what is older; 0: nothing is pruned */
	bool reopens;
};

struct run {
	struct step steps[STEPS_MAX];
	size_t n;
	struct event_record *events[RUN_TRANSITIONS];
	size_t n_events, n_done; /* told, and with all their verdicts */
	uint64_t sequences[JOBS];
};

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

static void add(struct step *step, struct store_op op)
{
	if (step->n == OPS_MAX)
		abort();
	step->ops[step->n++] = op;
}

static struct snapshot *make_snapshot(struct rnd *rnd)
{
	static const char *const states[] = {"JOB_STATE_RUNNING", "JOB_STATE_PAUSED",
					     "JOB_STATE_COMPLETED", "JOB_STATE_PENDING"};
	struct snapshot_parts parts = {
		.text = {[TEXT_STATE] = states[rnd_below(rnd, ARRAY_LEN(states))],
			 [TEXT_DISPLAY_NAME] = "nightly",
			 [TEXT_CREATE_TIME] = "2026-11-20T06:31:56Z"},
		.progress.given = true,
	};
	struct snapshot *snapshot = NULL;

	for (int i = 0; i < TEXT_COUNT_; i++)
		if (!parts.text[i])
			parts.text[i] = "";
	for (int i = 0; i < PROGRESS_COUNT_; i++)
		parts.progress.values[i] = (int32_t)rnd_below(rnd, 100);
	if (snapshot_new(&parts, &snapshot) < 0)
		abort();
	return snapshot;
}

static struct event_record *make_event(struct rnd *rnd, const char *job, uint64_t sequence)
{
	struct event event = {.type = EVENT_JOB_RUNNING,
			      .sequence = sequence,
			      .time_us = (int64_t)rnd_below(rnd, TIME_MAX)};
	struct event_record *record = NULL;
	char body[BODY_MAX];
	size_t len = 200 + rnd_below(rnd, BODY_MAX - 200);

	for (size_t i = 0; i < len; i++)
		body[i] = (char)('a' + rnd_below(rnd, 26));
	if (event_id(ENDPOINT, job, sequence, event.id) < 0 ||
	    event_record_new(&event, job, body, len, &record) < 0)
		abort();
	return record;
}

static void add_transition(struct run *run, struct step *step, struct rnd *rnd)
{
	size_t job = rnd_below(rnd, JOBS);
	uint64_t sequence = ++run->sequences[job];
	struct event_record *event = make_event(rnd, names[job], sequence);

	run->events[run->n_events++] = event;
	add(step, (struct store_op){.type = STORE_JOB,
				    .job = {.endpoint = ENDPOINT,
					    .name = names[job],
					    .snapshot = make_snapshot(rnd),
					    .attempt = {.number = 1},
					    .sequence = sequence,
					    .phase_since_us = event->time_us,
					    .still = {.moved_us = event->time_us,
						      .moved_watched_ms = sequence,
						      .moved = CHANGE_STATE}}});
	add(step, (struct store_op){.type = STORE_EVENT, .event = event});
	for (size_t i = 0; i < ARRAY_LEN(notifiers); i++)
		add(step, (struct store_op){.type = STORE_DELIVERY,
					    .delivery = {.event_id = event->id,
							 .notifier = notifiers[i],
							 .created_us = event->time_us,
							 .state = DELIVERY_PENDING,
							 .error = ""}});
}

/* The try begins, or the delivery is left to the next event, as with progress. */
static void add_attempts(struct run *run, struct step *step, struct rnd *rnd)
{
	const struct event_record *event = run->events[run->n_done];

	add(step,
	    (struct store_op){.type = STORE_ATTEMPT, .attempt = {event->id, notifiers[0], 1}});
	add(step, (struct store_op){.type = STORE_MODEL,
				    .model = {event->id, notifiers[0],
					      rnd_below(rnd, MODEL_READY_COUNT_)}});
	add(step, (struct store_op){.type = STORE_WATCHED,
				    .watched = {ENDPOINT, "a", (uint64_t)event->time_us}});
	if (run->n_done + 1 < run->n_events && rnd_below(rnd, 3) == 0)
		add(step, (struct store_op){.type = STORE_REPLACE,
					    .replace = {event->id, run->events[run->n_done + 1]->id,
							notifiers[1]}});
}

static void add_verdicts(struct run *run, struct step *step, struct rnd *rnd)
{
	const struct event_record *event = run->events[run->n_done++];

	for (size_t i = 0; i < ARRAY_LEN(notifiers); i++)
		add(step, (struct store_op){.type = STORE_VERDICT,
					    .verdict = {.event_id = event->id,
							.notifier = notifiers[i],
							.state = rnd_below(rnd, 4) == 0
									 ? DELIVERY_DEAD
									 : DELIVERY_DELIVERED,
							.tries = 1 + rnd_below(rnd, 3),
							.error = ""}});
}

/* What a daemon writes at its start. */
static void add_beginning(struct step *step)
{
	add(step,
	    (struct store_op){.type = STORE_ACCOUNT,
			      .account = {.endpoint = ENDPOINT, .account = "a", .sequence = 1}});
	add(step, (struct store_op){.type = STORE_BASELINE,
				    .baseline = {ENDPOINT, "a", "all", KIND_SFT}});
	for (size_t i = 0; i < ARRAY_LEN(notifiers); i++)
		add(step, (struct store_op){.type = STORE_NOTIFIER,
					    .notifier = {.name = notifiers[i], .since_us = 1}});
}

struct run *run_new(uint64_t seed)
{
	struct run *run = must(calloc(1, sizeof(*run)));
	struct rnd rnd = {seed};

	add_beginning(&run->steps[run->n++]);
	while (run->n_done < RUN_TRANSITIONS) {
		struct step *step = &run->steps[run->n++];
		size_t more = rnd_below(&rnd, 8) ? 1 : BATCH_MAX;

		for (size_t i = 0; i < more && run->n_events < RUN_TRANSITIONS; i++)
			add_transition(run, step, &rnd);
		if (run->n_events == RUN_TRANSITIONS || rnd_below(&rnd, 3) > 0)
			step = &run->steps[run->n++];
		/* The last transitions stay without verdicts for a while, as after a 503. */
		for (size_t i = 0; i < more && run->n_done < run->n_events; i++) {
			add_attempts(run, step, &rnd);
			add_verdicts(run, step, &rnd);
		}
		if (rnd_below(&rnd, PRUNE_EVERY) == 0)
			run->steps[run->n++].prunes = (int64_t)rnd_below(&rnd, TIME_MAX);
		step->reopens = run->n % LIFE < 2;
	}
	add(&run->steps[run->n++],
	    (struct store_op){.type = STORE_JOB_DROP,
			      .job = {.endpoint = ENDPOINT, .name = names[0]}});
	return run;
}

void run_free(struct run *run)
{
	if (!run)
		return;
	for (size_t i = 0; i < run->n; i++)
		for (size_t k = 0; k < run->steps[i].n; k++)
			if (run->steps[i].ops[k].type == STORE_JOB)
				snapshot_unref(run->steps[i].ops[k].job.snapshot);
	for (size_t i = 0; i < run->n_events; i++)
		event_record_unref(run->events[i]);
	free(run);
}

size_t run_steps(const struct run *run)
{
	return run->n;
}

int run_apply(const struct run *run, size_t step, struct store *s, struct error *ret_e)
{
	const struct step *st = &run->steps[step];
	const struct store_retention retention = {.before_us = st->prunes, .max_bytes = UINT64_MAX};
	uint64_t cursor = STORE_PRUNE_START;
	struct store_pruned pruned;

	if (st->prunes)
		return store_prune(s, &retention, PRUNE_EVENTS, &cursor, &pruned, ret_e);
	return store_apply(s, st->ops, st->n, ret_e);
}

bool run_reopens(const struct run *run, size_t step)
{
	return run->steps[step].reopens;
}

static const char old_rows[] =
	"PRAGMA application_id = 0x74756e77; PRAGMA user_version = 1;"
	"INSERT INTO job VALUES ('https://api.test', 'accounts/a/dpoJobs/old', 'running',"
	" 'JOB_STATE_RUNNING', 'OK', '', 'old', 'b', 'o', 'd', '2026-11-20T06:31:56Z', '',"
	" 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 0, 1, 5);"
	"INSERT INTO account VALUES ('https://api.test', 'a', 1, 'dns', 1, 2, 'f', 'l');"
	"INSERT INTO event VALUES (7, 'evt_old', 'accounts/a/dpoJobs/old', 1, 'job.running', 5, '{}');"
	"INSERT INTO delivery VALUES (7, 'web', 'pending', 2, 5, 6, 'HTTP 503');"
	"PRAGMA journal_mode = WAL";

void run_make_old(const char *dir, unsigned version)
{
	char path[512];
	sqlite3 *db = NULL;

	snprintf(path, sizeof(path), "%s/state.db", dir);
	if (mkdir(dir, 0700) < 0 || sqlite3_open(path, &db) != SQLITE_OK ||
	    sqlite3_exec(db, schema_migrations[0], NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(db, old_rows, NULL, NULL, NULL) != SQLITE_OK ||
	    schema_migrate(db, schema_migrations, 1, version, NULL) < 0)
		abort();
	sqlite3_close(db);
}

/* FNV-1a */
static uint64_t mix(uint64_t hash, const unsigned char *text)
{
	for (; text && *text; text++)
		hash = (hash ^ *text) * 0x100000001b3;
	return (hash ^ 0xff) * 0x100000001b3;
}

static uint64_t mix_table(sqlite3 *db, const char *table, uint64_t hash)
{
	sqlite3_stmt *stmt = NULL;
	char sql[256];
	int code = SQLITE_OK;

	snprintf(sql, sizeof(sql), "SELECT * FROM \"%s\" ORDER BY 1, 2", table);
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		abort();
	while ((code = sqlite3_step(stmt)) == SQLITE_ROW)
		for (int i = 0; i < sqlite3_column_count(stmt); i++)
			hash = mix(hash, sqlite3_column_text(stmt, i));
	if (code != SQLITE_DONE)
		hash = 0; /* unreadable: like no other picture */
	sqlite3_finalize(stmt);
	return hash;
}

uint64_t run_picture(struct store *s)
{
	uint64_t hash = 0xcbf29ce484222325;
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(s->db,
			       "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> "
			       "'sqlite_sequence' ORDER BY name",
			       -1, &stmt, NULL) != SQLITE_OK)
		return 0;
	while (sqlite3_step(stmt) == SQLITE_ROW)
		hash = mix_table(s->db, (const char *)sqlite3_column_text(stmt, 0), hash);
	sqlite3_finalize(stmt);
	return hash;
}
