/* What the table of jobs says of one job: pure functions from a view to the texts of its cells. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/table.h"
#include "base/clock.h"
#include "codec/status_json.h"

enum job_cell {
	JOB_CELL_JOB,
	JOB_CELL_ID, /* the same without the account */
	JOB_CELL_NAME,
	JOB_CELL_PHASE,
	JOB_CELL_PROGRESS,
	JOB_CELL_PERCENT, /* the same without the bar */
	JOB_CELL_ETA,
	JOB_CELL_LIKELY, /* the same without the range */
	JOB_CELL_SINCE,
	JOB_CELL_LAST_POLL,
	JOB_CELL_COUNT_,
};

#define JOB_CELL_MAX 512 /* bytes, with the NUL */

struct job_row {
	enum table_colour colour;
	char cells[JOB_CELL_COUNT_][JOB_CELL_MAX];
};

/* A span in words that fit what one wants to know: "42s", "3min", "2h 5min", "3d 4h". */
void job_row_span(uint64_t ms, char ret[CLOCK_SPAN_MAX]);

/* How long ago, in such words. */
void job_row_age(int64_t then_us, int64_t now_us, char ret[CLOCK_SPAN_MAX]);

/*
 * A time to come with its range, in whole minutes or more: "in 25min (20-40min)", "in 2h 5min
 * (1h 50min-3h)"; without a range that says no more. "-" where there is no estimate.
 */
#define JOB_ROW_ETA_MAX (4 * CLOCK_SPAN_MAX)
void job_row_eta(const struct job_view *v, int64_t now_us, char ret[JOB_ROW_ETA_MAX]);

/* What job_row_format() looks at, as a readMask. */
#define JOB_ROW_MEMBERS                                                                            \
	"name,kind,displayName,state,phase,progress.percent,progress.epoch,epochs,phaseSince,eta," \
	"stall.stillSeconds,stall.stalled,lastPoll,lastError"
/* The colour of a phase by its name; plain for one of a newer daemon. */
enum table_colour job_row_phase_colour(const char *phase);

/* `utf8`: the bar may use block characters. */
void job_row_format(const struct job_view *v, int64_t now_us, bool utf8, struct job_row *ret);
