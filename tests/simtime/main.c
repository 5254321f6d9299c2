/*
 * A week of an account in simulated time: tunewatch, a script that asks for each job in a fixed
 * interval, and the bound that nobody can beat, all with the same traces and the same number of
 * requests. The options stand in `usage`. The exit status says whether a promise was broken that
 * holds always: the budget (which aborts), no false stalls, and all silent ones found.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/macro.h"
#include "simtime/bound.h"
#include "simtime/fixed.h"
#include "simtime/watcher.h"

#define BEGIN_MS (100 * MS_PER_DAY) /* old jobs were there before */
#define DRAIN_MS (2 * MS_PER_H)

struct options {
	struct trace_size size;
	uint32_t budget;
	uint32_t days;
	uint8_t refused;
	const char *json;
};

struct outcome {
	struct watcher_result watcher;
	struct fixed_result fixed;
	struct bound bound;
	size_t jobs;                /* that were active in the span */
	size_t ended[PHASE_COUNT_]; /* and of these in it, by their end */
	double seconds;
};

static double s_of(double ms)
{
	return ms / (double)MS_PER_S;
}

static bool broken(const struct outcome *o)
{
	const struct watcher_stalls *s = &o->watcher.stalls;

	return s->early > 0 || s->found < s->due || (s->told && s->worst_over_ms > 0);
}

/* --- output --- */

static void print_row(FILE *f, const char *name, struct tally *t)
{
	fprintf(f, "%-10s %9" PRIu64 " requests, delay %8.1f s median %8.1f s p95 %8.1f s max",
		name, t->requests, s_of(numbers_quantile(&t->delays_ms, 0.5)),
		s_of(numbers_quantile(&t->delays_ms, 0.95)),
		s_of(numbers_quantile(&t->delays_ms, 1)));
	if (t->unseen)
		fprintf(f, ", %zu not seen", t->unseen);
	fputc('\n', f);
}

static void print_quantiles(const char *name, const char *what, struct numbers *n)
{
	printf("%-10s %s: %.1f s median, %.1f s p95, %.1f s max\n", name, what,
	       s_of(numbers_quantile(n, 0.5)), s_of(numbers_quantile(n, 0.95)),
	       s_of(numbers_quantile(n, 1)));
}

static void print_ends(const struct outcome *o)
{
	printf("jobs       %zu, of which", o->jobs);
	for (enum phase p = PHASE_SUCCEEDED; p < PHASE_COUNT_; p++)
		if (o->ended[p])
			printf(" %zu %s,", o->ended[p], phase_name(p));
	printf(" %zu ends in all (%.0f expected)\n", o->watcher.tally.delays_ms.n, o->bound.ends);
}

static void print_text(const struct options *opt, struct outcome *o)
{
	struct watcher_stalls *s = &o->watcher.stalls;

	printf("seed %" PRIu64 ", %" PRIu32 " requests a minute, %" PRIu32 " old, %" PRIu32
	       " active, %" PRIu32 " days: %.1f s\n",
	       opt->size.seed, opt->budget, opt->size.old, opt->size.active, opt->days, o->seconds);
	print_ends(o);
	print_row(stdout, "tunewatch", &o->watcher.tally);
	print_row(stdout, "fixed", &o->fixed.tally);
	printf("%-10s %9" PRIu64 " requests, delay %8.1f s median %8.1f s p95\n", "bound",
	       o->watcher.tally.requests, s_of(o->bound.median_ms), s_of(o->bound.p95_ms));
	printf("           %" PRIu64 " GETs, %" PRIu64 " pages, %" PRIu64
	       " refused; fixed asks every %.1f s\n",
	       o->watcher.gets, o->watcher.pages, o->watcher.refusals,
	       s_of((double)o->fixed.interval_ms));
	print_quantiles("found", "new jobs, from their creation", &o->watcher.founds_ms);
	print_quantiles("gaps", "longest time between two looks at a job", &o->watcher.gaps_ms);
	printf("stalls     %zu told, %zu of them false; %zu of %zu silent jobs found", s->told,
	       s->early, s->found, s->due);
	if (s->told)
		printf(", at most %.1f s over the budget (%.1f s over the time between two looks); "
		       "silent ones, from the movement itself, %.1f s",
		       s_of((double)s->worst_ms), s_of((double)s->worst_over_ms),
		       s_of((double)s->worst_true_ms));
	putchar('\n');
	for (size_t i = 0; i < WATCHER_MILESTONES; i++) {
		struct watcher_eta *e = &o->watcher.etas[i];

		printf("ETA at %2.0f %% %5zu of %zu jobs had one; median error %6.1f min, %4.1f %% of "
		       "the run; the range held for %.0f %%\n",
		       watcher_milestones[i] * 100, e->given, e->asked,
		       s_of(numbers_quantile(&e->errors_ms, 0.5)) / 60,
		       100 * numbers_quantile(&e->errors, 0.5),
		       100 * (double)e->held / (double)MAX(e->given, 1U));
	}
}

