/*
 * Writes JSON straight into a buffer, where json-c builds a tree first.
 *
 * It stands beside json-c for a measured reason: as a tree, a job's document costs 24 us, and 10,000
 * of them stop the daemon's loop for a quarter of a second; written in place it costs a tenth. So it
 * serves the one document that there are thousands of; the others stay with json-c. The bytes are
 * those that json-c prints (plain, no escaped slashes), and tests hold them against it.
 *
 * Errors stick: the calls return nothing, the first failure ends all writing, and json_out_end() tells
 * of it. Keys are ours and go out as they are.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct json_out {
	struct buf *b;
	size_t begin; /* bytes that were there before */
	bool comma;   /* the next key or value of an array is not the first */
	int r;
};

/* What is written is appended to `b`. */
struct json_out json_out_begin(struct buf *b);

/* 0; -EMSGSIZE or -ENOMEM, and then the buffer is as it was at the beginning. */
int json_out_end(struct json_out *out);

/* '{' or '[', and their ends. Calls that fit together are the caller's affair. */
void json_out_open(struct json_out *out, char bracket);
void json_out_close(struct json_out *out, char bracket);

/* The key of the value that comes next. */
void json_out_key(struct json_out *out, const char *key);

/* Before each value of an array. */
void json_out_item(struct json_out *out);

/* What is not UTF-8 is cleaned (see codec/text.h), as json_util_add_text() does it. */
void json_out_text(struct json_out *out, const char *s);
void json_out_int(struct json_out *out, int64_t v);
void json_out_uint(struct json_out *out, uint64_t v);
void json_out_bool(struct json_out *out, bool v);
void json_out_null(struct json_out *out);
void json_out_time(struct json_out *out, int64_t real_us); /* RFC 3339; null for 0 */
