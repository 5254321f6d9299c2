/* An event as a line for people: its local time and its sentence. Pure but for the time zone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/*
 * Appends the line, without a newline. Of an event that only a newer version knows, it has the type
 * and what it is about. 0, -EBADMSG for what is no event at all, -ENOMEM, -EMSGSIZE.
 */
int event_line_format(const char *event, size_t len, bool colour, struct buf *b);
