/* What an answer that failed says, as one sentence for people. */
#pragma once

#include <stddef.h>

#include "codec/job_json.h"
#include "io/http.h"

/*
 * "HTTP 503 from api.fireworks.ai: try later": at most `max_words` bytes of the server's own words, in
 * which each of the secrets (NULL-terminated; entries may be "") is masked, for a server may echo them.
 * `why` says what is wrong with an answer of status 200.
 */
void refusal_text(struct job_json *parser, const char *endpoint, const char *const *secrets,
		  const struct http_result *res, const char *why, size_t max_words, char *ret,
		  size_t size);
