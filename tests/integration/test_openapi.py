#!/usr/bin/env python3
"""The description of the API: that it is sound OpenAPI 3.1, that the daemon has the calls in it and
no others, and that what it answers is what is described."""

import json
import os
import re

from harness import (
    HERE, Config, Daemon, Sim, UnixConnection, Webhook, name_of, run_daemon, setup, tap,
)

try:
    import jsonschema
except ImportError:
    jsonschema = None

SOURCE = os.path.join(HERE, "..", "..", "src", "daemon")
METHODS = ("get", "put", "post", "delete")
JOBS = {"jobs": [
    {"kind": "sft", "id": "a", "displayName": "One", "state": "RUNNING", "epochs": 2,
     "progress": {"percent": 5, "epoch": 1}},
    {"kind": "dpo", "id": "b", "state": "FAILED",
     "status": {"code": "INTERNAL", "message": "Internal error"}},
    {"kind": "ft", "id": "0123456789abcdef0123456789abcdef", "state": "COMPLETED"}]}


def document():
    with open(os.path.join(SOURCE, "openapi.json"), encoding="utf-8") as file:
        return json.load(file)


def operations(doc):
    """(path, method, operation, its parameters)"""
    for path, item in doc["paths"].items():
        for method in METHODS:
            if method in item:
                shared = item.get("parameters", [])
                yield path, method, item[method], [
                    resolve(doc, p) for p in shared + item[method].get("parameters", [])]


def resolve(doc, node):
    while "$ref" in node:
        at = doc
        for part in node["$ref"].removeprefix("#/").split("/"):
            at = at[part]
        node = at
    return node


def walk(node, path=""):
    """All objects of a JSON tree, with where they are."""
    if isinstance(node, dict):
        yield path, node
        for key, value in node.items():
            yield from walk(value, f"{path}/{key}")
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from walk(value, f"{path}/{i}")


# --- the document by itself; Debian 12 has no validator that knows 3.1 ---

# What may, and what must, stand in each object of OpenAPI 3.1 that the document uses.
SHAPES = {
    "document": ({"openapi", "info", "servers", "tags", "paths", "components"},
                 {"openapi", "info", "paths"}),
    "info": ({"title", "version", "summary", "description", "license"}, {"title", "version"}),
    "item": ({"parameters", *METHODS}, set()),
    "operation": ({"operationId", "tags", "summary", "description", "parameters", "requestBody",
                   "responses"}, {"operationId", "summary", "responses"}),
    "parameter": ({"name", "in", "required", "description", "schema"}, {"name", "in", "schema"}),
    "body": ({"description", "required", "content"}, {"content"}),
    "response": ({"description", "content", "headers"}, {"description"}),
    "media": ({"schema", "example"}, {"schema"}),
}


def shape(t, kind, where, node):
    may, must = SHAPES[kind]
    t.check(must <= node.keys() <= may, f"{where}: {sorted(node)} is no {kind}")


def content(t, where, node):
    for type_, media in node.get("content", {}).items():
        t.check(re.fullmatch(r"[a-z]+/[a-z-]+", type_), f"{where}: {type_}")
        shape(t, "media", where, media)


@tap.test()
def the_document_is_sound(t):
    doc = document()
    t.check(doc["openapi"].startswith("3.1."), doc["openapi"])
    shape(t, "document", "/", doc)
    shape(t, "info", "info", doc["info"])
    tags = {tag["name"] for tag in doc["tags"]}
    ids = [operation["operationId"] for _, _, operation, _ in operations(doc)]
    t.equal(len(ids), len(set(ids)), "operationId")
    for path, item in doc["paths"].items():
        shape(t, "item", path, item)
    for path, method, operation, parameters in operations(doc):
        where = f"{method} {path}"
        shape(t, "operation", where, operation)
        t.check(operation["tags"] and set(operation["tags"]) <= tags, f"{where}: its tag")
        for parameter in parameters:
            shape(t, "parameter", where, parameter)
            t.check(parameter["in"] in ("path", "query", "header"), f"{where}: {parameter}")
            t.check(parameter.get("required") or parameter["in"] != "path", f"{where}: {parameter}")
        t.equal([p["name"] for p in parameters if p["in"] == "path"],
                re.findall(r"\{(\w+)\}", path), f"{where}: the parts of the path")
        if "requestBody" in operation:
            shape(t, "body", where, operation["requestBody"])
            content(t, where, operation["requestBody"])
        statuses = set(operation["responses"])
        t.check(any(status.startswith("2") for status in statuses) and "default" in statuses, where)
        for status, response in operation["responses"].items():
            t.check(re.fullmatch(r"[1-5]\d\d|default", status), f"{where}: {status}")
            shape(t, "response", f"{where} {status}", resolve(doc, response))
            content(t, f"{where} {status}", resolve(doc, response))


