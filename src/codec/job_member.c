/* The members of a job's document on the control socket. */
#include "codec/job_member.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "codec/status_json.h"

#define MEMBER(name_, value_, field)                                                               \
	{                                                                                          \
		.name = (name_), .value = (value_), .offset = offsetof(struct job_view, field)     \
	}
#define REQUIRED(name_, value_, field)                                                             \
	{                                                                                          \
		.name = (name_), .value = (value_), .offset = offsetof(struct job_view, field),    \
		.required = true                                                                   \
	}
#define OBJECT(name_, value_, field, n)                                                            \
	{                                                                                          \
		.name = (name_), .value = (value_), .offset = offsetof(struct job_view, field),    \
		.n_members = (n)                                                                   \
	}

#define PATH_SHOWN_MAX 80

/* As in the JSON of events, with the same names. */
const struct job_member job_members[JOB_MEMBERS] = {
	REQUIRED("name", JOB_TEXT, name),
	REQUIRED("account", JOB_TEXT, account),
	REQUIRED("kind", JOB_TEXT, kind),
	REQUIRED("id", JOB_TEXT, id),
	MEMBER("displayName", JOB_TEXT, text[TEXT_DISPLAY_NAME]),
	MEMBER("baseModel", JOB_TEXT, text[TEXT_BASE_MODEL]),
	MEMBER("outputModel", JOB_TEXT, text[TEXT_OUTPUT_MODEL]),
	MEMBER("dataset", JOB_TEXT, text[TEXT_DATASET]),
	MEMBER("createTime", JOB_TEXT, text[TEXT_CREATE_TIME]),
	MEMBER("completedTime", JOB_TEXT, text[TEXT_COMPLETED_TIME]),
	MEMBER("state", JOB_TEXT, text[TEXT_STATE]),
	MEMBER("phase", JOB_TEXT_OR_NULL, phase),
	{.name = "status", .value = JOB_OBJECT, .n_members = 2, .required = true},
	MEMBER("code", JOB_TEXT, text[TEXT_STATUS_CODE]),
	MEMBER("message", JOB_TEXT, text[TEXT_STATUS_MESSAGE]),
	OBJECT("progress", JOB_OBJECT_IF_BOOL, progress.given, PROGRESS_COUNT_),
	MEMBER("percent", JOB_INT32, progress.values[PROGRESS_PERCENT]),
	MEMBER("epoch", JOB_INT32, progress.values[PROGRESS_EPOCH]),
	MEMBER("totalInputRequests", JOB_INT32, progress.values[PROGRESS_TOTAL_INPUT_REQUESTS]),
	MEMBER("totalProcessedRequests", JOB_INT32,
	       progress.values[PROGRESS_TOTAL_PROCESSED_REQUESTS]),
	MEMBER("successfullyProcessedRequests", JOB_INT32,
	       progress.values[PROGRESS_SUCCESSFULLY_PROCESSED_REQUESTS]),
	MEMBER("failedRequests", JOB_INT32, progress.values[PROGRESS_FAILED_REQUESTS]),
	MEMBER("outputRows", JOB_INT32, progress.values[PROGRESS_OUTPUT_ROWS]),
	MEMBER("inputTokens", JOB_INT32, progress.values[PROGRESS_INPUT_TOKENS]),
	MEMBER("outputTokens", JOB_INT32, progress.values[PROGRESS_OUTPUT_TOKENS]),
	MEMBER("cachedInputTokenCount", JOB_INT32,
	       progress.values[PROGRESS_CACHED_INPUT_TOKEN_COUNT]),
	MEMBER("epochs", JOB_UINT16_OR_NULL, epochs),
	REQUIRED("attempt", JOB_UINT32, attempt),
	REQUIRED("sequence", JOB_UINT64, sequence),
	MEMBER("phaseSince", JOB_TIME, phase_since_us),
	OBJECT("eta", JOB_OBJECT_IF_TIME, eta_us, 3),
	MEMBER("time", JOB_TIME, eta_us),
	MEMBER("earliest", JOB_TIME, eta_low_us),
	MEMBER("latest", JOB_TIME, eta_high_us),
	OBJECT("stall", JOB_OBJECT_IF_TIME, moved_us, 4),
	MEMBER("stillSeconds", JOB_SPAN, still_ms),
	MEMBER("budgetSeconds", JOB_SPAN, stall_budget_ms),
	MEMBER("stalled", JOB_BOOL, stalled),
	MEMBER("lastMovement", JOB_TIME, moved_us),
	MEMBER("lastPoll", JOB_TIME, last_poll_us),
	MEMBER("nextPoll", JOB_TIME, next_poll_us),
	MEMBER("lastError", JOB_TEXT_OR_NULL, last_error),
	MEMBER("notFound", JOB_BOOL, not_found),
	MEMBER("added", JOB_BOOL, added),
	MEMBER("notify", JOB_NOTIFY, notify),
};

const struct job_mask job_mask_all = {((uint64_t)1 << JOB_MEMBERS) - 1};

/* The row from `row` on, not inside another one, with this name; `end` for none. */
static size_t find(size_t row, size_t end, const char *name, size_t len)
{
	for (; row < end; row += 1 + job_members[row].n_members)
		if (strncmp(job_members[row].name, name, len) == 0 && !job_members[row].name[len])
			return row;
	return end;
}

static uint64_t bit(size_t row)
{
	return (uint64_t)1 << row;
}

/* The bits of the path in the `len` bytes; 0 for none. */
static uint64_t bits_of(const char *path, size_t len)
{
	const char *dot = memchr(path, '.', len);
	size_t head = dot ? (size_t)(dot - path) : len, row = find(0, JOB_MEMBERS, path, head);
	size_t end, inner;

	if (row == JOB_MEMBERS)
		return 0;
	end = row + 1 + job_members[row].n_members;
	if (!dot)
		return (bit(end) - 1) & ~(bit(row) - 1);
	inner = find(row + 1, end, dot + 1, len - head - 1);
	return inner < end ? bit(row) | bit(inner) : 0;
}

int job_mask_parse(const char *paths, struct job_mask *ret, struct error *ret_e)
{
	struct job_mask mask = {0};

	for (;; paths++) {
		size_t len = strcspn(paths, ",");
		uint64_t bits = bits_of(paths, len);

		if (!bits)
			return error_set(ret_e, -EINVAL, "a job has no member \"%.*s\" to be read",
					 (int)utf8_cut(paths, MIN(len, (size_t)PATH_SHOWN_MAX)),
					 paths);
		mask.bits |= bits;
		paths += len;
		if (!*paths)
			break;
	}
	*ret = mask;
	return 0;
}
