/*
 * Names of systemd's units, made of a pattern and what an event is about.
 */
#pragma once

#include <stdbool.h>

#define UNIT_NAME_MAX 255 /* bytes, systemd's own limit */

/*
 * Puts the event's subject into the pattern: "%j" is all of it ("accounts/acme/dpoJobs/a"), "%i" its last
 * part, the job's id ("a"), both escaped as systemd-escape(1) does without --path, so that systemd's own
 * %I gives them back; "%%" is a percent sign. 0; -EINVAL for another one; -E2BIG.
 */
int unit_name_format(const char *pattern, const char *subject, char ret[UNIT_NAME_MAX + 1]);

/* Whether that is the name of a service that can be started: no template without an instance. */
bool unit_name_is_service(const char *name);
