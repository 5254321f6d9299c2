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
