/* Counters and gauges as text for Prometheus: one table says which there are. */
#include "codec/metrics.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"

/* What a metric has a series for each of. */
enum scope { WHOLE, ACCOUNT, NOTIFIER };

/* How a number stands in the view. */
enum unit { COUNT, MICROSECONDS };

/* A label whose values are a closed list; the view has an array of that many numbers. */
struct label {
	const char *key;
	const char *(*name)(int i);
	int first, n; /* `i` runs from `first` to before `n` */
};

static const char *result_name(int i)
{
	if (i == METRICS_DROPPED)
		return "dropped";
	return i == TROUBLE_NONE ? "ok" : trouble_name((enum trouble)i);
}

static const char *job_phase_name(int i)
{
	return i == METRICS_UNSEEN ? "unseen" : phase_name((enum phase)i);
}

static const char *type_name(int i)
{
	return event_type_name((enum event_type)i);
}

static const char *verdict_name(int i)
{
	static const char *const names[METRICS_VERDICTS] = {
		[METRICS_DELIVERED] = "delivered", [METRICS_RETRY] = "retry",
		[METRICS_DEAD] = "dead",           [METRICS_SKIPPED] = "skipped",
		[METRICS_REPLACED] = "replaced",
	};

	return names[i];
}

static const struct label results = {"result", result_name, 0, METRICS_RESULTS};
static const struct label phases = {"phase", job_phase_name, 0, METRICS_PHASES};
static const struct label types = {"type", type_name, EVENT_NONE + 1, EVENT_COUNT_};
static const struct label verdicts = {"verdict", verdict_name, 0, METRICS_VERDICTS};

#define OF_WHOLE(member)    WHOLE, offsetof(struct metrics_view, member)
#define OF_ACCOUNT(member)  ACCOUNT, offsetof(struct metrics_account, member)
#define OF_NOTIFIER(member) NOTIFIER, offsetof(struct metrics_notifier, member)

static const char counter[] = "counter", gauge[] = "gauge";

static const struct metric {
	const char *name, *type, *help;
	enum scope scope;
	size_t offset; /* of its uint64_t, or of an array of these */
	enum unit unit;
	const struct label *label; /* of the array; NULL: it is none */
} metrics[] = {
	{"tunewatch_api_requests_total", counter, "Requests sent to the API, by what came of them.",
	 OF_ACCOUNT(requests), COUNT, &results},
	{"tunewatch_budget_requests_per_minute", gauge,
	 "Requests that may be sent within a minute, as configured.",
	 OF_ACCOUNT(requests_per_minute), COUNT, NULL},
	{"tunewatch_budget_current_requests_per_minute", gauge,
	 "The same at present: less for some time after the API has answered 429.",
	 OF_ACCOUNT(rate), COUNT, NULL},
	{"tunewatch_budget_available_requests", gauge,
	 "Requests that the budget lets start at once; more come evenly spaced.",
	 OF_ACCOUNT(tokens), COUNT, NULL},
	{"tunewatch_account_in_sight", gauge,
	 "Whether the account can be seen: 0 from a failed request to the next answer.",
	 OF_ACCOUNT(in_sight), COUNT, NULL},
	{"tunewatch_jobs", gauge,
	 "Watched jobs by the phase they were last seen in; unseen: never yet.", OF_ACCOUNT(jobs),
	 COUNT, &phases},
	{"tunewatch_events_total", counter,
	 "Events that were made, each with its snapshot durable.", OF_WHOLE(events), COUNT, &types},
	{"tunewatch_deliveries_total", counter,
	 "Deliveries by verdict; a retry comes again. skipped: not taken; replaced: by newer "
	 "progress.",
	 OF_NOTIFIER(deliveries), COUNT, &verdicts},
	{"tunewatch_deliveries_pending", gauge,
	 "Deliveries that are not over, those being tried included.", OF_NOTIFIER(pending), COUNT,
	 NULL},
	{"tunewatch_deliveries_running", gauge, "Tries under way.", OF_NOTIFIER(running), COUNT,
	 NULL},
	{"tunewatch_delivery_oldest_age_seconds", gauge,
	 "Age of the oldest delivery that is not over; 0 without one.", OF_NOTIFIER(oldest_age_us),
	 MICROSECONDS, NULL},
	{"tunewatch_notifier_off", gauge,
	 "Whether the notifier is off until the next reload, since its receiver answered 410.",
	 OF_NOTIFIER(off), COUNT, NULL},
	{"tunewatch_commit_failures_total", counter,
	 "Transactions that the store refused; each is tried again.", OF_WHOLE(commits_failed),
	 COUNT, NULL},
	{"tunewatch_commits_waiting", gauge, "Batches of changes that are not durable yet.",
	 OF_WHOLE(commits_waiting), COUNT, NULL},
	{"tunewatch_loop_stalls_total", counter,
	 "Turns of the event loop of more than 50 ms, in which nothing else could begin.",
	 OF_WHOLE(stalls), COUNT, NULL},
	{"tunewatch_loop_longest_stall_seconds", gauge, "The longest turn since the start.",
	 OF_WHOLE(longest_stall_us), MICROSECONDS, NULL},
	{"tunewatch_loop_longest_stall_cpu_seconds", gauge,
	 "The most CPU time of a turn since the start.", OF_WHOLE(longest_stall_cpu_us),
	 MICROSECONDS, NULL},
	{"tunewatch_config_last_reload_successful", gauge,
	 "Whether the configuration that was loaded last was taken.", OF_WHOLE(reload_ok), COUNT,
	 NULL},
	{"process_start_time_seconds", gauge, "When the daemon was started, since the epoch.",
	 OF_WHOLE(started_us), MICROSECONDS, NULL},
};

