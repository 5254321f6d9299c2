/* The nearest known name to a misspelt one. */
#include "base/nearest.h"

#include <stdint.h>
#include <string.h>

#include "base/macro.h"

#define WORD_MAX 48 /* longer words are near to nothing */

static size_t min3(size_t a, size_t b, size_t c)
{
	return MIN(MIN(a, b), c);
}

/* Optimal string alignment: three rows of the table are enough. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		last[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *spare = before;

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t cost = a[i - 1] != b[j - 1];

			row[j] = min3(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = MIN(row[j], before[j - 2] + 1);
		}
		before = last;
		last = row;
		row = spare;
	}
	return last[b_len];
}

const char *nearest_name(const char *word, const char *const names[], size_t n)
{
	size_t len = strlen(word), best = SIZE_MAX;
	const char *ret = NULL;

	if (len == 0 || len > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t name_len = names[i] ? strlen(names[i]) : 0, d;

		if (name_len == 0 || name_len > WORD_MAX)
			continue;
		d = distance(word, len, names[i], name_len);
		if (d <= (1 + MAX(len, name_len)) / 3 && d < best) {
			best = d;
			ret = names[i];
		}
	}
	return ret;
}
