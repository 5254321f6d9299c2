/* What the table says of a job. */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/job_row.h"

#define NOW (1795156316LL * US_PER_S)

static const struct job_view plain = {
	.name = "accounts/acme/supervisedFineTuningJobs/abc",
	.account = "acme",
	.kind = "sft",
	.id = "abc",
	.text = {"JOB_STATE_RUNNING", "OK", "", "prod", "", "", "", "", ""},
	.phase = "running",
	.last_error = "",
};

static void assert_cell(const struct job_view *v, enum job_cell cell, const char *want)
{
	struct job_row row;

	job_row_format(v, NOW, true, &row);
	cr_assert_str_eq(row.cells[cell], want);
}

Test(job_row, name)
{
	struct job_view v = plain;

	assert_cell(&v, JOB_CELL_JOB, "acme/sft/abc");
	assert_cell(&v, JOB_CELL_ID, "sft/abc");
	assert_cell(&v, JOB_CELL_NAME, "prod");
	v.name = "accounts/acme/kindOfTomorrow/abc";
	v.text[TEXT_DISPLAY_NAME] = "";
	assert_cell(&v, JOB_CELL_JOB, "accounts/acme/kindOfTomorrow/abc");
	assert_cell(&v, JOB_CELL_NAME, "-");
}

Test(job_row, phase_and_state)
{
	static const struct {
		const char *phase, *state, *cell;
		enum table_colour colour;
	} cases[] = {
		{"", "", "not seen yet", TABLE_PLAIN},
		{"queued", "JOB_STATE_PENDING", "queued", TABLE_PLAIN},
		{"queued", "JOB_STATE_RE_QUEUEING", "queued (JOB_STATE_RE_QUEUEING)", TABLE_PLAIN},
		{"starting", "CREATING", "starting", TABLE_PLAIN},
		{"starting", "JOB_STATE_VALIDATING", "starting (JOB_STATE_VALIDATING)",
		 TABLE_PLAIN},
		{"running", "JOB_STATE_RUNNING", "running", TABLE_CYAN},
		{"running", "RUNNING", "running", TABLE_CYAN},
		{"running", "JOB_STATE_ROLLOUT", "running (JOB_STATE_ROLLOUT)", TABLE_CYAN},
		{"finishing", "JOB_STATE_WRITING_RESULTS", "finishing", TABLE_CYAN},
		{"paused", "JOB_STATE_PAUSED", "paused", TABLE_YELLOW},
		{"succeeded", "JOB_STATE_COMPLETED", "succeeded", TABLE_GREEN},
		{"early_stopped", "JOB_STATE_EARLY_STOPPED", "early_stopped", TABLE_YELLOW},
		{"failed", "JOB_STATE_FAILED", "failed", TABLE_RED},
		{"expired", "JOB_STATE_EXPIRED", "expired", TABLE_RED},
		{"cancelled", "JOB_STATE_CANCELLED", "cancelled", TABLE_YELLOW},
		{"removed", "", "removed", TABLE_PLAIN},
		{"removed", "JOB_STATE_ARCHIVED", "removed (JOB_STATE_ARCHIVED)", TABLE_PLAIN},
		{"unknown", "JOB_STATE_DREAMING", "unknown (JOB_STATE_DREAMING)", TABLE_YELLOW},
		{"unknown", "", "unknown", TABLE_YELLOW},
		{"tomorrow", "JOB_STATE_X", "tomorrow (JOB_STATE_X)", TABLE_PLAIN},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct job_view v = plain;
		struct job_row row;

		v.phase = cases[i].phase;
		v.text[TEXT_STATE] = cases[i].state;
		job_row_format(&v, NOW, true, &row);
		cr_assert_str_eq(row.cells[JOB_CELL_PHASE], cases[i].cell);
		if (strcmp(cases[i].phase, "tomorrow") != 0)
			cr_assert_eq(row.colour, cases[i].colour, "%s", cases[i].phase);
	}
}

