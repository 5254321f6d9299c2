/* tunewatch reload: lets the daemon read its configuration again. */
#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "codec/control_json.h"
#include "codec/text.h"

#define TIMEOUT_MS (5 * MS_PER_MIN) /* files may hang on a network */

/* A fault begins with file and line, so that editors find it. */
static int print_fault(void *user _unused_, const char *fault)
{
	char text[1024];

	snprintf(text, sizeof(text), "%s", fault);
	text_clean(text);
	fprintf(stderr, "%s\n", text);
	return 0;
}

int command_reload(const struct cli *cli, int argc, char *const argv[])
{
	const struct client_request q = {.method = "POST",
					 .path = "/v1/reload",
					 .timeout_ms = TIMEOUT_MS};
	_cleanup_buf_ struct buf body = BUF_INIT(CLI_ANSWER_MAX);
	struct client_result result;
	int r;

	if (argc > 0)
		return cli_fail(EX_USAGE, "reload takes no argument: %s", argv[0]);
	r = client_call(cli->client, &q, &body, &result);
	if (r == -EBADMSG) {
		if (cli->json)
			puts(buf_str(&body));
		else
			(void)control_json_parse_faults(buf_str(&body), body.len, print_fault,
							NULL);
		cli_fail_call(&result, r);
		r = cli_finish_output();
		return r ? r : result.exit_status;
	}
	if (r < 0)
		return cli_fail_call(&result, r);
	puts(cli->json ? buf_str(&body) : "the configuration was read again");
	return cli_finish_output();
}
