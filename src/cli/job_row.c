/* What the table of jobs says of one job. */
#include "cli/job_row.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "model/kind.h"

#define BAR_CELLS 10

const struct table_column job_columns[JOB_CELL_COUNT_] = {
	/* 80 columns hold the least of all; 60 what there is to know of now and of the end. */
	[JOB_CELL_JOB] = {"JOB", 15, false},
	[JOB_CELL_NAME] = {"NAME", 4, false},
	[JOB_CELL_PHASE] = {"PHASE", 9, true},
	[JOB_CELL_PROGRESS] = {"PROGRESS", 16, false},
	[JOB_CELL_ETA] = {"ETA", 8, false},
	[JOB_CELL_SINCE] = {"SINCE", 0, false},
	[JOB_CELL_LAST_POLL] = {"LAST POLL", 0, false},
};

static const struct {
	const char *plain; /* the state that says no more than the phase's name */
	enum table_colour colour;
} phases[PHASE_COUNT_] = {
	[PHASE_UNKNOWN] = {NULL, TABLE_YELLOW},
	[PHASE_QUEUED] = {"PENDING", TABLE_PLAIN},
	[PHASE_STARTING] = {"CREATING", TABLE_PLAIN},
	[PHASE_RUNNING] = {"RUNNING", TABLE_CYAN},
	[PHASE_FINISHING] = {"WRITING_RESULTS", TABLE_CYAN},
	[PHASE_PAUSED] = {"PAUSED", TABLE_YELLOW},
	[PHASE_CANCELLING] = {"CANCELLING", TABLE_PLAIN},
	[PHASE_REMOVING] = {"DELETING", TABLE_PLAIN},
	[PHASE_SUCCEEDED] = {"COMPLETED", TABLE_GREEN},
	[PHASE_EARLY_STOPPED] = {"EARLY_STOPPED", TABLE_YELLOW},
	[PHASE_FAILED] = {"FAILED", TABLE_RED},
	[PHASE_EXPIRED] = {"EXPIRED", TABLE_RED},
	[PHASE_CANCELLED] = {"CANCELLED", TABLE_YELLOW},
	[PHASE_REMOVED] = {"DELETED", TABLE_PLAIN},
};

void job_row_span(uint64_t ms, char ret[CLOCK_SPAN_MAX])
{
	static const struct {
		uint64_t below_ms, step_ms;
	} rows[] = {
		{MS_PER_MIN, MS_PER_S},
		{MS_PER_DAY, MS_PER_MIN},
		{UINT64_MAX, MS_PER_H},
	};
	size_t i = 0;

	while (i + 1 < ARRAY_LEN(rows) && ms >= rows[i].below_ms)
		i++;
	ms -= ms % rows[i].step_ms;
	if (ms == 0)
		snprintf(ret, CLOCK_SPAN_MAX, "0s");
	else
		clock_format_span_ms(ms, ret);
}

/* The state without what all states begin with. */
static const char *bare_state(const char *state)
{
	static const char prefix[] = "JOB_STATE_";
	size_t len = strlen(prefix);

	return strncmp(state, prefix, len) == 0 ? state + len : state;
}

/* A stall comes first: the end of the cell may be cut off. */
static void format_stall(const struct job_view *v, struct job_row *ret)
{
	char *cell = ret->cells[JOB_CELL_PHASE], age[CLOCK_SPAN_MAX], phase[JOB_CELL_MAX];

	if (!v->stalled)
		return;
	job_row_span(v->still_ms, age);
	memcpy(phase, cell, sizeof(phase));
	utf8_snprintf(cell, JOB_CELL_MAX, "stalled %s, %s", age, phase);
	ret->colour = TABLE_YELLOW;
}

static void format_phase(const struct job_view *v, struct job_row *ret)
{
	char *cell = ret->cells[JOB_CELL_PHASE];
	const char *state = v->text[TEXT_STATE];
	enum phase phase = PHASE_UNKNOWN;

	if (!*v->phase) {
		utf8_snprintf(cell, JOB_CELL_MAX, "not seen yet");
		return;
	}
	/* A phase of a newer daemon is shown as it is. */
	if (phase_from_name(v->phase, &phase) == 0)
		ret->colour = phases[phase].colour;
	if (!*state || (phases[phase].plain && strcmp(bare_state(state), phases[phase].plain) == 0))
		utf8_snprintf(cell, JOB_CELL_MAX, "%s", v->phase);
	else
		utf8_snprintf(cell, JOB_CELL_MAX, "%s (%s)", v->phase, state);
	format_stall(v, ret);
}

