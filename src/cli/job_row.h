/* What the table of jobs says of one job: pure functions from a view to the texts of its cells. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/table.h"
#include "base/clock.h"
#include "codec/status_json.h"

enum job_cell {
	JOB_CELL_JOB,
	JOB_CELL_NAME,
	JOB_CELL_PHASE,
	JOB_CELL_PROGRESS,
	JOB_CELL_SINCE,
	JOB_CELL_LAST_POLL,
	JOB_CELL_COUNT_,
};

extern const struct table_column job_columns[JOB_CELL_COUNT_];

#define JOB_CELL_MAX 512 /* bytes, with the NUL */

struct job_row {
	enum table_colour colour;
	char cells[JOB_CELL_COUNT_][JOB_CELL_MAX];
};

/* How long ago, in words that fit what one wants to know: "42s", "3min", "2h 5min". */
void job_row_age(int64_t then_us, int64_t now_us, char ret[CLOCK_SPAN_MAX]);

/* `utf8`: the bar may use block characters. */
void job_row_format(const struct job_view *v, int64_t now_us, bool utf8, struct job_row *ret);
