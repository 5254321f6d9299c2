/* The map against a naive list. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/map.h"
#include "support/rand.h"

#define KEYS 300

struct item {
	char key[16];
	bool in; /* the naive list: whether the map should hold it */
	bool seen;
};

static const char *item_key(const void *value)
{
	return ((const struct item *)value)->key;
}

static void items_init(struct item items[KEYS])
{
	for (int i = 0; i < KEYS; i++) {
		items[i] = (struct item){0};
		snprintf(items[i].key, sizeof(items[i].key), "key-%d", i);
	}
}

Test(map, loop_can_be_left)
{
	struct item items[KEYS];
	struct map m;
	int visits = 0, continued = 0;

	items_init(items);
	map_init(&m, item_key);
	for (int i = 0; i < 20; i++)
		cr_assert_eq(map_add(&m, &items[i]), 0);
	map_for_each (&m, struct item, it) {
		visits += it->key[0] == 'k';
		if (visits == 3)
			break;
	}
	cr_assert_eq(visits, 3);
	map_for_each (&m, struct item, it) {
		if (it->key[0] == 'k')
			continued++;
		continue;
	}
	cr_assert_eq(continued, 20);
	map_done(&m);
}

Test(map, empty)
{
	struct item item = {.key = "x"};
	struct map m;

	map_init(&m, item_key);
	cr_assert_null(map_get(&m, "x"));
	cr_assert_null(map_remove(&m, "x"));
	map_for_each (&m, struct item, it)
		cr_assert_fail("an empty map holds %s", it->key);
	cr_assert_eq(map_add(&m, &item), 0);
	cr_assert_eq(map_remove(&m, "x"), &item);
	cr_assert_null(map_get(&m, "x"));
	map_done(&m);
	map_done(&m);
}

Test(map, a_key_is_there_once)
{
	struct item a = {.key = "same"}, b = {.key = "same"};
	struct map m;

	map_init(&m, item_key);
	cr_assert_eq(map_add(&m, &a), 0);
	cr_assert_eq(map_add(&m, &b), -EEXIST);
	cr_assert_eq(map_get(&m, "same"), &a);
	cr_assert_eq(m.n, 1);
	map_done(&m);
}

static void assert_same(struct map *m, struct item items[KEYS])
{
	size_t n = 0;

	for (int i = 0; i < KEYS; i++) {
		cr_assert_eq(map_get(m, items[i].key), items[i].in ? &items[i] : NULL, "%s",
			     items[i].key);
		items[i].seen = false;
		n += items[i].in;
	}
	cr_assert_eq(m->n, n);
	map_for_each (m, struct item, it) {
		cr_assert(it->in);
		cr_assert_not(it->seen, "%s twice", it->key);
		it->seen = true;
		n--;
	}
	cr_assert_eq(n, 0);
}

/*
 * Removal closes gaps, which goes wrong only for certain chains, so there are many rounds: with the
 * random seed of the table, and with all hashes crowded into few slots.
 */
Test(map, random_operations)
{
	struct rnd r = rnd_open("map");

	for (int round = 0; round < 60; round++) {
		int keys = round % 2 ? KEYS : 12;
		struct item items[KEYS];
		struct map m;

		items_init(items);
		map_init(&m, item_key);
		m.seed[0] = rnd_next(&r); /* repeatable with the seed of the test */
		m.seed[1] = rnd_next(&r);
		for (int step = 0; step < 2000; step++) {
			struct item *it = &items[rnd_below(&r, (uint64_t)keys)];

			if (rnd_below(&r, 2)) {
				cr_assert_eq(map_add(&m, it), it->in ? -EEXIST : 0);
				it->in = true;
			} else {
				cr_assert_eq(map_remove(&m, it->key), it->in ? it : NULL);
				it->in = false;
			}
			if (step % 50 == 0 || keys < KEYS)
				assert_same(&m, items);
		}
		assert_same(&m, items);
		map_done(&m);
	}
}