static void format_progress(const struct job_view *v, bool utf8, char cell[JOB_CELL_MAX])
{
	const struct progress *p = &v->progress;
	int32_t epoch = p->values[PROGRESS_EPOCH];
	int percent = MAX(MIN(p->values[PROGRESS_PERCENT], 100), 0);
	char bar[BAR_CELLS * sizeof("█")] = "";

	if (!p->given) {
		utf8_snprintf(cell, JOB_CELL_MAX, "-");
		return;
	}
	for (int i = 0; i < BAR_CELLS; i++)
		strcat(bar,
		       i * 100 < percent * BAR_CELLS ? (utf8 ? "█" : "#") : (utf8 ? "░" : "."));
	/* Of a known number, people count from 1; else it is the API's number, which begins with 0. */
	if (!kind_has_epochs(v->kind))
		utf8_snprintf(cell, JOB_CELL_MAX, "%s %3d%%", bar, p->values[PROGRESS_PERCENT]);
	else if (v->epochs && epoch >= 0)
		utf8_snprintf(cell, JOB_CELL_MAX, "%s %3d%% epoch %d/%u", bar,
			      p->values[PROGRESS_PERCENT], MIN(epoch, v->epochs - 1) + 1,
			      v->epochs);
	else
		utf8_snprintf(cell, JOB_CELL_MAX, "%s %3d%% epoch %d", bar,
			      p->values[PROGRESS_PERCENT], epoch);
}

void job_row_age(int64_t since_us, int64_t now_us, char ret[CLOCK_SPAN_MAX])
{
	job_row_span(since_us < now_us ? (uint64_t)(now_us - since_us) / US_PER_MS : 0, ret);
}

/* Up to the next minute: an estimate in seconds would be a lie. */
static void format_until(int64_t then_us, int64_t now_us, char ret[CLOCK_SPAN_MAX])
{
	uint64_t ms = then_us > now_us ? (uint64_t)(then_us - now_us) / US_PER_MS : 0;

	job_row_span(MAX(ms + MS_PER_MIN - 1 - (ms + MS_PER_MIN - 1) % MS_PER_MIN, MS_PER_MIN),
		     ret);
}

/* The number alone, where `other` has the same one unit: "20" of "20min", beside "40min". */
static void drop_unit(char *span, const char *other)
{
	static const char digits[] = "0123456789";
	size_t len = strspn(span, digits);

	if (strcmp(span + len, other + strspn(other, digits)) == 0 && !strchr(span, ' '))
		span[len] = '\0';
}

void job_row_eta(const struct job_view *v, int64_t now_us, char ret[JOB_ROW_ETA_MAX])
{
	char likely[CLOCK_SPAN_MAX], low[CLOCK_SPAN_MAX], high[CLOCK_SPAN_MAX];

	if (!v->eta_us) {
		snprintf(ret, JOB_ROW_ETA_MAX, "-");
		return;
	}
	format_until(v->eta_us, now_us, likely);
	format_until(v->eta_low_us, now_us, low);
	format_until(v->eta_high_us, now_us, high);
	if (strcmp(low, high) == 0) {
		snprintf(ret, JOB_ROW_ETA_MAX, "in %s", likely);
		return;
	}
	drop_unit(low, high);
	snprintf(ret, JOB_ROW_ETA_MAX, "in %s (%s-%s)", likely, low, high);
}

static void format_times(const struct job_view *v, int64_t now_us, struct job_row *ret)
{
	char age[CLOCK_SPAN_MAX];

	utf8_snprintf(ret->cells[JOB_CELL_SINCE], JOB_CELL_MAX, "-");
	if (v->phase_since_us) {
		job_row_age(v->phase_since_us, now_us, age);
		utf8_snprintf(ret->cells[JOB_CELL_SINCE], JOB_CELL_MAX, "%s", age);
	}
	utf8_snprintf(ret->cells[JOB_CELL_LAST_POLL], JOB_CELL_MAX, "never");
	if (v->last_poll_us) {
		job_row_age(v->last_poll_us, now_us, age);
		utf8_snprintf(ret->cells[JOB_CELL_LAST_POLL], JOB_CELL_MAX, "%s ago%s", age,
			      *v->last_error ? ", failed" : "");
	}
}

void job_row_format(const struct job_view *v, int64_t now_us, bool utf8, struct job_row *ret)
{
	struct job_name name;

	*ret = (struct job_row){.colour = TABLE_PLAIN};
	/* A kind of a newer daemon has no short form here. */
	if (name_parse_full(v->name, &name) == 0)
		name_format_short(&name, ret->cells[JOB_CELL_JOB]);
	else
		utf8_snprintf(ret->cells[JOB_CELL_JOB], JOB_CELL_MAX, "%s", v->name);
	utf8_snprintf(ret->cells[JOB_CELL_NAME], JOB_CELL_MAX, "%s",
		      *v->text[TEXT_DISPLAY_NAME] ? v->text[TEXT_DISPLAY_NAME] : "-");
	format_phase(v, ret);
	format_progress(v, utf8, ret->cells[JOB_CELL_PROGRESS]);
	job_row_eta(v, now_us, ret->cells[JOB_CELL_ETA]);
	format_times(v, now_us, ret);
}
