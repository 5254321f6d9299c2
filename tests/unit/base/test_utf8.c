/* Cutting UTF-8 text. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"
#include "base/utf8.h"

Test(utf8, cut)
{
	static const struct {
		const char *text;
		size_t max, keep;
	} cases[] = {
		{"", 0, 0},
		{"", 5, 0},
		{"abc", 0, 0},
		{"abc", 2, 2},
		{"abc", 3, 3},
		{"abc", 4, 3},
		{"a\u00e4", 1, 1},
		{"a\u00e4", 2, 1},
		{"a\u00e4", 3, 3},
		{"a\u00e4b", 3, 3},
		{"\u20ac\u20ac", 1, 0},
		{"\u20ac\u20ac", 2, 0},
		{"\u20ac\u20ac", 3, 3},
		{"\u20ac\u20ac", 4, 3},
		{"\u20ac\u20ac", 5, 3},
		{"\u20ac\u20ac", 6, 6},
		{"\U0001f600x", 3, 0},
		{"\U0001f600x", 4, 4},
		{"ab\U0001f600", 5, 2},
		/* Not UTF-8: nothing sensible to keep whole, so nothing is lost either. */
		{"\x80\x80\x80\x80\x80\x80", 5, 5},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cr_assert_eq(utf8_cut(cases[i].text, cases[i].max), cases[i].keep, "case %zu: %zu",
			     i, utf8_cut(cases[i].text, cases[i].max));
}

Test(utf8, whole)
{
	cr_assert_eq(utf8_whole("", 0), 0);
	cr_assert_eq(utf8_whole("a\0b", 3), 3);
	cr_assert_eq(utf8_whole("a\0\xc3", 3), 2);
	cr_assert_eq(utf8_whole("a\xc3\xa4", 3), 3);
	cr_assert_eq(utf8_whole("\xf0\x9f\x98", 3), 0);
}

Test(utf8, snprintf_cuts_at_a_character)
{
	static const char *const want[] = {
		[1] = "",   [2] = "x",   [3] = "x",   [4] = "x",
		[5] = "x€", [6] = "x€y", [7] = "x€y", [8] = "x€y\u00e4",
	};

	for (size_t size = 1; size < ARRAY_LEN(want); size++) {
		char text[16];

		cr_assert_eq(utf8_snprintf(text, size, "x%sy%s", "€", "\u00e4"), 7);
		cr_assert_str_eq(text, want[size], "size %zu: %s", size, text);
	}
}
