/* The heap against a sorted array. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/heap.h"
#include "base/macro.h"
#include "support/rand.h"

#define NODES 200

Test(heap, removing_what_is_not_in_is_harmless)
{
	struct heap_node node = HEAP_NODE_INIT, other = HEAP_NODE_INIT;
	struct heap h = {0};

	cr_assert_null(heap_top(&h));
	heap_remove(&h, &node);
	cr_assert_eq(heap_set(&h, &other, 5), 0);
	heap_remove(&h, &node);
	cr_assert_eq(heap_top(&h), &other);
	heap_remove(&h, &other);
	heap_remove(&h, &other);
	cr_assert_null(heap_top(&h));
	heap_done(&h);
}

static int by_due(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Sets, moves and removes at random; the top is always the least due time of those that are in. */
Test(heap, random_operations)
{
	struct rnd r = rnd_open("heap");

	for (int round = 0; round < 30; round++) {
		struct heap_node nodes[NODES];
		uint64_t range = 1 + (round % 3 ? rnd_next(&r) >> rnd_below(&r, 63) : 10);
		struct heap h = {0};
		uint32_t n = 0;

		for (int i = 0; i < NODES; i++)
			nodes[i] = HEAP_NODE_INIT;
		for (int step = 0; step < 1500; step++) {
			struct heap_node *node = &nodes[rnd_below(&r, NODES)];
			bool in = heap_node_in(node);
			uint64_t least = UINT64_MAX;

			if (rnd_below(&r, 3) == 0) {
				heap_remove(&h, node);
				cr_assert_not(heap_node_in(node));
				n -= in;
			} else {
				uint64_t due = rnd_below(&r, range);

				cr_assert_eq(heap_set(&h, node, due), 0);
				cr_assert(heap_node_in(node));
				cr_assert_eq(node->due, due);
				n += !in;
			}
			cr_assert_eq(h.n, n);
			for (int i = 0; i < NODES; i++)
				if (heap_node_in(&nodes[i])) {
					cr_assert_eq(h.nodes[nodes[i].index], &nodes[i]);
					if (nodes[i].due < least)
						least = nodes[i].due;
				}
			cr_assert_eq(heap_top(&h) == NULL, n == 0);
			if (n > 0)
				cr_assert_eq(heap_top(&h)->due, least);
		}
		/* What is left comes out in order. */
		uint64_t dues[NODES];

		n = 0;
		for (int i = 0; i < NODES; i++)
			if (heap_node_in(&nodes[i]))
				dues[n++] = nodes[i].due;
		qsort(dues, n, sizeof(dues[0]), by_due);
		for (uint32_t i = 0; i < n; i++) {
			struct heap_node *top = heap_top(&h);

			cr_assert_eq(top->due, dues[i]);
			heap_remove(&h, top);
		}
		heap_done(&h);
	}
}

Test(heap, has_the_room_that_was_reserved)
{
	struct heap h = {0};
	struct heap_node nodes[100];
	struct heap_node **place;

	cr_assert_eq(heap_reserve(&h, ARRAY_LEN(nodes)), 0);
	place = h.nodes;
	for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
		nodes[i] = HEAP_NODE_INIT;
		cr_assert_eq(heap_set(&h, &nodes[i], i), 0);
	}
	cr_expect_eq(h.nodes, place, "nothing was allocated");
	cr_expect_eq(heap_reserve(&h, 1), 0);
	cr_expect_eq(h.cap >= ARRAY_LEN(nodes), true);
	while (heap_top(&h))
		heap_remove(&h, heap_top(&h));
	heap_done(&h);
}
