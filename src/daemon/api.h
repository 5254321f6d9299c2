/*
 * The API: HTTP with JSON on the control socket, and read-only on a loopback address.
 *
 * Who may connect to the socket may do everything that it has; the socket's mode and group say who that
 * is. What comes over TCP may read, unless a web page of somebody else's makes a browser ask.
 */
#pragma once

#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "daemon/dispatcher.h"
#include "daemon/feed.h"
#include "daemon/job.h"
#include "daemon/observer.h"
#include "daemon/poller.h"
#include "daemon/submitter.h"
#include "daemon/tester.h"
#include "io/committer.h"
#include "io/loop_watch.h"

struct api;

/* What it tells of; all borrowed and there as long as the api is. */
struct api_sources {
	struct config *const *config; /* that of the engine, which a reload replaces */
	struct accounts *accounts;
	struct dispatcher *dispatcher;
	struct committer *committer;
	struct observer *observer;
	struct poller *const *poller; /* NULL at the end */
	struct feed *feed;
	struct tester *tester;
	struct submitter *submitter;
	const struct loop_watch *loop_watch;
	const char *store_error;         /* "" while the store works */
	const char *configuration_error; /* "" when the last reload was taken */
	/* As for SIGHUP: 0, or negative after calls of `fault`. */
	int (*reload)(void *user, config_fault_fn fault, void *fault_user);
	void *reload_user;
};

/* Listens on the Unix socket at `path`; it is removed by api_close(). */
int api_new(uv_loop_t *loop, const char *path, const struct api_sources *sources, struct api **ret,
	    struct error *ret_e);

/*
 * Listens on a loopback address, too, instead of the one before; NULL: on none. On failure all stays as
 * it is.
 */
int api_listen(struct api *api, const char *address, struct error *ret_e);

/*
 * The end begins: the sockets are gone, and whoever is still connected is told that the daemon is being
 * stopped. What was asked before is answered, and streams go on, until api_close().
 */
void api_stop(struct api *api);

void api_close(struct api *api, void (*closed)(void *user), void *user);
