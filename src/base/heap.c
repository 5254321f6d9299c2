/* A binary heap of due times. */
#include "base/heap.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

void heap_done(struct heap *h)
{
	assert(h->n == 0);
	free(h->nodes);
	*h = (struct heap){0};
}

static void heap_place(struct heap *h, uint32_t i, struct heap_node *node)
{
	h->nodes[i] = node;
	node->index = i;
}

static void heap_up(struct heap *h, uint32_t i)
{
	struct heap_node *node = h->nodes[i];

	while (i > 0 && h->nodes[(i - 1) / 2]->due > node->due) {
		heap_place(h, i, h->nodes[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	heap_place(h, i, node);
}

static void heap_down(struct heap *h, uint32_t i)
{
	struct heap_node *node = h->nodes[i];

	for (uint32_t child; (child = 2 * i + 1) < h->n; i = child) {
		if (child + 1 < h->n && h->nodes[child + 1]->due < h->nodes[child]->due)
			child++;
		if (h->nodes[child]->due >= node->due)
			break;
		heap_place(h, i, h->nodes[child]);
	}
	heap_place(h, i, node);
}

int heap_reserve(struct heap *h, uint32_t n)
{
	uint32_t cap = h->cap ? h->cap : 16;
	struct heap_node **p;

	if (n <= h->cap)
		return 0;
	while (cap < n)
		cap *= 2;
	p = realloc(h->nodes, cap * sizeof(struct heap_node *));
	if (!p)
		return -ENOMEM;
	h->nodes = p;
	h->cap = cap;
	return 0;
}

int heap_set(struct heap *h, struct heap_node *node, uint64_t due)
{
	if (!heap_node_in(node)) {
		int r = heap_reserve(h, h->n + 1);

		if (r < 0)
			return r;
		heap_place(h, h->n++, node);
	}
	node->due = due;
	heap_up(h, node->index);
	heap_down(h, node->index);
	return 0;
}

void heap_remove(struct heap *h, struct heap_node *node)
{
	struct heap_node *last;
	uint32_t i = node->index;

	if (!heap_node_in(node))
		return;
	node->index = HEAP_OUT;
	last = h->nodes[--h->n];
	if (last == node)
		return;
	heap_place(h, i, last);
	heap_up(h, i);
	heap_down(h, last->index);
}

struct heap_node *heap_top(const struct heap *h)
{
	return h->n ? h->nodes[0] : NULL;
}
