/*
 * Cutting UTF-8 text to a number of bytes without leaving half a character: what is stored or sent
 * must stay valid UTF-8, or the journal shows it as a blob and JSON readers refuse it.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "base/macro.h"

/* How many bytes of `s` to keep so that they are at most `max` and end with a whole character. */
size_t utf8_cut(const char *s, size_t max);

/* The first `len` bytes of `s`, less a character at the end that goes on after them. */
size_t utf8_whole(const char *s, size_t len);

/* snprintf(3) that cuts at a character's end; returns what snprintf returns. `size` is not 0. */
int utf8_snprintf(char *ret, size_t size, const char *fmt, ...) _printf_(3, 4);
int utf8_vsnprintf(char *ret, size_t size, const char *fmt, va_list ap) _printf_(3, 0);
