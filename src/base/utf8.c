/* Cutting UTF-8 text. */
#include "base/utf8.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Bytes of the character that begins with `c`; 1 for what begins none. */
static size_t char_bytes(char c)
{
	unsigned char lead = (unsigned char)c;

	return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
}

size_t utf8_whole(const char *s, size_t len)
{
	size_t at = len;

	while (at > 0 && len - at < 3 && is_continuation(s[at - 1]))
		at--;
	if (at > 0 && char_bytes(s[at - 1]) > len - at + 1)
		return at - 1;
	return len;
}

size_t utf8_cut(const char *s, size_t max)
{
	size_t len = strnlen(s, max);

	return s[len] && len == max ? utf8_whole(s, len) : len;
}

int utf8_vsnprintf(char *ret, size_t size, const char *fmt, va_list ap)
{
	int n = vsnprintf(ret, size, fmt, ap);

	if (n < 0)
		ret[0] = '\0';
	else if ((size_t)n >= size)
		ret[utf8_whole(ret, size - 1)] = '\0';
	return n;
}

int utf8_snprintf(char *ret, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = utf8_vsnprintf(ret, size, fmt, ap);
	va_end(ap);
	return n;
}
