#!/usr/bin/env python3
"""The calls of the API, on the control socket and on a loopback address, good and bad."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import time

from harness import Config, Daemon, Hook, Sim, UnixConnection, Webhook, name_of, settle, tap

SFT = "supervisedFineTuningJobs$"
RUNNING = [{"at": 0, "state": "RUNNING", "progress": {"percent": 5, "epoch": 0}}]


def job(kind, id_, **more):
    return {"kind": kind, "id": id_, "timeline": RUNNING, **more}


def begin(t, jobs=(), notifiers=True, watch=None, env=None, **options):
    """A server, and a daemon that watches sft jobs and tells "web" and "run" of everything."""
    sim = Sim(t, {"accounts": {"acme": {}}, "jobs": list(jobs)})
    config = Config(t, **options).account(sim).watch(**{"kinds": ["sft"], **(watch or {})})
    hook = Webhook(t)
    if notifiers:
        config.webhook(hook)
    return sim, config, Daemon(t, config, env=env), hook


def fails(t, daemon, path, status, code, words="", method="GET", body=None):
    got, headers, text = daemon.request(path, method, body)
    error = json.loads(text)["error"]
    t.equal((got, error["code"]), (status, code), f"{method} {path}: {text}")
    t.check(words in error["message"], f"{method} {path}: {error['message']}")
    return error, headers


def call(t, daemon, path, method, wanted=200, body=None):
    status, _, text = daemon.request(path, method, body)
    t.equal(status, wanted, f"{method} {path}: {text[:300]!r}")
    return json.loads(text)


# --- what is watched ---


@tap.test()
def a_job_is_watched_because_somebody_asks_for_it(t):
    sim, config, daemon, hook = begin(t, [job("dpo", "d")])
    view = call(t, daemon, "/v1/jobs/acme/dpo/d", "PUT", 201)
    t.equal((view["added"], view["notify"], view["phase"]), (True, None, None))
    daemon.wait_known(name_of("dpo", "d"))
    t.check(hook.wait(1)[0]["type"] == "job.found", "it is announced")
    t.equal(call(t, daemon, "/v1/jobs/acme/dpo/d", "PUT", 200)["phase"], "running")
    sim.set("dpo", "d", state="COMPLETED")
    t.equal(hook.wait(2)[1]["type"], "job.succeeded")
    t.check(re.search(r"PUT /v1/jobs/acme/dpo/d, by uid \d+, pid \d+", daemon.log()),
            "the log says who asked for it")


@tap.test()
def what_somebody_asked_for_survives_restarts_and_reloads(t):
    sim, _, daemon, hook = begin(t, [job("dpo", "d"), job("sft", "s")])
    daemon.wait_known(name_of("sft", "s"))
    call(t, daemon, "/v1/jobs/acme/dpo/d", "PUT", 201)
    call(t, daemon, "/v1/jobs/acme/sft/s", "DELETE")
    t.equal(set(daemon.jobs()), {name_of("dpo", "d")})
    daemon.reload()
    t.equal(set(daemon.jobs()), {name_of("dpo", "d")}, "after a reload")
    daemon.kill()
    daemon.start()
    settle(sim)
    t.equal(set(daemon.jobs()), {name_of("dpo", "d")}, "after a crash")
    before = len(hook.got())
    sim.set("sft", "s", state="FAILED")
    settle(sim)
    t.equal(len(hook.got()), before, "nobody hears of what is not watched")
    # And back: what was watched by a rule is again, what was not is forgotten.
    call(t, daemon, "/v1/jobs/acme/sft/s", "PUT", 201)
    call(t, daemon, "/v1/jobs/acme/dpo/d", "DELETE")
    t.wait(lambda: (daemon.job("sft", "s") or {}).get("phase") == "failed", 10, "the failure")
    t.equal(set(daemon.jobs()), {name_of("sft", "s")})
    daemon.restart()
    t.equal(set(daemon.jobs()), {name_of("sft", "s")})


@tap.test()
def a_job_has_notifiers_of_its_own(t):
    sim, config, daemon, hook = begin(t, [job("dpo", "d")])
    config.webhook(hook, name="other", path="/other", events=["end"]).write()
    daemon.reload()
    view = call(t, daemon, "/v1/jobs/acme/dpo/d?notify=other", "PUT", 201)
    t.equal(view["notify"], ["other"])
    daemon.wait_known(name_of("dpo", "d"))
    t.equal(call(t, daemon, "/v1/jobs/acme/dpo/d", "PUT")["notify"], ["other"], "it stays so")
    daemon.restart()
    sim.set("dpo", "d", state="COMPLETED")
    t.equal(hook.wait(1, "/other")[0]["type"], "job.succeeded")
    time.sleep(1)
    t.equal(hook.got(), [], "the others hear nothing of it")
    t.equal(call(t, daemon, "/v1/jobs/acme/dpo/d?notify=", "PUT")["notify"], None)
    fails(t, daemon, "/v1/jobs/acme/dpo/e?notify=web,othr", 400, "bad_request",
          'no notifier "othr"; did you mean other?', "PUT")


@tap.test()
def a_job_that_there_is_not(t):
    _, _, daemon, _ = begin(t)
    call(t, daemon, "/v1/jobs/acme/dpo/none", "PUT", 201)
    t.wait(lambda: daemon.job("dpo", "none")["notFound"], 10, "two 404s")
    fails(t, daemon, "/v1/jobs/acme/dpo/none2", 404, "not_found", "no such job", "DELETE")
    fails(t, daemon, "/v1/jobs/other/dpo/x", 404, "not_found", "no account other", "PUT")
    for bad in ("", "x", "acme/xyz/a", "acme/sft/UPPER", "acme/sft/a/b", "a%2Fb"):
        fails(t, daemon, f"/v1/jobs/{bad}", 400, "bad_request", "acme/sft/abc", "PUT")
    call(t, daemon, "/v1/jobs/acme/dpo/none", "DELETE")
    t.equal(daemon.jobs(), {})


@tap.test()
def one_that_stands_on_a_page_already(t):
    """The page stays as it was, and shows one who is watched now: he is not asked for by name for good,
    and the list is not taken to leave him out."""
    prod = [job("sft", f"s{n}", displayName=f"prod-{n}") for n in range(5)]
    sim, _, daemon, hook = begin(t, [*prod, job("sft", "x")], watch={
        "display_name": "prod-*", "first_sight": "announce"})
    hook.wait(5)
    sim.wait_requests(2, SFT)
    call(t, daemon, "/v1/jobs/acme/sft/x", "PUT", 201)
    t.equal(hook.wait(1, subject=name_of("sft", "x"))[0]["type"], "job.found")
    sim.wait_requests(4, SFT)
    t.check(len(sim.requests("Jobs/x$")) <= 1, "asked for by name again")
    t.check("leaves out" not in daemon.log(), "the list was given up")


# --- history and the stream ---


class Stream:
    """A reader of server-sent events: (id, event, data) as they come."""

    def __init__(self, t, daemon, path="/v1/events/stream", headers=None):
        self.t = t
        self.connection = UnixConnection(daemon.config.socket, 20)
        t.defer(self.connection.close)
        self.connection.request("GET", path, headers=headers or {})
        self.response = self.connection.getresponse()
        t.equal(self.response.status, 200, path)
        t.equal(self.response.headers["Content-Type"], "text/event-stream")

    def next(self):
        """The next block as a dict; None at the end."""
        block = {}
        while True:
            line = self.response.readline().decode().rstrip("\n")
            if not line and (block or self.response.isclosed()):
                return block or None
            if line:
                name, _, value = line.partition(": ")
                block[name] = value

    def events(self, n):
        """The next `n` events."""
        found = []
        while len(found) < n:
            block = self.next()
            if block is None:
                break
            if "event" in block:
                found.append(block)
        return found


@tap.test()
def history_is_told_in_pages(t):
    sim, _, daemon, hook = begin(t, [job("sft", "a"), job("sft", "b")])
    daemon.wait_known(name_of("sft", "a"), name_of("sft", "b"))
    for percent in range(10, 60, 10):
        sim.set("sft", "a", progress={"percent": percent, "epoch": 0})
        hook.wait(percent // 10)
    sim.set("sft", "b", state="FAILED")
    bodies = [r.body for r in hook.wait_requests(6)]
    everything = daemon.get("/v1/events")
    t.equal((len(everything["events"]), everything["more"]), (6, False))
    raw = daemon.request("/v1/events")[2]
    for body in bodies:
        t.check(body in raw, "the same bytes as the webhook got")
    t.equal(daemon.get("/v1/events?limit=2")["events"], everything["events"][-2:], "the newest")
    page = daemon.get("/v1/events?after=0&limit=4")
    t.equal((page["events"], page["more"]), (everything["events"][:4], True))
    rest = daemon.get(f"/v1/events?after={page['last']}&limit=4")
    t.equal((rest["events"], rest["more"]), (everything["events"][4:], False))
    t.equal(daemon.get("/v1/events?since=2100-01-01T00:00:00Z")["last"], rest["last"],
            "where to go on, with nothing to tell")
    t.equal(daemon.get(f"/v1/events?after={rest['last']}"),
            {"events": [], "last": rest["last"], "more": False})
    t.equal(daemon.get("/v1/events?job=acme/sft/b")["events"], everything["events"][5:])
    t.equal(daemon.get(f"/v1/events?job={name_of('sft', 'b')}")["events"],
            everything["events"][5:])
    since = everything["events"][4]["time"]
    t.equal(daemon.get(f"/v1/events?since={since}")["events"], everything["events"][4:])
    for bad in ("limit=0", "limit=1001", "limit=x", "after=-1", "after=1x", "since=yesterday",
                "job=sft/b", "job=x"):
        fails(t, daemon, f"/v1/events?{bad}", 400, "bad_request", bad.split("=")[0])


@tap.test()
def a_stream_goes_on_where_it_was_left(t):
    sim, _, daemon, hook = begin(t, [job("sft", "a"), job("sft", "b")])
    daemon.wait_known(name_of("sft", "a"), name_of("sft", "b"))
    stream = Stream(t, daemon)
    hello = stream.next()
    t.equal(hello["retry"], "1000")
    start = int(hello["id"])
    sim.set("sft", "a", progress={"percent": 20, "epoch": 0})
    sim.set("sft", "b", progress={"percent": 20, "epoch": 0})
    seen = stream.events(2)
    t.equal([e["event"] for e in seen], ["job.progress"] * 2)
    hook.wait(2)
    t.equal({e["data"].encode() for e in seen}, {r.body for r in hook.got()}, "the bytes")
    stream.connection.close()
    sim.set("sft", "a", state="COMPLETED")
    hook.wait(3)
    daemon.restart()
    sim.set("sft", "b", state="FAILED")
    again = Stream(t, daemon, headers={"Last-Event-ID": seen[0]["id"]})
    t.equal([e["event"] for e in again.events(3)], ["job.progress", "job.succeeded", "job.failed"])
    whole = Stream(t, daemon, f"/v1/events/stream?after={start}&job=acme/sft/b")
    t.equal([e["event"] for e in whole.events(2)], ["job.progress", "job.failed"])
    future = Stream(t, daemon, "/v1/events/stream?after=99999")
    t.equal(int(future.next()["id"]), daemon.get("/v1/events")["last"])
    for bad in ("after=x", "job=b"):
        fails(t, daemon, f"/v1/events/stream?{bad}", 400, "bad_request")


@tap.test(limit=90)
def a_stream_of_all_history_and_what_comes_meanwhile(t):
    """More than is read at a time, from the store and then from memory, without a gap."""
    sim, config, daemon, _ = begin(t, [job("sft", f"j{i}") for i in range(20)],
                                   notifiers=False, progress_step=1)
    daemon.wait_known(*(name_of("sft", f"j{i}") for i in range(20)))

    def move(first, last):
        for percent in range(first, last):
            for i in range(20):
                sim.set("sft", f"j{i}", progress={"percent": percent, "epoch": 0})
            wanted = 20 * (percent - 5)
            t.wait(lambda: daemon.get("/v1/events?limit=1")["last"] >= wanted, 20, "events")

    move(6, 20)
    daemon.restart()
    stream = Stream(t, daemon, "/v1/events/stream?after=0")
    first = stream.events(100)
    move(20, 26)
    rest = stream.events(300)
    numbers = [int(e["id"]) for e in first + rest]
    t.equal(numbers, list(range(1, 401)))


@tap.test(limit=60)
def who_reads_too_slowly_is_told_where_to_go_on(t):
    """4,096 events are in memory; who falls behind that is dropped, and loses nothing."""
    sim, config, daemon, _ = begin(t, [job("sft", f"j{i:04}") for i in range(1500)],
                                   notifiers=False, progress_step=1)
    t.wait(lambda: len(daemon.jobs()) == 1500, 30, "all jobs")
    slow = Stream(t, daemon)
    start = int(slow.next()["id"])
    for percent in (20, 30, 40, 50):
        for i in range(1500):
            sim.set("sft", f"j{i:04}", progress={"percent": percent, "epoch": 0})
        wanted = start + 1500 * (percent // 10 - 1)
        t.wait(lambda: daemon.get("/v1/events?limit=1")["last"] >= wanted, 20, "events")
    events = slow.events(10000)
    last = events[-1]
    t.equal(last["event"], "dropped", f"after {len(events)}")
    after = json.loads(last["data"])["after"]
    t.equal(after, int(events[-2]["id"]), "what it has got last")
    again = Stream(t, daemon, headers={"Last-Event-ID": str(after)})
    rest = again.events(start + 6000 - after)
    t.equal([int(e["id"]) for e in events[:-1] + rest], list(range(start + 1, start + 6001)))


@tap.test()
def streams_end_with_the_daemon_and_there_are_not_too_many(t):
    _, _, daemon, _ = begin(t)
    streams = [Stream(t, daemon) for _ in range(200)]
    for stream in streams:
        stream.next()
    fails(t, daemon, "/v1/events/stream", 503, "too_many", "200 streams")
    daemon.get("/v1/status")
    streams.pop().connection.close()
    daemon.stop()
    for stream in streams:
        with contextlib.suppress(http.client.IncompleteRead, ConnectionError):
            t.equal(stream.next(), None)
    daemon.start()


@tap.test()
def the_end_begins_with_the_sockets(t):
    """While a hook may finish, nobody is answered as if nothing was watched any more."""
    port = free_port(t)
    sim, config, daemon, _ = begin(t, [job("sft", "a")], notifiers=False,
                                   http_listen=f"127.0.0.1:{port}")
    hook = Hook(t, body="time.sleep(3)")
    config.exec(hook, events=["end"]).write()
    daemon.reload()
    daemon.wait_known(name_of("sft", "a"))
    stream = Stream(t, daemon)
    stream.next()
    held = UnixConnection(daemon.config.socket, 10)
    t.defer(held.close)

    def ask(method, path):
        held.request(method, path)
        response = held.getresponse()
        return response.status, json.loads(response.read())

    t.equal(ask("GET", "/v1/status")[0], 200)
    sim.set("sft", "a", state="COMPLETED")
    hook.wait_runs(1)
    daemon.signal(signal.SIGTERM)
    t.wait(lambda: not os.path.exists(daemon.config.socket), 5, "the socket to go")
    for method, path in (("POST", "/v1/reload"), ("POST", "/v1/notifiers/run/test"),
                         ("GET", "/v1/jobs/acme/sft/a"), ("PUT", "/v1/jobs/acme/sft/b"),
                         ("GET", "/v1/jobs"), ("POST", "/v1/accounts/acme/jobs/sft")):
        status, document = ask(method, path)
        t.equal((status, document["error"]["code"]), (503, "stopping"), f"{method} {path}")
    t.check(socket.socket().connect_ex(("127.0.0.1", port)) != 0, "the address is free")
    t.equal([e["event"] for e in stream.events(1)], ["job.succeeded"], "the stream goes on")
    t.equal(daemon.wait_exit(), 0)
    t.equal(len(hook.ends()), 1, "the hook has ended by itself")
    daemon.start()


# --- notifiers ---


@tap.test()
def notifiers_and_what_they_take(t):
    _, config, daemon, hook = begin(t)
    config.section("notifier", "journal", {"type": "syslog"})
    config.write()
    daemon.reload()
    listed = daemon.get("/v1/notifiers")["notifiers"]
    t.equal([(n["name"], n["type"], n["off"]) for n in listed],
            [("web", "webhook", False), ("journal", "syslog", False)])
    t.check("job.succeeded" in listed[1]["events"] and "job.progress" not in listed[1]["events"],
            listed[1]["events"])
    t.check("127.0.0.1" not in json.dumps(listed), "no URL is told")


@tap.test()
def a_test_event_takes_the_way_of_all_events(t):
    _, config, daemon, hook = begin(t)
    run = Hook(t)
    config.exec(run).write()
    daemon.reload()
    answer = call(t, daemon, "/v1/notifiers/web/test", "POST")
    t.equal((answer["verdict"], answer["message"]), ("delivered", ""))
    got = hook.wait(1)[0]
    t.equal((got["id"], got["type"]), (answer["event"], "job.succeeded"))
    t.check(got["data"]["test"] is True, "it says that it is a test")
    answer = call(t, daemon, "/v1/notifiers/run/test?event=job.failed", "POST")
    t.equal(answer["verdict"], "delivered")
    entry = run.wait_runs(1)[0]
    t.equal((entry["env"]["TUNEWATCH_TEST"], entry["env"]["TUNEWATCH_EVENT"]),
            ("true", "job.failed"))
    t.equal([e["id"] for e in daemon.get("/v1/events")["events"]],
            [got["id"], answer["event"]], "it is in history")
    t.equal(daemon.get("/v1/deliveries")["deliveries"], [], "and waits for nothing")


@tap.test()
def a_test_is_tried_once_and_answers_with_the_verdict(t):
    _, config, daemon, hook = begin(t)
    hook.script("/", 503, 404, 200)
    t.equal(call(t, daemon, "/v1/notifiers/web/test", "POST")["verdict"], "retry")
    answer = call(t, daemon, "/v1/notifiers/web/test", "POST")
    t.equal(answer["verdict"], "dead")
    n = daemon.notifier("web")
    t.equal((n["delivered"], n["dead"]), (0, 0), "a test is no delivery")
    t.check("404" in answer["message"], answer["message"])
    t.equal(call(t, daemon, "/v1/notifiers/web/test", "POST")["verdict"], "delivered")
    time.sleep(1)
    t.equal(len(hook.got()), 3, "none is tried again")
    hook.script("/", 410)
    t.equal(call(t, daemon, "/v1/notifiers/web/test", "POST")["verdict"], "dead")
    fails(t, daemon, "/v1/notifiers/web/test", 409, "conflict", "off until the next reload", "POST")
    fails(t, daemon, "/v1/notifiers/wob/test", 404, "not_found", "did you mean web?", "POST")
    fails(t, daemon, "/v1/notifiers/web", 404, "not_found", "/test", "POST")
    for bad in ("job.done", "watcher.degraded", "end", "*"):
        fails(t, daemon, f"/v1/notifiers/web/test?event={bad}", 400, "bad_request", "", "POST")


@tap.test()
def a_test_passes_what_waits(t):
    """A notifier that was mended is tested at once, though its deliveries wait for an hour."""
    sim, config, daemon, hook = begin(t, [job("sft", "a")])
    daemon.wait_known(name_of("sft", "a"))
    hook.script("/", 503, forever=True)
    sim.set("sft", "a", state="COMPLETED")
    hook.wait(1)
    hook.script("/", 200, forever=True)
    begin_ = time.monotonic()
    t.equal(call(t, daemon, "/v1/notifiers/web/test", "POST")["verdict"], "delivered")
    t.check(time.monotonic() - begin_ < 3, "at once")


# --- reload ---


@tap.test()
def reload_says_what_is_wrong(t):
    _, config, daemon, _ = begin(t)
    call(t, daemon, "/v1/reload", "POST")
    config.write(config.text() + 'poll-intervall = "3s"\nnotifier "x" { type = "fax" }\n')
    error, _ = fails(t, daemon, "/v1/reload", 422, "bad_configuration", "the old one stays", "POST")
    t.equal(len(error["faults"]), 2, error["faults"])
    t.check("poll-intervall" in error["faults"][0], error["faults"])
    t.check(re.search(r"tunewatch\.conf:\d+: ", error["faults"][1]), error["faults"])
    t.check(daemon.get("/v1/status")["configurationError"], "the old one stays")
    config.write()
    call(t, daemon, "/v1/reload", "POST")
    t.equal(daemon.get("/v1/status")["configurationError"], None)


# --- who may, and how much ---


@tap.test()
def methods(t):
    _, _, daemon, _ = begin(t)
    for path, method, allow in (
            ("/", "POST", "GET, HEAD"), ("/v1/status", "POST", "GET, HEAD"), ("/v1/jobs", "DELETE", "GET, HEAD"),
            ("/v1/jobs/acme/sft/x", "POST", "GET, HEAD, PUT, DELETE"),
            ("/v1/reload", "GET", "POST"), ("/v1/notifiers/web/test", "GET", "POST"),
            ("/v1/deliveries/x/retry", "PUT", "POST"), ("/v1/events/stream", "PATCH", "GET, HEAD")):
        _, headers = fails(t, daemon, path, 405, "method_not_allowed", allow, method)
        t.equal(headers["Allow"], allow, path)
    status, _, body = daemon.request("/v1/jobs", "HEAD")
    t.equal((status, body), (200, b""))
    status, _, body = daemon.request("/v1/events/stream", "HEAD")
    t.equal((status, body), (200, b""))


@tap.test()
def calls_that_there_are_not(t):
    _, _, daemon, _ = begin(t, notifiers=False)
    for path in ("/x", "//", "/v1", "/v1/", "/v1/statusx", "/v1/status/", "/v2/status", "/metrics/x",
                 "/v1/events/", "/v1/events/x", "/healthz/"):
        fails(t, daemon, path, 404, "not_found", "openapi.json")


@tap.test()
def a_body_that_is_too_long(t):
    _, _, daemon, _ = begin(t)
    fails(t, daemon, "/v1/reload", 413, "too_large", "1048576 bytes", "POST", b"x" * (1 << 20) + b"y")
    call(t, daemon, "/v1/reload", "POST", body=b"x" * (1 << 20))


def free_port(t):
    """One that nobody is given by chance: below those that the kernel hands out."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        low = int(file.read().split()[0])
    while True:
        port = t.random.randrange(1024, low)
        with contextlib.suppress(OSError), contextlib.closing(
                socket.create_server(("127.0.0.1", port))):
            return port


