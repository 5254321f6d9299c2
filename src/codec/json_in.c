/* Reads JSON value by value. */
#include "codec/json_in.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec/text.h"

int json_in_init(struct json_in *in, const char *body, size_t len)
{
	/* A decoded text and its NUL are shorter than the text and its quotes, so this holds all. */
	char *texts = malloc(len + 1);

	if (!texts)
		return -ENOMEM;
	*in = (struct json_in){.p = body, .end = body + len, .texts = texts};
	return 0;
}

void json_in_done(struct json_in *in)
{
	free(in->texts);
	*in = (struct json_in){0};
}

void json_in_forget(struct json_in *in)
{
	in->n_texts = 0;
}

/* The next character that is not white space; NUL at the end, where no JSON goes on with one. */
static char peek(struct json_in *in)
{
	/* All of them are at most a blank, which is what hardly any character is. */
	while (in->p < in->end && (unsigned char)*in->p <= ' ' &&
	       (*in->p == ' ' || *in->p == '\n' || *in->p == '\t' || *in->p == '\r'))
		in->p++;
	return in->p < in->end ? *in->p : '\0';
}

static bool take(struct json_in *in, char c)
{
	if (peek(in) != c || in->p == in->end)
		return false;
	in->p++;
	return true;
}

static bool take_word(struct json_in *in, const char *word)
{
	size_t len = strlen(word);

	if (peek(in) != *word || (size_t)(in->end - in->p) < len || memcmp(in->p, word, len) != 0)
		return false;
	in->p += len;
	return true;
}

bool json_in_null(struct json_in *in)
{
	return take_word(in, "null");
}

int json_in_bool(struct json_in *in, bool *ret)
{
	bool is_true = take_word(in, "true");

	if (!is_true && !take_word(in, "false"))
		return -EBADMSG;
	*ret = is_true;
	return 0;
}

static bool is_digit(const struct json_in *in)
{
	return in->p < in->end && *in->p >= '0' && *in->p <= '9';
}

/* The digits of an integer, without zeros before them. */
static int read_digits(struct json_in *in, uint64_t *ret)
{
	const char *begin = in->p;
	uint64_t v = 0;

	for (; is_digit(in); in->p++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*in->p - '0'), &v))
			return -EBADMSG;
	if (in->p == begin || (*begin == '0' && in->p - begin > 1))
		return -EBADMSG;
	if (in->p < in->end && (*in->p == '.' || *in->p == 'e' || *in->p == 'E'))
		return -EBADMSG;
	*ret = v;
	return 0;
}

int json_in_uint(struct json_in *in, uint64_t max, uint64_t *ret)
{
	uint64_t v;

	peek(in);
	if (read_digits(in, &v) < 0 || v > max)
		return -EBADMSG;
	*ret = v;
	return 0;
}

int json_in_int(struct json_in *in, int64_t min, int64_t max, int64_t *ret)
{
	bool negative = take(in, '-');
	uint64_t magnitude;
	int64_t v;

	if (read_digits(in, &magnitude) < 0 || magnitude > (uint64_t)INT64_MAX + negative)
		return -EBADMSG;
	v = negative ? (int64_t)-magnitude : (int64_t)magnitude;
	if (v < min || v > max)
		return -EBADMSG;
	*ret = v;
	return 0;
}

/* The value of four hexadecimal digits, or -EBADMSG. */
static int read_hex(struct json_in *in)
{
	int v = 0;

	if (in->end - in->p < 4)
		return -EBADMSG;
	for (int i = 0; i < 4; i++) {
		char c = *in->p++;

		if (c >= '0' && c <= '9')
			v = v * 16 + c - '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			v = v * 16 + (c | 0x20) - 'a' + 10;
		else
			return -EBADMSG;
	}
	return v;
}

/* Behind \u: one code point, of one or two escapes; 0 and half of a pair are refused. */
static int read_code_point(struct json_in *in)
{
	int high = read_hex(in), low;

	if (high <= 0 || (high >= 0xdc00 && high <= 0xdfff))
		return -EBADMSG;
	if (high < 0xd800 || high > 0xdbff)
		return high;
	if (in->end - in->p < 2 || in->p[0] != '\\' || in->p[1] != 'u')
		return -EBADMSG;
	in->p += 2;
	low = read_hex(in);
	if (low < 0xdc00 || low > 0xdfff)
		return -EBADMSG;
	return 0x10000 + ((high - 0xd800) << 10) + low - 0xdc00;
}

static char *put_code_point(char *out, int c)
{
	if (c < 0x80) {
		*out++ = (char)c;
		return out;
	}
	if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*out++ = (char)(0xe0 | c >> 12);
		} else {
			*out++ = (char)(0xf0 | c >> 18);
			*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		}
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*out++ = (char)(0x80 | (c & 0x3f));
	return out;
}

