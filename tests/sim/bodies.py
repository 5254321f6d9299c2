"""What the API's answers look like: a body for each kind of job, the account, a model, and the
errors.

Every secret that the real API can put into a body is planted here with SECRET in it, so that a test
can search everything the daemon writes for that one word.
"""

import hashlib
import json
from datetime import datetime, timedelta, timezone

SECRET = "SIMSECRET"
# Replaced at each answer: they differ on every GET.
UPDATE_TIME = "@UPDATE-TIME@"
SIGNATURE = "@SIGNATURE@"

EPOCH = datetime(2026, 1, 5, 8, 0, 0, tzinfo=timezone.utc)

# short name: collection, prefix of its states, name of the create call's id parameter
KINDS = {
    "sft": ("supervisedFineTuningJobs", "JOB_STATE_", "supervisedFineTuningJobId"),
    "rft": ("reinforcementFineTuningJobs", "JOB_STATE_", "reinforcementFineTuningJobId"),
    "dpo": ("dpoJobs", "JOB_STATE_", "dpoJobId"),
    "ft": ("fineTuningJobs", "", None),
    "rlor": ("rlorTrainerJobs", "JOB_STATE_", "rlorTrainerJobId"),
    "batch": ("batchInferenceJobs", "JOB_STATE_", "batchInferenceJobId"),
    "eval": ("evaluationJobs", "JOB_STATE_", "evaluationJobId"),
}
WITH_PROGRESS = ("sft", "rft", "rlor", "batch")
COLLECTIONS = {row[0]: kind for kind, row in KINDS.items()}

ENDS = ("COMPLETED", "FAILED", "CANCELLED", "EXPIRED", "EARLY_STOPPED", "DELETED", "ARCHIVED")

CODES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
    "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED",
    "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)

PROGRESS = (
    "percent", "epoch", "totalInputRequests", "totalProcessedRequests",
    "successfullyProcessedRequests", "failedRequests", "outputRows", "inputTokens", "outputTokens",
    "cachedInputTokenCount",
)

TEMPLATE = (
    "{%- for message in messages %}{%- if message['role'] == 'system' -%}"
    "<|start_header_id|>system<|end_header_id|>\n\n{{ message['content'] | trim }}<|eot_id|>"
    "{%- elif message['role'] == 'user' -%}"
    "<|start_header_id|>user<|end_header_id|>\n\n{{ message['content'] | trim }}<|eot_id|>"
    "{%- elif message['role'] == 'assistant' -%}"
    "<|start_header_id|>assistant<|end_header_id|>\n\n{{ message['content'] | trim }}<|eot_id|>"
    "{%- endif -%}{%- endfor -%}"
)


def timestamp(moment, digits=6):
    """RFC 3339 in Z; a create's answer has nine digits, a GET's six."""
    fraction = f"{moment.microsecond:06d}".ljust(digits, "0")[:digits]
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction}Z"


def generated_id(kind, seed):
    """As the API makes them: 8 characters, 32 hexadecimal digits for the legacy kind."""
    digest = hashlib.sha256(f"{kind}/{seed}".encode())
    if kind == "ft":
        return digest.hexdigest()[:32]
    number = int.from_bytes(digest.digest()[:8], "big")
    alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
    text = ""
    for _ in range(8):
        number, digit = divmod(number, len(alphabet))
        text += alphabet[digit]
    return text


def full_state(kind, state):
    """The raw state from its short form; "" and what has a prefix already stay as they are."""
    prefix = KINDS[kind][1]
    if not state or not prefix or state.startswith(prefix):
        return state
    return prefix + state


def progress_object(values):
    """All ten fields, defaults emitted; None stays null."""
    if values is None:
        return None
    return {name: values.get(name, 0) for name in PROGRESS}


def shown_progress(kind, values):
    """What the body of such a job shows of its progress."""
    return progress_object(values["progress"]) if kind in WITH_PROGRESS else None


def signed_url(job, what):
    return (
        f"https://storage.googleapis.com/fireworks-artifacts-{job.account}/{job.id}/{what}.jsonl"
        f"?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential={SECRET}-storage%40fireworks"
        f"&X-Goog-Date={UPDATE_TIME}&X-Goog-Expires=3600&X-Goog-Signature={SIGNATURE}"
    )


def wandb_config(job):
    return {
        "enabled": True,
        "apiKey": f"{SECRET}-wandb-0123456789abcdef0123456789abcdef",
        "project": "tuning",
        "entity": job.account,
        "runId": job.id,
        "url": f"https://wandb.ai/{job.account}/tuning/runs/{job.id}",
    }


def common(job, values):
    ended = values["state"].removeprefix(KINDS[job.kind][1]) in ENDS
    return {
        "name": job.name,
        "displayName": job.display_name,
        "createTime": timestamp(job.created),
        "completedTime": timestamp(job.created + timedelta(minutes=17)) if ended else None,
        "dataset": job.dataset,
        "state": values["state"],
        "status": dict(values["status"]) if values["status"] is not None else None,
        "createdBy": f"{SECRET}-person@example.com",
    }


