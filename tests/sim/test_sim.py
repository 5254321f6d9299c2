#!/usr/bin/env python3
"""The scripted API server does what its README says."""

import gzip
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]

import bodies
import fireworks_sim
import scenario
import tap

KEY = f"fw_{bodies.SECRET}_key"
SFT = "/v1/accounts/acme/supervisedFineTuningJobs"


class Client:
    """A server of its own for a test, and one connection to it."""

    def __init__(self, t, document, timeout=10):
        self.server = fireworks_sim.Server(document)
        self.server.start()
        t.defer(self.server.stop)
        self.connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=timeout)
        t.defer(self.connection.close)

    def raw(self, method, path, body=None, key=KEY, **headers):
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        return response, response.read()

    def get(self, path, **more):
        response, body = self.raw("GET", path, **more)
        return response.status, json.loads(body)

    def post(self, path, value, **more):
        response, body = self.raw("POST", path, json.dumps(value), **more)
        return response.status, json.loads(body)


def jobs(*specs, **more):
    return {"clock": "manual", "jobs": list(specs), **more}


@tap.test()
def every_kind_has_get_and_list(t):
    document = jobs(*({"kind": kind, "id": f"one-{kind}", "state": "RUNNING"}
                      for kind in bodies.KINDS))
    client = Client(t, document)
    for kind, (collection, prefix, _) in bodies.KINDS.items():
        name = f"accounts/acme/{collection}/one-{kind}"
        status, job = client.get(f"/v1/{name}")
        t.equal((status, job["name"], job["state"]), (200, name, f"{prefix}RUNNING"), kind)
        status, page = client.get(f"/v1/accounts/acme/{collection}")
        t.equal((status, [j["name"] for j in page[collection]]), (200, [name]), kind)
        t.equal((page["nextPageToken"], page["totalSize"]), ("", 1), kind)
        size = len(bodies.dumps(job))
        low, high = {"ft": (3000, 6000), "batch": (600, 3000), "eval": (600, 3000)}.get(
            kind, (1500, 3000))
        t.check(low <= size <= high, f"{kind}: a body of {size} bytes")


def at(body, *path):
    """What stands there, or None where the body ends before."""
    for key in path:
        body = body.get(key) if body else None
    return body


@tap.test()
def kinds_differ_where_the_api_does(t):
    places = {
        # progress, end time, what it made, epochs
        "sft": ("jobProgress", ("completedTime",), ("outputModel",), ("epochs",)),
        "rft": ("jobProgress", ("completedTime",), ("trainingConfig", "outputModel"),
                ("trainingConfig", "epochs")),
        "dpo": (None, ("completedTime",), ("trainingConfig", "outputModel"),
                ("trainingConfig", "epochs")),
        "ft": (None, None, ("modelId",), ("epochs",)),
        "rlor": ("jobProgress", ("completedTime",), ("trainingConfig", "outputModel"),
                 ("trainingConfig", "epochs")),
        "batch": ("jobProgress", ("lifecycle", "endTime"), ("outputDatasetId",), None),
        "eval": (None, None, ("outputDataset",), None),
    }
    t.equal(places.keys(), bodies.KINDS.keys())
    client = Client(t, jobs(*({"kind": kind, "id": "a", "epochs": 7, "state": "RUNNING",
                               "progress": {"percent": 30}} for kind in places)))
    for kind, (progress, end, made, epochs) in places.items():
        path = f"/v1/accounts/acme/{bodies.KINDS[kind][0]}/a"
        body = client.get(path)[1]
        t.equal(at(body, "jobProgress", "percent"), 30 if progress else None, f"{kind}: progress")
        t.equal("jobProgress" in body, bool(progress), f"{kind}: progress")
        t.check(at(body, *made), f"{kind}: {body}")
        t.equal(at(body, *(epochs or ("epochs",))), 7 if epochs else None, f"{kind}: epochs")
        t.equal(at(body, *(end or ("completedTime",))), None, f"{kind}: no end yet")
        client.post("/_sim/job", {"kind": kind, "id": "a", "state": "COMPLETED"})
        body = client.get(path)[1]
        t.equal(bool(at(body, *(end or ("completedTime",)))), bool(end), f"{kind}: the end")
        t.equal("completedTime" in body, end == ("completedTime",), f"{kind}: completedTime")


@tap.test()
def a_batch_waits_for_capacity(t):
    client = Client(t, jobs({"kind": "batch", "id": "a", "state": "PENDING"}))
    for step, expected in (({}, True), ({"state": "RUNNING"}, False),
                           ({"waitingOnCapacity": True}, True), ({"state": "COMPLETED"}, True),
                           ({"waitingOnCapacity": None}, False)):
        client.post("/_sim/job", {"kind": "batch", "id": "a", **step})
        body = client.get("/v1/accounts/acme/batchInferenceJobs/a")[1]
        t.equal(body["waitingOnCapacity"], expected, str(step))


