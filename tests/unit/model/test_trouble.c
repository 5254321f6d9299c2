/* The sight of an account. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"
#include "model/trouble.h"

/* An outage's texts go into events, which are JSON: they stay UTF-8 when they are cut. */
Test(trouble, texts_are_cut_between_characters)
{
	char text[OUTAGE_TEXT_MAX + 8];
	struct sight s = {0};

	for (size_t shift = 0; shift < 3; shift++) {
		memset(text, 'x', shift);
		text[shift] = '\0';
		while (strlen(text) < OUTAGE_TEXT_MAX)
			strcat(text, "€");
		s = (struct sight){0};
		sight_failed(&s, TROUBLE_DNS, text, 1, 1);
		cr_assert_eq((strlen(s.outage.first) - shift) % 3, 0, "shift %zu", shift);
		cr_assert_str_eq(s.outage.first, s.outage.last);
		cr_assert_gt(strlen(s.outage.first), OUTAGE_TEXT_MAX - 4);
	}
}
