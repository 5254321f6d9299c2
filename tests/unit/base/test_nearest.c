/* The nearest known name. */
#include <criterion/criterion.h>

#include "base/macro.h"
#include "base/nearest.h"

static const char *const names[] = {"poll-interval", "kinds",       "jobs",         "notify", NULL,
				    "display-name",  "first-sight", "stall-running"};

Test(nearest, names)
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
