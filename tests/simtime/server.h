/*
 * The control plane of one account, as far as watching goes: GETs of jobs, and their lists with pages
 * by name, newest first, or filtered. What it shows comes from the traces; time goes forwards only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/plan.h"
#include "simtime/trace.h"

struct server_collection {
	uint32_t *names;  /* of all jobs that there will ever be, by name */
	uint32_t *newest; /* of those that are there, by creation */
	uint32_t *active; /* of those that are not at an end, in no order */
	size_t n_names, n_newest, n_active;
};

struct server {
	const struct traces *traces;
	struct server_collection collections[TRACE_KINDS];
	uint32_t *shown; /* for each job, the change that it is at */
	uint32_t *place; /* in its collection's `active` */
	uint32_t *ends;  /* jobs, by their end */
	size_t n_created, n_ended;
	uint8_t refused; /* plan_bit() of lists that it answers with 400 */
};

/* 0 or -ENOMEM. The traces are borrowed. */
int server_init(struct server *s, const struct traces *traces, uint8_t refused);
void server_done(struct server *s);

/* Everything as it is at `now_ms`, not before the last time. */
void server_advance(struct server *s, uint64_t now_ms);

/* What a GET would show. */
const struct trace_change *server_get(struct server *s, uint32_t job, uint64_t now_ms);

struct server_page {
	uint32_t jobs[PLAN_PAGE_SIZE];
	size_t n;
	uint64_t token; /* of the next page; 0: this is the last one */
	uint32_t total; /* jobs in the list */
};

/* `token` 0 is the first page. Returns false for 400. */
bool server_list(struct server *s, enum trace_kind kind, enum plan_list list, uint64_t token,
		 struct server_page *ret);
