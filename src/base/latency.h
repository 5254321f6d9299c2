/*
 * How long something takes, as a histogram with fixed bounds from 50 us to 10 s: wide enough for a
 * commit, from a disk with a cache that survives a power cut to one that hangs.
 */
#pragma once

#include <stdint.h>

#define LATENCY_BOUNDS 17

/* In microseconds, rising. Whatever is longer than the last one counts above all of them. */
extern const uint32_t latency_bounds_us[LATENCY_BOUNDS];

struct latency {
	uint64_t counts[LATENCY_BOUNDS + 1]; /* above the bound before, up to this one */
	uint64_t sum_us;
};

void latency_add(struct latency *l, uint64_t us);
