/*
 * Makes changes durable without stopping the loop: "commit this batch, call me once".
 *
 * Batches that are handed in while a commit is under way go together into the next one: one commit
 * in flight, on the thread pool. A commit that fails is tried again, alone with what came before it,
 * after 1 s, 2 s, … at most 30 s, for as long as the daemon runs; nothing is called back meanwhile.
 * Other work with the store takes its turn between two commits, also while these fail.
 * This header is the seam for another durable engine.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/latency.h"
#include "store/store.h"

struct committer;
struct commit; /* a batch that is being built, then waits, then is called back */

/*
 * Called once for each submitted batch, on the loop, never inside commit_submit(): 0 when it is
 * durable, -ECANCELED when the committer was closed before it could be.
 */
typedef void (*commit_fn)(void *user, int r);

/* The store's health changed: r < 0 with a sentence when a commit failed, 0 when one worked again. */
typedef void (*committer_health_fn)(void *user, int r, const char *text);

/* The store is borrowed and used by nobody else from here to the end of committer_close(). */
int committer_new(uv_loop_t *loop, struct store *store, committer_health_fn health, void *user,
		  struct committer **ret);

/*
 * A new, empty batch. The adders copy texts and take their own references, so nothing needs to live
 * on. On -ENOMEM the batch is as before. commit_abandon() throws an unsubmitted one, or NULL, away.
 */
int commit_new(struct committer *c, struct commit **ret);
int commit_add(struct commit *b, const struct store_op *op);
void commit_abandon(struct commit *b);

/* The number of changes in it; and back to the first `n` of them, for what must come whole or not. */
size_t commit_size(const struct commit *b);
void commit_truncate(struct commit *b, size_t n);

/* Hands the batch over. All its changes land in one transaction. `fn` may be NULL. */
void commit_submit(struct commit *b, commit_fn fn, void *user);

/*
 * Work with the store that is no batch: reading, pruning. It runs on the thread pool between two
 * commits, in the order of the calls, one at a time (then the next commit has its turn), and sees all
 * batches that were called back before the call. A failure is the caller's affair: it does not count for the store's health.
 * `done` is called once, on the loop, never inside committer_run(), with what `work` returned and
 * its sentence, or -ECANCELED when the committer was closed before. -ENOMEM: neither is called.
 */
typedef int (*committer_work_fn)(void *user, struct store *store, struct error *ret_e);
typedef void (*committer_done_fn)(void *user, int r, const char *text);
int committer_run(struct committer *c, committer_work_fn work, committer_done_fn done, void *user);

/* How long after the `failures`th failure in a row (from 1) the next try is made. */
uint64_t committer_wait_ms(unsigned failures);

/* Batches that are not durable yet, the changes in them, and whether the last commit failed. */
size_t committer_waiting(const struct committer *c);
size_t committer_changes(const struct committer *c);
bool committer_failing(const struct committer *c);

/*
 * Since the start: transactions that failed; and how long batches took to become durable, from
 * commit_submit() on, with what they waited and the tries that failed.
 */
uint64_t committer_failed(const struct committer *c);
const struct latency *committer_latency(const struct committer *c);

/*
 * Lets the work that is under way end, commits what waits (one try), calls everything back, then
 * `closed`, and frees the committer. Work that has not begun is cancelled. commit_submit() and
 * committer_run() are still allowed until `closed` is called: batches are called back with
 * -ECANCELED if they come too late, work always is.
 */
void committer_close(struct committer *c, void (*closed)(void *user), void *user);
