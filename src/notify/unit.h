/*
 * Events to a unit of systemd: the unit is started, and how its start ends is the verdict. The event
 * stands in a file with the unit's name, in notifier_env.unit_dir, from before the start until the
 * verdict; the unit takes it as a credential.
 *
 * A unit that runs for this event already, since the daemon was started again meanwhile, is followed
 * and not started twice: the file of before says so.
 */
#pragma once

#include "io/units.h"
#include "notify/notifier.h"

extern const struct notifier_type_info notifier_unit;

enum verdict unit_verdict(const struct unit_result *result);

/* The sentence about how it ended. */
void unit_text(const char *name, const struct unit_result *result, char *ret, size_t size);
