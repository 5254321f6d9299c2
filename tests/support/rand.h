/*
 * A seeded generator for property tests (splitmix64). The seed is printed, and
 * TUNEWATCH_TEST_SEED=… repeats a run.
 */
#pragma once

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct rnd {
	uint64_t state;
};

static inline uint64_t rnd_next(struct rnd *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* 0 to n - 1 */
static inline uint64_t rnd_below(struct rnd *r, uint64_t n)
{
	return rnd_next(r) % n;
}

static inline struct rnd rnd_open(const char *test)
{
	const char *given = getenv("TUNEWATCH_TEST_SEED");
	struct timespec now = {0};
	struct rnd r;

	clock_gettime(CLOCK_REALTIME, &now);
	r.state = given ? strtoull(given, NULL, 0)
			: (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	fprintf(stderr, "%s: TUNEWATCH_TEST_SEED=%" PRIu64 "\n", test, r.state);
	return r;
}
