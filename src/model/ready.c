/* Waiting for an output model. */
#include "model/ready.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/macro.h"

#define ASK_AFTER_MAX_MS MS_PER_H

bool ready_concerns(enum event_type type)
{
	return type == EVENT_JOB_SUCCEEDED;
}

/* Reads `prefix` and an id that ends at `end`; what follows, or NULL. */
static const char *skip(const char *s, const char *prefix, char end)
{
	char id[NAME_ID_MAX + 1];
	size_t len = strlen(prefix), n;

	if (strncmp(s, prefix, len) != 0)
		return NULL;
	s += len;
	n = (size_t)(strchrnul(s, end) - s);
	if (n > NAME_ID_MAX || s[n] != end)
		return NULL;
	snprintf(id, sizeof(id), "%.*s", (int)n, s);
	return name_id_valid(id) ? s + n : NULL;
}

bool ready_is_model(const char *name)
{
	const char *rest = skip(name, "accounts/", '/');

	return rest && skip(rest, "/models/", '\0');
}

uint64_t ready_ask_ms(unsigned asked, uint64_t retry_after_ms, uint32_t chance)
{
	static const uint64_t waits_ms[] = {15 * MS_PER_S, 30 * MS_PER_S, MS_PER_MIN};
	uint64_t wait_ms = waits_ms[MIN(MAX(asked, 1U), ARRAY_LEN(waits_ms)) - 1];

	wait_ms += (wait_ms / 10 * chance) >> 32;
	return MAX(wait_ms, MIN(retry_after_ms, ASK_AFTER_MAX_MS));
}

uint64_t ready_left_ms(int64_t event_us, uint64_t limit_ms, int64_t now_us)
{
	uint64_t age_ms = now_us > event_us ? (uint64_t)(now_us - event_us) / US_PER_MS : 0;

	return age_ms < limit_ms ? limit_ms - age_ms : 0;
}

uint64_t ready_late_ms(const struct ready_wait *w)
{
	return w->answered ? w->limit_ms : MAX(w->limit_ms, w->since_ms + READY_GRACE_MS);
}
