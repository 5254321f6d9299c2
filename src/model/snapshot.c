/* The last known values of a job. */
#include "model/snapshot.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"

const char *const progress_names[PROGRESS_COUNT_] = {
	[PROGRESS_PERCENT] = "percent",
	[PROGRESS_EPOCH] = "epoch",
	[PROGRESS_TOTAL_INPUT_REQUESTS] = "totalInputRequests",
	[PROGRESS_TOTAL_PROCESSED_REQUESTS] = "totalProcessedRequests",
	[PROGRESS_SUCCESSFULLY_PROCESSED_REQUESTS] = "successfullyProcessedRequests",
	[PROGRESS_FAILED_REQUESTS] = "failedRequests",
	[PROGRESS_OUTPUT_ROWS] = "outputRows",
	[PROGRESS_INPUT_TOKENS] = "inputTokens",
	[PROGRESS_OUTPUT_TOKENS] = "outputTokens",
	[PROGRESS_CACHED_INPUT_TOKEN_COUNT] = "cachedInputTokenCount",
};

/* Their sum stays below what a uint16_t can address. */
const uint16_t snapshot_text_max[TEXT_COUNT_] = {
	[TEXT_STATE] = 64,         [TEXT_STATUS_CODE] = 64, [TEXT_STATUS_MESSAGE] = 4096,
	[TEXT_DISPLAY_NAME] = 256, [TEXT_BASE_MODEL] = 256, [TEXT_OUTPUT_MODEL] = 256,
	[TEXT_DATASET] = 256,      [TEXT_CREATE_TIME] = 64, [TEXT_COMPLETED_TIME] = 64,
};

int snapshot_new(const struct snapshot_parts *parts, struct snapshot **ret)
{
	const char *text[TEXT_COUNT_];
	size_t len[TEXT_COUNT_], size = 0;
	struct snapshot *s;

	for (int i = 0; i < TEXT_COUNT_; i++) {
		text[i] = parts->text[i] ? parts->text[i] : "";
		if (i == TEXT_STATUS_CODE && !text[i][0])
			text[i] = "OK";
		len[i] = utf8_cut(text[i], snapshot_text_max[i]);
		size += len[i] + 1;
	}
	s = malloc(sizeof(*s) + size);
	if (!s)
		return -ENOMEM;
	memset(s, 0, sizeof(*s));
	s->refs = 1;
	s->size = (uint16_t)size;
	for (size_t i = 0, at = 0; i < TEXT_COUNT_; i++) {
		s->at[i] = (uint16_t)at;
		memcpy(s->text + at, text[i], len[i]);
		s->text[at + len[i]] = '\0';
		at += len[i] + 1;
	}
	s->phase =
		(uint8_t)(parts->gone ? PHASE_REMOVED : state_phase(s->text + s->at[TEXT_STATE]));
	s->progress_given = parts->progress.given;
	s->epochs = parts->epochs;
	if (parts->progress.given)
		memcpy(s->progress, parts->progress.values, sizeof(s->progress));
	*ret = s;
	return 0;
}

struct snapshot *snapshot_unref(struct snapshot *s)
{
	if (s && --s->refs == 0)
		free(s);
	return NULL;
}

struct snapshot_parts snapshot_parts(const struct snapshot *s)
{
	struct snapshot_parts parts = {.progress.given = s->progress_given, .epochs = s->epochs};

	for (int i = 0; i < TEXT_COUNT_; i++)
		parts.text[i] = snapshot_text(s, i);
	memcpy(parts.progress.values, s->progress, sizeof(s->progress));
	parts.gone =
		s->phase == PHASE_REMOVED && state_phase(parts.text[TEXT_STATE]) != PHASE_REMOVED;
	return parts;
}

int snapshot_new_gone(const struct snapshot *last, struct snapshot **ret)
{
	struct snapshot_parts parts = snapshot_parts(last);

	parts.text[TEXT_STATE] = "";
	parts.text[TEXT_STATUS_CODE] = "";
	parts.text[TEXT_STATUS_MESSAGE] = "";
	parts.gone = true;
	return snapshot_new(&parts, ret);
}

bool snapshot_equal(const struct snapshot *a, const struct snapshot *b)
{
	if (a == b)
		return true;
	/* The texts stand one after the other in both: same lengths and bytes are same texts. */
	return a->phase == b->phase && a->progress_given == b->progress_given &&
	       a->epochs == b->epochs && a->size == b->size &&
	       memcmp(a->at, b->at, sizeof(a->at)) == 0 &&
	       memcmp(a->progress, b->progress, sizeof(a->progress)) == 0 &&
	       memcmp(a->text, b->text, a->size) == 0;
}
