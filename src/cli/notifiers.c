/* tunewatch notifiers: whom the daemon tells, and how that goes. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/table.h"
#include "codec/status_json.h"

enum cell {
	CELL_NAME,
	CELL_TYPE,
	CELL_STATE,
	CELL_WAITING,
	CELL_RUNNING,
	CELL_DELIVERED,
	CELL_FAILED,
	CELL_ERROR,
	CELL_COUNT_,
};

static const struct table_column columns[CELL_COUNT_] = {
	[CELL_NAME] = {"NAME", 8, false},       [CELL_TYPE] = {"TYPE", 0, false},
	[CELL_STATE] = {"STATE", 0, true},      [CELL_WAITING] = {"WAITING", 0, false},
	[CELL_RUNNING] = {"RUNNING", 0, false}, [CELL_DELIVERED] = {"DELIVERED", 0, false},
	[CELL_FAILED] = {"FAILED", 0, false},   [CELL_ERROR] = {"LAST ERROR", 10, false},
};

static int take_notifier(void *user, const struct notifier_view *v)
{
	const char *state = v->removed ? "removed" : v->off ? "off" : "ok";
	enum table_colour colour = v->removed ? TABLE_YELLOW : v->off ? TABLE_RED : TABLE_GREEN;
	char waiting[24], running[24], delivered[24], failed[24];
	const char *cells[CELL_COUNT_] = {
		[CELL_NAME] = v->name,    [CELL_TYPE] = *v->type ? v->type : "-",
		[CELL_STATE] = state,     [CELL_WAITING] = waiting,
		[CELL_RUNNING] = running, [CELL_DELIVERED] = delivered,
		[CELL_FAILED] = failed,   [CELL_ERROR] = *v->last_error ? v->last_error : "-",
	};

	snprintf(waiting, sizeof(waiting), "%zu", v->pending);
	snprintf(running, sizeof(running), "%zu", v->running);
	snprintf(delivered, sizeof(delivered), "%" PRIu64, v->delivered);
	snprintf(failed, sizeof(failed), "%" PRIu64, v->dead);
	return table_add(user, colour, cells);
}

int command_notifiers(const struct cli *cli, int argc, char *const argv[])
{
	static const struct status_reader reader = {.notifier = take_notifier};
	_cleanup_buf_ struct buf body = BUF_INIT(CLI_ANSWER_MAX);
	_cleanup_table_ struct table *table = NULL;
	struct client_result result;
	int r;

	if (argc > 0)
		return cli_fail(EX_USAGE, "notifiers takes no argument: %s", argv[0]);
	r = client_get(cli->client, "/v1/notifiers", &body, &result);
	if (r < 0)
		return cli_fail_call(&result, r);
	if (cli->json)
		return cli_print_document(&body);
	r = table_new(columns, CELL_COUNT_, &table);
	if (r == 0)
		r = status_json_parse_status(buf_str(&body), body.len, &reader, table);
	if (r == -EBADMSG)
		return cli_fail_unreadable(cli);
	if (r < 0)
		return cli_fail_errno(r);
	if (table_rows(table) == 0) {
		fputs("tunewatch: there is no notifier\n", stderr);
		return 0;
	}
	r = cli_print_table(cli, table);
	return r ? r : cli_finish_output();
}