@tap.test()
def accounts(t):
    client = Client(t, jobs({"kind": "sft"}, accounts={
        "acme": {"suspendState": "CREDIT_DEPLETED"}, "other": {"key": "fw_other"}}))
    status, page = client.get("/v1/accounts?pageSize=2")
    t.equal((status, [a["name"] for a in page["accounts"]]), (200, ["accounts/acme"]))
    status, account = client.get("/v1/accounts/acme")
    t.equal((status, account["suspendState"]), (200, "CREDIT_DEPLETED"))
    t.equal(client.get("/v1/accounts/nobody")[0], 404)
    t.equal(client.get("/v1/accounts/other")[0], 403, "the key of another account")
    for state in ("FAILED_PAYMENTS", "UNSUSPENDED"):
        client.post("/_sim/settings", {"accounts": {"acme": {"suspendState": state}}})
        t.equal(client.get("/v1/accounts/acme")[1]["suspendState"], state, "changed while running")


@tap.test()
def models_have_a_state(t):
    model = "/v1/accounts/acme/models/mine"
    client = Client(t, jobs(models=[{"id": "mine", "state": "UPLOADING"}]))
    status, body = client.get(model)
    t.equal((status, body["name"], body["state"]), (200, model[4:], "UPLOADING"))
    for state, expected in (("READY", (200, "READY")), ("", (404, None)),
                            ("UPLOADING", (200, "UPLOADING"))):
        t.equal(client.post("/_sim/model", {"id": "mine", "state": state}), (200, {}))
        status, body = client.get(model)
        t.equal((status, body.get("state")), expected, f"set to {state!r}")
    t.equal(client.get(f"{model}?readMask=state"), (200, {"state": "UPLOADING"}))
    t.equal(client.get("/v1/accounts/acme/models/other"),
            (404, {"code": 5, "details": [], "message": "resource not found"}))
    t.equal(client.post("/_sim/model", {"id": "A B", "state": "READY"})[0], 400)
    t.equal(client.post("/_sim/model", {"id": "a", "state": "READY", "sate": 1})[0], 400)
    t.equal(client.get(model, key="fw_wrong")[0], 403)
    models = [row for row in client.get("/_sim/requests")[1]["requests"] if row["path"] == model]
    t.equal(len(models), 6, "they count as requests")


@tap.test()
def defaults_are_emitted_and_messages_null(t):
    client = Client(t, jobs({"kind": "sft", "id": "a"}))
    job = client.get(f"{SFT}/a")[1]
    t.equal((job["jobProgress"], job["completedTime"], job["isTurbo"]), (None, None, False))
    client.server.api.admin("POST", "job", {"kind": "sft", "id": "a", "progress": {"percent": 5}})
    progress = client.get(f"{SFT}/a")[1]["jobProgress"]
    t.equal(progress, {name: 5 if name == "percent" else 0 for name in bodies.PROGRESS})


@tap.test()
def stamps_rotate_and_secrets_are_marked(t):
    client = Client(t, jobs({"kind": "sft", "id": "a"}, {"kind": "ft", "id": "b"}))
    one, two = client.get(f"{SFT}/a")[1], client.get(f"{SFT}/a")[1]
    differing = {key for key in one if one[key] != two[key]}
    t.equal(differing, {"updateTime", "metricsFileSignedUrl", "trainerLogsSignedUrl"})
    for text in (one["wandbConfig"]["apiKey"], one["createdBy"], one["metricsFileSignedUrl"],
                 json.dumps(one["awsS3Config"]), json.dumps(one["azureBlobStorageConfig"]),
                 client.get("/v1/accounts/acme/fineTuningJobs/b")[1]["wandbApiKey"]):
        t.check(bodies.SECRET in text, f"not marked: {text}")
    t.check(re.fullmatch(r"2026-\S+\.\d{6}Z", one["createTime"]), one["createTime"])


@tap.test()
def pages_in_order_of_name(t):
    client = Client(t, {"generate": [{"kind": "sft", "count": 450}]})
    status, page = client.get(SFT)
    t.equal((status, len(page["supervisedFineTuningJobs"]), page["totalSize"]), (200, 50, 450))
    names, token, pages = [], "", 0
    while token or not pages:
        page = client.get(f"{SFT}?pageSize=1000&pageToken={token}")[1]
        names += [job["name"] for job in page["supervisedFineTuningJobs"]]
        token, pages = page["nextPageToken"], pages + 1
    t.equal((pages, len(set(names)), names == sorted(names)), (3, 450, True), "pages")


@tap.test()
def a_page_token_is_bound_to_the_other_parameters(t):
    client = Client(t, {"generate": [{"kind": "sft", "count": 30}]})
    token = client.get(f"{SFT}?pageSize=10")[1]["nextPageToken"]
    t.equal(client.get(f"{SFT}?pageSize=10&pageToken={token}")[0], 200)
    for other in (f"{SFT}?pageSize=20&pageToken={token}", f"{SFT}?pageSize=10&pageToken=nonsense",
                  f"{SFT}?pageSize=10&orderBy=name%20desc&pageToken={token}",
                  f"/v1/accounts/acme/dpoJobs?pageSize=10&pageToken={token}"):
        status, error = client.get(other)
        t.equal((status, error.get("code")), (400, 3), other)
    t.equal(client.get(f"{SFT}?pageSize=-1")[0], 400)


