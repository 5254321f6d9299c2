/*
 * Which request of an account gains most.
 *
 * The scarce thing is the request (API facts: 10 a minute). A job can be looked at by a GET of its
 * own, or with others by a list: the active ones of a collection (a filter on state), its newest page
 * (orderBy "createTime desc"), or all its pages. The gain of a request is the staleness that it takes
 * away: for each job that it shows, how long it has been unseen, compared with its interval; and
 * likewise for the search for new jobs. Of the requests that serve something that is due, the one with
 * the highest gain per page is picked. What is not served grows staler and wins later, so nothing
 * starves, and when the budget is too small everything waits longer together.
 *
 * Sums are kept for each list, so picking costs the number of collections, not of jobs. Pure; times
 * are ms on CLOCK_BOOTTIME.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/heap.h"

#define PLAN_PAGE_SIZE 200 /* jobs a page; the API's maximum */

enum plan_list {
	PLAN_ACTIVE, /* with a filter on state: those that are not at an end */
	PLAN_NEWEST, /* the first page, newest first */
	PLAN_ALL,    /* every page */
	PLAN_LISTS,
};

static inline uint8_t plan_bit(enum plan_list list)
{
	return (uint8_t)(1U << list);
}

/* Jobs of a class are much alike, in how often they want to be seen and in when they were. */
enum plan_class {
	PLAN_RUNNING, /* not at an end */
	PLAN_ENDED,
	PLAN_URGENT, /* see plan_job_urge() */
	PLAN_CLASSES,
};

/* A job as the planner knows it; embedded in whatever a job is. All zero with due.index HEAP_OUT is
 * one that nobody asks for (PLAN_JOB_INIT). */
struct plan_job {
	struct heap_node due; /* in its collection's heap while it is planned; due 0: at once */
	uint64_t seen_ms;     /* of the last look at it, also in vain */
	uint32_t weight;      /* staleness a millisecond, see plan.c */
	uint8_t shown; /* lists that would show it: plan_bit() each; none: only a GET helps */
	uint8_t class; /* enum plan_class */
};

#define PLAN_JOB_INIT ((struct plan_job){.due = HEAP_NODE_INIT})

struct plan_sum {
	uint64_t weight; /* of the jobs of a class that a list would show */
	uint64_t seen;   /* of weight times seen_ms, modulo 2^64 */
	uint32_t n;
};

/* A search for new jobs: by any list that was read to its end, or the one for what has become of old
 * ones: by all pages. */
struct plan_search {
	uint64_t interval_ms; /* UINT64_MAX: not wanted */
	uint64_t last_ms;     /* when one was begun that came to its end; 0: never */
};

struct plan_collection {
	struct heap jobs[PLAN_CLASSES]; /* struct plan_job by due time */
	struct plan_sum sums[PLAN_LISTS][PLAN_CLASSES];
	struct plan_search newcomers, whole;
	uint64_t blocked_until_ms; /* lists are not asked for before */
	uint32_t size;             /* jobs in it, as the API says; 0 while not known */
	uint32_t active_size;      /* of these, not at an end, watched or not, as was seen last */
	uint8_t refused;           /* lists that the server does not take */
	uint8_t flying;            /* lists of which a page is under way */
	uint8_t walking;           /* lists whose next page waits to be asked for */
};

struct plan {
	struct plan_collection *const *collections;
	size_t n;
	bool paged; /* the last request was a further page: something else has its turn first */
};

enum plan_type {
	PLAN_NOTHING,
	PLAN_GET,  /* `job` */
	PLAN_PAGE, /* of `list`: its first page, or the next one when it is walking */
};

struct plan_choice {
	enum plan_type type;
	size_t collection;
	enum plan_list list;
	struct plan_job *job;
};

void plan_collection_init(struct plan_collection *c);
void plan_collection_done(struct plan_collection *c); /* every job has been taken out */

/*
 * The job was looked at at `seen_ms`, or is taken up then, and wants to be seen every `interval_ms` (at
 * least 1; UINT64_MAX: nobody asks for it). 0 or -ENOMEM, and then it is not planned.
 */
int plan_job_set(struct plan_collection *c, struct plan_job *j, uint64_t seen_ms,
		 uint64_t interval_ms, uint8_t shown, bool ended);

/*
 * A list that should have shown it did not, so it has probably ended: it is looked at before nearly
 * everything else, by GET, or by another list, of `shown`, when that shows more such jobs. 0, -ENOMEM.
 */
int plan_job_urge(struct plan_collection *c, struct plan_job *j, uint8_t shown);

/* It is asked for at `due_ms` and not before; for a planned job. */
void plan_job_put_off(struct plan_collection *c, struct plan_job *j, uint64_t due_ms);

/* Another set of lists shows it. Harmless for a job that is not planned. */
void plan_job_show(struct plan_collection *c, struct plan_job *j, uint8_t shown);

/* Nobody asks for it, or it is being asked for. Harmless for a job that is not planned. */
void plan_job_out(struct plan_collection *c, struct plan_job *j);

/*
 * Whether the list finds new jobs. The list of active ones does not find a job that has ended before
 * anybody saw it; it counts only where the server knows no order and so has no newest page.
 */
bool plan_searches(const struct plan_collection *c, enum plan_list list);

/* Pages of a list, at least 1. */
uint32_t plan_pages(const struct plan_collection *c, enum plan_list list);

/* One page tells what is new, at least: all jobs where they fit on it. */
enum plan_list plan_short_list(const struct plan_collection *c);

/* The request to make now. Changes `paged` only: the caller takes the job out, or marks the list. */
struct plan_choice plan_pick(struct plan *p, uint64_t now_ms);

/* The moment from which plan_pick() has something: not after `now_ms` when it has now; UINT64_MAX:
 * not before something changes. */
uint64_t plan_next_ms(const struct plan *p, uint64_t now_ms);
