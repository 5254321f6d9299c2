/*
 * The daemon's memory of accounts, collections and jobs.
 *
 * An account is known by endpoint and id and stays in memory, with its jobs, as long as the daemon
 * runs, also when a reload takes it out of the configuration: coming back must not look like first
 * sight. It is polled only while it has a configuration.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "config/config.h"
#include "model/budget.h"
#include "model/route.h"
#include "model/snapshot.h"
#include "model/trouble.h"

#define JOB_MAX_PER_ACCOUNT 200000 /* more than that are not tracked */

enum poll_type {
	POLL_JOB,        /* GET of one job */
	POLL_COLLECTION, /* the pages of a list */
	POLL_LOOKUP,     /* which account belongs to the key */
	POLL_ACCOUNT,    /* no request: an account has to be looked after */
};

/* Something with a due time: it stands in the poller's heap, or in its account's queue, or a request
 * of it is under way, or none of these when it is not wanted. */
struct poll {
	struct heap_node due; /* ms, CLOCK_BOOTTIME */
	struct list ready;
	uint64_t last_ms; /* when its last request began; 0: never */
	uint8_t type;     /* enum poll_type */
	bool in_flight;
};

struct account;

struct job {
	struct poll poll;
	struct account *account;
	struct snapshot *snapshot; /* NULL until first seen */
	char *last_error;          /* of the last poll of this job, when it failed; else NULL */
	route_set named;           /* watches that name it */
	route_set watches;         /* watches that it belongs to */
	int64_t phase_since_us;
	int64_t last_seen_us; /* when it was last in an answer */
	uint32_t sequence;    /* of its last event */
	struct attempt attempt;
	uint32_t cycle;  /* last complete or running listing that held it */
	uint8_t kind;    /* enum kind */
	uint8_t missing; /* 404s in a row */
	bool confirm;    /* a listing did not hold it: ask once with GET */
	char name[];     /* full resource name */
};

struct collection {
	struct poll poll;
	struct account *account;
	enum kind kind;
	route_set watches;    /* that discover it; none: not listed */
	route_set baseline;   /* of these, the ones that have not seen it whole yet */
	uint64_t interval_ms; /* the shortest of theirs */
	bool whole;           /* no readMask, which this server does not take: list and GETs */
	bool masked;          /* the listing under way has one: it stays so to its last page */
	bool partial;         /* not all of the listing under way was taken in, for all watches */
	char *token;          /* of the next page; NULL: the first */
	uint32_t cycle;       /* number of the listing under way, or the last one */
	char *landmark;       /* the token of an earlier page, to notice a cycle */
	uint32_t pages;       /* asked for in this listing */
	uint32_t empty_pages; /* of these, the last ones without a job */
};

struct account {
	char *endpoint; /* base URL without a slash at the end */
	char *id;       /* "" while it is being looked up */
	char *key;      /* endpoint, space, id: the key of the map of accounts */
	const struct config_account *config; /* NULL: not in the configuration now */
	size_t index;                        /* in the configuration */
	struct map jobs;                     /* struct job by name */
	struct collection collections[KIND_COUNT_];
	struct poll lookup;
	struct poll wake;
	struct list ready; /* polls that are due and wait for budget */
	struct budget budget;
	struct sight sight;
	char logged[OUTAGE_TEXT_MAX]; /* the last failure that the log has */
	uint64_t sequence;            /* of its last watcher event */
	unsigned failures;            /* failed requests in a row */
	uint64_t blocked_until_ms;    /* after a failure */
	unsigned in_flight;
	unsigned in_flight_max;    /* requests at a time: how many depends on the server's HTTP */
	uint64_t requests, failed; /* since the start */
	size_t dropped_jobs;       /* over JOB_MAX_PER_ACCOUNT */
};

/* What stands around a POLL_JOB, or a POLL_COLLECTION. */
static inline struct job *poll_job(struct poll *p)
{
	return container_of(p, struct job, poll);
}

static inline struct collection *poll_collection(struct poll *p)
{
	return container_of(p, struct collection, poll);
}

struct accounts {
	struct map map;       /* struct account by key */
	struct map baselines; /* strings: account's key, watch, kind */
};

void accounts_init(struct accounts *a);
void accounts_done(struct accounts *a);

/* Finds it or makes it. 0 or -ENOMEM. */
int accounts_get(struct accounts *a, const char *endpoint, const char *id, struct account **ret);

/* For people: its id, or its name in the configuration while the id is being looked up. */
const char *account_name(const struct account *account);

/* The watches that have had their silent baseline of a kind, as the store knows them. */
bool accounts_has_baseline(const struct accounts *a, const struct account *account,
			   const char *watch, enum kind kind);
int accounts_add_baseline(struct accounts *a, const struct account *account, const char *watch,
			  enum kind kind);

/* Finds the job or makes it; -ENOSPC when the account has too many, -ENOMEM. */
int account_job(struct account *account, const char *name, enum kind kind, struct job **ret);

/* The parts of its name, which need no storage of their own. */
void job_parse_name(const struct job *job, struct job_name *ret);

/* Remembers why the last poll failed; NULL or "" forgets. Out of memory forgets, too. */
void job_set_error(struct job *job, const char *text);
