/* tunewatch submit: creates a supervised fine-tuning job from a file, once. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/submit_answer.h"
#include "cli/submit_file.h"
#include "cli/wait.h"
#include "codec/sft_json.h"
#include "codec/status_json.h"

#define TIMEOUT_DEFAULT_MS (2 * MS_PER_MIN)
#define TIMEOUT_MIN_MS     MS_PER_S
#define TIMEOUT_MAX_MS     MS_PER_H
#define MARGIN_MS          (15 * MS_PER_S) /* the daemon gives up by itself, and then says why */
#define AGAIN_NS           500000000L
#define ACCOUNTS_MAX       64
#define PATH_MAX_BYTES     8000

/* ---- which account ---- */

struct accounts {
	const char *wanted; /* NULL: the only one */
	char ids[ACCOUNTS_MAX][NAME_ID_MAX + 1];
	size_t n;
	size_t found; /* index of the wanted one; n: none */
	bool nameless;
};

/* By its id, or by the title of its section. */
static int take_account(void *user, const struct account_view *v)
{
	struct accounts *a = user;

	if (!name_id_valid(v->account)) {
		a->nameless = true;
		return 0;
	}
	if (a->n == ACCOUNTS_MAX)
		return 0;
	if (a->wanted && (strcmp(a->wanted, v->account) == 0 || strcmp(a->wanted, v->name) == 0))
		a->found = a->n;
	snprintf(a->ids[a->n++], sizeof(a->ids[0]), "%s", v->account);
	return 0;
}

static int read_accounts(const struct cli *cli, struct accounts *a)
{
	static const struct status_reader reader = {.account = take_account};

	a->found = SIZE_MAX;
	return cli_read_status(cli, &reader, a);
}

static int name_accounts(const struct accounts *a, const char *sentence)
{
	cli_fail(EX_USAGE, "%s", sentence);
	for (size_t i = 0; i < a->n; i++)
		fprintf(stderr, "  %s\n", a->ids[i]);
	return EX_USAGE;
}

/* 0, or an exit status after a sentence. */
static int choose_account(const struct cli *cli, char ret[NAME_ID_MAX + 1])
{
	struct accounts a = {.wanted = cli->values[OPTION_ACCOUNT]};
	size_t i = 0;
	int r = read_accounts(cli, &a);

	if (r)
		return r;
	if (a.n == 0 && a.nameless)
		return cli_fail(EX_TEMPFAIL, "tunewatchd does not know the id of its account yet; "
					     "try again, or set account-id");
	if (a.wanted && a.found == SIZE_MAX)
		return name_accounts(&a, "no such account is configured; there are:");
	if (a.wanted)
		i = a.found;
	else if (a.n != 1)
		return name_accounts(&a, a.n ? "which account? Say --account with one of:"
					     : "no account is configured");
	memcpy(ret, a.ids[i], sizeof(a.ids[i]));
	return 0;
}

/* ---- the request ---- */

/* "&notify=a,b": what a query may not hold as it is goes as %XX. */
static int put_notify(const struct cli *cli, struct buf *b)
{
	int r = cli->n_notify > 0 ? buf_puts(b, "&notify=") : 0;

	for (size_t i = 0; i < cli->n_notify && r == 0; i++) {
		if (i > 0)
			r = buf_puts(b, ",");
		if (r == 0)
			r = cli_put_escaped(b, cli->notify[i]);
	}
	return r;
}

static int put_path(const struct cli *cli, const char *account, uint64_t timeout_ms, struct buf *b)
{
	int r;

	buf_clear(b);
	r = buf_printf(b, "/v1/accounts/%s/jobs/sft?timeout=%llu", account,
		       (unsigned long long)((timeout_ms + MS_PER_S - 1) / MS_PER_S));
	if (r == 0 && cli_given(cli, OPTION_ID))
		r = buf_printf(b, "&id=%s", cli->values[OPTION_ID]);
	return r == 0 ? put_notify(cli, b) : r;
}

static bool is_away(const struct client_result *result, int r)
{
	return result->lost || r == -ECONNREFUSED || r == -ETIMEDOUT;
}

