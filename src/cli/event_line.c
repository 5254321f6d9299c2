/* An event as a line for people. */
#include "cli/event_line.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/job_row.h"
#include "codec/control_json.h"
#include "codec/event_json.h"

/* Where the phase does not say it. */
static const struct {
	enum event_type type;
	enum table_colour colour;
} colours[] = {
	{EVENT_JOB_STALLED, TABLE_YELLOW},      {EVENT_JOB_RECOVERED, TABLE_GREEN},
	{EVENT_JOB_STATE, TABLE_YELLOW},        {EVENT_JOB_STATUS, TABLE_PLAIN},
	{EVENT_JOB_PROGRESS, TABLE_PLAIN},      {EVENT_JOB_FOUND, TABLE_PLAIN},
	{EVENT_WATCHER_DEGRADED, TABLE_YELLOW}, {EVENT_WATCHER_RESTORED, TABLE_GREEN},
};

static enum table_colour colour_of(const struct event_fields *f)
{
	for (size_t i = 0; i < ARRAY_LEN(colours); i++)
		if (colours[i].type == f->type)
			return colours[i].colour;
	return job_row_phase_colour(f->values[EVENT_FIELD_PHASE]);
}

static int put_time(int64_t time_us, struct buf *b)
{
	time_t seconds = (time_t)(time_us / US_PER_S);
	char text[64];
	struct tm tm;

	if (!localtime_r(&seconds, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S  ", &tm))
		return buf_puts(b, "?  ");
	return buf_puts(b, text);
}

static int put_sentence(const struct event_fields *f, bool colour, struct buf *b)
{
	const char *begin = colour ? table_colour_begin(colour_of(f)) : "";
	int r = buf_puts(b, begin);

	if (r == 0)
		r = event_fields_sentence(f, b);
	return r == 0 && *begin ? buf_puts(b, TABLE_COLOUR_END) : r;
}

int event_line_format(const char *event, size_t len, bool colour, struct buf *b)
{
	struct event_fields fields = {0};
	struct control_event plain;
	int64_t time_us;
	int r = event_fields_parse(event, len, &fields);

	if (r == -EBADMSG) {
		r = control_json_parse_event(event, len, &plain);
		if (r == 0)
			r = put_time(plain.time_us, b);
		return r == 0 ? buf_printf(b, "%s %s", plain.subject, plain.type) : r;
	}
	if (r < 0)
		return r;
	r = clock_parse_rfc3339(fields.values[EVENT_FIELD_TIME], &time_us) < 0
		    ? -EBADMSG
		    : put_time(time_us, b);
	if (r == 0)
		r = put_sentence(&fields, colour, b);
	event_fields_done(&fields);
	return r;
}
