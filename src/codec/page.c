/* The status page. */
#include "codec/page.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "model/kind.h"

#define RELOAD_S "10"

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width\">\n"
	"<meta http-equiv=\"refresh\" content=\"" RELOAD_S "\"><title>tunewatch</title>\n"
	"<style>body{font:15px/1.4 sans-serif;margin:1.5em;color-scheme:light dark}"
	"table{border-collapse:collapse;margin:1em 0}"
	"th,td{text-align:left;padding:.2em 1.2em .2em 0;vertical-align:top}"
	"th,td:first-child{white-space:nowrap}th{font-weight:600;border-bottom:1px solid}td{border-bottom:1px solid #8884}"
	"progress{width:8em}"
	".good{color:#188038}.bad{color:#d93025}.warn{color:#b06000}.dim{opacity:.65}</style>\n"
	"</head><body><h1>tunewatch</h1>\n";

/* Text between tags or in an attribute; bdi keeps what turns the direction of writing to itself. */
static int put_text(const char *s, struct buf *b)
{
	static const struct {
		char c;
		const char *entity;
	} entities[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}};
	int r = buf_puts(b, "<bdi>");

	for (size_t n; r == 0 && *s; s += n) {
		n = strcspn(s, "&<>\"");
		r = buf_append(b, s, n);
		for (size_t i = 0; r == 0 && n == 0 && i < ARRAY_LEN(entities); i++)
			if (*s == entities[i].c)
				r = buf_puts(b, entities[i].entity);
		n = MAX(n, (size_t)1);
	}
	return r == 0 ? buf_puts(b, "</bdi>") : r;
}

static int put_cell(const char *class, const char *text, struct buf *b)
{
	int r = buf_printf(b, *class ? "<td class=\"%s\">" : "<td%s>", class);

	return r == 0 ? put_text(text, b) : r;
}

/* In whole minutes, but for less than one. */
static void format_span(uint64_t ms, char ret[CLOCK_SPAN_MAX])
{
	uint64_t step = ms < MS_PER_MIN ? MS_PER_S : MS_PER_MIN;

	if (ms < step)
		snprintf(ret, CLOCK_SPAN_MAX, "0s");
	else
		clock_format_span_ms(ms - ms % step, ret);
}

static void format_age(int64_t then_us, int64_t now_us, char ret[CLOCK_SPAN_MAX])
{
	if (!then_us)
		snprintf(ret, CLOCK_SPAN_MAX, "-");
	else
		format_span(now_us > then_us ? (uint64_t)(now_us - then_us) / US_PER_MS : 0, ret);
}

static int put_trouble(const char *what, const char *text, struct buf *b)
{
	int r;

	if (!*text)
		return 0;
	r = buf_printf(b, "<p class=\"bad\">%s: ", what);
	return r == 0 ? put_text(text, b) : r;
}

static int put_accounts(const struct status_view *v, struct buf *b)
{
	int r = buf_puts(b, "<table><tr><th>Account<th>Sight<th>Jobs<th>Requests a minute\n");

	for (size_t i = 0; r == 0 && i < v->n_accounts; i++) {
		const struct account_view *a = &v->accounts[i];

		r = buf_puts(b, "<tr>");
		if (r == 0)
			r = put_cell("", *a->account ? a->account : a->name, b);
		if (r == 0)
			r = put_cell(a->in_sight ? "good" : "bad",
				     a->in_sight ? "in sight" : a->last_error, b);
		if (r == 0)
			r = buf_printf(b, "<td>%zu<td>%" PRIu32 " of %" PRIu32 "\n", a->jobs,
				       a->rate, a->requests_per_minute);
	}
	return r == 0 ? buf_puts(b, "</table>\n") : r;
}

static const char *state_of(const struct notifier_view *n)
{
	return n->removed ? "not in the configuration" : n->off ? "off until reload" : "on";
}

static int put_notifiers(const struct status_view *v, struct buf *b)
{
	int r = buf_puts(b, "<table><tr><th>Notifier<th>Type<th>State<th>Waiting<th>Delivered"
			    "<th>Given up<th>Last error\n");

	for (size_t i = 0; r == 0 && i < v->n_notifiers; i++) {
		const struct notifier_view *n = &v->notifiers[i];

		r = buf_puts(b, "<tr>");
		if (r == 0)
			r = put_cell("", n->name, b);
		if (r == 0)
			r = put_cell("", n->type, b);
		if (r == 0)
			r = put_cell(n->off ? "bad" : n->removed ? "warn" : "", state_of(n), b);
		if (r == 0)
			r = buf_printf(b, "<td>%zu<td>%" PRIu64 "<td>%" PRIu64, n->pending,
				       n->delivered, n->dead);
		if (r == 0)
			r = put_cell("dim", n->last_error, b);
	}
	return r == 0 ? buf_puts(b, "</table>\n") : r;
}