static int give_up(const struct client_result *result, int r)
{
	if (is_away(result, r))
		return cli_fail(EX_UNAVAILABLE,
				"it is not known whether the job was created: submit the file once "
				"more, which makes no second job (%s)",
				error_text(&result->error, r));
	return cli_fail_call(result, r);
}

/*
 * Asks until the daemon has answered or the time is over. The same request finds what an earlier one
 * has created, so that asking again is safe. 0 with an answer, else an exit status.
 */
static int post(const struct cli *cli, const char *account, uint64_t timeout_ms,
		const struct buf *send, struct buf *body, struct client_result *result)
{
	_cleanup_buf_ struct buf path = BUF_INIT(PATH_MAX_BYTES);
	struct client_request q = {.method = "POST", .body = buf_str(send), .len = send->len};
	uint64_t now_ms = clock_boot_now_ms(), end_ms = now_ms + timeout_ms;
	bool told = false;

	for (;; now_ms = clock_boot_now_ms()) {
		uint64_t left_ms = MAX(end_ms - MIN(now_ms, end_ms), TIMEOUT_MIN_MS);
		int r = put_path(cli, account, left_ms, &path);

		if (r == -EMSGSIZE)
			return cli_fail(EX_USAGE, "too many names of notifiers");
		if (r < 0)
			return cli_fail(EX_OSERR, "out of memory");
		q.path = buf_str(&path);
		q.timeout_ms = left_ms + MARGIN_MS;
		r = client_call(cli->client, &q, body, result);
		if (result->status && !is_away(result, r)) /* 503 stopping is away */
			return 0;
		if (!is_away(result, r) || clock_boot_now_ms() >= end_ms)
			return give_up(result, r);
		if (!told)
			cli_fail(0, "tunewatchd went away; asking again until it is back");
		told = true;
		nanosleep(&(struct timespec){.tv_nsec = AGAIN_NS}, NULL);
	}
}

/* ---- the command ---- */

static int check_usage(const struct cli *cli, int argc)
{
	if (argc != 1)
		return cli_fail(EX_USAGE, "submit takes one file, or - for standard input");
	if (cli_given(cli, OPTION_ID) && !name_id_valid(cli->values[OPTION_ID]))
		return cli_fail(EX_USAGE, "not the id of a job (1 to 63 of a-z, 0-9 and -): %.80s",
				cli->values[OPTION_ID]);
	for (size_t i = 0; i < cli->n_notify; i++)
		if (!*cli->notify[i])
			return cli_fail(EX_USAGE, "--notify needs the name of a notifier");
	return 0;
}

/* "2min", from a second to an hour, as the daemon takes it. */
static int read_timeout(const char *text, uint64_t *ret_ms)
{
	*ret_ms = TIMEOUT_DEFAULT_MS;
	if (!text)
		return 0;
	if (clock_parse_span_ms(text, ret_ms) < 0 || *ret_ms < TIMEOUT_MIN_MS ||
	    *ret_ms > TIMEOUT_MAX_MS)
		return cli_fail(EX_USAGE, "--timeout takes a span from 1s to 1h: %.80s", text);
	return 0;
}

int command_submit(const struct cli *cli, int argc, char *const argv[])
{
	_cleanup_buf_ struct buf send = BUF_INIT(SFT_BODY_MAX_BYTES);
	_cleanup_buf_ struct buf body = BUF_INIT(CLI_ANSWER_MAX);
	char account[NAME_ID_MAX + 1];
	struct job_name name;
	struct client_result result;
	uint64_t timeout_ms = 0;
	int r = check_usage(cli, argc);

	if (r == 0)
		r = read_timeout(cli->values[OPTION_TIMEOUT], &timeout_ms);
	if (r == 0)
		r = submit_file_read(argv[0], &send);
	if (r == 0)
		r = choose_account(cli, account);
	if (r == 0)
		r = post(cli, account, timeout_ms, &send, &body, &result);
	if (r == 0)
		r = submit_answer_print(cli, &result, &body, &name);
	/* With --json, the answer is the one document. */
	return r == 0 && cli_given(cli, OPTION_WAIT)
		       ? wait_for_jobs(cli, &name, 1, WAIT_KNOWN | (cli->json ? WAIT_SILENT : 0),
				       UINT64_MAX)
		       : r;
}
