/* What a chat message says: titles, facts, the lines of a digest. */
#include "codec/chat_message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "model/kind.h"

#define DIGEST_LINE_MAX 240
#define MORE_MAX        40 /* room for "and 5000 more" */

static const struct {
	enum chat_tone tone;
	const char *title;   /* after the job's name */
	const char *outcome; /* in the title of a digest; NULL: "other" */
} types[EVENT_COUNT_] = {
	[EVENT_JOB_QUEUED] = {CHAT_NEUTRAL, "is queued", NULL},
	[EVENT_JOB_STARTING] = {CHAT_NEUTRAL, "is starting", NULL},
	[EVENT_JOB_RUNNING] = {CHAT_NEUTRAL, "is running", NULL},
	[EVENT_JOB_FINISHING] = {CHAT_NEUTRAL, "is finishing", NULL},
	[EVENT_JOB_PAUSED] = {CHAT_WARNING, "is paused", "paused"},
	[EVENT_JOB_CANCELLING] = {CHAT_NEUTRAL, "is being cancelled", NULL},
	[EVENT_JOB_REMOVING] = {CHAT_NEUTRAL, "is being removed", NULL},
	[EVENT_JOB_SUCCEEDED] = {CHAT_GOOD, "succeeded", "succeeded"},
	[EVENT_JOB_EARLY_STOPPED] = {CHAT_WARNING, "stopped early", "stopped early"},
	[EVENT_JOB_FAILED] = {CHAT_BAD, "failed", "failed"},
	[EVENT_JOB_EXPIRED] = {CHAT_BAD, "expired", "expired"},
	[EVENT_JOB_CANCELLED] = {CHAT_NEUTRAL, "was cancelled", "cancelled"},
	[EVENT_JOB_REMOVED] = {CHAT_NEUTRAL, "was removed", "removed"},
	[EVENT_JOB_STATE] = {CHAT_NEUTRAL, "changed its state", NULL},
	[EVENT_JOB_STATUS] = {CHAT_NEUTRAL, "has a new status", NULL},
	[EVENT_JOB_PROGRESS] = {CHAT_NEUTRAL, "made progress", NULL},
	[EVENT_JOB_FOUND] = {CHAT_NEUTRAL, "was found", NULL},
	[EVENT_JOB_STALLED] = {CHAT_WARNING, "does not move", "stalled"},
	[EVENT_JOB_RECOVERED] = {CHAT_GOOD, "moves again", NULL},
	[EVENT_WATCHER_DEGRADED] = {CHAT_WARNING, "is out of sight", "out of sight"},
	[EVENT_WATCHER_RESTORED] = {CHAT_GOOD, "is in sight again", NULL},
};

/* ---- facts: each appends its text, or nothing where the event has no such thing ---- */

static int put_name(const struct event_fields *f, struct buf *b)
{
	return buf_puts(b, f->values[EVENT_FIELD_DISPLAY_NAME]);
}

/* Where the phases are the same or unknown, the raw state says more. */
static const char *state_word(const char *phase, const char *other, const char *state)
{
	bool more = strcmp(phase, other) == 0 || strcmp(phase, phase_name(PHASE_UNKNOWN)) == 0;

	return more && *state ? state : phase;
}

static int put_job(const struct event_fields *f, struct buf *b)
{
	return buf_puts(b, f->values[EVENT_FIELD_JOB]);
}

static int put_attempt(const struct event_fields *f, struct buf *b)
{
	const char *attempt = f->values[EVENT_FIELD_ATTEMPT];

	return strcmp(attempt, "1") == 0 ? 0 : buf_puts(b, attempt);
}

static int put_base_model(const struct event_fields *f, struct buf *b)
{
	return buf_puts(b, f->values[EVENT_FIELD_BASE_MODEL]);
}

static int put_dataset(const struct event_fields *f, struct buf *b)
{
	return buf_puts(b, f->values[EVENT_FIELD_DATASET]);
}

static int put_change(const struct event_fields *f, struct buf *b)
{
	const char *const *v = f->values;
	const char *from = v[EVENT_FIELD_PREVIOUS_PHASE], *to = v[EVENT_FIELD_PHASE];
	const char *was = state_word(from, to, v[EVENT_FIELD_PREVIOUS_STATE]);
	const char *is = state_word(to, from, v[EVENT_FIELD_STATE]);

	if (*from && strcmp(was, is) != 0)
		return buf_printf(b, "%s \xe2\x86\x92 %s", was, is);
	return buf_puts(b, strcmp(to, phase_name(PHASE_UNKNOWN)) == 0 ? is : to);
}

