#!/usr/bin/env python3
"""The first control socket: GET /v1/status, /v1/jobs, /healthz; and `tunewatch status`."""

import json
import os
import re
import socket

from harness import (
    CLIENT, Config, Daemon, Sim, UnixConnection, events, name_of, run_program, setup, tap,
)

JOBS = {"jobs": [
    {"kind": "sft", "id": "abc", "displayName": "Support replies", "state": "RUNNING",
     "progress": {"percent": 42, "epoch": 1}, "status": "step 420"},
    {"kind": "rft", "id": "def", "displayName": "Größe \u202ex\x1b[31m", "state": "ROLLOUT"},
    {"kind": "dpo", "id": "ghi", "state": "FAILED",
     "status": {"code": "INTERNAL", "message": "Internal error"}},
    {"kind": "ft", "id": "0123456789abcdef0123456789abcdef", "state": "COMPLETED"},
]}
KNOWN = [name_of(job["kind"], job["id"]) for job in JOBS["jobs"]]
ACTIVATE = "/usr/bin/systemd-socket-activate"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def ready(t, document=None, **options):
    sim, hook, daemon = setup(t, document or JOBS, **options)
    daemon.wait_known(*(KNOWN if document is None else ()))
    return sim, hook, daemon


@tap.test()
def status(t):
    _, _, daemon = ready(t)
    document = daemon.get("/v1/status")
    t.check(re.fullmatch(r"\d+\.\d+\.\d+\S*", document["version"]), document["version"])
    account = document["accounts"][0]
    t.equal((len(document["accounts"]), account["name"]), (1, "acme"))
    notifier = document["notifiers"][0]
    t.equal((notifier["name"], notifier["type"]), ("web", "webhook"))
    t.check("SIMSECRET" not in json.dumps(document), "a secret")


@tap.test()
def jobs(t):
    sim, _, daemon = ready(t)
    by_name = daemon.jobs()
    t.equal(set(by_name), set(KNOWN))
    job = by_name[name_of("sft", "abc")]
    wanted = {"account": "acme", "kind": "sft", "id": "abc", "displayName": "Support replies",
              "state": "JOB_STATE_RUNNING", "phase": "running", "attempt": 1,
              "status": {"code": "OK", "message": "step 420"},
              "progress": {**dict.fromkeys(events.PROGRESS, 0), "percent": 42, "epoch": 1}}
    t.equal({key: job.get(key) for key in wanted}, wanted)
    t.check(TIME.fullmatch(job["lastPoll"]) and TIME.fullmatch(job["nextPoll"]),
            f"polls: {job.get('lastPoll')} {job.get('nextPoll')}")
    t.equal(by_name[name_of("rft", "def")]["state"], "JOB_STATE_ROLLOUT", "the raw state")
    t.equal({job["phase"] for job in by_name.values()}, {"running", "failed", "succeeded"})
    sim.set("sft", "abc", state="COMPLETED", progress=None)
    t.wait(lambda: daemon.job("sft", "abc")["phase"] == "succeeded", 10, "the new phase")
    t.equal(daemon.job("sft", "abc")["progress"], None)


@tap.test()
def what_is_made_of_a_job(t):
    sim, _, daemon = setup(t, {"jobs": [
        {"kind": "sft", "id": "abc", "state": "RUNNING", "epochs": 1,
         "progress": {"percent": 0, "epoch": 0}},
        {"kind": "dpo", "id": "ghi", "state": "COMPLETED"}]}, {"stall_running": "2h"})
    daemon.wait_known(name_of("sft", "abc"), name_of("dpo", "ghi"))
    job, ended = daemon.job("sft", "abc"), daemon.job("dpo", "ghi")
    t.equal((job["epochs"], job["eta"]), (1, None), "nothing is known of its course yet")
    t.equal((ended["epochs"], ended["eta"], ended["stall"]["budgetSeconds"]), (2, None, None))
    stall = job["stall"]
    t.equal((stall["budgetSeconds"], stall["stalled"]), (7200, False))
    t.check(TIME.fullmatch(stall["lastMovement"]), f"{stall}")
    for percent in range(5, 60, 5):
        sim.set("sft", "abc", progress={"percent": percent, "epoch": 0})
        sim.wait_seen("sft", "abc")
        if daemon.job("sft", "abc")["eta"]:
            break
    eta = t.wait(lambda: daemon.job("sft", "abc")["eta"], 10, "an estimate")
    t.check(all(TIME.fullmatch(time) for time in eta.values()), f"{eta}")
    t.check(eta["earliest"] <= eta["time"] <= eta["latest"], f"{eta}")
    stands_in = daemon.client("status", "sft/abc").out
    t.check(re.search(r"epoch 1/1  +in \d+", stands_in), stands_in)


