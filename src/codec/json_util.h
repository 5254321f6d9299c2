/*
 * json-c, handled with care: documents that are read strictly, getters that check the type before
 * they get, setters that notice when memory is out.
 *
 * Absent, null, "" and 0 are one value in the API: "none". Getters take NULL, as json-c has it for
 * absent and for null.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/macro.h"

#define JSON_DEPTH_MAX 32

DEFINE_CLEANUP(struct json_object *, json_object_put);
#define _cleanup_json_ _cleanup_(json_object_putp)
DEFINE_CLEANUP(struct json_tokener *, json_tokener_free);
#define _cleanup_tokener_ _cleanup_(json_tokener_freep)

/* NULL: out of memory. Free with json_tokener_free(). */
struct json_tokener *json_util_tokener(void);

/*
 * Reads a document: exactly one JSON object, and nothing that the tokener would let pass (see
 * json_lint.h). 0, -ENOMEM, or -EBADMSG and a sentence that quotes none of it.
 */
int json_util_parse(struct json_tokener *tok, const char *body, size_t len,
		    struct json_object **ret, struct error *ret_e);

/* The member's value; NULL where it is absent or null. */
struct json_object *json_util_member(struct json_object *object, const char *key);

bool json_util_is_none(struct json_object *v);

/*
 * 0, or -EBADMSG for a value of another type. None is "", 0, or NULL for objects and arrays. Views
 * into `v`.
 */
int json_util_text(struct json_object *v, const char **ret);       /* -EBADMSG: it holds a NUL */
int json_util_identifier(struct json_object *v, const char **ret); /* nor a control character */
int json_util_object(struct json_object *v, struct json_object **ret);
int json_util_array(struct json_object *v, struct json_object **ret);

/* An integer, or the decimal text of one, as the API writes an int64; clamped. */
int json_util_int32(struct json_object *v, int32_t *ret);

/* A number from 0 to `max`, which must be there. */
int json_util_uint(struct json_object *v, uint64_t max, uint64_t *ret);

/* An RFC 3339 time as us of CLOCK_REALTIME; 0 for none. */
int json_util_time(struct json_object *v, int64_t *ret_us);

/*
 * Each adds a member at the end, under a constant key that is not there yet. They fail only when
 * memory is out, so they answer with a bool, and a whole object reads as one conjunction.
 */
bool json_util_add(struct json_object *object, const char *key, struct json_object *v); /* owns v */
bool json_util_add_null(struct json_object *object, const char *key);
bool json_util_add_text(struct json_object *object, const char *key, const char *s);
bool json_util_add_uint(struct json_object *object, const char *key, uint64_t v);
bool json_util_add_int(struct json_object *object, const char *key, int64_t v);
bool json_util_add_bool(struct json_object *object, const char *key, bool v);
bool json_util_add_text_or_null(struct json_object *object, const char *key,
				const char *s); /* null for "" */
bool json_util_add_time(struct json_object *object, const char *key,
			int64_t real_us); /* RFC 3339; null for 0 */

/* Appends to an array. */
bool json_util_append(struct json_object *array, struct json_object *v); /* owns v */
bool json_util_append_text(struct json_object *array, const char *s);

/* Adds a new, empty object and gives a view of it; NULL when memory is out. */
struct json_object *json_util_add_object(struct json_object *object, const char *key);
struct json_object *json_util_add_array(struct json_object *object, const char *key);
struct json_object *json_util_append_object(struct json_object *array);

/*
 * Appends `before` and the tree, which was built if `ok`, in one step: all of it or nothing. 0,
 * -ENOMEM, -EMSGSIZE.
 */
int json_util_write(struct json_object *tree, bool ok, const char *before, struct buf *b);
