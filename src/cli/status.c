/* tunewatch status: all jobs, as a table or as one JSON document. */
#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/job_filter.h"
#include "cli/job_row.h"
#include "cli/table.h"
#include "codec/status_json.h"
#include "model/schedule.h"

struct status_output {
	struct job_filter *filter;
	struct table *table; /* NULL: JSON */
	struct buf *json;
	int64_t now_us;
	bool utf8;
};

static int take_job(void *user, const struct job_view *v)
{
	struct status_output *out = user;
	const char *cells[JOB_CELL_COUNT_];
	struct job_row row;

	if (!job_filter_match(out->filter, v->name))
		return 0;
	if (!out->table)
		return status_json_job(v, NULL, out->json);
	job_row_format(v, out->now_us, out->utf8, &row);
	for (int i = 0; i < JOB_CELL_COUNT_; i++)
		cells[i] = row.cells[i];
	return table_add(out->table, row.colour, cells);
}

/* Whether every JOB argument is there; says which are not. */
static int missing_jobs(const struct job_filter *filter)
{
	const char *missing;
	size_t i = 0;
	int r = 0;

	while ((missing = job_filter_unmatched(filter, &i)))
		r = cli_fail(CLI_EXIT_NO_SUCH_JOB, "no such job is watched: %s", missing);
	return r;
}

/* Kinds whose lists fail while the rest of the account is answered. */
static void warn_of_collections(const char *account, const struct account_view *v)
{
	for (size_t i = 0; i < v->n_collections; i++)
		if (*v->collections[i].last_error)
			cli_fail(0, "account %s: %s jobs are not listed: %s", account,
				 v->collections[i].kind, v->collections[i].last_error);
}

/* Until a kind was looked at, its jobs are not missing, but not known. */
static void warn_of_unseen(const char *account, const struct account_view *v)
{
	_cleanup_buf_ struct buf kinds = BUF_INIT(STATUS_JSON_MAX);
	int r = 0;

	for (size_t i = 0; r == 0 && i < v->n_collections; i++)
		if (v->collections[i].unseen && !*v->collections[i].last_error)
			r = buf_printf(&kinds, "%s%s", kinds.len > 0 ? ", " : "",
				       v->collections[i].kind);
	if (r == 0 && kinds.len > 0)
		cli_fail(0, "account %s: these kinds were not looked at yet: %s", account,
			 buf_str(&kinds));
}

static int warn_of_account(void *user, const struct account_view *v)
{
	const char *account = *v->account ? v->account : v->name;
	const int64_t *now_us = user;
	char span[CLOCK_SPAN_MAX], wanted[CLOCK_SPAN_MAX];

	if (!v->in_sight) {
		job_row_age(v->out_since_us, *now_us, span);
		cli_fail(0, "account %s has not been seen for %s: %s", account, span,
			 v->last_error);
		return 0;
	}
	if (schedule_is_stale(v->wanted_ms, v->freshness_ms)) {
		job_row_span(v->freshness_ms, span);
		clock_format_span_ms(v->wanted_ms, wanted);
		cli_fail(0,
			 "account %s: %" PRIu32 " %s for a look every %s "
			 "(%s wanted)",
			 account, v->rate,
			 v->rate == 1 ? "request a minute suffices" : "requests a minute suffice",
			 span, wanted);
	}
	warn_of_unseen(account, v);
	warn_of_collections(account, v);
	return 0;
}

static int warn_of_notifier(void *user, const struct notifier_view *v)
{
	if (v->off)
		cli_fail(0, "notifier %s is off until the next reload: %s", v->name, v->last_error);
	if (v->pending > 0 && v->removed)
		cli_fail(0, "%zu %s for the notifier %s, which is not in the configuration",
			 v->pending, v->pending == 1 ? "delivery waits" : "deliveries wait",
			 v->name);
	else if (v->pending > 0 && v->retried > 0)
		cli_fail(0, "%zu %s for the notifier %s: %s", v->pending,
			 v->pending == 1 ? "delivery waits" : "deliveries wait", v->name,
			 v->last_error);
	if (v->dead > 0)
		cli_fail(0,
			 "notifier %s gave up %" PRIu64 " %s since the start. "
			 "Try: tunewatch deliveries",
			 v->name, v->dead, v->dead == 1 ? "delivery" : "deliveries");
	return 0;
}

static int warn_of_errors(void *user _unused_, const char *store, const char *configuration)
{
	if (*store)
		cli_fail(0, "the store fails, nothing new is taken in: %s", store);
	if (*configuration)
		cli_fail(0, "the last reload was refused: %s", configuration);
	return 0;
}

/* A table without news looks well when nobody says that none can come, or went out in vain. */
static void warn_of_troubles(const struct cli *cli, int64_t now_us)
{
	static const struct status_reader reader = {.account = warn_of_account,
						    .notifier = warn_of_notifier,
						    .errors = warn_of_errors};
	_cleanup_buf_ struct buf body = BUF_INIT(STATUS_JSON_MAX);

	if (client_get(cli->socket, "/v1/status", &body, NULL) == 0)
		(void)status_json_parse_status(buf_str(&body), body.len, &reader, &now_us);
}

int command_status(const struct cli *cli, int argc, char *const argv[])
{
	_cleanup_buf_ struct buf body = BUF_INIT(STATUS_JSON_MAX), json = BUF_INIT(STATUS_JSON_MAX);
	_cleanup_job_filter_ struct job_filter *filter = NULL;
	_cleanup_table_ struct table *table = NULL;
	struct status_output out = {.json = &json};
	struct job_mask mask = job_mask_all;
	struct error e = ERROR_NONE;
	const char *bad = NULL;
	int r;

	r = job_filter_new(argc, argv, &filter, &bad);
	if (r == -EINVAL)
		return cli_fail(EX_USAGE,
				"not the name of a job: %s (write sft/abc, acme/sft/abc or "
				"accounts/acme/supervisedFineTuningJobs/abc)",
				bad);
	if (r == 0 && !cli->json)
		r = table_new(job_columns, JOB_CELL_COUNT_, &table);
	if (r == 0 && !cli->json)
		r = job_mask_parse(JOB_ROW_MEMBERS, &mask, NULL);
	if (r < 0)
		return cli_fail(client_exit_status(r), "%s", strerror(-r));
	r = client_get(cli->socket, cli->json ? "/v1/jobs" : "/v1/jobs?readMask=" JOB_ROW_MEMBERS,
		       &body, &e);
	if (r < 0)
		return cli_fail(client_exit_status(r), "%s", error_text(&e, r));
	out.filter = filter;
	out.table = table;
	out.now_us = clock_real_now_us();
	out.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	r = status_json_jobs_begin(&json);
	if (r == 0)
		r = status_json_parse_jobs(buf_str(&body), body.len, &mask, take_job, &out);
	if (r == 0)
		r = status_json_jobs_end(&json);
	if (r == -EBADMSG)
		return cli_fail_unreadable(cli);
	if (r < 0)
		return cli_fail(client_exit_status(r), "%s", strerror(-r));
	/* Unfiltered JSON goes out as the daemon sent it. */
	if (cli->json)
		puts(buf_str(argc > 0 ? &json : &body));
	else if (table_rows(table) > 0) {
		table_sort(table);
		r = cli_print_table(cli, table);
	} else if (argc == 0)
		fputs("tunewatch: no job is known\n", stderr);
	if (r == 0)
		r = cli_finish_output();
	if (!cli->json)
		warn_of_troubles(cli, out.now_us);
	return r ? r : missing_jobs(filter);
}
