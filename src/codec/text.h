/*
 * Texts from elsewhere: whether they are UTF-8 as Unicode defines it (table 3-7: no overlong forms,
 * no surrogates, nothing above U+10FFFF), and how they are made fit to be shown, without anything
 * that could move a terminal's cursor.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character that begins `s`, 1 to 4; 0 where the `n` bytes begin none. */
size_t text_char_bytes(const char *s, size_t n);

bool text_is_utf8(const char *s);

/* The valid UTF-8 holds a control character: C0, DEL, C1, a line or paragraph separator. */
bool text_has_control(const char *s);

/*
 * Makes a text fit to be shown, in place: a control character becomes a space, a byte that is not
 * UTF-8 a question mark. It never grows.
 */
void text_clean(char *s);
