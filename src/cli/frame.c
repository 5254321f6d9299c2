/* One picture of a terminal. */
#include "cli/frame.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/table.h"

#define HOME      "\033[H"
#define ERASE_EOL "\033[K"
#define ERASE_END "\033[J"

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; (text = strchr(text, '\n')); text++)
		n++;
	return n;
}

/* The columns of a line with escape sequences in it. */
static size_t visible_width(const char *line)
{
	char plain[4096];
	size_t n = 0;

	while (*line && n + 1 < sizeof(plain)) {
		if (*line == '\033') {
			line += strcspn(line, "m");
			line += *line == 'm';
			continue;
		}
		plain[n++] = *line++;
	}
	plain[n] = '\0';
	return table_text_width(plain);
}

/* After a line that fills the terminal, the cursor stands on its last character. */
static int put_line(const char *line, size_t width, struct buf *b)
{
	int r = buf_puts(b, line);

	return r == 0 && visible_width(line) < width ? buf_puts(b, ERASE_EOL) : r;
}

int frame_format(const char *header, const char *text, size_t width, size_t height, struct buf *b)
{
	size_t n = count_lines(text), room = height > 1 ? height - 1 : 0;
	size_t shown = n <= room ? n : room > 0 ? room - 1 : 0;
	char more[64];
	int r = buf_puts(b, HOME);

	if (r == 0)
		r = table_put_text(header, width, b);
	if (r == 0 && table_text_width(header) < width)
		r = buf_puts(b, ERASE_EOL);
	for (size_t i = 0; r == 0 && i < shown; i++) {
		size_t len = strcspn(text, "\n");
		_cleanup_free_ char *line = strndup(text, len);

		text += len + 1;
		r = line ? buf_puts(b, "\r\n") : -ENOMEM;
		if (r == 0)
			r = put_line(line, width, b);
	}
	if (r == 0 && shown < n && room > 0) {
		snprintf(more, sizeof(more), "%s %zu more", table_ellipsis(), n - shown);
		r = buf_puts(b, "\r\n");
		if (r == 0)
			r = table_put_text(more, width, b);
		if (r == 0 && table_text_width(more) < width)
			r = buf_puts(b, ERASE_EOL);
	}
	/* Below the last line there is something to erase only where it is not the terminal's. */
	if (r == 0 && n < room)
		r = buf_puts(b, "\r\n" ERASE_END);
	return r;
}
