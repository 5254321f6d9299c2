/* Writes one entry to the system's log. */
#include "io/system_log.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "base/macro.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

static bool journal_is_there(void)
{
	return access(JOURNAL_SOCKET, F_OK) == 0 || errno != ENOENT;
}

/* Whether somebody listens on /dev/log; some listen for datagrams, some for connections. */
static int syslog_connects(void)
{
	static const int types[] = {SOCK_DGRAM, SOCK_STREAM};
	static const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = _PATH_LOG};
	int r = -EPROTOTYPE;

	for (size_t i = 0; i < ARRAY_LEN(types) && r == -EPROTOTYPE; i++) {
		_cleanup_close_ int fd = socket(AF_UNIX, types[i] | SOCK_CLOEXEC, 0);

		if (fd < 0)
			return -errno;
		r = connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno
											: 0;
	}
	return r;
}

static int write_syslog(const struct system_log_entry *entry)
{
	int r = syslog_connects();

	if (r == -ENOENT)
		return SYSTEM_LOG_ABSENT;
	if (r < 0)
		return r;
	openlog(SYSTEM_LOG_IDENTIFIER, LOG_PID, LOG_DAEMON);
	syslog((int)entry->level, "%s", entry->message);
	closelog();
	return SYSTEM_LOG_ACCEPTED;
}

int system_log_write(const struct system_log_entry *entry)
{
	int r;

	if (!journal_is_there())
		return write_syslog(entry);
	r = sd_journal_sendv(entry->fields, entry->n_fields);
	if (r < 0)
		return r;
	/* libsystemd answers 0 as well when there is no socket. */
	return journal_is_there() ? SYSTEM_LOG_ACCEPTED : -ENOENT;
}
