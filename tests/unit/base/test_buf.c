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
