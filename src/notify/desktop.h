/*
 * Events to the user's desktop: one notification a job, which newer news of it replaces.
 *
 * Where no service shows notifications, a delivery waits for one without a word, until it is a day old,
 * but ten minutes at least, for a session that begins after the daemon; then it is given up.
 */
#pragma once

#include "base/clock.h"
#include "codec/chat.h"
#include "io/notifications.h"
#include "notify/notifier.h"

extern const struct notifier_type_info notifier_desktop;

#define DESKTOP_WAIT_MS     MS_PER_DAY
#define DESKTOP_WAIT_MIN_MS (10 * MS_PER_MIN)

/* How long one waits that was created then; CLOCK_REALTIME, which may have been set back since. */
uint64_t desktop_wait_ms(int64_t created_us, int64_t now_us);

enum verdict desktop_verdict(enum notification_end end, bool test);
enum notification_urgency desktop_urgency(enum chat_tone tone);
const char *desktop_icon(enum chat_tone tone); /* a name of the Icon Naming Specification */