@tap.test()
def what_is_known_of_collections(t):
    sim, _, daemon = setup(t, {**JOBS, "settings": {"readMask": False}})
    daemon.wait_known(*KNOWN)

    def collections():
        account = daemon.get("/v1/status")["accounts"][0]
        t.equal((account["requestsPerMinuteNow"], account["suspendState"]), (600000, None))
        return {c["kind"]: c for c in account["collections"]}

    t.equal((collections()["sft"]["without"], collections()["sft"]["jobs"]), (["readMask"], 1))
    t.equal({c["lastError"] for c in collections().values()}, {None})
    t.wait(lambda: not any(c["unseen"] for c in collections().values()), 10, "a look at each kind")
    sim.fault("500", path="/reinforcementFineTuningJobs$")
    t.wait(lambda: collections()["rft"]["lastError"], 20, "that the lists fail")
    t.check("500" in collections()["rft"]["lastError"], f"{collections()}")
    t.wait(lambda: "jobs are not listed" in daemon.client("status").err, 10, "a word about it")
    said = daemon.client("status").err
    t.check(re.search(r"^tunewatch: account acme: rft jobs are not listed: HTTP 500 ", said), said)


def status_line(daemon):
    return daemon.notify.having("STATUS")[-1]["STATUS"]


@tap.test()
def a_budget_that_does_not_suffice_is_told_of(t):
    # Twenty old jobs among two thousand: a list takes ten requests, and a GET shows one of them.
    active = [{"kind": "sft", "id": f"j{i}", "state": "RUNNING", "createdMinute": i}
              for i in range(20)]
    sim = Sim(t, {"jobs": active, "settings": {"filter": False}, "generate": [
        {"kind": "sft", "count": 2000, "states": {"COMPLETED": 1}}]})
    config = Config(t).account(sim, requests_per_minute=60)
    config.watch(jobs=[f"sft/{job['id']}" for job in active])
    daemon = Daemon(t, config, env={"WATCHDOG_USEC": "1500000"})  # a line each half second
    t.wait(lambda: "is seen every" in status_line(daemon), 60, "a word in the status")
    t.check(re.fullmatch(r"Watching 20 jobs; with 60 requests a minute, account acme is seen every "
                         r"\d+s", status_line(daemon)), status_line(daemon))
    daemon.wait_log(r"notice: account acme: 60 requests a minute suffice for a look at each active "
                    r"job every \d+s; 1s is wanted")
    account = daemon.get("/v1/status")["accounts"][0]
    t.equal((account["wantedSeconds"], account["requestsPerMinuteNow"]), (1, 60))
    t.check(account["freshnessSeconds"] > 4, f"{account}")
    said = daemon.client("status").err
    t.check(re.fullmatch(r"tunewatch: account acme: 60 requests a minute suffice for a look every "
                         r"\d+s \(1s wanted\)\n", said), said)

    config.account(sim, requests_per_minute=600000).watch(
        jobs=[f"sft/{job['id']}" for job in active], poll_interval="10s")
    config.write()
    daemon.reload()
    daemon.wait_log("account acme: active jobs are looked at often enough again", 60)
    t.equal(status_line(daemon), "Watching 20 jobs of 1 account")
    account = daemon.get("/v1/status")["accounts"][0]
    t.equal((account["wantedSeconds"], account["requestsPerMinuteNow"]), (10, 600000))
    t.check(account["freshnessSeconds"] <= 40, f"{account}")
    t.equal(daemon.client("status").err, "")


@tap.test()
def the_client_says_what_cannot_be_seen(t):
    sim, _, daemon = ready(t)
    t.equal(daemon.client("status").err, "")
    sim.fault("403", shape="gateway", message="The API key you provided is invalid.")
    t.wait(lambda: daemon.client("status").err, 20, "a word about the account")
    said = daemon.client("status")
    t.equal(said.code, 0)
    t.check(re.search(r"^tunewatch: account acme has not been seen for \S+: HTTP 403 .*invalid",
                      said.err), said.err)
    t.equal(daemon.client("--json", "status").err, "", "the document says it in /v1/status")


@tap.test()
def a_part_of_each_job(t):
    _, _, daemon = ready(t)
    parts = daemon.get("/v1/jobs?readMask=name,progress.percent,stall.stalled,notify")["jobs"]
    t.equal([list(job) for job in parts], [["name", "progress", "stall", "notify"]] * len(KNOWN))
    t.equal({job["name"]: job["progress"] for job in parts}[name_of("sft", "abc")],
            {"percent": 42})
    t.equal(daemon.get("/v1/jobs?readMask=stall")["jobs"][0].keys(), {"stall"})
    for mask, bad in (("", ""), ("name,", ""), ("nmae", "nmae"), ("name,eta.soon", "eta.soon"),
                      ("%FF%0A", "")):
        error = daemon.get(f"/v1/jobs?readMask={mask}", 400)["error"]
        t.equal(error["code"], "bad_request")
        t.check(f'"{bad}' in error["message"], error["message"])


