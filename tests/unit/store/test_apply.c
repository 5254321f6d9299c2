/* Changes: what each does, that all of a call are made or none, and what a failure is called. */
#include "tests/unit/store/fixture.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <criterion/criterion.h>

TestSuite(apply, .init = fixture_setup, .fini = fixture_teardown);

#define JOB "accounts/a/dpoJobs/j"

static void expect_dump(struct store *s, const char *expected)
{
	_cleanup_free_ char *dump = fixture_dump(s);

	cr_expect_str_eq(dump, expected, "%s", dump);
}

#define JOB_LINE(phase, sequence, state, progress, stalled)                                        \
	"job https://api.test " JOB " " phase " 1 " sequence " 77: [" state                        \
	"] [OK] [it is \"so\"; ünïcode] [name] [] [] [] [2026-11-20T06:31:56Z] []" progress        \
	" of 3; moved 5 at 66, 55 ms" stalled "\n"

Test(apply, replaces_and_drops_a_job)
{
	static const struct {
		const char *state;
		int percent;
		const char *expected;
	} rows[] = {
		{"JOB_STATE_RUNNING", 5,
		 JOB_LINE("running", "1", "JOB_STATE_RUNNING", " 5 6 7 8 9 10 11 12 13 14",
			  ", stalled")},
		/* None given is not the same as all 0, and takes the old values away. */
		{"JOB_STATE_PAUSED", -1, JOB_LINE("paused", "2", "JOB_STATE_PAUSED", "", "")},
		{"", 0, JOB_LINE("unknown", "3", "", " 0 1 2 3 4 5 6 7 8 9", ", stalled")},
		{"JOB_STATE_ARCHIVED", -1, JOB_LINE("removed", "4", "JOB_STATE_ARCHIVED", "", "")},
	};
	struct store *s = fixture_open();
	struct store_op drop = {.type = STORE_JOB_DROP,
				.job = {.endpoint = "https://api.test", .name = JOB}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_snapshot_ struct snapshot *snapshot =
			fixture_snapshot(rows[i].state, rows[i].percent);

		fixture_apply(s, fixture_job(JOB, snapshot, i + 1));
		expect_dump(s, rows[i].expected);
	}
	fixture_apply(s, drop);
	expect_dump(s, "");
	fixture_apply(s, drop);
	store_close(s);
}

Test(apply, keeps_that_a_job_is_gone)
{
	_cleanup_snapshot_ struct snapshot *last = fixture_snapshot("JOB_STATE_RUNNING", 3);
	_cleanup_snapshot_ struct snapshot *gone = NULL;
	struct store *s = fixture_open();

	cr_assert_eq(snapshot_new_gone(last, &gone), 0);
	fixture_apply(s, fixture_job(JOB, gone, 9));
	expect_dump(s, "job https://api.test " JOB " removed 1 9 77: [] [OK] [] [name] [] [] []"
		       " [2026-11-20T06:31:56Z] [] 3 4 5 6 7 8 9 10 11 12"
		       " of 3; moved 5 at 66, 55 ms, stalled\n");
	store_close(s);
}

Test(apply, the_same_event_and_delivery_again_are_ignored)
{
	struct store *s = fixture_open();
	struct event_record *event = fixture_event(JOB, 1);
	struct store_op add = {.type = STORE_EVENT, .event = event};
	struct store_op delivered = {.type = STORE_VERDICT,
				     .verdict = {.event_id = event->id,
						 .notifier = "hook",
						 .state = DELIVERY_DELIVERED,
						 .tries = 1}};

	fixture_apply(s, add);
	fixture_apply(s, fixture_delivery(event->id, "hook"));
	fixture_apply(s, delivered);
	fixture_apply(s, add);
	fixture_apply(s, fixture_delivery(event->id, "hook"));
	expect_dump(s, "");
	fixture_apply(s, fixture_delivery(event->id, "slack"));
	expect_dump(s, "delivery " JOB " 1 job.running 1001 {\"subject\":\"" JOB
		       "\",\"sequence\":1} -> slack 0 5 5 []\n");
	event_record_unref(event);
	store_close(s);
}