@tap.test()
def each_reference_leads_somewhere_and_each_component_is_used(t):
    doc = document()
    used = {node["$ref"] for _, node in walk(doc) if "$ref" in node}
    there = {f"#/components/{kind}/{name}"
             for kind, named in doc["components"].items() for name in named}
    t.equal(used, there)


@tap.test()
def own_documents_are_closed(t):
    """Each of ours says what must be in it, and that nothing else is."""
    doc = document()
    open_ = {"SftJob", "OpenApi"}  # the API's, and OpenAPI's
    for path, node in walk(doc["components"]["schemas"]):
        named = path.split("/")[1] if path else ""
        if "properties" in node and "additionalProperties" not in node and "allOf" not in path:
            t.check(False, f"{path} is open by chance")
        if node.get("additionalProperties") is True:
            t.check(named in open_, f"{path} is open")
        if node.get("additionalProperties") is False and named != "JobMembers":
            t.check("required" in node, f"{path}: what must be there?")
        if "properties" in node and named not in open_ and "allOf" not in path:
            t.check(set(node.get("required", [])) <= set(node["properties"]), f"{path}: required")


@tap.test()
def schemas_are_valid(t):
    need_jsonschema()
    doc = document()
    for name, schema in doc["components"]["schemas"].items():
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
        except jsonschema.SchemaError as e:
            t.check(False, f"{name}: {e.message}")


@tap.test()
def it_is_served_with_the_version(t):
    _, _, daemon = setup(t, {"jobs": []})
    served = daemon.get("/v1/openapi.json")
    t.equal(served["info"]["version"], run_daemon(t, "--version").out.split()[1])
    t.equal(daemon.get("/v1/status")["version"], served["info"]["version"])
    served["info"]["version"] = "@PACKAGE_VERSION@"
    t.equal(served, document())


# --- the calls ---

# A value for each part of a path; what it names is not there.
PARTS = {"account": "nobody", "kind": "sft", "id": "nothing", "name": "nothing"}


def fill(path):
    return re.sub(r"\{(\w+)\}", lambda match: PARTS[match[1]], path)


def is_unknown(status, body):
    return status == 404 and b"there is no such call" in body


def begin(daemon, method, path):
    """(status, headers, body); of a body without end nothing."""
    connection = UnixConnection(daemon.config.socket, 10)
    connection.request(method, path)
    response = connection.getresponse()
    stream = "event-stream" in response.headers["Content-Type"]
    result = response.status, response.headers, b"" if stream else response.read()
    connection.close()
    return result


@tap.test()
def the_daemon_has_each_call(t):
    _, _, daemon = setup(t, {"jobs": []})
    for path, method, _, _ in operations(document()):
        status, _, body = begin(daemon, method.upper(), fill(path))
        t.check(status != 405 and not is_unknown(status, body), f"{method} {path}: {status} {body}")


