/*
 * The families of fine-tuning jobs, one row each. Adding a kind is adding a row.
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
	KIND_FT, /* the legacy fineTuningJobs */
	KIND_COUNT_,
};

struct kind_info {
	const char *name;       /* short form, as in "sft/abc" */
	const char *collection; /* path segment, and name of the array in a list's answer */
	/* Where the answer keeps the output model: a key of the job, or of the object `config`. */
	const char *output_model;
	const char *config; /* "trainingConfig" for kinds that keep the models there, else NULL */
	bool has_progress, has_completed_time; /* the kind's message has these fields */
};

extern const struct kind_info kind_infos[KIND_COUNT_];

static inline const struct kind_info *kind_info(enum kind kind)
{
	return &kind_infos[kind];
}

/* 0 or -ENOENT. */
int kind_from_name(const char *name, enum kind *ret);

/* `len` bytes of collection name. 0 or -ENOENT. */
int kind_from_collection(const char *collection, size_t len, enum kind *ret);