int page_begin(const struct status_view *v, struct buf *b)
{
	char uptime[CLOCK_SPAN_MAX];
	int r = buf_puts(b, head);

	format_age(v->started_us, v->now_us, uptime);
	if (r == 0)
		r = buf_printf(b, "<p class=\"dim\">version %s, up for %s\n", v->version, uptime);
	if (r == 0)
		r = put_trouble("The store fails, nothing new is taken in", v->store_error, b);
	if (r == 0)
		r = put_trouble("The last reload was refused", v->configuration_error, b);
	if (r == 0)
		r = put_accounts(v, b);
	if (r == 0)
		r = put_notifiers(v, b);
	return r == 0 ? buf_puts(b, "<table><tr><th>Job<th>Name<th>Phase<th>Progress<th>Ends in"
				    "<th>Since<th>Last look\n")
		      : r;
}

/* How a phase looks. */
static const char *class_of(const struct job_view *v)
{
	static const char *const classes[PHASE_COUNT_] = {
		[PHASE_UNKNOWN] = "warn",  [PHASE_PAUSED] = "warn", [PHASE_EARLY_STOPPED] = "warn",
		[PHASE_FAILED] = "bad",    [PHASE_EXPIRED] = "bad", [PHASE_CANCELLED] = "warn",
		[PHASE_SUCCEEDED] = "good"};
	enum phase phase;

	if (v->stalled)
		return "warn";
	if (phase_from_name(v->phase, &phase) < 0)
		return "dim"; /* not seen yet */
	return classes[phase] ? classes[phase] : "";
}

static int put_phase(const struct job_view *v, struct buf *b)
{
	const char *code = v->text[TEXT_STATUS_CODE], *message = v->text[TEXT_STATUS_MESSAGE];
	char phase[128];
	int r;

	snprintf(phase, sizeof(phase), "%s%s", *v->phase ? v->phase : "not seen yet",
		 v->stalled ? ", does not move" : "");
	r = put_cell(class_of(v), phase, b);
	if (r < 0 || strcmp(code, "OK") == 0 || !*code)
		return r;
	r = buf_puts(b, "<br>");
	if (r == 0)
		r = put_text(code, b);
	if (r == 0)
		r = buf_puts(b, " ");
	return r == 0 ? put_text(message, b) : r;
}

static int put_progress(const struct job_view *v, struct buf *b)
{
	int percent = v->progress.values[PROGRESS_PERCENT];
	int r;

	if (!v->progress.given)
		return buf_puts(b, "<td>-");
	r = buf_printf(b, "<td><progress max=\"100\" value=\"%d\"></progress> %d %%",
		       MAX(MIN(percent, 100), 0), percent);
	if (r == 0 && kind_has_epochs(v->kind))
		r = buf_printf(b, ", epoch %d", (int)v->progress.values[PROGRESS_EPOCH]);
	return r;
}

int page_job(const struct job_view *v, int64_t now_us, struct buf *b)
{
	char end[CLOCK_SPAN_MAX] = "-", since[CLOCK_SPAN_MAX], look[CLOCK_SPAN_MAX];
	int r = buf_puts(b, "<tr><td>");

	if (v->eta_us)
		format_span(v->eta_us > now_us ? (uint64_t)(v->eta_us - now_us) / US_PER_MS : 0,
			    end);
	format_age(v->phase_since_us, now_us, since);
	format_age(v->last_poll_us, now_us, look);
	if (r == 0)
		r = buf_printf(b, "%s/%s/%s", v->account, v->kind, v->id);
	if (r == 0)
		r = put_cell("", v->text[TEXT_DISPLAY_NAME], b);
	if (r == 0)
		r = put_phase(v, b);
	if (r == 0)
		r = put_progress(v, b);
	if (r == 0)
		r = buf_printf(b, "<td>%s<td>%s<td>%s", end, since, look);
	if (r == 0 && *v->last_error)
		r = buf_puts(b, "<br><span class=\"bad\">");
	if (r == 0 && *v->last_error)
		r = put_text(v->last_error, b);
	return r == 0 ? buf_puts(b, "\n") : r;
}

int page_end(size_t left_out, struct buf *b)
{
	int r = buf_puts(b, "</table>\n");

	if (r == 0 && left_out > 0)
		r = buf_printf(b, "<p class=\"dim\">and %zu more\n", left_out);
	return r == 0 ? buf_puts(b, "</body></html>\n") : r;
}
