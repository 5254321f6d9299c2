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

#include "base/list.h"
#include "base/map.h"
#include "codec/job_json.h"
#include "config/config.h"
#include "daemon/page_memory.h"
#include "io/http.h"
#include "model/budget.h"
#include "model/eta.h"
#include "model/plan.h"
#include "model/route.h"
#include "model/snapshot.h"
#include "model/stall.h"
#include "model/trouble.h"

#define JOB_MAX_PER_ACCOUNT 200000 /* more than that are not tracked */
#define JOB_OVERRIDES_MAX   10000  /* of an account: each is a row that stays */

struct account;
struct override;

/* A job between its start and its end. */
struct course {
	struct eta eta;
	/* When it may have ended at the earliest, CLOCK_BOOTTIME, by the last estimate: UINT64_MAX where
	   that said nothing; 0: it has moved since. An estimate costs more than a look. */
	uint64_t low_at_ms;
};

struct job {
	struct plan_job plan;
	struct account *account;
	struct snapshot *snapshot; /* NULL until first seen; job_set_snapshot() */
	char *last_error;          /* of the last request for this job, when it failed; else NULL */
	struct override *override; /* what somebody asked for of it; NULL: nothing (override.h) */
	struct course *course;     /* while it is between start and end; or NULL */
	route_set named;           /* watches that name it */
	route_set watches;         /* watches that it belongs to; job_set_watches() */
	int64_t phase_since_us;
	int64_t last_seen_us; /* when it was last in an answer */
	struct stillness still;
	uint64_t seen_watched_ms; /* the account's watched time when it was last in an answer */
	uint64_t asked_ms;        /* when the last GET of it began, CLOCK_BOOTTIME; 0: never */
	uint64_t why_ms;    /* since when it waits for the reason of its pause; 0: it does not */
	uint32_t sequence;  /* of its last event */
	uint32_t look;      /* number of the last request whose answer held it */
	uint32_t gap_ms;    /* between its last two looks */
	uint32_t failed_at; /* account->answered plus 1 when its last GET failed; 0: it did not */
	struct attempt attempt;
	uint8_t kind;    /* enum kind */
	uint8_t missing; /* 404s in a row */
	bool in_flight;  /* a GET of it is under way */
	uint8_t doubted; /* enum doubt */
	bool hidden;     /* so it was, but a GET found it: lists do not show it */
	char name[];     /* full resource name */
};

/* A list that should have held a job did not: a GET decides. */
enum doubt {
	DOUBT_NONE,
	DOUBT_LIST,
	DOUBT_FILTER, /* the one of active jobs, on its only page */
};

/* A list that is being read, page by page. */
struct listing {
	char *token;          /* of the next page; NULL: the first */
	char *landmark;       /* the token of an earlier page, to notice a cycle */
	uint64_t began_ms;    /* CLOCK_BOOTTIME */
	uint32_t look;        /* number of the request for its first page */
	uint32_t pages;       /* asked for */
	uint32_t empty_pages; /* of these, the last ones without a job */
	uint32_t jobs;        /* seen so far */
	uint32_t active;      /* of these, not at an end */
	uint32_t total;       /* totalSize of the last page */
	uint8_t relists;      /* times it was read again, because it had shifted */
	bool masked;          /* with a readMask: it stays so to its last page */
	bool partial;         /* not all of it was taken in, for all watches */
	bool shifted; /* totalSize has changed on the way: something may have been skipped */
};

struct collection {
	struct plan_collection plan;
	struct account *account;
	enum kind kind;
	route_set watches;  /* that discover it; none: it is not searched */
	route_set baseline; /* of these, the ones that have not seen it whole yet */
	uint64_t wanted_ms; /* the shortest poll-interval of these */
	struct listing listings[PLAN_LISTS];
	struct page_memory pages[PLAN_LISTS];
	bool unmasked;     /* no readMask, which this server does not take: lists and GETs */
	bool mask_held;    /* an answer to a readMask was right: a 400 has another reason */
	uint8_t strikes;   /* times in a row that the filter left out an active job */
	unsigned failures; /* of its lists, in a row */
	bool unfinished;   /* the last list of all its pages failed */
	uint64_t answered; /* account->answered at the last of them */
	bool alone;        /* its lists fail while the rest of the account is answered */
	char *last_error;  /* of its lists, when alone; else NULL */
};