def web(port, path="/v1/status", method="GET", headers=None):
    """(status, document) over TCP."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as c:
        c.request(method, path, headers=headers or {})
        response = c.getresponse()
        return response.status, json.loads(response.read() or b"null")


@tap.test()
def the_loopback_address_is_for_reading(t):
    port, other = free_port(t), free_port(t)
    _, config, daemon, _ = begin(t, [job("sft", "abc", displayName="<b> &")],
                                 http_listen=f"127.0.0.1:{port}")
    daemon.wait_known(name_of("sft", "abc"))
    for path in ("/v1/status", "/v1/jobs", "/v1/events", "/v1/notifiers", "/healthz"):
        t.equal(web(port, path)[0], 200, path)
    for method, path in (("POST", "/v1/reload"), ("PUT", "/v1/jobs/acme/sft/x"),
                         ("DELETE", "/v1/jobs/acme/sft/x"), ("POST", "/v1/notifiers/web/test")):
        status, document = web(port, path, method)
        t.equal((status, document["error"]["code"]), (403, "read_only"), f"{method} {path}")
    held = []
    for wanted in [200] * 50 + [503]:
        held.append(http.client.HTTPConnection("127.0.0.1", port, timeout=10))
        t.defer(held[-1].close)
        held[-1].request("GET", "/v1/events/stream")
        t.equal(held[-1].getresponse().status, wanted, f"stream {len(held)}")
    Stream(t, daemon).next()  # the control socket has others
    for headers in ({"Host": "evil.example"}, {"Host": f"evil.example:{port}"},
                    {"Origin": "http://evil.example"}, {"Origin": "null"},
                    {"Sec-Fetch-Site": "cross-site"}):
        status, document = web(port, headers=headers)
        t.equal((status, document["error"]["code"]), (403, "forbidden"), str(headers))
    t.equal(web(port, headers={"Origin": f"http://127.0.0.1:{port}"})[0], 200)
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as c:
        c.request("GET", "/")
        page = c.getresponse()
        text = page.read().decode()
    t.equal((page.status, page.headers["Content-Type"]), (200, "text/html; charset=utf-8"))
    t.check("default-src 'none'" in page.headers["Content-Security-Policy"], "no script runs")
    t.check("acme/sft/abc" in text and "&lt;b&gt; &amp;" in text and "<b>" not in text, text)
    # A reload moves it, and turns it off; what is taken stays as it is, and the old one with it.
    config.options["http_listen"] = f"127.0.0.1:{other}"
    config.write()
    daemon.reload()
    t.equal(web(other)[0], 200)
    with contextlib.closing(socket.create_server(("127.0.0.1", port))):
        config.options["http_listen"] = f"127.0.0.1:{port}"
        config.write()
        error, _ = fails(t, daemon, "/v1/reload", 422, "bad_configuration", "", "POST")
        t.check("http-listen" in error["faults"][0], error["faults"])
        t.equal(web(other)[0], 200)
    config.options["http_listen"] = None
    config.write()
    daemon.reload()
    t.wait(lambda: socket.socket().connect_ex(("127.0.0.1", other)) != 0, 5, "nobody to listen")


@tap.test(limit=90)
def slow_clients_are_cut_off(t):
    """One that says nothing, one that drips its request, one that does not take its answer."""
    sim, _, daemon, _ = begin(t, [job("sft", f"j{i}") for i in range(600)])
    t.wait(lambda: len(daemon.jobs()) == 600, 20, "all jobs")

    def connect():
        s = socket.socket(socket.AF_UNIX)
        s.connect(daemon.config.socket)
        s.settimeout(0.1)
        t.defer(s.close)
        return s

    silent, dripping, deaf = connect(), connect(), connect()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.sendall(b"GET /v1/jobs HTTP/1.1\r\nHost: x\r\n\r\n")
    dripping.sendall(b"POST /v1/reload HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    ended = {}
    start = time.monotonic()

    def look(name, s):
        with contextlib.suppress(TimeoutError):
            try:
                if s.recv(1) == b"":
                    ended.setdefault(name, time.monotonic() - start)
            except ConnectionError:
                ended.setdefault(name, time.monotonic() - start)

    while time.monotonic() - start < 40 and len(ended) < 2:
        if "dripping" not in ended:
            with contextlib.suppress(OSError):
                dripping.sendall(b"x")
            look("dripping", dripping)
        if "silent" not in ended:
            look("silent", silent)
        time.sleep(0.2)
    t.check(9 <= ended.get("silent", 99) <= 15, f"silent: {ended}")
    t.check(29 <= ended.get("dripping", 99) <= 35, f"dripping: {ended}")
    deaf.settimeout(5)
    taken = b""
    with contextlib.suppress(ConnectionError):
        while data := deaf.recv(65536):
            taken += data
    t.check(not taken.endswith(b"0\r\n\r\n"), "the answer did not wait for ever")
    daemon.get("/v1/status")


if __name__ == "__main__":
    tap.main()
