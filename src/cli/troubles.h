/* What a table of jobs cannot say: accounts out of sight, failing lists, notifiers that are off. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* One sentence, without control characters. */
typedef void (*troubles_fn)(void *user, const char *sentence);

/* Reads an answer to GET /v1/status. 0, -EBADMSG, -ENOMEM. */
int troubles_read(const char *body, size_t len, int64_t now_us, troubles_fn fn, void *user);
