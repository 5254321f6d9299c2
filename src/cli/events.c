/* tunewatch events: what happened, and what happens. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/event_line.h"
#include "cli/stream.h"
#include "cli/targets.h"
#include "codec/control_json.h"
#include "codec/event_json.h"

#define PAGE             1000 /* events in an answer, at most */
#define NEWEST           100
#define NEWEST_TO_FOLLOW 10
#define READER_MS        1000 /* how often it is seen whether anybody still reads */

struct events {
	const struct cli *cli;
	char job[NAME_JOB_MAX]; /* "": of all */
	uint64_t last;          /* number of the last event that was printed */
	char last_id[SSE_ID_MAX];
	bool lost;
};

static int print_event(void *user, const char *event, size_t len)
{
	_cleanup_buf_ struct buf line = BUF_INIT(2 * EVENT_JSON_MAX);
	struct events *e = user;
	int r = 0;

	if (e->cli->json)
		r = buf_append(&line, event, len);
	else
		r = event_line_format(event, len, e->cli->colour, &line);
	if (r < 0)
		return r;
	puts(buf_str(&line));
	return 0;
}

static int put_job(const struct events *e, const char *before, struct buf *b)
{
	return *e->job ? buf_printf(b, "%sjob=%s", before, e->job) : 0;
}

/* One page; what is printed is `last` and before. 0, or an exit status after a sentence. */
static int print_page(struct events *e, const struct buf *path, bool print, bool *ret_more)
{
	_cleanup_buf_ struct buf body = BUF_INIT(CLI_ANSWER_MAX);
	struct client_result result;
	int r = client_get(e->cli->client, buf_str(path), &body, &result);

	if (r < 0)
		return cli_fail_call(&result, r);
	r = control_json_parse_events(buf_str(&body), body.len, print ? print_event : NULL, e,
				      &e->last, ret_more);
	if (r == -EBADMSG)
		return cli_fail_unreadable(e->cli);
	return r < 0 ? cli_fail_errno(r) : 0;
}

static int print_newest(struct events *e, unsigned lines)
{
	_cleanup_buf_ struct buf path = BUF_INIT(1000);
	bool more;
	int r = buf_printf(&path, "/v1/events?limit=%u", MAX(lines, 1U));

	if (r == 0)
		r = put_job(e, "&", &path);
	return r < 0 ? cli_fail_errno(r) : print_page(e, &path, lines > 0, &more);
}

/* All since then, page by page. */
static int print_since(struct events *e, uint64_t span_ms)
{
	int64_t now_us = clock_real_now_us();
	uint64_t newest = e->last; /* as far as we know; an empty page need not */
	char since[CLOCK_RFC3339_MAX];
	bool more = true;
	int r = 0;

	clock_format_rfc3339(now_us - (int64_t)MIN(span_ms, (uint64_t)now_us / US_PER_MS) *
					      US_PER_MS,
			     since);
	for (bool first = true; r == 0 && more; first = false) {
		_cleanup_buf_ struct buf path = BUF_INIT(1000);
		uint64_t before = first ? 0 : e->last;

		r = first ? buf_printf(&path, "/v1/events?limit=%d&since=%s", PAGE, since)
			  : buf_printf(&path, "/v1/events?limit=%d&after=%" PRIu64, PAGE, before);
		if (r == 0)
			r = put_job(e, "&", &path);
		if (r < 0)
			return cli_fail_errno(r);
		r = print_page(e, &path, true, &more);
		/* A page without an end to it would be one for ever. */
		more = more && e->last > before;
	}
	e->last = MAX(e->last, newest);
	return r;
}

/*
 * A block of the stream. One that only has an id says where the stream begins: behind what we know,
 * or, with another database, somewhere else.
 */
static int take_event(void *user, const struct sse_event *s)
{
	struct events *e = user;
	uint64_t number = strtoull(s->id, NULL, 10);
	int r;

	if (s->data && strcmp(s->type, "dropped") == 0)
		return -ECONNRESET; /* we are asking again, from the last that came */
	if (s->data && number <= e->last)
		return 0;
	e->lost = false;
	r = s->data ? print_event(e, s->data, s->len) : 0;
	if (r == -EBADMSG)
		cli_fail(0, "event %s cannot be read: is tunewatchd of another version?", s->id);
	if (r < 0 && r != -EBADMSG)
		return r;
	if (*s->id)
		e->last = number;
	return cli_finish_output() == 0 ? 0 : -EIO;
}

