/*
 * Reads JSON value by value, where json-c builds a tree first.
 *
 * It stands beside json-c for a measured reason: `tunewatch status` is to answer for 10,000 jobs in
 * 100 ms, and json-c alone took 55 of them for the members that the table needs; this takes 14.
 * So it serves the one document that is that large; whatever comes from the network of the API stays
 * with json-c. It is stricter: RFC 8259 to the letter, UTF-8, no lone surrogates, no NUL in a text,
 * integers only where integers are asked for.
 *
 * Who reads says what must come next. Every call returns 0 or more, or -EBADMSG when that is not what
 * comes; after that nothing more can be read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_IN_DEPTH_MAX 32 /* objects and arrays inside each other */

struct json_in {
	const char *p, *end; /* what is still to be read */
	char *texts;         /* owned; decoded texts, a NUL behind each */
	size_t n_texts;      /* bytes in use */
	int depth;
	bool first; /* nothing has been read of the object or array yet */
};

/* Reads `body`, which is borrowed. 0, -ENOMEM. */
int json_in_init(struct json_in *in, const char *body, size_t len);
void json_in_done(struct json_in *in); /* also of a zeroed one */

/* Whether the next value is null; it is read then. */
bool json_in_null(struct json_in *in);

int json_in_bool(struct json_in *in, bool *ret);
int json_in_int(struct json_in *in, int64_t min, int64_t max, int64_t *ret);
int json_in_uint(struct json_in *in, uint64_t max, uint64_t *ret);

/* Texts stay until json_in_forget() or json_in_done(). */
int json_in_text(struct json_in *in, const char **ret);
void json_in_forget(struct json_in *in);

/* The beginning of an object or an array: '{' or '['. */
int json_in_open(struct json_in *in, char bracket);

/* 1: another member or value follows; 0: `bracket` was read, '}' or ']'. */
int json_in_more(struct json_in *in, char bracket);

/* A member's name; stays like a text. Its value is to be read next. */
int json_in_key(struct json_in *in, const char **ret);

/* Any value, of which nothing is kept. */
int json_in_skip(struct json_in *in);

/* Nothing but white space is left. */
int json_in_end(struct json_in *in);
