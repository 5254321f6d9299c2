/* The families of jobs. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "model/kind.h"

Test(kind, names_and_collections)
{
	static const struct {
		enum kind kind;
		const char *name, *collection;
	} cases[] = {
		{KIND_SFT, "sft", "supervisedFineTuningJobs"},
		{KIND_RFT, "rft", "reinforcementFineTuningJobs"},
		{KIND_DPO, "dpo", "dpoJobs"},
		{KIND_FT, "ft", "fineTuningJobs"},
		{KIND_RLOR, "rlor", "rlorTrainerJobs"},
		{KIND_BATCH, "batch", "batchInferenceJobs"},
		{KIND_EVAL, "eval", "evaluationJobs"},
	};

	cr_assert_eq(ARRAY_LEN(cases), KIND_COUNT_);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct kind_info *info = kind_info(cases[i].kind);
		enum kind kind = KIND_COUNT_;

		cr_assert_str_eq(info->name, cases[i].name);
		cr_assert_str_eq(info->collection, cases[i].collection);
		cr_assert_eq(kind_from_name(cases[i].name, &kind), 0);
		cr_assert_eq(kind, cases[i].kind);
		kind = KIND_COUNT_;
		cr_assert_eq(kind_from_collection(info->collection, strlen(info->collection),
						  &kind),
			     0);
		cr_assert_eq(kind, cases[i].kind);
	}
}

/* Where each field stands, as "object.key"; "" nowhere. */
Test(kind, places)
{
	static const struct {
		const char *places[KIND_FIELD_COUNT_];
		bool progress, model;
	} cases[KIND_COUNT_] = {
		[KIND_SFT] = {{"dataset", "baseModel", "outputModel", "completedTime", "epochs"},
			      true,
			      true},
		[KIND_RFT] = {{"dataset", "trainingConfig.baseModel", "trainingConfig.outputModel",
			       "completedTime", "trainingConfig.epochs"},
			      true,
			      true},
		[KIND_DPO] = {{"dataset", "trainingConfig.baseModel", "trainingConfig.outputModel",
			       "completedTime", "trainingConfig.epochs"},
			      false,
			      true},
		[KIND_FT] = {{"dataset", "baseModel", "modelId", "", "epochs"}, false, true},
		[KIND_RLOR] = {{"dataset", "trainingConfig.baseModel", "trainingConfig.outputModel",
				"completedTime", "trainingConfig.epochs"},
			       true,
			       true},
		[KIND_BATCH] = {{"inputDatasetId", "model", "outputDatasetId", "lifecycle.endTime",
				 ""},
				true,
				false},
		[KIND_EVAL] = {{"inputDataset", "", "outputDataset", "", ""}, false, false},
	};

	for (enum kind k = 0; k < KIND_COUNT_; k++) {
		const struct kind_info *info = kind_info(k);

		cr_expect_eq(info->has_progress, cases[k].progress, "%s", info->name);
		cr_expect_eq(info->makes_model, cases[k].model, "%s", info->name);
		for (int i = 0; i < KIND_FIELD_COUNT_; i++) {
			const struct kind_place *place = &info->places[i];
			char path[64] = "";

			if (place->key)
				snprintf(path, sizeof(path), "%s%s%s",
					 place->object ? place->object : "",
					 place->object ? "." : "", place->key);
			cr_expect_str_eq(path, cases[k].places[i], "%s %d", info->name, i);
		}
	}
}

Test(kind, epochs)
{
	cr_expect(kind_has_epochs("sft"));
	cr_expect(kind_has_epochs("rlor"));
	cr_expect(kind_has_epochs("newer"));
	cr_expect(!kind_has_epochs("batch"));
	cr_expect(!kind_has_epochs("eval"));
}

Test(kind, unknown)
{
	static const char *const names[] = {"", "SFT", "sf", "sftx", "sft ", "dpoJobs", "rlors"};
	static const char *const collections[] = {
		"", "sft", "dpoJob", "dpoJobsx", "DpoJobs", "fineTuningJobs/x", "rlorTrainerJob",
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
