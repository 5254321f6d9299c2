/* tunewatch add: watch jobs, whatever the configuration says. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/targets.h"
#include "codec/status_json.h"

/* "/v1/jobs/acme/sft/abc?notify=a,b". The names are for the daemon to judge. */
static int put_path(const struct cli *cli, const char *name, struct buf *b)
{
	int r = buf_printf(b, "/v1/jobs/%s", name);

	for (size_t i = 0; r == 0 && i < cli->n_notify; i++) {
		r = buf_puts(b, i == 0 ? "?notify=" : ",");
		if (r == 0)
			r = cli_put_escaped(b, cli->notify[i]);
	}
	return r;
}

/* 0, or an exit status after a sentence. */
static int add(const struct cli *cli, const struct job_name *name, struct buf *json)
{
	_cleanup_buf_ struct buf path = BUF_INIT(1000), body = BUF_INIT(CLI_ANSWER_MAX);
	struct client_request q = {.method = "PUT"};
	struct client_result result;
	char text[NAME_JOB_MAX];
	int r;

	name_format_short(name, text);
	r = put_path(cli, text, &path);
	if (r == -EMSGSIZE)
		return cli_fail(EX_USAGE, "too many or too long names for --notify");
	if (r < 0)
		return cli_fail_errno(r);
	q.path = buf_str(&path);
	r = client_call(cli->client, &q, &body, &result);
	if (r < 0)
		return cli_fail_call(&result, r);
	if (cli->json) {
		r = json->data[json->len - 1] == '[' ? 0 : buf_puts(json, ",");
		if (r == 0)
			r = buf_append(json, body.data, body.len);
		return r < 0 ? cli_fail_errno(r) : 0;
	}
	printf("%s %s\n", text, result.status == 201 ? "is watched now" : "was watched already");
	return 0;
}

int command_add(const struct cli *cli, int argc, char *const argv[])
{
	_cleanup_buf_ struct buf json = BUF_INIT(CLI_ANSWER_MAX);
	_cleanup_targets_ struct targets targets = {0};
	int r, exit_status = 0;

	if (argc == 0)
		return cli_fail(EX_USAGE, "add takes the jobs to watch. Try: tunewatch help add");
	r = targets_resolve(cli, TARGETS_ANY, argc, argv, &targets);
	if (r != 0)
		return r;
	r = status_json_jobs_begin(&json);
	for (size_t i = 0; r == 0 && i < targets.n; i++) {
		int one = add(cli, &targets.names[i], &json);

		exit_status = exit_status ? exit_status : one;
		if (cli_is_hopeless(one))
			break;
	}
	if (r == 0)
		r = status_json_jobs_end(&json);
	if (r < 0)
		return cli_fail_errno(r);
	r = cli->json ? cli_print_document(&json) : cli_finish_output();
	return exit_status ? exit_status : r;
}
