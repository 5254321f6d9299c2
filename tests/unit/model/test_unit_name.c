/* Names of units: escaping as systemd-escape(1) does it, and what is a name. */
#include "model/unit_name.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/macro.h"

#define JOB "accounts/acme/supervisedFineTuningJobs/a-1"

/* `want` is what `systemd-escape` printed for the subject, in its place. */
static const struct {
	const char *pattern, *subject, *want;
} names[] = {
	{"deploy@%j.service", JOB, "deploy@accounts-acme-supervisedFineTuningJobs-a\\x2d1.service"},
	{"deploy@%i.service", JOB, "deploy@a\\x2d1.service"},
	{"%i-%j%%.service", "accounts/acme", "acme-accounts-acme%.service"},
	{"deploy.service", JOB, "deploy.service"},
	{"%j", "a b/c_d:e.f", "a\\x20b-c_d:e.f"},
	{"%j", ".hidden/.x", "\\x2ehidden-.x"},
	{"%j", "\xc3\xa4", "\\xc3\\xa4"},
	{"%j", "\\@%", "\\x5c\\x40\\x25"},
	{"%i", "", ""},
};

Test(unit_name, format)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char name[UNIT_NAME_MAX + 1];

		cr_expect_eq(unit_name_format(names[i].pattern, names[i].subject, name), 0);
		cr_expect_str_eq(name, names[i].want, "case %zu: %s", i, name);
	}
}

Test(unit_name, faults)
{
	char name[UNIT_NAME_MAX + 1], subject[UNIT_NAME_MAX + 1];

	cr_expect_eq(unit_name_format("a@%n.service", JOB, name), -EINVAL);
	cr_expect_eq(unit_name_format("a@%", JOB, name), -EINVAL);
	memset(subject, 'a', UNIT_NAME_MAX);
	subject[UNIT_NAME_MAX] = '\0';
	cr_expect_eq(unit_name_format("%j", subject, name), 0);
	cr_expect_eq(strlen(name), UNIT_NAME_MAX);
	cr_expect_eq(unit_name_format("%j.", subject, name), -E2BIG);
	subject[0] = '-'; /* four bytes */
	cr_expect_eq(unit_name_format("%j", subject, name), -E2BIG);
}

Test(unit_name, service)
{
	static const char *const good[] = {"a.service", "a@b.service", "a-b_c:d.e@x\\x2dy.service"};
	static const char *const bad[] = {
		"",           ".service",   "a",           "a.socket",    "a.service ",
		"a@.service", "@b.service", "a/b.service", "a b.service", "\xc3\xa4.service",
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		cr_expect(unit_name_is_service(good[i]), "%s", good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		cr_expect_not(unit_name_is_service(bad[i]), "%s", bad[i]);
}
