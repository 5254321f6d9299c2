/*
 * The filter with which a list shows the jobs of a kind that are not at an end.
 *
 * AIP-160 (API facts: the server's own support is not verified). It leaves out the ends that every
 * version of the API has known, instead of naming what is active: the list of states grows, and a
 * state that this version does not know is not an end. A server may refuse it (400), ignore it, or
 * apply it wrongly; so what it gives is checked.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "model/kind.h"
#include "model/snapshot.h"

/* Appends the filter's text, not yet escaped for a URL. 0, -ENOMEM, -EMSGSIZE. */
int active_filter_write(enum kind kind, struct buf *b);

/* Whether it lets a job of that kind through. */
bool active_filter_passes(enum kind kind, const struct snapshot *s);
