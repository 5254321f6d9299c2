/* Random snapshots, small enough in range that two of them often agree in a field. */
#pragma once

#include <criterion/criterion.h>

#include "model/snapshot.h"
#include "support/rand.h"

static inline struct snapshot *snapshot_of(const struct snapshot_parts *parts)
{
	struct snapshot *s = NULL;

	cr_assert_eq(snapshot_new(parts, &s), 0);
	return s;
}

static inline struct snapshot_parts random_parts(struct rnd *r)
{
	static const char *const states[] = {
		NULL,
		"JOB_STATE_RUNNING",
		"JOB_STATE_ROLLOUT",
		"RUNNING",
		"JOB_STATE_COMPLETED",
		"DELETED",
		"JOB_STATE_FAILED",
		"JOB_STATE_STRANGE",
	};
	static const char *const texts[] = {NULL, "", "a", "b", "€"};
	struct snapshot_parts parts = {.gone = rnd_below(r, 8) == 0,
				       .progress.given = rnd_below(r, 2),
				       .epochs = (uint16_t)rnd_below(r, 3)};

	for (int i = 0; i < TEXT_COUNT_; i++)
		parts.text[i] = texts[rnd_below(r, ARRAY_LEN(texts))];
	parts.text[TEXT_STATE] = states[rnd_below(r, ARRAY_LEN(states))];
	for (int i = 0; i < PROGRESS_COUNT_; i++)
		parts.progress.values[i] = rnd_below(r, 4) ? 0 : (int32_t)rnd_next(r);
	return parts;
}
