/*
 * The run that the power-cut tests cut: some 50 transitions of six jobs, with deliveries, verdicts,
 * an account, a baseline, a job that is dropped and restarts, as batches for store_apply(), and what
 * the database holds after each of them.
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

/* Makes the changes of a step (from 0). As store_apply(). */
int run_apply(const struct run *run, size_t step, struct store *s, struct error *ret_e);

/* Whether the store is closed and opened again after that step. */
bool run_reopens(const struct run *run, size_t step);

/* A hash over every row of every table. */
uint64_t run_picture(struct store *s);
