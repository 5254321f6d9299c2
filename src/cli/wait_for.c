/* Waits for the end of one watched job. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "codec/submit_json.h"

#define POLL_NS 500000000L

static int exit_status_of(enum phase phase)
{
	switch (phase) {
	case PHASE_SUCCEEDED:
		return 0;
	case PHASE_CANCELLED:
		return CLI_EXIT_CANCELLED;
	case PHASE_REMOVED:
		return CLI_EXIT_REMOVED;
	case PHASE_EARLY_STOPPED:
		return CLI_EXIT_EARLY_STOPPED;
	case PHASE_FAILED:
	case PHASE_EXPIRED:
	case PHASE_UNKNOWN:
	case PHASE_QUEUED:
	case PHASE_STARTING:
	case PHASE_RUNNING:
	case PHASE_FINISHING:
	case PHASE_PAUSED:
	case PHASE_CANCELLING:
	case PHASE_REMOVING:
	case PHASE_COUNT_:
		break;
	}
	return CLI_EXIT_FAILED;
}

/* 1 with the phase of an end, 0 while it goes on or the daemon is away, or negative and why. */
static int look(const struct cli *cli, const char *short_name, enum phase *ret, struct error *e)
{
	_cleanup_buf_ struct buf body = BUF_INIT(CLI_ANSWER_MAX);
	char path[NAME_JOB_MAX + 16];
	int r;

	snprintf(path, sizeof(path), "/v1/jobs/%s", short_name);
	r = client_get(cli->socket, path, &body, e);
	if (r == -ECONNREFUSED || r == -EPROTO || r == -ETIMEDOUT || r == -EAGAIN)
		return 0;
	if (r == 0)
		r = submit_json_parse_phase(buf_str(&body), body.len, ret);
	return r < 0 ? r : phase_is_end(*ret);
}

int cli_wait_for(const struct cli *cli, const char *full_name)
{
	enum phase phase = PHASE_UNKNOWN;
	struct error e = ERROR_NONE;
	char name[NAME_JOB_MAX];
	struct job_name parsed;
	int r;

	if (name_parse_full(full_name, &parsed) < 0)
		return cli_fail(EX_USAGE, "not the name of a job: %s", full_name);
	name_format_short(&parsed, name);
	while ((r = look(cli, name, &phase, &e)) == 0)
		nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
	if (r == -EBADMSG)
		return cli_fail_unreadable(cli);
	if (r < 0)
		return cli_fail(client_exit_status(r), "%s", error_text(&e, r));
	if (!cli->json)
		printf("%s %s\n", name, phase_name(phase));
	r = cli_finish_output();
	return r ? r : exit_status_of(phase);
}
