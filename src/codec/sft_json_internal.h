/* What checking, writing and comparing a job share. */
#pragma once

#include <stdbool.h>

#include "codec/json_doc.h"
#include "codec/sft_fields.h"

struct sft_job {
	struct json_doc *doc; /* owned; its root is an object that passed the check */
};

/* The value is none (sft_json.h); `field` is NULL for an unknown one. */
bool sft_is_none(const struct json_node *v, const struct sft_field *field);

/* The number's text has neither fraction nor exponent. */
bool sft_is_integer(const struct json_node *v);
