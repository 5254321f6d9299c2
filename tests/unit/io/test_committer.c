/* The committer, with a real loop, thread pool and store. */
#include "io/committer.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <criterion/criterion.h>
#include <sqlite3.h>

#include "base/macro.h"
#include "tests/support/tempdir.h"

#define JOB "accounts/a/dpoJobs/j"

static char dir[TEMPDIR_MAX];

static struct world {
	uv_loop_t loop;
	struct store *store;
	struct committer *committer;
	char log[1024]; /* what was called back, in order: "a:0 b:-125 closed:0 " */
	size_t len;
	bool inside; /* a call of ours is under way that must not call back */
	void (*on_health)(int r);
	void (*on_commit)(const char *name, int r);
} w;

static void note(const char *what, const char *sign, int r)
{
	cr_expect(!w.inside, "%s was called back inside a call", what);
	w.len += (size_t)snprintf(w.log + w.len, sizeof(w.log) - w.len, "%s%s%d ", what, sign, r);
}

static void on_health(void *user, int r, const char *text)
{
	note("health", "=", r);
	cr_expect_eq(r < 0, committer_failing(w.committer));
	cr_expect_eq(r < 0, text[0] != '\0');
	if (w.on_health)
		w.on_health(r);
}

static void on_commit(void *user, int r)
{
	note(user, ":", r);
	if (w.on_commit)
		w.on_commit(user, r);
}

static void on_closed(void *user)
{
	note("closed", ":", 0);
	w.committer = NULL;
}

static void setup(void)
{
	struct error e = ERROR_NONE;

	w = (struct world){0};
	tempdir_make(dir);
	cr_assert_eq(store_open(dir, &w.store, &e), 0, "%s", e.text);
	cr_assert_eq(uv_loop_init(&w.loop), 0);
	cr_assert_eq(committer_new(&w.loop, w.store, on_health, NULL, &w.committer), 0);
}

TestSuite(committer, .init = setup);

static void run(void)
{
	uv_run(&w.loop, UV_RUN_DEFAULT);
}

static void close_committer(void)
{
	w.inside = true;
	committer_close(w.committer, on_closed, NULL);
	w.inside = false;
}

/* What every test ends with: the loop is empty, the store can be used by others again. */
static void finish(const char *log)
{
	if (w.committer)
		close_committer();
	run();
	cr_expect_str_eq(w.log, log, "%s", w.log);
	cr_expect_eq(uv_loop_close(&w.loop), 0);
	store_close(w.store);
	tempdir_remove(dir);
}

static struct commit *baseline(const char *name)
{
	struct store_op op = {.type = STORE_BASELINE, .baseline = {"e", "a", name, KIND_SFT}};
	struct commit *b = NULL;

	cr_assert_eq(commit_new(w.committer, &b), 0);
	cr_assert_eq(commit_add(b, &op), 0);
	return b;
}

static void submit(const char *name)
{
	struct commit *b = baseline(name);
	bool inside = w.inside;

	w.inside = true;
	commit_submit(b, on_commit, (void *)name);
	w.inside = inside;
}

static int see_baseline(void *user, const char *endpoint, const char *account, const char *watch,
			enum kind kind)
{
	strcat(user, watch);
	return 0;
}

static void expect_stored(const char *expected)
{
	const struct store_loader loader = {.baseline = see_baseline};
	char found[256] = "";

	cr_assert_eq(store_load(w.store, &loader, found, NULL), 0);
	cr_expect_str_eq(found, expected, "%s", found);
}

/* How many transactions there were since the store was opened, from its -wal file. */
static unsigned transactions(void)
{
	char path[sizeof(dir) + 16];
	unsigned char *wal;
	unsigned n = 0;
	size_t len;

	snprintf(path, sizeof(path), "%s/state.db-wal", dir);
	wal = (unsigned char *)tempdir_read(path, &len);
	/* A frame is 24 bytes and a page; the second number of a transaction's last one is not 0. */
	for (size_t at = 32; at + 24 + 4096 <= len; at += 24 + 4096)
		n += memcmp(wal + at + 4, "\0\0\0\0", 4) != 0;
	free(wal);
	return n;
}

static uint64_t count_latency(void)
{
	const struct latency *l = committer_latency(w.committer);
	uint64_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(l->counts); i++)
		n += l->counts[i];
	return n;
}