@tap.test()
def the_daemon_has_no_other_method(t):
    _, _, daemon = setup(t, {"jobs": []})
    for path, item in document()["paths"].items():
        allowed = {method.upper() for method in METHODS if method in item}
        allowed |= {"HEAD"} & {"HEAD" for method in allowed if method == "GET"}
        for method in {"GET", "PUT", "POST", "DELETE", "PATCH"} - allowed:
            status, headers, body = begin(daemon, method, fill(path))
            t.equal(status, 405, f"{method} {path}: {body[:200]!r}")
            t.equal(set(re.split(", *", headers["Allow"] or "")), allowed, f"{method} {path}: Allow")


def paths_of_source():
    """Those in the table of src/daemon/api.c; one that ends with a slash stands for all below it."""
    with open(os.path.join(SOURCE, "api.c"), encoding="utf-8") as file:
        table = re.search(r"\bcalls\[\] = \{\n(.*?)\n\};", file.read(), re.DOTALL)
    return set(re.findall(r'"(/[^"]*)"', table[1]))


@tap.test()
def the_document_has_each_call_of_the_daemon(t):
    described = {re.sub(r"\{\w+\}", "{}", path) for path in document()["paths"]}
    source = {re.sub(r"\{\w*\}", "{}", path) for path in paths_of_source()}
    t.check(len(source) > 5, f"the table of calls was not found: {source}")

    def covers(call, path):
        return path == call or call.endswith("/") and path.startswith(call)

    for call in source:
        t.check(any(covers(call, path) for path in described), f"{call} is not described")
    for path in described:
        t.check(any(covers(call, path) for call in source), f"{path} is in no table")


# --- the answers ---


def need_jsonschema():
    if jsonschema is None:
        raise tap.Skip("jsonschema is not installed (Debian: python3-jsonschema)")


class Checker:
    """Holds answers against the document that the daemon serves."""

    def __init__(self, t, daemon):
        need_jsonschema()
        self.t = t
        self.daemon = daemon
        self.doc = daemon.get("/v1/openapi.json")
        self.resolver = jsonschema.RefResolver("", self.doc)

    def valid(self, what, schema, value):
        for error in jsonschema.Draft202012Validator(
                schema, resolver=self.resolver).iter_errors(value):
            deepest = jsonschema.exceptions.best_match([error])
            self.t.check(False, f"{what}: /{'/'.join(map(str, deepest.absolute_path))}: "
                                f"{deepest.message[:400]}")

    def call(self, template, path, wanted=200, method="GET", body=None):
        """Makes a call, holds its answer against what the template says; returns the document."""
        what = f"{method} {path}"
        status, headers, data = self.daemon.request(path, method, body)
        if not self.t.equal(status, wanted, f"{what}: {data[:300]!r}"):
            return None
        responses = self.doc["paths"][template][method.lower()]["responses"]
        if str(status) not in responses and status < 400:
            self.t.check(False, f"{what}: {status} is not described")
            return None
        response = resolve(self.doc, responses.get(str(status), responses["default"]))
        type_ = headers["Content-Type"].split(";")[0]
        if not self.t.check(type_ in response["content"], f"{what}: {type_}"):
            return None
        value = json.loads(data) if type_ == "application/json" else data.decode()
        self.valid(what, response["content"][type_]["schema"], value)
        return value

    def whole(self, job):
        self.valid(job.get("name"), {"$ref": "#/components/schemas/Job"}, job)


