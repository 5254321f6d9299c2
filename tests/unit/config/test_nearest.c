/* What is said after a misspelt name. */
#include "config/config_internal.h"

#include <string.h>

#include <criterion/criterion.h>

Test(nearest, hint)
{
	static const char *const few[] = {"baseline", "announce"};
	static const char *const many[9] = {"a1", "b1", "c1", "d1", "e1", "f1", "g1", "h1", "i1"};

	cr_expect_str_eq(nearest_hint("anounce", few, 2).text, "; did you mean 'announce'?");
	cr_expect_str_eq(nearest_hint("zzz", few, 2).text, "; known: 'baseline' and 'announce'");
	cr_expect_str_eq(nearest_hint("zzzzz", many, 9).text, "");
	cr_expect_str_eq(nearest_hint("zzz", NULL, 0).text, "");
}
