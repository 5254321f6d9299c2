/* A table as text. */
#include "cli/table.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>

#define GAP 2 /* blanks between columns */

#define TEXTS_MAX ((size_t)1 << 30)

struct row {
	enum table_colour colour;
	size_t first; /* of its cells, in `cells` */
};

struct table {
	const struct table_column *columns;
	size_t n_columns, n_rows, cap;
	struct row *rows;
	/* All texts stand in one buffer, a NUL behind each: there may be 100,000 cells and more. */
	struct buf texts;
	size_t *cells; /* where each begins; a row's one after the other */
};

/* What a text takes on the terminal. */
struct extent {
	size_t width;
	bool clean; /* every character is written as it is */
};

int table_new(const struct table_column *columns, size_t n_columns, struct table **ret)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->columns = columns;
	t->n_columns = n_columns;
	t->texts = BUF_INIT(TEXTS_MAX);
	*ret = t;
	return 0;
}

const char *table_colour_begin(enum table_colour colour)
{
	static const char *const codes[TABLE_COLOUR_COUNT_] = {
		[TABLE_GREEN] = "\033[32m",
		[TABLE_YELLOW] = "\033[33m",
		[TABLE_RED] = "\033[31m",
		[TABLE_CYAN] = "\033[36m",
	};

	return codes[colour] ? codes[colour] : "";
}

struct table *table_free(struct table *t)
{
	if (!t)
		return NULL;
	free(t->rows);
	free(t->cells);
	buf_done(&t->texts);
	free(t);
	return NULL;
}

static const char *cell_text(const struct table *t, const struct row *row, size_t column)
{
	return t->texts.data + t->cells[row->first + column];
}

