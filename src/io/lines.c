/* Cuts a stream of bytes into lines. */
#include "io/lines.h"

#include <string.h>

#include "base/macro.h"
#include "base/utf8.h"

void lines_init(struct lines *l, char *line, size_t line_max, size_t lines_max, size_t total_max,
		lines_fn fn, void *user)
{
	*l = (struct lines){.line = line,
			    .line_max = line_max,
			    .lines_left = lines_max,
			    .left = total_max,
			    .fn = fn,
			    .user = user};
}

/* Hands on the first `len` bytes of the line and keeps the rest. */
static void give(struct lines *l, size_t len)
{
	l->fn(l->user, l->line, len, 0);
	l->len -= len;
	memmove(l->line, l->line + len, l->len);
	if (--l->lines_left == 0) /* nothing that comes is taken any more */
		l->left = 0;
}

/* Takes bytes of one line, as many as there is room for lines; returns how many. */
static size_t add(struct lines *l, const char *data, size_t len)
{
	size_t taken = 0;

	while (taken < len) {
		size_t n;

		if (l->len == l->line_max) /* the line is full and more of it comes */
			give(l, utf8_whole(l->line, l->len));
		if (l->lines_left == 0)
			break;
		n = MIN(len - taken, l->line_max - l->len);
		memcpy(l->line + l->len, data + taken, n);
		l->len += n;
		taken += n;
	}
	return taken;
}

void lines_feed(struct lines *l, const char *data, size_t len)
{
	while (len > 0 && l->left > 0) {
		size_t take = MIN(len, l->left), n;
		const char *newline = memchr(data, '\n', take);

		n = add(l, data, newline ? (size_t)(newline - data) : take);
		if (l->lines_left > 0 && newline) {
			n++;
			give(l, l->len);
		}
		l->left -= MIN(n, l->left);
		data += n;
		len -= n;
	}
	l->dropped += len;
}

void lines_end(struct lines *l)
{
	if (l->lines_left == 0)
		l->dropped += l->len;
	else if (l->len > 0)
		give(l, l->len);
	l->len = 0;
	if (l->dropped > 0)
		l->fn(l->user, "", 0, l->dropped);
	l->dropped = 0;
}