/* Behind a backslash; NULL: no escape. */
static char *read_escape(struct json_in *in, char *out)
{
	static const char meant[0x80] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
					 ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};
	unsigned char c = in->p < in->end ? (unsigned char)*in->p++ : 0;
	int code_point;

	if (c == 'u') {
		code_point = read_code_point(in);
		return code_point < 0 ? NULL : put_code_point(out, code_point);
	}
	if (c >= sizeof(meant) || !meant[c])
		return NULL;
	*out++ = meant[c];
	return out;
}

/* ASCII that means itself. */
static bool is_plain(char c)
{
	static const bool plain[256] = {[' ' ... '!'] = true,
					['#' ... '['] = true,
					[']' ... 0x7f] = true};

	return plain[(unsigned char)c];
}

/* Behind the characters at `p` that mean themselves; NULL: not UTF-8. */
static const char *skip_run(const char *p, const char *end)
{
	while (p < end) {
		size_t len = 1;

		if (!is_plain(*p)) {
			if ((unsigned char)*p < 0x80)
				break;
			len = text_char_bytes(p, (size_t)(end - p));
			if (len == 0)
				return NULL;
		}
		p += len;
	}
	return p;
}

/* From behind the opening quote to behind the closing one. Returns the place behind; NULL: no text. */
static char *decode(struct json_in *in, char *out)
{
	while (out) {
		const char *run = in->p;

		in->p = skip_run(run, in->end);
		if (!in->p || in->p == in->end)
			return NULL;
		out = mempcpy(out, run, (size_t)(in->p - run));
		if (*in->p == '"') {
			in->p++;
			return out;
		}
		if (*in->p++ != '\\')
			return NULL;
		out = read_escape(in, out);
	}
	return NULL;
}

int json_in_text(struct json_in *in, const char **ret)
{
	char *begin = in->texts + in->n_texts, *end;

	if (!take(in, '"'))
		return -EBADMSG;
	end = decode(in, begin);
	if (!end)
		return -EBADMSG;
	*end++ = '\0';
	in->n_texts = (size_t)(end - in->texts);
	*ret = begin;
	return 0;
}

int json_in_open(struct json_in *in, char bracket)
{
	if (!take(in, bracket) || ++in->depth > JSON_IN_DEPTH_MAX)
		return -EBADMSG;
	in->first = true;
	return 0;
}

int json_in_more(struct json_in *in, char bracket)
{
	bool first = in->first;

	in->first = false;
	if (take(in, bracket)) {
		in->depth--;
		return 0;
	}
	return first || take(in, ',') ? 1 : -EBADMSG;
}

int json_in_key(struct json_in *in, const char **ret)
{
	int r = json_in_text(in, ret);

	if (r < 0)
		return r;
	return take(in, ':') ? 0 : -EBADMSG;
}

/* So many digits as there are; false for none. */
static bool skip_digits(struct json_in *in)
{
	const char *begin = in->p;

	while (is_digit(in))
		in->p++;
	return in->p > begin;
}

static int skip_number(struct json_in *in)
{
	const char *begin;

	take(in, '-');
	begin = in->p;
	if (!skip_digits(in) || (*begin == '0' && in->p - begin > 1))
		return -EBADMSG;
	if (in->p < in->end && *in->p == '.') {
		in->p++;
		if (!skip_digits(in))
			return -EBADMSG;
	}
	if (in->p < in->end && (*in->p | 0x20) == 'e') {
		in->p++;
		if (in->p < in->end && (*in->p == '+' || *in->p == '-'))
			in->p++;
		if (!skip_digits(in))
			return -EBADMSG;
	}
	return 0;
}

/* Calls itself once for each bracket, and there are at most JSON_IN_DEPTH_MAX of them. */
static int skip_all(struct json_in *in, char open, char close)
{
	const char *key;
	int r = json_in_open(in, open);

	while (r == 0 && (r = json_in_more(in, close)) > 0) {
		r = open == '{' ? json_in_key(in, &key) : 0;
		if (r == 0)
			r = json_in_skip(in);
	}
	return r;
}

int json_in_skip(struct json_in *in)
{
	size_t n_texts = in->n_texts;
	const char *text;
	bool b;
	int r;

	switch (peek(in)) {
	case '{':
		r = skip_all(in, '{', '}');
		break;
	case '[':
		r = skip_all(in, '[', ']');
		break;
	case '"':
		r = json_in_text(in, &text);
		break;
	case 'n':
		r = json_in_null(in) ? 0 : -EBADMSG;
		break;
	case 't':
	case 'f':
		r = json_in_bool(in, &b);
		break;
	default:
		r = skip_number(in);
	}
	in->n_texts = n_texts;
	return r;
}

int json_in_end(struct json_in *in)
{
	return peek(in) == '\0' && in->p == in->end ? 0 : -EBADMSG;
}
