/* The log front, at the other end of standard error. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
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

Test(log, levels)
{
	static const struct {
		enum log_level level;
		const char *line;
	} cases[] = {
		{LOG_LEVEL_ERR, "error: x 1\n"},     {LOG_LEVEL_WARNING, "warning: x 1\n"},
		{LOG_LEVEL_NOTICE, "notice: x 1\n"}, {LOG_LEVEL_INFO, "info: x 1\n"},
		{LOG_LEVEL_DEBUG, "debug: x 1\n"},
	};
	char got[LOG_LINE_MAX];

	for (size_t max = 0; max < ARRAY_LEN(cases); max++) {
		int fd = log_to_pipe(cases[max].level);

		for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
			log_msg(cases[i].level, "%s %d", "x", 1);
			if (i <= max)
				assert_logged(fd, cases[i].line);
		}
		read_text(fd, got, sizeof(got));
		cr_assert_str_eq(got, "");
	}
}

/* Standard error as systemd hands it to a service: a stream socket that JOURNAL_STREAM names. */
static int log_to_journal(void)
{
	char stream[64];
	struct stat st;
	int fds[2], bytes = 1; /* the kernel makes it its minimum */

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	cr_assert_eq(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
	cr_assert_eq(fcntl(fds[1], F_SETFL, 0), 0);
	cr_assert_eq(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	close(fds[1]);
	cr_assert_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open(LOG_LEVEL_INFO);
	return fds[0];
}

Test(log, journal_lines_carry_their_priority)
{
	char got[LOG_LINE_MAX];
	int fd = log_to_journal();

	log_err("a\nb");
	log_info("c");
	read_text(fd, got, sizeof(got));
	cr_assert_str_eq(got, "<3>a\\x0ab\n<6>c\n");
}

Test(log, another_stream_is_not_the_journal)
{
	int fd = log_to_pipe(LOG_LEVEL_INFO);

	setenv("JOURNAL_STREAM", "1:1", 1);
	log_open(LOG_LEVEL_INFO);
	log_info("x");
	assert_logged(fd, "info: x\n");
	setenv("JOURNAL_STREAM", "nonsense", 1);
	log_open(LOG_LEVEL_INFO);
	log_info("x");
	assert_logged(fd, "info: x\n");
}

/* A journal that does not read costs lines, which are counted; it never stops the daemon. */
Test(log, hanging_journal_loses_lines_and_says_so, .timeout = 10)
{
	int fd = log_to_journal(), sent = 5000, kept = 0, lost = 0;
	char got[1 << 16], *end;

	for (int i = 0; i < sent; i++)
		log_info("line");
	for (;;) {
		read_text(fd, got, sizeof(got));
		if (!got[0])
			break;
		for (const char *p = got; (p = strstr(p, "<6>line\n")); p++)
			kept++;
	}
	cr_assert_gt(kept, 0);
	cr_assert_lt(kept, sent, "the socket took everything: nothing was tested");
	log_info("after");
	read_text(fd, got, sizeof(got));
	cr_assert_eq(strncmp(got, "<4>", 3), 0, "%s", got);
	lost = (int)strtol(got + 3, &end, 10);
	cr_assert_str_eq(end, " log lines were lost\n<6>after\n");
	cr_assert_eq(kept + lost, sent);
}

Test(log, closed_standard_error_is_survived)
{
	log_to_pipe(LOG_LEVEL_INFO);
	close(STDERR_FILENO);
	log_err("nobody hears this");
}