@tap.test()
def order_by_create_time(t):
    client = Client(t, {"generate": [{"kind": "sft", "count": 30}]})
    token, times = "", []
    while token or not times:
        page = client.get(f"{SFT}?pageSize=7&orderBy=createTime%20desc&pageToken={token}")[1]
        times += [job["createTime"] for job in page["supervisedFineTuningJobs"]]
        token = page["nextPageToken"]
    t.equal((len(times), times == sorted(times, reverse=True)), (30, True), "newest first")
    t.equal(client.get(f"{SFT}?orderBy=color")[0], 400)


@tap.test()
def filter_and_read_mask(t):
    client = Client(t, jobs({"kind": "sft", "id": "a", "state": "RUNNING"},
                            {"kind": "sft", "id": "b", "state": "COMPLETED"},
                            {"kind": "sft", "id": "c", "state": "FAILED"}))

    def ids(query):
        status, page = client.get(f"{SFT}?{query}")
        return status if status != 200 else [
            job["name"][-1] for job in page["supervisedFineTuningJobs"]]

    t.equal(ids("filter=state%3D%22JOB_STATE_RUNNING%22"), ["a"])
    t.equal(ids("filter=state!%3DJOB_STATE_RUNNING"), ["b", "c"])
    t.equal(ids("filter=state%3DJOB_STATE_FAILED%20OR%20state%3DJOB_STATE_RUNNING"), ["a", "c"])
    t.equal(ids("filter=createTime%3E%222026-01-05T08:00:30Z%22"), ["b", "c"])
    t.equal(ids("filter=nonsense"), 400)
    job = client.get(f"{SFT}/a?readMask=name,state,wandbConfig.url")[1]
    t.equal(job, {"name": "accounts/acme/supervisedFineTuningJobs/a",
                  "state": "JOB_STATE_RUNNING",
                  "wandbConfig": {"url": "https://wandb.ai/acme/tuning/runs/a"}})
    page = client.get(f"{SFT}?readMask=name")[1]
    t.equal(page["supervisedFineTuningJobs"][0].keys(), {"name"})
    t.equal(client.get(f"{SFT}/a?readMask=")[1].keys(), client.get(f"{SFT}/a?readMask=*")[1].keys())
    t.equal(client.get(f"{SFT}/a?readMask=nothing")[0], 400)
    client.server.api.admin("POST", "settings", {"filter": False, "readMask": False})
    t.equal(ids("filter=state%3DJOB_STATE_RUNNING"), 400, "switched off")
    t.equal(client.get(f"{SFT}/a?readMask=name")[0], 400, "switched off")


@tap.test()
def create(t):
    client = Client(t, jobs(settings={"created": [{"at": 0, "state": "CREATING"},
                                                 {"at": 5, "state": "RUNNING"}]}))
    spec = {"dataset": "accounts/acme/datasets/d", "baseModel": "accounts/fireworks/models/m",
            "displayName": "New", "epochs": 2}
    path = f"{SFT}?supervisedFineTuningJobId=new-one"
    status, job = client.post(path, spec)
    t.equal((status, job["name"][-7:], job["state"], job["displayName"]),
            (200, "new-one", "JOB_STATE_CREATING", "New"))
    t.check(re.fullmatch(r"\S+\.\d{9}Z", job["createTime"]), job["createTime"])
    t.equal(client.post(path, spec)[0], 409)
    status, job = client.post(SFT, spec)
    t.check(status == 200 and re.search(r"/[a-z0-9]{8}$", job["name"]), "a generated id")
    client.server.api.admin("POST", "advance", {"seconds": 6})
    t.equal(client.get(f"{SFT}/new-one")[1]["state"], "JOB_STATE_RUNNING")
    for bad in ({}, [], {**spec, "epochs": "2"}, {**spec, "color": 1}, {"dataset": "d"},
                {**spec, "warmStartFrom": "m"}, {**spec, "earlyStop": 1}):
        status, error = client.post(f"{SFT}?supervisedFineTuningJobId=bad", bad)
        t.equal((status, error.get("code")), (400, 3), bad)
    t.equal(client.post(f"{SFT}?supervisedFineTuningJobId=Not%20Valid", spec)[0], 400)


@tap.test()
def resume(t):
    client = Client(t, jobs({"kind": "dpo", "id": "a", "state": "COMPLETED"}))
    t.equal(client.post("/v1/accounts/acme/dpoJobs/a:resume", {})[0], 200)
    t.equal(client.get("/v1/accounts/acme/dpoJobs/a")[1]["state"], "JOB_STATE_PENDING")
    t.equal(client.post("/v1/accounts/acme/dpoJobs/a:resume", {})[0], 400)


