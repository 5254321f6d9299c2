/*
 * tunewatch wait: until jobs have ended. The event stream says when to look; what a job's document says
 * is what counts, and it is looked at from time to time also when no event comes.
 */
#include "cli/wait.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/job_row.h"
#include "cli/stream.h"
#include "cli/targets.h"
#include "cli/wait_decide.h"
#include "codec/control_json.h"

#define LOOK_MS         5000  /* without an event */
#define LOOK_TIMEOUT_MS 10000 /* for an answer from memory */
#define DOCUMENT_MAX    (1UL << 20)
#define JOB_PATH_MAX    (NAME_JOB_MAX + 16)

struct waited {
	char full[NAME_JOB_MAX], name[NAME_JOB_MAX], path[JOB_PATH_MAX];
	struct control_job job;
	bool stale; /* something happened since it was looked at */
};

struct waiting {
	const struct cli *cli;
	size_t n, first; /* `first` ended before the others; `n`: none has */
	struct waited *jobs;
	struct buf *documents;
	enum wait_outcome *outcomes;
	struct stream *stream;
	bool any, report, known, lost, no_stream;
	uint64_t look_ms, open_ms, deadline_ms; /* when to do so, on CLOCK_BOOTTIME */
};

static void waiting_done(struct waiting *w)
{
	stream_free(w->stream);
	for (size_t i = 0; w->documents && i < w->n; i++)
		buf_done(&w->documents[i]);
	free(w->documents);
	free(w->jobs);
	free(w->outcomes);
}

static void all_stale(struct waiting *w)
{
	for (size_t i = 0; i < w->n; i++)
		w->jobs[i].stale = true;
}

/* A full name in an event is as good as its subject: one look too many does no harm. */
static int take_event(void *user, const struct sse_event *e)
{
	struct waiting *w = user;

	if (!e->data || strncmp(e->type, "job.", 4) != 0) {
		all_stale(w);
		return 0;
	}
	for (size_t i = 0; i < w->n; i++)
		if (w->outcomes[i] == WAIT_GOING && strstr(e->data, w->jobs[i].full))
			w->jobs[i].stale = true;
	return 0;
}

static int waiting_init(struct waiting *w, const struct job_name names[], size_t n)
{
	w->jobs = calloc(n + 1, sizeof(*w->jobs));
	w->documents = calloc(n + 1, sizeof(*w->documents));
	w->outcomes = calloc(n + 1, sizeof(*w->outcomes));
	if (!w->jobs || !w->documents || !w->outcomes)
		return -ENOMEM;
	w->n = w->first = n;
	for (size_t i = 0; i < n; i++) {
		struct waited *j = &w->jobs[i];

		w->documents[i] = BUF_INIT(DOCUMENT_MAX);
		name_format_full(&names[i], j->full);
		name_format_short(&names[i], j->name);
		snprintf(j->path, sizeof(j->path), "/v1/jobs/%s", j->name);
	}
	return stream_new(w->cli->client, take_event, w, &w->stream);
}

/* "acme/sft/abc failed after 2h 5min: INTERNAL: out of memory" */
static void print_end(const struct waiting *w, size_t i)
{
	const struct control_job *job = &w->jobs[i].job;
	enum wait_outcome outcome = w->outcomes[i];
	bool known = outcome != WAIT_NOT_FOUND && outcome != WAIT_NOT_WATCHED;
	bool bad = outcome == WAIT_FAILED || outcome == WAIT_EXPIRED;
	int64_t end_us = job->ended_us ? job->ended_us : job->in_phase_us;
	enum table_colour colour = known ? job_row_phase_colour(job->phase) : TABLE_PLAIN;
	const char *begin = w->cli->colour ? table_colour_begin(colour) : "";
	char span[CLOCK_SPAN_MAX];

	printf("%s %s%s%s", w->jobs[i].name, begin, wait_outcome_verb(outcome),
	       *begin ? TABLE_COLOUR_END : "");
	if (known && job->created_us && end_us > job->created_us) {
		job_row_age(job->created_us, end_us, span);
		printf(" after %s", span);
	}
	if (bad && job->status_code[0] && strcmp(job->status_code, "OK") != 0)
		printf(": %s%s%s", job->status_code, job->status_message[0] ? ": " : "",
		       job->status_message);
	putchar('\n');
	fflush(stdout);
	/* A slip in a name would be asked for ever after. */
	if (outcome == WAIT_NOT_FOUND)
		cli_fail(0, "%s stays watched; if there will be none: tunewatch remove %s",
			 w->jobs[i].name, w->jobs[i].name);
}

