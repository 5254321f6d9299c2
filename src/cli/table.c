/* A table as text. */
#include "cli/table.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>

#define GAP 2 /* blanks between columns */

struct row {
	enum table_colour colour;
	char **cells;
};

struct table {
	const struct table_column *columns;
	size_t n_columns, n_rows, cap;
	struct row *rows;
};

int table_new(const struct table_column *columns, size_t n_columns, struct table **ret)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->columns = columns;
	t->n_columns = n_columns;
	*ret = t;
	return 0;
}

static void row_done(struct row *row, size_t n)
{
	for (size_t i = 0; row->cells && i < n; i++)
		free(row->cells[i]);
	free(row->cells);
}

struct table *table_free(struct table *t)
{
	if (!t)
		return NULL;
	for (size_t i = 0; i < t->n_rows; i++)
		row_done(&t->rows[i], t->n_columns);
	free(t->rows);
	free(t);
	return NULL;
}

/* Characters that turn or isolate the direction of what follows them (Unicode, UAX #9). */
static bool turns_direction(wchar_t c)
{
	return c == 0x61c || (c >= 0x200e && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

/*
 * The next character of `*s`, which moves past it: how it is written, and how wide that is. Returns
 * the bytes of what is written; 0 at the end.
 */
static size_t next_char(const char **s, const char **ret, size_t *ret_width)
{
	mbstate_t state = {0};
	wchar_t c;
	size_t len;
	int width;

	if (!**s)
		return 0;
	len = mbrtowc(&c, *s, strlen(*s), &state);
	width = len > 0 && len <= MB_LEN_MAX && !turns_direction(c) ? wcwidth(c) : -1;
	*ret = width < 0 ? "?" : *s;
	*ret_width = width < 0 ? 1 : (size_t)width;
	*s += len > 0 && len <= MB_LEN_MAX ? len : 1;
	return width < 0 ? 1 : len;
}

static size_t text_width(const char *s)
{
	size_t sum = 0, width;
	const char *as;

	while (next_char(&s, &as, &width))
		sum += width;
	return sum;
}

/* Whether the locale can write an ellipsis. */
static const char *ellipsis(void)
{
	const char *dots = "…";
	mbstate_t state = {0};
	wchar_t c;

	return mbrtowc(&c, dots, strlen(dots), &state) == strlen(dots) ? dots : ".";
}

/* Writes a cell in exactly `width` columns; without blanks behind it where it is the last one. */
static int put_cell(const char *s, size_t width, bool last, struct buf *b)
{
	size_t total = text_width(s), room = total > width ? width - 1 : width, used = 0, len, w;
	const char *as;
	int r = 0;

	if (width == 0)
		return 0;
	while (r == 0 && (len = next_char(&s, &as, &w)) && used + w <= room) {
		r = buf_append(b, as, len);
		used += w;
	}
	if (r == 0 && total > width) {
		r = buf_puts(b, ellipsis());
		used++;
	}
	for (; r == 0 && !last && used < width; used++)
		r = buf_puts(b, " ");
	return r;
}

int table_add(struct table *t, enum table_colour colour, const char *const cells[])
{
	struct row row = {.colour = colour, .cells = calloc(t->n_columns, sizeof(char *))};
	bool ok = row.cells;

	for (size_t i = 0; ok && i < t->n_columns; i++) {
		row.cells[i] = strdup(cells[i]);
		ok = row.cells[i];
	}
	if (ok && t->n_rows == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 16;
		struct row *rows = reallocarray(t->rows, cap, sizeof(*rows));

		ok = rows;
		if (rows) {
			t->rows = rows;
			t->cap = cap;
		}
	}
	if (!ok) {
		row_done(&row, t->n_columns);
		return -ENOMEM;
	}
	t->rows[t->n_rows++] = row;
	return 0;
}

static int by_first_cell(const void *a, const void *b)
{
	return strcmp(((const struct row *)a)->cells[0], ((const struct row *)b)->cells[0]);
}

void table_sort(struct table *t)
{
	if (t->n_rows > 1)
		qsort(t->rows, t->n_rows, sizeof(*t->rows), by_first_cell);
}

size_t table_rows(const struct table *t)
{
	return t->n_rows;
}

/* Takes columns from the widest that may be cut, one at a time, until the line fits. */
static void fit(const struct table *t, size_t width, size_t widths[])
{
	size_t total = t->n_columns > 0 ? GAP * (t->n_columns - 1) : 0;

	for (size_t i = 0; i < t->n_columns; i++)
		total += widths[i];
	for (; total > width; total--) {
		size_t *widest = NULL;

		for (size_t i = 0; i < t->n_columns; i++)
			if (t->columns[i].min_width && widths[i] > t->columns[i].min_width &&
			    (!widest || widths[i] > *widest))
				widest = &widths[i];
		if (!widest)
			break;
		--*widest;
	}
	/* Narrower than all that: the line ends where the terminal does. */
	for (size_t i = t->n_columns; total > width && i-- > 0;)
		if (widths[i] > total - width) {
			widths[i] -= total - width;
			total = width;
		} else {
			total -= widths[i] + (i > 0 ? GAP : 0);
			widths[i] = 0;
		}
}

static int put_line(const struct table *t, char *const *cells, const char *colour,
		    const size_t widths[], struct buf *b)
{
	size_t last = t->n_columns;
	int r = 0;

	while (last > 1 && widths[last - 1] == 0)
		last--;
	for (size_t i = 0; r == 0 && i < last; i++) {
		bool coloured = colour && t->columns[i].coloured;

		if (i > 0)
			r = buf_puts(b, "  ");
		if (r == 0 && coloured)
			r = buf_puts(b, colour);
		if (r == 0)
			r = put_cell(cells ? cells[i] : t->columns[i].title, widths[i],
				     i + 1 == last, b);
		if (r == 0 && coloured)
			r = buf_puts(b, "\033[0m");
	}
	return r == 0 ? buf_puts(b, "\n") : r;
}

int table_format(const struct table *t, size_t width, bool colour, struct buf *b)
{
	static const char *const codes[TABLE_COLOUR_COUNT_] = {
		[TABLE_GREEN] = "\033[32m",
		[TABLE_YELLOW] = "\033[33m",
		[TABLE_RED] = "\033[31m",
		[TABLE_CYAN] = "\033[36m",
	};
	_cleanup_free_ size_t *widths = calloc(t->n_columns + 1, sizeof(*widths));
	int r;

	if (!widths)
		return -ENOMEM;
	for (size_t i = 0; i < t->n_columns; i++) {
		widths[i] = text_width(t->columns[i].title);
		for (size_t k = 0; k < t->n_rows; k++)
			widths[i] = MAX(widths[i], text_width(t->rows[k].cells[i]));
	}
	fit(t, width ? width : SIZE_MAX, widths);
	r = put_line(t, NULL, NULL, widths, b);
	for (size_t k = 0; r == 0 && k < t->n_rows; k++)
		r = put_line(t, t->rows[k].cells, colour ? codes[t->rows[k].colour] : NULL, widths,
			     b);
	return r;
}
