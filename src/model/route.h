/*
 * Which watches a job belongs to, and which notifiers an event goes to.
 *
 * Watches and notifiers are known here by their index in the configuration, as bits of a 64-bit
 * set: 64 notifiers and 63 watches are enough, and the configuration refuses more. The last bit of a set
 * of watches stands for what is no rule: somebody asked for this very job.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/event.h"
#include "model/kind.h"
#include "model/name.h"

#define ROUTE_MAX         64
#define ROUTE_WATCHES_MAX 63

typedef uint64_t route_set; /* bit i: the i-th watch, or notifier */

#define ROUTE_ALL UINT64_MAX

static inline route_set route_bit(size_t i)
{
	return (route_set)1 << i;
}

#define ROUTE_ADDED route_bit(ROUTE_WATCHES_MAX)

/* The part of a watch that decides. */
struct route_watch {
	size_t account;           /* index of the account */
	unsigned kinds;           /* bit per enum kind */
	const char *display_name; /* glob (fnmatch), or NULL for any */
	bool by_name;             /* names its jobs one by one: discovers none */
	bool announce;            /* first-sight = announce */
	route_set notify;         /* notifiers that it feeds */
};

struct route_table {
	const struct route_watch *watches;
	size_t n_watches;
	const uint64_t *accepts; /* per notifier: bit per enum event_type */
	size_t n_notifiers;
};

/*
 * The watches of `account` that a job belongs to: those that name it (`named`) and those that
 * discover its kind and match its display name.
 */
route_set route_watches(const struct route_table *t, size_t account, enum kind kind,
			const char *display_name, route_set named);

/*
 * Of the watches of a job seen for the first time, those that tell of it: not the ones that are
 * still taking their silent baseline (`baseline`), unless they announce or name the job. All of them do
 * when somebody asked for it.
 */
route_set route_announcing(const struct route_table *t, route_set watches, route_set named,
			   route_set baseline);

/*
 * The notifiers that get a job's event, if they accept the type: those that were `chosen` for the job;
 * NULL when none were, then those that its watches feed, or all when it is of no watch but was added.
 */
route_set route_job_event(const struct route_table *t, enum event_type type, route_set watches,
			  const route_set *chosen);

/*
 * The notifiers that get an account's event: those that any watch of the account feeds, or all when it
 * has none and is looked at for jobs that were added.
 */
route_set route_account_event(const struct route_table *t, enum event_type type, size_t account);
