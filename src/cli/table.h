/*
 * A table as text: columns as wide as their widest cell, cut where the terminal is narrower. Pure.
 *
 * Widths are columns of the terminal, by the locale's wcwidth(), so the caller has set LC_CTYPE.
 * Whatever a cell holds, no control character, no half of a character and nothing that turns the
 * direction of writing gets through; what cannot be shown becomes a question mark.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/macro.h"

enum table_colour {
	TABLE_PLAIN,
	TABLE_GREEN,
	TABLE_YELLOW,
	TABLE_RED,
	TABLE_CYAN,
	TABLE_COLOUR_COUNT_,
};

/* What a terminal is told before a text of that colour, and behind it; "" for none. */
const char *table_colour_begin(enum table_colour colour);
#define TABLE_COLOUR_END "\033[0m"

struct table_column {
	const char *title;
	size_t min_width; /* it may be cut to this, the widest column first; 0: it is not cut */
	bool coloured;    /* shows the row's colour */
};

#define TABLE_SHOWN_MAX 16 /* columns of a layout */

struct table;

/* The columns are borrowed. 0 or -ENOMEM. */
int table_new(const struct table_column *columns, size_t n_columns, struct table **ret);
struct table *table_free(struct table *t); /* takes NULL, returns NULL */
DEFINE_CLEANUP(struct table *, table_free);
#define _cleanup_table_ _cleanup_(table_freep)

/* One cell a column; they are copied. 0 or -ENOMEM. */
int table_add(struct table *t, enum table_colour colour, const char *const cells[]);

/* Sorts the rows by their first cells. */
void table_sort(struct table *t);

size_t table_rows(const struct table *t);

/* Title and rows, a line each, none wider than `width` (0: any). 0, -ENOMEM, -EMSGSIZE. */
int table_format(const struct table *t, size_t width, bool colour, struct buf *b);

/* A choice among the columns: for terminals of one width. */
struct table_layout {
	size_t n;
	struct {
		size_t column, min_width; /* as in struct table_column */
	} shown[TABLE_SHOWN_MAX];
};

/*
 * The same in the first of the layouts that fits, else in the last one. With `width` 0 it is the
 * first.
 */
int table_format_layout(const struct table *t, const struct table_layout *layouts, size_t n,
			size_t width, bool colour, struct buf *b);

/* The columns that a text takes, written as in a cell. */
size_t table_text_width(const char *s);

/* Appends a text as in a cell, cut to so many columns. 0, -ENOMEM, -EMSGSIZE. */
int table_put_text(const char *s, size_t width, struct buf *b);

/* "…", or what the locale has for it. */
const char *table_ellipsis(void);
