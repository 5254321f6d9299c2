/*
 * What somebody asked for of one job, which counts for more than the configuration: that it be watched,
 * perhaps with notifiers of its own, or that it be not.
 */
#pragma once

#include <stdbool.h>

#include "base/macro.h"
#include "config/config.h"
#include "model/route.h"

struct override {
	bool watched;        /* or not */
	bool foreseen;       /* neither: only who is to hear of a job that is being created */
	bool chosen;         /* the notifiers were: those, and no others, hear of the job */
	route_set notifiers; /* of the chosen ones, those that are in the configuration */
	char *notify;        /* the names of all that were chosen, joined by commas … */
	const char **names;  /* … and one by one; all of it is one allocation with this */
	size_t n_names;
};

/* `notify` NULL: no notifier was chosen. 0 or -ENOMEM. */
int override_new(bool watched, const char *notify, struct override **ret);
struct override *override_free(struct override *o); /* takes NULL, returns NULL */
DEFINE_CLEANUP(struct override *, override_free);
#define _cleanup_override_ _cleanup_(override_freep)

/* These take NULL, for a job without an override. */

/* Finds the chosen notifiers in the configuration. */
void override_resolve(struct override *o, const struct config *config);

/* The watches of a job that is of these by the configuration. */
route_set override_watches(const struct override *o, route_set watches);

/* For route_job_event(). */
const route_set *override_chosen(const struct override *o);

/*
 * Names joined by commas to the set of notifiers that they mean: 0, or -ENOENT and the first that is
 * not in the configuration.
 */
int override_find(const struct config *config, const char *notify, route_set *ret,
		  char ret_unknown[CONFIG_NAME_MAX + 1]);
