/* The fields of a supervised fine-tuning job. */
#include "codec/sft_fields.h"

#include <string.h>

#include "base/macro.h"
#include "base/nearest.h"

#define FIELDS(array)                                                                              \
	{                                                                                          \
		array, ARRAY_LEN(array)                                                            \
	}

static const struct sft_field aws[] = {
	{.name = "credentialsSecret", .hidden = true},
	{.name = "iamRoleArn", .hidden = true},
};
static const struct sft_field azure[] = {
	{.name = "credentialsSecret", .hidden = true},
	{.name = "managedIdentityClientId", .hidden = true},
	{.name = "tenantId", .hidden = true},
};
static const struct sft_field wandb[] = {
	{.name = "enabled", .type = SFT_BOOL},
	{.name = "apiKey", .role = SFT_SECRET},
	{.name = "project"},
	{.name = "entity"},
	{.name = "runId"},
	{.name = "url", .role = SFT_OUTPUT, .type = SFT_ANY},
};
static const struct sft_fields aws_fields = FIELDS(aws), azure_fields = FIELDS(azure),
			       wandb_fields = FIELDS(wandb);

static const struct sft_field job[] = {
	{.name = "displayName"},
	{.name = "dataset", .compare = SFT_DATASET},
	{.name = "evaluationDataset", .compare = SFT_DATASET},
	{.name = "baseModel", .compare = SFT_MODEL},
	{.name = "warmStartFrom", .compare = SFT_MODEL},
	{.name = "outputModel", .compare = SFT_MODEL},
	{.name = "jinjaTemplate"},
	{.name = "epochs", .type = SFT_INT32},
	{.name = "learningRate", .type = SFT_FLOAT},
	{.name = "learningRateWarmupSteps", .type = SFT_INT32},
	{.name = "optimizerWeightDecay", .type = SFT_FLOAT},
	{.name = "batchSize", .type = SFT_INT32},
	{.name = "batchSizeSamples", .type = SFT_INT32},
	{.name = "gradientAccumulationSteps", .type = SFT_INT32},
	{.name = "maxContextLength", .type = SFT_INT32},
	{.name = "loraRank", .type = SFT_INT32},
	{.name = "earlyStop", .type = SFT_BOOL},
	{.name = "evalAutoCarveout", .type = SFT_BOOL},
	{.name = "isTurbo", .type = SFT_BOOL},
	{.name = "purpose", .type = SFT_ENUM},
	{.name = "region", .type = SFT_ENUM, .compare = SFT_IF_SHOWN},
	{.name = "wandbConfig", .type = SFT_OBJECT, .members = &wandb_fields},
	{.name = "awsS3Config", .type = SFT_OBJECT, .members = &aws_fields, .hidden = true},
	{.name = "azureBlobStorageConfig",
	 .type = SFT_OBJECT,
	 .members = &azure_fields,
	 .hidden = true},
	{.name = "nodes", .type = SFT_INT32, .role = SFT_DEPRECATED, .compare = SFT_IF_SHOWN},
	{.name = "mtpEnabled", .type = SFT_BOOL, .role = SFT_DEPRECATED, .compare = SFT_IF_SHOWN},
	{.name = "mtpNumDraftTokens",
	 .type = SFT_INT32,
	 .role = SFT_DEPRECATED,
	 .compare = SFT_IF_SHOWN},
	{.name = "mtpFreezeBaseModel",
	 .type = SFT_BOOL,
	 .role = SFT_DEPRECATED,
	 .compare = SFT_IF_SHOWN},
	{.name = "wandbApiKey", .role = SFT_SECRET}, /* the legacy kind's */
	{.name = "name", .role = SFT_OUTPUT, .type = SFT_ANY},
	{.name = "createTime", .role = SFT_OUTPUT, .type = SFT_ANY},
	{.name = "updateTime", .role = SFT_OUTPUT, .type = SFT_ANY},
	{.name = "completedTime", .role = SFT_OUTPUT, .type = SFT_ANY},
	{.name = "createdBy", .role = SFT_OUTPUT, .type = SFT_ANY},
	{.name = "state", .role = SFT_OUTPUT, .type = SFT_ANY},
	{.name = "status", .role = SFT_OUTPUT, .type = SFT_ANY},
	{.name = "jobProgress", .role = SFT_OUTPUT, .type = SFT_ANY},
	{.name = "estimatedCost", .role = SFT_OUTPUT, .type = SFT_ANY},
	{.name = "metricsFileSignedUrl", .role = SFT_OUTPUT, .type = SFT_ANY},
	{.name = "trainerLogsSignedUrl", .role = SFT_OUTPUT, .type = SFT_ANY},
};

const struct sft_fields sft_fields = FIELDS(job);

const struct sft_field *sft_fields_find(const struct sft_fields *fields, const char *name)
{
	for (size_t i = 0; fields && i < fields->n; i++)
		if (strcmp(fields->fields[i].name, name) == 0)
			return &fields->fields[i];
	return NULL;
}

const char *sft_fields_nearest(const struct sft_fields *fields, const char *name)
{
	const char *names[ARRAY_LEN(job)];

	/* Nobody wants to be led to a field that is not for the file. */
	for (size_t i = 0; i < fields->n; i++)
		names[i] = fields->fields[i].role == SFT_INPUT ? fields->fields[i].name : NULL;
	return nearest_name(name, names, fields->n);
}
