/* The log front. The only mutable global of the program lives here. */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/utf8.h"

static struct {
	enum log_level max;
	bool journal;      /* standard error is the journal's stream socket */
	atomic_ulong lost; /* lines that it did not take */
} log_front = {.max = LOG_LEVEL_INFO};

void log_open(enum log_level max)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat st;
	uintmax_t dev, ino;

	log_front.max = max;
	log_front.journal = stream && sscanf(stream, "%ju:%ju", &dev, &ino) == 2 &&
			    fstat(STDERR_FILENO, &st) == 0 && S_ISSOCK(st.st_mode) &&
			    st.st_dev == dev && st.st_ino == ino;
}

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERR:
		return "error";
	case LOG_LEVEL_WARNING:
		return "warning";
	case LOG_LEVEL_NOTICE:
		return "notice";
	case LOG_LEVEL_INFO:
		return "info";
	case LOG_LEVEL_DEBUG:
		return "debug";
	}
	return "?";
}

static void write_line(char *line, size_t len)
{
	ssize_t n;

	line[len++] = '\n';
	do {
		if (log_front.journal)
			n = send(STDERR_FILENO, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			n = write(STDERR_FILENO, line, len);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		atomic_fetch_add(&log_front.lost, 1);
}

void log_msg(enum log_level level, const char *fmt, ...)
{
	char text[LOG_LINE_MAX / 2], line[LOG_LINE_MAX];
	unsigned long lost;
	size_t n;
	va_list ap;

	if (level > log_front.max)
		return;
	lost = atomic_exchange(&log_front.lost, 0);
	if (lost > 0) {
		n = (size_t)snprintf(line, sizeof(line), "%s%lu log lines were lost",
				     log_front.journal ? "<4>" : "", lost);
		write_line(line, n);
	}
	va_start(ap, fmt);
	utf8_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (log_front.journal) {
		n = (size_t)snprintf(line, sizeof(line), "<%d>", (int)level);
	} else {
		char now[CLOCK_RFC3339_MAX];

		clock_format_rfc3339(clock_real_now_us(), now);
		n = (size_t)snprintf(line, sizeof(line), "%s %s: ", now, level_name(level));
	}
	for (const unsigned char *p = (const unsigned char *)text; *p && n < sizeof(line) - 6;
	     p++) {
		if (*p < 0x20 || *p == 0x7f)
			n += (size_t)snprintf(line + n, sizeof(line) - n, "\\x%02x", *p);
		else
			line[n++] = (char)*p;
	}
	write_line(line, n);
}
