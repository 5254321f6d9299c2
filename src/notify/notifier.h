/*
 * The contract of a destination: it takes an event and answers with a verdict. It keeps nothing,
 * retries nothing and decides nothing else; the dispatcher does.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "store/store.h"

enum verdict {
	VERDICT_DELIVERED,
	VERDICT_RETRY,     /* not now; `retry_after_ms` when the receiver asked for a time */
	VERDICT_DEAD,      /* never */
	VERDICT_GONE,      /* never, and the notifier is off until reload (410) */
	VERDICT_CANCELLED, /* was told to stop: as if it had not been tried */
};

struct verdict_result {
	enum verdict verdict;
	uint64_t retry_after_ms;
	const char *text; /* one sentence for people, without secrets; valid inside the callback */
};

/* Called exactly once, on the loop, never inside the call that started the delivery. */
typedef void (*verdict_fn)(void *user, const struct verdict_result *result);

struct http;
struct journal;
struct mail;
struct bus;
struct browser;
struct notifications;
struct units;
struct notifier;
struct notifier_call; /* a delivery under way */

struct notifier_delivery {
	struct event_record *event;   /* the callee takes its own reference if it needs one */
	unsigned number;              /* 1 for the first try: TUNEWATCH_DELIVERY_TRY */
	unsigned replaced;            /* older progress events that this one stands for */
	enum model_ready model_ready; /* goes into the document: event_json_say_model() */
	int64_t created_us;           /* CLOCK_REALTIME, when it began to wait */
};

/* What a notifier may use (env.h). Borrowed, outlives every notifier. */
struct notifier_env {
	uv_loop_t *loop;
	struct http *http;       /* the multi handle of the webhooks */
	struct journal *journal; /* the one of the program */
	struct mail *mail;       /* connections to mail servers */
	struct units *units; /* the manager's that runs the daemon: the system's or the user's */
	char *unit_dir;      /* where units get their events from; private to the daemon */
	/* A line for the daemon's log: what a hook says; an event, where there is no other log. */
	void (*log)(void *user, enum log_level level, const char *line);
	void *log_user;
	struct notifications *notifications; /* the user's desktop */
	/* private to env.c: what the parts stand on, and the end */
	struct bus *manager_bus, *session_bus;
	struct browser *browser;
	unsigned open; /* parts that are not closed yet */
	void (*closed)(void *user);
	void *closed_user;
};

/* One row a type. What a type has to remember between deliveries is in the environment. */
struct notifier_type_info {
	const char *name;
	/*
	 * 0 and later the callback; or negative, as if VERDICT_RETRY, and no callback. `d` are
	 * `n_d` deliveries, in order: one, but for a notifier with a digest. The verdict is on all
	 * of them.
	 */
	int (*deliver)(struct notifier *n, const struct notifier_delivery *d, size_t n_d,
		       verdict_fn fn, void *user, struct notifier_call **ret);
	void (*cancel)(struct notifier *n, struct notifier_call *call);
	unsigned (*max_parallel)(const struct notifier *n);
	/* A try counts from its start and is written down before it: what it does may be half done. */
	bool counts_starts;
	/* A call may do nothing but wait: it is cancelled when its notifier is replaced, or the daemon stops. */
	bool waits;
	/* What a call began goes on without the daemon: it is cancelled as soon as that stops. */
	bool goes_on;
};

/* Stays where it is while calls are under way. */
struct notifier {
	const struct notifier_type_info *info;
	const struct notifier_env *env;
	const struct config_notifier *config; /* borrowed: the owner holds the config */
};

/*
 * registry.c: the table of types, and the calls through it.
 */
/* Of a configuration that passed the check. There is nothing to be freed. */
struct notifier notifier_make(const struct notifier_env *env, const struct config_notifier *config);
int notifier_deliver(struct notifier *n, const struct notifier_delivery *d, size_t n_d,
		     verdict_fn fn, void *user, struct notifier_call **ret);
void notifier_cancel(struct notifier *n, struct notifier_call *call);
unsigned notifier_max_parallel(const struct notifier *n);
