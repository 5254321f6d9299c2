/* Answers of the API for the tests. */
#include "bodies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#define SECRET BODY_SECRET

const char *const bodies[KIND_COUNT_] = {
	[KIND_SFT] =
		"{\"name\":\"accounts/acme/supervisedFineTuningJobs/abc\",\"displayName\":\"prod one\","
		"\"createTime\":\"2026-11-20T06:31:56.123456Z\",\"completedTime\":null,"
		"\"dataset\":\"accounts/acme/datasets/chat\",\"state\":\"JOB_STATE_RUNNING\","
		"\"status\":{\"code\":\"OK\",\"message\":\"training\"},"
		"\"createdBy\":\"" SECRET "\",\"outputModel\":\"accounts/acme/models/out\","
		"\"baseModel\":\"accounts/fireworks/models/base\",\"warmStartFrom\":\"\","
		"\"jinjaTemplate\":\"{{ " SECRET " }}\",\"earlyStop\":false,\"epochs\":3,"
		"\"learningRate\":0.0001,\"wandbConfig\":{\"enabled\":true,\"apiKey\":\"" SECRET
		"\","
		"\"project\":\"" SECRET "\",\"entity\":\"\",\"runId\":\"\",\"url\":\"\"},"
		"\"awsS3Config\":{\"credentialsSecret\":\"" SECRET "\",\"iamRoleArn\":\"" SECRET
		"\"},"
		"\"azureBlobStorageConfig\":{\"credentialsSecret\":\"" SECRET "\"},"
		"\"updateTime\":\"2026-11-20T06:41:56.123456Z\",\"jobProgress\":{\"percent\":42,"
		"\"epoch\":1,\"totalInputRequests\":2,\"totalProcessedRequests\":3,"
		"\"successfullyProcessedRequests\":4,\"failedRequests\":5,\"outputRows\":6,"
		"\"inputTokens\":7,\"outputTokens\":8,\"cachedInputTokenCount\":9},"
		"\"metricsFileSignedUrl\":\"https://example.com/?sig=" SECRET "\","
		"\"trainerLogsSignedUrl\":\"https://example.com/?sig=" SECRET "\","
		"\"estimatedCost\":{\"currencyCode\":\"USD\",\"units\":\"12\",\"nanos\":0}}",
	[KIND_RFT] =
		"{\"name\":\"accounts/acme/reinforcementFineTuningJobs/abc\",\"displayName\":\"prod one\","
		"\"createTime\":\"2026-11-20T06:31:56.123456Z\",\"completedTime\":null,"
		"\"dataset\":\"accounts/acme/datasets/chat\",\"evaluationDataset\":\"\","
		"\"state\":\"JOB_STATE_RUNNING\",\"status\":{\"code\":\"OK\",\"message\":\"training\"},"
		"\"createdBy\":\"" SECRET "\",\"trainingConfig\":{"
		"\"outputModel\":\"accounts/acme/models/out\","
		"\"baseModel\":\"accounts/fireworks/models/base\",\"jinjaTemplate\":\"" SECRET "\","
		"\"learningRate\":0.0001,\"region\":\"REGION_UNSPECIFIED\",\"epochs\":3},"
		"\"evaluator\":\"accounts/acme/evaluators/e\","
		"\"wandbConfig\":{\"enabled\":true,\"apiKey\":\"" SECRET "\"},\"outputStats\":\"\","
		"\"inferenceParameters\":{\"maxTokens\":1,\"extraBody\":\"" SECRET "\"},"
		"\"jobProgress\":{\"percent\":42,\"epoch\":1,\"totalInputRequests\":2,"
		"\"totalProcessedRequests\":3,\"successfullyProcessedRequests\":4,"
		"\"failedRequests\":5,\"outputRows\":6,\"inputTokens\":7,\"outputTokens\":8,"
		"\"cachedInputTokenCount\":9},\"trainerLogsSignedUrl\":\"" SECRET "\"}",
	[KIND_DPO] =
		"{\"dataset\":\"accounts/acme/datasets/chat\",\"name\":\"accounts/acme/dpoJobs/abc\","
		"\"displayName\":\"prod one\",\"createTime\":\"2026-11-20T06:31:56.123456Z\","
		"\"completedTime\":null,\"state\":\"JOB_STATE_RUNNING\","
		"\"status\":{\"code\":\"OK\",\"message\":\"training\"},\"createdBy\":\"" SECRET
		"\","
		"\"trainingConfig\":{\"outputModel\":\"accounts/acme/models/out\","
		"\"baseModel\":\"accounts/fireworks/models/base\",\"warmStartFrom\":\"\","
		"\"epochs\":3},\"wandbConfig\":{\"enabled\":true,\"apiKey\":\"" SECRET "\"},"
		"\"trainerLogsSignedUrl\":\"" SECRET "\","
		"\"lossConfig\":{\"method\":\"METHOD_UNSPECIFIED\",\"klBeta\":0.1}}",
	[KIND_FT] =
		"{\"name\":\"accounts/acme/fineTuningJobs/abc\",\"displayName\":\"prod one\","
		"\"createTime\":\"2026-11-20T06:31:56.123456Z\",\"state\":\"RUNNING\","
		"\"dataset\":\"accounts/acme/datasets/chat\",\"datasets\":[{\"dataset\":\"x\"}],"
		"\"status\":{\"code\":\"OK\",\"message\":\"training\"},\"createdBy\":\"" SECRET
		"\","
		"\"modelId\":\"accounts/acme/models/out\",\"legacyJob\":{},"
		"\"conversation\":{\"jinjaTemplate\":\"" SECRET "\"},"
		"\"baseModel\":\"accounts/fireworks/models/base\",\"epochs\":3,\"loraTargetModules\":[\"q\",\"k\"],"
		"\"wandbApiKey\":\"" SECRET "\",\"wandbUrl\":\"" SECRET "\",\"evaluation\":true}",
	[KIND_RLOR] =
		"{\"name\":\"accounts/acme/rlorTrainerJobs/abc\",\"displayName\":\"prod one\","
		"\"createTime\":\"2026-11-20T06:31:56.123456Z\",\"completedTime\":null,"
		"\"dataset\":\"accounts/acme/datasets/chat\",\"evaluationDataset\":\"\","
		"\"state\":\"JOB_STATE_RUNNING\",\"status\":{\"code\":\"OK\",\"message\":\"training\"},"
		"\"createdBy\":\"" SECRET "\",\"trainingConfig\":{"
		"\"outputModel\":\"accounts/acme/models/out\","
		"\"baseModel\":\"accounts/fireworks/models/base\",\"jinjaTemplate\":\"" SECRET "\","
		"\"epochs\":3},\"rewardWeights\":[\"score\"],\"keepAlive\":false,"
		"\"rolloutDeploymentName\":\"accounts/acme/deployments/d\","
		"\"directRouteHandle\":\"" SECRET "\","
		"\"acceleratorSeconds\":{\"NVIDIA_H100_80GB\":\"12\"},"
		"\"awsS3Config\":{\"credentialsSecret\":\"" SECRET "\"},"
		"\"wandbConfig\":{\"enabled\":true,\"apiKey\":\"" SECRET "\"},"
		"\"jobProgress\":{\"percent\":42,\"epoch\":1,\"totalInputRequests\":2,"
		"\"totalProcessedRequests\":3,\"successfullyProcessedRequests\":4,"
		"\"failedRequests\":5,\"outputRows\":6,\"inputTokens\":7,\"outputTokens\":8,"
		"\"cachedInputTokenCount\":9}}",
	[KIND_BATCH] =
		"{\"name\":\"accounts/acme/batchInferenceJobs/abc\",\"displayName\":\"prod one\","
		"\"createTime\":\"2026-11-20T06:31:56.123456Z\",\"createdBy\":\"" SECRET "\","
		"\"state\":\"JOB_STATE_RUNNING\",\"status\":{\"code\":\"OK\",\"message\":\"training\"},"
		"\"model\":\"accounts/fireworks/models/base\","
		"\"inputDatasetId\":\"accounts/acme/datasets/chat\","
		"\"outputDatasetId\":\"accounts/acme/datasets/out\",\"systemPrompt\":\"" SECRET
		"\","
		"\"inferenceParameters\":{\"maxTokens\":1,\"extraBody\":\"" SECRET "\"},"
		"\"updateTime\":\"2026-11-20T06:41:56.123456Z\",\"precision\":\"FP8\","
		"\"lifecycle\":{\"startTime\":\"2026-11-20T06:32:00Z\",\"endTime\":null},"
		"\"waitingOnCapacity\":false,\"continuedFromJobName\":\"\","
		"\"jobProgress\":{\"percent\":42,\"epoch\":1,\"totalInputRequests\":2,"
		"\"totalProcessedRequests\":3,\"successfullyProcessedRequests\":4,"
		"\"failedRequests\":5,\"outputRows\":6,\"inputTokens\":7,\"outputTokens\":8,"
		"\"cachedInputTokenCount\":9}}",
	[KIND_EVAL] =
		"{\"name\":\"accounts/acme/evaluationJobs/abc\",\"displayName\":\"prod one\","
		"\"createTime\":\"2026-11-20T06:31:56.123456Z\",\"createdBy\":\"" SECRET "\","
		"\"state\":\"JOB_STATE_RUNNING\",\"status\":{\"code\":\"OK\",\"message\":\"training\"},"
		"\"evaluator\":\"accounts/acme/evaluators/e\",\"evaluatorVersion\":\"v1\","
		"\"inputDataset\":\"accounts/acme/datasets/chat\","
		"\"outputDataset\":\"accounts/acme/datasets/out\",\"metrics\":{\"score\":0.5},"
		"\"outputStats\":\"\",\"updateTime\":\"2026-11-20T06:41:56.123456Z\","
		"\"awsS3Config\":{\"credentialsSecret\":\"" SECRET "\"}}",
};

