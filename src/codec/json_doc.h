/*
 * A JSON document that a person wrote: read strictly (RFC 8259, and no NUL in a text), with the
 * line of each value, numbers as written, members in their order, repeated ones included.
 *
 * json-c keeps neither lines nor the way a number was written, and lets much through that is no
 * JSON (json_lint.h), so this is a parser of its own, for documents where a fault has to be shown
 * to the one who made it. What the API answers in masses is read by json_util_parse().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/macro.h"

#define JSON_DOC_MAX_BYTES  (1UL << 20)
#define JSON_DOC_MAX_VALUES 2048 /* looking for each name among all costs milliseconds */
#define JSON_DOC_MAX_DEPTH  32   /* objects and arrays inside each other */

enum json_doc_type {
	JSON_DOC_NULL,
	JSON_DOC_BOOL,
	JSON_DOC_NUMBER,
	JSON_DOC_STRING,
	JSON_DOC_ARRAY,
	JSON_DOC_OBJECT,
};

struct json_node {
	enum json_doc_type type;
	bool truth;                     /* of a bool */
	unsigned line;                  /* from 1; a member's is its key's */
	size_t n;                       /* children */
	const char *key;                /* UTF-8; NULL for what is no member */
	const char *text;               /* a string's UTF-8, a number as written; else "" */
	struct json_node *first, *next; /* first child, next sibling */
};

struct json_doc;

/*
 * Reads one value of any type; with `comments`, // and slash-star comments may stand wherever white
 * space may. 0, -ENOMEM, or -EBADMSG: then `ret_line` and `ret_why` (a phrase without any of the
 * bytes) say where and what.
 */
int json_doc_parse(const char *text, size_t len, bool comments, struct json_doc **ret,
		   unsigned *ret_line, const char **ret_why);
struct json_doc *json_doc_free(struct json_doc *doc); /* takes NULL, returns NULL */
DEFINE_CLEANUP(struct json_doc *, json_doc_free);

const struct json_node *json_doc_root(const struct json_doc *doc);

/* The object's first member of that name; NULL where there is none, or `object` is no object. */
const struct json_node *json_doc_member(const struct json_node *object, const char *key);

/*
 * The object's members by name, those of one name by place: `n` pointers, to be freed. NULL: out of
 * memory.
 */
const struct json_node **json_doc_sorted(const struct json_node *object);

/* Appends the text as a JSON string, quotes included. 0, -ENOMEM, -EMSGSIZE. */
int json_doc_quote(const char *text, struct buf *b);
