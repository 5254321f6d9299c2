/* The file of a job that is to be submitted: read, checked, made ready to be sent. */
#pragma once

#include "base/buf.h"

/*
 * Reads `path`, "-" for standard input. Every fault is a line on standard error, "FILE:3: what is
 * wrong", and so is every warning. 0 with what is to be sent in `body`, else an exit status.
 */
int submit_file_read(const char *path, struct buf *body);
