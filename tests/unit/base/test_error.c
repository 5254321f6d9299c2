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

Test(error, set_and_prefix)
{
	struct error e = ERROR_NONE;

	cr_assert_str_eq(error_text(&e, -ENOENT), "No such file or directory");
	cr_assert_str_eq(error_text(&e, ENOENT), "No such file or directory");
	cr_assert_str_eq(error_text(NULL, -ENOENT), "No such file or directory");
	cr_assert_eq(error_set(&e, -EINVAL, "line %d", 7), -EINVAL);
	cr_assert_str_eq(error_text(&e, -EINVAL), "line 7");
	cr_assert_eq(error_prefix(&e, -EINVAL, "%s", "a.conf"), -EINVAL);
	cr_assert_str_eq(error_text(&e, -EINVAL), "a.conf: line 7");
	e = ERROR_NONE;
	cr_assert_eq(error_prefix(&e, -EACCES, "a.conf"), -EACCES);
	cr_assert_str_eq(error_text(&e, 0), "a.conf: Permission denied");
}

Test(error, nobody_listens)
{
	cr_assert_eq(error_set(NULL, -EINVAL, "x"), -EINVAL);
	cr_assert_eq(error_prefix(NULL, -EINVAL, "x"), -EINVAL);
}

Test(error, long_texts_are_cut)
{
	char text[2 * ERROR_TEXT_MAX];
	struct error e = ERROR_NONE;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	error_set(&e, -EIO, "%s", text);
	cr_assert_eq(strlen(e.text), ERROR_TEXT_MAX - 1);
	error_prefix(&e, -EIO, "%s", "context");
	cr_assert_eq(strlen(e.text), ERROR_TEXT_MAX - 1);
	cr_assert_eq(strncmp(e.text, "context: xxx", 12), 0);
	error_prefix(&e, -EIO, "%s", text);
	cr_assert_eq(strlen(e.text), ERROR_TEXT_MAX - 1);
}