static int put_progress(const struct event_fields *f, struct buf *b)
{
	const char *percent = f->values[EVENT_FIELD_PERCENT];
	const char *was = f->values[EVENT_FIELD_PREVIOUS_PERCENT];
	int r;

	if (!*percent)
		return 0;
	r = buf_printf(b, "%s %%", percent);
	if (r == 0 && kind_has_epochs(f->values[EVENT_FIELD_KIND]))
		r = buf_printf(b, ", epoch %s", f->values[EVENT_FIELD_EPOCH]);
	if (r == 0 && *was && strcmp(was, percent) != 0)
		r = buf_printf(b, " (was %s %%)", was);
	return r;
}

static int put_status(const struct event_fields *f, struct buf *b)
{
	const char *code = f->values[EVENT_FIELD_STATUS_CODE];
	const char *message = f->values[EVENT_FIELD_STATUS_MESSAGE];

	if (strcmp(code, "OK") == 0)
		return buf_puts(b, message);
	return buf_printf(b, "%s%s%s", code, *message ? ": " : "", message);
}

static int put_trouble(const struct event_fields *f, struct buf *b)
{
	const char *trouble = f->values[EVENT_FIELD_TROUBLE];

	if (!*trouble)
		return 0;
	return buf_printf(b, "%s: %s", trouble, f->values[EVENT_FIELD_ERROR]);
}

static int put_span(uint64_t seconds, struct buf *b)
{
	char span[CLOCK_SPAN_MAX];

	clock_format_span_ms(MIN(seconds, UINT64_MAX / MS_PER_S - 1) * MS_PER_S, span);
	return buf_printf(b, "%s%s", span, seconds == 0 ? "s" : "");
}

static int put_outage(const struct event_fields *f, struct buf *b)
{
	const char *seconds = f->values[EVENT_FIELD_DURATION];

	return *seconds ? put_span(strtoull(seconds, NULL, 10), b) : 0;
}

static int put_still(const struct event_fields *f, struct buf *b)
{
	const char *seconds = f->values[EVENT_FIELD_STILL], *moved = f->values[EVENT_FIELD_MOVED];
	int r;

	if (!*seconds)
		return 0;
	r = put_span(strtoull(seconds, NULL, 10), b);
	if (r < 0 || !*moved || f->type != EVENT_JOB_STALLED)
		return r;
	return buf_printf(b, " (%s moved last)", moved);
}

static int put_suspended(const struct event_fields *f, struct buf *b)
{
	return buf_puts(b, f->values[EVENT_FIELD_SUSPEND_STATE]);
}

/* From the job's creation to its end; where the API does not say when that was, to the event. */
static int put_took(const struct event_fields *f, struct buf *b)
{
	int64_t begin, end;

	if (!event_type_is_end(f->type) ||
	    clock_parse_rfc3339(f->values[EVENT_FIELD_CREATE_TIME], &begin) < 0)
		return 0;
	if (clock_parse_rfc3339(f->values[EVENT_FIELD_COMPLETED_TIME], &end) < 0 &&
	    clock_parse_rfc3339(f->values[EVENT_FIELD_TIME], &end) < 0)
		return 0;
	return end < begin ? 0 : put_span((uint64_t)(end - begin) / US_PER_S, b);
}

static int put_model(const struct event_fields *f, struct buf *b)
{
	const char *model = f->values[EVENT_FIELD_OUTPUT_MODEL];
	const char *ready = f->values[EVENT_FIELD_MODEL_READY];

	if (!*model || !*ready)
		return buf_puts(b, model);
	return buf_printf(b, "%s (%s)", model,
			  strcmp(ready, "true") == 0 ? "ready" : "not ready yet");
}

static int put_stamp(const char *time, struct buf *b)
{
	if (strlen(time) < strlen("2026-11-20T06:31:56"))
		return 0;
	return buf_printf(b, "%.10s %.8s UTC", time, time + 11);
}

static int put_created(const struct event_fields *f, struct buf *b)
{
	return put_stamp(f->values[EVENT_FIELD_CREATE_TIME], b);
}

static int put_completed(const struct event_fields *f, struct buf *b)
{
	return put_stamp(f->values[EVENT_FIELD_COMPLETED_TIME], b);
}

