/* What the daemon's answer to a submitted job means. */
#include "cli/submit_answer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "codec/control_json.h"
#include "codec/submit_json.h"

static void print_difference(void *user, const char *field, const char *there, const char *here)
{
	bool *any = user;

	*any = true;
	fprintf(stderr, "  %s: %s there, %s here\n", field, there, here);
}

/* By the daemon's status; what is not here is an answer that nobody expects. */
static const struct {
	long status;
	int exit_status;
} refusals[] = {
	{400, EX_USAGE},   {403, EX_NOPERM},  {404, EX_USAGE},    {409, EX_DATAERR},
	{413, EX_DATAERR}, {422, EX_DATAERR}, {503, EX_TEMPFAIL},
};

static int note_fault(void *user, const char *fault _unused_)
{
	*(bool *)user = true;
	return 0;
}

/* Of the job, and not of how it was asked for. */
static bool has_faults(const struct buf *body)
{
	bool any = false;

	(void)control_json_parse_faults(buf_str(body), body->len, note_fault, &any);
	return any;
}

static int print_refusal(const struct client_result *result, const struct buf *body)
{
	int exit_status = EX_UNAVAILABLE;
	bool differs = false;

	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (refusals[i].status == result->status)
			exit_status = refusals[i].exit_status;
	if (result->status == 400 && has_faults(body))
		exit_status = EX_DATAERR;
	cli_fail(exit_status, "%s", result->error.text);
	if (result->status == 409)
		(void)submit_json_parse_differences(buf_str(body), body->len, print_difference,
						    &differs);
	if (differs)
		cli_fail(exit_status, "give the job of this file another id: --id ID");
	return exit_status;
}

static void print_outcome(const struct submit_answer *answer)
{
	char name[NAME_JOB_MAX];

	name_format_short(&answer->name, name);
	if (answer->created) {
		printf("%s created\n", name);
		return;
	}
	printf("%s was there already and is the same job (%s)\n", name,
	       answer->phase == PHASE_UNKNOWN ? "not seen yet" : phase_name(answer->phase));
	if (phase_is_end(answer->phase))
		cli_fail(0, "it has ended and is not run again; for another run give it "
			    "another id: --id ID");
}

int submit_answer_print(const struct cli *cli, const struct client_result *result,
			const struct buf *body, struct job_name *ret_name)
{
	struct submit_answer answer;
	int r;

	if (result->status / 100 != 2)
		return print_refusal(result, body);
	r = submit_json_parse(buf_str(body), body->len, &answer);
	if (r == -ENOMEM)
		return cli_fail(EX_OSERR, "out of memory");
	if (r < 0)
		return cli_fail_unreadable(cli);
	*ret_name = answer.name;
	if (cli->json)
		printf("%s\n", buf_str(body));
	else
		print_outcome(&answer);
	return cli_finish_output();
}
