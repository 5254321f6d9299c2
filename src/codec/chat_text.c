/* Texts of others in chat messages. */
#include "codec/chat_message.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "codec/text.h"

#define ELLIPSIS         "\xe2\x80\xa6"
#define ZERO_WIDTH_SPACE "\xe2\x80\x8b"
#define UTF8_MAX         4 /* bytes of a character */

/* The characters that only say in which direction text runs, as UTF-8: they can make "exe.txt" of
 * "txt.exe". */
static bool is_direction(const char *s, size_t len)
{
	static const struct {
		const char *low, *high;
	} ranges[] = {
		{"\xd8\x9c", "\xd8\x9c"},         /* U+061C */
		{"\xe2\x80\x8e", "\xe2\x80\x8f"}, /* U+200E, U+200F */
		{"\xe2\x80\xaa", "\xe2\x80\xae"}, /* U+202A to U+202E */
		{"\xe2\x81\xa6", "\xe2\x81\xa9"}, /* U+2066 to U+2069 */
	};

	for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
		if (strlen(ranges[i].low) == len && memcmp(s, ranges[i].low, len) >= 0 &&
		    memcmp(s, ranges[i].high, len) <= 0)
			return true;
	return false;
}

/* In place. Before anything is decided by two neighbours, for they may be apart by such a mark. */
static void drop_directions(char *s)
{
	char *out = s;

	for (size_t len; *s; s += len) {
		len = text_char_bytes(s, strnlen(s, UTF8_MAX));
		if (is_direction(s, len))
			continue;
		memmove(out, s, len);
		out += len;
	}
	*out = '\0';
}

/* A letter of any script, as far as names of hosts and people go. */
static bool begins_word(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

/* Whether a client might make a link or a mention of what `s` begins. */
static bool must_break(const char *s)
{
	switch (*s) {
	case ':':
		return s[1] == '/' && s[2] == '/';
	case '.': /* a number like 0.1 stays as it is */
		return begins_word(s[1]) && !isdigit((unsigned char)s[1]);
	case '@':
		return begins_word(s[1]);
	case '{':
		return s[1] == '{';
	default:
		return false;
	}
}

static const char *entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	default:
		return NULL;
	}
}

/* The character that `s` begins, as it is sent; never split when a text is cut. */
static int put_char(const char *s, size_t len, enum chat_escape escape, struct buf *unit)
{
	const char *replacement = escape == CHAT_ENTITIES ? entity(*s) : NULL;
	int r = 0;

	buf_clear(unit);
	if (escape == CHAT_BACKSLASH && ispunct((unsigned char)*s))
		r = buf_puts(unit, "\\");
	if (r == 0)
		r = replacement ? buf_puts(unit, replacement) : buf_append(unit, s, len);
	if (r == 0 && escape != CHAT_VERBATIM && must_break(s))
		r = buf_puts(unit, ZERO_WIDTH_SPACE);
	return r;
}

int chat_text(const char *s, size_t max, enum chat_escape escape, struct buf *b)
{
	_cleanup_free_ char *clean = strdup(s);
	_cleanup_buf_ struct buf unit = BUF_INIT(16), out = BUF_INIT(max);
	size_t cut = 0, len;

	if (!clean)
		return -ENOMEM;
	text_clean(clean);
	drop_directions(clean);
	for (const char *c = clean; *c; c += len) {
		int r;

		len = text_char_bytes(c, strnlen(c, UTF8_MAX));
		r = put_char(c, len, escape, &unit);
		if (r == 0)
			r = buf_append(&out, unit.data, unit.len);
		if (r == -EMSGSIZE) {
			r = buf_append(b, buf_str(&out), cut);
			return r < 0 ? r : buf_puts(b, ELLIPSIS);
		}
		if (r < 0)
			return r;
		if (out.len + strlen(ELLIPSIS) <= max)
			cut = out.len;
	}
	return buf_append(b, buf_str(&out), out.len);
}