@tap.test()
def keys(t):
    client = Client(t, jobs({"kind": "sft", "id": "a"}))
    status, error = client.get(f"{SFT}/a", key="fw_wrong")
    t.check(error.pop("request_id", None), "a request id")
    t.equal((status, error), (403, {"error": {
        "message": "The API key you provided is invalid.", "param": None, "code": "UNAUTHORIZED",
        "type": "error"}}))
    t.equal(client.get(f"{SFT}/a", key=None)[0], 401)
    t.equal([r["keyOk"] for r in client.server.api.log], [False, False])


@tap.test()
def not_found(t):
    client = Client(t, jobs({"kind": "sft", "id": "a"}))
    wanted = (404, {"code": 5, "details": [], "message": "resource not found"})
    for path in (f"{SFT}/b", "/v1/accounts/acme/colors", "/v2/accounts"):
        t.equal(client.get(path), wanted, path)


@tap.test()
def a_get_has_no_body(t):
    client = Client(t, jobs({"kind": "sft", "id": "a"}))
    response, body = client.raw("GET", f"{SFT}/a", body="{}")
    t.equal((response.status, b"<html>" in body), (400, True))
    t.equal(client.server.api.log[-1]["hadBody"], True)


def ids_of(client, query="", kind="sft"):
    """All pages of a list: the jobs' ids, and each page's totalSize."""
    collection = bodies.KINDS[kind][0]
    ids, totals, token = [], [], ""
    while token or not totals:
        page = client.get(f"/v1/accounts/acme/{collection}?{query}&pageToken={token}")[1]
        ids += [job["name"].rpartition("/")[2] for job in page[collection]]
        totals.append(page.get("totalSize"))
        token = page["nextPageToken"]
    return ids, totals


ACTIVE = "filter=state%3D%22JOB_STATE_RUNNING%22"


@tap.test()
def a_filter_can_be_ignored_or_lie(t):
    client = Client(t, {"generate": [
        {"kind": "sft", "count": 300, "states": {"RUNNING": 1, "COMPLETED": 1}}]})
    everybody, totals = ids_of(client, "pageSize=200")
    t.equal((len(everybody), totals), (300, [300, 300]))
    active, totals = ids_of(client, f"pageSize=20&{ACTIVE}")
    t.check(100 < len(active) < 200, f"{len(active)} are active")
    t.equal(set(totals), {len(active)}, "totalSize counts what the filter leaves")
    client.post("/_sim/settings", {"filter": "ignore"})
    t.equal(ids_of(client, f"pageSize=200&{ACTIVE}"), (everybody, [300, 300]))
    t.equal(client.get(f"{SFT}?filter=nonsense")[0], 200)
    client.post("/_sim/settings", {"filter": "lossy"})
    lossy, totals = ids_of(client, f"pageSize=20&{ACTIVE}")
    t.check(set(lossy) < set(active) and len(active) / 2 < len(lossy),
            f"{len(lossy)} of {len(active)} are left")
    t.equal(set(totals), {len(lossy)}, "the lie is consistent")
    t.equal(ids_of(client, "pageSize=200")[0], everybody, "without a filter nothing is lost")
    client.post("/_sim/settings", {"totalSize": False})
    t.equal(ids_of(client, "pageSize=200"), (everybody, [None, None]))
    t.equal(client.post("/_sim/settings", {"filter": "sometimes"})[0], 400)


@tap.test()
def an_order_can_be_ignored(t):
    client = Client(t, {"generate": [{"kind": "sft", "count": 30}]})
    newest = "pageSize=7&orderBy=createTime%20desc"
    ordered = ids_of(client, newest)[0]
    t.check(ordered != sorted(ordered), "the names are not in the order of time")
    client.post("/_sim/settings", {"orderBy": "ignore"})
    t.equal(ids_of(client, newest)[0], sorted(ordered))


@tap.test()
def jobs_come_and_go_between_pages(t):
    names = [f"m-{i}" for i in range(6)]
    comes = {"kind": "sft", "id": "a-new", "state": "PENDING"}
    goes = {"kind": "sft", "id": "m-0", "gone": True}
    for tokens, change, expected in (
            ("key", comes, names),
            ("key", goes, names),
            ("offset", comes, ["m-0", "m-1", "m-1", "m-2", "m-3", "m-4", "m-5"]),
            ("offset", goes, ["m-0", "m-1", "m-3", "m-4", "m-5"])):
        client = Client(t, jobs(*({"kind": "sft", "id": name} for name in names),
                                settings={"tokens": tokens}, faults=[
                                    {"do": "change", "path": "Jobs$", "page": [1, 1],
                                     "request": [2, 2], "jobs": [change]}]))
        case = f"{tokens}, {change['id']}"
        t.equal(ids_of(client, "pageSize=2")[0], names, f"{case}: the first listing")
        t.equal(ids_of(client, "pageSize=2")[0], expected, f"{case}: the second one")
        after = sorted({"a-new", *names} if change is comes else set(names) - {"m-0"})
        t.equal(ids_of(client, "pageSize=2")[0], after, f"{case}: the third one")
        faults = [row["fault"] for row in client.get("/_sim/requests")[1]["requests"]]
        t.equal(faults.count("change"), 1, case)


