/*
 * Events to the user's desktop: one notification a job, which newer news of it replaces.
 *
 * Where no service shows notifications, a delivery waits for one for a day, without a word; then it
 * is given up.
 */
#pragma once

#include "codec/chat.h"
#include "io/notifications.h"
#include "notify/notifier.h"

extern const struct notifier_type_info notifier_desktop;

enum verdict desktop_verdict(enum notification_end end, bool test);
enum notification_urgency desktop_urgency(enum chat_tone tone);
const char *desktop_icon(enum chat_tone tone); /* a name of the Icon Naming Specification */