JOB, EVENTS = "/v1/jobs/{account}/{kind}/{id}", "/v1/events"
# Each GET and what is asked of it; (path, status).
GETS = {
    "/v1/status": [("/v1/status", 200)],
    "/v1/jobs": [
        ("/v1/jobs", 200), ("/v1/jobs?readMask=name,phase", 200),
        ("/v1/jobs?readMask=name,progress.percent,eta.time,stall.stalled,status.code", 200),
        ("/v1/jobs?readMask=nonsense", 400)],
    JOB: [("/v1/jobs/acme/sft/a", 200), ("/v1/jobs/acme/sft/missing", 200),
          ("/v1/jobs/acme/sft/nothing", 404), ("/v1/jobs/nobody/sft/a", 404)],
    EVENTS: [(EVENTS, 200), (f"{EVENTS}?limit=1", 200), (f"{EVENTS}?after=0&limit=2", 200),
             (f"{EVENTS}?job=acme/sft/a", 200), (f"{EVENTS}?since=2020-01-01T00:00:00Z", 200),
             (f"{EVENTS}?after=100000", 200), (f"{EVENTS}?limit=0", 400),
             (f"{EVENTS}?since=yesterday", 400), (f"{EVENTS}?after=-1", 400)],
    "/v1/notifiers": [("/v1/notifiers", 200)],
    "/v1/deliveries": [
        ("/v1/deliveries", 200), ("/v1/deliveries?state=delivered&limit=1", 200),
        ("/v1/deliveries?state=dead", 200), ("/v1/deliveries?state=lost", 400)],
    "/metrics": [("/metrics", 200)],
    "/": [("/", 200)],
    "/healthz": [("/healthz", 503)],
    "/v1/openapi.json": [("/v1/openapi.json", 200)],
}
STREAM = "/v1/events/stream"


def world(t):
    """One of everything: deliveries that wait, are dead and delivered, a notifier that left, an
    account out of sight, a job that the API does not know."""
    sim = Sim(t, {"jobs": [*JOBS["jobs"], {**JOBS["jobs"][0], "account": "dark"}]})
    hook = Webhook(t)
    hook.script("/dead", 400, forever=True)
    hook.script("/wait", 503, forever=True)
    config = Config(t).account(sim).account(sim, "dark").watch().watch("dark", "dark")
    config.watch("named", jobs=["sft/missing"])
    config.webhook(hook).webhook(hook, "dead", "/dead").webhook(hook, "wait", "/wait")
    config.webhook(hook, "left", "/wait")
    daemon = Daemon(t, config)
    daemon.wait_known(*(name_of(job["kind"], job["id"]) for job in JOBS["jobs"]))
    sim.wait_seen("sft", "a", "dark")
    for percent in (20, 35, 50, 65):
        sim.set("sft", "a", progress={"percent": percent, "epoch": 1})
        sim.wait_seen("sft", "a")
    sim.set("dpo", "b", state="RUNNING")
    sim.fault("503", path="/dark/")
    hook.wait(1, types="watcher.degraded", timeout=30)
    t.wait(lambda: daemon.notifier("dead")["dead"] and daemon.notifier("wait")["retried"], 20,
           "a dead delivery and one that waits")
    del config.sections["notifier", "left"]
    config.write()
    daemon.reload()
    return sim, hook, daemon


@tap.test(limit=120)
def every_get_answers_as_described(t):
    sim, hook, daemon = world(t)
    checker = Checker(t, daemon)
    described = {path for path, method, _, _ in operations(checker.doc) if method == "get"}
    t.equal(set(GETS) | {STREAM}, described, "this test asks for all of them")
    for template, requests in GETS.items():
        for path, wanted in requests:
            checker.call(template, path, wanted)
    for job in daemon.get("/v1/jobs")["jobs"]:
        checker.whole(job)
    for delivery in hook.got():
        checker.valid("a webhook's body", {"$ref": "#/components/schemas/Event"}, delivery.event)
    sim.clear()
    t.wait(lambda: daemon.request("/healthz")[0] == 200, 40, "all to be well")
    checker.call("/healthz", "/healthz", 200)
    checker.call("/v1/status", "/v1/status")


@tap.test()
def the_stream_is_as_described(t):
    sim, _, daemon = setup(t, JOBS)
    daemon.wait_known(name_of("sft", "a"))
    checker = Checker(t, daemon)
    connection = UnixConnection(daemon.config.socket, 20)
    t.defer(connection.close)
    connection.request("GET", STREAM)
    response = connection.getresponse()
    if not t.equal(response.status, 200):
        return
    t.equal(response.headers["Content-Type"].split(";")[0], "text/event-stream")
    lines = [response.readline().decode() for _ in range(3)]
    t.check(re.fullmatch(r"retry: 1000\nid: \d+\n\n", "".join(lines)), f"{lines}")
    sim.set("sft", "a", state="COMPLETED")
    fields = {}
    while "data" not in fields:
        name, _, value = response.readline().decode().rstrip("\n").partition(": ")
        fields[name] = value
    event = json.loads(fields["data"])
    checker.valid("an event", {"$ref": "#/components/schemas/Event"}, event)
    t.equal((fields["event"], event["type"]), ("job.succeeded", "job.succeeded"))
    t.equal(daemon.get(f"{EVENTS}?limit=1")["last"], int(fields["id"]))


