/* What every command shares. */
#include "cli/cli.h"

#include <errno.h>
#include <langinfo.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/utf8.h"
#include "cli/table.h"
#include "codec/text.h"

#define WIDTH_DEFAULT 80
#define WIDTH_MAX     1000

int cli_fail(int exit_status, const char *fmt, ...)
{
	char text[2 * ERROR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	utf8_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	text_clean(text);
	fprintf(stderr, "tunewatch: %s\n", text);
	return exit_status;
}

int cli_fail_errno(int r)
{
	return cli_fail(client_exit_status(r), "%s", strerror(-r));
}

int cli_fail_call(const struct client_result *result, int r)
{
	if (!result->error.text[0])
		return cli_fail_errno(r);
	return cli_fail(result->exit_status, "%s", result->error.text);
}

int cli_finish_output(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	return cli_fail(EX_IOERR, "cannot write to standard output: %s", strerror(errno));
}

bool cli_nobody_reads(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO};

	return poll(&out, 1, 0) > 0 && out.revents & (POLLERR | POLLHUP);
}

int cli_print_document(const struct buf *b)
{
	puts(buf_str(b));
	return cli_finish_output();
}

bool cli_is_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

int cli_parse_jobs(const struct buf *body, const char *members, status_json_fn fn, void *user)
{
	struct job_mask mask;
	int r = job_mask_parse(members, &mask, NULL);

	return r < 0 ? r : status_json_parse_jobs(buf_str(body), body->len, &mask, fn, user);
}

int cli_read_status(const struct cli *cli, const struct status_reader *reader, void *user)
{
	_cleanup_buf_ struct buf body = BUF_INIT(CLI_ANSWER_MAX);
	struct client_result result;
	int r = client_get(cli->client, "/v1/status", &body, &result);

	if (r < 0)
		return cli_fail_call(&result, r);
	r = status_json_parse_status(buf_str(&body), body.len, reader, user);
	if (r == -EBADMSG)
		return cli_fail_unreadable(cli);
	return r < 0 ? cli_fail_errno(r) : 0;
}

int cli_put_escaped(struct buf *b, const char *s)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
	int r = 0;

	for (; *s && r == 0; s++)
		r = strchr(plain, *s) ? buf_append(b, s, 1)
				      : buf_printf(b, "%%%02X", (unsigned char)*s);
	return r;
}

size_t cli_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	unsigned long n;

	if (!isatty(STDOUT_FILENO))
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	n = columns ? strtoul(columns, NULL, 10) : 0;
	return n > 0 && n <= WIDTH_MAX ? n : WIDTH_DEFAULT;
}

int cli_fail_unreadable(const struct cli *cli)
{
	return cli_fail(EX_UNAVAILABLE,
			"the answer at %s cannot be read: is tunewatchd of another version?",
			cli->socket);
}

int cli_print_table(const struct cli *cli, struct table *table)
{
	_cleanup_buf_ struct buf text = BUF_INIT(CLI_ANSWER_MAX);
	int r = table_format(table, cli_width(), cli->colour, &text);

	if (r < 0)
		return cli_fail(EX_OSERR, "cannot make the table: %s", strerror(-r));
	fputs(buf_str(&text), stdout);
	return 0;
}
