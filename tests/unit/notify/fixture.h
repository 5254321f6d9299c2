/* What the tests of notifiers share: a loop, an environment that writes down its log, an event, and
 * a delivery that writes down its verdict. */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "notify/notifier.h"

/* An event as it is stored; its id is "evt_1". Freed with free(). */
struct event_record *fixture_event(const char *body);

extern const char fixture_failed[];   /* job.failed, with every field */
extern const char fixture_degraded[]; /* watcher.degraded */
extern const char fixture_stalled[];  /* job.stalled */
extern const char fixture_paused[];   /* job.paused, for want of credit */
extern const char fixture_succeeded[];
extern const char fixture_succeeded_late[]; /* the same, and its model is not ready */

struct fixture {
	uv_loop_t loop;
	struct notifier_env env;
	struct config_notifier config; /* to be filled before fixture_deliver() */
	struct notifier notifier;
	struct notifier_call *call;
	struct buf log;    /* "LEVEL LINE\n" each */
	unsigned replaced; /* of what is delivered */
	enum model_ready model_ready;
	unsigned verdicts;
	enum verdict verdict;
	uint64_t retry_after_ms;
	char text[256];
};

void fixture_init(struct fixture *f, enum notifier_type type, const char *name);

/* Makes the notifier from `config`, and starts a delivery. Returns what notifier_deliver() does. */
int fixture_start(struct fixture *f, const char *body, unsigned number);

/* Runs the loop until nothing is left, and expects one verdict. */
void fixture_finish(struct fixture *f, enum verdict verdict);

/* Frees all; the loop must be clean. */
void fixture_done(struct fixture *f);
