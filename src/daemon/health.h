/*
 * Whether the daemon can see an account: counts answers and failures, says for how long it is left
 * alone after one, and when it is out of sight that is an event.
 *
 * A failure of one collection's lists, while the rest of the account is answered, concerns that
 * collection alone: its lists back off by themselves, and the account stays in sight. As long as that
 * lasts, a GET of one of its jobs that fails is one failure more of the same. It concerns a job alone
 * when the GET of it fails again, and others were answered in between.
 */
#pragma once

#include <stdint.h>

#include "config/config.h"
#include "daemon/job.h"
#include "daemon/observer.h"

/* The account's health or number of jobs, which the status line shows, may have changed. */
typedef void (*health_changed_fn)(void *user);

struct health {
	struct observer *observer;
	struct config *config; /* borrowed: the poller's */
	health_changed_fn changed;
	void *user;
};

/* What failed, and how. */
struct failure {
	struct account *account;
	struct collection *collection; /* its lists, or a job of one whose lists fail alone; NULL:
					  anything else */
	struct job *job;               /* its GET; NULL: anything else */
	enum trouble trouble;
	const char *text; /* one sentence, without secrets */
	uint64_t retry_after_ms;
};

void health_failed(struct health *h, const struct failure *f);

/*
 * A well-formed answer came: of the collection's lists, or (NULL) of anything else. `b` is where an
 * event may go; NULL when nothing can be kept now, then an announced outage lasts.
 */
void health_answered(struct health *h, struct account *account, struct collection *collection,
		     struct observation *b);

/* The network, the key or the configuration is another one: failures of before say nothing now. */
void health_forgive(struct account *account);

/*
 * Makes watcher.degraded when it is due. Returns when to look again, ms on CLOCK_BOOTTIME; UINT64_MAX
 * for not before something fails.
 */
uint64_t health_check(struct health *h, struct account *account, uint64_t now_ms);
