/* The jobs that status and watch show. */
#include "cli/job_list.h"

#include <errno.h>

#include "base/clock.h"
#include "cli/job_row.h"
#include "cli/targets.h"

void job_list_done(struct job_list *list)
{
	job_filter_free(list->filter);
	free(list->argv);
	buf_done(&list->body);
	job_table_done(&list->table);
}

int job_list_init(const struct cli *cli, int argc, char *const argv[], struct job_list *ret)
{
	const char *bad = NULL;
	int r = targets_expand(cli, argc, argv, &ret->argv);

	if (r != 0)
		return r;
	ret->body = BUF_INIT(CLI_ANSWER_MAX);
	ret->filtered = argc > 0;
	r = job_filter_new(argc, ret->argv, &ret->filter, &bad);
	if (r == -EINVAL)
		return cli_fail(EX_USAGE,
				"not the name of a job: %.80s (write sft/abc, acme/sft/abc or "
				"accounts/acme/supervisedFineTuningJobs/abc)",
				bad);
	return r < 0 ? cli_fail_errno(r) : 0;
}

int job_list_fetch(const struct cli *cli, struct job_list *list, struct client_result *ret)
{
	const struct client_request q = {.method = "GET",
					 .path = cli->json ? "/v1/jobs"
							   : "/v1/jobs?readMask=" JOB_ROW_MEMBERS,
					 .timeout_ms = list->timeout_ms};
	struct job_table table = {0};
	int r = client_call(cli->client, &q, &list->body, ret);

	if (r < 0)
		return r;
	ret->status = 0;
	job_filter_forget(list->filter);
	r = job_table_read(&table, list->parts, buf_str(&list->body), list->body.len, list->filter,
			   clock_real_now_us(), cli_is_utf8());
	if (r < 0) {
		job_table_done(&table);
		return r;
	}
	job_table_done(&list->table);
	list->table = table;
	return 0;
}

int job_list_fail(const struct cli *cli, const struct client_result *result, int r)
{
	return r == -EBADMSG && !result->status ? cli_fail_unreadable(cli)
						: cli_fail_call(result, r);
}

int job_list_missing(const struct job_list *list)
{
	const char *missing;
	size_t i = 0;
	int r = 0;

	while ((missing = job_filter_unmatched(list->filter, &i)))
		r = cli_fail(CLI_EXIT_REFUSED, "no such job is watched: %s", missing);
	return r;
}