@tap.test()
def a_change_is_checked(t):
    client = Client(t, jobs({"kind": "sft", "id": "a"}))
    for bad in ({"do": "change"}, {"do": "change", "jobs": [{"id": "a"}]},
                {"do": 500, "jobs": [{"kind": "sft", "id": "a"}]}):
        t.equal(client.post("/_sim/fault", bad)[0], 400, str(bad))
    client.post("/_sim/fault", {"do": "change", "jobs": [{"kind": "sft", "id": "a", "colour": 1}]})
    status, error = client.get(SFT)
    t.equal(status, 500)
    t.check("colour" in error["message"], error["message"])


@tap.test()
def faults_of_one_collection_and_of_one_page(t):
    client = Client(t, {
        "generate": [{"kind": kind, "count": 20} for kind in ("sft", "dpo")],
        "faults": [{"do": 403, "path": "/dpoJobs"}, {"do": 503, "path": "Jobs$", "page": [2, 3]}]})
    t.equal([client.get(f"/v1/accounts/acme/{collection}")[0]
             for collection in ("dpoJobs", "supervisedFineTuningJobs", "rlorTrainerJobs")],
            [403, 200, 200])
    token = client.get(f"{SFT}?pageSize=5")[1]["nextPageToken"]
    t.equal(client.raw("GET", f"{SFT}?pageSize=5&pageToken={token}")[0].status, 503)
    t.equal(client.get(f"{SFT}?pageSize=5&pageToken=nonsense")[0], 400)


@tap.test()
def others_use_the_same_envelope(t):
    client = Client(t, jobs({"kind": "sft", "id": "a"}, settings={
        "requestsPerMinute": 5, "foreign": 3, "minute": 3600}))
    t.equal([client.get(SFT)[0] for _ in range(3)], [200, 200, 429])
    client.post("/_sim/settings", {"foreign": 0})
    t.equal([client.get(SFT)[0] for _ in range(4)], [200, 200, 200, 429], "they are quiet now")
    client.post("/_sim/settings", {"minute": 0.001})
    t.wait(lambda: client.get(SFT)[0] == 200, 5, "the minute is over")
    client.post("/_sim/settings", {"foreign": 5})
    t.equal(client.get(SFT)[0], 429, "they take all of it")


@tap.test()
def rate_limit(t):
    client = Client(t, jobs({"kind": "sft", "id": "a"}, settings={"requestsPerMinute": 3}))
    t.equal([client.get(f"{SFT}/a")[0] for _ in range(5)], [200, 200, 200, 429, 429])
    response, body = client.raw("GET", f"{SFT}/a")
    t.equal((response.getheader("Retry-After"), json.loads(body)["code"]), (None, 8))
    client.server.api.admin("POST", "settings", {"retryAfter": 7})
    t.equal(client.raw("GET", f"{SFT}/a")[0].getheader("Retry-After"), "7")


@tap.test()
def gzip_when_accepted(t):
    client = Client(t, jobs({"kind": "sft", "id": "a"}))
    response, body = client.raw("GET", f"{SFT}/a", **{"Accept-Encoding": "deflate, gzip"})
    t.equal(response.getheader("Content-Encoding"), "gzip")
    t.equal(json.loads(gzip.decompress(body))["state"], "JOB_STATE_PENDING")
    t.equal(client.raw("GET", f"{SFT}/a")[0].getheader("Content-Encoding"), None)


@tap.test()
def timeline_by_time(t):
    client = Client(t, jobs({"kind": "sft", "id": "a", "timeline": [
        {"at": 10, "state": "PENDING"},
        {"at": 20, "state": "RUNNING", "progress": {"percent": 3}, "status": "warming up"},
        {"at": 30, "hidden": True},
        {"at": 40, "hidden": False, "rawState": "JOB_STATE_NEW", "progress": None},
        {"at": 50, "gone": True}]}))

    def at(seconds):
        client.server.api.admin("POST", "advance", {"seconds": seconds})
        status, job = client.get(f"{SFT}/a")
        return status, job.get("state"), client.get(SFT)[1]["totalSize"]

    t.equal(at(5), (404, None, 0), "not there yet")
    t.equal(at(5), (200, "JOB_STATE_PENDING", 1))
    t.equal(at(10), (200, "JOB_STATE_RUNNING", 1))
    t.equal(client.get(f"{SFT}/a")[1]["status"], {"code": "OK", "message": "warming up"})
    t.equal(at(10), (200, "JOB_STATE_RUNNING", 0), "hidden from lists")
    t.equal(at(10), (200, "JOB_STATE_NEW", 1))
    t.equal(at(10), (404, None, 0), "gone")