def training_config(job):
    return {
        "outputModel": job.output_model,
        "baseModel": job.base_model,
        "warmStartFrom": "",
        "jinjaTemplate": TEMPLATE,
        "learningRate": 0.0001,
        "maxContextLength": 8192,
        "loraRank": 16,
        "acceleratorCount": 1,
        "region": "REGION_UNSPECIFIED",
        "epochs": job.epochs,
        "batchSize": 65536,
        "gradientAccumulationSteps": 1,
        "learningRateWarmupSteps": 0,
        "batchSizeSamples": 0,
        "optimizerWeightDecay": 0.01,
    }


def storage_secrets(job):
    return {
        "awsS3Config": {
            "credentialsSecret": f"accounts/{job.account}/secrets/{SECRET}-aws",
            "iamRoleArn": f"arn:aws:iam::123456789012:role/{SECRET}",
        },
        "azureBlobStorageConfig": {
            "credentialsSecret": f"accounts/{job.account}/secrets/{SECRET}-azure",
            "managedIdentityClientId": "",
            "tenantId": f"{SECRET}-tenant",
        },
    }


def sft(job, values):
    return {
        **common(job, values),
        **storage_secrets(job),
        "outputModel": job.output_model,
        "baseModel": job.base_model,
        "warmStartFrom": "",
        "jinjaTemplate": TEMPLATE,
        "earlyStop": False,
        "epochs": job.epochs,
        "learningRate": 0.0001,
        "maxContextLength": 8192,
        "loraRank": 8,
        "wandbConfig": wandb_config(job),
        "evaluationDataset": "",
        "isTurbo": False,
        "evalAutoCarveout": True,
        "updateTime": UPDATE_TIME,
        "nodes": 1,
        "batchSize": 65536,
        "mtpEnabled": False,
        "mtpNumDraftTokens": 0,
        "mtpFreezeBaseModel": False,
        "jobProgress": shown_progress(job.kind, values),
        "metricsFileSignedUrl": signed_url(job, "metrics"),
        "trainerLogsSignedUrl": signed_url(job, "trainer-logs"),
        "gradientAccumulationSteps": 1,
        "learningRateWarmupSteps": 0,
        "batchSizeSamples": 0,
        "estimatedCost": {"currencyCode": "USD", "units": "12", "nanos": 340000000},
        "optimizerWeightDecay": 0.01,
        "purpose": "PURPOSE_UNSPECIFIED",
    }


def rft(job, values):
    return {
        **common(job, values),
        **storage_secrets(job),
        "evaluationDataset": "",
        "evalAutoCarveout": False,
        "trainingConfig": training_config(job),
        "evaluator": f"accounts/{job.account}/evaluators/exact-match",
        "wandbConfig": wandb_config(job),
        "outputStats": "",
        "inferenceParameters": {
            "maxTokens": 2048, "temperature": 0.7, "topP": 1, "n": 4, "extraBody": "", "topK": 40,
        },
        "outputMetrics": "",
        "mcpServer": "",
        "jobProgress": shown_progress(job.kind, values),
        "trainerLogsSignedUrl": signed_url(job, "trainer-logs"),
        "updateTime": UPDATE_TIME,
    }


def dpo(job, values):
    return {
        **common(job, values),
        "trainingConfig": training_config(job),
        "wandbConfig": wandb_config(job),
        "trainerLogsSignedUrl": signed_url(job, "trainer-logs"),
        "lossConfig": {"method": "DPO", "klBeta": 0.1},
        "updateTime": UPDATE_TIME,
    }


def ft(job, values):
    body = common(job, values)
    del body["completedTime"]
    return {
        **body,
        "datasets": [{"dataset": job.dataset}],
        "containerVersion": "v2.7.14",
        "modelId": job.output_model,
        "legacyJob": None,
        "textCompletion": None,
        "textClassification": None,
        "conversation": {"jinjaTemplate": TEMPLATE * 6},
        "draftModelData": None,
        "draftModel": None,
        "genie": None,
        "baseModel": job.base_model,
        "warmStartFrom": "",
        "epochs": job.epochs,
        "learningRate": 0.0001,
        "loraRank": 8,
        "loraTargetModules": ["q_proj", "v_proj"],
        "batchSize": 16,
        "microBatchSize": 1,
        "maskToken": "",
        "padToken": "",
        "wandbUrl": f"https://wandb.ai/{job.account}/tuning/runs/{job.id}",
        "wandbEntity": job.account,
        "wandbApiKey": f"{SECRET}-wandb-fedcba9876543210fedcba9876543210",
        "wandbProject": "tuning",
        "evaluation": False,
        "evaluationSplit": 0,
        "evaluationDataset": "",
        "dependentJobs": [],
    }


def rlor(job, values):
    return {
        **common(job, values),
        **storage_secrets(job),
        "evaluationDataset": "",
        "evalAutoCarveout": False,
        "trainingConfig": training_config(job),
        "rewardWeights": ["score"],
        "wandbConfig": wandb_config(job),
        "keepAlive": False,
        "rolloutDeploymentName": f"accounts/{job.account}/deployments/rollout-{job.id}",
        "lossConfig": {"method": "GRPO", "klBeta": 0.001},
        "nodeCount": 1,
        "acceleratorSeconds": {},
        "jobProgress": shown_progress(job.kind, values),
        "trainerLogsSignedUrl": signed_url(job, "trainer-logs"),
        "updateTime": UPDATE_TIME,
    }


