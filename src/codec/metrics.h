/*
 * The daemon's counters and gauges in the text format of Prometheus, version 0.0.4.
 *
 * Views: whoever fills one owns what it points at. What is not configured is not in the view, so its
 * series end. The number of series follows from the configuration alone: nothing that the network
 * names is a label.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/latency.h"
#include "model/event.h"
#include "model/state.h"
#include "model/trouble.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* What came of requests: "ok" for TROUBLE_NONE, the other classes by their names, and "dropped". */
#define METRICS_DROPPED TROUBLE_COUNT_
#define METRICS_RESULTS (METRICS_DROPPED + 1)

/* The phases, and after them jobs that nobody has seen yet. */
#define METRICS_UNSEEN PHASE_COUNT_
#define METRICS_PHASES (METRICS_UNSEEN + 1)

enum metrics_verdict {
	METRICS_DELIVERED,
	METRICS_RETRY,
	METRICS_DEAD,
	METRICS_SKIPPED,
	METRICS_REPLACED,
	METRICS_VERDICTS,
};

/* Counters count from the start of the daemon. */
struct metrics_account {
	const char *name; /* in the configuration */
	uint64_t requests[METRICS_RESULTS];
	uint64_t requests_per_minute; /* as configured */
	uint64_t rate;                /* requests a minute in effect */
	uint64_t tokens;              /* requests that may start at once */
	uint64_t in_sight;            /* 0 or 1 */
	uint64_t jobs[METRICS_PHASES];
};

struct metrics_notifier {
	const char *name;
	uint64_t off; /* 0 or 1 */
	uint64_t pending, running;
	uint64_t oldest_age_us; /* 0: none waits */
	uint64_t deliveries[METRICS_VERDICTS];
};

struct metrics_view {
	const char *version;
	uint64_t started_us; /* CLOCK_REALTIME */
	const struct metrics_account *accounts;
	size_t n_accounts;
	const struct metrics_notifier *notifiers;
	size_t n_notifiers;
	uint64_t events[EVENT_COUNT_];
	const struct latency *commits;
	uint64_t commits_failed, commits_waiting;
	uint64_t stalls, longest_stall_us, longest_stall_cpu_us;
	uint64_t reload_ok; /* 0 or 1: the last configuration was taken */
};

/* Appends the whole page. 0, -ENOMEM, -EMSGSIZE. */
int metrics_format(const struct metrics_view *v, struct buf *b);
