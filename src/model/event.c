/* Events: types and identity. */
#include "model/event.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

#define EVENT_ID_CHARS 26          /* 130 bits */
#define TEST_PREFIX    "evt_test_" /* base32hex has no underscore */

static const char *const event_names[EVENT_COUNT_] = {
	[EVENT_JOB_QUEUED] = "job.queued",
	[EVENT_JOB_STARTING] = "job.starting",
	[EVENT_JOB_RUNNING] = "job.running",
	[EVENT_JOB_FINISHING] = "job.finishing",
	[EVENT_JOB_PAUSED] = "job.paused",
	[EVENT_JOB_CANCELLING] = "job.cancelling",
	[EVENT_JOB_REMOVING] = "job.removing",
	[EVENT_JOB_SUCCEEDED] = "job.succeeded",
	[EVENT_JOB_EARLY_STOPPED] = "job.early_stopped",
	[EVENT_JOB_FAILED] = "job.failed",
	[EVENT_JOB_EXPIRED] = "job.expired",
	[EVENT_JOB_CANCELLED] = "job.cancelled",
	[EVENT_JOB_REMOVED] = "job.removed",
	[EVENT_JOB_STATE] = "job.state",
	[EVENT_JOB_STATUS] = "job.status",
	[EVENT_JOB_PROGRESS] = "job.progress",
	[EVENT_JOB_FOUND] = "job.found",
	[EVENT_JOB_STALLED] = "job.stalled",
	[EVENT_JOB_RECOVERED] = "job.recovered",
	[EVENT_WATCHER_DEGRADED] = "watcher.degraded",
	[EVENT_WATCHER_RESTORED] = "watcher.restored",
};

const char *event_type_name(enum event_type type)
{
	return event_names[type];
}

int event_type_from_name(const char *name, enum event_type *ret)
{
	for (enum event_type t = EVENT_NONE + 1; t < EVENT_COUNT_; t++)
		if (strcmp(event_names[t], name) == 0) {
			*ret = t;
			return 0;
		}
	return -ENOENT;
}

enum event_type event_type_of_phase(enum phase phase)
{
	if (phase == PHASE_UNKNOWN)
		return EVENT_JOB_STATE;
	return EVENT_JOB_QUEUED + (phase - PHASE_QUEUED);
}

bool event_type_is_job(enum event_type type)
{
	return type > EVENT_NONE && type < EVENT_WATCHER_DEGRADED;
}

bool event_type_is_end(enum event_type type)
{
	return type >= EVENT_JOB_SUCCEEDED && type <= EVENT_JOB_REMOVED;
}

int event_id(const char *endpoint, const char *subject, uint64_t sequence, char ret[EVENT_ID_MAX])
{
	uint8_t digest[HASH_SHA256_BYTES];
	_cleanup_free_ char *text = NULL;
	int n, r;

	n = asprintf(&text, "%s\n%s\n%llu", endpoint, subject, (unsigned long long)sequence);
	if (n < 0) {
		text = NULL;
		return -ENOMEM;
	}
	r = hash_sha256(text, (size_t)n, digest);
	if (r < 0)
		return r;
	memcpy(ret, "evt_", 4);
	hash_base32hex(digest, EVENT_ID_CHARS, ret + 4);
	return 0;
}

void event_test_id(uint64_t chance, char ret[EVENT_ID_MAX])
{
	snprintf(ret, EVENT_ID_MAX, TEST_PREFIX "%016llx", (unsigned long long)chance);
}

bool event_id_is_test(const char *id)
{
	return strncmp(id, TEST_PREFIX, strlen(TEST_PREFIX)) == 0;
}
