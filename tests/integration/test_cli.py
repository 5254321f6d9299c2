#!/usr/bin/env python3
"""The command line against the real daemon: every command, and every exit status that a daemon can
bring about."""

import json
import os
import re
import signal
import time

from harness import (
    CLIENT, PACER, Config, Daemon, Hook, Running, Sim, Webhook, is_plain, name_of, run_program,
    settle, tap,
)

SFT = "supervisedFineTuningJobs"
ENDS = (("COMPLETED", 0, "succeeded"), ("FAILED", 1, "failed"), ("EXPIRED", 1, "expired"),
        ("CANCELLED", 3, "was cancelled"), ("DELETED", 4, "was removed"),
        ("EARLY_STOPPED", 5, "stopped early"))
FILE = """{ // what is trained
  "displayName": "Support replies", /* for people */
  "dataset": "accounts/acme/datasets/d", "baseModel": "accounts/fireworks/models/m",
  "epochs": 3, "learningRate": 1e-4, "loraRank": 16, "earlyStop": true }
"""


def job(id_, kind="sft", state="RUNNING", **more):
    return {"kind": kind, "id": id_, "state": state, **more}


def short(id_, kind="sft"):
    return f"acme/{kind}/{id_}"


def begin(t, *jobs, known=True, configure=None, clock="real", watch=None, **options):
    """(sim, daemon) with these jobs, and one that keeps its kind looked at every second."""
    sim = Sim(t, {"clock": clock, "jobs": [PACER, *jobs], **options})
    config = Config(t).account(sim).watch(**{"kinds": ["sft"], **(watch or {})})
    if configure:
        configure(config)
    daemon = Daemon(t, config)
    if known:
        daemon.wait_known(name_of("sft", "pacer"),
                          *(name_of(j["kind"], j["id"]) for j in jobs if j["kind"] == "sft"))
    return sim, daemon


def run(t, daemon, *args, **options):
    return Running(t, daemon.config.socket, *args, **options)


def waiting(t, daemon, *args):
    """`tunewatch wait`, once it listens."""
    listeners = count_listeners(daemon)
    program = run(t, daemon, "wait", *args)
    t.wait(lambda: count_listeners(daemon) > listeners, 10, "it to listen")
    return program


def count_listeners(daemon):
    """Connections that are open at the daemon's socket, the one that asks aside."""
    with open("/proc/net/unix", encoding="utf-8") as file:
        return sum(line.split()[-1] == daemon.config.socket and line.split()[5] == "03"
                   for line in file)


def says(t, result, code, *words, out=""):
    """One sentence on standard error."""
    t.equal((result.code, result.out, result.err.count("\n")), (code, out, 1), result.err)
    for word in words:
        t.check(word in result.err, f"{word}: {result.err}")


def table(result):
    """The rows of a table as lists of words, without the heading."""
    return [line.split() for line in result.out.splitlines()[1:]]


def shown_at(sim, kind, id_):
    """When an answer showed the job as it is now for the first time, on CLOCK_MONOTONIC."""
    world = sim.server.api.world
    return world.clock.start + world.jobs[name_of(kind, id_)].visible[-1][0]


# --- wait ---


@tap.test()
def wait_says_how_a_job_ended(t):
    sim, daemon = begin(t, *(job(state.lower().replace("_", "-")) for state, _, _ in ENDS),
                        job("gone"))
    programs = [(state.lower().replace("_", "-"), state, code, verb) for state, code, verb in ENDS]
    programs = [(waiting(t, daemon, short(id_)), id_, state, code, verb)
                for id_, state, code, verb in programs]
    gone = waiting(t, daemon, "gone")
    for _, id_, state, _, _ in programs:
        sim.set("sft", id_, state=state)
    sim.set("sft", "gone", gone=True)
    for program, id_, state, code, verb in programs:
        t.equal(program.wait(), code, state)
        t.check(program.lines()[0].startswith(f"{short(id_)} {verb}"), program.lines())
        t.equal(program.said(), "")
    t.equal((gone.wait(), gone.lines()[0].split(" after ")[0]), (4, f"{short('gone')} was removed"))
    # Once more, now that it is over; several: the first in the order of arguments decides.
    for ids, code in ((("completed",), 0), (("completed", "cancelled", "failed"), 3),
                      (("failed", "cancelled"), 1), (("--any", "early-stopped", "failed"), 5)):
        t.equal(daemon.client("wait", *ids).code, code, ids)
    found = json.loads(daemon.client("wait", "--json", "completed", "gone").out)
    t.equal([j["phase"] for j in found["jobs"]], ["succeeded", "removed"])


