#include "config/config_internal.h"

#include <string.h>

#include <criterion/criterion.h>

static const char *const names[] = {"poll-interval", "kinds",       "jobs",         "notify", NULL,
				    "display-name",  "first-sight", "stall-running"};

Test(nearest, name)
{
	static const struct {
		const char *word, *want;
	} cases[] = {
		{"pol-interval", "poll-interval"},
		{"poll_interval", "poll-interval"},
		{"pollinterval", "poll-interval"},
		{"kidns", "kinds"},
		{"kind", "kinds"},
		{"Jobs", "jobs"},
		{"job", "jobs"},
		{"notfiy", "notify"},
		{"firstsight", "first-sight"},
		{"stall-runing", "stall-running"},
		{"dislay-nmae", "display-name"},
		{"colour", NULL},
		{"x", NULL},
		{"", NULL},
		{"poll-interval-of-everything-there-is-in-the-whole-wide-world", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *got = nearest_name(cases[i].word, names, ARRAY_LEN(names));

		if (cases[i].want)
			cr_expect_str_eq(got ? got : "(none)", cases[i].want, "%s: %s",
					 cases[i].word, got);
		else
			cr_expect_null(got, "%s: %s", cases[i].word, got);
	}
}

Test(nearest, hint)
{
	static const char *const few[] = {"baseline", "announce"};
	static const char *const many[9] = {"a1", "b1", "c1", "d1", "e1", "f1", "g1", "h1", "i1"};

	cr_expect_str_eq(nearest_hint("anounce", few, 2).text, "; did you mean 'announce'?");
	cr_expect_str_eq(nearest_hint("zzz", few, 2).text, "; known: 'baseline' and 'announce'");
	cr_expect_str_eq(nearest_hint("zzzzz", many, 9).text, "");
	cr_expect_str_eq(nearest_hint("zzz", NULL, 0).text, "");
}
