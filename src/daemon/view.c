/* What the control socket tells of accounts and jobs. */
#include "daemon/view.h"

#include "base/clock.h"
#include "daemon/override.h"
#include "daemon/planning.h"
#include "daemon/poller.h"

struct view_moment view_now(void)
{
	return (struct view_moment){clock_real_now_us(), clock_boot_now_ms()};
}

/* A time on CLOCK_BOOTTIME as one on the wall. */
static int64_t real_of_boot_us(const struct view_moment *now, uint64_t boot_ms)
{
	return now->real_us + ((int64_t)boot_ms - (int64_t)now->boot_ms) * US_PER_MS;
}

/* What the server does not take, by a bit each. */
enum { WITHOUT_FILTER = 1, WITHOUT_ORDER = 2, WITHOUT_MASK = 4 };

static const char *const without[] = {
	"",
	[WITHOUT_FILTER] = "filter",
	[WITHOUT_ORDER] = "orderBy",
	[WITHOUT_FILTER | WITHOUT_ORDER] = "filter orderBy",
	[WITHOUT_MASK] = "readMask",
	[WITHOUT_FILTER | WITHOUT_MASK] = "filter readMask",
	[WITHOUT_ORDER | WITHOUT_MASK] = "orderBy readMask",
	[WITHOUT_FILTER | WITHOUT_ORDER | WITHOUT_MASK] = "filter orderBy readMask",
};

static struct collection_view view_collection(const struct collection *c)
{
	unsigned bits = 0;

	if (c->plan.refused & plan_bit(PLAN_ACTIVE))
		bits |= WITHOUT_FILTER;
	if (c->plan.refused & plan_bit(PLAN_NEWEST))
		bits |= WITHOUT_ORDER;
	if (c->unmasked)
		bits |= WITHOUT_MASK;
	return (struct collection_view){.kind = kind_info(c->kind)->name,
					.jobs = c->plan.size,
					.unseen = c->watches && c->plan.newcomers.last_ms == 0,
					.without = without[bits],
					.last_error = c->last_error ? c->last_error : ""};
}

/* Whether it is searched for jobs, or something is known of it. */
static bool is_looked_at(const struct collection *c)
{
	return c->watches || c->plan.size || c->plan.refused || c->unmasked || c->last_error;
}

/* It is known as of when a job was paused, and says nothing once no job is. */
static const char *suspend_state(const struct account *account)
{
	return account->tally.by_phase[PHASE_PAUSED] ? account->suspend_state : "";
}

void view_account(const struct config *config, struct account *account,
		  const struct view_moment *now, struct view_account *ret)
{
	const struct sight *sight = &account->sight;
	size_t n = 0;

	for (int k = 0; k < KIND_COUNT_; k++)
		if (is_looked_at(&account->collections[k]))
			ret->collections[n++] = view_collection(&account->collections[k]);
	ret->view = (struct account_view){
		.name = account->config->name,
		.account = account->id,
		.endpoint = account->endpoint,
		.in_sight = !sight->out,
		.degraded = sight->out && sight->announced,
		.trouble = sight->out ? trouble_name(sight->outage.trouble) : "",
		.last_error = sight->out ? sight->outage.last : "",
		.out_since_us = sight->out ? sight->outage.since_us : 0,
		.requests_per_minute = account->config->requests_per_minute,
		.rate = account->budget.rate,
		.requests = account->requests,
		.failures = account->failed,
		.jobs = account->jobs.n,
		.suspend_state = suspend_state(account),
		.collections = ret->collections,
		.n_collections = n,
	};
	planning_freshness(config, account, now->boot_ms, &ret->view.wanted_ms,
			   &ret->view.freshness_ms);
}

static void add_snapshot(const struct config *config, const struct job *job,
			 const struct view_moment *now, struct job_view *v)
{
	enum phase phase = snapshot_phase(job->snapshot);
	struct eta_estimate eta;

	v->phase = phase_name(phase);
	v->progress = snapshot_parts(job->snapshot).progress;
	v->epochs = job->snapshot->epochs;
	v->moved_us = job->still.moved_us;
	v->still_ms = stillness_ms(&job->still, job->account->watched.total_ms);
	v->stall_budget_ms = planning_stall_budget_ms(config, job, phase);
	v->stalled = job->still.stalled;
	if (!planning_eta(job, now->boot_ms, &eta))
		return;
	v->eta_us = real_of_boot_us(now, now->boot_ms + eta.likely_ms);
	v->eta_low_us = real_of_boot_us(now, now->boot_ms + eta.low_ms);
	v->eta_high_us = real_of_boot_us(now, now->boot_ms + eta.high_ms);
}

struct job_view view_job(const struct config *config, const struct job *job,
			 const struct job_name *name, const struct view_moment *now)
{
	uint64_t next_ms = poller_next_ms(job);
	/* Asked for by name, also in vain, or seen in a list. */
	int64_t asked_us = job->asked_ms ? real_of_boot_us(now, job->asked_ms) : 0;
	struct job_view v = {.name = job->name,
			     .account = name->account,
			     .kind = kind_info(name->kind)->name,
			     .id = name->id,
			     .phase = "",
			     .attempt = job->attempt.number,
			     .sequence = job->sequence,
			     .phase_since_us = job->phase_since_us,
			     .last_poll_us = MAX(job->last_seen_us, asked_us),
			     .next_poll_us =
				     next_ms == UINT64_MAX ? 0 : real_of_boot_us(now, next_ms),
			     .stall_budget_ms = UINT64_MAX,
			     .not_found = !job->snapshot && job->missing > 1,
			     .added = job->override && job->override->watched,
			     .notify_chosen = override_chosen(job->override),
			     .notify = job->override ? job->override->names : NULL,
			     .n_notify = job->override ? job->override->n_names : 0,
			     .last_error = job->last_error ? job->last_error : ""};

	for (int i = 0; i < TEXT_COUNT_; i++)
		v.text[i] = job->snapshot ? snapshot_text(job->snapshot, i) : "";
	if (job->snapshot)
		add_snapshot(config, job, now, &v);
	return v;
}
