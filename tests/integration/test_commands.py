#!/usr/bin/env python3
"""Every command of the client and every exit status, against a double of the daemon."""

import json
import os
import signal
import subprocess
import time

from fake_daemon import FakeDaemon, document, error, job
from harness import CLIENT, Running, run_program, tap

HELD = {"name": "deploy", "type": "exec", "off": False, "removed": False, "pending": 1, "running": 2,
        "delivered": 30, "retried": 4, "dead": 5, "skipped": 0, "replaced": 0, "lastError": "exit 1"}
OFF = {**HELD, "name": "slack", "type": "webhook", "off": True, "lastError": "410 Gone"}
GONE = {**HELD, "name": "old", "removed": True, "lastError": None}


def says(t, result, code, *words):
    """One sentence on standard error, and nothing else."""
    t.equal((result.code, result.out, result.err.count("\n")), (code, "", 1), result.err)
    for word in words:
        t.check(word in result.err, f"{word}: {result.err}")


# names


@tap.test()
def names_of_jobs(t):
    fake = FakeDaemon(t, [job("sft", "abc"), job("sft", "abd"), job("dpo", "abc"),
                          job("sft", "lonely", "other"), job("sft", "abc", "other")],
                      accounts=("acme", "other"))
    for name, wanted in (("abd", {"acme/sft/abd"}), ("lon", {"other/sft/lonely"}),
                         ("dpo/abc", {"acme/dpo/abc"}), ("acme/sft/abc", {"acme/sft/abc"}),
                         ("sft/abc", {"acme/sft/abc", "other/sft/abc"})):
        result = fake.client("status", name)
        t.equal((result.code, {line.split()[0] for line in result.out.splitlines()[1:]}),
                (0, wanted), f"{name}: {result.err}")
    for args in (("status", "ab"), ("watch", "ab"), ("wait", "ab"), ("remove", "abc"),
                 ("events", "--job", "ab"), ("wait", "sft/abc"), ("add", "abc")):
        result = fake.client(*args)
        lines = result.err.splitlines()
        t.equal((result.code, result.out), (64, ""), args)
        t.check("say which" in lines[0] and "acme/sft/abc" in lines, f"{args}: {lines}")
    for args in (("status", "zzz"), ("remove", "zzz"), ("wait", "zzz"), ("add", "zzz"),
                 ("watch", "sft/zzz"), ("remove", "sft/zzz"), ("events", "--job", "zzz")):
        says(t, fake.client(*args), 1, "no such job is watched", "zzz")
    for args in (("status", "A b"), ("remove", ""), ("wait", "sft/"), ("add", "no/kind/x"),
                 ("watch", "a/b/c/d")):
        says(t, fake.client(*args), 64, "not the name of a job")
    says(t, fake.client("add", "sft/new"), 64, "there are several accounts", "ACCOUNT/sft/new")
    t.equal(fake.asked("PUT"), [])


# add, remove


@tap.test()
def add(t):
    fake = FakeDaemon(t, [job("sft", "old")])
    fake.notifiers = [HELD, OFF]
    result = fake.client("add", "sft/new", "acme/dpo/n2", "sft/old")
    t.equal((result.code, result.err), (0, ""))
    t.equal(result.out, "acme/sft/new is watched now\nacme/dpo/n2 is watched now\n"
                        "acme/sft/old was watched already\n")
    result = fake.client("--json", "add", "--notify", "deploy", "--notify=slack", "sft/n3", "sft/n4")
    jobs = json.loads(result.out)["jobs"]
    t.equal((result.code, [(j["id"], j["notify"]) for j in jobs]),
            (0, [("n3", ["deploy", "slack"]), ("n4", ["deploy", "slack"])]))
    t.equal(fake.asked("PUT.*n3"), ["PUT /v1/jobs/acme/sft/n3?notify=deploy,slack"])
    says(t, fake.client("add", "--notify", "a b&c", "sft/n5"), 64, "no notifier is called a b&c")
    says(t, fake.client("add", "nobody/sft/x"), 1, "no account is called nobody")
    fake.answers["PUT /v1/jobs/acme/sft/n6"] = (409, error("conflict", "too many jobs"))
    result = fake.client("add", "sft/n6", "sft/n7")
    t.equal((result.code, result.out), (1, "acme/sft/n7 is watched now\n"))
    says(t, fake.client("add"), 64, "add takes the jobs")