/* --- lines --- */

static int begin(struct buf *b, const char *name, const char *type, const char *help)
{
	return buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static int add_value(struct buf *b, uint64_t value, enum unit unit)
{
	if (unit == COUNT)
		return buf_printf(b, "%" PRIu64, value);
	return buf_printf(b, "%" PRIu64 ".%06" PRIu64, value / (uint64_t)US_PER_S,
			  value % (uint64_t)US_PER_S);
}

static int add_label_value(struct buf *b, const char *value)
{
	int r = buf_puts(b, "\"");

	for (size_t len; r == 0 && *value; value += len) {
		len = strcspn(value, "\\\"\n");
		r = buf_append(b, value, len);
		if (r < 0 || !value[len])
			continue;
		r = buf_puts(b, value[len] == '\n' ? "\\n" : value[len] == '"' ? "\\\"" : "\\\\");
		len++;
	}
	return r < 0 ? r : buf_puts(b, "\"");
}

/* `whose` is an account or a notifier, or NULL; `which` is the value of the metric's own label. */
static int add_labels(struct buf *b, const struct metric *m, const char *whose, int which)
{
	static const char *const keys[] = {[ACCOUNT] = "account", [NOTIFIER] = "notifier"};
	int r = 0;

	if (!whose && !m->label)
		return 0;
	r = buf_puts(b, "{");
	if (r == 0 && whose)
		r = buf_printf(b, "%s=", keys[m->scope]);
	if (r == 0 && whose)
		r = add_label_value(b, whose);
	if (r == 0 && m->label)
		r = buf_printf(b, "%s%s=\"%s\"", whose ? "," : "", m->label->key,
			       m->label->name(which));
	return r < 0 ? r : buf_puts(b, "}");
}

static int add_sample(struct buf *b, const struct metric *m, const char *whose, int which,
		      uint64_t value)
{
	int r = buf_puts(b, m->name);

	if (r == 0)
		r = add_labels(b, m, whose, which);
	if (r == 0)
		r = buf_puts(b, " ");
	if (r == 0)
		r = add_value(b, value, m->unit);
	return r < 0 ? r : buf_puts(b, "\n");
}

/* The series of one account, of one notifier, or of the whole, which is at `of`. */
static int add_series(struct buf *b, const struct metric *m, const char *whose, const void *of)
{
	const uint64_t *values = (const void *)((const char *)of + m->offset);
	int r = 0;

	if (!m->label)
		return add_sample(b, m, whose, 0, *values);
	for (int i = m->label->first; r == 0 && i < m->label->n; i++)
		r = add_sample(b, m, whose, i, values[i]);
	return r;
}

static int add_metric(struct buf *b, const struct metric *m, const struct metrics_view *v)
{
	int r = begin(b, m->name, m->type, m->help);

	if (r < 0)
		return r;
	switch (m->scope) {
	case WHOLE:
		r = add_series(b, m, NULL, v);
		break;
	case ACCOUNT:
		for (size_t i = 0; r == 0 && i < v->n_accounts; i++)
			r = add_series(b, m, v->accounts[i].name, &v->accounts[i]);
		break;
	case NOTIFIER:
		for (size_t i = 0; r == 0 && i < v->n_notifiers; i++)
			r = add_series(b, m, v->notifiers[i].name, &v->notifiers[i]);
		break;
	}
	return r;
}

/* --- what does not fit the table --- */

/* Its buckets hold whatever is not longer; the last one holds all. */
static int add_histogram(struct buf *b, const char *name, const char *help, const struct latency *l)
{
	uint64_t n = 0;
	int r = begin(b, name, "histogram", help);

	for (int i = 0; r == 0 && i < LATENCY_BOUNDS; i++) {
		n += l->counts[i];
		r = buf_printf(b, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name,
			       latency_bounds_us[i] / (double)US_PER_S, n);
	}
	if (r < 0)
		return r;
	n += l->counts[LATENCY_BOUNDS];
	r = buf_printf(b, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum ", name, n, name);
	if (r == 0)
		r = add_value(b, l->sum_us, MICROSECONDS);
	return r < 0 ? r : buf_printf(b, "\n%s_count %" PRIu64 "\n", name, n);
}

static int add_build(struct buf *b, const char *version)
{
	int r = begin(b, "tunewatch_build_info", gauge, "The version of the daemon.");

	if (r == 0)
		r = buf_puts(b, "tunewatch_build_info{version=");
	if (r == 0)
		r = add_label_value(b, version);
	return r < 0 ? r : buf_puts(b, "} 1\n");
}

int metrics_format(const struct metrics_view *v, struct buf *b)
{
	int r = add_build(b, v->version);

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(metrics); i++)
		r = add_metric(b, &metrics[i], v);
	if (r == 0)
		r = add_histogram(b, "tunewatch_commit_duration_seconds",
				  "From a batch of changes being handed to the store until it is "
				  "durable, waits and failed tries included.",
				  v->commits);
	return r;
}
