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

struct table_column {
	const char *title;
	size_t min_width; /* it may be cut to this, the widest column first; 0: it is not cut */
	bool coloured;    /* shows the row's colour */
};

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
