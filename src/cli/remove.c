/* tunewatch remove: stop watching jobs. */
#include <errno.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/targets.h"
#include "codec/control_json.h"

/* 0, or an exit status after a sentence. */
static int remove_job(const struct cli *cli, const char *name)
{
	_cleanup_buf_ struct buf path = BUF_INIT(1000), body = BUF_INIT(CLI_ANSWER_MAX);
	struct client_request q = {.method = "DELETE"};
	struct client_result result;
	int r = buf_printf(&path, "/v1/jobs/%s", name);

	if (r < 0)
		return cli_fail_errno(r);
	q.path = buf_str(&path);
	r = client_call(cli->client, &q, &body, &result);
	if (r == -ENOENT)
		return cli_fail(result.exit_status, "%s is not watched. Try: tunewatch status",
				name);
	if (r < 0)
		return cli_fail_call(&result, r);
	if (!cli->json)
		printf("%s is not watched any more\n", name);
	return 0;
}

static int remove_all(const struct cli *cli, const struct targets *targets,
		      char (*names)[NAME_JOB_MAX], const char **removed)
{
	_cleanup_buf_ struct buf json = BUF_INIT(CLI_ANSWER_MAX);
	int r, exit_status = 0;
	size_t n = 0;

	for (size_t i = 0; i < targets->n; i++) {
		name_format_short(&targets->names[i], names[i]);
		r = remove_job(cli, names[i]);
		if (r == 0)
			removed[n++] = names[i];
		exit_status = exit_status ? exit_status : r;
		if (cli_is_hopeless(r))
			break;
	}
	if (!cli->json) {
		r = cli_finish_output();
	} else {
		r = control_json_texts("removed", removed, n, &json);
		r = r < 0 ? cli_fail_errno(r) : cli_print_document(&json);
	}
	return exit_status ? exit_status : r;
}

int command_remove(const struct cli *cli, int argc, char *const argv[])
{
	_cleanup_targets_ struct targets targets = {0};
	_cleanup_free_ char(*names)[NAME_JOB_MAX] = calloc((size_t)argc + 1, sizeof(*names));
	_cleanup_free_ const char **removed = calloc((size_t)argc + 1, sizeof(*removed));
	int r;

	if (argc == 0)
		return cli_fail(
			EX_USAGE,
			"remove takes the jobs to watch no more. Try: tunewatch help remove");
	if (!names || !removed)
		return cli_fail_errno(-ENOMEM);
	r = targets_resolve(cli, TARGETS_WATCHED, argc, argv, &targets);
	return r ? r : remove_all(cli, &targets, names, removed);
}
