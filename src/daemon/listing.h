/*
 * A list of a collection, from its first page to its last, and what it proves: which jobs are there,
 * and which it should have shown and did not. Those are asked for by name before anybody says that
 * they are gone, for lists hide deleted jobs, and jobs that come and go between two pages shift the
 * others.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "config/config.h"
#include "daemon/job.h"
#include "daemon/observer.h"

/* The place of the page that was asked for last, from 0. */
static inline uint32_t listing_place(const struct collection *c, enum plan_list list)
{
	return c->listings[list].pages - 1;
}

/* The request for its first page, or for a further one, is made. */
void listing_asked(struct collection *c, enum plan_list list, uint32_t look, uint64_t now_ms);

/*
 * A page came, and `token` is of the next one, not "". 0, -ENOMEM, or TROUBLE_NOT_API when the list
 * does not end.
 */
int listing_goes_on(struct collection *c, enum plan_list list, const struct listing_page *page,
		    const char *token, struct error *ret_e);

/* The last page came; what that says goes to `b` and to the planner. `b` is not NULL unless partial. */
void listing_ends(const struct config *config, struct collection *c, enum plan_list list,
		  const struct listing_page *page, struct observation *b);

/* The server does not take, or does not understand, what makes this list: it is not asked for again. */
void listing_refused(struct collection *c, enum plan_list list, const char *why);

/* An answer, taken in already, holds a job that a list had left out. */
void listing_contradicted(struct collection *c, struct job *job);
