"""What must hold of events: their shape, their numbering, and which ones a stream of values makes.

Written from the contract, not from the daemon's code, so that the two can disagree.
"""

import json
import re

PHASES = {
    "queued": ("PENDING", "RE_QUEUEING", "IDLE"),
    "starting": ("CREATING", "CREATING_INPUT_DATASET", "VALIDATING"),
    "running": ("RUNNING", "READY", "ROLLOUT", "EVALUATION", "POLICY_UPDATE"),
    "finishing": ("WRITING_RESULTS",),
    "paused": ("PAUSED",),
    "cancelling": ("CANCELLING",),
    "removing": ("DELETING", "DELETING_CLEANING_UP"),
    "succeeded": ("COMPLETED",),
    "early_stopped": ("EARLY_STOPPED",),
    "failed": ("FAILED", "FAILED_CLEANING_UP"),
    "expired": ("EXPIRED",),
    "cancelled": ("CANCELLED",),
    "removed": ("DELETED", "ARCHIVED"),
}
ENDS = ("succeeded", "early_stopped", "failed", "expired", "cancelled", "removed")
PHASE_OF = {state: phase for phase, states in PHASES.items() for state in states}
JOB_TYPES = {f"job.{phase}" for phase in PHASES} | {
    "job.state", "job.status", "job.progress", "job.found", "job.stalled", "job.recovered"}
STALL_TYPES = {"job.stalled", "job.recovered"}
WATCHER_TYPES = {"watcher.degraded", "watcher.restored"}
COLLECTIONS = {
    "sft": "supervisedFineTuningJobs", "rft": "reinforcementFineTuningJobs", "dpo": "dpoJobs",
    "ft": "fineTuningJobs", "rlor": "rlorTrainerJobs", "batch": "batchInferenceJobs",
    "eval": "evaluationJobs",
}
PROGRESS = (
    "percent", "epoch", "totalInputRequests", "totalProcessedRequests",
    "successfullyProcessedRequests", "failedRequests", "outputRows", "inputTokens", "outputTokens",
    "cachedInputTokenCount",
)
JOB_KEYS = {
    "name", "account", "kind", "id", "displayName", "baseModel", "outputModel", "dataset",
    "createTime", "completedTime",
}
CHANGES = ("state", "status", "progress")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def phase_of(state):
    return PHASE_OF.get(re.sub(r"^(JOB_STATE_|STATE_)", "", state or ""), "unknown")


def snapshot_faults(what, snapshot):
    """What is wrong with the `from` or `to` of a job's event."""
    keys = {"state", "phase", "status", "progress"}
    if not isinstance(snapshot, dict) or snapshot.keys() != keys:
        yield f"{what} is {snapshot!r}"
        return
    status, progress = snapshot["status"], snapshot["progress"]
    # A job that the API no longer knows has no state.
    gone = snapshot["phase"] == "removed" and not snapshot["state"]
    if snapshot["phase"] != phase_of(snapshot["state"]) and not gone:
        yield f"{what}: phase {snapshot['phase']} of state {snapshot['state']}"
    if not isinstance(status, dict) or status.keys() != {"code", "message"}:
        yield f"{what}: status {status!r}"
    if progress is not None and (set(progress) != set(PROGRESS)
                                 or not all(type(v) is int for v in progress.values())):
        yield f"{what}: progress {progress!r}"


