/*
 * What scripts do: a GET of each active job in a fixed interval. It has it easy: it is told for free of
 * each job the moment that it is created, and it makes as many requests as are allowed to it.
 */
#pragma once

#include <stdint.h>

#include "simtime/tally.h"

struct fixed_result {
	struct tally tally;
	uint64_t interval_ms;
};

/* The interval is such that it makes about `requests` in the span. 0 or -ENOMEM. */
int fixed_run(const struct traces *traces, const struct span *span, uint32_t per_minute,
	      uint64_t requests, struct fixed_result *ret);
void fixed_result_done(struct fixed_result *r);
