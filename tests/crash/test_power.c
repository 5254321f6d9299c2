/*
 * Power cuts under the store: at every sync of a run the disk is asked what it could hold, in every
 * way, and a daemon that starts on that must find whole steps, and all that were acknowledged.
 *
 * TUNEWATCH_POWER_SEEDS: in how many ways a disk is torn at each sync (2).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <criterion/criterion.h>

#include "base/macro.h"
#include "store/schema.h"
#include "store/store_internal.h"
#include "tests/crash/fault_disk.h"
#include "tests/crash/fault_vfs.h"
#include "tests/crash/power_run.h"
#include "tests/support/rand.h"
#include "tests/support/tempdir.h"

#define SEEDS      2
#define STEPS_MAX  256
#define CHECKPOINT "PRAGMA wal_autocheckpoint = 60" /* pages: so that a short run has several */

/* What is being tested, for the hook that a sync comes to. */
static struct {
	struct rnd rnd;
	uint64_t seeds;
	struct run *run;
	uint64_t pictures[STEPS_MAX + 1]; /* after so many steps, by a disk that works */
	char dir[TEMPDIR_MAX];
	char state[TEMPDIR_MAX + 8], image[TEMPDIR_MAX + 8];
	unsigned old;       /* the run begins with a database of this schema; 0: with none */
	const char *pragma; /* how to be less careful, or NULL */
	struct store *store;
	size_t acknowledged; /* steps */
	bool in_flight;      /* one more may be there */

	uint64_t cuts, lost, damaged;
	char first[512]; /* the first fault, in words */
} t;

static void note(uint64_t *count, const char *what, uint64_t sync, bool after, const char *mode,
		 uint64_t seed, const char *more)
{
	(*count)++;
	if (!t.first[0])
		snprintf(t.first, sizeof(t.first),
			 "%s: sync %" PRIu64 ", %s it, %s, seed %" PRIu64 ", %zu steps done%s: %s",
			 what, sync, after ? "after" : "before", mode, seed, t.acknowledged,
			 t.in_flight ? " and one begun" : "", more);
}

static int open_store(const char *dir, struct store **ret, struct error *ret_e)
{
	int r = store_open(dir, ret, ret_e);

	if (r < 0)
		return r;
	if (sqlite3_exec((*ret)->db, CHECKPOINT, NULL, NULL, NULL) != SQLITE_OK ||
	    (t.pragma && sqlite3_exec((*ret)->db, t.pragma, NULL, NULL, NULL) != SQLITE_OK))
		abort();
	return 0;
}

/* How many steps the store holds; -1: none that may be. */
static long steps_in(struct store *s)
{
	uint64_t picture = run_picture(s);

	for (size_t n = t.acknowledged; n <= t.acknowledged + t.in_flight; n++)
		if (n <= run_steps(t.run) && t.pictures[n] == picture)
			return (long)n;
	return -1;
}

static void empty_image(void)
{
	tempdir_remove(t.image);
	if (mkdir(t.image, 0700) < 0)
		abort();
}

/* Starts on what the disk could hold, looks, and goes on with the next step. */
static void cut(uint64_t sync, bool after, enum fault_mode mode, uint64_t seed)
{
	const char *words = fault_mode_names[mode];
	struct error e = ERROR_NONE;
	struct store *s = NULL;
	long found;

	empty_image();
	if (!fault_disk_leave(t.image, mode, seed))
		abort();
	t.cuts++;
	if (store_open(t.image, &s, &e) < 0) {
		note(&t.damaged, "cannot be opened", sync, after, words, seed, e.text);
		return;
	}
	found = steps_in(s);
	if (found < 0)
		note(&t.lost, "lost", sync, after, words, seed, "the store has something else");
	else if ((size_t)found < run_steps(t.run) && (run_apply(t.run, (size_t)found, s, &e) < 0 ||
						      run_picture(s) != t.pictures[found + 1]))
		note(&t.damaged, "does not go on", sync, after, words, seed, e.text);
	store_close(s);
}

static void cut_in_all_ways(void *user, uint64_t n, bool after)
{
	cut(n, after, FAULT_DROP, 0);
	cut(n, after, FAULT_KEEP, 0);
	for (uint64_t i = 0; i < t.seeds; i++) {
		cut(n, after, FAULT_TORN, rnd_next(&t.rnd));
		cut(n, after, FAULT_GARBAGE, rnd_next(&t.rnd));
	}
}