/* A message may come late: when its receiver was not there, or in a digest. */
static int put_time(const struct event_fields *f, struct buf *b)
{
	return put_stamp(f->values[EVENT_FIELD_TIME], b);
}

/* In the order in which they are shown. Together with titles and labels they fit into the smallest
 * `lines_max`. */
static const struct {
	const char *label;
	bool full;  /* only in a message that has all */
	size_t max; /* bytes in the message */
	int (*put)(const struct event_fields *f, struct buf *b);
} facts[] = {
	{"Job", true, 300, put_job},
	{"Name", false, 300, put_name},
	{"Attempt", true, 20, put_attempt},
	{"State", false, 200, put_change},
	{"Progress", false, 100, put_progress},
	{"Stood still", false, 100, put_still},
	{"Account", false, 100, put_suspended},
	{"Status", false, 1000, put_status},
	{"Trouble", false, 600, put_trouble},
	{"Outage", false, 100, put_outage},
	{"Took", false, 100, put_took},
	{"Base model", true, 300, put_base_model},
	{"Dataset", true, 300, put_dataset},
	{"Output model", false, 300, put_model},
	{"Created", true, 60, put_created},
	{"Completed", true, 60, put_completed},
	{"Observed", false, 60, put_time},
};

/* ---- the message ---- */

static void add_line(struct chat_message *m, const char *label, struct buf *text)
{
	if (text->len > 0)
		m->lines[m->n_lines++] = (struct chat_line){label, buf_take(text)};
}

static int add_facts(struct chat_message *m, const struct chat_style *style,
		     const struct event_fields *f)
{
	for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
		_cleanup_buf_ struct buf raw = BUF_INIT(EVENT_JSON_MAX);
		_cleanup_buf_ struct buf text = BUF_INIT(facts[i].max);
		int r = facts[i].full && !style->full ? 0 : facts[i].put(f, &raw);

		if (r == 0 && raw.len > 0)
			r = chat_text(raw.data, facts[i].max, style->escape, &text);
		if (r < 0)
			return r;
		add_line(m, facts[i].label, &text);
	}
	return 0;
}

/* The lines of a digest, in the order of the events. */
struct digest {
	struct buf lines[CHAT_EVENTS_MAX];
	bool shown[CHAT_EVENTS_MAX];
	size_t n;
};

static void digest_done(struct digest *d)
{
	for (size_t i = 0; i < d->n; i++)
		buf_done(&d->lines[i]);
}

static int digest_add(struct digest *d, const struct chat_style *style,
		      const struct event_fields *f)
{
	_cleanup_buf_ struct buf raw = BUF_INIT(EVENT_JSON_MAX);
	int r = event_fields_sentence(f, &raw);

	d->lines[d->n] = BUF_INIT(DIGEST_LINE_MAX);
	return r < 0 ? r
		     : chat_text(buf_str(&raw), DIGEST_LINE_MAX, style->escape, &d->lines[d->n++]);
}

/* What is worst is shown first of all: where there is no room, it is the other lines that go. */
static size_t digest_choose(struct digest *d, const struct event_fields *events, size_t room)
{
	size_t shown = 0;

	for (int tone = CHAT_TONE_COUNT_ - 1; tone >= 0; tone--)
		for (size_t i = 0; i < d->n; i++) {
			size_t len = d->lines[i].len + CHAT_LINE_EXTRA;

			if ((int)types[events[i].type].tone != tone)
				continue;
			if (len > room)
				return shown;
			room -= len;
			d->shown[i] = true;
			shown++;
		}
	return shown;
}

static int add_events(struct chat_message *m, const struct chat_style *style,
		      const struct event_fields *events, size_t n, size_t total)
{
	_cleanup_(digest_done) struct digest d = {.n = 0};
	_cleanup_buf_ struct buf more = BUF_INIT(MORE_MAX);
	size_t shown;
	int r = 0;

	for (size_t i = 0; i < n && i < CHAT_EVENTS_MAX && r == 0; i++)
		r = digest_add(&d, style, &events[i]);
	if (r < 0)
		return r;
	shown = digest_choose(&d, events, style->lines_max - MORE_MAX - CHAT_LINE_EXTRA);
	for (size_t i = 0; i < d.n; i++)
		if (d.shown[i])
			add_line(m, NULL, &d.lines[i]);
	if (shown == total)
		return 0;
	r = buf_printf(&more, "and %zu more", total - shown);
	if (r == 0)
		add_line(m, NULL, &more);
	return r;
}

