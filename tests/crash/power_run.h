/*
 * The run that the power-cut tests cut: some 50 transitions of six jobs, with deliveries, attempts,
 * replacements, verdicts, an account, a baseline, notifiers, a job that is dropped, pruning and
 * restarts, and what the database holds after each step.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

#define RUN_TRANSITIONS 50

struct run;

struct run *run_new(uint64_t seed);
void run_free(struct run *run); /* takes NULL */

size_t run_steps(const struct run *run);

/* Makes the changes of a step (from 0). As store_apply(), or store_prune(). */
int run_apply(const struct run *run, size_t step, struct store *s, struct error *ret_e);

/* Whether the store is closed and opened again after that step. */
bool run_reopens(const struct run *run, size_t step);

/*
 * Makes a database of an older schema, with a job, an account in trouble and a pending delivery, in the
 * directory, which is not there.
 */
void run_make_old(const char *dir, unsigned version);

/* A hash over every row of every table. */
uint64_t run_picture(struct store *s);
