/* Writes JSON straight into a buffer. */
#include "codec/json_out.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "codec/text.h"

#define DIGITS_MAX 20 /* of 64 bits */

struct json_out json_out_begin(struct buf *b)
{
	return (struct json_out){.b = b, .begin = b->len};
}

int json_out_end(struct json_out *out)
{
	if (out->r < 0)
		buf_cut(out->b, out->begin);
	return out->r;
}

static void put(struct json_out *out, const char *bytes, size_t len)
{
	if (out->r == 0)
		out->r = buf_append(out->b, bytes, len);
}

void json_out_open(struct json_out *out, char bracket)
{
	put(out, &bracket, 1);
	out->comma = false;
}

void json_out_close(struct json_out *out, char bracket)
{
	put(out, &bracket, 1);
	out->comma = true;
}

void json_out_item(struct json_out *out)
{
	if (out->comma)
		put(out, ",", 1);
	out->comma = true;
}

/* In one step: there are dozens of keys in a job, and thousands of jobs. */
void json_out_key(struct json_out *out, const char *key)
{
	size_t len = strlen(key), comma = out->comma;
	char *p;

	if (out->r == 0)
		out->r = buf_reserve(out->b, comma + len + strlen("\"\":"));
	if (out->r < 0)
		return;
	p = out->b->data + out->b->len;
	if (comma)
		*p++ = ',';
	*p++ = '"';
	p = mempcpy(p, key, len);
	*p++ = '"';
	*p++ = ':';
	*p = '\0';
	out->b->len = (size_t)(p - out->b->data);
	out->comma = true;
}

/* Means itself in a text, and is ASCII. */
static bool is_plain(char c)
{
	static const bool plain[256] = {[' ' ... '!'] = true,
					['#' ... '['] = true,
					[']' ... 0x7f] = true};

	return plain[(unsigned char)c];
}

static void put_escaped(struct json_out *out, char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char letters[0x80] = {['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
					   ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't'};
	char coded[6] = {'\\', letters[(unsigned char)c]};

	if (coded[1]) {
		put(out, coded, 2);
		return;
	}
	memcpy(coded, "\\u00", 4);
	coded[4] = hex[(unsigned char)c >> 4];
	coded[5] = hex[c & 0xf];
	put(out, coded, sizeof(coded));
}

/* Without quotes. False for what is not UTF-8: some of it has been written by then. */
static bool put_text(struct json_out *out, const char *s, const char *end)
{
	while (s < end) {
		const char *run = s;
		size_t len = 1;

		while (s < end && len > 0)
			if (is_plain(*s))
				s++;
			else if ((unsigned char)*s >= 0x80)
				s += len = text_char_bytes(s, (size_t)(end - s));
			else
				break;
		if (len == 0)
			return false;
		put(out, run, (size_t)(s - run));
		if (s < end)
			put_escaped(out, *s++);
	}
	return true;
}

static void put_clean(struct json_out *out, const char *s)
{
	_cleanup_free_ char *clean = strdup(s);

	if (!clean) {
		out->r = -ENOMEM;
		return;
	}
	text_clean(clean);
	put_text(out, clean, clean + strlen(clean));
}

void json_out_text(struct json_out *out, const char *s)
{
	size_t begin;

	put(out, "\"", 1);
	begin = out->b->len;
	if (!put_text(out, s, s + strlen(s)) && out->r == 0) {
		buf_cut(out->b, begin);
		put_clean(out, s);
	}
	put(out, "\"", 1);
}

void json_out_uint(struct json_out *out, uint64_t v)
{
	char digits[DIGITS_MAX], *p = digits + DIGITS_MAX;

	do
		*--p = (char)('0' + v % 10);
	while (v /= 10);
	put(out, p, (size_t)(digits + DIGITS_MAX - p));
}

void json_out_int(struct json_out *out, int64_t v)
{
	if (v < 0)
		put(out, "-", 1);
	json_out_uint(out, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void json_out_bool(struct json_out *out, bool v)
{
	put(out, v ? "true" : "false", v ? 4 : 5);
}

void json_out_null(struct json_out *out)
{
	put(out, "null", 4);
}

void json_out_time(struct json_out *out, int64_t real_us)
{
	char text[CLOCK_RFC3339_MAX];

	if (real_us == 0) {
		json_out_null(out);
		return;
	}
	clock_format_rfc3339(real_us, text);
	put(out, "\"", 1);
	put(out, text, strlen(text));
	put(out, "\"", 1);
}
