/*
 * The human side of an error: one bounded sentence beside the negative errno.
 *
 * Functions return a negative errno on failure. Those whose failure a person will read also take a
 * `struct error *`, which may be NULL, and fill it. The text never holds a secret: who formats it
 * sees to that.
 */
#pragma once

#include "base/macro.h"

#define ERROR_TEXT_MAX 512

struct error {
	char text[ERROR_TEXT_MAX]; /* always terminated; "" where nothing was said */
};

#define ERROR_NONE ((struct error){{0}})

/* Sets the text and returns `r`, so that `return error_set(e, -EINVAL, "…")` reads as one step. */
int error_set(struct error *e, int r, const char *fmt, ...) _printf_(3, 4);

/* Puts "context: " before the present text; returns `r`. */
int error_prefix(struct error *e, int r, const char *fmt, ...) _printf_(3, 4);

/* The text, or strerror(-r) where none was set. */
const char *error_text(const struct error *e, int r);
