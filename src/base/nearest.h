/* The nearest known name to a misspelt one. */
#pragma once

#include <stddef.h>

/*
 * The name of `names` that needs the fewest insertions, deletions, replacements and swaps of
 * neighbours, or NULL when none is near. The first wins among equals; NULL entries are skipped.
 */
const char *nearest_name(const char *word, const char *const names[], size_t n);
