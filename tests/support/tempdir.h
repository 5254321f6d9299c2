/*
 * A directory of its own for a test, in $TMPDIR, and removed with all that is in it.
 */
#pragma once

#include <stddef.h>

#define TEMPDIR_MAX 256

/* Fails the test when it cannot be made. */
void tempdir_make(char ret[TEMPDIR_MAX]);
void tempdir_remove(const char *dir);

/* The whole file, NUL-terminated; free() it. Fails the test when it cannot be read. */
char *tempdir_read(const char *path, size_t *ret_len);
void tempdir_write(const char *path, const void *data, size_t len);
