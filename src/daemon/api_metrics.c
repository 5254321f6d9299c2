/* What the daemon counts, for Prometheus. */
#include "daemon/api_private.h"

#include <string.h>

#include "base/clock.h"
#include "codec/metrics.h"

_Static_assert(sizeof(((struct polls *)NULL)->of) ==
		       sizeof(((struct metrics_account *)NULL)->requests) - sizeof(uint64_t),
	       "a result for each class of trouble, and the dropped ones");

static void fill_jobs(const struct tally *tally, struct metrics_account *ret)
{
	ret->jobs[METRICS_UNSEEN] = tally->watched;
	for (int p = 0; p < PHASE_COUNT_; p++) {
		ret->jobs[p] = tally->by_phase[p];
		ret->jobs[METRICS_UNSEEN] -= tally->by_phase[p];
	}
}

static void fill_account(const struct account *account, struct metrics_account *ret)
{
	uint32_t rate;

	*ret = (struct metrics_account){.name = account->config->name,
					.requests_per_minute = account->budget.per_minute,
					.in_sight = !account->sight.out};
	ret->tokens = budget_tokens(&account->budget, clock_boot_now_us(), &rate);
	ret->rate = rate;
	memcpy(ret->requests, account->polls.of, sizeof(account->polls.of));
	ret->requests[METRICS_DROPPED] = account->polls.dropped;
	fill_jobs(&account->tally, ret);
}

static void fill_notifier(const struct notifier_view *n, int64_t oldest_us, int64_t now_us,
			  struct metrics_notifier *ret)
{
	*ret = (struct metrics_notifier){
		.name = n->name,
		.off = n->off,
		.pending = n->pending,
		.running = n->running,
		/* The clock may have been set back since. */
		.oldest_age_us =
			oldest_us && oldest_us < now_us ? (uint64_t)(now_us - oldest_us) : 0,
		.deliveries = {[METRICS_DELIVERED] = n->delivered,
			       [METRICS_RETRY] = n->retried,
			       [METRICS_DEAD] = n->dead,
			       [METRICS_SKIPPED] = n->skipped,
			       [METRICS_REPLACED] = n->replaced},
	};
}

/* Those that are in the configuration. */
static size_t fill_notifiers(const struct dispatcher *dispatcher, struct metrics_notifier *ret)
{
	struct notifier_view views[ROUTE_MAX];
	size_t n_views = dispatcher_views(dispatcher, views, ROUTE_MAX), n = 0;
	int64_t now_us = clock_real_now_us();

	for (size_t i = 0; i < MIN(n_views, (size_t)ROUTE_MAX); i++)
		if (!views[i].removed)
			fill_notifier(&views[i], dispatcher_oldest_us(dispatcher, views[i].name),
				      now_us, &ret[n++]);
	return n;
}

int api_get_metrics(struct api *api, const struct server_request *request, const char *rest,
		    struct server_response *response)
{
	const struct api_sources *sources = &api->sources;
	struct account *accounts[ROUTE_MAX];
	size_t n_accounts = api_accounts(api, accounts);
	const struct loop_watch *watch = sources->loop_watch;
	struct metrics_account of_accounts[ROUTE_MAX];
	struct metrics_notifier of_notifiers[ROUTE_MAX];
	struct metrics_view v = {
		.version = PACKAGE_VERSION,
		.started_us = (uint64_t)api->started_us,
		.accounts = of_accounts,
		.n_accounts = n_accounts,
		.notifiers = of_notifiers,
		.n_notifiers = fill_notifiers(sources->dispatcher, of_notifiers),
		.commits = committer_latency(sources->committer),
		.commits_failed = committer_failed(sources->committer),
		.commits_waiting = committer_waiting(sources->committer),
		.stalls = loop_watch_stalls(watch),
		.longest_stall_us = loop_watch_longest_ms(watch) * US_PER_MS,
		.longest_stall_cpu_us = loop_watch_longest_cpu_ms(watch) * US_PER_MS,
		.reload_ok = sources->configuration_error[0] == '\0',
	};

	for (size_t i = 0; i < n_accounts; i++)
		fill_account(accounts[i], &of_accounts[i]);
	for (int t = 0; t < EVENT_COUNT_; t++)
		v.events[t] = observer_events(sources->observer, t);
	response->content_type = METRICS_CONTENT_TYPE;
	return metrics_format(&v, &response->body);
}
