/*
 * Sends what the planner picks, under the account's budget, and hands the answers on. One alarm, on
 * CLOCK_BOOTTIME; when the machine has slept, or the network has changed, new connections are made and
 * what is overdue goes out, spaced by the budget.
 */
#pragma once

#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "config/config.h"
#include "daemon/health.h"
#include "daemon/job.h"
#include "daemon/observer.h"
#include "io/http.h"

struct poller;

int poller_new(uv_loop_t *loop, struct accounts *accounts, struct observer *observer,
	       health_changed_fn changed, void *user, struct poller **ret, struct error *ret_e);

/*
 * Takes a configuration: who is polled, how often, with which key. Requests under way go on. What
 * cannot be taken for want of memory is left out and logged. Once the observer has taken it, too,
 * poller_start() goes on.
 */
void poller_configure(struct poller *p, struct config *config);

/* Asks for what is due, at the start and after each poller_configure(). Nothing before the first. */
void poller_start(struct poller *p);

/* Drops all requests; answers that come no more are lost, which is no loss. `closed` comes last. */
void poller_close(struct poller *p, void (*closed)(void *user), void *user);

/*
 * One GET of `path` ("v1/accounts/acme/models/m") for another part of the daemon, under the account's
 * budget and with its key, before everything else that is due. `fn` is called exactly once, never
 * inside the call; with -ECANCELED when the account leaves the configuration, or at the end. Refused
 * with a key that has been exchanged since, it is asked again with the new one. What comes
 * of it does not count for the account's sight. 0 or -ENOMEM; -ECANCELED when the account is not in the
 * configuration, and then `fn` is not called.
 */
int poller_ask(struct poller *p, struct account *account, const char *path, http_fn fn, void *user);

/*
 * The same with POST, and with a JSON text, which is copied, and wiped after use. It is not sent again
 * when its connection was given up while it was under way: that is a result, TROUBLE_RESET. -ECANCELED:
 * it was never sent, or it is the end. `ret` is valid until `fn` is called.
 */
int poller_post(struct poller *p, struct account *account, const char *path, const char *body,
		size_t len, http_fn fn, void *user, struct ask **ret);

bool poller_is_sent(const struct ask *a);

/* Takes it back if it has not been sent: true, and `fn` is not called. */
bool poller_withdraw(struct ask *a);

/* Something is due that was not before. */
void poller_wake(struct poller *p);

/* When a job is asked for next, CLOCK_BOOTTIME; UINT64_MAX for a job nobody asks for. */
uint64_t poller_next_ms(const struct job *job);

/* How long something has been due without being looked at, in ms; 0 while all is well. */
uint64_t poller_overdue_ms(const struct poller *p, uint64_t now_ms);