/* Says once that the daemon is away. 0, or an exit status after a sentence. */
static int note_end(struct events *e, const struct client_result *result, int r)
{
	if (r == -EIO)
		return EX_IOERR;
	if (!client_is_outage(r))
		return cli_fail_call(result, r);
	if (r != -ECONNRESET && !e->lost) {
		cli_fail(0, "%s; waiting for it", error_text(&result->error, r));
		e->lost = true;
	}
	return 0;
}

static int follow(struct events *e)
{
	_cleanup_buf_ struct buf path = BUF_INIT(1000);
	_cleanup_stream_ struct stream *stream = NULL;
	struct client_result result;
	int r = stream_new(e->cli->client, take_event, e, &stream);

	if (r == 0)
		r = buf_puts(&path, "/v1/events/stream");
	if (r == 0)
		r = put_job(e, "?", &path);
	if (r < 0)
		return cli_fail_errno(r);
	for (;;) {
		snprintf(e->last_id, sizeof(e->last_id), "%" PRIu64, e->last);
		r = stream_open(stream, buf_str(&path), e->last_id, &result);
		while (r == 0 && !cli_nobody_reads())
			r = stream_wait(stream, READER_MS, &result);
		if (r == 0)
			return raise(SIGPIPE), EX_IOERR;
		r = note_end(e, &result, r);
		if (r != 0)
			return r;
		client_sleep(e->cli->client, stream_retry_ms(stream));
	}
}

static int parse_lines(const struct cli *cli, unsigned *ret)
{
	const char *text = cli->values[OPTION_LINES];
	bool follow = cli_given(cli, OPTION_FOLLOW);
	unsigned long n;
	char *end;

	*ret = follow ? NEWEST_TO_FOLLOW : NEWEST;
	if (!text)
		return 0;
	n = strtoul(text, &end, 10);
	if (!*text || *end || strspn(text, "0123456789") != strlen(text) || n > PAGE ||
	    (n == 0 && !follow))
		return cli_fail(EX_USAGE,
				"--lines takes a number from 1 to %d: %s; for more say --since",
				PAGE, text);
	*ret = (unsigned)n;
	return 0;
}

static int resolve_job(const struct cli *cli, struct events *e)
{
	_cleanup_targets_ struct targets targets = {0};
	char *argv[] = {(char *)(uintptr_t)cli->values[OPTION_JOB]};
	int r = targets_resolve(cli, TARGETS_ANY, 1, argv, &targets);

	if (r == 0)
		name_format_short(&targets.names[0], e->job);
	return r;
}

int command_events(const struct cli *cli, int argc, char *const argv[])
{
	const char *since = cli->values[OPTION_SINCE];
	struct events e = {.cli = cli};
	uint64_t span_ms = 0;
	unsigned lines;
	int r;

	if (argc > 0)
		return cli_fail(EX_USAGE, "events takes no argument: %s; did you mean --job %s?",
				argv[0], argv[0]);
	if (since && cli_given(cli, OPTION_LINES))
		return cli_fail(EX_USAGE, "say --since or --lines, not both");
	if (since && clock_parse_span_ms(since, &span_ms) < 0)
		return cli_fail(EX_USAGE, "not a duration: %s (write 30min, 2h or 1d)", since);
	r = parse_lines(cli, &lines);
	if (r == 0 && cli_given(cli, OPTION_JOB))
		r = resolve_job(cli, &e);
	/* Whoever follows has to know behind which event, also when there is none to print. */
	if (r == 0 && (!since || cli_given(cli, OPTION_FOLLOW)))
		r = print_newest(&e, since ? 0 : lines);
	if (r == 0 && since)
		r = print_since(&e, span_ms);
	if (r == 0)
		r = cli_finish_output();
	return r == 0 && cli_given(cli, OPTION_FOLLOW) ? follow(&e) : r;
}