int chat_message_subject(const struct event_fields *f, struct buf *b)
{
	const char *const *v = f->values;

	if (!*v[EVENT_FIELD_JOB])
		return buf_printf(b, "Account %s", v[EVENT_FIELD_ACCOUNT]);
	return buf_printf(b, "%s/%s/%s", v[EVENT_FIELD_ACCOUNT], v[EVENT_FIELD_KIND],
			  v[EVENT_FIELD_JOB_ID]);
}

/* "12 events: 3 failed, 2 succeeded, 7 other", what is worst first. */
static int put_counts(const size_t counts[EVENT_COUNT_], size_t total, struct buf *b)
{
	const char *separator = ": ";
	size_t other = total;
	int r = buf_printf(b, "%zu events", total);

	for (int tone = CHAT_TONE_COUNT_ - 1; r == 0 && tone >= 0; tone--)
		for (int t = 0; r == 0 && t < EVENT_COUNT_; t++) {
			if ((int)types[t].tone != tone || !types[t].outcome || counts[t] == 0)
				continue;
			r = buf_printf(b, "%s%zu %s", separator, counts[t], types[t].outcome);
			separator = ", ";
			other -= counts[t];
		}
	if (r == 0 && other > 0 && other < total)
		r = buf_printf(b, ", %zu other", other);
	return r;
}

static int put_title(const struct event_fields *f, struct buf *b)
{
	int r = chat_message_subject(f, b);

	return r < 0 ? r : buf_printf(b, " %s", types[f->type].title);
}

static int set_title(struct chat_message *m, const struct chat_style *style, const char *raw)
{
	_cleanup_buf_ struct buf text = BUF_INIT(style->title_max);
	int r = chat_text(raw, style->title_max, style->escape, &text);

	if (r == 0)
		m->title = buf_take(&text);
	return r;
}

static int init_event(struct chat_message *m, const struct chat_style *style,
		      const struct event_fields *event)
{
	_cleanup_buf_ struct buf title = BUF_INIT(EVENT_JSON_MAX);
	int r = chat_link(event, &m->link);

	m->news = types[event->type].title;
	if (r == 0)
		r = put_title(event, &title);
	if (r == 0)
		r = set_title(m, style, buf_str(&title));
	return r < 0 ? r : add_facts(m, style, event);
}

static int init_digest(struct chat_message *m, const struct chat_style *style,
		       const struct event_fields *events, size_t n,
		       const size_t counts[EVENT_COUNT_], size_t total)
{
	_cleanup_buf_ struct buf title = BUF_INIT(EVENT_JSON_MAX);
	int r = chat_link_list(events, n, &m->link);

	if (r == 0)
		r = put_counts(counts, total, &title);
	if (r == 0)
		r = set_title(m, style, buf_str(&title));
	return r < 0 ? r : add_events(m, style, events, n, total);
}

int chat_message_init(struct chat_message *m, const struct chat_style *style,
		      const struct event_fields *events, size_t n, const size_t more[EVENT_COUNT_])
{
	size_t counts[EVENT_COUNT_] = {0}, total = n;

	memset(m, 0, sizeof(*m));
	m->time = events[n - 1].values[EVENT_FIELD_TIME];
	for (size_t i = 0; i < n; i++)
		counts[events[i].type]++;
	for (int t = 0; t < EVENT_COUNT_; t++) {
		counts[t] += more ? more[t] : 0;
		total += more ? more[t] : 0;
		if (counts[t] > 0)
			m->tone = MAX(m->tone, types[t].tone);
	}
	return total == 1 ? init_event(m, style, events)
			  : init_digest(m, style, events, n, counts, total);
}

void chat_message_done(struct chat_message *m)
{
	for (size_t i = 0; i < m->n_lines; i++)
		free(m->lines[i].text);
	free(m->title);
	free(m->link);
	memset(m, 0, sizeof(*m));
}

int chat_message_join(const struct chat_message *m, const char *before, const char *after,
		      struct buf *b)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->n_lines; i++) {
		const struct chat_line *line = &m->lines[i];

		if (i > 0)
			r = buf_puts(b, "\n");
		if (r == 0 && line->label)
			r = buf_printf(b, "%s%s:%s ", before, line->label, after);
		if (r == 0)
			r = buf_puts(b, line->text);
	}
	return r;
}
