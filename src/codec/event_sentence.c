/* An event as one line for people. */
#include "codec/event_json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "codec/text.h"
#include "model/kind.h"

enum part {
	PART_STATE = 1 << 0,    /* the raw state */
	PART_PROGRESS = 1 << 1, /* where it stands now */
	PART_STATUS = 1 << 2,   /* what the API says about it */
	PART_WAS = 1 << 3,      /* where it came from */
	PART_PHASE = 1 << 4,    /* the phase it is in */
	PART_TROUBLE = 1 << 5,
	PART_DURATION = 1 << 6,
	PART_STILL = 1 << 7, /* for how long it has not moved */
	PART_WAS_STILL = 1 << 8,
	PART_STANDING = 1 << 9, /* where, and what moved last */
	PART_SUSPENDED = 1 << 10,
	PART_MODEL = 1 << 11, /* whether the output model is ready */
};

static const struct {
	const char *verb;
	unsigned parts;
} sentences[EVENT_COUNT_] = {
	[EVENT_JOB_QUEUED] = {"is queued", PART_STATUS | PART_WAS},
	[EVENT_JOB_STARTING] = {"is starting", PART_STATUS | PART_WAS},
	[EVENT_JOB_RUNNING] = {"is running", PART_PROGRESS | PART_WAS},
	[EVENT_JOB_FINISHING] = {"is finishing", PART_WAS},
	[EVENT_JOB_PAUSED] = {"is paused", PART_SUSPENDED | PART_STATUS | PART_WAS},
	[EVENT_JOB_CANCELLING] = {"is being cancelled", PART_WAS},
	[EVENT_JOB_REMOVING] = {"is being removed", PART_WAS},
	/* A status message of a completed job is its metrics. */
	[EVENT_JOB_SUCCEEDED] = {"succeeded", PART_MODEL | PART_WAS},
	[EVENT_JOB_EARLY_STOPPED] = {"stopped early", PART_STATUS | PART_WAS},
	[EVENT_JOB_FAILED] = {"failed", PART_STATUS | PART_WAS},
	[EVENT_JOB_EXPIRED] = {"expired", PART_STATUS | PART_WAS},
	[EVENT_JOB_CANCELLED] = {"was cancelled", PART_STATUS | PART_WAS},
	[EVENT_JOB_REMOVED] = {"was removed", PART_WAS},
	[EVENT_JOB_STATE] = {"is in state", PART_STATE | PART_STATUS | PART_WAS},
	[EVENT_JOB_STATUS] = {"reports", PART_STATUS},
	[EVENT_JOB_PROGRESS] = {"is", PART_PROGRESS},
	[EVENT_JOB_FOUND] = {"was found", PART_PHASE | PART_PROGRESS},
	[EVENT_JOB_STALLED] = {"has not moved", PART_STILL | PART_STANDING | PART_STATUS},
	[EVENT_JOB_RECOVERED] = {"moves again", PART_WAS_STILL},
	[EVENT_WATCHER_DEGRADED] = {"is out of sight", PART_TROUBLE},
	[EVENT_WATCHER_RESTORED] = {"is in sight again", PART_DURATION},
};

static int put_state(const char *const v[], struct buf *b)
{
	const char *state = v[EVENT_FIELD_STATE];

	return buf_printf(b, " %s", *state ? state : "\"\"");
}

static int put_phase(const char *const v[], struct buf *b)
{
	return buf_printf(b, ", %s", v[EVENT_FIELD_PHASE]);
}

static int put_progress(const char *const v[], struct buf *b)
{
	if (!*v[EVENT_FIELD_PERCENT])
		return 0;
	if (!kind_has_epochs(v[EVENT_FIELD_KIND]))
		return buf_printf(b, " at %s %%", v[EVENT_FIELD_PERCENT]);
	return buf_printf(b, " at %s %%, epoch %s", v[EVENT_FIELD_PERCENT], v[EVENT_FIELD_EPOCH]);
}

static int put_status(const char *const v[], struct buf *b)
{
	const char *code = v[EVENT_FIELD_STATUS_CODE], *message = v[EVENT_FIELD_STATUS_MESSAGE];
	bool ok = strcmp(code, "OK") == 0;

	if (ok && !*message)
		return 0;
	return buf_printf(b, ": %s%s%s", ok ? "" : code, !ok && *message ? ": " : "", message);
}

