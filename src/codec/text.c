/* Texts from elsewhere: strict UTF-8, and fit to be shown. */
#include "codec/text.h"

#include <string.h>

static bool between(char c, unsigned char low, unsigned char high)
{
	return (unsigned char)c >= low && (unsigned char)c <= high;
}

size_t text_char_bytes(const char *s, size_t n)
{
	/* By first byte: how long, and what may stand second; later bytes are 80 to BF. */
	static const struct {
		unsigned char first_low, first_high, len, second_low, second_high;
	} rows[] = {
		{0x00, 0x7f, 1, 0, 0},       {0xc2, 0xdf, 2, 0x80, 0xbf},
		{0xe0, 0xe0, 3, 0xa0, 0xbf}, {0xe1, 0xec, 3, 0x80, 0xbf},
		{0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf},
		{0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf},
		{0xf4, 0xf4, 4, 0x80, 0x8f},
	};

	for (size_t i = 0; n > 0 && i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!between(s[0], rows[i].first_low, rows[i].first_high))
			continue;
		if (n < rows[i].len)
			return 0;
		if (rows[i].len > 1 && !between(s[1], rows[i].second_low, rows[i].second_high))
			return 0;
		for (size_t k = 2; k < rows[i].len; k++)
			if (!between(s[k], 0x80, 0xbf))
				return 0;
		return rows[i].len;
	}
	return 0;
}

bool text_is_utf8(const char *s)
{
	size_t n = strlen(s), len;

	for (; n > 0; s += len, n -= len) {
		len = text_char_bytes(s, n);
		if (len == 0)
			return false;
	}
	return true;
}

/* Looks at the NUL at the end at most, for each byte is compared before the next one is read. */
static bool is_control(const char *s)
{
	if (between(*s, 0x01, 0x1f) || *s == 0x7f)
		return true;
	if (between(*s, 0xc2, 0xc2)) /* U+0080 to U+009F */
		return between(s[1], 0x80, 0x9f);
	return between(*s, 0xe2, 0xe2) && between(s[1], 0x80, 0x80) && between(s[2], 0xa8, 0xa9);
}

bool text_has_control(const char *s)
{
	for (; *s; s++)
		if (is_control(s))
			return true;
	return false;
}

void text_clean(char *s)
{
	char *out = s;

	for (size_t n = strlen(s); n > 0;) {
		size_t len = text_char_bytes(s, n);

		if (len == 0) {
			*out++ = '?';
			len = 1;
		} else if (is_control(s)) {
			*out++ = ' ';
		} else {
			memmove(out, s, len);
			out += len;
		}
		s += len;
		n -= len;
	}
	*out = '\0';
}