Test(committer, calls_each_batch_back_once_when_it_is_durable)
{
	submit("a");
	submit("b");
	cr_expect_eq(committer_waiting(w.committer), 2);
	cr_expect_eq(committer_changes(w.committer), 2);
	cr_expect_str_eq(w.log, "");
	run();
	cr_expect_eq(committer_waiting(w.committer), 0);
	cr_expect_eq(committer_changes(w.committer), 0);
	expect_stored("ab");
	cr_expect_eq(count_latency(), 2);
	submit("c");
	run();
	expect_stored("abc");
	cr_expect_eq(count_latency(), 3);
	cr_expect_eq(committer_failed(w.committer), 0);
	finish("a:0 b:0 c:0 closed:0 ");
}

Test(committer, batches_what_waits)
{
	submit("a");
	for (const char *const *name = (const char *const[]){"b", "c", "d", "e", NULL}; *name;
	     name++)
		submit(*name);
	run();
	expect_stored("abcde");
	cr_expect_eq(transactions(), 2, "the first one alone, the rest together: %u",
		     transactions());
	finish("a:0 b:0 c:0 d:0 e:0 closed:0 ");
}

/* Calling a transaction's batches back is one turn of the loop: it is kept short. */
Test(committer, a_transaction_is_not_endless)
{
	static const char *const names[] = {"b", "c", "d", NULL};
	const struct store_op op = {.type = STORE_BASELINE, .baseline = {"e", "a", "x", KIND_SFT}};

	submit("a");
	for (const char *const *name = names; *name; name++) {
		struct commit *b = baseline(*name);

		for (int i = 1; i < 900; i++)
			cr_assert_eq(commit_add(b, &op), 0);
		commit_submit(b, on_commit, (void *)*name);
	}
	run();
	expect_stored("abcdx");
	cr_expect_eq(transactions(), 3,
		     "the first one alone, then 1,800 changes, then the rest: %u", transactions());
	finish("a:0 b:0 c:0 d:0 closed:0 ");
}

Test(committer, a_batch_may_be_empty_and_nobody_may_wait)
{
	struct commit *b = NULL;

	cr_assert_eq(commit_new(w.committer, &b), 0);
	commit_submit(b, on_commit, (void *)"empty");
	commit_submit(baseline("x"), NULL, NULL);
	run();
	expect_stored("x");
	finish("empty:0 closed:0 ");
}

static int64_t ask(const char *sql)
{
	char path[sizeof(dir) + 16];
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db = NULL;
	int64_t answer;

	snprintf(path, sizeof(path), "%s/state.db", dir);
	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK, "%s", sql);
	cr_assert_eq(sqlite3_step(stmt), SQLITE_ROW, "%s", sql);
	answer = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return answer;
}

