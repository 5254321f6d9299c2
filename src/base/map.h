/*
 * A hash map from a C string to a value that holds the string itself.
 *
 * The map stores the pointer to the value and finds the key inside it with the function given at
 * map_init(); it owns neither. Keys come from the network, so the hash is seeded at random, and the
 * order of iteration has no meaning.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

typedef const char *(*map_key_fn)(const void *value);

struct map_slot {
	void *value; /* NULL: free */
	uint64_t hash;
};

struct map {
	struct map_slot *slots; /* a power of two of them */
	size_t n, cap;
	map_key_fn key;
	uint64_t seed[2]; /* drawn in map_init() */
};

void map_init(struct map *m, map_key_fn key);
void map_done(struct map *m); /* frees the table, not the values */

/* NULL when there is none. */
void *map_get(const struct map *m, const char *key);

/* 0, -EEXIST when the key is there already (nothing changes then), -ENOMEM */
int map_add(struct map *m, void *value);

/* Takes the value out; NULL when it was not there. */
void *map_remove(struct map *m, const char *key);

/*
 * `type *it` runs over all values. The body must not add or remove; it may break and continue: the
 * inner loop runs once, and only its regular end lets the outer one go on.
 */
#define map_for_each(m, type, it)                                                                  \
	for (size_t it##_i = 0, it##_on = 1; it##_on && it##_i < (m)->cap; it##_i++)               \
		for (type *it = (m)->slots[it##_i].value; it && (it##_on = 0, 1);                  \
		     it = NULL, it##_on = 1)
