/* tunewatch test: a test event for one notifier, on the way that real ones take. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/table.h"
#include "codec/control_json.h"

/* A hook has ten minutes, or what its configuration says. */
#define TIMEOUT_MS MS_PER_DAY

static const struct {
	const char *verdict, *says;
	enum table_colour colour;
	int exit_status;
} verdicts[] = {
	{"delivered", "delivered", TABLE_GREEN, 0},
	{"retry", "not delivered, a real event would be tried again", TABLE_YELLOW,
	 CLI_EXIT_FAILED},
	{"dead", "refused, a real event would be given up", TABLE_RED, CLI_EXIT_FAILED},
};

static int print_verdict(const struct cli *cli, const char *notifier,
			 const struct control_verdict *v)
{
	const char *says = v->verdict, *begin = "";
	int exit_status = CLI_EXIT_FAILED, r;

	for (size_t i = 0; i < ARRAY_LEN(verdicts); i++)
		if (strcmp(verdicts[i].verdict, v->verdict) == 0) {
			says = verdicts[i].says;
			begin = cli->colour ? table_colour_begin(verdicts[i].colour) : "";
			exit_status = verdicts[i].exit_status;
		}
	if (!cli->json)
		printf("%s: %s%s%s%s%s\n", notifier, begin, says, *begin ? TABLE_COLOUR_END : "",
		       v->message[0] ? ": " : "", v->message);
	r = cli_finish_output();
	return exit_status ? exit_status : r;
}

static int put_path(const struct cli *cli, const char *notifier, struct buf *b)
{
	int r = buf_puts(b, "/v1/notifiers/");

	if (r == 0)
		r = cli_put_escaped(b, notifier);
	if (r == 0)
		r = buf_puts(b, "/test");
	if (r == 0 && cli->values[OPTION_EVENT])
		r = buf_puts(b, "?event=");
	if (r == 0 && cli->values[OPTION_EVENT])
		r = cli_put_escaped(b, cli->values[OPTION_EVENT]);
	return r;
}

int command_test(const struct cli *cli, int argc, char *const argv[])
{
	_cleanup_buf_ struct buf path = BUF_INIT(1000), body = BUF_INIT(CLI_ANSWER_MAX);
	struct client_request q = {.method = "POST", .timeout_ms = TIMEOUT_MS};
	struct control_verdict verdict;
	struct client_result result;
	int r;

	if (argc != 1)
		return cli_fail(EX_USAGE, "test takes one notifier. Try: tunewatch notifiers");
	r = put_path(cli, argv[0], &path);
	if (r == -EMSGSIZE)
		return cli_fail(EX_USAGE, "too long for a name: %.40s...", argv[0]);
	if (r < 0)
		return cli_fail_errno(r);
	q.path = buf_str(&path);
	r = client_call(cli->client, &q, &body, &result);
	/* Where no name is near, the daemon asks no question. */
	if (r == -ENOENT && !strchr(result.error.text, '?'))
		return cli_fail(result.exit_status, "%s. Try: tunewatch notifiers",
				error_text(&result.error, r));
	if (r < 0)
		return cli_fail_call(&result, r);
	r = control_json_parse_verdict(buf_str(&body), body.len, &verdict);
	if (r == -EBADMSG)
		return cli_fail_unreadable(cli);
	if (r < 0)
		return cli_fail_errno(r);
	if (cli->json)
		puts(buf_str(&body));
	return print_verdict(cli, argv[0], &verdict);
}
