/*
 * Traces: what would have been seen of an account's jobs by somebody who looks all the time.
 *
 * They come from a seeded generator with realistic shapes, and they know what nobody else knows: with
 * which intensity each job was about to end at any moment, given what could be seen of it until then.
 * Everything that ends a job is drawn from these intensities. Times are ms on a clock of the
 * simulation's own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/state.h"

enum trace_kind {
	TRACE_SFT,
	TRACE_RFT,
	TRACE_DPO,
	TRACE_FT,
	TRACE_RLOR,
	TRACE_BATCH,
	TRACE_EVAL,
	TRACE_KINDS,
};

#define TRACE_NEVER UINT64_MAX

/* What the API shows from a moment on. */
struct trace_change {
	uint64_t at_ms;
	uint32_t message; /* another number is another status.message */
	int16_t percent, epoch;
	uint8_t phase; /* enum phase */
};

/* From the last piece's end to this one's, the job ends with so many ends a millisecond. */
struct trace_hazard {
	uint64_t from_ms, to_ms;
	double per_ms;
};

struct trace_job {
	uint64_t key; /* the order of names */
	uint64_t created_ms;
	uint64_t running_ms; /* first seen running; TRACE_NEVER */
	uint64_t end_ms;     /* TRACE_NEVER: it fell silent */
	size_t changes, n_changes;
	size_t hazards, n_hazards;
	uint8_t kind;     /* enum trace_kind */
	uint8_t epochs;   /* that it trains; 0: a kind without progress */
	bool overall;     /* percent is of the whole job, not of the epoch */
	bool epochs_told; /* the API says how many epochs */
};

struct trace_size {
	uint64_t seed;
	uint32_t old;    /* jobs that ended before */
	uint32_t active; /* at a time, about */
	uint64_t begin_ms, end_ms;
};

struct traces {
	struct trace_job *jobs; /* by creation */
	size_t n, room;
	struct trace_change *changes;
	size_t n_changes, changes_room;
	struct trace_hazard *hazards;
	size_t n_hazards, hazards_room;
};

/* 0 or -ENOMEM. */
int traces_make(const struct trace_size *size, struct traces *ret);
void traces_done(struct traces *t);

/* The API tells when a job of this kind has ended (completedTime). */
bool trace_kind_tells_end(enum trace_kind kind);

static inline const struct trace_change *trace_change(const struct traces *t,
						      const struct trace_job *j, size_t i)
{
	return &t->changes[j->changes + i];
}

/* The last visible change of all. */
static inline uint64_t trace_last_ms(const struct traces *t, const struct trace_job *j)
{
	return trace_change(t, j, j->n_changes - 1)->at_ms;
}