@tap.test()
def a_single_job(t):
    _, _, daemon = ready(t)
    job = daemon.get("/v1/jobs/acme/sft/abc")
    t.equal(job.get("name"), name_of("sft", "abc"))
    for path in ("/v1/jobs/acme/sft/nothing", "/v1/jobs/acme/blue/abc", "/v1/jobs/nobody/sft/abc"):
        error = daemon.get(path, 404)["error"]
        t.check(error["code"] and error["message"], path)


@tap.test()
def errors_have_one_shape(t):
    _, _, daemon = ready(t)
    for method, path, wanted in (
            ("GET", "/v1", 404), ("GET", "/v2/jobs", 404), ("GET", "/v1/job", 404),
            ("GET", "/v1/status/", 404), ("POST", "/v1/status", 405), ("DELETE", "/healthz", 405)):
        status_, headers, body = daemon.request(path, method)
        t.equal(status_, wanted, f"{method} {path}")
        t.check("json" in headers["Content-Type"], f"{method} {path}: {headers['Content-Type']}")
        error = json.loads(body)["error"]
        t.equal(error.keys(), {"code", "message"}, f"{method} {path}")
    for size in (2, 100000):
        answered, _, body = daemon.request("/v1/jobs", "POST", b"x" * size)
        t.equal((answered, json.loads(body)["error"]["code"]), (405, "method_not_allowed"), size)
    t.equal(daemon.request("/v1/jobs?x=1")[0], 200, "a query is no reason to fail")


@tap.test()
def health(t):
    sim, hook, daemon = ready(t)
    t.equal(daemon.get("/healthz")["status"], "ok")
    sim.fault("503")
    hook.wait(1, types="watcher.degraded")
    document = daemon.get("/healthz", 503)
    t.check(document["reasons"] and "acme" in str(document["reasons"]), document)
    account = daemon.get("/v1/status")["accounts"][0]
    t.check("server" in json.dumps(account), f"the class of the trouble: {account}")
    sim.clear()
    hook.wait(1, types="watcher.restored", timeout=30)
    t.equal(daemon.get("/healthz")["status"], "ok")


@tap.test()
def many_clients_and_rude_ones(t):
    sim, hook, daemon = ready(t)
    rude = []
    for bytes_ in (b"", b"GET", b"\0\xff" * 100, b"GET / HTTP/9.9\r\n\r\n", b"X" * 100000,
                   b"GET /v1/jobs HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n"):
        client = socket.socket(socket.AF_UNIX)
        t.defer(client.close)
        client.connect(daemon.config.socket)
        client.settimeout(1)
        try:
            client.sendall(bytes_)
        except OSError:
            pass  # it may well hang up
        rude.append(client)
    for _ in range(50):
        t.equal(daemon.request("/v1/jobs")[0], 200)
    connection = UnixConnection(daemon.config.socket, 5)
    for _ in range(20):
        connection.request("GET", "/healthz")
        t.equal(connection.getresponse().read().count(b"ok"), 1, "keep-alive")
    connection.close()
    sim.set("sft", "abc", state="COMPLETED")
    hook.wait(1)


@tap.test()
def ten_thousand_jobs_are_told(t):
    _, _, daemon = setup(t, {"generate": [
        {"kind": "sft", "count": 10000, "states": {"COMPLETED": 1}}]}, {"kinds": ["sft"]})
    t.wait(lambda: len(daemon.get("/v1/jobs")["jobs"]) == 10000, 40, "all jobs to be known")
    result = daemon.client("--json", "status")
    t.equal((result.code, len(json.loads(result.out)["jobs"])), (0, 10000))


@tap.test()
def the_client_prints_a_table(t):
    _, _, daemon = ready(t)
    result = daemon.client("status")
    t.equal((result.code, result.err), (0, ""))
    t.check("\x1b" not in result.out, "colour, or a job's own escape, off a terminal")
    lines = result.out.splitlines()
    t.equal(len(lines), 5, "a heading and four jobs")
    line = next(line for line in lines if "sft/abc" in line)
    for word in ("Support replies", "running", "42"):
        t.check(word in line, f"{word!r} is not in {line!r}")
    line = next(line for line in lines if "rft/def" in line)
    t.check("ROLLOUT" in line, f"the raw state, where it says more: {line!r}")
    t.check("failed" in next(line for line in lines if "dpo/ghi" in line), result.out)
    t.check("SIMSECRET" not in result.out, "a secret")


