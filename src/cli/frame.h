/* One picture of a terminal, in one piece of bytes, so that nothing flickers. Pure. */
#pragma once

#include <stddef.h>

#include "base/buf.h"

/*
 * Appends `header` and the lines of `text`, over whatever the terminal shows: each line replaces
 * another, nothing is cleared before it is written. What is wider than the terminal is cut in the
 * header only; lines that do not fit below become "… N more". 0, -ENOMEM, -EMSGSIZE.
 */
int frame_format(const char *header, const char *text, size_t width, size_t height, struct buf *b);
