/* tunewatch retry: deliveries that are over, once more. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "codec/delivery_json.h"

/* An id is what somebody typed: what a path may not hold as it is goes as %XX. */
static int put_escaped(struct buf *b, const char *s)
{
	int r = 0;

	for (; *s && r == 0; s++)
		r = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~", *s)
			    ? buf_append(b, s, 1)
			    : buf_printf(b, "%%%02X", (unsigned char)*s);
	return r;
}

/* 0, or an exit status after a sentence. */
static int retry(const struct cli *cli, const char *id)
{
	_cleanup_buf_ struct buf path = BUF_INIT(500), body = BUF_INIT(CLI_ANSWER_MAX);
	struct error e = ERROR_NONE;
	int r = buf_puts(&path, "/v1/deliveries/");

	if (r == 0)
		r = put_escaped(&path, id);
	if (r == 0)
		r = buf_puts(&path, "/retry");
	if (r == -EMSGSIZE)
		return cli_fail(EX_USAGE, "too long for the id of a delivery: %.40s...", id);
	if (r == 0)
		r = client_post(cli->socket, buf_str(&path), &body, &e);
	return r < 0 ? cli_fail(client_exit_status(r), "%s: %s", id, error_text(&e, r)) : 0;
}

struct dead {
	const struct cli *cli;
	size_t n;
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
	else if (dead->exit_status == 0)
		dead->exit_status = r;
	/* The daemon went away: the others would say the same. */
	return r == EX_UNAVAILABLE || r == EX_NOPERM ? -ECANCELED : 0;
}

static int retry_all_dead(const struct cli *cli)
{
	_cleanup_buf_ struct buf body = BUF_INIT(CLI_ANSWER_MAX);
	struct dead dead = {.cli = cli};
	struct error e = ERROR_NONE;
	bool more = false;
	int r = client_get(cli->socket, "/v1/deliveries?state=dead&limit=1000", &body, &e);

	if (r < 0)
		return cli_fail(client_exit_status(r), "%s", error_text(&e, r));
	r = delivery_json_parse(buf_str(&body), body.len, retry_dead, &dead, &more);
	if (r == -EBADMSG)
		return cli_fail_unreadable(cli);
	if (r < 0 && r != -ECANCELED)
		return cli_fail(client_exit_status(r), "%s", strerror(-r));
	printf("%zu sent again%s\n", dead.n, more ? "; there are more, say it once more" : "");
	r = cli_finish_output();
	return dead.exit_status ? dead.exit_status : r;
}

int command_retry(const struct cli *cli, int argc, char *const argv[])
{
	int exit_status = 0;

	if (cli->json)
		return cli_fail(EX_USAGE, "retry has no JSON to print: say it without --json");
	if (cli->dead && argc > 0)
		return cli_fail(EX_USAGE, "retry takes ids or --dead, not both");
	if (cli->dead)
		return retry_all_dead(cli);
	if (argc == 0)
		return cli_fail(EX_USAGE,
				"retry takes ids as tunewatch deliveries shows them, or --dead");
	for (int i = 0; i < argc; i++) {
		int r = retry(cli, argv[i]);

		if (r && !exit_status)
			exit_status = r;
	}
	return exit_status;
}