Test(apply, a_verdict_moves_a_delivery)
{
	struct store *s = fixture_open();
	struct event_record *event = fixture_event(JOB, 1);
	struct store_op verdict = {.type = STORE_VERDICT,
				   .verdict = {.event_id = event->id,
					       .notifier = "hook",
					       .state = DELIVERY_PENDING,
					       .tries = 3,
					       .due_us = 900,
					       .error = "503"}};
	static const char pending[] = "delivery " JOB " 1 job.running 1001 {\"subject\":\"" JOB
				      "\",\"sequence\":1} -> hook 3 5 900 [503]\n";

	fixture_apply(s, (struct store_op){.type = STORE_EVENT, .event = event});
	fixture_apply(s, fixture_delivery(event->id, "hook"));
	fixture_apply(s, verdict);
	expect_dump(s, pending);
	for (enum delivery_state state = DELIVERY_DELIVERED; state < DELIVERY_STATE_COUNT_;
	     state++) {
		verdict.verdict.state = state;
		fixture_apply(s, verdict);
		expect_dump(s, "");
	}
	verdict.verdict.state = DELIVERY_PENDING; /* the dead can be sent again */
	fixture_apply(s, verdict);
	expect_dump(s, pending);
	event_record_unref(event);
	store_close(s);
}

Test(apply, a_delivery_of_an_unknown_event_is_refused)
{
	struct store_op op = fixture_delivery("evt_nothing", "hook");
	struct store *s = fixture_open();
	struct error e = ERROR_NONE;

	cr_expect_eq(store_apply(s, &op, 1, &e), -EINVAL);
	cr_expect_not_null(strstr(e.text, "state.db"), "%s", e.text);
	store_close(s);
}

Test(apply, keeps_accounts_and_baselines)
{
	const struct outage outage = {TROUBLE_TLS, 10, 0, 3, "first", "last"};
	struct store *s = fixture_open();
	struct store_op op = {.type = STORE_ACCOUNT,
			      .account = {"https://api.test", "acme", 7, &outage}};

	fixture_apply(s, op);
	expect_dump(s, "account https://api.test acme 7 0 ms tls 10 0 3 [first] [last]\n");
	op.account.outage = NULL;
	op.account.sequence = 8;
	fixture_apply(s, op);
	op = (struct store_op){.type = STORE_BASELINE,
			       .baseline = {"https://api.test", "acme", "w", KIND_FT}};
	fixture_apply(s, op);
	fixture_apply(s, op);
	expect_dump(s,
		    "account https://api.test acme 8 0 ms\nbaseline https://api.test acme w ft\n");
	store_close(s);
}

/* Its sequence and outage are written by others than its watched time; neither takes what is not its. */
Test(apply, keeps_watched_time_beside_the_rest)
{
	const struct outage outage = {TROUBLE_TLS, 10, 0, 3, "first", "last"};
	const struct {
		struct store_op op;
		const char *expected;
	} rows[] = {
		{{.type = STORE_WATCHED, .watched = {"https://api.test", "acme", 500}},
		 "account https://api.test acme 0 500 ms\n"},
		{{.type = STORE_ACCOUNT, .account = {"https://api.test", "acme", 7, &outage}},
		 "account https://api.test acme 7 500 ms tls 10 0 3 [first] [last]\n"},
		{{.type = STORE_WATCHED, .watched = {"https://api.test", "acme", 1ULL << 40}},
		 "account https://api.test acme 7 1099511627776 ms tls 10 0 3 [first] [last]\n"},
		{{.type = STORE_ACCOUNT, .account = {"https://api.test", "acme", 8, NULL}},
		 "account https://api.test acme 8 1099511627776 ms\n"},
	};
	struct store *s = fixture_open();

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		fixture_apply(s, rows[i].op);
		expect_dump(s, rows[i].expected);
	}
	store_close(s);
}

static int read_still(void *user, const char *endpoint, const char *name, struct snapshot *snapshot,
		      struct attempt attempt, uint64_t sequence, int64_t phase_since_us,
		      const struct stillness *still)
{
	*(struct stillness *)user = *still;
	return 0;
}

