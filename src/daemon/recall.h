/* What the store remembers, taken into the daemon's memory, at the start. */
#pragma once

#include "base/error.h"
#include "daemon/dispatcher.h"
#include "daemon/feed.h"
#include "daemon/job.h"
#include "daemon/submitter.h"
#include "store/store.h"

/* Where it goes. */
struct recall {
	struct accounts *accounts;
	struct dispatcher *dispatcher;
	struct feed *feed;
	struct submitter *submitter;
};

/* As store_load(). */
int recall(struct store *store, const struct recall *to, struct error *ret_e);