@tap.test()
def wait_returns_as_soon_as_the_daemon_knows(t):
    ids = [f"j{i}" for i in range(8)]
    sim, daemon = begin(t, *map(job, ids))
    delays = []
    for id_ in ids:
        program = waiting(t, daemon, id_)
        sim.set("sft", id_, state="COMPLETED")
        sim.wait_seen("sft", id_)
        t.equal(program.wait(), 0)
        delays.append(time.monotonic() - shown_at(sim, "sft", id_))
    delays.sort()
    t.note(f"from the API's answer to the exit: {1000 * delays[0]:.0f} to {1000 * delays[-1]:.0f} ms")
    t.check(delays[len(delays) // 2] < (0.3 if is_plain() else 3), f"{delays}")


@tap.test()
def wait_outlasts_the_daemon(t):
    sim, daemon = begin(t, *map(job, "abc"))
    program = waiting(t, daemon, "a", "b", "c")
    daemon.stop()
    t.wait(lambda: "waiting for it" in program.said(), 10, "a word about it")
    sim.set("sft", "a", state="COMPLETED")
    daemon.start()
    t.wait(lambda: len(program.lines()) == 1, 20, "what happened meanwhile")
    daemon.kill()
    sim.set("sft", "b", state="FAILED")
    time.sleep(1.5)
    daemon.start()
    t.wait(lambda: len(program.lines()) == 2, 20, "what happened meanwhile")
    daemon.kill()
    daemon.start()
    sim.set("sft", "c", state="CANCELLED")
    t.equal(program.wait(), 1, "b comes before c")
    t.equal([line.split()[0] for line in program.lines()], [short(id_) for id_ in "abc"])
    lines = program.said().splitlines()
    t.check(len(lines) <= 6 and lines[1] == "tunewatch: tunewatchd answers again", lines)


@tap.test()
def wait_ends_in_time_though_the_daemon_hangs(t):
    _, daemon = begin(t, job("a"))
    began = time.monotonic()
    program = waiting(t, daemon, "a", "--timeout", "7s")
    time.sleep(2)  # with the stream open
    daemon.program.send_signal(signal.SIGSTOP)
    t.defer(lambda: daemon.program.send_signal(signal.SIGCONT))
    t.equal(program.wait(20), 124)
    t.check(time.monotonic() - began < 10, "not when the daemon answers")


@tap.test()
def wait_outlasts_the_api(t):
    sim, daemon = begin(t, job("a"))
    program = waiting(t, daemon, "a")
    sim.stop()
    t.wait(lambda: not daemon.get("/v1/status")["accounts"][0]["inSight"], 15, "an outage")
    sim.set("sft", "a", state="COMPLETED")
    time.sleep(1)
    t.equal((program.code(), program.lines()), (None, []))
    sim.restart()
    t.equal((program.wait(30), program.said()), (0, ""))


@tap.test()
def wait_adds_what_is_not_watched(t):
    sim, daemon = begin(t, job("d", "dpo"), job("e", "dpo", "COMPLETED"))
    program = waiting(t, daemon, "dpo/d")
    said = "tunewatch: acme/dpo/d was not watched; from now on it is\n"
    t.wait(lambda: program.said() == said, 10, said)
    daemon.wait_known(name_of("dpo", "d"))
    t.check(daemon.job("dpo", "d")["added"], "it says so")
    sim.set("dpo", "d", state="COMPLETED")
    t.equal(program.wait(), 0)
    result = daemon.client("wait", "acme/dpo/e")
    t.equal((result.code, result.out.split()[:2]), (0, ["acme/dpo/e", "succeeded"]))
    result = daemon.client("wait", "dpo/nowhere")
    t.equal((result.code, result.out), (4, "acme/dpo/nowhere is not known to the API\n"))
    t.check(result.err.endswith("if there will be none: tunewatch remove acme/dpo/nowhere\n"),
            result.err)
    says(t, daemon.client("wait", "nobody/sft/a"), 1, "nobody")
    says(t, daemon.client("wait", "nobody"), 1, "no such job is watched: nobody")


@tap.test()
def wait_for_any_and_for_so_long(t):
    sim, daemon = begin(t, *map(job, "abc"))
    program = waiting(t, daemon, "--any", "a", "b", "c")
    result = daemon.client("wait", "--timeout", "1s", "b", "c")
    says(t, result, 124, "timed out after 1s: acme/sft/b is running, and 1 more have not ended")
    sim.set("sft", "b", state="CANCELLED")
    t.equal(program.wait(), 3)
    t.equal(daemon.client("wait", "--timeout", "1s", "b", "c").code, 124)
    daemon.kill()
    program = daemon.client("wait", "c")
    says(t, program, 69, "is it running")
    daemon.start()


# --- events ---


def bodies_of(hook):
    """What the webhook got, each event once, in order."""
    seen = {d.event["id"]: d.body.decode() for d in reversed(hook.got())}
    return {id_: seen[id_] for id_ in dict.fromkeys(d.event["id"] for d in hook.got())}


@tap.test()
def events_follow_through_everything(t):
    hook = Webhook(t)
    sim, daemon = begin(t, *map(job, "abc"), configure=lambda c: c.webhook(hook), clock="manual")
    program = run(t, daemon, "events", "--follow", "--json")
    of_b = run(t, daemon, "events", "-f", "--json", "--job", "b")
    t.wait(lambda: count_listeners(daemon) >= 2, 10, "both to listen")

    def happen(percent):
        for id_ in "abc":
            sim.set("sft", id_, progress={"percent": percent, "epoch": 0})

    happen(10)
    t.wait(lambda: len(program.lines()) >= 3, 15, "three events")
    daemon.stop()
    happen(25)
    daemon.start()
    t.wait(lambda: len(program.lines()) >= 6, 20, "three more")
    for percent in (40, 55, 70):
        happen(percent)
        time.sleep(t.random.uniform(0.5, 1.5))
        daemon.kill()
        daemon.start()
    for id_ in "abc":
        sim.set("sft", id_, state="COMPLETED")
    hook.wait(3, types="job.succeeded", timeout=30)
    t.wait(lambda: sum("job.succeeded" in line for line in program.lines()) == 3, 20, "the ends")
    kept = [json.loads(line)["id"] for line in program.lines()]
    t.equal(len(kept), len(set(kept)), "an event twice")
    t.wait(lambda: len(bodies_of(hook)) == len(kept), 20, "the webhook to have all")
    t.equal({json.loads(line)["id"]: line for line in program.lines()}, bodies_of(hook),
            "the same bytes")
    t.equal(daemon.client("events", "--json").out.splitlines(), program.lines(), "in order")
    wanted = [line for line in program.lines() if json.loads(line)["subject"].endswith("/b")]
    t.wait(lambda: of_b.lines() == wanted, 10, "those of b alone")
    t.equal(daemon.client("events", "--json", "--job", "sft/b").out.splitlines(), wanted)
    t.check("waiting for it" in program.said() or not program.said(), program.said())


@tap.test()
def events_of_before(t):
    sim, daemon = begin(t, job("a"), job("b", "dpo"), watch={"kinds": ["sft"]})
    t.equal((daemon.client("events").code, daemon.client("events").out), (0, ""))
    sim.set("sft", "a", progress={"percent": 50, "epoch": 1})
    t.wait(lambda: daemon.client("events").out, 10, "an event")
    sim.set("sft", "a", state="FAILED", status={"code": "INTERNAL", "message": "out of paint"})
    t.wait(lambda: len(daemon.client("events").out.splitlines()) == 2, 10, "another one")
    lines = daemon.client("events", "--since", "1h").out.splitlines()
    t.check(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  acme/sft/a is at 50 %, epoch 1",
                         lines[0]), lines)
    t.check("acme/sft/a failed: INTERNAL: out of paint" in lines[1], lines)
    t.equal(daemon.client("events", "-n", "1").out.splitlines(), lines[1:])
    t.equal(daemon.client("events", "--since", "0").out, "")
    says(t, daemon.client("events", "--job", "nowhere"), 1, "no such job is watched")
    # Named in full, one that is not watched has a history that is empty.
    t.equal((daemon.client("events", "--job", "acme/dpo/b").code,
             daemon.client("events", "--job", "acme/dpo/b").out), (0, ""))


# --- status, watch, names ---


@tap.test()
def what_is_there_is_shown(t):
    _, daemon = begin(t, job("abc1", progress={"percent": 42, "epoch": 1}), job("abc2"),
                      job("xyz", state="FAILED", displayName="Größe 模型"))
    result = daemon.client("status")
    t.equal((result.code, result.err), (0, ""))
    t.equal([row[0] for row in table(result)],
            [short(id_) for id_ in ("abc1", "abc2", "pacer", "xyz")])
    t.check("42" in result.out and "Größe 模型" in result.out, result.out)
    for name in ("abc1", "sft/abc1", short("abc1"), name_of("sft", "abc1")):
        t.equal([row[0] for row in table(daemon.client("status", name))], [short("abc1")], name)
    t.equal([row[0] for row in table(daemon.client("status", "x", "abc2"))],
            [short("abc2"), short("xyz")])
    program = run(t, daemon, "watch", "xyz")
    t.wait(lambda: len(program.lines()) == 2, 10, "a table")
    t.check("failed" in program.lines()[1], program.lines())
    program.signal(signal.SIGINT)
    t.equal(program.wait(), 0)
    for command in ("status", "watch", "wait", "remove", "add"):
        result = daemon.client(command, "abc")
        t.equal((result.code, result.out), (64, ""), command)
        t.equal(result.err.splitlines(), ["tunewatch: 2 jobs fit abc; say which:",
                                          short("abc1"), short("abc2")], command)


@tap.test()
def watch_goes_on(t):
    sim, daemon = begin(t, job("a"))
    program = run(t, daemon, "watch", "--json", "a")
    t.wait(lambda: program.lines(), 10, "a document")
    daemon.stop()
    t.wait(lambda: "waiting for it" in program.said(), 10, "a word about it")
    sim.set("sft", "a", state="COMPLETED")
    daemon.start()

    def ended():
        return json.loads(program.lines()[-1])["jobs"][0]["phase"] == "succeeded"

    t.wait(ended, 20, "the end")
    t.check("answers again" in program.said(), program.said())


# --- add, remove ---


@tap.test()
def added_and_removed_for_good(t):
    everything, pager = Webhook(t), Webhook(t)
    sim, daemon = begin(
        t, job("a"), job("d", "dpo"), job("e", "dpo"), clock="manual",
        configure=lambda c: c.webhook(everything).webhook(pager, "pager"))
    result = daemon.client("add", "--notify", "pager", "dpo/d", "acme/dpo/e")
    t.equal((result.code, result.out, result.err), (
        0, "acme/dpo/d is watched now\nacme/dpo/e is watched now\n", ""))
    t.equal(daemon.client("remove", "a", "dpo/e").out, "acme/sft/a is not watched any more\n"
                                                       "acme/dpo/e is not watched any more\n")
    daemon.wait_known(name_of("dpo", "d"))
    says(t, daemon.client("add", "--notify", "pagre", "dpo/x"), 64, "pagre", "pager")
    says(t, daemon.client("remove", "acme/dpo/e"), 1, "not watched")
    daemon.restart()
    daemon.wait_known(name_of("dpo", "d"))
    t.equal({row[0] for row in table(daemon.client("status"))}, {short("pacer"), short("d", "dpo")})
    for kind, id_ in (("dpo", "d"), ("sft", "a"), ("sft", "pacer")):
        sim.set(kind, id_, state="COMPLETED")
    pager.wait(2, types="job.succeeded")
    everything.wait(1, types="job.succeeded")
    time.sleep(1)
    ended = {e["subject"] for e in pager.events(types="job.succeeded")}
    t.equal(ended, {name_of("dpo", "d"), name_of("sft", "pacer")}, "the one that was chosen")
    t.equal({e["subject"] for e in everything.events()}, {name_of("sft", "pacer")}, "the other")
    t.equal(daemon.client("add", "a").code, 1, "an id alone is none to watch")
    t.equal(daemon.client("add", "sft/a").out, "acme/sft/a is watched now\n")
    t.equal(daemon.client("--json", "add", "sft/a").code, 0)


# --- submit ---


def write(t, text=FILE, name="job.json"):
    path = t.path(name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def created(sim):
    """The ids of the jobs that somebody has made."""
    return sorted(j.id for j in sim.server.api.world.jobs.values() if j.id != "pacer")


def posts(sim):
    return [r for r in sim.requests(SFT) if r["method"] == "POST"]


@tap.test()
def submitted_once(t):
    sim, daemon = begin(t, settings={"created": [{"at": 0, "state": "CREATING"},
                                                 {"at": 3, "state": "COMPLETED"}]})
    path = write(t)
    first = run(t, daemon, "submit", "--wait", path)
    t.equal(first.wait(30), 0, first.said())
    id_, = created(sim)
    t.check(re.fullmatch(r"support-replies-[a-z0-9]+", id_), id_)
    lines = first.lines()
    t.equal(lines[0], f"{short(id_)} created")
    t.check(lines[1].startswith(f"{short(id_)} succeeded"), lines)
    t.equal(first.said(), "")
    # Laid out otherwise, it is the same.
    other = json.dumps(json.loads(re.sub(r"//.*|/\*.*?\*/", "", FILE)), indent=4, sort_keys=True)
    for text in (FILE, other):
        result = daemon.client("submit", write(t, text, "other.json"))
        t.equal((result.code, result.out), (
            0, f"{short(id_)} was there already and is the same job (succeeded)\n"))
        t.check("--id" in result.err, result.err)
    result = daemon.client("submit", "--json", path)
    document = json.loads(result.out)
    t.equal((result.code, document["outcome"], document["job"]["id"]), (0, "found", id_))
    t.equal((len(posts(sim)), created(sim)), (1, [id_]))
    result = daemon.client("submit", "--id", "another", path)
    t.equal((result.code, result.out), (0, "acme/sft/another created\n"))
    t.equal(created(sim), sorted([id_, "another"]))


@tap.test()
def an_id_that_another_job_has(t):
    sim, daemon = begin(t)
    t.equal(daemon.client("submit", "--id", "taken", write(t)).code, 0)
    path = write(t, FILE.replace('"epochs": 3', '"epochs": 4').replace('"loraRank": 16, ', ""))
    result = daemon.client("submit", "--id", "taken", path)
    t.equal((result.code, result.out), (65, ""))
    lines = result.err.splitlines()
    t.equal(lines, ["tunewatch: tunewatchd says: another job has this id already",
                    "  epochs: 3 there, 4 here",
                    "tunewatch: give the job of this file another id: --id ID"])
    t.equal(created(sim), ["taken"])
    t.equal(daemon.job("sft", "taken")["phase"], "starting", "still watched")


@tap.test()
def what_the_api_says_of_a_submission(t):
    sim, daemon = begin(t, known=False)
    path = write(t)
    sim.fault("400", method="POST", message="dataset d is not READY", times=1)
    says(t, daemon.client("submit", path), 65, "dataset d is not READY")
    sim.fault("403", method="POST", times=1, before=True)
    says(t, daemon.client("submit", path), 77, "403")
    sim.fault("429", method="POST", before=True, path=SFT)
    begin_s = time.monotonic()
    says(t, daemon.client("submit", "--timeout", "3s", path), 75, "429")
    t.check(time.monotonic() - begin_s < 8, "until the time-out")
    sim.clear()
    sim.fault("429", method="POST", before=True, times=1)
    sim.fault("503", method="POST", before=True, times=1)
    result = daemon.client("submit", "--timeout", "30s", "--id", "patient", path)
    t.equal((result.code, result.out), (0, "acme/sft/patient created\n"), result.err)
    t.check("patient" in created(sim), created(sim))


@tap.test()
def a_file_that_is_none(t):
    sim, daemon = begin(t, known=False)
    for text, line, words in ((FILE.replace("3,", '"3",'), 4, "epochs must be a number"),
                              (FILE.replace("dataset", "datasset"), 1, "dataset"),
                              (FILE.replace("}", ""), 5, ""), ("[1]\n", 1, ""), ("", 1, "")):
        path = write(t, text)
        result = daemon.client("submit", path)
        t.equal((result.code, result.out), (65, ""), text)
        t.check(re.search(rf"^{re.escape(path)}:{line}: .*{words}", result.err, re.M),
                f"{text}: {result.err}")
    for path in (t.path("none.json"), t.path()):
        says(t, daemon.client("submit", path), 65, path)
    t.equal(posts(sim), [])


def submit_and_kill(t, do, **fault):
    """The daemon is killed while its POST is under way, and comes back."""
    sim, daemon = begin(t, known=False)
    sim.fault(do, method="POST", times=1, **fault)
    program = run(t, daemon, "submit", write(t))
    t.wait(lambda: posts(sim), 10, "the POST")
    daemon.kill()
    t.wait(lambda: "went away" in program.said(), 10, "a word about it")
    daemon.start()
    t.equal(program.wait(60), 0, program.said())
    t.equal(program.said().count("\n"), 1, program.said())
    id_, = created(sim)
    t.check(program.lines()[0].startswith(short(id_)), program.lines())
    daemon.wait_known(name_of("sft", id_))
    t.check(daemon.job("sft", id_)["added"], "it is watched")
    return program.lines()[0].partition(" ")[2]


@tap.test()
def killed_when_the_job_was_made(t):
    said = submit_and_kill(t, "delay", seconds=60)
    t.check(said.startswith("was there already and is the same job"), said)


@tap.test()
def killed_before_the_job_was_made(t):
    t.equal(submit_and_kill(t, 503, before=True), "created")


@tap.test()
def submitted_to_be_told_to_one(t):
    everything, pager = Webhook(t), Webhook(t)
    sim, daemon = begin(t, clock="manual", configure=lambda c:
                        c.webhook(everything).webhook(pager, "pager"))
    says(t, daemon.client("submit", "--notify", "pagre", write(t)), 64, "pagre", "pager?")
    t.equal(daemon.client("submit", "--notify", "pager", "--id", "mine", write(t)).code, 0)
    sim.set("sft", "mine", state="COMPLETED")
    pager.wait(1, types="job.succeeded")
    settle(sim, SFT)
    t.equal(everything.events(subject=name_of("sft", "mine")), [])
    result = daemon.client("submit", "--account", "acne", write(t))
    t.equal((result.code, result.err.splitlines()[1:]), (64, ["  acme"]))


# --- notifiers, test, deliveries, retry, reload ---


@tap.test()
def whom_it_tells(t):
    web, hook = Webhook(t), Hook(t, exits=(0, 75, 1))
    web.script("/", 500, 200)
    _, daemon = begin(t, configure=lambda c: c.webhook(web).exec(hook))
    t.equal(sorted(row[:3] for row in table(daemon.client("notifiers"))),
            [["run", "exec", "ok"], ["web", "webhook", "ok"]])
    result = daemon.client("test", "web")
    t.equal((result.code, result.err), (1, ""))
    t.check(result.out.startswith("web: ") and "500" in result.out, result.out)
    t.equal(daemon.client("test", "web").out, "web: delivered\n")
    t.equal(web.events()[-1]["type"], "job.succeeded")
    t.equal([daemon.client("test", "run", "--event", "job.failed").code for _ in range(3)],
            [0, 1, 1])
    t.equal({run_["env"]["TUNEWATCH_EVENT"] for run_ in hook.runs()}, {"job.failed"})
    verdict = json.loads(daemon.client("--json", "test", "run").out)
    t.equal((verdict["verdict"], verdict["event"][:4]), ("dead", "evt_"))
    says(t, daemon.client("test", "wbe"), 1, "wbe")
    says(t, daemon.client("test", "web", "--event", "job.suceeded"), 64,
         'there is no event of a job of type "job.suceeded"; did you mean job.succeeded?')
    says(t, daemon.client("test", "web", "--event", "watcher.degraded"), 64, "watcher.degraded")
    t.equal(daemon.client("deliveries").out, "", "a test leaves nothing behind")


@tap.test()
def what_did_not_arrive(t):
    web = Webhook(t)
    web.script("/", 400, 503)
    sim, daemon = begin(t, job("a"), job("b"), clock="manual", configure=lambda c: c.webhook(web))
    sim.set("sft", "a", state="COMPLETED")
    t.wait(lambda: "dead" in daemon.client("deliveries").out, 10, "one that was given up")
    sim.set("sft", "b", state="COMPLETED")
    t.wait(lambda: "pending" in daemon.client("deliveries").out, 10, "one that waits")
    t.equal([row[0] for row in table(daemon.client("deliveries", "--state", "dead"))],
            [row[0] for row in table(daemon.client("deliveries")) if "dead" in row])
    documents = json.loads(daemon.client("deliveries", "--json").out)["deliveries"]
    t.equal({d["state"] for d in documents}, {"dead", "pending"})
    result = daemon.client("retry", "--dead")
    t.equal(result.code, 0, result.err)
    pending = next(d for d in documents if d["state"] == "pending")
    t.wait(lambda: len(web.got()) == 3, 10, "the dead one once more")
    result = daemon.client("retry", f"{pending['event']}.{pending['notifier']}")
    t.equal(result.code, 0, result.err)
    t.wait(lambda: not table(daemon.client("deliveries")), 10, "nothing to be left")
    t.equal([d.status for d in web.got()], [400, 503, 200, 200])
    says(t, daemon.client("retry", "evt_none.web"), 1, "evt_none")
    t.equal(daemon.client("retry", "nonsense").code, 1)
    says(t, daemon.client("deliveries", "--state", "lost"), 64, "lost")
    result = daemon.client("retry", "--dead")
    t.equal(result.code, 0, "also when there is none")


@tap.test()
def another_configuration(t):
    _, daemon = begin(t, job("d", "dpo"), configure=lambda c: c.webhook(Webhook(t)))
    daemon.config.watch(kinds=["sft", "dpo"])
    daemon.config.write()
    t.equal((daemon.client("reload").code, daemon.client("reload").out),
            (0, "the configuration was read again\n"))
    daemon.wait_known(name_of("dpo", "d"))
    path = daemon.config.write(daemon.config.text() + 'pol-interval = "1s"\nnotifier "x" {}\n')
    result = daemon.client("reload")
    t.equal((result.code, result.out), (78, ""))
    lines = result.err.splitlines()
    t.check(all(line.startswith(f"{path}:") for line in lines[:-1]) and len(lines) >= 2, lines)
    t.check("poll-interval" in lines[0], lines)
    t.check("stays" in lines[-1], lines)
    found = json.loads(daemon.client("reload", "--json").out)
    t.equal(found["error"]["faults"], lines[:-1])
    t.equal(daemon.client("status", "d").code, 0, "the old one stays")


# --- what all have ---


@tap.test()
def somebody_elses_socket(t):
    if os.geteuid() != 0 or not os.access("/usr/bin/setpriv", os.X_OK):
        raise tap.Skip("needs root and setpriv (Debian: util-linux)")
    _, daemon = begin(t, job("a"), known=False)
    for folder in (t.dir, os.path.dirname(t.dir)):
        os.chmod(folder, 0o755)
    for args in (("status",), ("events", "-f"), ("wait", "acme/sft/a"), ("submit", write(t)),
                 ("reload",), ("test", "web"), ("add", "acme/sft/a"), ("watch",)):
        says(t, run_program(t, ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                *CLIENT, "--socket", daemon.config.socket, *args]),
             77, "you may not use the socket")


@tap.test()
def nobody_reads_what_follows(t):
    """Of the programs that go on: they end when their reader has, not with the next event."""
    sim, daemon = begin(t, job("a"), clock="manual")
    sim.set("sft", "a", progress={"percent": 50, "epoch": 0})
    t.wait(lambda: daemon.client("events").out, 10, "an event")
    for args in ("events --follow --json", "watch --json a"):
        result = run_program(t, ["bash", "-c", '"$@" | head -n 1 >/dev/null; echo ${PIPESTATUS[0]}',
                                 "x", *CLIENT, "--socket", daemon.config.socket, *args.split()])
        t.equal((result.out, result.err), (f"{128 + signal.SIGPIPE}\n", ""), args)


@tap.test()
def streams_that_are_closed(t):
    """What is printed goes nowhere, least of all into a connection with the number of the stream."""
    sim, daemon = begin(t, job("a"))
    client = [*CLIENT, "--socket", daemon.config.socket]

    def run_with(redirection, *args):
        return run_program(t, ["sh", "-c", f'exec "$@" {redirection}', "x", *client, *args])

    for args in (("status",), ("notifiers",), ("help",), ("version",)):
        says(t, run_with(">&-", *args), 74, "cannot write to standard output")
    result = run_with("2>&-", "status", "a")
    t.equal((result.code, len(result.out.splitlines()), result.err), (0, 2, ""))
    t.equal(run_with("2>&-", "status", "nobody").code, 1)
    t.equal(run_with("<&-", "status").code, 0)
    says(t, run_with("<&-", "submit", "-"), 65, "cannot read")
    says(t, run_with(">&-", "wait", "--timeout", "0", "a"), 124, "timed out")


@tap.test()
def version_and_completion(t):
    _, daemon = begin(t, job("abc", displayName="Support"),
                      configure=lambda c: c.webhook(Webhook(t), "dashboard"))
    result = daemon.client("version")
    t.equal(result.out, f"tunewatch {daemon.get('/v1/status')['version']}\n")

    def complete(*words):
        result = run_program(t, [*CLIENT, "__complete", *words],
                             {"TUNEWATCH_SOCKET": daemon.config.socket})
        t.equal((result.code, result.err), (0, ""))
        return result.out.splitlines()

    t.equal(complete("status", "ab"), ["abc\trunning, Support"])
    t.equal(complete("wait", "--any", "sft/"), ["sft/abc\trunning, Support",
                                                "sft/pacer\trunning, pacer"])
    t.equal(complete("test", ""), ["dashboard\twebhook"])
    t.equal(complete("submit", "--account", ""), ["acme"])
    t.equal(complete("events", "--job=acme/"), ["--job=acme/sft/abc\trunning, Support",
                                                "--job=acme/sft/pacer\trunning, pacer"])


if __name__ == "__main__":
    tap.main()
