/*
 * The fields of a supervised fine-tuning job as the API has them (gatewaySupervisedFineTuningJob in
 * its OpenAPI document, version 4.259.0, and `region` of the create endpoint's page): one table for
 * what is checked, sent and compared.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum sft_type {
	SFT_TEXT,
	SFT_ENUM, /* a name; one that ends in _UNSPECIFIED is none */
	SFT_BOOL,
	SFT_INT32,
	SFT_FLOAT, /* 32 bits */
	SFT_OBJECT,
	SFT_ANY,
};

enum sft_role {
	SFT_INPUT,
	SFT_DEPRECATED, /* taken, and ignored by the present API */
	SFT_OUTPUT,     /* only the API sets it: never sent, never compared */
	SFT_SECRET,     /* has no place in the file: never sent from it, compared or shown */
};

enum sft_compare {
	SFT_EXACT,
	SFT_MODEL,    /* accounts/A/models/X is also X, A the job's account or the platform's */
	SFT_DATASET,  /* the same with datasets */
	SFT_IF_SHOWN, /* only where the answer has it: not every version of the API does */
};

struct sft_field {
	const char *name;
	enum sft_type type;
	enum sft_role role;
	enum sft_compare compare;
	bool hidden; /* values are not shown, and not kept */
	const struct sft_fields *members;
};

struct sft_fields {
	const struct sft_field *fields;
	size_t n;
};

/* The job's own; those of objects hang on them. */
extern const struct sft_fields sft_fields;

/* NULL: none has this name; `fields` may be NULL. */
const struct sft_field *sft_fields_find(const struct sft_fields *fields, const char *name);

/* The name that is most like `name`, or NULL. */
const char *sft_fields_nearest(const struct sft_fields *fields, const char *name);