@tap.test()
def timeline_by_sight(t):
    client = Client(t, jobs({"kind": "sft", "id": "a", "stream": [
        ["RUNNING", 2, {"poll": 2, "progress": {"percent": 9}}], ["CREATING", 1],
        ["COMPLETED", 1]]}))
    states = [client.get(f"{SFT}/a")[1]["state"][10:] for _ in range(2)]
    states += [client.get(SFT)[1]["supervisedFineTuningJobs"][0]["state"][10:] for _ in range(3)]
    t.equal(states, ["RUNNING", "RUNNING", "CREATING", "COMPLETED", "COMPLETED"])
    shown = client.get("/_sim/visible")[1]["accounts/acme/supervisedFineTuningJobs/a"]
    t.equal([(s["state"][10:], (s["progress"] or {}).get("percent")) for s in shown],
            [("RUNNING", None), ("RUNNING", 9), ("CREATING", 9), ("COMPLETED", 9)])


@tap.test()
def real_clock_and_scale(t):
    client = Client(t, {"scale": 100, "jobs": [{"kind": "sft", "id": "a", "timeline": [
        {"at": 0, "state": "PENDING"}, {"at": 20, "state": "RUNNING"}]}]})
    t.equal(client.get(f"{SFT}/a")[1]["state"], "JOB_STATE_PENDING")
    t.wait(lambda: client.get(f"{SFT}/a")[1]["state"] == "JOB_STATE_RUNNING", 5, "RUNNING")


@tap.test()
def admin_calls(t):
    client = Client(t, jobs({"kind": "sft", "id": "a"}))
    made = client.post("/_sim/job", {"kind": "ft", "id": "b", "state": "RUNNING"}, key=None)
    t.equal(made[0], 200)
    t.equal(client.get("/v1/accounts/acme/fineTuningJobs/b")[1]["state"], "RUNNING")
    client.post("/_sim/job", {"kind": "sft", "id": "a", "state": "FAILED",
                              "status": {"code": "INTERNAL", "message": "no"}})
    t.equal(client.get(f"{SFT}/a")[1]["status"], {"code": "INTERNAL", "message": "no"})
    client.post("/_sim/job", {"kind": "sft", "id": "a", "gone": True})
    t.equal(client.get(f"{SFT}/a")[0], 404)
    log = client.get("/_sim/requests")[1]["requests"]
    t.equal([(r["path"][-6:], r["status"], r["keyOk"]) for r in log],
            [("Jobs/b", 200, True), ("Jobs/a", 200, True), ("Jobs/a", 404, True)])
    for bad in (("/_sim/job", {"kind": "blue", "id": "a"}), ("/_sim/fault", {"do": "sing"}),
                ("/_sim/settings", {"color": 1}),
                ("/_sim/job", {"kind": "sft", "id": "a", "x": 1})):
        t.equal(client.post(*bad)[0], 400, bad)


@tap.test()
def faults_hit_by_number_path_window_and_times(t):
    document = jobs({"kind": "sft", "id": "a"}, {"kind": "dpo", "id": "b"}, faults=[
        {"do": 500, "path": "supervised", "request": [2, 3]},
        {"do": 503, "path": "dpoJobs", "window": [10, 20], "retryAfter": 4},
        {"do": 412, "path": "/fineTuningJobs$", "times": 1}])
    client = Client(t, document)
    t.equal([client.raw("GET", f"{SFT}/a")[0].status for _ in range(4)], [200, 500, 500, 200])
    dpo = "/v1/accounts/acme/dpoJobs/b"
    statuses = [client.raw("GET", dpo)[0].status]
    client.post("/_sim/advance", {"seconds": 12})
    response = client.raw("GET", dpo)[0]
    client.post("/_sim/advance", {"seconds": 12})
    statuses += [response.status, client.raw("GET", dpo)[0].status]
    t.equal((statuses, response.getheader("Retry-After")), ([200, 503, 200], "4"))
    legacy = "/v1/accounts/acme/fineTuningJobs"
    t.equal([client.raw("GET", legacy)[0].status for _ in range(2)], [412, 200])
    client.post("/_sim/fault", {"do": 429})
    t.equal(client.raw("GET", dpo)[0].status, 429)
    client.post("/_sim/fault", {"clear": True})
    t.equal(client.raw("GET", dpo)[0].status, 200)


@tap.test()
def error_shapes(t):
    client = Client(t, jobs({"kind": "sft", "id": "a"}))
    wanted = {400: "code", 401: "error", 403: "error", 404: "code", 412: "code", 429: "code"}
    for status, shape in wanted.items():
        client.post("/_sim/fault", [{"do": status, "times": 1}])
        got, body = client.get(f"{SFT}/a")
        t.equal((got, shape in body), (status, True), status)
    for status in (500, 502, 503):
        client.post("/_sim/fault", [{"do": status, "times": 1}])
        response, body = client.raw("GET", f"{SFT}/a")
        t.equal((response.status, body[:6]), (status, b"<html>"), status)
    client.post("/_sim/fault", {"do": 412, "shape": "gateway", "times": 1})
    t.equal(client.get(f"{SFT}/a")[1]["error"]["code"], "ACCOUNT_SUSPENDED")