/* Characters that turn or isolate the direction of what follows them (Unicode, UAX #9). */
static bool turns_direction(wchar_t c)
{
	return c == 0x61c || (c >= 0x200e && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

/* Printing ASCII, which is one column wide in every locale. */
static bool is_plain(char c)
{
	return c >= ' ' && c <= '~';
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
	if (is_plain(**s)) {
		*ret = (*s)++;
		*ret_width = 1;
		return 1;
	}
	len = mbrtowc(&c, *s, strnlen(*s, MB_LEN_MAX), &state);
	width = len > 0 && len <= MB_LEN_MAX && !turns_direction(c) ? wcwidth(c) : -1;
	*ret = width < 0 ? "?" : *s;
	*ret_width = width < 0 ? 1 : (size_t)width;
	*s += len > 0 && len <= MB_LEN_MAX ? len : 1;
	return width < 0 ? 1 : len;
}

static struct extent measure(const char *s)
{
	struct extent e = {.clean = true};
	const char *as, *begin;
	size_t width, len;

	for (;;) {
		for (begin = s; is_plain(*s);)
			s++;
		e.width += (size_t)(s - begin);
		begin = s;
		len = next_char(&s, &as, &width);
		if (len == 0)
			return e;
		e.width += width;
		e.clean &= as == begin;
		/* The same once more, as in a bar: asking the locale is what takes time here. */
		for (; as == begin && strncmp(s, begin, len) == 0; s += len)
			e.width += width;
	}
}

const char *table_ellipsis(void)
{
	const char *dots = "…";
	mbstate_t state = {0};
	wchar_t c;

	return mbrtowc(&c, dots, strlen(dots), &state) == strlen(dots) ? dots : ".";
}

static int put_blanks(size_t n, struct buf *b)
{
	static const char blanks[] = "                                ";
	int r = 0;

	for (size_t len; r == 0 && n > 0; n -= len) {
		len = MIN(n, sizeof(blanks) - 1);
		r = buf_append(b, blanks, len);
	}
	return r;
}

/* As many characters as fit; returns in `ret_used` how wide they are. */
static int put_chars(const char *s, size_t room, size_t *ret_used, struct buf *b)
{
	size_t used = 0, len, width;
	const char *as;
	int r = 0;

	while (r == 0 && (len = next_char(&s, &as, &width)) && used + width <= room) {
		r = buf_append(b, as, len);
		used += width;
	}
	*ret_used = used;
	return r;
}

/* Writes a cell in exactly `width` columns; without blanks behind it where it is the last one. */
static int put_cell(const char *s, struct extent extent, size_t width, bool last, struct buf *b)
{
	bool cut = extent.width > width;
	size_t used = extent.width;
	int r;

	if (width == 0)
		return 0;
	if (extent.clean && !cut)
		r = buf_puts(b, s);
	else
		r = put_chars(s, cut ? width - 1 : width, &used, b);
	if (r == 0 && cut) {
		r = buf_puts(b, table_ellipsis());
		used++;
	}
	return r == 0 && !last && used < width ? put_blanks(width - used, b) : r;
}

int table_put_text(const char *s, size_t width, struct buf *b)
{
	return put_cell(s, measure(s), width, true, b);
}

size_t table_text_width(const char *s)
{
	return measure(s).width;
}

/* Room for one more row. */
static int reserve_row(struct table *t)
{
	size_t cap = t->cap ? 2 * t->cap : 16;
	struct row *rows;
	size_t *cells;

	if (t->n_rows < t->cap)
		return 0;
	rows = reallocarray(t->rows, cap, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	t->rows = rows;
	cells = reallocarray(t->cells, cap, t->n_columns * sizeof(*cells));
	if (!cells)
		return -ENOMEM;
	t->cells = cells;
	t->cap = cap;
	return 0;
}

int table_add(struct table *t, enum table_colour colour, const char *const cells[])
{
	const struct row row = {colour, t->n_rows * t->n_columns};
	int r = reserve_row(t);

	for (size_t i = 0; r == 0 && i < t->n_columns; i++) {
		t->cells[row.first + i] = t->texts.len;
		r = buf_append(&t->texts, cells[i], strlen(cells[i]) + 1);
	}
	if (r < 0)
		return -ENOMEM;
	t->rows[t->n_rows++] = row;
	return 0;
}

static int by_first_cell(const void *a, const void *b, void *table)
{
	return strcmp(cell_text(table, a, 0), cell_text(table, b, 0));
}

/* The rows mostly come in order. */
static bool is_sorted(struct table *t)
{
	for (size_t i = 1; i < t->n_rows; i++)
		if (by_first_cell(&t->rows[i - 1], &t->rows[i], t) > 0)
			return false;
	return true;
}

void table_sort(struct table *t)
{
	if (!is_sorted(t))
		qsort_r(t->rows, t->n_rows, sizeof(*t->rows), by_first_cell, t);
}

size_t table_rows(const struct table *t)
{
	return t->n_rows;
}

static size_t total_of(size_t n, const size_t widths[])
{
	size_t total = n > 0 ? GAP * (n - 1) : 0;

	for (size_t i = 0; i < n; i++)
		total += widths[i];
	return total;
}

/* Takes columns from the widest that may be cut, one at a time, until the line fits. */
static void fit(const struct table_layout *l, size_t width, size_t widths[])
{
	size_t total = total_of(l->n, widths);

	for (; total > width; total--) {
		size_t *widest = NULL;

		for (size_t i = 0; i < l->n; i++)
			if (l->shown[i].min_width && widths[i] > l->shown[i].min_width &&
			    (!widest || widths[i] > *widest))
				widest = &widths[i];
		if (!widest)
			break;
		--*widest;
	}
	/* Narrower than all that: the line ends where the terminal does. */
	for (size_t i = l->n; total > width && i-- > 0;)
		if (widths[i] > total - width) {
			widths[i] -= total - width;
			total = width;
		} else {
			total -= widths[i] + (i > 0 ? GAP : 0);
			widths[i] = 0;
		}
}

/* The width of a line that is cut as far as the layout lets it be. */
static size_t least_width(const struct table_layout *l, const size_t natural[])
{
	size_t least[TABLE_SHOWN_MAX];

	for (size_t i = 0; i < l->n; i++) {
		size_t w = natural[l->shown[i].column], min = l->shown[i].min_width;

		least[i] = min && min < w ? min : w;
	}
	return total_of(l->n, least);
}

/* `row`: NULL for the titles. */
static int put_line(const struct table *t, const struct table_layout *l, const struct row *row,
		    const struct extent extents[], const char *colour, const size_t widths[],
		    struct buf *b)
{
	size_t last = l->n;
	int r = 0;

	while (last > 1 && widths[last - 1] == 0)
		last--;
	for (size_t i = 0; r == 0 && i < last; i++) {
		size_t column = l->shown[i].column;
		bool coloured = *colour && t->columns[column].coloured;

		if (i > 0)
			r = put_blanks(GAP, b);
		if (r == 0 && coloured)
			r = buf_puts(b, colour);
		if (r == 0)
			r = put_cell(row ? cell_text(t, row, column) : t->columns[column].title,
				     extents[column], widths[i], i + 1 == last, b);
		if (r == 0 && coloured)
			r = buf_puts(b, TABLE_COLOUR_END);
	}
	return r == 0 ? buf_puts(b, "\n") : r;
}

/* The extents of the titles, then of all rows; and the widest of each column. */
static void measure_all(const struct table *t, struct extent extents[], size_t widths[])
{
	for (size_t i = 0; i < t->n_columns; i++) {
		extents[i] = measure(t->columns[i].title);
		widths[i] = extents[i].width;
	}
	for (size_t k = 0; k < t->n_rows; k++) {
		extents += t->n_columns;
		for (size_t i = 0; i < t->n_columns; i++) {
			extents[i] = measure(cell_text(t, &t->rows[k], i));
			widths[i] = MAX(widths[i], extents[i].width);
		}
	}
}

int table_format_layout(const struct table *t, const struct table_layout *layouts, size_t n,
			size_t width, bool colour, struct buf *b)
{
	_cleanup_free_ size_t *natural = calloc(t->n_columns + 1, sizeof(*natural));
	_cleanup_free_ struct extent *extents =
		calloc((t->n_rows + 1) * t->n_columns + 1, sizeof(*extents));
	const struct extent *line = extents;
	const struct table_layout *l = layouts;
	size_t widths[TABLE_SHOWN_MAX];
	int r;

	if (!natural || !extents)
		return -ENOMEM;
	measure_all(t, extents, natural);
	while (width && l + 1 < layouts + n && least_width(l, natural) > width)
		l++;
	for (size_t i = 0; i < l->n; i++)
		widths[i] = natural[l->shown[i].column];
	fit(l, width ? width : SIZE_MAX, widths);
	r = put_line(t, l, NULL, line, "", widths, b);
	for (size_t k = 0; r == 0 && k < t->n_rows; k++) {
		line += t->n_columns;
		r = put_line(t, l, &t->rows[k], line,
			     colour ? table_colour_begin(t->rows[k].colour) : "", widths, b);
	}
	return r;
}

int table_format(const struct table *t, size_t width, bool colour, struct buf *b)
{
	struct table_layout all = {.n = t->n_columns};

	for (size_t i = 0; i < t->n_columns; i++) {
		all.shown[i].column = i;
		all.shown[i].min_width = t->columns[i].min_width;
	}
	return table_format_layout(t, &all, 1, width, colour, b);
}
