/*
 * Writes one entry to the system's log: to the journal, or through syslog(3) where there is none.
 *
 * It can block for good (a journald that is stopped, with its buffer full), so it is called by the
 * thread of journal.h only.
 */
#pragma once

#include <sys/uio.h>

#include "base/log.h"

#define SYSTEM_LOG_IDENTIFIER "tunewatch"

struct system_log_entry {
	enum log_level level;
	const char *message;
	/* For the journal: "NAME=value" each, with MESSAGE, PRIORITY and SYSLOG_IDENTIFIER. */
	const struct iovec *fields;
	int n_fields;
};

enum system_log_outcome {
	SYSTEM_LOG_ACCEPTED = 0,
	SYSTEM_LOG_ABSENT = 1, /* this machine has neither a journal nor a syslog */
};

/*
 * An outcome, or what the log said: -ECONNREFUSED when it is dead, -EINTR when a signal came while
 * it blocked. syslog(3) itself says nothing: its entry counts as accepted when /dev/log takes a
 * connection.
 */
int system_log_write(const struct system_log_entry *entry);
typedef int (*system_log_fn)(const struct system_log_entry *entry);