/* The words are for who reads the table, and are read back. */
Test(apply, keeps_what_moved_as_words)
{
	static const struct {
		uint8_t moved;
		const char *words;
	} rows[] = {
		{0, ""},
		{CHANGE_STATE, "state"},
		{CHANGE_STATUS, "status"},
		{CHANGE_PROGRESS, "progress"},
		{CHANGE_STATE | CHANGE_STATUS, "state status"},
		{CHANGE_STATE | CHANGE_PROGRESS, "state progress"},
		{CHANGE_STATUS | CHANGE_PROGRESS, "status progress"},
		{CHANGE_STATE | CHANGE_STATUS | CHANGE_PROGRESS, "state status progress"},
	};
	_cleanup_snapshot_ struct snapshot *snapshot = fixture_snapshot("JOB_STATE_RUNNING", 1);
	const struct store_loader loader = {.job = read_still};
	struct store *s = fixture_open();

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct store_op op = fixture_job(JOB, snapshot, 1);
		_cleanup_free_ char *words = NULL;
		struct stillness found;

		op.job.still = (struct stillness){
			.moved_us = INT64_MAX - (int64_t)i,
			.moved_watched_ms = INT64_MAX,
			.moved = rows[i].moved,
		};
		fixture_apply(s, op);
		words = fixture_query("SELECT moved FROM job");
		cr_expect_str_eq(words, rows[i].words, "%s", words);
		cr_assert_eq(store_load(s, &loader, &found, NULL), 0);
		cr_expect_eq(found.moved_us, op.job.still.moved_us);
		cr_expect_eq(found.moved_watched_ms, op.job.still.moved_watched_ms);
		cr_expect_eq(found.moved, rows[i].moved);
		cr_expect(!found.stalled);
	}
	store_close(s);
}

Test(apply, nothing_is_no_transaction)
{
	struct store *s = fixture_open();

	cr_expect_eq(store_apply(s, NULL, 0, NULL), 0);
	store_close(s);
}

/*
 * Invariant 1: a job's row and its events are one transaction. Random calls, each of which may hold
 * a change that fails at a random place; a model is told only of those that were acknowledged.
 */
#define MODEL_JOBS 4
#define MODEL_OPS  6

static void model_job(char ret[NAME_JOB_MAX], unsigned job)
{
	snprintf(ret, NAME_JOB_MAX, "accounts/a/dpoJobs/j%u", job);
}

static int model_read(void *user, const char *endpoint, const char *name, struct snapshot *snapshot,
		      struct attempt attempt, uint64_t sequence, int64_t phase_since_us,
		      const struct stillness *still)
{
	uint64_t *sequences = user;

	sequences[name[strlen(name) - 1] - '0'] = sequence;
	return 0;
}

/* Rows say how far each job is; each has exactly that many events, each event one delivery. */
static void model_check(struct store *s, const uint64_t expected[MODEL_JOBS], unsigned round)
{
	const struct store_loader loader = {.job = model_read};
	uint64_t found[MODEL_JOBS] = {0};

	cr_assert_eq(store_load(s, &loader, found, NULL), 0);
	cr_assert_arr_eq(found, expected, sizeof(found), "round %u", round);
	for (unsigned job = 0; job < MODEL_JOBS; job++) {
		_cleanup_free_ char *answer = NULL;
		char sql[256], numbers[64];

		snprintf(sql, sizeof(sql),
			 "SELECT count(*) || ' ' || coalesce(max(sequence), 0) || ' ' ||"
			 " (SELECT count(*) FROM delivery d JOIN event e ON d.event = e.number"
			 " WHERE e.subject = 'accounts/a/dpoJobs/j%u')"
			 " FROM event WHERE subject = 'accounts/a/dpoJobs/j%u'",
			 job, job);
		snprintf(numbers, sizeof(numbers), "%" PRIu64 " %" PRIu64 " %" PRIu64,
			 expected[job], expected[job], expected[job]);
		answer = fixture_query(sql);
		cr_assert_str_eq(answer, numbers, "round %u, job %u: %s, not %s", round, job,
				 answer, numbers);
	}
}