/* Nothing that a change points at needs to live on; what is counted is let go. */
Test(committer, owns_what_it_is_given)
{
	struct event event = {.type = EVENT_JOB_RUNNING, .id = "evt_1", .sequence = 1};
	struct snapshot_parts parts = {.text = {[TEXT_STATE] = "RUNNING"}};
	struct snapshot *snapshot = NULL;
	struct event_record *record = NULL;
	struct outage outage = {TROUBLE_DNS, 1, 0, 2, "first", "last"};
	struct commit *b = NULL, *thrown_away = NULL;
	char endpoint[] = "e", name[] = JOB, id[] = "evt_1", notifier[] = "hook", error[] = "503";
	char account[] = "acme", watch[] = "w", by[] = "evt_2", cause[] = "off";

	cr_assert_eq(snapshot_new(&parts, &snapshot), 0);
	cr_assert_eq(event_record_new(&event, JOB, "{}", 2, &record), 0);
	const struct store_op ops[] = {
		{.type = STORE_JOB,
		 .job = {.endpoint = endpoint, .name = name, .snapshot = snapshot}},
		{.type = STORE_EVENT, .event = record},
		{.type = STORE_DELIVERY, .delivery = {id, notifier, 5, DELIVERY_PENDING, ""}},
		{.type = STORE_DELIVERY, .delivery = {id, "off", 5, DELIVERY_SKIPPED, cause}},
		{.type = STORE_ATTEMPT, .attempt = {id, notifier, 1}},
		{.type = STORE_MODEL, .model = {id, notifier, MODEL_LATE}},
		{.type = STORE_REPLACE, .replace = {id, by, notifier}},
		{.type = STORE_NOTIFIER, .notifier = {notifier, 6, 0}},
		{.type = STORE_VERDICT, .verdict = {id, notifier, DELIVERY_PENDING, 1, 9, error}},
		{.type = STORE_VERDICT, .verdict = {id, "none", DELIVERY_DEAD, 1, 9, NULL}},
		{.type = STORE_ACCOUNT, .account = {endpoint, account, 4, &outage}},
		{.type = STORE_WATCHED, .watched = {endpoint, account, 8}},
		{.type = STORE_BASELINE, .baseline = {endpoint, account, watch, KIND_FT}},
		{.type = STORE_JOB_DROP, .job = {.endpoint = endpoint, .name = name}},
	};
	cr_assert_eq(commit_new(w.committer, &b), 0);
	cr_assert_eq(commit_new(w.committer, &thrown_away), 0);
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		if (ops[i].type != STORE_JOB_DROP)
			cr_assert_eq(commit_add(b, &ops[i]), 0);
		cr_assert_eq(commit_add(thrown_away, &ops[i]), 0);
	}
	cr_expect_eq(snapshot->refs, 3);
	cr_expect_eq(record->refs, 3);
	commit_abandon(thrown_away);
	for (char **text = (char *[]){endpoint, name, id, notifier, error, account, watch, by,
				      cause, NULL};
	     *text; text++)
		memset(*text, '#', strlen(*text));
	memset(&outage, '#', sizeof(outage));
	commit_submit(b, on_commit, (void *)"b");
	run();
	cr_expect_eq(snapshot->refs, 1);
	cr_expect_eq(record->refs, 1);
	snapshot_unref(snapshot);
	event_record_unref(record);
	expect_stored("w");
	static const char *const questions[] = {
		"SELECT count(*) FROM job WHERE endpoint = 'e' AND name = '" JOB "'",
		"SELECT count(*) FROM delivery WHERE notifier = 'hook' AND error = '503'",
		"SELECT count(*) FROM delivery WHERE notifier = 'hook' AND model_ready = 0",
		"SELECT count(*) FROM delivery WHERE notifier = 'off' AND error = 'off'",
		"SELECT count(*) FROM notifier WHERE name = 'hook' AND since_us = 6",
		("SELECT count(*) FROM account WHERE endpoint = 'e' AND account = 'acme'"
		 " AND outage_first = 'first' AND outage_last = 'last' AND outage_failures = 2"
		 " AND watched_ms = 8"),
		"SELECT count(*) FROM baseline WHERE account = 'acme' AND watch = 'w'",
	};
	for (size_t i = 0; i < ARRAY_LEN(questions); i++)
		cr_expect_eq(ask(questions[i]), 1, "%s", questions[i]);
	finish("b:0 closed:0 ");
}

static void submit_another(const char *name, int r)
{
	if (strcmp(name, "a") == 0)
		submit("b");
	if (strcmp(name, "b") == 0)
		submit("c");
}

Test(committer, takes_batches_in_its_callbacks)
{
	w.on_commit = submit_another;
	submit("a");
	run();
	expect_stored("abc");
	finish("a:0 b:0 c:0 closed:0 ");
}

/* ---- a disk that refuses writes ---- */

