/*
 * The status page: how the daemon is and what its jobs do, as one HTML document. It has no script and
 * loads nothing, so that nothing in a job's name or status can do anything; it reloads itself.
 *
 * All of them: 0, -ENOMEM, -EMSGSIZE.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "codec/status_json.h"

/* The head, what is wrong, the accounts, the notifiers, and the beginning of the table of jobs. */
int page_begin(const struct status_view *v, struct buf *b);
int page_job(const struct job_view *v, int64_t now_us, struct buf *b);

/* `left_out`: so many jobs are not in the table. */
int page_end(size_t left_out, struct buf *b);
