/*
 * Server-sent events, read as the HTML standard says (9.2.6): lines that end with CR, LF or CRLF,
 * comments, the fields event, data, id and retry. Pure; the bytes may be cut anywhere.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define SSE_ID_MAX   64
#define SSE_TYPE_MAX 64

struct sse_event {
	const char *id; /* of the last event that had one, this one's or an earlier; "" for none */
	const char *type; /* "message" where none was given */
	const char *data; /* NULL: a block that only set the id */
	size_t len;       /* bytes of data */
};

/* A negative value ends the reading. */
typedef int (*sse_fn)(void *user, const struct sse_event *e);

struct sse {
	struct buf line, data;
	char id[SSE_ID_MAX], type[SSE_TYPE_MAX];
	uint64_t retry_ms; /* what the server wants; 0: it said nothing */
	bool has_data, has_id, after_cr, begun;
};

/* `max_bytes` of one line, and of one event's data. */
void sse_init(struct sse *s, size_t max_bytes);
void sse_done(struct sse *s);

/*
 * Calls `fn` for each block that is complete. What the stream ends within is no event. 0, -EMSGSIZE
 * for a line or an event that is too long, -ENOMEM, or fn's first negative value.
 */
int sse_feed(struct sse *s, const char *bytes, size_t n, sse_fn fn, void *user);
