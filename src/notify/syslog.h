/*
 * Events to the system's log: entries of the journal with a field for each of the event's, or
 * syslog(3)'s lines where there is no journal, or lines of the daemon's own log where there is
 * neither (a container): those count as delivered, there is no better place.
 *
 * A log that refuses an entry (journald has died) is tried again later; one that hangs has not
 * answered.
 */
#pragma once

#include "notify/notifier.h"

extern const struct notifier_type_info notifier_syslog;

enum log_level syslog_level(enum event_type type);
const char *syslog_message_id(enum event_type type); /* 32 hex digits */
enum verdict syslog_verdict(int r);                  /* of what journal.h calls back */
