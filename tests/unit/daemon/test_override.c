/* What somebody asked for of one job counts for more than the configuration. */
#include "daemon/override.h"

#include <criterion/criterion.h>
#include <errno.h>

static char a[] = "a", ab[] = "ab", c[] = "c";
static struct config_notifier notifiers[] = {{.name = a}, {.name = ab}, {.name = c}};
static const struct config config = {.notifiers = notifiers, .n_notifiers = 3};

Test(override, decides_what_is_watched)
{
	_cleanup_override_ struct override *yes = NULL, *no = NULL;

	cr_assert_eq(override_new(true, NULL, &yes), 0);
	cr_assert_eq(override_new(false, NULL, &no), 0);
	cr_expect_eq(override_watches(NULL, 0x5), 0x5);
	cr_expect_eq(override_watches(yes, 0x5), 0x5 | ROUTE_ADDED);
	cr_expect_eq(override_watches(yes, 0), ROUTE_ADDED);
	cr_expect_eq(override_watches(no, 0x5), 0);
	no->foreseen = true;
	cr_expect_eq(override_watches(no, 0x5), 0x5);
}

Test(override, chosen_notifiers)
{
	static const struct {
		const char *notify;
		route_set want;
		size_t n;
		const char *unknown;
	} rows[] = {
		{"a", 0x1, 1, NULL},       {"ab", 0x2, 1, NULL}, {"c,a", 0x5, 2, NULL},
		{"a,x,c", 0x5, 3, "x"},    {"", 0, 1, ""},       {"a,", 0x1, 2, ""},
		{"abc,ab", 0x2, 2, "abc"},
	};
	char unknown[CONFIG_NAME_MAX + 1];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_override_ struct override *o = NULL;
		route_set set = 99;
		int r = override_find(&config, rows[i].notify, &set, unknown);

		cr_expect_eq(r, rows[i].unknown ? -ENOENT : 0, "%s", rows[i].notify);
		cr_expect_eq(set, rows[i].want, "%s", rows[i].notify);
		if (rows[i].unknown)
			cr_expect_str_eq(unknown, rows[i].unknown);
		cr_assert_eq(override_new(true, rows[i].notify, &o), 0);
		override_resolve(o, &config);
		cr_expect_eq(*override_chosen(o), rows[i].want);
		cr_expect_str_eq(o->notify, rows[i].notify);
		cr_expect_eq(o->n_names, rows[i].n, "%s", rows[i].notify);
	}
}

Test(override, none_is_chosen)
{
	_cleanup_override_ struct override *o = NULL;

	cr_assert_eq(override_new(true, NULL, &o), 0);
	override_resolve(o, &config);
	override_resolve(NULL, &config);
	cr_expect_null(override_chosen(o));
	cr_expect_null(override_chosen(NULL));
}

Test(override, a_notifier_that_has_left_is_found_again)
{
	static const struct config without = {.notifiers = notifiers, .n_notifiers = 1};
	_cleanup_override_ struct override *o = NULL;

	cr_assert_eq(override_new(true, "c", &o), 0);
	override_resolve(o, &without);
	cr_expect_eq(*override_chosen(o), 0);
	override_resolve(o, &config);
	cr_expect_eq(*override_chosen(o), 0x4);
}
