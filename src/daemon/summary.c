/* What systemd and the log are told of how things stand. */
#include "daemon/summary.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/planning.h"
#include "io/service.h"
#include "model/schedule.h"

/*
 * The log hears of it when it begins, doubles, or ends: when it is well away from where it began, for
 * at least as long as that took to be noticed.
 */
static void tell_freshness(struct account *account, uint64_t wanted_ms, uint64_t freshness_ms,
			   uint64_t now_ms)
{
	char wanted[CLOCK_SPAN_MAX], freshness[CLOCK_SPAN_MAX];
	bool stale = schedule_is_stale(wanted_ms, freshness_ms);
	bool fresh = !schedule_is_stale(wanted_ms, 2 * freshness_ms) &&
		     now_ms >= account->undisturbed_ms + account->told_ms;

	clock_format_span_ms(wanted_ms, wanted);
	clock_format_span_ms(freshness_ms / MS_PER_S * MS_PER_S, freshness);
	if (stale && freshness_ms >= 2 * account->told_ms) {
		log_notice("account %s: %u %s for a look at each active job every %s; %s is wanted",
			   account_name(account), account->budget.rate,
			   account->budget.rate == 1 ? "request a minute suffices"
						     : "requests a minute suffice",
			   freshness, wanted);
		account->told_ms = freshness_ms;
	} else if (fresh && account->told_ms) {
		log_notice("account %s: active jobs are looked at often enough again",
			   account_name(account));
		account->told_ms = 0;
	}
}

/*
 * The account whose active jobs are looked at least often, compared with what is wanted of them, when
 * that is too seldom: the budget does not suffice. NULL when all are fresh.
 */
static const struct account *stalest(const struct summary_sources *sources,
				     uint64_t *ret_freshness_ms)
{
	const struct account *which = NULL;
	uint64_t worst = 0, now_ms = clock_boot_now_ms();

	map_for_each (&sources->accounts->map, struct account, account) {
		uint64_t wanted_ms, freshness_ms;

		if (!account->config || account->sight.out ||
		    !planning_freshness(sources->config, account, now_ms, &wanted_ms,
					&freshness_ms))
			continue;
		tell_freshness(account, wanted_ms, freshness_ms, now_ms);
		if (schedule_is_stale(wanted_ms, freshness_ms) &&
		    freshness_ms / wanted_ms > worst) {
			worst = freshness_ms / wanted_ms;
			*ret_freshness_ms = freshness_ms;
			which = account;
		}
	}
	return which;
}

static void format(const struct summary_sources *sources, char text[SUMMARY_MAX])
{
	size_t jobs = 0, accounts = 0, out = 0;
	uint64_t freshness_ms = 0;
	const struct account *stale = stalest(sources, &freshness_ms);
	const char *which = "";
	char span[CLOCK_SPAN_MAX];

	map_for_each (&sources->accounts->map, const struct account, account) {
		if (!account->config)
			continue;
		accounts++;
		jobs += account->tally.watched;
		if (account->sight.out && account->sight.announced) {
			out++;
			which = account_name(account);
		}
	}
	if (sources->store_error[0])
		snprintf(text, SUMMARY_MAX, "The store fails, events wait: %.150s",
			 sources->store_error);
	else if (out)
		snprintf(text, SUMMARY_MAX, "Out of sight: %s%s; watching %zu job%s", which,
			 out > 1 ? " and others" : "", jobs, jobs == 1 ? "" : "s");
	else if (stale) {
		clock_format_span_ms(freshness_ms / MS_PER_S * MS_PER_S, span);
		snprintf(
			text, SUMMARY_MAX,
			"Watching %zu job%s; with %u request%s a minute, account %.64s is seen every %s",
			jobs, jobs == 1 ? "" : "s", stale->budget.rate,
			stale->budget.rate == 1 ? "" : "s", account_name(stale), span);
	} else
		snprintf(text, SUMMARY_MAX, "Watching %zu job%s of %zu account%s%s", jobs,
			 jobs == 1 ? "" : "s", accounts, accounts == 1 ? "" : "s",
			 sources->configuration_error[0] ? "; the last reload was refused" : "");
}

void summary_tell(struct summary *s, const struct summary_sources *sources)
{
	char text[SUMMARY_MAX];

	format(sources, text);
	if (strcmp(text, s->told) == 0)
		return;
	memcpy(s->told, text, sizeof(text));
	service_status("%s", text);
}
