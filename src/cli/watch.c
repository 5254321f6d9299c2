/* tunewatch watch: the table of jobs, live. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/frame.h"
#include "cli/job_list.h"
#include "cli/job_row.h"
#include "cli/screen.h"
#include "cli/troubles.h"

#define PERIOD_MS  1000
#define TIMEOUT_MS 5000 /* of a question: the header has to go on */
#define HEADER_MAX 1024

struct watch {
	const struct cli *cli;
	struct screen screen;
	struct job_list list;
	struct buf facts;  /* of what was printed last */
	bool printed;      /* something was */
	uint64_t lost_ms;  /* since when the daemon does not answer; 0: it does */
	char trouble[600]; /* the first of them, or why it does not */
	size_t n_troubles;
};

static void note_trouble(void *user, const char *sentence)
{
	struct watch *w = user;

	if (w->n_troubles++ == 0)
		utf8_snprintf(w->trouble, sizeof(w->trouble), "%s", sentence);
}

/* 0, or negative as client_call(). */
static int look(struct watch *w, struct client_result *ret)
{
	_cleanup_buf_ struct buf body = BUF_INIT(CLI_ANSWER_MAX);
	const struct client_request q = {.method = "GET",
					 .path = "/v1/status",
					 .timeout_ms = TIMEOUT_MS};
	int r = job_list_fetch(w->cli, &w->list, ret);

	if (r == -EINTR)
		return r;
	w->n_troubles = 0;
	if (r < 0) {
		if (!w->lost_ms)
			w->lost_ms = MAX(clock_boot_now_ms(), 1ULL);
		utf8_snprintf(w->trouble, sizeof(w->trouble), "%s",
			      client_is_outage(r) ? "daemon not reachable"
						  : error_text(&ret->error, r));
		return r;
	}
	w->lost_ms = 0;
	if (w->screen.shown && client_call(w->cli->client, &q, &body, ret) == 0)
		(void)troubles_read(buf_str(&body), body.len, w->list.table.now_us, note_trouble,
				    w);
	return 0;
}

static void format_header(const struct watch *w, char ret[HEADER_MAX])
{
	char clock[32] = "", span[CLOCK_SPAN_MAX], more[64] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (localtime_r(&now, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	if (w->lost_ms) {
		job_row_span(clock_boot_now_ms() - w->lost_ms, span);
		utf8_snprintf(ret, HEADER_MAX, "%s  %s, since %s", clock, w->trouble, span);
		return;
	}
	if (w->n_troubles > 1)
		snprintf(more, sizeof(more), " (and %zu more)", w->n_troubles - 1);
	utf8_snprintf(ret, HEADER_MAX, "%s  %zu %s%s%s%s", clock, w->list.table.n,
		      w->list.table.n == 1 ? "job" : "jobs", w->n_troubles ? "  " : "",
		      w->n_troubles ? w->trouble : "", more);
}

static int draw(const struct watch *w)
{
	_cleanup_buf_ struct buf text = BUF_INIT(CLI_ANSWER_MAX), frame = BUF_INIT(CLI_ANSWER_MAX);
	char header[HEADER_MAX];
	size_t width, height;
	int r;

	screen_size(&width, &height);
	format_header(w, header);
	r = job_table_format(&w->list.table, width, w->cli->colour, &text);
	if (r == 0)
		r = frame_format(header, buf_str(&text), width, height, &frame);
	return r == 0 ? screen_write(frame.data, frame.len) : r;
}

/* 0, or the exit status and, in `ret_end`, that it is time to end. */
static int take_signals(struct watch *w, bool *ret_end)
{
	int signo = screen_signal(&w->screen);

	*ret_end = signo;
	return signo && signo != SIGINT ? 128 + signo : 0;
}

static int run_screen(struct watch *w)
{
	struct client_result result;
	bool end = false;
	int r = 0;

	screen_show(&w->screen, true);
	(void)look(w, &result); /* again, with what troubles the daemon */
	while (!end) {
		r = draw(w);
		if (r < 0) {
			screen_close(&w->screen);
			return cli_fail(EX_IOERR, "cannot write to the terminal: %s", strerror(-r));
		}
		/* A new size wants a new picture at once, but no new answer. */
		if (client_sleep(w->cli->client, PERIOD_MS) == -EINTR || look(w, &result) == -EINTR)
			r = take_signals(w, &end);
	}
	return r;
}

/* Where nothing can be drawn over: again when something has changed. */
static int print_change(struct watch *w)
{
	struct job_table *t = &w->list.table;
	_cleanup_buf_ struct buf text = BUF_INIT(CLI_ANSWER_MAX);
	int r = 0;

	if (w->printed && strcmp(buf_str(&t->facts), buf_str(&w->facts)) == 0)
		return 0;
	if (w->cli->json) {
		puts(buf_str(&t->json));
	} else {
		r = job_table_format(t, cli_width(), w->cli->colour, &text);
		printf("%s%s", w->printed ? "\n" : "", buf_str(&text));
	}
	w->printed = true;
	buf_clear(&w->facts);
	if (r == 0)
		r = buf_puts(&w->facts, buf_str(&t->facts));
	return r < 0 ? cli_fail_errno(r) : cli_finish_output();
}

static int run_plain(struct watch *w)
{
	struct client_result result;
	bool end = false, lost = false;
	int r = print_change(w);

	while (r == 0 && !end) {
		int looked = client_sleep(w->cli->client, PERIOD_MS);

		if (cli_nobody_reads())
			return raise(SIGPIPE), EX_IOERR;
		if (looked == 0)
			looked = look(w, &result);
		if (looked == -EINTR) {
			r = take_signals(w, &end);
			continue;
		}
		if (looked < 0 && !lost)
			cli_fail(0, "%s; waiting for it", error_text(&result.error, looked));
		if (looked == 0 && lost)
			cli_fail(0, "tunewatchd answers again");
		lost = looked < 0;
		if (!lost)
			r = print_change(w);
	}
	return r;
}

static void watch_done(struct watch *w)
{
	screen_close(&w->screen);
	client_wake_on(w->cli->client, -1);
	job_list_done(&w->list);
	buf_done(&w->facts);
}

int command_watch(const struct cli *cli, int argc, char *const argv[])
{
	_cleanup_(watch_done) struct watch w = {
		.cli = cli,
		.screen = {.signal_fd = -1},
		.list = {.parts = JOB_TABLE_FACTS | (cli->json ? JOB_TABLE_JSON : JOB_TABLE_ROWS),
			 .timeout_ms = TIMEOUT_MS},
		.facts = BUF_INIT(CLI_ANSWER_MAX),
	};
	const char *term = getenv("TERM");
	struct client_result result;
	int r = job_list_init(cli, argc, argv, &w.list);

	if (r != 0)
		return r;
	/* Nobody there, or no such job: that is said before anything is drawn. */
	r = look(&w, &result);
	if (r < 0)
		return job_list_fail(cli, &result, r);
	r = job_list_missing(&w.list);
	if (r != 0)
		return r;
	r = screen_open(&w.screen);
	if (r < 0)
		return cli_fail_errno(r);
	client_wake_on(cli->client, w.screen.signal_fd);
	if (cli->json || !isatty(STDOUT_FILENO) || (term && strcmp(term, "dumb") == 0))
		return run_plain(&w);
	return run_screen(&w);
}
