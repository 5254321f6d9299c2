/* Holds codec/json_in, as it reads the documents of jobs, against json-c. */
#pragma once

#include <stddef.h>

/*
 * Reads the bytes with both. Where our reader takes them, json-c must, and see the same values; where
 * json-c takes them, our reader must take what json-c prints of them as JSON. NULL when all of that
 * holds, else what does not.
 */
const char *jobs_check(const char *body, size_t len);