/* A request for another part of the daemon (poller_ask, poller_post). */
struct ask {
	struct list list; /* in account->asks until it is sent */
	http_fn fn;
	void *user;
	char *body; /* owned, may hold a secret; NULL: a GET */
	size_t body_len;
	char path[];
};

struct ask *ask_free(struct ask *a); /* takes NULL, returns NULL; wipes the body */

/* Requests that were sent since the start, by what came of them. */
struct polls {
	uint64_t of[TROUBLE_COUNT_]; /* answers; of [TROUBLE_NONE] those that were understood */
	uint64_t dropped;            /* no answer was waited for any more */
};

/* How many jobs belong to a watch; and of those that have been seen, in which phase they are. */
struct tally {
	size_t watched;
	size_t by_phase[PHASE_COUNT_];
};

/* What planning_freshness() found last. */
struct freshness {
	uint64_t at_ms; /* CLOCK_BOOTTIME; 0: it has to look */
	uint64_t wanted_ms, unseen_ms;
	bool any; /* there is an active job */
};

struct account {
	char *endpoint; /* base URL without a slash at the end */
	char *id;       /* "" while it is being looked up */
	char *key;      /* endpoint, space, id: the key of the map of accounts */
	const struct config_account *config; /* NULL: not in the configuration now */
	size_t index;                        /* in the configuration */
	struct config_secret rotated;        /* the key, where its file has changed since */
	struct map jobs;                     /* struct job by name */
	struct tally tally;                  /* of these */
	size_t n_overrides;                  /* of these */
	struct freshness freshness;
	struct collection collections[KIND_COUNT_];
	struct plan_collection *plans[KIND_COUNT_]; /* theirs */
	struct plan plan;
	struct list asks;
	uint64_t
		lookup_ms; /* when to ask whose key it is, CLOCK_BOOTTIME; UINT64_MAX: it is known */
	struct budget budget;
	struct sight sight;
	struct watched watched;
	uint64_t watched_kept_ms;     /* what the store knows of its total */
	char logged[OUTAGE_TEXT_MAX]; /* the last failure that the log has */
	uint64_t sequence;            /* of its last watcher event */
	uint64_t answered;            /* well-formed answers since the start */
	unsigned failures;            /* failed requests in a row */
	uint64_t blocked_until_ms;    /* after a failure */
	enum trouble blocked_by;
	/* Its lists fail, and nothing else was asked since: another's are next. NULL: none. */
	struct collection *suspect;
	uint32_t look; /* number of its last request */
	unsigned in_flight;
	unsigned in_flight_max;    /* requests at a time: how many depends on the server's HTTP */
	uint64_t requests, failed; /* since the start */
	struct polls polls;
	size_t dropped_jobs;     /* over JOB_MAX_PER_ACCOUNT */
	uint64_t told_ms;        /* freshness that the log was told of; 0: none */
	uint64_t undisturbed_ms; /* since then its jobs can be looked at, CLOCK_BOOTTIME */
	/* Why jobs are paused: the account's suspendState, "" unless it is suspended, as of then. */
	char suspend_state[JOB_JSON_SUSPEND_MAX];
	uint64_t suspend_ms; /* CLOCK_BOOTTIME; 0: never asked */
	bool suspend_wanted; /* somebody waits for it */
	bool suspend_asked;  /* it is on its way */
};

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

/* They keep the account's tally. The snapshot gets a reference more. */
void job_set_watches(struct job *job, route_set watches);
void job_set_snapshot(struct job *job, struct snapshot *snapshot);

/* The override becomes the job's, instead of the one before; NULL: none. Watches are not sorted. */
void job_set_override(struct job *job, struct override *override);

/* The parts of its name, which need no storage of their own. */
void job_parse_name(const struct job *job, struct job_name *ret);

static inline struct collection *job_collection(const struct job *job)
{
	return &job->account->collections[job->kind];
}

/* The job around what the planner knows of it. */
static inline struct job *job_of_plan(struct plan_job *p)
{
	return container_of(p, struct job, plan);
}

/* The listing begins anew, or has come to its end. */
void listing_forget(struct listing *l);

/* Remembers why the last poll failed; NULL or "" forgets. Out of memory forgets, too. */
void job_set_error(struct job *job, const char *text);
