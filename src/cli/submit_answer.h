/* What the daemon's answer to a submitted job means for people and scripts. */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "model/name.h"

/*
 * Of an answer that came: prints what became of the job, or why it was refused. The exit status; 0
 * with the job's name.
 */
int submit_answer_print(const struct cli *cli, const struct client_result *result,
			const struct buf *body, struct job_name *ret_name);
