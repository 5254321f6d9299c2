/* What the store remembers, taken into the daemon's memory. */
#include "daemon/recall.h"

#include "base/log.h"
#include "daemon/override.h"

/* The account of a job's row, and the job's name; NULL with 0 for a row that says nothing. */
static int account_of_row(const struct recall *to, const char *endpoint, const char *name,
			  struct job_name *ret_name, struct account **ret)
{
	*ret = NULL;
	if (name_parse_full(name, ret_name) < 0) {
		log_warning("the store holds a job with a name that cannot be: %s", name);
		return 0;
	}
	return accounts_get(to->accounts, endpoint, ret_name->account, ret);
}

static int job_of_row(const struct recall *to, const char *endpoint, const char *name,
		      struct job **ret)
{
	struct account *account;
	struct job_name parts;
	int r = account_of_row(to, endpoint, name, &parts, &account);

	*ret = NULL;
	return r < 0 || !account ? r : account_job(account, name, parts.kind, ret);
}

static int load_job(void *user, const char *endpoint, const char *name, struct snapshot *snapshot,
		    struct attempt attempt, uint64_t sequence, int64_t phase_since_us,
		    const struct stillness *still)
{
	struct job *job;
	int r = job_of_row(user, endpoint, name, &job);

	if (r < 0 || !job)
		return r;
	job_set_snapshot(job, snapshot);
	job->attempt = attempt;
	job->sequence = (uint32_t)sequence;
	job->phase_since_us = phase_since_us;
	job->still = *still;
	job->seen_watched_ms = job->account->watched.total_ms; /* accounts are loaded first */
	return 0;
}

static int load_account(void *user, const char *endpoint, const char *id, uint64_t sequence,
			const struct outage *outage, uint64_t watched_ms)
{
	const struct recall *to = user;
	struct account *account;
	int r = accounts_get(to->accounts, endpoint, id, &account);

	if (r < 0)
		return r;
	account->sequence = sequence;
	account->watched.total_ms = account->watched_kept_ms = watched_ms;
	if (outage) /* told of before the restart; its end will be told, too */
		account->sight = (struct sight){.out = true, .announced = true, .outage = *outage};
	return 0;
}

static int load_baseline(void *user, const char *endpoint, const char *id, const char *watch,
			 enum kind kind)
{
	const struct recall *to = user;
	struct account *account;
	int r = accounts_get(to->accounts, endpoint, id, &account);

	return r < 0 ? r : accounts_add_baseline(to->accounts, account, watch, kind);
}

static int load_notifier(void *user, const struct store_notifier *notifier, uint64_t pending,
			 int64_t oldest_us)
{
	const struct recall *to = user;

	return dispatcher_restore(to->dispatcher, notifier, pending, oldest_us);
}

static int load_override(void *user, const char *endpoint, const char *name, bool watched,
			 const char *notify)
{
	struct override *override;
	struct job *job;
	int r = job_of_row(user, endpoint, name, &job);

	if (r == 0 && job)
		r = override_new(watched, notify, &override);
	if (r == 0 && job)
		job_set_override(job, override);
	return r;
}

static int load_submission(void *user, const char *endpoint, const char *name, const char *body,
			   const char *notify)
{
	const struct recall *to = user;
	struct account *account;
	struct job_name parts;
	int r = account_of_row(to, endpoint, name, &parts, &account);

	return r < 0 || !account ? r
				 : submitter_restore(to->submitter, account, &parts, body, notify);
}

static int load_newest(void *user, uint64_t number)
{
	const struct recall *to = user;

	feed_begin(to->feed, number);
	return 0;
}

static const struct store_loader loader = {
	.job = load_job,
	.account = load_account,
	.baseline = load_baseline,
	.notifier = load_notifier,
	.override = load_override,
	.submission = load_submission,
	.newest = load_newest,
};

int recall(struct store *store, const struct recall *to, struct error *ret_e)
{
	return store_load(store, &loader, (void *)to, ret_e);
}
