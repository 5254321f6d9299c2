/* The description of the control socket's calls, OpenAPI 3.1: openapi.json, with the version. */
#pragma once

#include <stddef.h>

extern const char openapi_json[];
extern const size_t openapi_json_len; /* bytes, without the NUL */
