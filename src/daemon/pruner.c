/* Keeps history within its bounds. */
#include "daemon/pruner.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/alarm.h"

#define FIRST_MS MS_PER_MIN
#define ROUND_MS MS_PER_H
#define PAUSE_MS 20 /* between two steps */

struct pruner {
	struct committer *committer;
	struct alarm *alarm; /* NULL: stopped */
	uint64_t max_age_ms, max_bytes;
	uint64_t removed; /* in this round */
	bool started;
	bool busy; /* a step is under way */

	/* The step, the thread pool's while it is under way. */
	struct store_retention retention;
	uint64_t cursor;
	struct store_pruned pruned;
};

struct store_retention pruner_retention(uint64_t max_age_ms, uint64_t max_bytes, int64_t now_us)
{
	struct store_retention keep = {.before_us = INT64_MIN, .max_bytes = max_bytes};

	if (max_age_ms < (uint64_t)(INT64_MAX / US_PER_MS))
		keep.before_us = now_us - (int64_t)max_age_ms * US_PER_MS;
	return keep;
}

static int do_step(void *user, struct store *store, struct error *ret_e)
{
	struct pruner *p = user;

	return store_prune(store, &p->retention, STORE_PRUNE_EVENTS, &p->cursor, &p->pruned, ret_e);
}

static void end_round(struct pruner *p)
{
	if (p->removed > 0)
		log_info("history: %" PRIu64 " events were removed", p->removed);
	p->removed = 0;
	p->cursor = STORE_PRUNE_START;
	alarm_set(p->alarm, clock_boot_now_ms() + ROUND_MS);
}

static void on_step(void *user, int r, const char *text)
{
	struct pruner *p = user;

	p->busy = false;
	if (!p->alarm)
		return;
	if (r < 0) {
		log_warning("history cannot be shortened, tried again in an hour: %s", text);
		end_round(p);
		return;
	}
	p->removed += p->pruned.events;
	if (p->pruned.more)
		alarm_set(p->alarm, clock_boot_now_ms() + PAUSE_MS);
	else
		end_round(p);
}

static void on_alarm(void *user)
{
	struct pruner *p = user;
	int r;

	/* Each step by the clock and the configuration of its time. */
	p->retention = pruner_retention(p->max_age_ms, p->max_bytes, clock_real_now_us());
	p->pruned = (struct store_pruned){0};
	r = committer_run(p->committer, do_step, on_step, p);
	if (r < 0)
		end_round(p);
	else
		p->busy = true;
}

int pruner_new(uv_loop_t *loop, struct committer *committer, struct pruner **ret)
{
	struct pruner *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	r = alarm_new(loop, on_alarm, p, &p->alarm);
	if (r < 0) {
		free(p);
		return r;
	}
	p->committer = committer;
	p->cursor = STORE_PRUNE_START;
	p->max_age_ms = p->max_bytes = UINT64_MAX;
	*ret = p;
	return 0;
}

void pruner_configure(struct pruner *p, const struct config *config)
{
	bool changed = p->max_age_ms != config->history_max_age_ms ||
		       p->max_bytes != config->history_max_bytes;

	p->max_age_ms = config->history_max_age_ms;
	p->max_bytes = config->history_max_bytes;
	/* A round that is under way goes on with the new bounds. */
	if (p->started && changed && !p->busy)
		alarm_set(p->alarm, clock_boot_now_ms() + PAUSE_MS);
}

void pruner_start(struct pruner *p)
{
	p->started = true;
	alarm_set(p->alarm, clock_boot_now_ms() + FIRST_MS);
}

void pruner_stop(struct pruner *p)
{
	p->alarm = alarm_close(p->alarm);
}

struct pruner *pruner_free(struct pruner *p)
{
	free(p);
	return NULL;
}
