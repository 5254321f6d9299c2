/* The filter with which a list shows the jobs that are not at an end. */
#include "codec/active_filter.h"

#include <string.h>

#include "base/macro.h"

/* Without their prefix, as the legacy kind writes them, which knows the first two alone. */
static const char *const ends[] = {"COMPLETED", "FAILED", "CANCELLED", "EXPIRED", "EARLY_STOPPED"};
#define LEGACY_ENDS 2

static const char *prefix_of(enum kind kind)
{
	return kind == KIND_FT ? "" : "JOB_STATE_";
}

static size_t ends_of(enum kind kind)
{
	return kind == KIND_FT ? LEGACY_ENDS : ARRAY_LEN(ends);
}

int active_filter_write(enum kind kind, struct buf *b)
{
	int r = 0;

	for (size_t i = 0; i < ends_of(kind) && r == 0; i++)
		r = buf_printf(b, "%sstate!=\"%s%s\"", i ? " AND " : "", prefix_of(kind), ends[i]);
	return r;
}

bool active_filter_passes(enum kind kind, const struct snapshot *s)
{
	const char *state = snapshot_text(s, TEXT_STATE), *prefix = prefix_of(kind);
	size_t len = strlen(prefix);

	if (strncmp(state, prefix, len) != 0)
		return true;
	for (size_t i = 0; i < ends_of(kind); i++)
		if (strcmp(state + len, ends[i]) == 0)
			return false;
	return true;
}
