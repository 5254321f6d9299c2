/*
 * Small files for one reader, in a directory that nobody else can enter.
 *
 * They are written on the loop: the directory is to be one of a file system in memory, as /run is. A
 * file is there whole or not at all, and survives no reboot.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/*
 * Replaces the file; makes the directory, mode 0700, where there is none, but not its parents. The file
 * has mode 0600. 0, or negative with a sentence: -EPERM when the directory is open to others.
 */
int private_file_write(const char *dir, const char *name, const void *data, size_t len,
		       struct error *ret_e);

/* Whether it is there and holds just that; false also where it cannot be read. */
bool private_file_holds(const char *dir, const char *name, const void *data, size_t len);

/* It may be gone already. */
void private_file_remove(const char *dir, const char *name);
