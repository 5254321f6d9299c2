/* What json-c's tokener lets through and should not. */
#include "codec/json_lint.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <json-c/json.h>

#include "codec/text.h"

enum byte_class {
	BETWEEN = 1 << 0, /* may stand between strings */
	PLAIN = 1 << 1,   /* means itself inside a string */
};

#define BOTH (BETWEEN | PLAIN)

/* Between strings: white space, punctuation, numbers, and the letters of true, false, null. */
static const uint8_t classes[256] = {
	['\t'] = BETWEEN,      ['\n'] = BETWEEN,      ['\r'] = BETWEEN,      [' '] = BOTH,
	['!'] = PLAIN,         ['#' ... '*'] = PLAIN, ['+' ... '.'] = BOTH,  ['/'] = PLAIN,
	['0' ... ':'] = BOTH,  [';' ... 'D'] = PLAIN, ['E'] = BOTH,          ['F' ... 'Z'] = PLAIN,
	['['] = BOTH,          [']'] = BOTH,          ['^' ... '`'] = PLAIN, ['a'] = BOTH,
	['b' ... 'd'] = PLAIN, ['e' ... 'f'] = BOTH,  ['g' ... 'k'] = PLAIN, ['l'] = BOTH,
	['m'] = PLAIN,         ['n'] = BOTH,          ['o' ... 'q'] = PLAIN, ['r' ... 'u'] = BOTH,
	['v' ... 'z'] = PLAIN, ['{'] = BOTH,          ['|'] = PLAIN,         ['}'] = BOTH,
	['~'] = PLAIN,         [0x7f] = PLAIN,
};

static bool is(char c, enum byte_class class)
{
	return classes[(unsigned char)c] & class;
}

/* From behind the opening quote to behind the closing one; NULL and why. */
static const char *skip_string(const char *p, const char *end, bool *ret_nul, const char **ret_why)
{
	size_t len;

	*ret_nul = false;
	for (;;) {
		while (p < end && is(*p, PLAIN))
			p++;
		if (end - p < 2) { /* not even a quote and a bracket */
			*ret_why = "the document ends early";
			return NULL;
		}
		if (*p == '"')
			return p + 1;
		if (*p == '\\') {
			if (end - p >= 6 && memcmp(p + 1, "u0000", 5) == 0)
				*ret_nul = true;
			p += 2;
			continue;
		}
		len = text_char_bytes(p, (size_t)(end - p));
		if (len < 2) {
			*ret_why = len == 0 ? "not UTF-8" : "a control character in a text";
			return NULL;
		}
		p += len;
	}
}

int json_lint(const char *body, size_t len, size_t *ret_members, const char **ret_why)
{
	const char *p = body, *end = body + len;
	size_t members = 0;
	bool nul = false;

	while (p < end) {
		char c = *p++;

		if (c == '"') {
			p = skip_string(p, end, &nul, ret_why);
			if (!p)
				return -EBADMSG;
		} else if (!is(c, BETWEEN)) {
			*ret_why = "not JSON";
			return -EBADMSG;
		} else if (c == ':') {
			if (nul) {
				*ret_why = "a NUL in a key";
				return -EBADMSG;
			}
			members++;
		}
	}
	*ret_members = members;
	return 0;
}

size_t json_lint_count(struct json_object *tree)
{
	size_t n = 0;

	if (json_object_is_type(tree, json_type_object)) {
		struct lh_entry *entry;

		lh_foreach(json_object_get_object(tree), entry) n +=
			1 + json_lint_count(lh_entry_v(entry));
	} else if (json_object_is_type(tree, json_type_array)) {
		for (size_t i = 0, len = json_object_array_length(tree); i < len; i++)
			n += json_lint_count(json_object_array_get_idx(tree, i));
	}
	return n;
}