static int put_was(const char *const v[], struct buf *b)
{
	const char *phase = v[EVENT_FIELD_PREVIOUS_PHASE], *state = v[EVENT_FIELD_PREVIOUS_STATE];
	const char *percent = v[EVENT_FIELD_PREVIOUS_PERCENT];

	if (!*phase)
		return 0;
	/* Where the phase is the same or unknown, the raw state says more. */
	if (*state && (strcmp(phase, v[EVENT_FIELD_PHASE]) == 0 ||
		       strcmp(phase, phase_name(PHASE_UNKNOWN)) == 0))
		phase = state;
	return buf_printf(b, " (was %s%s%s%s)", phase, *percent ? " at " : "", percent,
			  *percent ? " %" : "");
}

static int put_trouble(const char *const v[], struct buf *b)
{
	return buf_printf(b, ": %s: %s", v[EVENT_FIELD_TROUBLE], v[EVENT_FIELD_ERROR]);
}

static int put_span(const char *word, const char *seconds, struct buf *b)
{
	uint64_t s = strtoull(seconds, NULL, 10);
	char span[CLOCK_SPAN_MAX];

	clock_format_span_ms(MIN(s, UINT64_MAX / MS_PER_S - 1) * MS_PER_S, span);
	return buf_printf(b, " %s %s%s", word, span, s == 0 ? "s" : "");
}

static int put_duration(const char *const v[], struct buf *b)
{
	return put_span("after", v[EVENT_FIELD_DURATION], b);
}

static int put_still(const char *const v[], struct buf *b)
{
	return put_span("for", v[EVENT_FIELD_STILL], b);
}

static int put_was_still(const char *const v[], struct buf *b)
{
	return put_span("after", v[EVENT_FIELD_STILL], b);
}

static int put_standing(const char *const v[], struct buf *b)
{
	const char *percent = v[EVENT_FIELD_PERCENT], *moved = v[EVENT_FIELD_MOVED];

	return buf_printf(b, " (%s%s%s%s%s%s%s)", v[EVENT_FIELD_PHASE], *percent ? " at " : "",
			  percent, *percent ? " %" : "", *moved ? "; " : "", moved,
			  *moved ? " moved last" : "");
}

static int put_suspended(const char *const v[], struct buf *b)
{
	const char *state = v[EVENT_FIELD_SUSPEND_STATE];

	return *state ? buf_printf(b, " (account: %s)", state) : 0;
}

static int put_model(const char *const v[], struct buf *b)
{
	const char *ready = v[EVENT_FIELD_MODEL_READY];

	if (!*ready)
		return 0;
	return buf_printf(b, ", its model is %s",
			  strcmp(ready, "true") == 0 ? "ready" : "not ready yet");
}

/* In the order in which they are said. */
static const struct {
	enum part part;
	int (*put)(const char *const v[], struct buf *b);
} parts[] = {
	{PART_STATE, put_state},     {PART_PHASE, put_phase},       {PART_PROGRESS, put_progress},
	{PART_STILL, put_still},     {PART_STANDING, put_standing}, {PART_SUSPENDED, put_suspended},
	{PART_MODEL, put_model},     {PART_STATUS, put_status},     {PART_WAS, put_was},
	{PART_TROUBLE, put_trouble}, {PART_DURATION, put_duration}, {PART_WAS_STILL, put_was_still},
};

int event_fields_sentence(const struct event_fields *f, struct buf *b)
{
	_cleanup_buf_ struct buf line = BUF_INIT(EVENT_JSON_MAX);
	const char *const *v = f->values;
	int r;

	if (*v[EVENT_FIELD_JOB])
		r = buf_printf(&line, "%s%s/%s/%s %s", *v[EVENT_FIELD_TEST] ? "test: " : "",
			       v[EVENT_FIELD_ACCOUNT], v[EVENT_FIELD_KIND], v[EVENT_FIELD_JOB_ID],
			       sentences[f->type].verb);
	else
		r = buf_printf(&line, "account %s %s", v[EVENT_FIELD_ACCOUNT],
			       sentences[f->type].verb);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(parts); i++)
		if (sentences[f->type].parts & parts[i].part)
			r = parts[i].put(v, &line);
	if (r < 0)
		return r;
	text_clean(line.data);
	return buf_puts(b, line.data);
}
