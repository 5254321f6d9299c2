/* tunewatch retry: deliveries that are over, once more. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "codec/delivery_json.h"

/* 0, or an exit status after a sentence. */
static int retry(const struct cli *cli, const char *id)
{
	_cleanup_buf_ struct buf path = BUF_INIT(500), body = BUF_INIT(CLI_ANSWER_MAX);
	struct client_result result;
	int r = buf_puts(&path, "/v1/deliveries/");

	if (r == 0)
		r = cli_put_escaped(&path, id);
	if (r == 0)
		r = buf_puts(&path, "/retry");
	if (r == -EMSGSIZE)
		return cli_fail(EX_USAGE, "too long for the id of a delivery: %.40s...", id);
	if (r < 0)
		return cli_fail_errno(r);
	r = client_post(cli->client, buf_str(&path), &body, &result);
	return r < 0 ? cli_fail(result.exit_status, "%s: %s", id, error_text(&result.error, r)) : 0;
}

struct dead {
	const struct cli *cli;
	size_t n, failed;
	int exit_status;
};

static int retry_dead(void *user, const struct delivery_view *v)
{
	struct dead *dead = user;
	char id[DELIVERY_ID_MAX];
	int r;

	snprintf(id, sizeof(id), "%s.%s", v->event, v->notifier);
	r = retry(dead->cli, id);
	if (r == 0)
		dead->n++;
	else
		dead->failed++;
	if (!dead->exit_status)
		dead->exit_status = r;
	return cli_is_hopeless(r) ? -ECANCELED : 0;
}

/* {"retried":2,"failed":0,"more":false}, or a sentence where there was no list of what to send. */
static int report(const struct cli *cli, size_t retried, size_t failed, bool more)
{
	if (cli->json)
		printf("{\"retried\":%zu,\"failed\":%zu,\"more\":%s}\n", retried, failed,
		       more ? "true" : "false");
	else if (cli_given(cli, OPTION_DEAD))
		printf("%zu sent again%s\n", retried,
		       more ? "; there are more, say it once more" : "");
	return cli_finish_output();
}

static int retry_all_dead(const struct cli *cli)
{
	_cleanup_buf_ struct buf body = BUF_INIT(CLI_ANSWER_MAX);
	struct dead dead = {.cli = cli};
	struct client_result result;
	bool more = false;
	int r = client_get(cli->client, "/v1/deliveries?state=dead&limit=1000", &body, &result);

	if (r < 0)
		return cli_fail_call(&result, r);
	r = delivery_json_parse(buf_str(&body), body.len, retry_dead, &dead, &more);
	if (r == -EBADMSG)
		return cli_fail_unreadable(cli);
	if (r < 0 && r != -ECANCELED)
		return cli_fail_errno(r);
	r = report(cli, dead.n, dead.failed, more);
	return dead.exit_status ? dead.exit_status : r;
}

int command_retry(const struct cli *cli, int argc, char *const argv[])
{
	bool all = cli_given(cli, OPTION_DEAD);
	size_t sent = 0, failed = 0;
	int exit_status = 0, r;

	if (all && argc > 0)
		return cli_fail(EX_USAGE, "retry takes ids or --dead, not both");
	if (all)
		return retry_all_dead(cli);
	if (argc == 0)
		return cli_fail(EX_USAGE,
				"retry takes ids as tunewatch deliveries shows them, or --dead");
	for (int i = 0; i < argc && !cli_is_hopeless(exit_status); i++) {
		r = retry(cli, argv[i]);
		sent += r == 0;
		failed += r != 0;
		if (r && !exit_status)
			exit_status = r;
	}
	r = report(cli, sent, failed, false);
	return exit_status ? exit_status : r;
}