@tap.test()
def remove(t):
    fake = FakeDaemon(t, [job("sft", id_) for id_ in "abcd"])
    result = fake.client("remove", "sft/a", "b")
    t.equal((result.code, result.out), (
        0, "acme/sft/a is not watched any more\nacme/sft/b is not watched any more\n"))
    result = fake.client("--json", "remove", "acme/sft/c", "acme/sft/a")
    t.equal((result.code, json.loads(result.out)), (1, {"removed": ["acme/sft/c"]}))
    t.check("acme/sft/a is not watched" in result.err, result.err)
    t.equal(list(j["id"] for j in fake.jobs.values()), ["d"])
    says(t, fake.client("remove"), 64, "remove takes the jobs")


# notifiers, test, reload


@tap.test()
def notifiers(t):
    fake = FakeDaemon(t)
    result = fake.client("notifiers")
    t.equal((result.code, result.out), (0, ""))
    t.check("there is no notifier" in result.err, result.err)
    fake.notifiers = [HELD, OFF, GONE]
    result = fake.client("notifiers")
    t.equal([line.split(maxsplit=7) for line in result.out.splitlines()[1:]], [
        ["deploy", "exec", "ok", "1", "2", "30", "5", "exit 1"],
        ["slack", "webhook", "off", "1", "2", "30", "5", "410 Gone"],
        ["old", "exec", "removed", "1", "2", "30", "5", "-"]])
    t.equal(fake.client("--json", "notifiers").out,
            document({"notifiers": [HELD, OFF, GONE]}) + "\n")
    says(t, fake.client("notifiers", "x"), 64, "no argument")
    fake.answers["/v1/notifiers"] = (200, '{"notifiers":[1]}')
    says(t, fake.client("notifiers"), 69, "another version")


@tap.test()
def test_of_a_notifier(t):
    fake = FakeDaemon(t)
    fake.notifiers = [HELD]
    result = fake.client("test", "deploy", "--event", "job.failed")
    t.equal((result.code, result.out, result.err), (0, "deploy: delivered\n", ""))
    t.equal(fake.asked("test"), ["POST /v1/notifiers/deploy/test?event=job.failed"])
    for verdict, word in (("retry", "would be tried again"), ("dead", "would be given up"),
                          ("newer", "newer")):
        answer = document({"verdict": verdict, "message": "HTTP 500\x1b", "event": "evt_1"})
        fake.answers["POST /v1/notifiers/deploy/test"] = (200, answer)
        result = fake.client("test", "deploy")
        t.equal(result.code, 1, verdict)
        t.check(word in result.out and "HTTP 500 \n" in result.out, result.out)
        result = fake.client("test", "--json", "deploy")
        t.equal((result.code, result.out), (1, answer + "\n"))
    says(t, fake.client("test", "a/../b"), 1, "no notifier", "Try: tunewatch notifiers")
    t.equal(fake.asked("POST .*b/test"), ["POST /v1/notifiers/a%2F..%2Fb/test"])
    fake.answers["POST /v1/notifiers/deploy/test"] = (409, error("conflict", "deploy is off"))
    says(t, fake.client("test", "deploy"), 1, "deploy is off")
    fake.answers["POST /v1/notifiers/deploy/test"] = (400, error("bad_request", "no such type"))
    says(t, fake.client("test", "deploy", "--event", "x"), 64, "no such type")
    fake.answers["POST /v1/notifiers/deploy/test"] = (200, "{}")
    says(t, fake.client("test", "deploy"), 69, "another version")
    for args in (("test",), ("test", "a", "b"), ("test", "x" * 2000)):
        says(t, fake.client(*args), 64)


