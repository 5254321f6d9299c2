/* The list of embedded nodes. */
#include <criterion/criterion.h>

#include "base/list.h"
#include "support/rand.h"

struct item {
	int value;
	struct list link;
};

static int nth(struct list *head, int n)
{
	list_for_each (it, head) {
		if (n-- == 0)
			return container_of(it, struct item, link)->value;
	}
	return -1;
}

Test(list, order_and_removal)
{
	struct item items[5];
	struct list head;

	list_init(&head);
	cr_assert(list_empty(&head));
	cr_assert_null(list_first(&head, struct item, link));
	for (int i = 0; i < 5; i++)
		items[i].value = i;
	list_append(&head, &items[1].link);
	list_append(&head, &items[2].link);
	list_prepend(&head, &items[0].link);
	list_append(&head, &items[4].link);
	list_insert_before(&items[4].link, &items[3].link);
	for (int i = 0; i < 5; i++)
		cr_assert_eq(nth(&head, i), i);
	cr_assert_eq(list_first(&head, struct item, link), &items[0]);
	list_remove(&items[2].link);
	list_remove(&items[2].link);
	cr_assert_eq(nth(&head, 2), 3);
	list_for_each_safe (it, &head) {
		list_remove(it);
	}
	cr_assert(list_empty(&head));
	list_for_each_safe (it, &head) {
		cr_assert_fail("an empty list has a node: %p", (void *)it);
	}
}

/* Random inserts and removals against an array; forwards and backwards say the same. */
Test(list, random_operations)
{
	enum { N = 30 };
	struct rnd r = rnd_open("list");
	struct item items[N];
	int order[N], n = 0;
	struct list head;

	list_init(&head);
	for (int i = 0; i < N; i++) {
		items[i].value = i;
		list_init(&items[i].link);
	}
	for (int step = 0; step < 5000; step++) {
		int i = (int)rnd_below(&r, N), at = 0, k;

		for (k = 0; k < n && order[k] != i; k++)
			;
		if (k < n) {
			list_remove(&items[i].link);
			for (n--; k < n; k++)
				order[k] = order[k + 1];
		} else {
			at = (int)rnd_below(&r, (uint64_t)n + 1);
			list_insert_before(at < n ? &items[order[at]].link : &head, &items[i].link);
			for (k = n++; k > at; k--)
				order[k] = order[k - 1];
			order[at] = i;
		}
		k = 0;
		list_for_each (it, &head) {
			cr_assert_lt(k, n);
			cr_assert_eq(container_of(it, struct item, link)->value, order[k]);
			cr_assert_eq(it->next->prev, it);
			k++;
		}
		cr_assert_eq(k, n);
	}
}
