/* The families of jobs. */
#include "model/kind.h"

#include <errno.h>
#include <string.h>

#define CONFIG "trainingConfig"

const struct kind_info kind_infos[KIND_COUNT_] = {
	[KIND_SFT] = {.name = "sft",
		      .collection = "supervisedFineTuningJobs",
		      .places = {[KIND_DATASET] = {NULL, "dataset"},
				 [KIND_BASE_MODEL] = {NULL, "baseModel"},
				 [KIND_OUTPUT_MODEL] = {NULL, "outputModel"},
				 [KIND_END_TIME] = {NULL, "completedTime"},
				 [KIND_EPOCHS] = {NULL, "epochs"}},
		      .has_progress = true,
		      .makes_model = true},
	[KIND_RFT] = {.name = "rft",
		      .collection = "reinforcementFineTuningJobs",
		      .places = {[KIND_DATASET] = {NULL, "dataset"},
				 [KIND_BASE_MODEL] = {CONFIG, "baseModel"},
				 [KIND_OUTPUT_MODEL] = {CONFIG, "outputModel"},
				 [KIND_END_TIME] = {NULL, "completedTime"},
				 [KIND_EPOCHS] = {CONFIG, "epochs"}},
		      .has_progress = true,
		      .makes_model = true},
	[KIND_DPO] = {.name = "dpo",
		      .collection = "dpoJobs",
		      .places = {[KIND_DATASET] = {NULL, "dataset"},
				 [KIND_BASE_MODEL] = {CONFIG, "baseModel"},
				 [KIND_OUTPUT_MODEL] = {CONFIG, "outputModel"},
				 [KIND_END_TIME] = {NULL, "completedTime"},
				 [KIND_EPOCHS] = {CONFIG, "epochs"}},
		      .makes_model = true},
	[KIND_FT] = {.name = "ft",
		     .collection = "fineTuningJobs",
		     .places = {[KIND_DATASET] = {NULL, "dataset"},
				[KIND_BASE_MODEL] = {NULL, "baseModel"},
				[KIND_OUTPUT_MODEL] = {NULL, "modelId"},
				[KIND_EPOCHS] = {NULL, "epochs"}},
		     .makes_model = true},
	[KIND_RLOR] = {.name = "rlor",
		       .collection = "rlorTrainerJobs",
		       .places = {[KIND_DATASET] = {NULL, "dataset"},
				  [KIND_BASE_MODEL] = {CONFIG, "baseModel"},
				  [KIND_OUTPUT_MODEL] = {CONFIG, "outputModel"},
				  [KIND_END_TIME] = {NULL, "completedTime"},
				  [KIND_EPOCHS] = {CONFIG, "epochs"}},
		       .has_progress = true,
		       .makes_model = true},
	[KIND_BATCH] = {.name = "batch",
			.collection = "batchInferenceJobs",
			.places = {[KIND_DATASET] = {NULL, "inputDatasetId"},
				   [KIND_BASE_MODEL] = {NULL, "model"},
				   [KIND_OUTPUT_MODEL] = {NULL, "outputDatasetId"},
				   [KIND_END_TIME] = {"lifecycle", "endTime"}},
			.has_progress = true},
	[KIND_EVAL] = {.name = "eval",
		       .collection = "evaluationJobs",
		       .places = {[KIND_DATASET] = {NULL, "inputDataset"},
				  [KIND_OUTPUT_MODEL] = {NULL, "outputDataset"}}},
};

int kind_from_name(const char *name, enum kind *ret)
{
	for (enum kind k = 0; k < KIND_COUNT_; k++)
		if (strcmp(kind_infos[k].name, name) == 0) {
			*ret = k;
			return 0;
		}
	return -ENOENT;
}

bool kind_has_epochs(const char *name)
{
	enum kind kind;

	return kind_from_name(name, &kind) < 0 || kind_infos[kind].places[KIND_EPOCHS].key;
}

int kind_from_collection(const char *collection, size_t len, enum kind *ret)
{
	for (enum kind k = 0; k < KIND_COUNT_; k++)
		if (strlen(kind_infos[k].collection) == len &&
		    memcmp(kind_infos[k].collection, collection, len) == 0) {
			*ret = k;
			return 0;
		}
	return -ENOENT;
}
