/* Cuts a stream of bytes into lines. */
#include "io/lines.h"

#include <string.h>

#include "base/macro.h"

void lines_init(struct lines *l, char *line, size_t line_max, size_t total_max, lines_fn fn,
		void *user)
{
	*l = (struct lines){
		.line = line, .line_max = line_max, .left = total_max, .fn = fn, .user = user};
}

/* How many bytes at the end are the beginning of a character that goes on after them. */
static size_t unfinished_character(const char *s, size_t len)
{
	for (size_t i = 1; i < LINES_PIECE_MIN && i <= len; i++) {
		unsigned char c = (unsigned char)s[len - i];
		size_t need = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;

		if ((c & 0xc0) != 0x80)
			return need > i ? i : 0;
	}
	return 0;
}

/* The line is full and more of it comes. */
static void give_piece(struct lines *l)
{
	size_t keep = unfinished_character(l->line, l->len);

	l->fn(l->user, l->line, l->len - keep, 0);
	memmove(l->line, l->line + l->len - keep, keep);
	l->len = keep;
}

static void add(struct lines *l, const char *data, size_t len)
{
	while (len > 0) {
		size_t n;

		if (l->len == l->line_max)
			give_piece(l);
		n = MIN(len, l->line_max - l->len);
		memcpy(l->line + l->len, data, n);
		l->len += n;
		data += n;
		len -= n;
	}
}

static void give_line(struct lines *l)
{
	l->fn(l->user, l->line, l->len, 0);
	l->len = 0;
}

void lines_feed(struct lines *l, const char *data, size_t len)
{
	size_t take = MIN(len, l->left);

	l->left -= take;
	l->dropped += len - take;
	while (take > 0) {
		const char *newline = memchr(data, '\n', take);
		size_t n = newline ? (size_t)(newline - data) : take;

		add(l, data, n);
		if (newline) {
			give_line(l);
			n++;
		}
		data += n;
		take -= n;
	}
}

void lines_end(struct lines *l)
{
	if (l->len > 0)
		give_line(l);
	if (l->dropped > 0)
		l->fn(l->user, "", 0, l->dropped);
	l->dropped = 0;
}
