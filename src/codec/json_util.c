/* json-c, handled with care. */
#include "codec/json_util.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "codec/json_lint.h"
#include "codec/text.h"

struct json_tokener *json_util_tokener(void)
{
	struct json_tokener *tok = json_tokener_new_ex(JSON_DEPTH_MAX);

	/* Not JSON_TOKENER_VALIDATE_UTF8: json_lint() is stricter, and that flag costs a seventh. */
	if (tok)
		json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	return tok;
}

static const char *tokener_error(enum json_tokener_error e)
{
	if (e == json_tokener_continue || e == json_tokener_error_parse_eof)
		return "the document ends early";
	return json_tokener_error_desc(e);
}

int json_util_parse(struct json_tokener *tok, const char *body, size_t len,
		    struct json_object **ret, struct error *ret_e)
{
	_cleanup_json_ struct json_object *tree = NULL;
	enum json_tokener_error e;
	size_t members;
	const char *why;

	if (len > INT_MAX)
		return error_set(ret_e, -EBADMSG, "the document is too long");
	if (json_lint(body, len, &members, &why) < 0)
		return error_set(ret_e, -EBADMSG, "%s", why);
	json_tokener_reset(tok);
	tree = json_tokener_parse_ex(tok, body, (int)len);
	/* Not by the pointer: NULL is also the document `null`. */
	e = json_tokener_get_error(tok);
#if JSON_C_VERSION_NUM >= (17 << 8)
	if (e == json_tokener_error_memory)
		return -ENOMEM;
#endif
	if (e != json_tokener_success)
		return error_set(ret_e, -EBADMSG, "%s", tokener_error(e));
	if (!json_object_is_type(tree, json_type_object))
		return error_set(ret_e, -EBADMSG, "not a JSON object");
	if (json_lint_count(tree) != members)
		return error_set(ret_e, -EBADMSG, "the same key twice in one object");
	*ret = TAKE_PTR(tree);
	return 0;
}

struct json_object *json_util_member(struct json_object *object, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(object, key, &v) ? v : NULL;
}

bool json_util_is_none(struct json_object *v)
{
	if (!v)
		return true;
	if (json_object_is_type(v, json_type_string))
		return json_object_get_string_len(v) == 0;
	return json_object_is_type(v, json_type_int) && json_object_get_int64(v) == 0;
}

int json_util_text(struct json_object *v, const char **ret)
{
	const char *s;

	if (json_util_is_none(v)) {
		*ret = "";
		return 0;
	}
	if (!json_object_is_type(v, json_type_string))
		return -EBADMSG;
	s = json_object_get_string(v);
	if (strlen(s) != (size_t)json_object_get_string_len(v))
		return -EBADMSG;
	*ret = s;
	return 0;
}

int json_util_identifier(struct json_object *v, const char **ret)
{
	const char *s;
	int r = json_util_text(v, &s);

	if (r < 0)
		return r;
	if (text_has_control(s))
		return -EBADMSG;
	*ret = s;
	return 0;
}

static int container(struct json_object *v, enum json_type type, struct json_object **ret)
{
	if (json_util_is_none(v)) {
		*ret = NULL;
		return 0;
	}
	if (!json_object_is_type(v, type))
		return -EBADMSG;
	*ret = v;
	return 0;
}

int json_util_object(struct json_object *v, struct json_object **ret)
{
	return container(v, json_type_object, ret);
}

int json_util_array(struct json_object *v, struct json_object **ret)
{
	return container(v, json_type_array, ret);
}

int json_util_int32(struct json_object *v, int32_t *ret)
{
	int64_t n;

	if (json_util_is_none(v)) {
		n = 0;
	} else if (json_object_is_type(v, json_type_int)) {
		n = json_object_get_int64(v); /* json-c clamps to 64 bits */
	} else if (json_object_is_type(v, json_type_string)) {
		const char *s = json_object_get_string(v), *digits = s + (*s == '-');
		size_t len = strspn(digits, "0123456789");

		if (len == 0 || digits + len != s + json_object_get_string_len(v))
			return -EBADMSG;
		n = strtoll(s, NULL, 10); /* clamps too */
	} else {
		return -EBADMSG;
	}
	*ret = n > INT32_MAX ? INT32_MAX : n < INT32_MIN ? INT32_MIN : (int32_t)n;
	return 0;
}