@tap.test()
def what_changes_something_answers_as_described(t):
    sim, hook, daemon = setup(t, JOBS)
    daemon.wait_known(name_of("sft", "a"))
    checker = Checker(t, daemon)
    hook.script("/", 400, 200, forever=True)
    sim.set("sft", "a", state="COMPLETED")
    dead = t.wait(lambda: daemon.get("/v1/deliveries?state=dead")["deliveries"], 20, "a dead one")
    retry = "/v1/deliveries/{id}/retry"
    checker.call(retry, f"/v1/deliveries/{dead[0]['id']}/retry", 200, "POST")
    checker.call(retry, "/v1/deliveries/evt_0.web/retry", 404, "POST")
    checker.call(retry, "/v1/deliveries/evt_0.nobody/retry", 409, "POST")
    test = "/v1/notifiers/{name}/test"
    checker.call(test, "/v1/notifiers/web/test?event=job.failed", 200, "POST")
    checker.call(test, "/v1/notifiers/web/test?event=watcher.degraded", 400, "POST")
    checker.call(test, "/v1/notifiers/nobody/test", 404, "POST")
    checker.call(JOB, "/v1/jobs/acme/sft/new", 201, "PUT")
    checker.call(JOB, "/v1/jobs/acme/sft/new?notify=web", 200, "PUT")
    checker.call(JOB, "/v1/jobs/acme/sft/new?notify=wab", 400, "PUT")
    checker.call(JOB, "/v1/jobs/nobody/sft/new", 404, "PUT")
    checker.call(JOB, "/v1/jobs/acme/sft/new", 200, "DELETE")
    checker.call(JOB, "/v1/jobs/acme/sft/new", 404, "DELETE")
    submit = "/v1/accounts/{account}/jobs/sft"
    checker.call(submit, "/v1/accounts/acme/jobs/sft", 400, "POST", b"no JSON")
    checker.call(submit, "/v1/accounts/nobody/jobs/sft", 404, "POST",
                 b'{"dataset": "accounts/acme/datasets/d", "baseModel": "accounts/acme/models/m"}')
    checker.call("/v1/reload", "/v1/reload", 200, "POST")
    daemon.config.write("nonsense = 1\n")
    checker.call("/v1/reload", "/v1/reload", 422, "POST")
    daemon.config.write()


@tap.test()
def a_created_job_answers_as_described(t):
    _, _, daemon = setup(t, JOBS)
    checker = Checker(t, daemon)
    submit, path = "/v1/accounts/{account}/jobs/sft", "/v1/accounts/acme/jobs/sft?id=made"
    body = {"dataset": "accounts/acme/datasets/d", "baseModel": "accounts/acme/models/m"}
    for wanted, more in ((201, {}), (200, {}), (409, {"loraRank": 64})):
        answer = checker.call(submit, path, wanted, "POST", json.dumps({**body, **more}).encode())
        if answer and wanted < 300:
            checker.whole(answer["job"])


@tap.test()
def errors_are_as_described(t):
    _, _, daemon = setup(t, {"jobs": []})
    checker = Checker(t, daemon)
    for method, path in (("GET", "/x"), ("GET", "/v2"), ("PATCH", "/v1/status"), ("POST", "/metrics")):
        status, _, body = daemon.request(path, method)
        t.check(status in (404, 405), f"{method} {path}: {status}")
        checker.valid(f"{method} {path}", {"$ref": "#/components/schemas/Error"}, json.loads(body))


if __name__ == "__main__":
    tap.main()
