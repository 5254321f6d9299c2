/*
 * Keeps history within its bounds (history-max-age, history-max-size): a round a minute after the
 * start, at once after a reload with other bounds, and then every hour, in short steps with pauses, so
 * that no commit waits long for one.
 */
#pragma once

#include <uv.h>

#include "config/config.h"
#include "io/committer.h"

struct pruner;

int pruner_new(uv_loop_t *loop, struct committer *committer, struct pruner **ret);

/* Takes its bounds from the configuration, and keeps no reference to it. */
void pruner_configure(struct pruner *p, const struct config *config);
void pruner_start(struct pruner *p);

/* Begins no step any more. A step under way is the committer's, whose end comes before the free. */
void pruner_stop(struct pruner *p);
struct pruner *pruner_free(struct pruner *p); /* stopped; takes NULL, returns NULL */

/* What is to be kept at `now_us` (CLOCK_REALTIME). */
struct store_retention pruner_retention(uint64_t max_age_ms, uint64_t max_bytes, int64_t now_us);