static void json_tally(FILE *f, const char *name, struct tally *t)
{
	fprintf(f,
		"\"%s\": {\"requests\": %" PRIu64
		", \"median_s\": %.3f, \"p95_s\": %.3f, \"max_s\": %.3f, \"unseen\": %zu},\n ",
		name, t->requests, s_of(numbers_quantile(&t->delays_ms, 0.5)),
		s_of(numbers_quantile(&t->delays_ms, 0.95)),
		s_of(numbers_quantile(&t->delays_ms, 1)), t->unseen);
}

static void json_quantiles(FILE *f, const char *name, struct numbers *n)
{
	fprintf(f, "\"%s\": {\"median_s\": %.3f, \"p95_s\": %.3f, \"max_s\": %.3f},\n ", name,
		s_of(numbers_quantile(n, 0.5)), s_of(numbers_quantile(n, 0.95)),
		s_of(numbers_quantile(n, 1)));
}

static void json_etas(FILE *f, struct watcher_result *w)
{
	fputs("\"eta\": [", f);
	for (size_t i = 0; i < WATCHER_MILESTONES; i++) {
		struct watcher_eta *e = &w->etas[i];

		fprintf(f,
			"%s{\"at\": %.2f, \"jobs\": %zu, \"given\": %zu, \"held\": %zu, "
			"\"error_s\": %.1f, \"error\": %.4f}",
			i ? ", " : "", watcher_milestones[i], e->asked, e->given, e->held,
			s_of(numbers_quantile(&e->errors_ms, 0.5)),
			numbers_quantile(&e->errors, 0.5));
	}
	fputs("]", f);
}

static void print_json(FILE *f, const struct options *opt, struct outcome *o)
{
	struct watcher_stalls *s = &o->watcher.stalls;

	fprintf(f,
		"{\"seed\": %" PRIu64 ", \"budget\": %" PRIu32 ", \"old\": %" PRIu32
		", \"active\": %" PRIu32 ", \"days\": %" PRIu32 ", \"jobs\": %zu, \"ends\": %zu"
		", \"ends_expected\": %.1f, \"seconds\": %.3f,\n ",
		opt->size.seed, opt->budget, opt->size.old, opt->size.active, opt->days, o->jobs,
		o->watcher.tally.delays_ms.n, o->bound.ends, o->seconds);
	json_tally(f, "tunewatch", &o->watcher.tally);
	json_tally(f, "fixed", &o->fixed.tally);
	fprintf(f, "\"bound\": {\"median_s\": %.3f, \"p95_s\": %.3f},\n ", s_of(o->bound.median_ms),
		s_of(o->bound.p95_ms));
	json_quantiles(f, "found", &o->watcher.founds_ms);
	json_quantiles(f, "gaps", &o->watcher.gaps_ms);
	fprintf(f,
		"\"gets\": %" PRIu64 ", \"pages\": %" PRIu64 ", \"refused\": %" PRIu64
		", \"fixed_interval_s\": %.3f,\n ",
		o->watcher.gets, o->watcher.pages, o->watcher.refusals,
		s_of((double)o->fixed.interval_ms));
	fprintf(f,
		"\"stalls\": {\"told\": %zu, \"false\": %zu, \"due\": %zu, \"found\": %zu, "
		"\"worst_s\": %.1f, \"worst_over_look_s\": %.1f, \"worst_true_s\": %.1f},\n ",
		s->told, s->early, s->due, s->found, s_of((double)s->worst_ms),
		s->told ? s_of((double)s->worst_over_ms) : 0.0, s_of((double)s->worst_true_ms));
	json_etas(f, &o->watcher);
	fputs("}\n", f);
}

static int write_json(const struct options *opt, struct outcome *o)
{
	FILE *f = fopen(opt->json, "we");
	bool written;

	if (!f)
		return -errno;
	print_json(f, opt, o);
	written = ferror(f) == 0;
	return fclose(f) == 0 && written ? 0 : -EIO;
}

