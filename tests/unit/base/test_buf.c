/* The growing buffer and its maximum. */
#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/buf.h"
#include "support/rand.h"

/* A length that no allocation can serve must not wrap around in the arithmetic of the capacity. */
Test(buf, absurd_length_is_out_of_memory)
{
	static const size_t more[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2, SIZE_MAX / 2 + 2};
	_cleanup_buf_ struct buf b = BUF_INIT(SIZE_MAX);

	cr_assert_eq(buf_puts(&b, "abc"), 0);
	for (size_t i = 0; i < ARRAY_LEN(more); i++) {
		int r = buf_append(&b, "", more[i] - 3);

		cr_assert(r == -ENOMEM || r == -EMSGSIZE, "%zu gives %d", more[i], r);
		cr_assert_str_eq(buf_str(&b), "abc");
	}
}

Test(buf, empty)
{
	_cleanup_buf_ struct buf b = BUF_INIT(10);

	cr_assert_str_eq(buf_str(&b), "");
	cr_assert_null(buf_take(&b));
	buf_clear(&b);
	cr_assert_eq(buf_append(&b, NULL, 0), 0);
	cr_assert_eq(b.len, 0);
	cr_assert_str_eq(b.data, "");
}

Test(buf, maximum_is_exact_and_a_failure_changes_nothing)
{
	static const size_t maxima[] = {0, 1, 2, 254, 255, 256, 257, 511, 512, 1000};

	for (size_t i = 0; i < ARRAY_LEN(maxima); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT(maxima[i]);

		for (size_t n = 0; n < maxima[i]; n++)
			cr_assert_eq(buf_append(&b, "x", 1), 0, "byte %zu of %zu", n, maxima[i]);
		cr_assert_eq(buf_append(&b, "y", 1), -EMSGSIZE);
		cr_assert_eq(buf_puts(&b, "y"), -EMSGSIZE);
		cr_assert_eq(buf_printf(&b, "%d", 1), -EMSGSIZE);
		cr_assert_eq(buf_puts(&b, ""), 0);
		cr_assert_eq(b.len, maxima[i]);
		cr_assert_eq(strlen(buf_str(&b)), maxima[i]);
		cr_assert_null(strchr(buf_str(&b), 'y'));
		cr_assert_leq(b.cap, maxima[i] + 1);
	}
}

Test(buf, reserve_and_cut)
{
	_cleanup_buf_ struct buf b = BUF_INIT(1000);

	buf_cut(&b, 0);
	cr_assert_eq(buf_reserve(&b, 1001), -EMSGSIZE);
	cr_assert_eq(buf_reserve(&b, 1000), 0);
	cr_assert_eq(b.len, 0);
	memset(b.data, 'x', 1000);
	b.len = 1000;
	cr_assert_eq(buf_append(&b, "", 0), 0); /* the NUL has its place, too */
	cr_assert_eq(buf_reserve(&b, 1), -EMSGSIZE);
	buf_cut(&b, 3);
	cr_assert_str_eq(buf_str(&b), "xxx");
	cr_assert_eq(b.len, 3);
}

Test(buf, clear_keeps_and_take_gives)
{
	_cleanup_buf_ struct buf b = BUF_INIT(100);
	_cleanup_free_ char *taken = NULL;
	char *before;

	cr_assert_eq(buf_printf(&b, "%s-%d", "a", 7), 0);
	before = b.data;
	buf_clear(&b);
	cr_assert_str_eq(buf_str(&b), "");
	cr_assert_eq(buf_puts(&b, "b"), 0);
	cr_assert_eq(b.data, before, "the allocation was not kept");
	taken = buf_take(&b);
	cr_assert_str_eq(taken, "b");
	cr_assert_eq(b.len, 0);
	cr_assert_str_eq(buf_str(&b), "");
	cr_assert_eq(buf_puts(&b, "c"), 0);
	cr_assert_str_eq(buf_str(&b), "c");
}

/* Whatever is appended in whatever pieces, the bytes come out as they went in, NUL included. */
Test(buf, random_pieces)
{
	struct rnd r = rnd_open("buf");

	for (int round = 0; round < 200; round++) {
		size_t max = rnd_below(&r, 3000), len = 0;
		_cleanup_buf_ struct buf b = BUF_INIT(max);
		unsigned char model[3000];

		for (int i = 0; i < 50; i++) {
			unsigned char piece[200];
			size_t n = rnd_below(&r, sizeof(piece));
			int want = len + n <= max ? 0 : -EMSGSIZE;

			for (size_t k = 0; k < n; k++)
				piece[k] = (unsigned char)rnd_next(&r);
			cr_assert_eq(buf_append(&b, piece, n), want);
			if (want == 0) {
				memcpy(model + len, piece, n);
				len += n;
			}
			cr_assert_eq(b.len, len);
			if (b.data) {
				cr_assert_eq(memcmp(b.data, model, len), 0);
				cr_assert_eq(b.data[len], '\0');
			}
		}
	}
}
