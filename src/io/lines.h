/*
 * Cuts a stream of bytes into lines, with a limit on each line and on the whole.
 *
 * Pure: no reading, no loop. A line that is too long is cut into pieces, where it is UTF-8 between
 * characters; what is over the total, or comes after `lines_max` lines and pieces, is counted and
 * dropped.
 */
#pragma once

#include <stddef.h>

#define LINES_PIECE_MIN 4 /* the smallest line_max: one character of UTF-8 */

/* A line without its newline. `dropped` > 0 once, last, with len 0: bytes over the total. */
typedef void (*lines_fn)(void *user, const char *line, size_t len, size_t dropped);

struct lines {
	char *line; /* borrowed: room for line_max bytes */
	size_t line_max;
	size_t len;        /* bytes of the line so far */
	size_t left;       /* bytes that may still come, newlines included */
	size_t lines_left; /* calls of `fn` that may still be made for them */
	size_t dropped;
	lines_fn fn;
	void *user;
};

/* `line` is the caller's and stays valid; `line_max` is at least LINES_PIECE_MIN, `lines_max` 1. */
void lines_init(struct lines *l, char *line, size_t line_max, size_t lines_max, size_t total_max,
		lines_fn fn, void *user);

void lines_feed(struct lines *l, const char *data, size_t len);

/* The stream has ended: a last line without a newline, then what was dropped. */
void lines_end(struct lines *l);