Test(job_row, progress)
{
	static const struct {
		struct progress progress;
		const char *cell, *ascii;
	} cases[] = {
		{{false, {50}}, "-", "-"},
		{{true, {0, 0}}, "░░░░░░░░░░   0% epoch 0", "..........   0% epoch 0"},
		{{true, {1, 0}}, "█░░░░░░░░░   1% epoch 0", "#.........   1% epoch 0"},
		{{true, {10, 0}}, "█░░░░░░░░░  10% epoch 0", "#.........  10% epoch 0"},
		{{true, {42, 1}}, "█████░░░░░  42% epoch 1", "#####.....  42% epoch 1"},
		{{true, {100, 3}}, "██████████ 100% epoch 3", "########## 100% epoch 3"},
		{{true, {-5, 0}}, "░░░░░░░░░░  -5% epoch 0", "..........  -5% epoch 0"},
		{{true, {INT_MAX, INT_MIN}},
		 "██████████ 2147483647% epoch -2147483648",
		 "########## 2147483647% epoch -2147483648"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct job_view v = plain;
		struct job_row row;

		v.progress = cases[i].progress;
		job_row_format(&v, NOW, true, &row);
		cr_assert_str_eq(row.cells[JOB_CELL_PROGRESS], cases[i].cell);
		if (v.progress.given)
			cr_assert_str_eq(row.cells[JOB_CELL_PERCENT],
					 strchr(cases[i].cell, ' ') + 1);
		job_row_format(&v, NOW, false, &row);
		cr_assert_str_eq(row.cells[JOB_CELL_PROGRESS], cases[i].ascii);
	}
}

Test(job_row, kinds_without_epochs)
{
	struct job_view v = plain;
	struct job_row row;

	v.progress = (struct progress){true, {42, 0}};
	v.kind = "batch";
	job_row_format(&v, NOW, false, &row);
	cr_assert_str_eq(row.cells[JOB_CELL_PROGRESS], "#####.....  42%");
	v.kind = "newer";
	job_row_format(&v, NOW, false, &row);
	cr_assert_str_eq(row.cells[JOB_CELL_PROGRESS], "#####.....  42% epoch 0");
}

Test(job_row, epochs)
{
	static const struct {
		uint16_t epochs;
		int32_t epoch;
		const char *cell;
	} cases[] = {
		{0, 0, "epoch 0"}, /* the API's number */
		{1, 0, "epoch 1/1"},       {3, 0, "epoch 1/3"}, {3, 2, "epoch 3/3"},
		{3, 3, "epoch 3/3"}, /* over */
		{3, INT_MAX, "epoch 3/3"}, {3, -1, "epoch -1"}, {UINT16_MAX, 0, "epoch 1/65535"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct job_view v = plain;
		char want[64];

		v.progress = (struct progress){true, {42, cases[i].epoch}};
		v.epochs = cases[i].epochs;
		snprintf(want, sizeof(want), "█████░░░░░  42%% %s", cases[i].cell);
		assert_cell(&v, JOB_CELL_PROGRESS, want);
	}
}

Test(job_row, eta)
{
	static const struct {
		int64_t likely_s, low_s, high_s;
		const char *cell;
	} cases[] = {
		{25 * 60, 20 * 60, 40 * 60, "in 25min (20-40min)"},
		{25 * 60 - 59, 20 * 60, 20 * 60 + 1, "in 25min (20-21min)"},
		{60, 60, 60, "in 1min"},
		{0, 0, 0, "in 1min"},
		{-100, -300, 50, "in 1min"},
		{30, 0, 180, "in 1min (1-3min)"},
		{7500, 6600, 10800, "in 2h 5min (1h 50min-3h)"},
		{7200, 3600, 10800, "in 2h (1-3h)"},
		{3600, 3540, 3660, "in 1h (59min-1h 1min)"},
		{180000, 90000, 900000, "in 2d 2h (1d 1h-10d 10h)"},
		{172800, 86400, 259200, "in 2d (1-3d)"},
	};
	struct job_view v = plain;
	char likely[100];

	assert_cell(&v, JOB_CELL_ETA, "-");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		v.eta_us = NOW + cases[i].likely_s * US_PER_S;
		v.eta_low_us = NOW + cases[i].low_s * US_PER_S;
		v.eta_high_us = NOW + cases[i].high_s * US_PER_S;
		assert_cell(&v, JOB_CELL_ETA, cases[i].cell);
		snprintf(likely, sizeof(likely), "%.*s", (int)strcspn(cases[i].cell, "("),
			 cases[i].cell);
		if (strchr(cases[i].cell, '('))
			likely[strlen(likely) - 1] = '\0';
		assert_cell(&v, JOB_CELL_LIKELY, likely);
	}
}

Test(job_row, stalls)
{
	struct job_view v = plain;
	struct job_row row;

	v.still_ms = 45 * MS_PER_MIN + 59999;
	assert_cell(&v, JOB_CELL_PHASE, "running");
	v.stalled = true;
	assert_cell(&v, JOB_CELL_PHASE, "stalled 45min, running");
	job_row_format(&v, NOW, true, &row);
	cr_assert_eq(row.colour, TABLE_YELLOW);
	v.text[TEXT_STATE] = "JOB_STATE_ROLLOUT";
	assert_cell(&v, JOB_CELL_PHASE, "stalled 45min, running (JOB_STATE_ROLLOUT)");
}

Test(job_row, times)
{
	static const struct {
		int64_t ago_s;
		const char *age;
	} cases[] = {
		{0, "0s"},     {1, "1s"},         {59, "59s"},
		{60, "1min"},  {119, "1min"},     {3599, "59min"},
		{3600, "1h"},  {7500, "2h 5min"}, {86399, "23h 59min"},
		{86400, "1d"}, {180000, "2d 2h"}, {694800, "8d 1h"},
		{-10, "0s"}, /* the clock was set back */
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct job_view v = plain;
		char want[64];

		v.phase_since_us = v.last_poll_us = NOW - cases[i].ago_s * US_PER_S;
		assert_cell(&v, JOB_CELL_SINCE, cases[i].age);
		snprintf(want, sizeof(want), "%s ago", cases[i].age);
		assert_cell(&v, JOB_CELL_LAST_POLL, want);
		v.last_error = "HTTP 503";
		snprintf(want, sizeof(want), "%s ago, failed", cases[i].age);
		assert_cell(&v, JOB_CELL_LAST_POLL, want);
	}
	assert_cell(&plain, JOB_CELL_SINCE, "-");
	assert_cell(&plain, JOB_CELL_LAST_POLL, "never");
}

static int keep_row(void *user, const struct job_view *v)
{
	job_row_format(v, NOW, true, user);
	return 0;
}

/* The row of the job as it comes from the daemon with these members. */
static void read_row(const struct job_view *v, const struct job_mask *mask, struct job_row *ret)
{
	_cleanup_buf_ struct buf b = BUF_INIT(STATUS_JSON_MAX);

	cr_assert_eq(status_json_jobs_begin(&b), 0);
	cr_assert_eq(status_json_job(v, mask, &b), 0);
	cr_assert_eq(status_json_jobs_end(&b), 0);
	cr_assert_eq(status_json_parse_jobs(b.data, b.len, mask, keep_row, ret), 0);
}

static bool same_rows(const struct job_row *a, const struct job_row *b)
{
	for (int i = 0; i < JOB_CELL_COUNT_; i++)
		if (strcmp(a->cells[i], b->cells[i]) != 0)
			return false;
	return a->colour == b->colour;
}

/* Whether the row is the same with these members only. */
static bool suffices(const struct job_view *v, const struct job_mask *mask)
{
	struct job_row want, row;

	job_row_format(v, NOW, true, &want);
	read_row(v, mask, &row);
	return same_rows(&row, &want);
}

/* No more and no less is asked for than the row needs. */
Test(job_row, members_that_are_asked_for)
{
	static const struct job_view full = {
		.name = "accounts/acme/supervisedFineTuningJobs/abc",
		.account = "acme",
		.kind = "sft",
		.id = "abc",
		.text = {"JOB_STATE_ROLLOUT", "OK", "m", "prod", "b", "o", "d", "c", "c"},
		.phase = "running",
		.progress = {true, {42, 1, 3, 4, 5, 6, 7, 8, 9, 10}},
		.epochs = 3,
		.attempt = 1,
		.phase_since_us = NOW - 60 * US_PER_S,
		.last_poll_us = NOW - 5 * US_PER_S,
		.next_poll_us = NOW + 5 * US_PER_S,
		.eta_us = NOW + 3600 * US_PER_S,
		.eta_low_us = NOW + 1800 * US_PER_S,
		.eta_high_us = NOW + 7200 * US_PER_S,
		.moved_us = NOW - 600 * US_PER_S,
		.still_ms = 600 * MS_PER_S,
		.stall_budget_ms = 300 * MS_PER_S,
		.stalled = true,
		.last_error = "HTTP 503",
	};
	struct job_view no_epochs = full;
	struct job_mask mask;

	no_epochs.kind = "batch";
	cr_assert_eq(job_mask_parse(JOB_ROW_MEMBERS, &mask, NULL), 0);
	cr_assert(suffices(&full, &mask) && suffices(&no_epochs, &mask));
	for (size_t i = 0; i < JOB_MEMBERS; i++) {
		struct job_mask less = {mask.bits & ~((uint64_t)1 << i)};

		if (job_mask_has(&mask, i) && job_members[i].n_members == 0)
			cr_assert(!suffices(&full, &less) || !suffices(&no_epochs, &less),
				  "%s is not needed", job_members[i].name);
	}
}
