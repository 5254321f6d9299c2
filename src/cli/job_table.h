/*
 * The table of jobs, for a terminal of any width, and whether anything in it has changed. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "cli/job_filter.h"
#include "cli/table.h"
#include "codec/status_json.h"

/* What a reading fills. */
enum job_table_part {
	JOB_TABLE_ROWS = 1 << 0,
	JOB_TABLE_JSON = 1 << 1,
	JOB_TABLE_FACTS = 1 << 2,
};

struct job_table {
	struct table *table; /* rows */
	struct buf json;     /* the documents, as the daemon sent them, in one: {"jobs":[…]} */
	struct buf facts;    /* what a change is told by: no times that pass by themselves */
	char account[NAME_ID_MAX + 1];
	bool several; /* accounts */
	size_t n;
	int64_t now_us; /* what ages are counted to */
};

void job_table_done(struct job_table *t);
#define _cleanup_job_table_ _cleanup_(job_table_done)

/*
 * Fills `parts` (enum job_table_part) of an empty one with those of the jobs in `body` that the filter lets through, sorted. 0,
 * -EBADMSG, -ENOMEM, -EMSGSIZE. The body has JOB_ROW_MEMBERS at least; with JOB_TABLE_JSON, all.
 */
int job_table_read(struct job_table *t, unsigned parts, const char *body, size_t len,
		   struct job_filter *filter, int64_t now_us, bool utf8);

/*
 * Appends it as text. What a narrow terminal has no room for goes in this order: the account, where
 * all have the same; the bar; the end of the name; the ETA's range; when it was last polled; since
 * when it is in its phase; the name; and only then the end of the id.
 */
int job_table_format(const struct job_table *t, size_t width, bool colour, struct buf *b);
