/*
 * What the tests of the store share: a directory for each test, short ways to make changes, and the
 * content of a store as lines of text, which can be compared whole.
 */
#pragma once

#include <sqlite3.h>

#include "store/store.h"
#include "tests/support/tempdir.h"

extern char fixture_dir[TEMPDIR_MAX]; /* the state directory is below it */
extern char fixture_state[TEMPDIR_MAX + 16];

void fixture_setup(void);
void fixture_teardown(void);

/* A file of the state directory; valid until the next call. */
const char *fixture_path(const char *name);

struct store *fixture_open(void); /* fails the test with the store's sentence */

struct snapshot *fixture_snapshot(const char *state, int percent); /* percent < 0: no progress */
struct event_record *fixture_event(const char *job, uint64_t sequence);

struct store_op fixture_job(const char *name, struct snapshot *snapshot, uint64_t sequence);
struct store_op fixture_delivery(const char *event_id, const char *notifier);

/* store_apply() of one change; fails the test with its sentence. */
void fixture_apply(struct store *s, struct store_op op);

/* Jobs, accounts, baselines, overrides, submissions, pending deliveries, a line each; free() it. */
char *fixture_dump(struct store *s);

/* The first column of the first row of `sql`, asked over a connection of its own; free() it. */
char *fixture_query(const char *sql);