def faults(event, api_url):
    """Everything that is wrong with one event, as texts."""
    wanted = {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data"}
    if event.keys() != wanted:
        yield f"keys {sorted(event)}"
        return
    if event["specversion"] != "1.0" or event["datacontenttype"] != "application/json":
        yield "not CloudEvents 1.0 with JSON"
    if not re.fullmatch(r"evt_([0-9a-v]+|test_[0-9a-f]{16})", event["id"]):
        yield f"id {event['id']}"
    if not TIME.fullmatch(event["time"]):
        yield f"time {event['time']}"
    data, subject = event["data"], event["subject"]
    account = subject.split("/")[1]
    if event["source"] != f"{api_url}/v1/accounts/{account}":
        yield f"source {event['source']}"
    if type(data.get("sequence")) is not int or data["sequence"] < 1:
        yield f"sequence {data.get('sequence')!r}"
    if event["type"] in WATCHER_TYPES:
        if subject != f"accounts/{account}":
            yield f"subject {subject}"
    elif event["type"] in JOB_TYPES:
        yield from job_faults(event, account)
    else:
        yield f"type {event['type']}"


def job_faults(event, account):
    data, stalls = event["data"], event["type"] in STALL_TYPES
    wanted = {"job", "attempt", "sequence", "changed", "from", "to"}
    if stalls:
        wanted.add("stall")
    may = {"suspendState"} if event["type"] == "job.paused" else set()
    may |= {"modelReady"} if event["type"] == "job.succeeded" else set()
    may |= {"test"} if event["id"].startswith("evt_test_") else set()
    if not wanted <= data.keys() <= wanted | may:
        yield f"data has {sorted(data)}"
        return
    job = data["job"]
    if job.keys() - {"epochs"} != JOB_KEYS:
        yield f"job has {sorted(job)}"
    if type(job.get("epochs", 1)) is not int or not 0 < job.get("epochs", 1) < 1 << 16:
        yield f"epochs {job['epochs']!r}"
    name = f"accounts/{account}/{COLLECTIONS.get(job['kind'])}/{job['id']}"
    if not job["name"] == event["subject"] == name or job["account"] != account:
        yield f"job is {job['name']}, subject {event['subject']}"
    if type(data["attempt"]) is not int or data["attempt"] < 1:
        yield f"attempt {data['attempt']!r}"
    if not set(data["changed"]) <= set(CHANGES) or not data["changed"] and not stalls:
        yield f"changed {data['changed']!r}"
    if stalls:
        yield from stall_faults(data["stall"])
    if type(data.get("modelReady", True)) is not bool or not data.get("suspendState", "x"):
        yield f"{data.get('modelReady')!r}, {data.get('suspendState')!r}"
    yield from snapshot_faults("to", data["to"])
    if data["from"] is not None:
        yield from snapshot_faults("from", data["from"])
        if event["type"] == "job.found":
            yield "found, but known before"


def stall_faults(stall):
    if stall.keys() != {"stillSeconds", "lastMovement", "moved"}:
        yield f"stall has {sorted(stall)}"
        return
    if type(stall["stillSeconds"]) is not int or stall["stillSeconds"] < 0:
        yield f"stillSeconds {stall['stillSeconds']!r}"
    if not TIME.fullmatch(stall["lastMovement"]):
        yield f"lastMovement {stall['lastMovement']!r}"
    if [name for name in CHANGES if name in stall["moved"]] != stall["moved"]:
        yield f"moved {stall['moved']!r}"


def log_faults(bodies, api_url, gaps=False):
    """
    What is wrong with all the bodies that one receiver got: each event alone; one id, one body; for
    each subject one id a number, numbers in order and, unless `gaps` are all right (waiting
    progress is replaced by newer progress), without a hole; each `from` the state of the last `to`.
    """
    known, last = {}, {}
    for body in bodies:
        event = json.loads(body)
        if event["id"] in known:
            if known[event["id"]] != body:
                yield f"{event['id']}: two bodies"
            continue
        known[event["id"]] = body
        for fault in faults(event, api_url):
            yield f"{event.get('type')} {event.get('id')}: {fault}"
        before = last.get(event["subject"])
        last[event["subject"]] = event
        if before is not None:
            yield from order_faults(before["data"], event["data"], event["subject"], gaps)


def order_faults(before, after, subject, gaps):
    """What is wrong with one event's data right after another's of the same subject."""
    number, was = after["sequence"], before["sequence"]
    if number <= was or (number != was + 1 and not gaps):
        yield f"{subject}: number {number} after {was}"
    if "to" in before and not gaps:
        state = (after["from"] or {}).get("state")
        # A job that recovers in another state has two events of that one step.
        left = before["from"] if "stall" in before else before["to"]
        if state != left["state"]:
            yield f"{subject}: {number} is from {state}, but {was} was to {left['state']}"


def normal(shown):
    """State, status and progress with absent, null, "" and 0 as one value."""
    status, progress = shown.get("status") or {}, shown.get("progress") or {}
    return (
        shown.get("state") or "",
        (status.get("code") or "OK", status.get("message") or ""),
        tuple(progress.get(name) or 0 for name in PROGRESS),
    )


def expected(visible, step=10, first=True):
    """
    The events that a job makes which showed these values one after the other, as a list of (type,
    from.state, to.state). `first`: also that of the first sight.
    """
    result, before = [], None
    for shown in visible:
        now = normal(shown)
        phase = phase_of(now[0])
        if before is None:
            type_ = f"job.{phase}" if phase in ENDS else "job.found"
            if first:
                result.append((type_, None, now[0]))
            before = now
            continue
        type_ = None
        if phase_of(before[0]) != phase:
            type_ = "job.state" if phase == "unknown" else f"job.{phase}"
        elif before[0] != now[0]:
            type_ = "job.state"
        elif before[1] != now[1]:
            type_ = "job.status"
        elif before[2][1] != now[2][1] or before[2][0] // step != now[2][0] // step:
            type_ = "job.progress"
        if type_:
            result.append((type_, before[0], now[0]))
        before = now
    return result


def short(event):
    """An event as (type, from.state, to.state)."""
    data = event["data"]
    return (event["type"], data["from"]["state"] if data["from"] else None, data["to"]["state"])
