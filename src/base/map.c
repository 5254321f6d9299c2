/* A hash map from a string to a value that holds it: open addressing, linear probing. */
#include "base/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/hash.h"

#define MAP_FIRST_SLOTS 16

void map_init(struct map *m, map_key_fn key)
{
	*m = (struct map){.key = key};
	/* Before the kernel's pool is ready (early boot) the seed stays zero, which only costs the
	 * protection, not correctness. */
	if (getrandom(m->seed, sizeof(m->seed), GRND_NONBLOCK) < 0)
		m->seed[0] = m->seed[1] = 0;
}

void map_done(struct map *m)
{
	free(m->slots);
	m->slots = NULL;
	m->n = m->cap = 0;
}

/* The slot that holds the key, or the free one where it would go. The table is never full. */
static struct map_slot *map_find(const struct map *m, const char *key, uint64_t hash)
{
	size_t i = hash & (m->cap - 1);

	while (m->slots[i].value &&
	       (m->slots[i].hash != hash || strcmp(m->key(m->slots[i].value), key) != 0))
		i = (i + 1) & (m->cap - 1);
	return &m->slots[i];
}

void *map_get(const struct map *m, const char *key)
{
	return m->n ? map_find(m, key, hash_siphash(m->seed, key))->value : NULL;
}

static int map_grow(struct map *m)
{
	size_t cap = m->cap ? m->cap * 2 : MAP_FIRST_SLOTS;
	struct map_slot *slots = calloc(cap, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < m->cap; i++) {
		size_t k = m->slots[i].hash & (cap - 1);

		if (!m->slots[i].value)
			continue;
		while (slots[k].value)
			k = (k + 1) & (cap - 1);
		slots[k] = m->slots[i];
	}
	free(m->slots);
	m->slots = slots;
	m->cap = cap;
	return 0;
}

int map_add(struct map *m, void *value)
{
	const char *key = m->key(value);
	uint64_t hash = hash_siphash(m->seed, key);
	struct map_slot *slot;
	int r;

	/* Four fifths full at most: probes stay few, and 100,000 values need no quarter of a million slots. */
	if ((m->n + 1) * 5 > m->cap * 4) {
		r = map_grow(m);
		if (r < 0)
			return r;
	}
	slot = map_find(m, key, hash);
	if (slot->value)
		return -EEXIST;
	*slot = (struct map_slot){value, hash};
	m->n++;
	return 0;
}

void *map_remove(struct map *m, const char *key)
{
	struct map_slot *slot;
	void *value;
	size_t hole, i;

	if (!m->n)
		return NULL;
	slot = map_find(m, key, hash_siphash(m->seed, key));
	value = slot->value;
	if (!value)
		return NULL;
	m->n--;
	/* Close the gap: what was pushed past the hole moves back into it. */
	hole = (size_t)(slot - m->slots);
	for (i = (hole + 1) & (m->cap - 1); m->slots[i].value; i = (i + 1) & (m->cap - 1)) {
		size_t home = m->slots[i].hash & (m->cap - 1);

		if (((i - home) & (m->cap - 1)) >= ((i - hole) & (m->cap - 1))) {
			m->slots[hole] = m->slots[i];
			hole = i;
		}
	}
	m->slots[hole].value = NULL;
	return value;
}
