/*
 * A binary heap of due times. The nodes stand inside their owners and know their place, so that one
 * can be moved or taken out wherever it is. The heap owns nothing but its array of pointers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAP_OUT UINT32_MAX

struct heap_node {
	uint64_t due; /* ms on the clock of whoever uses the heap */
	uint32_t
		index; /* place in the heap, HEAP_OUT when in none: set that before the first use */
};

struct heap {
	struct heap_node **nodes;
	uint32_t n, cap;
};

#define HEAP_NODE_INIT ((struct heap_node){0, HEAP_OUT})

void heap_done(struct heap *h); /* the heap must be empty */

static inline bool heap_node_in(const struct heap_node *node)
{
	return node->index != HEAP_OUT;
}

/* Room for `n` nodes in all: putting one in does not fail up to there. 0 or -ENOMEM. */
int heap_reserve(struct heap *h, uint32_t n);

/* Puts the node in, or moves it when it is in. 0 or -ENOMEM; moving never fails. */
int heap_set(struct heap *h, struct heap_node *node, uint64_t due);

/* Harmless for a node that is not in. */
void heap_remove(struct heap *h, struct heap_node *node);

/* The earliest node, or NULL. Equal times come out in no particular order. */
struct heap_node *heap_top(const struct heap *h);
