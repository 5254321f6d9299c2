/*
 * The families of jobs, one row each: everything in which they differ. Adding a kind is adding a row.
 *
 * Source: the vendor's API reference, "Gateway REST API" 4.259.0, and its SDK's generated types.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum kind {
	KIND_SFT,
	KIND_RFT,
	KIND_DPO,
	KIND_FT,    /* the legacy fineTuningJobs */
	KIND_RLOR,  /* trainers of reinforcement learning */
	KIND_BATCH, /* batch inference */
	KIND_EVAL,
	KIND_COUNT_,
};

/* What every job has, but not under the same key. */
enum kind_field {
	KIND_DATASET,
	KIND_BASE_MODEL,   /* batch: the model that answers */
	KIND_OUTPUT_MODEL, /* batch and eval: the dataset that comes out */
	/* None where a kind has only updateTime: that differs on every GET, and is never kept. */
	KIND_END_TIME,
	KIND_EPOCHS,
	KIND_FIELD_COUNT_,
};

/*
 * Where an answer keeps a field: under `key` in the job's object `object`, and where that says
 * nothing, or is NULL, in the job itself. `key` NULL: nowhere.
 */
struct kind_place {
	const char *object, *key;
};

struct kind_info {
	const char *name;       /* short form, as in "sft/abc" */
	const char *collection; /* path segment, and name of the array in a list's answer */
	struct kind_place places[KIND_FIELD_COUNT_];
	bool has_progress; /* the kind's message has jobProgress */
	bool makes_model;  /* what comes out is a model, which can be asked for */
};

extern const struct kind_info kind_infos[KIND_COUNT_];

static inline const struct kind_info *kind_info(enum kind kind)
{
	return &kind_infos[kind];
}

/* 0 or -ENOENT. */
int kind_from_name(const char *name, enum kind *ret);

/* Whether the jobs of the kind called `name` train epochs; a kind of a newer version may. */
bool kind_has_epochs(const char *name);

/* `len` bytes of collection name. 0 or -ENOENT. */
int kind_from_collection(const char *collection, size_t len, enum kind *ret);