/* --- the run --- */

static void count_jobs(const struct traces *t, const struct span *span, struct outcome *ret)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct trace_job *j = &t->jobs[i];

		ret->jobs += j->created_ms < span->end_ms && j->end_ms >= span->begin_ms;
		if (span_holds(span, j->end_ms))
			ret->ended[trace_change(t, j, j->n_changes - 1)->phase]++;
	}
}

static int run_all(const struct options *opt, const struct traces *traces, struct outcome *ret)
{
	struct span span = {opt->size.begin_ms, opt->size.begin_ms + opt->days * MS_PER_DAY,
			    opt->size.end_ms};
	struct server server;
	int r = server_init(&server, traces, opt->refused);

	count_jobs(traces, &span, ret);
	if (r == 0)
		r = watcher_run(&server, &span, opt->budget, &ret->watcher);
	server_done(&server);
	if (r == 0)
		r = fixed_run(traces, &span, opt->budget, ret->watcher.tally.requests, &ret->fixed);
	if (r == 0)
		r = bound_find(traces, &span, ret->watcher.tally.requests, &ret->bound);
	return r;
}

static int run(const struct options *opt, struct outcome *ret)
{
	clock_t begin = clock();
	struct traces traces;
	int r = traces_make(&opt->size, &traces);

	if (r < 0)
		return r;
	r = run_all(opt, &traces, ret);
	traces_done(&traces);
	ret->seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
	return r;
}

/* --- options --- */

static const char usage[] =
	"usage: simtime [--seed N] [--budget PER-MINUTE] [--old N] [--active N] [--days N]\n"
	"               [--refuse filter|order]... [--json FILE]\n";

static bool parse_number(const char *text, uint64_t max, uint64_t *ret)
{
	char *rest;

	errno = 0;
	*ret = strtoull(text, &rest, 0);
	return errno == 0 && rest != text && *rest == '\0' && *ret >= 1 && *ret <= max;
}

static bool parse_refusal(const char *text, uint8_t *refused)
{
	if (strcmp(text, "filter") == 0)
		*refused |= plan_bit(PLAN_ACTIVE);
	else if (strcmp(text, "order") == 0)
		*refused |= plan_bit(PLAN_NEWEST);
	else
		return false;
	return true;
}

static bool parse_options(int argc, char **argv, struct options *opt)
{
	static const struct option options[] = {
		{"seed", required_argument, NULL, 's'},   {"budget", required_argument, NULL, 'b'},
		{"old", required_argument, NULL, 'o'},    {"active", required_argument, NULL, 'a'},
		{"days", required_argument, NULL, 'd'},   {"json", required_argument, NULL, 'j'},
		{"refuse", required_argument, NULL, 'r'}, {0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		uint64_t n = 0;

		if (c == 'j') {
			opt->json = optarg;
			continue;
		}
		if (c == 'r' && parse_refusal(optarg, &opt->refused))
			continue;
		if (c == '?' || c == 'r' ||
		    !parse_number(optarg, c == 's' ? UINT64_MAX : 1000000, &n))
			return false;
		switch (c) {
		case 's':
			opt->size.seed = n;
			break;
		case 'b':
			opt->budget = (uint32_t)n;
			break;
		case 'o':
			opt->size.old = (uint32_t)n;
			break;
		case 'a':
			opt->size.active = (uint32_t)n;
			break;
		default:
			opt->days = (uint32_t)n;
			break;
		}
	}
	return optind == argc;
}

int main(int argc, char **argv)
{
	struct options opt = {.size = {.seed = (uint64_t)time(NULL), .old = 200, .active = 30},
			      .budget = 10,
			      .days = 7};
	struct outcome o = {0};
	int r;

	if (!parse_options(argc, argv, &opt)) {
		fputs(usage, stderr);
		return 64;
	}
	opt.size.begin_ms = BEGIN_MS;
	opt.size.end_ms = BEGIN_MS + opt.days * MS_PER_DAY + DRAIN_MS;
	r = run(&opt, &o);
	if (r == 0) {
		print_text(&opt, &o);
		if (opt.json)
			r = write_json(&opt, &o);
	}
	if (r < 0)
		fprintf(stderr, "simtime: %s\n", strerror(-r));
	else if (broken(&o))
		fputs("simtime: a promise is broken\n", stderr);
	r = r < 0 || broken(&o);
	watcher_result_done(&o.watcher);
	fixed_result_done(&o.fixed);
	return r;
}
