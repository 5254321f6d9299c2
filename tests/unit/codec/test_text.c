/* Texts from elsewhere: strict UTF-8, and fit to be shown. */
#include "codec/text.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/macro.h"

Test(text, knows_characters)
{
	static const struct {
		const char *s;
		size_t n, bytes;
	} cases[] = {
		{"", 0, 0},
		{"a", 1, 1},
		{"\x7f", 1, 1},
		{"\xc3\xa4", 2, 2},
		{"\xc3\xa4", 1, 0},
		{"\xc3"
		 "a",
		 2, 0},
		{"\xe2\x82\xac", 3, 3},
		{"\xe2\x82\xac", 2, 0},
		{"\xf0\x9f\x98\x80", 4, 4},
		{"\xf0\x9f\x98\x80", 3, 0},
		{"\x80", 1, 0},
		{"\xc0\x80", 2, 0},
		{"\xc1\xbf", 2, 0},
		{"\xe0\x9f\xbf", 3, 0},
		{"\xe0\xa0\x80", 3, 3},
		{"\xed\x9f\xbf", 3, 3},
		{"\xed\xa0\x80", 3, 0},
		{"\xee\x80\x80", 3, 3},
		{"\xf0\x8f\xbf\xbf", 4, 0},
		{"\xf0\x90\x80\x80", 4, 4},
		{"\xf4\x8f\xbf\xbf", 4, 4},
		{"\xf4\x90\x80\x80", 4, 0},
		{"\xf5\x80\x80\x80", 4, 0},
		{"\xff", 1, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cr_expect_eq(text_char_bytes(cases[i].s, cases[i].n), cases[i].bytes, "case %zu",
			     i);
}

Test(text, cleans_in_place)
{
	static const struct {
		const char *dirty, *clean;
		bool utf8, control;
	} cases[] = {
		{"", "", true, false},
		{"plain \xc3\xa4 \xf0\x9f\x98\x80", "plain \xc3\xa4 \xf0\x9f\x98\x80", true, false},
		{"a\nb\tc\x1b[1m\x7f", "a b c [1m ", true, true},
		{"\xc2\x9b"
		 "1m\xc2\xa0",
		 " 1m\xc2\xa0", true, true},
		{"a\xe2\x80\xa8"
		 "b\xe2\x80\xa9\xe2\x80\xaa",
		 "a b \xe2\x80\xaa", true, true},
		{"\xff\xc3", "??", false, false},
		{"a\xe2\x82", "a??", false, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char s[64];

		snprintf(s, sizeof(s), "%s", cases[i].dirty);
		cr_expect_eq(text_is_utf8(s), cases[i].utf8, "case %zu", i);
		if (cases[i].utf8)
			cr_expect_eq(text_has_control(s), cases[i].control, "case %zu", i);
		text_clean(s);
		cr_expect_str_eq(s, cases[i].clean, "case %zu", i);
		cr_expect(text_is_utf8(s) && !text_has_control(s), "case %zu", i);
	}
}