int json_util_uint(struct json_object *v, uint64_t max, uint64_t *ret)
{
	if (!json_object_is_type(v, json_type_int) || json_object_get_int64(v) < 0 ||
	    json_object_get_uint64(v) > max)
		return -EBADMSG;
	*ret = json_object_get_uint64(v);
	return 0;
}

int json_util_time(struct json_object *v, int64_t *ret_us)
{
	const char *text;
	int r = json_util_text(v, &text);

	if (r < 0)
		return r;
	if (!*text) {
		*ret_us = 0;
		return 0;
	}
	return clock_parse_rfc3339(text, ret_us) < 0 ? -EBADMSG : 0;
}

/* Keys are ours, unique and constant: json-c need neither look for them nor copy them. */
static bool add(struct json_object *object, const char *key, struct json_object *v)
{
	const unsigned opts = JSON_C_OBJECT_ADD_KEY_IS_NEW | JSON_C_OBJECT_ADD_CONSTANT_KEY;

	return json_object_object_add_ex(object, key, v, opts) == 0;
}

bool json_util_add(struct json_object *object, const char *key, struct json_object *v)
{
	if (v && add(object, key, v))
		return true;
	json_object_put(v);
	return false;
}

bool json_util_add_null(struct json_object *object, const char *key)
{
	return add(object, key, NULL);
}

/* NULL: out of memory. What is not UTF-8 is cleaned. */
static struct json_object *new_text(const char *s)
{
	_cleanup_free_ char *clean = NULL;

	if (!text_is_utf8(s)) {
		clean = strdup(s);
		if (!clean)
			return NULL;
		text_clean(clean);
		s = clean;
	}
	return json_object_new_string(s);
}

bool json_util_add_text(struct json_object *object, const char *key, const char *s)
{
	return json_util_add(object, key, new_text(s));
}

bool json_util_append(struct json_object *array, struct json_object *v)
{
	if (v && json_object_array_add(array, v) == 0)
		return true;
	json_object_put(v);
	return false;
}

bool json_util_append_text(struct json_object *array, const char *s)
{
	return json_util_append(array, new_text(s));
}

bool json_util_add_uint(struct json_object *object, const char *key, uint64_t v)
{
	return json_util_add(object, key, json_object_new_uint64(v));
}

bool json_util_add_int(struct json_object *object, const char *key, int64_t v)
{
	return json_util_add(object, key, json_object_new_int64(v));
}

struct json_object *json_util_add_object(struct json_object *object, const char *key)
{
	struct json_object *v = json_object_new_object();

	return json_util_add(object, key, v) ? v : NULL;
}

bool json_util_add_bool(struct json_object *object, const char *key, bool v)
{
	return json_util_add(object, key, json_object_new_boolean(v));
}

bool json_util_add_text_or_null(struct json_object *object, const char *key, const char *s)
{
	return *s ? json_util_add_text(object, key, s) : json_util_add_null(object, key);
}

bool json_util_add_time(struct json_object *object, const char *key, int64_t real_us)
{
	char text[CLOCK_RFC3339_MAX];

	if (real_us == 0)
		return json_util_add_null(object, key);
	clock_format_rfc3339(real_us, text);
	return json_util_add_text(object, key, text);
}

struct json_object *json_util_add_array(struct json_object *object, const char *key)
{
	struct json_object *v = json_object_new_array();

	return json_util_add(object, key, v) ? v : NULL;
}

struct json_object *json_util_append_object(struct json_object *array)
{
	struct json_object *v = json_object_new_object();

	return json_util_append(array, v) ? v : NULL;
}

int json_util_write(struct json_object *tree, bool ok, const char *before, struct buf *b)
{
	const char *text = NULL;

	if (ok)
		text = json_object_to_json_string_ext(tree, JSON_C_TO_STRING_PLAIN |
								    JSON_C_TO_STRING_NOSLASHESCAPE);
	return text ? buf_printf(b, "%s%s", before, text) : -ENOMEM;
}
