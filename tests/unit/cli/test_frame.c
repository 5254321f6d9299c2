/* One picture of a terminal. */
#include <criterion/criterion.h>
#include <locale.h>
#include <string.h>

#include "cli/frame.h"

static void assert_frame(const char *header, const char *text, size_t width, size_t height,
			 const char *want)
{
	_cleanup_buf_ struct buf b = BUF_INIT(10000);

	setlocale(LC_CTYPE, "C.UTF-8");
	cr_assert_eq(frame_format(header, text, width, height, &b), 0);
	cr_assert_str_eq(buf_str(&b), want);
}

Test(frame, erases_what_was_there_and_nothing_else)
{
	assert_frame("head", "a\nbb\n", 10, 24,
		     "\033[Hhead\033[K\r\na\033[K\r\nbb\033[K\r\n\033[J");
	assert_frame("head", "", 10, 24, "\033[Hhead\033[K\r\n\033[J");
}

/* There, the cursor still stands on the last character: erasing would take it. */
Test(frame, full_lines)
{
	assert_frame("head", "12345\n", 5, 24, "\033[Hhead\033[K\r\n12345\r\n\033[J");
	assert_frame("a long head", "日本x\n", 5, 24, "\033[Ha lo…\r\n日本x\r\n\033[J");
	assert_frame("head", "\033[31m12345\033[0m\n\033[31m1234\033[0m\n", 5, 24,
		     "\033[Hhead\033[K\r\n\033[31m12345\033[0m\r\n\033[31m1234\033[0m\033[K\r\n"
		     "\033[J");
}

Test(frame, cut_to_the_height)
{
	assert_frame("h", "a\nb\nc\n", 20, 4, "\033[Hh\033[K\r\na\033[K\r\nb\033[K\r\nc\033[K");
	assert_frame("h", "a\nb\nc\nd\n", 20, 4,
		     "\033[Hh\033[K\r\na\033[K\r\nb\033[K\r\n… 2 more\033[K");
	assert_frame("h", "a\nb\n", 20, 2, "\033[Hh\033[K\r\n… 2 more\033[K");
	assert_frame("h", "a\nb\n", 20, 1, "\033[Hh\033[K");
}
