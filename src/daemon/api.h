/*
 * The control socket's calls, answered from the daemon's memory, or from the store where they look
 * back (api_deliveries.h).
 */
#pragma once

#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "daemon/dispatcher.h"
#include "daemon/job.h"
#include "io/committer.h"
#include "io/loop_watch.h"
#include "io/server.h"

struct api;

/* What it tells of; all borrowed and there as long as the api is. */
struct api_sources {
	struct config *const *config; /* that of the engine, which a reload replaces */
	struct accounts *accounts;
	struct dispatcher *dispatcher;
	struct committer *committer;
	const struct loop_watch *loop_watch;
	const char *store_error;         /* "" while the store works */
	const char *configuration_error; /* "" when the last reload was taken */
};

/* Listens on the Unix socket at `path`; it is removed by api_close(). */
int api_new(uv_loop_t *loop, const char *path, const struct api_sources *sources, struct api **ret,
	    struct error *ret_e);
void api_close(struct api *api, void (*closed)(void *user), void *user);
