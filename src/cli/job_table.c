/* The table of jobs. */
#include "cli/job_table.h"

#include <errno.h>
#include <string.h>

#include "cli/job_row.h"

static const struct table_column columns[JOB_CELL_COUNT_] = {
	[JOB_CELL_JOB] = {"JOB", 0, false},
	[JOB_CELL_ID] = {"JOB", 0, false},
	[JOB_CELL_NAME] = {"NAME", 0, false},
	[JOB_CELL_PHASE] = {"PHASE", 0, true},
	[JOB_CELL_PROGRESS] = {"PROGRESS", 0, false},
	[JOB_CELL_PERCENT] = {"PROGRESS", 0, false},
	[JOB_CELL_ETA] = {"ETA", 0, false},
	[JOB_CELL_LIKELY] = {"ETA", 0, false},
	[JOB_CELL_SINCE] = {"SINCE", 0, false},
	[JOB_CELL_LAST_POLL] = {"LAST POLL", 0, false},
};

/* From the widest to the narrowest, `job` being the column that names the job. */
#define LAYOUTS(job)                                                                               \
	{7,                                                                                        \
	 {{job, 0},                                                                                \
	  {JOB_CELL_NAME, 0},                                                                      \
	  {JOB_CELL_PHASE, 0},                                                                     \
	  {JOB_CELL_PROGRESS, 0},                                                                  \
	  {JOB_CELL_ETA, 0},                                                                       \
	  {JOB_CELL_SINCE, 0},                                                                     \
	  {JOB_CELL_LAST_POLL, 0}}},                                                               \
		{7,                                                                                \
		 {{job, 0},                                                                        \
		  {JOB_CELL_NAME, 0},                                                              \
		  {JOB_CELL_PHASE, 0},                                                             \
		  {JOB_CELL_PERCENT, 0},                                                           \
		  {JOB_CELL_ETA, 0},                                                               \
		  {JOB_CELL_SINCE, 0},                                                             \
		  {JOB_CELL_LAST_POLL, 0}}},                                                       \
		{7,                                                                                \
		 {{job, 0},                                                                        \
		  {JOB_CELL_NAME, 8},                                                              \
		  {JOB_CELL_PHASE, 12},                                                            \
		  {JOB_CELL_PERCENT, 0},                                                           \
		  {JOB_CELL_ETA, 0},                                                               \
		  {JOB_CELL_SINCE, 0},                                                             \
		  {JOB_CELL_LAST_POLL, 0}}},                                                       \
		{7,                                                                                \
		 {{job, 0},                                                                        \
		  {JOB_CELL_NAME, 8},                                                              \
		  {JOB_CELL_PHASE, 12},                                                            \
		  {JOB_CELL_PERCENT, 0},                                                           \
		  {JOB_CELL_LIKELY, 0},                                                            \
		  {JOB_CELL_SINCE, 0},                                                             \
		  {JOB_CELL_LAST_POLL, 0}}},                                                       \
		{6,                                                                                \
		 {{job, 0},                                                                        \
		  {JOB_CELL_NAME, 8},                                                              \
		  {JOB_CELL_PHASE, 12},                                                            \
		  {JOB_CELL_PERCENT, 0},                                                           \
		  {JOB_CELL_LIKELY, 0},                                                            \
		  {JOB_CELL_SINCE, 0}}},                                                           \
		{5,                                                                                \
		 {{job, 0},                                                                        \
		  {JOB_CELL_NAME, 4},                                                              \
		  {JOB_CELL_PHASE, 9},                                                             \
		  {JOB_CELL_PERCENT, 0},                                                           \
		  {JOB_CELL_LIKELY, 0}}},                                                          \
		{4, {{job, 0}, {JOB_CELL_PHASE, 7}, {JOB_CELL_PERCENT, 0}, {JOB_CELL_LIKELY, 0}}}, \
	{                                                                                          \
		4,                                                                                 \
		{                                                                                  \
			{job, 15}, {JOB_CELL_PHASE, 9}, {JOB_CELL_PERCENT, 5},                     \
			{                                                                          \
				JOB_CELL_LIKELY, 8                                                 \
			}                                                                          \
		}                                                                                  \
	}

static const struct table_layout several_accounts[] = {LAYOUTS(JOB_CELL_JOB)};

