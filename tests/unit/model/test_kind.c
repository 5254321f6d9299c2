/* The families of jobs. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "model/kind.h"

Test(kind, names_and_collections)
{
	static const struct {
		enum kind kind;
		const char *name, *collection, *output_model, *config;
	} cases[] = {
		{KIND_SFT, "sft", "supervisedFineTuningJobs", "outputModel", ""},
		{KIND_RFT, "rft", "reinforcementFineTuningJobs", "outputModel", "trainingConfig"},
		{KIND_DPO, "dpo", "dpoJobs", "outputModel", "trainingConfig"},
		{KIND_FT, "ft", "fineTuningJobs", "modelId", ""},
	};

	cr_assert_eq(ARRAY_LEN(cases), KIND_COUNT_);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct kind_info *info = kind_info(cases[i].kind);
		enum kind kind = KIND_COUNT_;

		cr_assert_str_eq(info->name, cases[i].name);
		cr_assert_str_eq(info->collection, cases[i].collection);
		cr_assert_str_eq(info->output_model, cases[i].output_model);
		cr_assert_str_eq(info->config ? info->config : "", cases[i].config);
		cr_assert_eq(kind_from_name(cases[i].name, &kind), 0);
		cr_assert_eq(kind, cases[i].kind);
		kind = KIND_COUNT_;
		cr_assert_eq(kind_from_collection(info->collection, strlen(info->collection),
						  &kind),
			     0);
		cr_assert_eq(kind, cases[i].kind);
	}
}

Test(kind, unknown)
{
	static const char *const names[] = {"", "SFT", "sf", "sftx", "sft ", "dpoJobs", "rlor"};
	static const char *const collections[] = {
		"", "sft", "dpoJob", "dpoJobsx", "DpoJobs", "fineTuningJobs/x", "rlorTrainerJobs",
	};
	enum kind kind = KIND_RFT;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		cr_assert_eq(kind_from_name(names[i], &kind), -ENOENT, "%s", names[i]);
	for (size_t i = 0; i < ARRAY_LEN(collections); i++)
		cr_assert_eq(kind_from_collection(collections[i], strlen(collections[i]), &kind),
			     -ENOENT, "%s", collections[i]);
	cr_assert_eq(kind_from_collection("dpoJobs", 6, &kind), -ENOENT);
	cr_assert_eq(kind, KIND_RFT);
	cr_assert_eq(kind_from_collection("dpoJobs/abc", 7, &kind), 0);
	cr_assert_eq(kind, KIND_DPO);
}