Test(committer, waits_longer_each_time)
{
	static const struct {
		unsigned failures;
		uint64_t ms;
	} rows[] = {{1, 1000},  {2, 2000},  {3, 4000},  {4, 8000},
		    {5, 16000}, {6, 30000}, {7, 30000}, {UINT_MAX, 30000}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		cr_expect_eq(committer_wait_ms(rows[i].failures), rows[i].ms, "%u: %" PRIu64,
			     rows[i].failures, committer_wait_ms(rows[i].failures));
	finish("closed:0 ");
}

static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = MIN(bytes, limit.rlim_max);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void mend_and_submit(int r)
{
	if (r == 0)
		return;
	cr_expect_eq(r, -EIO);
	submit("c"); /* has to wait until the first ones are through */
	limit_files(RLIM_INFINITY);
}

Test(committer, tries_again_for_as_long_as_it_takes)
{
	uint64_t start = uv_hrtime();

	w.on_health = mend_and_submit;
	limit_files(1);
	submit("a");
	submit("b");
	cr_expect_not(committer_failing(w.committer));
	run();
	cr_expect_geq(uv_hrtime() - start, 900 * 1000 * 1000ULL, "it did not wait");
	expect_stored("abc");
	cr_expect_eq(committer_failed(w.committer), 1);
	cr_expect_eq(count_latency(), 3);
	cr_expect_geq(committer_latency(w.committer)->sum_us, 2 * 900 * 1000ULL,
		      "the wait counts for those that waited");
	finish("health=-5 health=0 a:0 b:0 c:0 closed:0 ");
}

static unsigned tries;

static void close_failing(int r)
{
	tries++;
	submit("b");
	close_committer();
}

Test(committer, cancels_what_a_last_try_does_not_save)
{
	w.on_health = close_failing;
	limit_files(1);
	submit("a");
	run();
	limit_files(RLIM_INFINITY);
	expect_stored("");
	finish("health=-5 a:-125 b:-125 closed:0 ");
	cr_expect_eq(tries, 1, "the health is told when it changes: %u", tries);
}

static void mend_and_close(int r)
{
	if (r == 0)
		return;
	limit_files(RLIM_INFINITY);
	submit("b");
	close_committer();
}

Test(committer, saves_with_a_last_try_what_had_failed)
{
	uint64_t start = uv_hrtime();

	w.on_health = mend_and_close;
	limit_files(1);
	submit("a");
	run();
	cr_expect_lt(uv_hrtime() - start, 900 * 1000 * 1000ULL, "it waited for the retry");
	expect_stored("ab");
	finish("health=-5 health=0 a:0 b:0 closed:0 ");
}

Test(committer, does_not_wait_for_the_next_try_when_it_is_closed)
{
	uint64_t start = uv_hrtime();

	limit_files(1);
	submit("a");
	while (!committer_failing(w.committer))
		uv_run(&w.loop, UV_RUN_ONCE);
	limit_files(RLIM_INFINITY);
	close_committer();
	run();
	cr_expect_lt(uv_hrtime() - start, 900 * 1000 * 1000ULL, "it waited for the retry");
	expect_stored("a");
	finish("health=-5 health=0 a:0 closed:0 ");
}

/* ---- the end ---- */

Test(committer, closes_idle)
{
	finish("closed:0 ");
}

Test(committer, commits_what_waits_before_it_closes)
{
	submit("a");
	submit("b");
	close_committer();
	submit("c");
	run();
	expect_stored("abc");
	finish("a:0 b:0 c:0 closed:0 ");
}

static void submit_after_end(const char *name, int r)
{
	if (strcmp(name, "late") == 0)
		submit("later");
}

Test(committer, cancels_what_comes_too_late)
{
	w.on_commit = submit_after_end;
	close_committer(); /* nothing waits: the end has begun */
	submit("late");
	run();
	expect_stored("");
	finish("late:-125 later:-125 closed:0 ");
}

static void close_in_callback(const char *name, int r)
{
	if (strcmp(name, "a") == 0)
		close_committer();
}

Test(committer, can_be_closed_in_a_callback)
{
	w.on_commit = close_in_callback;
	submit("a");
	submit("b");
	run();
	expect_stored("ab");
	finish("a:0 b:0 closed:0 ");
}

Test(committer, takes_back_the_last_changes_of_a_batch)
{
	struct commit *b = baseline("a");
	struct store_op op = {.type = STORE_BASELINE, .baseline = {"e", "a", "b", KIND_SFT}};
	size_t before = commit_size(b);

	cr_assert_eq(commit_add(b, &op), 0);
	cr_expect_eq(commit_size(b), before + 1);
	commit_truncate(b, before);
	commit_submit(b, NULL, NULL);
	run();
	expect_stored("a");
	finish("closed:0 ");
}

/* ---- other work ---- */

static struct task_world {
	pthread_t thread; /* that the last work ran on */
	char seen[256];   /* the baselines that it found */
	unsigned done;
	void (*on_done)(const char *name, int r);
} tw;

static int see(void *user, struct store *store, struct error *ret_e)
{
	const struct store_loader loader = {.baseline = see_baseline};

	tw.thread = pthread_self();
	tw.seen[0] = '\0';
	return store_load(store, &loader, tw.seen, ret_e);
}

static int fail(void *user, struct store *store, struct error *ret_e)
{
	return error_set(ret_e, -EPROTO, "what is wrong");
}

static void on_done(void *user, int r, const char *text)
{
	note(user, ":", r);
	cr_expect_eq(r < 0, text[0] != '\0');
	tw.done++;
	if (tw.on_done)
		tw.on_done(user, r);
}

static void start_work(committer_work_fn work, const char *name)
{
	bool inside = w.inside;

	w.inside = true;
	cr_assert_eq(committer_run(w.committer, work, on_done, (void *)name), 0);
	w.inside = inside;
}

Test(committer, runs_work_on_another_thread)
{
	start_work(see, "t");
	cr_expect_eq(committer_waiting(w.committer), 0);
	run();
	cr_expect_not(pthread_equal(tw.thread, pthread_self()));
	finish("t:0 closed:0 ");
}

static void on_failed_work(void *user, int r, const char *text)
{
	cr_expect_str_eq(text, "what is wrong");
	cr_expect_not(committer_failing(w.committer));
	note(user, ":", r);
}

Test(committer, leaves_the_failure_of_work_to_who_wanted_it)
{
	cr_assert_eq(committer_run(w.committer, fail, on_failed_work, (void *)"t"), 0);
	submit("a");
	run();
	finish("t:-71 a:0 closed:0 ");
}

Test(committer, gives_turns_to_work_and_commits)
{
	submit("a");
	start_work(see, "t");
	start_work(fail, "u");
	start_work(see, "v");
	submit("b");
	submit("c");
	run();
	cr_expect_str_eq(tw.seen, "abc", "%s", tw.seen);
	finish("a:0 t:0 b:0 c:0 u:-71 v:0 closed:0 ");
}

static void work_after_commit(const char *name, int r)
{
	start_work(see, "t");
	submit("b");
}

static void expect_only_a(const char *name, int r)
{
	cr_expect_str_eq(tw.seen, "a", "%s", tw.seen);
	w.on_commit = NULL;
}

Test(committer, shows_work_what_was_called_back_before)
{
	w.on_commit = work_after_commit;
	tw.on_done = expect_only_a;
	submit("a");
	run();
	finish("a:0 t:0 b:0 closed:0 ");
}

#define TURNS 5

static void work_again(const char *name, int r)
{
	if (committer_waiting(w.committer))
		start_work(see, "t");
}

static void submit_again(const char *name, int r)
{
	if (++tries < TURNS)
		submit("a");
}

/* Work that always comes back, and batches that always come back: neither keeps the other out. */
Test(committer, starves_nobody)
{
	w.on_commit = submit_again;
	tw.on_done = work_again;
	submit("a");
	start_work(see, "t");
	run();
	finish("a:0 t:0 a:0 t:0 a:0 t:0 a:0 t:0 a:0 t:0 closed:0 ");
}

static void mend(const char *name, int r)
{
	cr_expect(committer_failing(w.committer));
	if (strcmp(name, "late") == 0)
		limit_files(RLIM_INFINITY);
	else
		start_work(see, "late");
}

Test(committer, reads_while_commits_fail)
{
	tw.on_done = mend;
	expect_stored(""); /* as at every start: the -shm file is there from then on */
	limit_files(1);
	submit("a");
	start_work(see, "t");
	run();
	expect_stored("a");
	finish("health=-5 t:0 late:0 health=0 a:0 closed:0 ");
}

Test(committer, cancels_work_that_has_not_begun_when_it_is_closed)
{
	start_work(see, "t");
	start_work(see, "u");
	submit("a");
	close_committer();
	start_work(see, "v");
	run();
	expect_stored("a");
	cr_expect_eq(tw.done, 3);
	finish("t:0 a:0 u:-125 v:-125 closed:0 ");
}

static void close_after_work(const char *name, int r)
{
	if (r == 0)
		close_committer();
	else if (strcmp(name, "u") == 0)
		start_work(see, "w");
}

Test(committer, can_be_closed_when_work_is_done)
{
	tw.on_done = close_after_work;
	start_work(see, "t");
	start_work(see, "u");
	run();
	finish("t:0 u:-125 w:-125 closed:0 ");
}
