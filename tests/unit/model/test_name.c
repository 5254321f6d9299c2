/* Names of jobs. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "model/name.h"
#include "support/rand.h"

#define ID_63 "abcdefghijklmnopqrstuvwxyz0123456789-abcdefghijklmnopqrstuvwxyz"

Test(name, good)
{
	static const struct {
		const char *text, *account, *full, *brief;
	} cases[] = {
		{"accounts/acme/supervisedFineTuningJobs/abc", NULL,
		 "accounts/acme/supervisedFineTuningJobs/abc", "acme/sft/abc"},
		{"accounts/acme/fineTuningJobs/0123456789abcdef0123456789abcdef", "other",
		 "accounts/acme/fineTuningJobs/0123456789abcdef0123456789abcdef",
		 "acme/ft/0123456789abcdef0123456789abcdef"},
		{"acme/rft/a-b", NULL, "accounts/acme/reinforcementFineTuningJobs/a-b",
		 "acme/rft/a-b"},
		{"acme/dpo/x", "other", "accounts/acme/dpoJobs/x", "acme/dpo/x"},
		{"sft/abc", "acme", "accounts/acme/supervisedFineTuningJobs/abc", "acme/sft/abc"},
		{"accounts/sft/1", NULL, "accounts/accounts/supervisedFineTuningJobs/1",
		 "accounts/sft/1"},
		{"-/ft/-", NULL, "accounts/-/fineTuningJobs/-", "-/ft/-"},
		{ID_63 "/rft/" ID_63, NULL, "accounts/" ID_63 "/reinforcementFineTuningJobs/" ID_63,
		 ID_63 "/rft/" ID_63},
	};

	cr_assert_eq(strlen(ID_63), NAME_ID_MAX);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[NAME_JOB_MAX];
		struct job_name name, again;

		cr_assert_eq(name_parse(cases[i].text, cases[i].account, &name), 0, "%s",
			     cases[i].text);
		name_format_full(&name, text);
		cr_assert_str_eq(text, cases[i].full);
		cr_assert_eq(name_parse_full(text, &again), 0);
		cr_assert_str_eq(again.account, name.account);
		cr_assert_str_eq(again.id, name.id);
		cr_assert_eq(again.kind, name.kind);
		name_format_short(&name, text);
		cr_assert_str_eq(text, cases[i].brief);
		cr_assert_eq(name_parse(text, NULL, &again), 0);
		cr_assert_eq(again.kind, name.kind);
	}
}

Test(name, bad)
{
	static const char *const bad[] = {
		"",
		"/",
		"abc",
		"sft/",
		"/abc",
		"sft//abc",
		"acme/sft/",
		"/sft/abc",
		"acme//abc",
		"acme/nope/abc",
		"acme/supervisedFineTuningJobs/abc",
		"nope/abc",
		"SFT/abc",
		"sft/ABC",
		"sft/a b",
		"sft/a.b",
		"sft/a_b",
		"sft/a%62",
		"sft/a\n",
		"sft/\u00e4",
		"acme/sft/abc/",
		"acme/sft/abc/d",
		"accounts/acme/sft/abc",
		"Accounts/acme/dpoJobs/abc",
		"accounts/acme/dpoJobs/",
		"accounts//dpoJobs/abc",
		"accounts/acme/dpoJobs/abc/",
		"accounts/acme/dpoJobs/abc:resume",
		"accounts/acme/dpoJobs/../x",
		"/accounts/acme/dpoJobs/abc",
		" accounts/acme/dpoJobs/abc",
		"accounts/acme/dpoJobs/abc?x=1",
		"accounts/acme/models/abc",
		"supervisedFineTuningJobs/abc",
		"sft/" ID_63 "x",
		ID_63 "x/sft/abc",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct job_name name = {.id = "kept"};

		cr_assert_eq(name_parse(bad[i], "acme", &name), -EINVAL, "%s", bad[i]);
		cr_assert_eq(name_parse_full(bad[i], &name), -EINVAL, "%s", bad[i]);
		cr_assert_str_eq(name.id, "kept");
	}
}

Test(name, account_of_the_short_form)
{
	struct job_name name;

	cr_assert_eq(name_parse("sft/abc", NULL, &name), -EINVAL);
	cr_assert_eq(name_parse("sft/abc", "", &name), -EINVAL);
	cr_assert_eq(name_parse("sft/abc", "Acme", &name), -EINVAL);
	cr_assert_eq(name_parse("sft/abc", ID_63 "x", &name), -EINVAL);
	cr_assert_eq(name_parse_full("acme/sft/abc", &name), -EINVAL);
}

Test(name, ids)
{
	cr_assert(name_id_valid("a"));
	cr_assert(name_id_valid(ID_63));
	cr_assert_not(name_id_valid(""));
	cr_assert_not(name_id_valid(ID_63 "x"));
	cr_assert_not(name_id_valid("a/b"));
	cr_assert_not(name_id_valid("A"));
}

/* Whatever comes in, what is let through is safe in a URL and survives the way there and back. */
Test(name, random_text)
{
	static const char alphabet[] = "accounts/sft/ft/dpoJobs/fineTuningJobs/aZ9-_.%? \n\x80";
	struct rnd r = rnd_open("name");
	int parsed = 0;

	for (int i = 0; i < 200000; i++) {
		char text[40], full[NAME_JOB_MAX];
		size_t len = 0;
		struct job_name name, again;

		for (size_t pieces = 1 + rnd_below(&r, 5); pieces > 0; pieces--) {
			size_t from = rnd_below(&r, sizeof(alphabet) - 1);
			size_t n = rnd_below(&r, MIN(sizeof(alphabet) - from, (size_t)8));

			memcpy(text + len, alphabet + from, n);
			len += n;
		}
		text[len] = '\0';
		if (name_parse(text, "acme", &name) < 0)
			continue;
		parsed++;
		name_format_full(&name, full);
		cr_assert_eq(strspn(full, "abcdefghijklmnopqrstuvwxyz0123456789-/TJF"),
			     strlen(full), "%s", full);
		cr_assert_eq(name_parse_full(full, &again), 0, "%s", full);
		cr_assert_str_eq(again.id, name.id);
	}
	cr_assert_gt(parsed, 0, "nothing was tested");
}