@tap.test()
def reload_(t):
    fake = FakeDaemon(t)
    result = fake.client("reload")
    t.equal((result.code, result.out), (0, "the configuration was read again\n"))
    t.equal(fake.client("--json", "reload").out, '{"status":"ok"}\n')
    refused = error("bad_configuration", "2 faults, the old one stays",
                    faults=["/etc/x.conf:3: no such option", "/etc/x.conf:9: no \x1bvalue"])
    fake.answers["POST /v1/reload"] = (422, refused)
    result = fake.client("reload")
    t.equal((result.code, result.out, result.err), (
        78, "", "/etc/x.conf:3: no such option\n/etc/x.conf:9: no  value\n"
                "tunewatch: tunewatchd says: 2 faults, the old one stays\n"))
    result = fake.client("reload", "--json")
    t.equal((result.code, result.out), (78, refused + "\n"))
    says(t, fake.client("reload", "x"), 64, "no argument")


# events


@tap.test()
def events(t):
    fake = FakeDaemon(t)
    t.equal((fake.client("events").code, fake.client("events").out), (0, ""))
    docs = [fake.emit("job.running", id_="a"), fake.emit("job.failed", id_="b"),
            fake.emit("watcher.degraded", job_=False, trouble="dns", lastError="no host"),
            fake.emit("job.succeeded", id_="b")]
    result = fake.client("events", env={"TZ": "XYZ-2"})
    t.equal(result.out.splitlines(), [
        "2026-11-20 08:31:56  acme/sft/a is running", "2026-11-20 08:31:56  acme/sft/b failed",
        "2026-11-20 08:31:56  account acme is out of sight: dns: no host",
        "2026-11-20 08:31:56  acme/sft/b succeeded"])
    t.equal(fake.client("events", "--json").out.splitlines(), docs, "the exact bytes")
    t.equal(fake.client("events", "--json", "-n", "2").out.splitlines(), docs[2:])
    t.equal(fake.client("events", "--json", "--job", "acme/sft/b").out.splitlines(),
            [docs[1], docs[3]])
    # Not watched any more, but it has a history.
    t.equal(fake.client("events", "--json", "--job", "sft/a").out.splitlines(), docs[:1])
    for args in (("--lines", "0"), ("--lines", "1001"), ("--lines", "x"), ("--lines", "-1"),
                 ("--lines=",), ("--since", "yesterday"), ("--since", "1h", "--lines", "3"), ("b",)):
        says(t, fake.client("events", *args), 64)
    fake.answers["/v1/events"] = (200, '{"events":[1],"last":3}')
    says(t, fake.client("events"), 69, "another version")
    fake.answers["/v1/events"] = (503, error("unavailable", "the store fails"))
    says(t, fake.client("events"), 75, "the store fails")


@tap.test()
def events_of_a_newer_daemon(t):
    fake = FakeDaemon(t)
    fake.emit("job.dreaming", id_="a")
    t.check(fake.client("events").out.endswith(
        "  accounts/acme/supervisedFineTuningJobs/a job.dreaming\n"), "a type that is not known")