/* Where there is room, the account is shown: a name can be copied from there to anywhere. */
static const struct table_layout one_account[] = {
	{7,
	 {{JOB_CELL_JOB, 0},
	  {JOB_CELL_NAME, 0},
	  {JOB_CELL_PHASE, 0},
	  {JOB_CELL_PROGRESS, 0},
	  {JOB_CELL_ETA, 0},
	  {JOB_CELL_SINCE, 0},
	  {JOB_CELL_LAST_POLL, 0}}},
	LAYOUTS(JOB_CELL_ID),
};

struct reading {
	struct job_table *t;
	unsigned parts;
	struct job_filter *filter;
	bool utf8;
};

void job_table_done(struct job_table *t)
{
	table_free(t->table);
	buf_done(&t->json);
	buf_done(&t->facts);
}

static void note_account(struct job_table *t, const char *full_name)
{
	struct job_name name;

	if (name_parse_full(full_name, &name) < 0) {
		t->several = true; /* it is not left out of what cannot be read */
		return;
	}
	if (!t->account[0])
		strcpy(t->account, name.account);
	t->several = t->several || strcmp(t->account, name.account) != 0;
}

static int add_facts(struct buf *b, const struct job_view *v)
{
	return buf_printf(b, "%s|%s|%s|%s|%d|%d|%d|%u|%d|%d|%u|%s|%s\n", v->name,
			  v->text[TEXT_DISPLAY_NAME], v->phase, v->text[TEXT_STATE],
			  v->progress.given, v->progress.values[PROGRESS_PERCENT],
			  v->progress.values[PROGRESS_EPOCH], v->epochs, v->stalled,
			  *v->last_error != '\0', v->attempt, v->text[TEXT_STATUS_CODE],
			  v->text[TEXT_STATUS_MESSAGE]);
}

static int add_json(struct job_table *t, const struct job_view *v)
{
	int r = t->n > 0 ? buf_puts(&t->json, ",") : status_json_jobs_begin(&t->json);

	return r == 0 ? buf_append(&t->json, v->document, v->document_len) : r;
}

static int add_row(struct job_table *t, const struct job_view *v, bool utf8)
{
	const char *cells[JOB_CELL_COUNT_];
	struct job_row row;

	job_row_format(v, t->now_us, utf8, &row);
	for (int i = 0; i < JOB_CELL_COUNT_; i++)
		cells[i] = row.cells[i];
	return table_add(t->table, row.colour, cells);
}

static int take_job(void *user, const struct job_view *v)
{
	struct reading *reading = user;
	struct job_table *t = reading->t;
	int r = 0;

	if (!job_filter_match(reading->filter, v->name))
		return 0;
	note_account(t, v->name);
	if (reading->parts & JOB_TABLE_JSON)
		r = add_json(t, v);
	if (r == 0 && reading->parts & JOB_TABLE_FACTS)
		r = add_facts(&t->facts, v);
	if (r == 0 && reading->parts & JOB_TABLE_ROWS)
		r = add_row(t, v, reading->utf8);
	t->n++;
	return r;
}

int job_table_read(struct job_table *t, unsigned parts, const char *body, size_t len,
		   struct job_filter *filter, int64_t now_us, bool utf8)
{
	struct reading reading = {.t = t, .parts = parts, .filter = filter, .utf8 = utf8};
	struct job_mask mask;
	int r;

	*t = (struct job_table){.json = BUF_INIT(STATUS_JSON_MAX),
				.facts = BUF_INIT(STATUS_JSON_MAX),
				.now_us = now_us};
	r = table_new(columns, JOB_CELL_COUNT_, &t->table);
	if (r == 0)
		r = job_mask_parse(JOB_ROW_MEMBERS, &mask, NULL);
	if (r == 0)
		r = status_json_parse_jobs(body, len, parts & JOB_TABLE_JSON ? NULL : &mask,
					   take_job, &reading);
	if (r == 0 && t->n == 0)
		r = status_json_jobs_begin(&t->json);
	if (r == 0)
		r = status_json_jobs_end(&t->json);
	if (r == 0)
		table_sort(t->table);
	return r;
}

int job_table_format(const struct job_table *t, size_t width, bool colour, struct buf *b)
{
	return t->several ? table_format_layout(t->table, several_accounts,
						ARRAY_LEN(several_accounts), width, colour, b)
			  : table_format_layout(t->table, one_account, ARRAY_LEN(one_account),
						width, colour, b);
}
