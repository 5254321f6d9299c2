/* What others say, made printable; and what is not to be repeated. */
#include "notify/excerpt.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"

static const struct {
	const char *in;
	size_t len, size;
	const char *out;
} printable[] = {
	{"", 0, 8, ""},
	{"plain", 5, 8, "plain"},
	{"a\0b\nc\033", 6, 8, "a b c "},
	{"too long", 8, 6, "too l"},
	{"1234\303\244", 6, 6, "1234"},
	{"1234\303\244", 6, 7, "1234\303\244"},
	{"\377x\200", 3, 8, "?x?"},
	{"\302\205x", 3, 8, " x"}, /* a C1 control */
	{"x", 1, 1, ""},
};

Test(excerpt, printable)
{
	for (size_t i = 0; i < ARRAY_LEN(printable); i++) {
		char out[16];

		excerpt_printable(printable[i].in, printable[i].len, out, printable[i].size);
		cr_expect_str_eq(out, printable[i].out, "case %zu: \"%s\"", i, out);
	}
}

static const struct {
	const char *text, *secret;
	bool repeats;
} repeats[] = {
	{"cannot POST /hooks/T0KEN-abc_123", "/hooks/T0KEN-abc_123?x=1", true},
	{"{\"path\":\"T0KEN-abc_123\"}", "/hooks/T0KEN-abc_123", true},
	{"no T0KEN-abc_12 here", "/hooks/T0KEN-abc_123", false},
	{"T0KEN-ABC_123", "/hooks/T0KEN-abc_123", false},
	{"bad key s3cretly", ": Bearer s3cretly", true},
	{"seven77", "/seven77", false},
	{"eight888", "/eight888", true},
	{"eight888", "/a%2Feight888", true},
	{"2Feight888", "/a%2Feight888", true},
	{"anything", "", false},
	{"", "/T0KEN-abc_123", false},
	{"anything", "/?#&=%%2", false},
};

Test(excerpt, repeats)
{
	for (size_t i = 0; i < ARRAY_LEN(repeats); i++)
		cr_expect_eq(excerpt_repeats(repeats[i].text, strlen(repeats[i].text),
					     repeats[i].secret),
			     repeats[i].repeats, "case %zu", i);
	cr_expect(excerpt_repeats("a\0T0KEN-abc", 11, "T0KEN-abc"), "behind a NUL as well");
}
