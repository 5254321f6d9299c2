/* What the outbox takes. */
#include "model/outbox.h"

#include "base/clock.h"
#include "base/macro.h"
#include "model/schedule.h"

static const char *const reasons[] = {
	[OUTBOX_TAKE] = "",
	[OUTBOX_SKIP] = "not sent: too many deliveries waited already",
	[OUTBOX_DEAD] = "given up: too many deliveries waited already",
	[OUTBOX_OFF] = "not sent: the notifier was off",
};

/* Ends, and what says that ends may be missed. */
static bool weighs(enum event_type type)
{
	return event_type_is_end(type) || type == EVENT_WATCHER_DEGRADED ||
	       type == EVENT_WATCHER_RESTORED;
}

enum outbox_answer outbox_admit(size_t waiting, size_t max, bool off, enum event_type type)
{
	if (off)
		return OUTBOX_OFF;
	if (waiting < max)
		return OUTBOX_TAKE;
	if (!weighs(type))
		return OUTBOX_SKIP;
	return waiting - max < max ? OUTBOX_TAKE : OUTBOX_DEAD;
}

const char *outbox_reason(enum outbox_answer answer)
{
	return reasons[answer];
}

bool outbox_is_past(int64_t created_us, int64_t since_us)
{
	return since_us - created_us > (int64_t)SCHEDULE_RETRY_MAX_AGE_MS * US_PER_MS;
}
