/* Whether the daemon can see an account. */
#include "daemon/health.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/planning.h"
#include "io/entropy.h"
#include "model/schedule.h"

/* Time asleep is no outage: after it, somebody has to look first. */
static uint64_t awake_now_ms(void)
{
	return clock_monotonic_now_us() / US_PER_MS;
}

/* `b` is NULL for an account of which nobody knows whose it is: no event can be about it. */
static void tell_sight(struct account *account, enum sight_verdict verdict, struct observation *b)
{
	const struct outage *outage = &account->sight.outage;
	char span[CLOCK_SPAN_MAX];

	if (b && observation_sight(b, verdict) < 0)
		log_err("out of memory: no event tells that account %s is %s",
			account_name(account),
			verdict == SIGHT_DEGRADED ? "out of sight" : "in sight again");
	if (verdict == SIGHT_DEGRADED) {
		log_warning("account %s is out of sight (%s): %s", account_name(account),
			    trouble_name(outage->trouble), outage->last);
	} else {
		clock_format_span_ms(outage_ms(outage) / MS_PER_S * MS_PER_S, span);
		log_notice("account %s is in sight again after %s", account_name(account), span);
	}
}

uint64_t health_check(struct health *h, struct account *account, uint64_t now_ms)
{
	uint64_t due_ms = sight_due_ms(&account->sight, h->config->degraded_after_ms);
	uint64_t awake_ms = awake_now_ms();
	struct observation *b = NULL;

	if (due_ms == UINT64_MAX)
		return due_ms;
	if (awake_ms < due_ms)
		return now_ms + (due_ms - awake_ms);
	/* While the store takes nothing, the event waits. */
	if (account->id[0] && observation_begin(h->observer, account, &b) < 0)
		return now_ms + MS_PER_S;
	if (sight_check(&account->sight, h->config->degraded_after_ms, awake_ms) == SIGHT_DEGRADED)
		tell_sight(account, SIGHT_DEGRADED, b);
	if (b)
		observation_end(b);
	h->changed(h->user);
	return UINT64_MAX;
}

/* --- one collection, one job --- */

/* Not what a network does, which would fail for all, nor what all requests of an account count for. */
static bool may_be_alone(enum trouble trouble)
{
	return trouble != TROUBLE_DNS && trouble != TROUBLE_CONNECT && trouble != TROUBLE_TLS &&
	       trouble != TROUBLE_RATE_LIMITED;
}

static void set_text(char **text, const char *to)
{
	free(*text);
	*text = to ? strdup(to) : NULL;
}

/* Whether it concerns the collection alone; then its lists wait longer with each failure. */
static bool lists_fail_alone(const struct failure *f, uint64_t now_ms)
{
	struct collection *c = f->collection;
	bool others = c->failures > 0 && f->account->answered > c->answered;

	/* Requests that were under way together fail together, which is one failure. */
	if (now_ms >= c->plan.blocked_until_ms)
		c->failures++;
	c->answered = f->account->answered;
	if (!may_be_alone(f->trouble) || (!c->alone && !others))
		return false;
	c->plan.blocked_until_ms =
		MAX(c->plan.blocked_until_ms,
		    now_ms + 1 +
			    schedule_backoff_ms(c->failures, f->retry_after_ms, entropy_u32()));
	if (!c->alone)
		log_warning("account %s: %s jobs are not listed, while others are: %s",
			    account_name(f->account), kind_info(c->kind)->name, f->text);
	c->alone = true;
	set_text(&c->last_error, f->text);
	return true;
}

/*
 * Whether it concerns the job alone, which is asked for again when it is due. A server that says for
 * how long it wants to be left alone means everybody.
 */
static bool job_fails_alone(const struct failure *f)
{
	struct job *job = f->job;
	uint32_t now = (uint32_t)f->account->answered + 1; /* wraps, which takes years */
	bool others = job->failed_at > 0 && job->failed_at != now;

	job->failed_at = now;
	return others && f->retry_after_ms == 0 && may_be_alone(f->trouble);
}

