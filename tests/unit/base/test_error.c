/* The human side of an error. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/error.h"

/* An error's text goes into JSON and into the journal, so it stays UTF-8 when it is cut. */
Test(error, cut_between_characters)
{
	char text[ERROR_TEXT_MAX + 8];
	struct error e = ERROR_NONE;

	for (size_t shift = 0; shift < 3; shift++) {
		memset(text, 'x', shift);
		text[shift] = '\0';
		while (strlen(text) < ERROR_TEXT_MAX)
			strcat(text, "€");
		error_set(&e, -EIO, "%s", text);
		cr_assert_eq((strlen(e.text) - shift) % 3, 0, "shift %zu", shift);
		cr_assert_gt(strlen(e.text), ERROR_TEXT_MAX - 4);
		error_prefix(&e, -EIO, "y");
		cr_assert_eq((strlen(e.text) - shift) % 3, 0, "shift %zu", shift);
	}
}