static void note_outcome(struct waiting *w, size_t i, enum wait_outcome outcome)
{
	w->outcomes[i] = outcome;
	if (outcome == WAIT_GOING)
		return;
	if (w->first == w->n)
		w->first = i;
	if (w->report && !w->cli->json)
		print_end(w, i);
}

/* 0, or -EBADMSG for what cannot be read. */
static int take_document(struct waiting *w, size_t i, struct buf *body)
{
	struct waited *j = &w->jobs[i];
	struct control_job job;
	int r = control_json_parse_job(buf_str(body), body->len, &job);

	if (r < 0)
		return r;
	j->job = job;
	buf_done(&w->documents[i]);
	w->documents[i] = *body;
	*body = BUF_INIT(DOCUMENT_MAX);
	note_outcome(w, i, job.not_found ? WAIT_NOT_FOUND : wait_outcome_of_phase(job.phase));
	return 0;
}

/* At the start: what is not watched is from now on. 0, or an exit status after a sentence. */
static int begin_job(struct waiting *w, size_t i)
{
	_cleanup_buf_ struct buf body = BUF_INIT(DOCUMENT_MAX);
	struct waited *j = &w->jobs[i];
	const struct client_request get = {.method = "GET",
					   .path = j->path,
					   .timeout_ms = LOOK_TIMEOUT_MS};
	const struct client_request put = {.method = "PUT", .path = j->path};
	struct client_result result;
	int r = client_call(w->cli->client, &get, &body, &result);

	if (r == -ENOENT) {
		r = client_call(w->cli->client, &put, &body, &result);
		if (r == 0)
			cli_fail(0, "%s was not watched; from now on it is", j->name);
	}
	if (r < 0)
		return cli_fail_call(&result, r);
	return take_document(w, i, &body) < 0 ? cli_fail_unreadable(w->cli) : 0;
}

/* 0 also when the daemon is away. */
static int look_at(struct waiting *w, size_t i)
{
	_cleanup_buf_ struct buf body = BUF_INIT(DOCUMENT_MAX);
	uint64_t now_ms = clock_boot_now_ms();
	const struct client_request get = {
		.method = "GET",
		.path = w->jobs[i].path,
		.timeout_ms =
			MIN(LOOK_TIMEOUT_MS, w->deadline_ms - MIN(now_ms, w->deadline_ms - 1)),
	};
	struct client_result result;
	int r = client_call(w->cli->client, &get, &body, &result);

	if (client_is_outage(r)) {
		if (!w->lost)
			cli_fail(0, "%s; waiting for it", error_text(&result.error, r));
		w->lost = true;
		return 0;
	}
	if (w->lost && r == 0)
		cli_fail(0, "tunewatchd answers again");
	w->lost = false;
	w->jobs[i].stale = false;
	if (r == -ENOENT) {
		note_outcome(w, i, WAIT_NOT_WATCHED);
		return 0;
	}
	if (r < 0)
		return cli_fail_call(&result, r);
	return take_document(w, i, &body) < 0 ? cli_fail_unreadable(w->cli) : 0;
}

static int look_at_all(struct waiting *w)
{
	int r = 0;

	if (clock_boot_now_ms() >= w->look_ms) {
		all_stale(w);
		w->look_ms = clock_boot_now_ms() + LOOK_MS;
	}
	for (size_t i = 0; r == 0 && i < w->n; i++) {
		if (!w->jobs[i].stale || w->outcomes[i] != WAIT_GOING)
			continue;
		r = look_at(w, i);
		if (w->lost)
			break;
	}
	return r;
}

static void open_stream(struct waiting *w)
{
	_cleanup_buf_ struct buf path = BUF_INIT(1000);
	struct client_result result;
	int r = buf_puts(&path, "/v1/events/stream");

	/* Of one job, or all: a list of them cannot be asked for. */
	if (r == 0 && w->n == 1)
		r = buf_printf(&path, "?job=%s", w->jobs[0].name);
	if (r < 0 || stream_open(w->stream, buf_str(&path), NULL, &result) < 0)
		w->no_stream = true; /* a look now and then must do */
}

