/*
 * What others say, made fit for logs and for people: hooks' output, webhooks' answers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Copies bytes as one line of valid UTF-8 without control characters. What does not fit is cut
 * between characters; `size` is not 0.
 */
void excerpt_printable(const char *s, size_t len, char *ret, size_t size);

#define EXCERPT_SECRET_MIN 8 /* shorter words of a secret are taken for ordinary ones */

/*
 * Whether the bytes repeat a word of a secret: receivers like to answer "cannot POST /hooks/TOKEN".
 * A word is a run of letters, digits, '-' and '_'.
 */
bool excerpt_repeats(const char *s, size_t len, const char *secret);