static void setup(void)
{
	const char *seeds = getenv("TUNEWATCH_POWER_SEEDS");

	/* Where it can be had: images that are looked at are synced for nothing. */
	if (access("/dev/shm", W_OK | X_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 1);
	t.rnd = rnd_open("power");
	t.seeds = seeds ? strtoull(seeds, NULL, 0) : SEEDS;
	tempdir_make(t.dir);
	snprintf(t.state, sizeof(t.state), "%s/state", t.dir);
	snprintf(t.image, sizeof(t.image), "%s/image", t.dir);
	t.run = run_new(rnd_next(&t.rnd));
	cr_assert_leq(run_steps(t.run), STEPS_MAX);
}

static void teardown(void)
{
	run_free(t.run);
	tempdir_remove(t.dir);
	fault_vfs_reset();
}

TestSuite(power, .init = setup, .fini = teardown, .timeout = 600);

/* A new, empty disk. */
static void new_disk(const struct fault_hooks *hooks)
{
	tempdir_remove(t.state);
	fault_vfs_reset();
	cr_assert_eq(fault_vfs_register(t.state, NULL), SQLITE_OK);
	if (t.old)
		run_make_old(t.state, t.old);
	cr_assert_eq(fault_vfs_register(t.state, hooks), SQLITE_OK);
	t.acknowledged = 0;
	t.in_flight = false;
}

/* One step, which is acknowledged when it worked. */
static int make_step(struct error *ret_e)
{
	size_t step = t.acknowledged;
	int r;

	t.in_flight = true;
	r = run_apply(t.run, step, t.store, ret_e);
	if (r < 0)
		return r;
	t.in_flight = false;
	t.acknowledged++;
	return run_reopens(t.run, step) ? 1 : 0;
}

static void reopen(void)
{
	struct error e = ERROR_NONE;

	t.store = store_close(t.store);
	cr_assert_eq(open_store(t.state, &t.store, &e), 0, "%s", e.text);
}

/* The whole run on a disk that works. */
static void make_run(const struct fault_hooks *hooks)
{
	struct error e = ERROR_NONE;

	new_disk(hooks);
	cr_assert_eq(open_store(t.state, &t.store, &e), 0, "%s", e.text);
	if (!hooks)
		t.pictures[0] = run_picture(t.store);
	while (t.acknowledged < run_steps(t.run)) {
		int r = make_step(&e);

		cr_assert_geq(r, 0, "%s", e.text);
		if (!hooks)
			t.pictures[t.acknowledged] = run_picture(t.store);
		if (r > 0)
			reopen();
	}
	t.store = store_close(t.store);
}

static void report(const char *what)
{
	fprintf(stderr,
		"%s: %" PRIu64 " syncs in %zu steps, %" PRIu64 " cuts: %" PRIu64 " lost, %" PRIu64
		" damaged\n",
		what, fault_vfs_syncs(), run_steps(t.run), t.cuts, t.lost, t.damaged);
	if (t.first[0])
		fprintf(stderr, "the first: %s\n", t.first);
}

Test(power, loses_nothing_that_was_acknowledged)
{
	const struct fault_hooks hooks = {.on_sync = cut_in_all_ways};

	make_run(NULL);
	make_run(&hooks);
	report("cut at every sync");
	cr_assert_gt(fault_vfs_syncs(), RUN_TRANSITIONS);
	cr_assert_eq(t.lost + t.damaged, 0, "%s", t.first);
}

Test(power, loses_nothing_that_older_versions_left)
{
	const struct fault_hooks hooks = {.on_sync = cut_in_all_ways};

	for (t.old = 1; t.old < schema_version; t.old++) {
		char what[64];

		t.cuts = 0;
		make_run(NULL);
		make_run(&hooks);
		snprintf(what, sizeof(what), "cut at every sync, from schema %u on", t.old);
		report(what);
		cr_assert_eq(t.lost + t.damaged, 0, "%s", t.first);
	}
}

/* If these lost nothing, the test above would prove nothing. */
Test(power, notices_what_is_lost_by_less_care)
{
	static const struct {
		const char *what, *pragma;
		bool lie;
	} cases[] = {
		{"synchronous = NORMAL", "PRAGMA synchronous = NORMAL", false},
		{"synchronous = OFF", "PRAGMA synchronous = OFF", false},
		{"a disk that lies", NULL, true},
	};
	const struct fault_hooks hooks = {.on_sync = cut_in_all_ways};

	t.seeds = 1;
	make_run(NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error e = ERROR_NONE;

		t.pragma = cases[i].pragma;
		t.cuts = t.lost = t.damaged = 0;
		new_disk(&hooks);
		fault_vfs_lie(cases[i].lie);
		cr_assert_eq(open_store(t.state, &t.store, &e), 0, "%s", e.text);
		while (t.acknowledged < run_steps(t.run)) {
			cr_assert_geq(make_step(&e), 0, "%s", e.text);
			/* Nearly nothing is synced, so that the syncs alone are too few moments. */
			cut(fault_vfs_syncs(), true, FAULT_DROP, 0);
		}
		t.store = store_close(t.store);
		report(cases[i].what);
		cr_expect_gt(t.lost, run_steps(t.run) / 4, "%s: %" PRIu64, cases[i].what, t.lost);
	}
}

/* ---- the daemon dies, and the power goes later ---- */

static struct {
	uint64_t at;
	bool after;
} death;

static void die(void *user, uint64_t n, bool after)
{
	if (n == death.at && after == death.after)
		fault_vfs_fail_all(EIO);
	/*
	 * At the start that follows, what was there is still there at every moment. Not so while the
	 * database is being made: its journal may be one whose sync failed. Then nothing is lost.
	 */
	else if (death.at == 0 && t.acknowledged > 0)
		cut(n, after, FAULT_GARBAGE, rnd_next(&t.rnd));
}

/* Until nothing works any more, as for a process that is killed; the files stay as they are. */
static void live(struct error *ret_e)
{
	if (open_store(t.state, &t.store, ret_e) < 0)
		return;
	while (t.acknowledged < run_steps(t.run)) {
		int r = make_step(ret_e);

		if (r < 0)
			break;
		if (r == 0)
			continue;
		t.store = store_close(t.store);
		if (open_store(t.state, &t.store, ret_e) < 0)
			break;
	}
	t.store = store_close(t.store);
}

/*
 * What a daemon finds at its start is sent at once, so it must be durable by then. A -wal file that
 * was read is not: its writer may have died before the sync.
 */
Test(power, believes_only_what_is_durable)
{
	const struct fault_hooks hooks = {.on_sync = die};
	uint64_t syncs;

	make_run(NULL);
	syncs = fault_vfs_syncs();
	for (uint64_t i = 0; i < 2 * syncs; i++) {
		struct error e = ERROR_NONE;
		long found;

		new_disk(&hooks);
		death.at = i / 2 + 1;
		death.after = i % 2;
		live(&e);
		fault_vfs_fail_all(0);
		death.at = 0;
		cr_assert_eq(open_store(t.state, &t.store, &e), 0, "%s", e.text);
		found = steps_in(t.store);
		if (found < 0) {
			note(&t.lost, "not found", i / 2 + 1, i % 2, "killed", 0, "");
		} else {
			t.acknowledged = (size_t)found;
			t.in_flight = false;
			cut(i / 2 + 1, i % 2, FAULT_DROP, 0);
			cut(i / 2 + 1, i % 2, FAULT_TORN, rnd_next(&t.rnd));
		}
		t.store = store_close(t.store);
	}
	report("killed at every sync, then cut");
	cr_assert_eq(t.lost + t.damaged, 0, "%s", t.first);
}

/* ---- a sync that fails, once ---- */

static uint64_t failing;

static void cut_after_failure(void *user, uint64_t n, bool after)
{
	/* Just then and for a while, then now and again. */
	if (n < failing || (n > failing + 3 && rnd_below(&t.rnd, 32) != 0))
		return;
	cut(n, after, FAULT_DROP, 0);
	cut(n, after, FAULT_TORN, rnd_next(&t.rnd));
}

/* It goes on from what it finds. */
static int open_and_look(struct error *ret_e)
{
	int r = open_store(t.state, &t.store, ret_e);
	long found;

	if (r < 0)
		return r;
	found = steps_in(t.store);
	cr_assert_geq(found, 0, "sync %" PRIu64 ": the store has something else", failing);
	t.acknowledged = (size_t)found;
	t.in_flight = false;
	return 0;
}

/* The daemon that was told so tries again on the same connection, or is killed and starts again. */
static void go_on_after_failure(bool restarts)
{
	struct error e = ERROR_NONE;
	unsigned failures = 0;
	int r = 0;

	while (!t.store || t.acknowledged < run_steps(t.run)) {
		if (t.store && r < 0 && restarts) {
			/* It is killed: nothing is tidied up. */
			fault_vfs_fail_all(EIO);
			t.store = store_close(t.store);
			fault_vfs_fail_all(0);
		}
		r = t.store ? make_step(&e) : open_and_look(&e);
		if (r == 1)
			t.store = store_close(t.store);
		/* One failed sync spoils a commit or a start, and what is tried again works. */
		if (r < 0)
			cr_assert_leq(++failures, 2, "sync %" PRIu64 ": %s", failing, e.text);
	}
	t.store = store_close(t.store);
	cut(fault_vfs_syncs(), true, FAULT_DROP, 0);
}

static void fail_every_sync(bool restarts)
{
	const struct fault_hooks hooks = {.on_sync = cut_after_failure};
	uint64_t syncs;

	make_run(NULL);
	syncs = fault_vfs_syncs();
	for (failing = 1; failing <= syncs; failing++) {
		new_disk(&hooks);
		fault_vfs_fail_syncs(failing, failing + 1, EIO);
		go_on_after_failure(restarts);
	}
}

Test(power, survives_a_failed_sync_whose_pages_are_gone)
{
	fail_every_sync(false);
	report("failed syncs, tried again, then cut");
	cr_assert_eq(t.lost + t.damaged, 0, "%s", t.first);
}

Test(power, survives_a_restart_after_a_failed_sync)
{
	fail_every_sync(true);
	report("failed syncs, killed, started again, then cut");
	cr_assert_eq(t.lost + t.damaged, 0, "%s", t.first);
}