/* Until an event comes, the stream ends, or it is time for something. */
static void wait_a_while(struct waiting *w)
{
	uint64_t now = clock_boot_now_ms(), until = MIN(w->look_ms, w->deadline_ms);
	struct client_result result;
	int r;

	if (!w->no_stream && !stream_is_open(w->stream) && now >= w->open_ms)
		open_stream(w);
	if (!stream_is_open(w->stream)) {
		if (!w->no_stream)
			until = MIN(until, w->open_ms);
		client_sleep(w->cli->client, until > now ? until - now : 0);
		return;
	}
	r = stream_wait(w->stream, until > now ? (int)MIN(until - now, 60000ULL) : 0, &result);
	if (stream_is_open(w->stream) || r == 0)
		return;
	w->no_stream = !client_is_outage(r); /* this daemon has none */
	w->open_ms = clock_boot_now_ms() + stream_retry_ms(w->stream);
	all_stale(w);
}

static int fail_timed_out(const struct waiting *w, uint64_t timeout_ms)
{
	char span[CLOCK_SPAN_MAX] = "0s", more[64] = "";
	const char *phase;
	size_t left = 0, at = 0;

	for (size_t i = w->n; i-- > 0;)
		if (w->outcomes[i] == WAIT_GOING) {
			at = i;
			left++;
		}
	if (timeout_ms > 0)
		clock_format_span_ms(timeout_ms, span);
	phase = w->jobs[at].job.phase;
	if (left > 1)
		snprintf(more, sizeof(more), ", and %zu more have not ended", left - 1);
	return cli_fail(CLI_EXIT_TIMED_OUT, "timed out after %s: %s %s%s%s", span, w->jobs[at].name,
			*phase ? "is " : "has not been seen yet", phase, more);
}

static int print_json(const struct waiting *w, bool timed_out)
{
	_cleanup_buf_ struct buf b = BUF_INIT(CLI_ANSWER_MAX);
	int r = control_json_wait(w->documents, w->n, timed_out, &b);

	return r < 0 ? cli_fail_errno(r) : cli_print_document(&b);
}

/* 0 with the exit status that was decided on in `ret`, or an exit status after a sentence. */
static int run(struct waiting *w, uint64_t timeout_ms, int *ret, bool *ret_timed_out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && !w->known && i < w->n; i++)
		r = begin_job(w, i);
	w->look_ms = clock_boot_now_ms() + (w->known ? 0 : LOOK_MS);
	while (r == 0 && !wait_decide(w->outcomes, w->n, w->any, w->first, ret)) {
		if (clock_boot_now_ms() >= w->deadline_ms) {
			*ret = fail_timed_out(w, timeout_ms);
			*ret_timed_out = true;
			return 0;
		}
		wait_a_while(w);
		r = look_at_all(w);
	}
	return r;
}

int wait_for_jobs(const struct cli *cli, const struct job_name names[], size_t n, unsigned flags,
		  uint64_t timeout_ms)
{
	_cleanup_(waiting_done) struct waiting w = {.cli = cli,
						    .any = flags & WAIT_ANY,
						    .report = !(flags & WAIT_SILENT),
						    .known = flags & WAIT_KNOWN};
	uint64_t now = clock_boot_now_ms();
	bool timed_out = false;
	int exit_status = 0, r;

	w.deadline_ms = timeout_ms < UINT64_MAX - now ? now + timeout_ms : UINT64_MAX;
	r = waiting_init(&w, names, n);
	if (r < 0)
		return cli_fail_errno(r);
	r = run(&w, timeout_ms, &exit_status, &timed_out);
	if (r == 0 && w.report && cli->json)
		r = print_json(&w, timed_out);
	if (r == 0 && !timed_out)
		r = cli_finish_output();
	return r ? r : exit_status;
}

int command_wait(const struct cli *cli, int argc, char *const argv[])
{
	_cleanup_targets_ struct targets targets = {0};
	const char *timeout = cli->values[OPTION_TIMEOUT];
	uint64_t timeout_ms = UINT64_MAX;
	int r;

	if (argc == 0)
		return cli_fail(EX_USAGE,
				"wait takes the jobs to wait for. Try: tunewatch help wait");
	if (timeout && clock_parse_span_ms(timeout, &timeout_ms) < 0)
		return cli_fail(EX_USAGE, "not a duration: %s (write 90s, 30min or 2h 30min)",
				timeout);
	r = targets_resolve(cli, TARGETS_ANY, argc, argv, &targets);
	return r ? r
		 : wait_for_jobs(cli, targets.names, targets.n,
				 cli_given(cli, OPTION_ANY) ? WAIT_ANY : 0, timeout_ms);
}
