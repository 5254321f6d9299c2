/* The families of fine-tuning jobs. */
#include "model/kind.h"

#include <errno.h>
#include <string.h>

const struct kind_info kind_infos[KIND_COUNT_] = {
	[KIND_SFT] = {"sft", "supervisedFineTuningJobs", "outputModel", NULL, true, true},
	[KIND_RFT] = {"rft", "reinforcementFineTuningJobs", "outputModel", "trainingConfig", true,
		      true},
	[KIND_DPO] = {"dpo", "dpoJobs", "outputModel", "trainingConfig", false, true},
	[KIND_FT] = {"ft", "fineTuningJobs", "modelId", NULL, false, false},
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