@tap.test()
def faults_in_the_body(t):
    client = Client(t, jobs({"kind": "sft", "id": "a"}))

    def body(do, path=f"{SFT}/a", **more):
        client.post("/_sim/fault", [{"do": do, "times": 1, **more}])
        response, data = client.raw("GET", path)
        t.check(do == "redirect" or response.status == 200, f"{do}: {response.status}")
        return data if do != "redirect" else response

    t.check(body("html200").startswith(b"<!DOCTYPE"), "html200")
    for do in ("not-json", "empty"):
        try:
            json.loads(body(do))
            t.check(False, f"{do} is JSON")
        except ValueError:
            pass
    t.equal(body("null"), b"null")
    t.equal(body("deep", depth=500).count(b"["), 500)
    t.equal(json.loads(body("next-page", token="again")), {"nextPageToken": "again"})
    one, two = body("next-page", times=2), client.raw("GET", SFT)[1]
    t.check(b"nextPageToken" in two and one != two, f"{one} and {two}")
    t.equal(json.loads(body("other-name"))["name"].split("/")[1], "somebody-else")
    page = json.loads(body("other-name", SFT))["supervisedFineTuningJobs"]
    t.equal(page[0]["name"].split("/")[1], "somebody-else")
    t.equal(json.loads(body("wrong-type"))["state"], ["JOB_STATE_FAILED"])
    t.equal(body("duplicate-key").count(b'"state":'), 2)
    t.check(b"\xff" in body("invalid-utf8"), "invalid-utf8")
    t.check(body("trailing").endswith(b"}{\"state\":\"JOB_STATE_FAILED\"}"), "trailing")
    t.equal(len(body("huge", bytes=10 << 20)), 10 << 20)
    bomb = body("gzip-bomb", bytes=32 << 20)
    t.check(len(bomb) < 1 << 20 and len(gzip.decompress(bomb)) > 32 << 20, "gzip-bomb")
    response = body("redirect", location="http://example.com/")
    t.equal((response.status, response.getheader("Location")), (302, "http://example.com/"))
    t.equal(client.get("/_sim/visible")[1], {}, "a spoilt answer is no sight")


@tap.test()
def faults_on_the_wire(t):
    client = Client(t, jobs({"kind": "sft", "id": "a"}))

    def outcome(do, **more):
        client.post("/_sim/fault", [{"do": do, "times": 1, "path": "/v1/", **more}])
        begin = time.monotonic()
        try:
            client.raw("GET", f"{SFT}/a")
            result = "whole"
        except http.client.IncompleteRead:
            result = "incomplete"
        except ConnectionResetError:
            result = "reset"
        client.connection.close()
        return result, time.monotonic() - begin

    t.equal(outcome("reset")[0], "reset")
    t.equal(outcome("truncate")[0], "incomplete")
    client.post("/_sim/fault", [{"do": "wrong-length", "times": 1}])
    data = client.raw("GET", f"{SFT}/a")[1]
    client.connection.close()
    t.check(data[-1:] != b"}", "cut short by the length")
    result, seconds = outcome("delay", seconds=0.3)
    t.check(result == "whole" and seconds >= 0.3, f"delay: {result} {seconds}")
    result, seconds = outcome("drip", seconds=0.1, chunk=1000)
    t.check(result == "whole" and seconds >= 0.2, f"drip: {result} {seconds}")
    t.equal(len(client.get("/_sim/visible")[1]), 1, "late is still a sight")


@tap.test()
def a_lost_answer_still_creates(t):
    client = Client(t, jobs({"kind": "sft"}, faults=[{"do": "lose-answer", "method": "POST"}]))
    path = f"{SFT}?supervisedFineTuningJobId=lost"
    try:
        client.post(path, {"dataset": "d", "baseModel": "m"})
        t.check(False, "an answer came")
    except ConnectionResetError:
        client.connection.close()
    t.equal(client.get(f"{SFT}/lost")[0], 200)


@tap.test()
def what_stands_before_the_api_creates_nothing(t):
    client = Client(t, jobs({"kind": "sft"}, faults=[
        {"do": 503, "method": "POST", "times": 1, "before": True},
        {"do": 503, "method": "POST", "times": 1}]))
    for id_, there in (("a", 404), ("b", 200)):
        answer, _ = client.raw("POST", f"{SFT}?supervisedFineTuningJobId={id_}",
                               json.dumps({"dataset": "d", "baseModel": "m"}))
        t.equal((answer.status, client.get(f"{SFT}/{id_}")[0]), (503, there), id_)
    t.equal(client.post("/_sim/fault", {"do": "delay", "before": True})[0], 400)


@tap.test()
def a_late_request_takes_effect_late(t):
    client = Client(t, jobs({"kind": "sft"}, faults=[
        {"do": "late", "method": "POST", "seconds": 0.5}]))
    other = http.client.HTTPConnection("127.0.0.1", client.server.port, timeout=10)
    t.defer(other.close)
    other.request("POST", f"{SFT}?supervisedFineTuningJobId=late",
                  json.dumps({"dataset": "d", "baseModel": "m", "loraRank": 4}),
                  {"Authorization": f"Bearer {KEY}"})
    t.wait(lambda: client.get("/_sim/requests")[1]["requests"], 5, "the request")
    t.equal(client.get(f"{SFT}/late")[0], 404)
    t.equal(other.getresponse().status, 200)
    status, body = client.get(f"{SFT}/late")
    t.equal((status, body["loraRank"]), (200, 4), "what was given is shown")