Test(apply, makes_all_changes_of_a_call_or_none)
{
	const char *given = getenv("TUNEWATCH_SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)getpid();
	uint64_t sequences[MODEL_JOBS] = {0};
	struct store *s = fixture_open();
	unsigned failures = 0;

	printf("TUNEWATCH_SEED=%u\n", seed);
	srand(seed);
	for (unsigned round = 0; round < 60; round++) {
		struct store_op ops[3 * MODEL_OPS + 1];
		struct snapshot *snapshots[MODEL_OPS];
		struct event_record *events[MODEL_OPS];
		char names[MODEL_OPS][NAME_JOB_MAX];
		uint64_t next[MODEL_JOBS];
		unsigned n = 0, changes = 1 + (unsigned)rand() % MODEL_OPS;
		bool fails = rand() % 2;
		int r;

		memcpy(next, sequences, sizeof(next));
		for (unsigned i = 0; i < changes; i++) {
			unsigned job = (unsigned)rand() % MODEL_JOBS;

			model_job(names[i], job);
			next[job]++;
			snapshots[i] = fixture_snapshot("JOB_STATE_RUNNING", rand() % 100);
			events[i] = fixture_event(names[i], next[job]);
			ops[n++] = fixture_job(names[i], snapshots[i], next[job]);
			ops[n++] = (struct store_op){.type = STORE_EVENT, .event = events[i]};
			ops[n++] = fixture_delivery(events[i]->id, "hook");
		}
		if (fails) {
			unsigned at = (unsigned)rand() % (n + 1);

			memmove(&ops[at + 1], &ops[at], (n - at) * sizeof(ops[0]));
			ops[at] = fixture_delivery("evt_nothing", "hook");
			n++;
			failures++;
		}
		r = store_apply(s, ops, n, NULL);
		cr_assert_eq(r, fails ? -EINVAL : 0, "round %u: %d", round, r);
		if (!fails)
			memcpy(sequences, next, sizeof(sequences));
		for (unsigned i = 0; i < changes; i++) {
			snapshot_unref(snapshots[i]);
			event_record_unref(events[i]);
		}
		model_check(s, sequences, round);
	}
	cr_assert_gt(failures, 0, "no call failed: nothing was tested");
	store_close(s);
}

/* Makes one change after another and says of each that it was acknowledged, until it is killed. */
static void be_killed(int fd)
{
	struct store *s = NULL;

	if (store_open(fixture_state, &s, NULL) < 0)
		_exit(1);
	for (uint64_t sequence = 1;; sequence++) {
		struct snapshot *snapshot = fixture_snapshot("JOB_STATE_RUNNING", 1);
		struct event_record *event = fixture_event("accounts/a/dpoJobs/j0", sequence);
		struct store_op ops[] = {
			fixture_job("accounts/a/dpoJobs/j0", snapshot, sequence),
			{.type = STORE_EVENT, .event = event},
			fixture_delivery(event->id, "hook"),
		};

		if (store_apply(s, ops, ARRAY_LEN(ops), NULL) < 0 ||
		    write(fd, &sequence, sizeof(sequence)) != sizeof(sequence))
			_exit(1);
		snapshot_unref(snapshot);
		event_record_unref(event);
	}
}

Test(apply, what_was_acknowledged_outlives_a_kill)
{
	for (uint64_t kills = 1; kills <= 5; kills++) {
		const struct store_loader loader = {.job = model_read};
		uint64_t acked = 0, seen, found[MODEL_JOBS] = {0};
		struct store *s;
		int fds[2];
		pid_t child;

		snprintf(fixture_state, sizeof(fixture_state), "%s/%" PRIu64, fixture_dir, kills);
		cr_assert_eq(pipe(fds), 0);
		child = fork();
		cr_assert_geq(child, 0);
		if (child == 0) {
			close(fds[0]);
			be_killed(fds[1]);
		}
		close(fds[1]);
		while (acked < 7 * kills) {
			cr_assert_eq(read(fds[0], &acked, sizeof(acked)), (ssize_t)sizeof(acked));
			cr_assert_leq(acked, 7 * kills);
		}
		cr_assert_eq(kill(child, SIGKILL), 0);
		cr_assert_eq(waitpid(child, NULL, 0), child);
		while (read(fds[0], &seen, sizeof(seen)) == sizeof(seen))
			acked = seen;
		close(fds[0]);
		s = fixture_open();
		cr_assert_eq(store_load(s, &loader, found, NULL), 0);
		cr_expect_geq(found[0], acked);
		model_check(s, found, (unsigned)kills);
		store_close(s);
	}
}

/* The failures of the system under the store; in each case the same call works afterwards. */
static void expect_failure_and_recovery(struct store *s, int expected, void (*repair)(void))
{
	_cleanup_free_ char *body = malloc(1 << 20), *dump = NULL;
	struct event event = {.type = EVENT_JOB_FAILED, .id = "evt_big", .sequence = 1};
	_cleanup_snapshot_ struct snapshot *snapshot = fixture_snapshot("JOB_STATE_FAILED", -1);
	struct event_record *record = NULL;
	struct error e = ERROR_NONE;
	int r;

	cr_assert_not_null(body);
	memset(body, 'x', 1 << 20);
	cr_assert_eq(event_record_new(&event, JOB, body, 1 << 20, &record), 0);
	struct store_op ops[] = {
		fixture_job(JOB, snapshot, 1),
		{.type = STORE_EVENT, .event = record},
		fixture_delivery("evt_big", "hook"),
	};
	for (int i = 0; i < 2; i++) {
		r = store_apply(s, ops, ARRAY_LEN(ops), &e);
		cr_expect_eq(r, expected, "%d: %s", r, error_text(&e, r));
		cr_expect_not_null(strstr(e.text, "state.db"), "%s", e.text);
		cr_expect_eq(record->number, 0);
	}
	dump = fixture_dump(s);
	cr_expect_str_eq(dump, "", "half of a failed call is there");
	repair();
	e = ERROR_NONE;
	r = store_apply(s, ops, ARRAY_LEN(ops), &e);
	cr_expect_eq(r, 0, "%d: %s", r, error_text(&e, r));
	cr_expect_eq(record->number, 1);
	free(TAKE_PTR(dump));
	dump = fixture_dump(s);
	cr_expect_gt(strlen(dump), 1 << 20);
	event_record_unref(record);
}

static void unlimit(void)
{
	struct rlimit limit;

	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

Test(apply, survives_a_disk_that_refuses_writes)
{
	struct store *s = fixture_open();
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = 256 * 1024;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	expect_failure_and_recovery(s, -EIO, unlimit);
	store_close(s);
}

static void remove_ballast(void)
{
	cr_assert_eq(unlink(fixture_path("ballast")), 0);
}

/* Mounts a small file system where the state directory will be; the process ends with it. */
static void mount_small(const char *options)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		cr_skip_test("no mount namespace for this user");
	snprintf(fixture_state, sizeof(fixture_state), "%s", fixture_dir);
	cr_assert_eq(mount("tmpfs", fixture_state, "tmpfs", 0, options), 0, "mount: %m");
}

static void fill(void)
{
	static const char zeros[4096];
	FILE *f = fopen(fixture_path("ballast"), "we");

	cr_assert_not_null(f);
	setbuf(f, NULL);
	while (fwrite(zeros, 1, sizeof(zeros), f) == sizeof(zeros))
		;
	fclose(f);
}

Test(apply, survives_a_full_disk)
{
	struct store *s;

	mount_small("size=4m");
	s = fixture_open();
	free(fixture_dump(s)); /* as at every start */
	fill();
	expect_failure_and_recovery(s, -ENOSPC, remove_ballast);
	store_close(s);
	cr_expect_eq(umount(fixture_state), 0);
}

Test(apply, says_that_the_disk_is_full_also_when_it_was_from_the_start)
{
	struct store_op op = {.type = STORE_BASELINE, .baseline = {"e", "a", "w", KIND_FT}};
	struct store *s = NULL;

	mount_small("size=1m");
	fill();
	cr_expect_eq(store_open(fixture_state, &s, NULL), -ENOSPC);
	remove_ballast();
	s = fixture_open();
	fill();
	cr_expect_eq(store_apply(s, &op, 1, NULL), -ENOSPC);
	remove_ballast();
	fixture_apply(s, op);
	store_close(s);
	cr_expect_eq(umount(fixture_state), 0);
}

static sqlite3 *other;

static void let_go(void)
{
	cr_assert_eq(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
}

Test(apply, survives_a_locked_database)
{
	struct store *s = fixture_open();

	cr_assert_eq(sqlite3_open(fixture_path("state.db"), &other), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	expect_failure_and_recovery(s, -EBUSY, let_go);
	store_close(s);
}

/* Overwrites the first page of a table under the open store, which has nothing of it in memory. */
static void damage(const char *table)
{
	_cleanup_free_ char *sql = NULL, *page = NULL, *data = NULL;
	size_t len;

	cr_assert_gt(asprintf(&sql, "SELECT rootpage - 1 FROM sqlite_schema WHERE name = '%s'",
			      table),
		     0);
	page = fixture_query(sql);
	free(fixture_query("DELETE FROM baseline RETURNING watch"));
	free(fixture_query("PRAGMA wal_checkpoint(TRUNCATE)"));
	data = tempdir_read(fixture_path("state.db"), &len);
	memset(data + strtoul(page, NULL, 10) * 4096, 0x55, 4096);
	tempdir_write(fixture_path("state.db"), data, len);
}

/* It is not taken for a disk that will be well again, and the way out is named. */
Test(apply, says_that_the_database_is_damaged)
{
	const struct store_retention retention = {INT64_MAX, UINT64_MAX};
	struct store_op op = {.type = STORE_BASELINE, .baseline = {"e", "a", "w", KIND_FT}};
	struct event_record *event = fixture_event(JOB, 1);
	struct store *s = fixture_open();
	struct store_delivery delivery;
	struct store_pruned pruned;
	uint64_t cursor = STORE_PRUNE_START;
	size_t n;

	fixture_apply(s, (struct store_op){.type = STORE_EVENT, .event = event});
	fixture_apply(s, fixture_delivery(event->id, "hook"));
	fixture_apply(s, op);
	damage("event");
	op = (struct store_op){.type = STORE_EVENT, .event = event};
	for (int i = 0; i < 2; i++) {
		struct error e = ERROR_NONE;

		cr_expect_eq(store_apply(s, &op, 1, &e), -EUCLEAN, "%s", e.text);
		cr_expect_not_null(strstr(e.text, "is damaged; move it"), "%s", e.text);
	}
	cr_expect_eq(store_load_deliveries(s, "hook", 0, 1, &delivery, &n, NULL), -EUCLEAN);
	cr_expect_eq(store_prune(s, &retention, 1, &cursor, &pruned, NULL), -EUCLEAN);
	/* What needs nothing of the damaged page still works. */
	fixture_apply(s, (struct store_op){.type = STORE_BASELINE,
					   .baseline = {"e", "a", "w", KIND_FT}});
	event_record_unref(event);
	store_close(s);
}

/* SQLite would go on with a file that nobody will find again. */
Test(apply, notices_that_its_file_is_gone)
{
	const struct store_op op = {.type = STORE_BASELINE, .baseline = {"e", "a", "w", KIND_SFT}};
	struct store *s = fixture_open();
	struct error e = ERROR_NONE;
	char aside[TEMPDIR_MAX + 64];

	snprintf(aside, sizeof(aside), "%s/aside", fixture_dir);
	cr_assert_eq(rename(fixture_state, aside), 0);
	cr_expect_eq(store_apply(s, &op, 1, &e), -ENOENT);
	cr_expect_not_null(strstr(e.text, "restart tunewatchd"), "%s", e.text);
	cr_assert_eq(mkdir(fixture_state, 0700), 0);
	tempdir_write(fixture_path("state.db"), "another", 7);
	cr_expect_eq(store_apply(s, &op, 1, &e), -ENOENT);
	cr_assert_eq(remove(fixture_path("state.db")), 0);
	cr_assert_eq(rmdir(fixture_state), 0);
	cr_assert_eq(rename(aside, fixture_state), 0);
	fixture_apply(s, op);
	store_close(s);
}