static void answer_list(struct collection *c)
{
	if (c->alone)
		log_notice("account %s: %s jobs are listed again", account_name(c->account),
			   kind_info(c->kind)->name);
	c->alone = false;
	c->failures = 0;
	c->plan.blocked_until_ms = 0;
	set_text(&c->last_error, NULL);
}

/* Those that fail alone are known to, whatever the others do. */
static void forgive_collections(struct account *account)
{
	for (int k = 0; k < KIND_COUNT_; k++)
		if (!account->collections[k].alone)
			account->collections[k].plan.blocked_until_ms = 0;
}

/* --- the account --- */

static void log_failure(struct account *account, const struct failure *f, bool first)
{
	/* Where one request is refused and the others are not, each round fails and recovers. */
	if ((!first && account->logged[0]) || strcmp(f->text, account->logged) == 0)
		return;
	log_msg(f->trouble == TROUBLE_UNAUTHORIZED || f->trouble == TROUBLE_SUSPENDED
			? LOG_LEVEL_WARNING
			: LOG_LEVEL_INFO,
		"account %s: %s", account_name(account), f->text);
	if (f->trouble == TROUBLE_UNAUTHORIZED && config_key_is_credential(account->config))
		log_notice("account %s: its key is a credential, which is read when the service "
			   "starts; after a change: systemctl restart tunewatchd",
			   account_name(account));
	snprintf(account->logged, sizeof(account->logged), "%s", f->text);
}

void health_failed(struct health *h, const struct failure *f)
{
	struct account *account = f->account;
	uint64_t now_ms = clock_boot_now_ms();
	bool first = !account->sight.out;

	account->failed++;
	account->suspect = NULL;
	if ((f->collection && lists_fail_alone(f, now_ms)) || (f->job && job_fails_alone(f)))
		return;
	watched_lost(&account->watched);
	sight_failed(&account->sight, f->trouble, f->text, awake_now_ms(), clock_real_now_us());
	/* Requests that were under way together fail together, which is one failure. */
	if (now_ms >= account->blocked_until_ms)
		account->failures++;
	if (trouble_blocks_account(f->trouble, account->failures)) {
		/* One more, for the part of a millisecond that `now` leaves out: never too early. */
		account->blocked_until_ms =
			MAX(account->blocked_until_ms,
			    now_ms + 1 +
				    schedule_backoff_ms(account->failures, f->retry_after_ms,
							entropy_u32()));
		account->blocked_by = f->trouble;
		/* That a server turns requests away, though, is a matter of the budget. */
		if (f->trouble != TROUBLE_RATE_LIMITED)
			planning_disturbed(account, account->blocked_until_ms);
	} else if (f->collection) {
		f->collection->plan.blocked_until_ms =
			now_ms + schedule_backoff_ms(f->collection->failures, f->retry_after_ms,
						     entropy_u32());
	}
	/* What was never seen is wanted most: by itself it would be asked for again and again. */
	if (f->collection && f->collection->failures > 1 && may_be_alone(f->trouble))
		account->suspect = f->collection;
	if (first)
		h->changed(h->user);
	log_failure(account, f, first);
}

void health_answered(struct health *h, struct account *account, struct collection *collection,
		     struct observation *b)
{
	account->answered++;
	account->suspect = NULL;
	if (account->undisturbed_ms > clock_boot_now_ms())
		planning_disturbed(account, clock_boot_now_ms());
	account->failures = 0;
	account->blocked_until_ms = 0;
	account->blocked_by = TROUBLE_NONE;
	watched_answer(&account->watched, awake_now_ms());
	if (collection)
		answer_list(collection);
	if (!account->sight.out)
		return;
	forgive_collections(account);
	/* An outage that was announced ends with an event, so it lasts until one can be kept. */
	if (account->sight.announced && account->id[0] && !b)
		return;
	if (sight_succeeded(&account->sight, clock_real_now_us()) == SIGHT_RESTORED)
		tell_sight(account, SIGHT_RESTORED, b);
	h->changed(h->user);
}

void health_forgive(struct account *account)
{
	account->blocked_until_ms = 0;
	account->blocked_by = TROUBLE_NONE;
	account->failures = 0;
	account->suspect = NULL;
	for (int k = 0; k < KIND_COUNT_; k++)
		account->collections[k].plan.blocked_until_ms = 0;
}