@tap.test()
def events_since(t):
    fake = FakeDaemon(t)
    docs = [fake.emit("job.progress", id_=f"j{i}") for i in range(2500)]
    begin = time.time()
    result = fake.client("events", "--json", "--since", "2h")
    t.equal(result.out.splitlines(), docs)
    pages = fake.asked("GET /v1/events")
    t.equal([page.partition("after=")[2] for page in pages], ["", "1000", "2000"])
    since = pages[0].partition("since=")[2].partition("&")[0]
    t.check(abs(time.mktime(time.strptime(since[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
                - (begin - 7200)) < 60, f"since {since}")


@tap.test()
def events_that_nobody_reads(t):
    fake = FakeDaemon(t)
    for i in range(900):
        fake.emit("job.progress", id_=f"j{i}")
    for json_ in ("", "--json"):
        result = run_program(t, ["bash", "-c", 'set -o pipefail; "$@" | head -n 1; '
                                 'echo ${PIPESTATUS[0]}', "x", *CLIENT, "--socket", fake.path,
                                 "events", "-n", "900", *json_.split()])
        lines = result.out.splitlines()
        t.equal((len(lines), result.err), (2, ""))
        t.check(lines[1] in ("0", "141"), lines[1])


@tap.test()
def follow(t):
    fake = FakeDaemon(t)
    docs = [fake.emit("job.running", id_=f"j{i}") for i in range(12)]
    program = Running(t, fake.path, "events", "--follow", "--json")
    t.wait(lambda: program.lines() == docs[2:], 10, "the newest ten")
    t.wait(lambda: fake.streams, 10, "a stream")
    docs.append(fake.emit("job.failed", id_="a"))
    t.wait(lambda: program.lines() == docs[2:], 10, "a new one")
    # The daemon is stopped and started; meanwhile, something happens.
    fake.stop()
    t.wait(lambda: "waiting for it" in program.said(), 10, "a word about it")
    docs += [fake.emit("job.failed", id_="b"), fake.emit("job.failed", id_="c")]
    fake.start()
    t.wait(lambda: program.lines() == docs[2:], 10, "what was missed, once")
    t.equal(program.said().count("\n"), 1, program.said())
    # Too slow a reader is dropped, and goes on from where it was.
    t.wait(lambda: fake.streams, 10, "a stream")
    fake.drop()
    docs.append(fake.emit("job.failed", id_="d"))
    t.wait(lambda: program.lines() == docs[2:], 10, "the one behind that")
    for _ in range(3):
        t.wait(lambda: fake.streams, 10, "a stream")
        fake.cut()
        docs.append(fake.emit("job.failed", id_="e"))
        t.wait(lambda: program.lines() == docs[2:], 10, "after a cut")
    last = [r.headers.get("Last-Event-ID") for r in fake.requests if "stream" in r.target]
    t.equal(last[0], "12")
    t.check(all(last), last)
    program.signal(signal.SIGINT)
    t.equal(program.wait(), -signal.SIGINT)


@tap.test()
def follow_from_now(t):
    fake = FakeDaemon(t)
    fake.emit("job.running", id_="a")
    program = Running(t, fake.path, "events", "-f", "-n", "0", "--json", "--job", "sft/a")
    t.wait(lambda: fake.streams, 10, "a stream")
    fake.emit("job.running", id_="b")
    doc = fake.emit("job.failed", id_="a")
    t.wait(lambda: program.lines() == [doc], 10, "the new one of this job")


@tap.test()
def follow_since(t):
    fake = FakeDaemon(t)
    for i in range(5):
        fake.emit("job.running", id_=f"j{i}")
    fake.old = 5
    program = Running(t, fake.path, "events", "-f", "--since", "1h", "--json")
    t.wait(lambda: fake.streams, 10, "a stream")
    doc = fake.emit("job.failed", id_="a")
    t.wait(lambda: program.lines() == [doc], 10, "the new one, and none of before")
    fake.old = 3
    result = fake.client("events", "--since", "1h", "--json")
    t.equal(len(result.out.splitlines()), 3)


@tap.test()
def follow_another_database(t):
    fake = FakeDaemon(t)
    for i in range(20):
        fake.emit("job.running", id_=f"j{i}")
    program = Running(t, fake.path, "events", "-f", "-n", "0", "--json")
    t.wait(lambda: fake.streams, 10, "a stream")
    fake.number, fake.events = 3, []
    fake.answers["/v1/events/stream"] = lambda r: (503, error("unavailable", "not yet"))
    fake.cut()
    t.wait(lambda: "not yet" in program.said(), 10, "a word about it")
    # Behind a number that is not there yet, it begins at its own end.
    plain = fake.stream
    fake.stream = lambda r, h: (r.headers.replace_header("Last-Event-ID", "3"), plain(r, h))
    del fake.answers["/v1/events/stream"]
    t.wait(lambda: fake.streams, 10, "a stream")
    doc = fake.emit("job.failed", id_="a")
    t.wait(lambda: program.lines() == [doc], 10, "its event")


@tap.test()
def follow_where_it_is_not_allowed(t):
    fake = FakeDaemon(t)
    fake.answers["/v1/events/stream"] = (403, error("forbidden", "not for you"))
    says(t, fake.client("events", "-f"), 77, "not for you")
    fake.answers["/v1/events/stream"] = (404, error("not_found", "no such call"))
    says(t, fake.client("events", "-f"), 1, "no such call")


# wait

ENDS = (("succeeded", 0, "succeeded"), ("failed", 1, "failed"), ("expired", 1, "expired"),
        ("cancelled", 3, "was cancelled"), ("removed", 4, "was removed"),
        ("early_stopped", 5, "stopped early"))


@tap.test()
def wait_for_what_has_ended(t):
    fake = FakeDaemon(t, [job("sft", phase.replace("_", "-"), phase=phase) for phase, _, _ in ENDS])
    for phase, code, verb in ENDS:
        result = fake.client("wait", f"sft/{phase.replace('_', '-')}")
        t.equal((result.code, result.err), (code, ""), phase)
        t.check(f" {verb}" in result.out, result.out)
    fake.set("sft", "failed", createTime="2026-11-20T04:00:00Z",
             completedTime="2026-11-20T06:05:30Z",
             status={"code": "INTERNAL", "message": "out of \x1bpaint"})
    t.equal(fake.client("wait", "sft/failed").out,
            "acme/sft/failed failed after 2h 5min: INTERNAL: out of  paint\n")
    # The first that did not succeed decides.
    for args, code in ((("succeeded", "cancelled", "failed"), 3), (("failed", "cancelled"), 1),
                       (("--any", "succeeded", "failed"), 0), (("--any", "failed", "succeeded"), 1)):
        t.equal(fake.client("wait", *args).code, code, args)
    result = fake.client("wait", "--json", "succeeded", "removed")
    found = json.loads(result.out)
    t.equal((result.code, [j["phase"] for j in found["jobs"]], found["timedOut"]),
            (4, ["succeeded", "removed"], False))


@tap.test()
def wait_for_an_end(t):
    fake = FakeDaemon(t, [job("sft", "a"), job("sft", "b"), job("sft", "c", "other")],
                      accounts=("acme", "other"))
    program = Running(t, fake.path, "wait", "a", "other/sft/c")
    t.wait(lambda: fake.streams, 10, "a stream")
    fake.ends("sft", "b", "failed")
    fake.ends("sft", "c", "succeeded", "other")
    t.wait(lambda: program.lines(), 10, "a line as soon as one has ended")
    t.equal(program.code(), None)
    begin = time.monotonic()
    fake.ends("sft", "a", "early_stopped")
    t.equal(program.wait(), 5)
    t.check(time.monotonic() - begin < 2, "an event wakes it")
    t.equal((program.lines(), program.said()),
            (["other/sft/c succeeded", "acme/sft/a stopped early"], ""))


@tap.test()
def wait_for_any(t):
    fake = FakeDaemon(t, [job("sft", "a"), job("sft", "b")])
    program = Running(t, fake.path, "--json", "wait", "--any", "a", "b")
    t.wait(lambda: fake.streams, 10, "a stream")
    fake.ends("sft", "b", "cancelled")
    t.equal(program.wait(), 3)
    t.equal([j["phase"] for j in json.loads(program.lines()[0])["jobs"]], ["running", "cancelled"])


@tap.test()
def wait_without_events(t):
    fake = FakeDaemon(t, [job("sft", "a")])
    fake.answers["/v1/events/stream"] = (404, error("not_found", "no such call"))
    program = Running(t, fake.path, "wait", "sft/a")
    t.wait(lambda: fake.asked("stream"), 10, "a question for the stream")
    fake.set("sft", "a", phase="succeeded")
    t.equal(program.wait(), 0)
    t.equal((len(fake.asked("stream")), program.said()), (1, ""))


@tap.test()
def wait_through_a_restart(t):
    fake = FakeDaemon(t, [job("sft", "a"), job("sft", "b", phase="succeeded")])
    program = Running(t, fake.path, "wait", "b", "a")
    t.wait(lambda: fake.streams, 10, "a stream")
    fake.stop()
    t.wait(lambda: "waiting for it" in program.said(), 10, "a word about it")
    fake.ends("sft", "a", "cancelled")
    fake.start()
    t.equal(program.wait(), 3)
    t.equal(program.said().splitlines()[1:], ["tunewatch: tunewatchd answers again"])
    t.equal(program.lines(), ["acme/sft/b succeeded", "acme/sft/a was cancelled"])


@tap.test()
def wait_for_a_job_that_is_not_watched(t):
    fake = FakeDaemon(t)
    program = Running(t, fake.path, "wait", "sft/new")
    t.wait(lambda: fake.streams, 10, "a stream")
    t.equal(program.said(), "tunewatch: acme/sft/new was not watched; from now on it is\n")
    t.equal(fake.asked("PUT"), ["PUT /v1/jobs/acme/sft/new"])
    fake.ends("sft", "new", "succeeded")
    t.equal((program.wait(), program.lines()), (0, ["acme/sft/new succeeded"]))
    says(t, fake.client("wait", "nobody/sft/x"), 1, "no account is called nobody")


@tap.test()
def wait_for_what_is_not_there(t):
    fake = FakeDaemon(t, [job("sft", "a"), job("sft", "b")])
    program = Running(t, fake.path, "wait", "sft/a", "sft/b")
    t.wait(lambda: fake.streams, 10, "a stream")
    fake.set("sft", "a", notFound=True, phase=None, state="")
    fake.jobs.pop("accounts/acme/supervisedFineTuningJobs/b")
    fake.emit("watcher.restored", job_=False, durationSeconds=1)
    t.equal(program.wait(), 4)
    # The look that the stream's beginning asks for may see one before the other.
    t.equal(sorted(program.lines()), ["acme/sft/a is not known to the API",
                                      "acme/sft/b is not watched any more"])
    t.equal(program.said(), "tunewatch: acme/sft/a stays watched; if there will be none: "
                            "tunewatch remove acme/sft/a\n")


@tap.test()
def wait_times_out(t):
    fake = FakeDaemon(t, [job("sft", "a"), job("sft", "b"), job("sft", "c", phase="succeeded")])
    begin = time.monotonic()
    result = fake.client("wait", "--timeout", "1s", "c", "a", "b")
    t.check(0.9 < time.monotonic() - begin < 5, "after a second")
    t.equal((result.code, result.out), (124, "acme/sft/c succeeded\n"))
    t.equal(result.err, "tunewatch: timed out after 1s: acme/sft/a is running, "
                        "and 1 more have not ended\n")
    result = fake.client("wait", "--timeout", "0", "--json", "a")
    t.equal((result.code, json.loads(result.out)["timedOut"]), (124, True))
    t.equal(fake.client("wait", "--timeout", "off", "c").code, 0)
    for timeout in ("", "soon", "-1s", "1 fortnight"):
        says(t, fake.client("wait", "--timeout", timeout, "a"), 64, "not a duration")
    says(t, fake.client("wait"), 64, "wait takes the jobs")


@tap.test()
def wait_for_many(t):
    fake = FakeDaemon(t, [job("sft", f"j{i}") for i in range(200)])
    program = Running(t, fake.path, "wait", *(f"sft/j{i}" for i in range(200)))
    t.wait(lambda: fake.streams, 20, "a stream")
    for i in range(200):
        fake.ends("sft", f"j{i}", "succeeded")
    t.equal((program.wait(), len(set(program.lines()))), (0, 200))


# watch, off a terminal


@tap.test()
def watch_prints_changes(t):
    fake = FakeDaemon(t, [job("sft", "a"), job("sft", "b")])
    program = Running(t, fake.path, "watch", "sft/a")
    t.wait(lambda: len(program.lines()) == 2, 10, "the table")
    fake.set("sft", "a", lastPoll="2026-11-20T06:40:00Z", nextPoll="2026-11-20T06:50:00Z")
    fake.set("sft", "b", phase="failed")
    before = len(fake.asked("/v1/jobs"))
    t.wait(lambda: len(fake.asked("/v1/jobs")) > before + 1, 10, "another look")
    t.equal(len(program.lines()), 2, "nothing of a has changed")
    fake.set("sft", "a", phase="succeeded")
    t.wait(lambda: len(program.lines()) == 5, 10, "the table again")
    t.equal([line.split()[:1] for line in program.lines()],
            [["JOB"], ["acme/sft/a"], [], ["JOB"], ["acme/sft/a"]])
    t.check("succeeded" in program.lines()[4], program.lines())
    fake.stop()
    t.wait(lambda: "waiting for it" in program.said(), 10, "a word about it")
    fake.start()
    t.wait(lambda: "answers again" in program.said(), 10, "a word about it")
    program.signal(signal.SIGINT)
    t.equal(program.wait(), 0, "Ctrl-C")
    t.equal(len(program.lines()), 5)


@tap.test()
def watch_json(t):
    fake = FakeDaemon(t, [job("sft", "a")])
    program = Running(t, fake.path, "--json", "watch")
    t.wait(lambda: len(program.lines()) == 1, 10, "a document")
    fake.set("sft", "a", status={"code": "OK", "message": "news"})
    t.wait(lambda: len(program.lines()) == 2, 10, "another one")
    fake.jobs.clear()
    t.wait(lambda: len(program.lines()) == 3, 10, "one without jobs")
    documents = [json.loads(line) for line in program.lines()]
    t.equal([[j["status"]["message"] for j in d["jobs"]] for d in documents], [[""], ["news"], []])
    for number in (signal.SIGTERM, signal.SIGHUP):
        other = Running(t, fake.path, "watch")
        t.wait(lambda: fake.asked("readMask"), 10, "a look")
        time.sleep(0.3)
        other.signal(number)
        t.equal(other.wait(), 128 + number)


# what all have


def everything():
    """A call of each command that asks the daemon."""
    return (("status",), ("watch",), ("wait", "sft/a"), ("events",), ("events", "-f"),
            ("add", "acme/sft/a"), ("remove", "acme/sft/a"), ("deliveries",), ("retry", "evt_1.x"),
            ("retry", "--dead"), ("notifiers",), ("test", "x"), ("reload",))


@tap.test()
def nobody_there(t):
    fake = FakeDaemon(t)
    fake.stop()
    for args in everything():
        says(t, fake.client(*args), 69, "is it running", "Try: systemctl status tunewatchd")
        t.equal(fake.client("--json", *args).code, 69, args)


@tap.test()
def not_allowed(t):
    if os.geteuid() == 0 and not os.access("/usr/bin/setpriv", os.X_OK):
        raise tap.Skip("root may use any socket, and there is no setpriv (Debian: util-linux)")
    fake = FakeDaemon(t)
    os.chmod(fake.path, 0)
    os.chmod(t.dir, 0o755)
    os.chmod(os.path.dirname(t.dir), 0o755)
    as_nobody = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    for args in everything():
        result = run_program(t, [*as_nobody, *CLIENT, "--socket", fake.path, *args])
        says(t, result, 77, "you may not use the socket")


@tap.test()
def whatever_the_daemon_says(t):
    fake = FakeDaemon(t)
    for status, code, exit_status in ((403, "read_only", 77), (403, "forbidden", 77),
                                      (503, "unavailable", 75), (500, "internal", 69),
                                      (405, "method_not_allowed", 69)):
        fake.answer = lambda r, s=status, c=code: (s, error(c, "because \x1b[31m"))
        for args in everything():
            if args != ("events", "-f"):
                says(t, fake.client(*args), exit_status, "because  [31m")
    fake.answer = lambda r: (200, "<html>")
    for args in everything():
        if args[0] not in ("add", "remove", "retry", "reload", "deliveries") or "--dead" in args:
            says(t, fake.client(*args), 69, "another version")


@tap.test()
def options_where_they_belong(t):
    fake = FakeDaemon(t, [job("sft", "a")])
    t.equal(fake.client("status", "--json").out, fake.client("--json", "status").out)
    for args, words in ((("status", "--timeout", "1s"), ("status takes no --timeout", "status --help")),
                        (("wait", "--follow", "a"), ("wait takes no --follow",)),
                        (("events", "--notify", "x"), ("events takes no --notify",)),
                        (("status", "--jsno"), ("did you mean --json?",)),
                        (("wait", "--time-out", "1s", "a"), ("did you mean --timeout?",)),
                        (("status", "--xyzzy"), ("no such option: --xyzzy", "status --help")),
                        (("events", "-x"), ("no such option: -x", "events --help")),
                        (("events", "--since"), ("--since needs an argument", "events --help")),
                        (("events", "-n"), ("-n needs an argument", "events --help")),
                        (("status", "--json=1"), ("--json takes no argument",)),
                        (("status", "--socket", ""), ("--socket needs the path",)),
                        (("status", "/" * 3000), (f"not the name of a job: {'/' * 80} (",)),
                        (("statsu",), ("did you mean status?",)),
                        (("xyzzy",), ("no such command: xyzzy. Try: tunewatch --help",)),
                        (("help", "xyzzy"), ("no such command",)),
                        (("help", "status", "wait"), ("one command",)),
                        (("version", "x"), ("no argument",)),
                        (("retry", "--dead", "x"), ("ids or --dead",)),
                        (("add", *["--notify=x"] * 65, "sft/a"), ("more than 64 times",))):
        says(t, fake.client(*args), 64, *words)


@tap.test()
def help_on_one_screen(t):
    commands = [line.split("\t")[0] for line in
                run_program(t, [*CLIENT, "__complete", ""]).out.splitlines()]
    t.check(len(commands) > 10, commands)
    for args in (["--help"], ["-h"], ["help"], *(["help", c] for c in commands),
                 *([c, "--help"] for c in commands)):
        result = run_program(t, [*CLIENT, *args])
        lines = result.out.splitlines()
        t.equal((result.code, result.err), (0, ""), args)
        t.check(len(lines) <= 25 and max(map(len, lines)) < 80, f"{args}: {len(lines)} lines")
        t.check(not [line for line in lines if line.count("[") != line.count("]")],
                f"{args}: an option is broken in two")
    result = run_program(t, CLIENT)
    t.equal((result.code, result.out), (64, ""))
    t.check("Usage: tunewatch" in result.err, result.err)


@tap.test()
def starts_at_once(t):
    if len(CLIENT) > 1:
        raise tap.Skip("not the client alone")
    fastest = 1
    for _ in range(20):
        begin = time.monotonic()
        subprocess.run([*CLIENT, "version"], stdout=subprocess.DEVNULL, check=True)
        fastest = min(fastest, time.monotonic() - begin)
    t.note(f"{1000 * fastest:.1f} ms with fork and exec")
    t.check(fastest < 0.1, f"{fastest} s")


if __name__ == "__main__":
    tap.main()