@tap.test()
def the_client_shows_named_jobs(t):
    _, _, daemon = ready(t)
    for form in ("sft/abc", "acme/sft/abc", name_of("sft", "abc")):
        result = daemon.client("status", form)
        t.equal(result.code, 0, form)
        t.check("sft/abc" in result.out and "dpo/ghi" not in result.out, f"{form}: {result.out}")
    result = daemon.client("status", "sft/nothing")
    t.check(result.code != 0 and "nothing" in result.err, f"{result.code}: {result.err}")
    t.equal(daemon.client("status", "not a job").code, 64)


@tap.test()
def the_client_prints_json(t):
    _, _, daemon = ready(t)
    result = daemon.client("--json", "status")
    t.equal((result.code, result.err), (0, ""))
    by_name = {job["name"]: job for job in json.loads(result.out)["jobs"]}
    t.equal({name: (job["state"], job["phase"]) for name, job in by_name.items()}, {
        name_of("sft", "abc"): ("JOB_STATE_RUNNING", "running"),
        name_of("rft", "def"): ("JOB_STATE_ROLLOUT", "running"),
        name_of("dpo", "ghi"): ("JOB_STATE_FAILED", "failed"),
        KNOWN[3]: ("COMPLETED", "succeeded")})


@tap.test()
def the_client_without_a_daemon_is_69(t):
    for args in (["status"], ["--json", "status"]):
        result = run_program(t, [*CLIENT, "--socket", t.path("nothing.sock"), *args])
        t.equal(result.code, 69, args)
        t.check("nothing.sock" in result.err and not result.out, f"{result.err!r} {result.out!r}")
    _, _, daemon = ready(t)
    daemon.kill()
    t.equal(daemon.client("status").code, 69, "the socket of a dead daemon")
    daemon.start()


@tap.test()
def the_client_used_wrongly_is_64(t):
    for args in ([], ["dance"], ["--bogus", "status"], ["--socket"], ["status", "--bogus"]):
        result = run_program(t, [*CLIENT, *args])
        t.equal(result.code, 64, args)
        t.check(result.err, f"{args}: not a word")
    for args in (["--help"], ["--version"], ["version"]):
        result = run_program(t, [*CLIENT, *args])
        t.check(result.code == 0 and "tunewatch" in result.out,
                f"{args}: {result.code} {result.out!r}")


@tap.test()
def a_job_that_was_never_seen_is_told_as_such(t):
    _, _, daemon = setup(t, {"jobs": []}, {"jobs": ["sft/missing"]})
    job = t.wait(lambda: daemon.job("sft", "missing"), 10, "the named job")
    t.check(not job["phase"] or job["phase"] == "unknown", job)
    t.equal(daemon.client("status").code, 0)


@tap.test()
def the_socket_is_where_the_configuration_says(t):
    config = Config(t, control_socket=t.path("deep", "er", "c.sock")).account("http://127.0.0.1:1")
    config.socket = t.path("deep", "er", "c.sock")
    daemon = Daemon(t, config.watch())
    t.equal(daemon.request("/v1/status")[0], 200)
    t.equal(daemon.client("status").code, 0)


def activated(t, *paths):
    """A daemon that systemd's own program starts when somebody connects, handing the sockets over."""
    if not os.access(ACTIVATE, os.X_OK):
        raise tap.Skip("needs systemd-socket-activate (Debian: systemd)")
    _, _, daemon = setup(t, {"jobs": []}, start=False, webhook=False)
    daemon.expect_running = False
    daemon.wrapper = lambda env: [
        ACTIVATE, *(f"-l{path}" for path in paths), *(f"-E{name}" for name in env)]
    daemon.start(ready=False)
    t.wait(lambda: all(map(os.path.exists, paths)), 10, "the sockets")
    return daemon


@tap.test()
def systemd_hands_the_socket_over(t):
    """Who connects first starts the daemon, and waits for it; the socket stays when it has ended."""
    path = t.path("handed.sock")
    daemon = activated(t, path)
    inode = os.stat(path).st_ino
    daemon.config.socket, configured = path, daemon.config.socket
    result = daemon.client("--json", "status")
    t.equal(result.code, 0, result.err)
    t.check(not os.path.exists(configured), "a socket of its own, too")
    daemon.stop()
    t.equal(os.stat(path).st_ino, inode, "the socket, which is systemd's to remove")


@tap.test()
def two_sockets_are_too_many(t):
    daemon = activated(t, t.path("one.sock"), t.path("two.sock"))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(t.path("two.sock"))
        t.equal(daemon.wait_exit(), 73)
    t.check("systemd hands over 2 sockets; a socket unit may have one" in daemon.log(),
            daemon.log())


if __name__ == "__main__":
    tap.main()
