/* The log front, at the other end of standard error. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/log.h"

/* Standard error as a pipe; each test runs in a process of its own, so nothing is put back. */
static int log_to_pipe(enum log_level max)
{
	int fds[2];

	cr_assert_eq(pipe2(fds, O_NONBLOCK), 0);
	cr_assert_eq(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	unsetenv("JOURNAL_STREAM");
	log_open(max);
	return fds[0];
}

static void read_text(int fd, char *ret, size_t size)
{
	ssize_t n = read(fd, ret, size - 1);

	ret[n > 0 ? n : 0] = '\0';
}

static void assert_logged(int fd, const char *want)
{
	char got[2 * LOG_LINE_MAX];
	const char *text;

	read_text(fd, got, sizeof(got));
	text = strchr(got, ' ');
	cr_assert_not_null(text, "no time before: %s", got);
	cr_assert_str_eq(text + 1, want);
}

/* Also the control characters that take two bytes: some terminals obey U+009B as they do ESC [. */
Test(log, no_control_character_gets_through)
{
	int fd = log_to_pipe(LOG_LEVEL_INFO);

	log_notice("a\nb\tc\x7f d\x1b[31m e\xc2\x9b"
		   "31m f\xc2\x85"
		   "g \u00a0\u00e4 €");
	assert_logged(fd, "notice: a\\x0ab\\x09c\\x7f d\\x1b[31m e\\xc2\\x9b31m f\\xc2\\x85g "
			  "\u00a0\u00e4 €\n");
}

Test(log, long_lines_end_with_a_whole_character)
{
	int fd = log_to_pipe(LOG_LEVEL_INFO);

	for (int shift = 0; shift < 3; shift++) {
		char text[LOG_LINE_MAX], got[2 * LOG_LINE_MAX];
		size_t len;

		/* Escapes make it longer than a line, so the line is cut after the text was. */
		memset(text, '\x01', 400);
		memset(text + 400, 'x', (size_t)shift);
		text[400 + shift] = '\0';
		while (strlen(text) < sizeof(text) - 4)
			strcat(text, "€");
		log_info("%s", text);
		read_text(fd, got, sizeof(got));
		len = strlen(got);
		cr_assert_leq(len, LOG_LINE_MAX);
		cr_assert_str_eq(got + len - 4, "€\n");
	}
}
