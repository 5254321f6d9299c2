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

static bool write_line(enum log_level level, const char *text)
{
	char line[LOG_LINE_MAX], now[CLOCK_RFC3339_MAX];
	ssize_t n;
	size_t len;

	if (log_front.journal) {
		utf8_snprintf(line, sizeof(line), "<%d>%s", (int)level, text);
	} else {
		clock_format_rfc3339(clock_real_now_us(), now);
		utf8_snprintf(line, sizeof(line), "%s %s: %s", now, level_name(level), text);
	}
	len = strlen(line);
	line[len++] = '\n'; /* in place of the NUL */
	do {
		if (log_front.journal)
			n = send(STDERR_FILENO, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			n = write(STDERR_FILENO, line, len);
	} while (n < 0 && errno == EINTR);
	return n >= 0;
}

/* How many of the bytes at `p` are one control character: C0 and DEL take one, C1 two in UTF-8. */
static size_t control_bytes(const unsigned char *p)
{
	if (*p < 0x20 || *p == 0x7f)
		return 1;
	return *p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f ? 2 : 0;
}

/* Copies the text with its control characters as \xNN; `ret` has room for four times its length. */
static void escape(const char *text, char *ret)
{
	const unsigned char *p = (const unsigned char *)text;

	while (*p) {
		size_t n = control_bytes(p);

		if (n == 0)
			*ret++ = (char)*p++;
		for (; n > 0; n--, p++)
			ret += sprintf(ret, "\\x%02x", *p);
	}
	*ret = '\0';
}

void log_msg(enum log_level level, const char *fmt, ...)
{
	char text[LOG_LINE_MAX / 2], escaped[4 * sizeof(text)];
	unsigned long lost;
	va_list ap;

	if (level > log_front.max)
		return;
	lost = atomic_exchange(&log_front.lost, 0);
	if (lost > 0) {
		snprintf(escaped, sizeof(escaped), "%lu log lines were lost", lost);
		if (!write_line(LOG_LEVEL_WARNING, escaped))
			atomic_fetch_add(&log_front.lost, lost);
	}
	va_start(ap, fmt);
	utf8_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	escape(text, escaped);
	if (!write_line(level, escaped))
		atomic_fetch_add(&log_front.lost, 1);
}
