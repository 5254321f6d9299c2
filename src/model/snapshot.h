/*
 * The last known values of a job that count, in one allocation: a job more costs a few hundred
 * bytes, and there may be 100,000.
 *
 * Absent, null, "" and 0 are one value: an absent text is "", an absent number 0. A snapshot is
 * immutable once built and counted by reference; the count is touched by the loop's thread only,
 * the values may be read by any thread while somebody holds a reference.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"
#include "model/state.h"

/* The texts of a snapshot: the allow-list of what is ever kept, logged or sent. */
enum snapshot_text {
	TEXT_STATE,          /* raw, as the API wrote it */
	TEXT_STATUS_CODE,    /* "OK" where the API gave none */
	TEXT_STATUS_MESSAGE, /* not always an error: a legacy job puts its metrics here */
	TEXT_DISPLAY_NAME,
	TEXT_BASE_MODEL,
	TEXT_OUTPUT_MODEL,
	TEXT_DATASET,
	TEXT_CREATE_TIME, /* RFC 3339, as the API wrote it; its change is no event */
	TEXT_COMPLETED_TIME,
	TEXT_COUNT_,
};

/* jobProgress of the API, all ten fields, in its order. */
enum progress_field {
	PROGRESS_PERCENT, /* 0 to 100, of the epoch or of the whole job */
	PROGRESS_EPOCH,   /* from 0 */
	PROGRESS_TOTAL_INPUT_REQUESTS,
	PROGRESS_TOTAL_PROCESSED_REQUESTS,
	PROGRESS_SUCCESSFULLY_PROCESSED_REQUESTS,
	PROGRESS_FAILED_REQUESTS,
	PROGRESS_OUTPUT_ROWS,
	PROGRESS_INPUT_TOKENS,
	PROGRESS_OUTPUT_TOKENS,
	PROGRESS_CACHED_INPUT_TOKEN_COUNT,
	PROGRESS_COUNT_,
};

/* The names of the fields in the API's JSON. */
extern const char *const progress_names[PROGRESS_COUNT_];

struct progress {
	bool given;                      /* the API sent an object, not null */
	int32_t values[PROGRESS_COUNT_]; /* int32 in the API; out of range is clamped */
};

/* Longest kept text in bytes, per field; longer ones are cut at a character's end. */
extern const uint16_t snapshot_text_max[TEXT_COUNT_];

struct snapshot {
	uint32_t refs;
	uint16_t size;            /* bytes in `text` */
	uint16_t at[TEXT_COUNT_]; /* where each text begins in `text` */
	uint8_t phase;            /* enum phase */
	bool progress_given;
	uint16_t
		epochs; /* how many the job trains; 0: the API did not say; its change is no event */
	int32_t progress[PROGRESS_COUNT_];
	char text[];
};

/* What a snapshot is built from: views into somebody's bytes. NULL is "". */
struct snapshot_parts {
	const char *text[TEXT_COUNT_];
	struct progress progress;
	uint16_t epochs;
	bool gone; /* the API says that there is no such job: PHASE_REMOVED whatever the state */
};

/* 0 or -ENOMEM. An empty status code becomes "OK". The caller holds the one reference. */
int snapshot_new(const struct snapshot_parts *parts, struct snapshot **ret);

static inline struct snapshot *snapshot_ref(struct snapshot *s)
{
	s->refs++;
	return s;
}

/* Takes NULL. Returns NULL. */
struct snapshot *snapshot_unref(struct snapshot *s);
DEFINE_CLEANUP(struct snapshot *, snapshot_unref);
#define _cleanup_snapshot_ _cleanup_(snapshot_unrefp)

static inline const char *snapshot_text(const struct snapshot *s, enum snapshot_text which)
{
	return s->text + s->at[which];
}

static inline enum phase snapshot_phase(const struct snapshot *s)
{
	return (enum phase)s->phase;
}

/* The parts again, pointing into the snapshot: snapshot_new() of them gives an equal one. */
struct snapshot_parts snapshot_parts(const struct snapshot *s);

/* The snapshot of a job that the API no longer knows: what describes it stays, the state is "". */
int snapshot_new_gone(const struct snapshot *last, struct snapshot **ret);

/* Every field the same. */
bool snapshot_equal(const struct snapshot *a, const struct snapshot *b);