def batch(job, values):
    body = common(job, values)
    ended = body.pop("completedTime")
    del body["dataset"]
    waiting = values["waitingOnCapacity"]
    if waiting is None:
        waiting = values["state"] == "JOB_STATE_PENDING"
    return {
        **body,
        "inputDatasetId": job.dataset,
        "outputDatasetId": f"{job.dataset}-output",
        "model": job.base_model,
        "systemPrompt": "",
        "inferenceParameters": {
            "maxTokens": 2048, "temperature": 0, "topP": 1, "n": 1, "extraBody": "", "topK": 40,
        },
        "jobProgress": shown_progress(job.kind, values),
        "lifecycle": {"startTime": timestamp(job.created), "endTime": ended},
        "waitingOnCapacity": waiting,
        "updateTime": UPDATE_TIME,
    }


def eval_(job, values):
    body = common(job, values)
    del body["completedTime"], body["dataset"]
    return {
        **body,
        "evaluator": f"accounts/{job.account}/evaluators/exact-match",
        "inputDataset": job.dataset,
        "outputDataset": f"{job.dataset}-scores",
        "metrics": {},
        "outputStats": "",
        "updateTime": UPDATE_TIME,
        **storage_secrets(job),
    }


BUILDERS = {
    "sft": sft, "rft": rft, "dpo": dpo, "ft": ft, "rlor": rlor, "batch": batch, "eval": eval_,
}


def job_body(job, values):
    """The whole job, with UPDATE_TIME and SIGNATURE where it differs on every GET."""
    return BUILDERS[job.kind](job, values)


def account_body(account, settings):
    return {
        "name": f"accounts/{account}",
        "displayName": settings.get("displayName", account.title()),
        "createTime": timestamp(EPOCH - timedelta(days=400)),
        "accountType": "ENTERPRISE",
        "email": f"{SECRET}-owner@example.com",
        "state": "READY",
        "status": {"code": "OK", "message": ""},
        "suspendState": settings.get("suspendState", "UNSUSPENDED"),
        "updateTime": UPDATE_TIME,
    }


def model_body(account, id_, state):
    """A fine-tuned model, as far as a watcher of its state can care."""
    return {
        "name": f"accounts/{account}/models/{id_}",
        "displayName": id_,
        "description": "",
        "createTime": timestamp(EPOCH),
        "state": state,
        "status": {"code": "OK", "message": ""},
        "kind": "HF_PEFT_ADDON",
        "baseModelDetails": None,
        "peftDetails": {
            "baseModel": "accounts/fireworks/models/llama-v3p1-8b-instruct", "r": 8,
            "targetModules": ["q_proj", "v_proj"], "baseModelType": "llama",
            "mergeAddonModelName": "",
        },
        "public": False,
        "contextLength": 131072,
        "importedFrom": "",
        "fineTuningJob": "",
        "deployedModelRefs": [],
        "huggingFaceUrl": "",
        "createdBy": f"{SECRET}-person@example.com",
        "updateTime": UPDATE_TIME,
    }


# gRPC codes of the statuses, for the first of the two error shapes
GRPC_CODES = {
    400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 412: 9, 429: 8, 499: 1, 500: 13, 501: 12, 503: 14,
    504: 4,
}
MESSAGES = {
    400: "invalid argument",
    401: "The API key you provided does not have permission for this operation.",
    403: "The API key you provided is invalid.",
    404: "resource not found",
    409: "resource already exists",
    412: "Account is suspended. Please check your billing settings.",
    429: "rate limit exceeded, please try again later",
    500: "internal error",
    501: "Method Not Allowed",
    503: "service unavailable",
}
NAMES = {
    401: "UNAUTHORIZED", 403: "UNAUTHORIZED", 404: "NOT_FOUND", 412: "ACCOUNT_SUSPENDED",
    429: "RATE_LIMIT_EXCEEDED", 500: "INTERNAL_SERVER_ERROR",
}


def error_grpc(status, message=None):
    """{"code":5,"details":[],"message":"resource not found"}"""
    return {
        "code": GRPC_CODES.get(status, 2),
        "details": [],
        "message": message or MESSAGES.get(status, "error"),
    }


def error_gateway(status, message=None, request_id="req-sim"):
    """{"error":{"message":…,"param":null,"code":"UNAUTHORIZED","type":"error"},"request_id":…}"""
    return {
        "error": {
            "message": message or MESSAGES.get(status, "error"),
            "param": None,
            "code": NAMES.get(status, "ERROR"),
            "type": "error",
        },
        "request_id": request_id,
    }


def error_html(status):
    return (
        f"<html>\r\n<head><title>{status} Error</title></head>\r\n<body>\r\n"
        f"<center><h1>{status} Error</h1></center>\r\n<hr><center>front end</center>\r\n"
        "</body>\r\n</html>\r\n"
    )


def dumps(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
