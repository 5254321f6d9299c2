/* tunewatch status: all jobs, as a table or as one JSON document. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/job_list.h"
#include "cli/troubles.h"

static void say(void *user _unused_, const char *sentence)
{
	cli_fail(0, "%s", sentence);
}

/* A table without news looks well when nobody says that none can come, or went out in vain. */
static void warn_of_troubles(const struct cli *cli, int64_t now_us)
{
	_cleanup_buf_ struct buf body = BUF_INIT(CLI_ANSWER_MAX);
	struct client_result result;

	if (client_get(cli->client, "/v1/status", &body, &result) == 0)
		(void)troubles_read(buf_str(&body), body.len, now_us, say, NULL);
}

static int print_table(const struct cli *cli, const struct job_list *list)
{
	_cleanup_buf_ struct buf text = BUF_INIT(CLI_ANSWER_MAX);
	int r = 0;

	if (list->table.n > 0)
		r = job_table_format(&list->table, cli_width(), cli->colour, &text);
	else if (!list->filtered)
		fputs("tunewatch: no job is known\n", stderr);
	if (r < 0)
		return cli_fail(EX_OSERR, "cannot make the table: %s", strerror(-r));
	fputs(buf_str(&text), stdout);
	r = cli_finish_output();
	warn_of_troubles(cli, list->table.now_us);
	return r;
}

int command_status(const struct cli *cli, int argc, char *const argv[])
{
	_cleanup_job_list_ struct job_list list = {.parts = !cli->json ? JOB_TABLE_ROWS
							    : argc > 0 ? JOB_TABLE_JSON
								       : 0};
	struct client_result result;
	int r = job_list_init(cli, argc, argv, &list);

	if (r != 0)
		return r;
	r = job_list_fetch(cli, &list, &result);
	if (r < 0)
		return job_list_fail(cli, &result, r);
	/* Unfiltered JSON goes out as the daemon sent it. */
	if (cli->json)
		r = cli_print_document(list.filtered ? &list.table.json : &list.body);
	else
		r = print_table(cli, &list);
	return r ? r : job_list_missing(&list);
}