struct json_object *body_tree(enum kind kind)
{
	struct json_object *tree = json_tokener_parse(bodies[kind]);

	cr_assert_not_null(tree);
	return tree;
}

void body_set(struct json_object *tree, const char *path, const char *value)
{
	const char *dot = strchr(path, '.');
	char first[64];

	if (dot) {
		struct json_object *child;

		snprintf(first, sizeof(first), "%.*s", (int)(dot - path), path);
		if (!json_object_object_get_ex(tree, first, &child)) {
			child = json_object_new_object();
			json_object_object_add(tree, first, child);
		}
		body_set(child, dot + 1, value);
	} else if (value) {
		json_object_object_add(tree, path, json_tokener_parse(value));
	} else {
		json_object_object_del(tree, path);
	}
}

/* Fisher and Yates */
static void shuffle(const char *keys[], size_t n, struct rnd *rnd)
{
	for (size_t i = n; i > 1; i--) {
		size_t k = rnd_below(rnd, i);
		const char *key = keys[i - 1];

		keys[i - 1] = keys[k];
		keys[k] = key;
	}
}

struct json_object *body_shuffle(struct json_object *tree, struct rnd *rnd)
{
	struct json_object *copy;
	const char *keys[64];
	size_t n = 0;

	if (!json_object_is_type(tree, json_type_object))
		return tree;
	json_object_object_foreach(tree, key, value)
	{
		(void)value;
		cr_assert_lt(n, sizeof(keys) / sizeof(keys[0]));
		keys[n++] = key;
	}
	shuffle(keys, n, rnd);
	copy = json_object_new_object();
	for (size_t i = 0; i < n; i++)
		json_object_object_add(
			copy, keys[i],
			body_shuffle(json_object_get(json_object_object_get(tree, keys[i])), rnd));
	json_object_put(tree);
	return copy;
}
