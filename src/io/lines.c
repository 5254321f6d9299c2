/* Cuts a stream of bytes into lines. */
#include "io/lines.h"

#include <string.h>

#include "base/macro.h"
#include "base/utf8.h"

void lines_init(struct lines *l, char *line, size_t line_max, size_t total_max, lines_fn fn,
		void *user)
{
	*l = (struct lines){
		.line = line, .line_max = line_max, .left = total_max, .fn = fn, .user = user};
}

/* The line is full and more of it comes. */
static void give_piece(struct lines *l)
{
	size_t whole = utf8_whole(l->line, l->len);

	l->fn(l->user, l->line, whole, 0);
	l->len -= whole;
	memmove(l->line, l->line + whole, l->len);
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
