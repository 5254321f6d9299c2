/* tunewatch deliveries: the outbox, as a table or as one JSON document. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/job_row.h"
#include "cli/table.h"
#include "codec/delivery_json.h"
#include "model/name.h"

enum cell {
	CELL_ID,
	CELL_EVENT,
	CELL_SUBJECT,
	CELL_STATE,
	CELL_TRIES,
	CELL_AGE,
	CELL_NEXT,
	CELL_ERROR,
	CELL_COUNT_,
};

static const struct table_column columns[CELL_COUNT_] = {
	[CELL_ID] = {"ID", 0, false},         [CELL_EVENT] = {"EVENT", 0, false},
	[CELL_SUBJECT] = {"JOB", 12, false},  [CELL_STATE] = {"STATE", 0, true},
	[CELL_TRIES] = {"TRIES", 0, false},   [CELL_AGE] = {"AGE", 0, false},
	[CELL_NEXT] = {"NEXT TRY", 0, false}, [CELL_ERROR] = {"ERROR", 10, false},
};

static const struct {
	const char *state;
	enum table_colour colour;
} colours[] = {
	{"pending", TABLE_YELLOW},
	{"dead", TABLE_RED},
	{"delivered", TABLE_GREEN},
};

struct output {
	struct table *table;
	int64_t now_us;
};

static enum table_colour colour_of(const char *state)
{
	for (size_t i = 0; i < ARRAY_LEN(colours); i++)
		if (strcmp(colours[i].state, state) == 0)
			return colours[i].colour;
	return TABLE_PLAIN;
}

/* "acme/sft/abc", or the account of an event that is about one. */
static const char *subject_of(const struct delivery_view *v, char job[NAME_JOB_MAX])
{
	static const char prefix[] = "accounts/";
	struct job_name name;

	if (name_parse_full(v->subject, &name) == 0) {
		name_format_short(&name, job);
		return job;
	}
	return strncmp(v->subject, prefix, strlen(prefix)) == 0 ? v->subject + strlen(prefix)
								: v->subject;
}

static int take_delivery(void *user, const struct delivery_view *v)
{
	struct output *out = user;
	char id[DELIVERY_ID_MAX], job[NAME_JOB_MAX], tries[16], age[CLOCK_SPAN_MAX];
	char next[CLOCK_SPAN_MAX] = "";
	const char *cells[CELL_COUNT_] = {
		[CELL_ID] = id,
		[CELL_EVENT] = v->type,
		[CELL_SUBJECT] = subject_of(v, job),
		[CELL_STATE] = v->state,
		[CELL_TRIES] = tries,
		[CELL_AGE] = age,
		[CELL_NEXT] = next,
		[CELL_ERROR] = v->last_error,
	};

	snprintf(id, sizeof(id), "%s.%s", v->event, v->notifier);
	snprintf(tries, sizeof(tries), "%u", v->tries);
	job_row_age(v->created_us, out->now_us, age);
	if (v->next_try_us > out->now_us)
		job_row_age(out->now_us, v->next_try_us, next);
	if (v->waiting_for[0])
		cells[CELL_NEXT] = v->waiting_for;
	return table_add(out->table, colour_of(v->state), cells);
}

int command_deliveries(const struct cli *cli, int argc, char *const argv[])
{
	_cleanup_buf_ struct buf body = BUF_INIT(CLI_ANSWER_MAX);
	_cleanup_table_ struct table *table = NULL;
	struct output out = {.now_us = clock_real_now_us()};
	const char *state = cli->values[OPTION_STATE];
	struct client_result result;
	bool more = false;
	char path[128];
	int r;

	if (argc > 0)
		return cli_fail(EX_USAGE, "deliveries takes no argument: %s", argv[0]);
	if (state && strspn(state, "abcdefghijklmnopqrstuvwxyz") != strlen(state))
		return cli_fail(EX_USAGE,
				"no such state: %s; say pending, delivered, dead or skipped",
				state);
	snprintf(path, sizeof(path), "/v1/deliveries?limit=1000%s%.32s", state ? "&state=" : "",
		 state ? state : "");
	r = client_get(cli->client, path, &body, &result);
	if (r < 0)
		return cli_fail_call(&result, r);
	if (cli->json)
		return cli_print_document(&body);
	r = table_new(columns, CELL_COUNT_, &table);
	out.table = table;
	if (r == 0)
		r = delivery_json_parse(buf_str(&body), body.len, take_delivery, &out, &more);
	if (r == -EBADMSG)
		return cli_fail_unreadable(cli);
	if (r < 0)
		return cli_fail_errno(r);
	if (table_rows(table) > 0)
		r = cli_print_table(cli, table);
	else
		fprintf(stderr, "tunewatch: nothing is %s\n", state ? state : "waiting or dead");
	if (more)
		fputs("tunewatch: there are more than these\n", stderr);
	return r ? r : cli_finish_output();
}
