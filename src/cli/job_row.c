/* What the table of jobs says of one job. */
#include "cli/job_row.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "model/kind.h"

#define BAR_CELLS 10

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
		strcpy(cell, "not seen yet");
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

static void format_progress(const struct job_view *v, const char *kind, bool utf8,
			    struct job_row *ret)
{
	char *cell = ret->cells[JOB_CELL_PROGRESS], *plain = ret->cells[JOB_CELL_PERCENT];
	const struct progress *p = &v->progress;
	int32_t epoch = p->values[PROGRESS_EPOCH];
	int percent = MAX(MIN(p->values[PROGRESS_PERCENT], 100), 0);
	char bar[BAR_CELLS * sizeof("█") + 1] = "", *end = bar;

	if (!p->given) {
		strcpy(cell, "-");
		strcpy(plain, "-");
		return;
	}
	for (int i = 0; i < BAR_CELLS; i++)
		end = stpcpy(end, i * 100 < percent * BAR_CELLS ? (utf8 ? "█" : "#")
								: (utf8 ? "░" : "."));
	/* Of a known number, people count from 1; else it is the API's number, which begins with 0. */
	if (!kind_has_epochs(kind))
		snprintf(plain, JOB_CELL_MAX, "%3d%%", p->values[PROGRESS_PERCENT]);
	else if (v->epochs && epoch >= 0)
		snprintf(plain, JOB_CELL_MAX, "%3d%% epoch %d/%u", p->values[PROGRESS_PERCENT],
			 MIN(epoch, v->epochs - 1) + 1, v->epochs);
	else
		snprintf(plain, JOB_CELL_MAX, "%3d%% epoch %d", p->values[PROGRESS_PERCENT], epoch);
	*end++ = ' ';
	stpcpy(stpcpy(cell, bar), plain);
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
		strcpy(ret, "-");
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

static void format_eta(const struct job_view *v, int64_t now_us, struct job_row *ret)
{
	char *cell = ret->cells[JOB_CELL_ETA], *likely = ret->cells[JOB_CELL_LIKELY];

	job_row_eta(v, now_us, cell);
	strcpy(likely, cell);
	likely[strcspn(likely, "(")] = '\0';
	for (size_t len = strlen(likely); len > 0 && likely[len - 1] == ' ';)
		likely[--len] = '\0';
}

static void format_times(const struct job_view *v, int64_t now_us, struct job_row *ret)
{
	char age[CLOCK_SPAN_MAX];

	strcpy(ret->cells[JOB_CELL_SINCE], "-");
	if (v->phase_since_us) {
		job_row_age(v->phase_since_us, now_us, age);
		strcpy(ret->cells[JOB_CELL_SINCE], age);
	}
	strcpy(ret->cells[JOB_CELL_LAST_POLL], "never");
	if (v->last_poll_us) {
		job_row_age(v->last_poll_us, now_us, age);
		stpcpy(stpcpy(stpcpy(ret->cells[JOB_CELL_LAST_POLL], age), " ago"),
		       *v->last_error ? ", failed" : "");
	}
}

enum table_colour job_row_phase_colour(const char *phase)
{
	enum phase p;

	return phase_from_name(phase, &p) == 0 ? phases[p].colour : TABLE_PLAIN;
}

void job_row_format(const struct job_view *v, int64_t now_us, bool utf8, struct job_row *ret)
{
	char *job = ret->cells[JOB_CELL_JOB], *id = ret->cells[JOB_CELL_ID];
	const char *kind = v->kind;
	struct job_name name;

	ret->colour = TABLE_PLAIN;
	/* A kind of a newer daemon has no short form here. */
	if (name_parse_full(v->name, &name) == 0) {
		name_format_short(&name, job);
		strcpy(id, strchr(job, '/') + 1);
		if (!*kind)
			kind = kind_info(name.kind)->name;
	} else {
		utf8_snprintf(job, JOB_CELL_MAX, "%s", v->name);
		strcpy(id, job);
	}
	utf8_snprintf(ret->cells[JOB_CELL_NAME], JOB_CELL_MAX, "%s",
		      *v->text[TEXT_DISPLAY_NAME] ? v->text[TEXT_DISPLAY_NAME] : "-");
	format_phase(v, ret);
	format_progress(v, kind, utf8, ret);
	format_eta(v, now_us, ret);
	format_times(v, now_us, ret);
}