@tap.test()
def connections_are_kept(t):
    client = Client(t, jobs({"kind": "sft", "id": "a"}))
    client.get(f"{SFT}/a")
    first = client.connection.sock
    for _ in range(20):
        client.get(f"{SFT}/a")
    t.check(client.connection.sock is first, "one connection")


@tap.test()
def ten_thousand_jobs_fast_enough(t):
    client = Client(t, {"generate": [{"kind": "sft", "count": 10000,
                                      "states": {"COMPLETED": 9, "RUNNING": 1}}]})
    client.get(SFT)
    begin, token, seen = time.monotonic(), "", 0
    while token or not seen:
        page = client.get(f"{SFT}?pageSize=200&pageToken={token}")[1]
        seen += len(page["supervisedFineTuningJobs"])
        token = page["nextPageToken"]
    pages = time.monotonic() - begin
    begin = time.monotonic()
    for _ in range(300):
        client.get(f"{SFT}/{bodies.generated_id('sft', 'acme/7')}")
    gets = time.monotonic() - begin
    print(f"50 pages of 200 in {pages:.2f} s, 300 GETs in {gets:.2f} s")
    t.equal(seen, 10000)
    t.check(pages < 15 and gets < 5, f"too slow: {pages:.2f} s, {gets:.2f} s")


@tap.test()
def scenarios_load_and_run_to_their_ends(t):
    folder = os.path.join(HERE, "scenarios")
    for file in sorted(os.listdir(folder)):
        document = scenario.load(file)
        t.check(document.get("comment"), f"{file}: no comment")
        world = scenario.World({**document, "clock": "manual"})
        world.clock.advance(60)
        world.tick()
        for job in world.jobs.values():
            while job.steps:
                world.look(job, 60)
            print(file, job.name, len(job.visible), job.values["state"])
            world.look(job, 60)
    document = scenario.load("sft-17min")
    job = next(iter(scenario.World(document).jobs.values()))
    letters = ""
    for _ in range(34):
        job.look(0)
        letters += job.values["state"].removeprefix("JOB_STATE_")[:2]
    t.equal(letters, "RU" * 6 + "CR" * 2 + "RU" * 25 + "CO")


@tap.test()
def a_bad_scenario_is_refused(t):
    for bad in ({"color": 1}, {"clock": "wrong"}, jobs({"kind": "blue"}),
                jobs({"kind": "sft", "id": "A"}),
                jobs({"kind": "sft", "timeline": [{"state": "RUNNING"}]}),
                jobs({"kind": "sft", "timeline": [{"at": 0, "colour": 1}]}),
                jobs({"kind": "sft", "id": "a"}, {"kind": "sft", "id": "a"})):
        try:
            scenario.World(bad)
            t.check(False, f"taken: {bad}")
        except scenario.ScenarioError:
            pass


@tap.test()
def program_prints_its_port_and_ends_on_sigterm(t):
    port_file = t.path("port")
    program = subprocess.Popen(
        [sys.executable, os.path.join(HERE, "fireworks_sim.py"), "demo", "--port-file", port_file],
        stdout=subprocess.PIPE, text=True)
    t.defer(program.kill)
    port = int(program.stdout.readline())
    t.wait(lambda: os.path.exists(port_file), 5, "the port file")
    with open(port_file, encoding="ascii") as file:
        t.equal(int(file.read()), port)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/v1/accounts", headers={"Authorization": f"Bearer {KEY}"})
    t.equal(connection.getresponse().status, 200)
    program.send_signal(signal.SIGTERM)
    t.equal(program.wait(5), 0)
    with socket.socket() as probe:
        t.check(probe.connect_ex(("127.0.0.1", port)) != 0, "still listening")


@tap.test()
def tls(t):
    cert, key = t.path("cert.pem"), t.path("key.pem")
    try:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"],
            check=True, stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        raise tap.Skip("no openssl program") from None
    server = fireworks_sim.Server(jobs({"kind": "sft", "id": "a"}, faults=[
        {"do": "reset", "request": [2, 2]}]), cert=cert, key=key)
    server.start()
    t.defer(server.stop)
    context = ssl.create_default_context(cafile=cert)
    for wanted in (200, "reset", 200):
        connection = http.client.HTTPSConnection(
            "127.0.0.1", server.port, context=context, timeout=5)
        try:
            connection.request("GET", f"{SFT}/a", headers={"Authorization": f"Bearer {KEY}"})
            t.equal(connection.getresponse().status, wanted)
        except (ConnectionError, ssl.SSLError):
            t.equal("reset", wanted)
        connection.close()


if __name__ == "__main__":
    tap.main()
