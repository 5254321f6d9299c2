/*
 * What json-c's tokener lets through, in strict mode too, and should not.
 *
 * json-c 0.16 accepts NaN and Infinity, keys in single quotes, anything after a NUL, raw control
 * characters, overlong and surrogate UTF-8; it cuts a key at an escaped NUL, so that another key can
 * pass for ours; of two members with one name it keeps the last one without a word. This is no
 * second parser: it knows strings from what stands between them, refuses bytes that are never JSON
 * where they stand, and counts members, so that a document from which the tokener dropped one is
 * found out.
 */
#pragma once

#include <stddef.h>

struct json_object;

/*
 * Reads the bytes once. `ret_members` gets the number of members of all objects together, as
 * written. 0, or -EBADMSG and, in `ret_why`, a phrase without any of the bytes.
 */
int json_lint(const char *body, size_t len, size_t *ret_members, const char **ret_why);

/* The number of members of all objects in the tree: less than written when names were repeated. */
size_t json_lint_count(struct json_object *tree);
