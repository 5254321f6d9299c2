/* What every command shares. */
#include "cli/cli.h"

#include <errno.h>
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

int cli_finish_output(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	return cli_fail(EX_IOERR, "cannot write to standard output: %s", strerror(errno));
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
