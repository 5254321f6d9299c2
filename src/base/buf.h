/*
 * A growing byte buffer with a maximum that is set before the first byte arrives.
 *
 * The bytes are always followed by a NUL that does not count, so a buffer of text is a C string.
 * Appending past the maximum fails with -EMSGSIZE and changes nothing.
 */
#pragma once

#include <stddef.h>

#include "base/macro.h"

struct buf {
	char *data; /* owned; NULL while nothing was appended */
	size_t len; /* bytes in use */
	size_t cap; /* bytes allocated */
	size_t max; /* `len` never exceeds it */
};

#define BUF_INIT(max_bytes) ((struct buf){NULL, 0, 0, (max_bytes)})

void buf_done(struct buf *b);
#define _cleanup_buf_ _cleanup_(buf_done)

/* Forgets the bytes, keeps the allocation. */
void buf_clear(struct buf *b);

/* Forgets all but the first `len` bytes, of which there are so many at least. */
void buf_cut(struct buf *b, size_t len);

/*
 * Makes room for `more` bytes behind the last one, and for the NUL. 0, -EMSGSIZE, -ENOMEM. For
 * whoever writes them in place: the bytes, the NUL and `len` are then the caller's to set.
 */
int buf_reserve(struct buf *b, size_t more);

/* 0, -EMSGSIZE, -ENOMEM */
int buf_append(struct buf *b, const void *data, size_t len);
int buf_puts(struct buf *b, const char *s);
int buf_printf(struct buf *b, const char *fmt, ...) _printf_(2, 3);

/* The bytes as a C string; "" for an empty buffer. Valid until the next append. */
const char *buf_str(const struct buf *b);

/*
 * The bytes become the caller's (free); the buffer is empty again. NULL where it has no allocation:
 * nothing was appended since it was made or taken from.
 */
char *buf_take(struct buf *b);
