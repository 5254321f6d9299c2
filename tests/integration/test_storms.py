#!/usr/bin/env python3
"""Servers that refuse, and accounts that are broken: the trouble of one stays its own, and nothing is
lost."""

import contextlib
import socket
import threading

from harness import (
    KEY, Config, Daemon, Sim, Webhook, check_log, events, name_of, settle, setup, tap,
)

KINDS = tuple(events.COLLECTIONS)
PATIENT = "1h"  # longer than any of these tests: that nothing could be seen is told of in test_sight.py


def own_key(account):
    return f"fw_SIMSECRET_{account}"


def span(requests):
    """From the first to the last, in seconds."""
    return requests[-1]["clock"] - requests[0]["clock"]


def check_budget(t, requests, per_minute, what):
    """However a window is laid, it holds no more than the budget. A request may be late on its way,
    and the next one on time."""
    spacing, late = 60 / per_minute, 0.3
    for i, first in enumerate(requests):
        for n, last in enumerate(requests[i + 1:], 1):
            if last["clock"] - first["clock"] < n * spacing - late:
                t.check(False, f"{what}: {n + 1} requests in {last['clock'] - first['clock']:.2f} s")
                return


def busy(t, per_minute, sim=None, account="acme", **options):
    """More to ask than the budget allows: jobs of every kind. (sim, config, hook)"""
    sim = sim or Sim(t, {"jobs": [
        {"kind": kind, "id": "a", "account": account, "state": "RUNNING"} for kind in KINDS]})
    hook = Webhook(t)
    config = Config(t, degraded_after=PATIENT, **options).webhook(hook)
    config.account(sim, account, requests_per_minute=per_minute)
    config.watch("all", account, first_sight="announce")
    t.defer(check_log, t, hook, sim)
    return sim, config, hook


@tap.test(limit=90)
def one_refusal_halves_the_rate(t):
    """retry-after-ms counts, and after it half as many are asked a minute."""
    sim, config, hook = busy(t, 120)
    Daemon(t, config)
    hook.wait(len(KINDS), timeout=30)
    before = sim.requests()
    check_budget(t, before, 120, "before")
    sim.fault("429", retryAfterMs=5000, times=1)
    hit = t.wait(lambda: next((r for r in sim.requests() if r["fault"]), None), 15, "a 429")

    def later():
        return [r for r in sim.requests() if r["number"] > hit["number"]]

    t.wait(lambda: len(later()) >= 6, 30, "requests after it")
    # What was under way when the 429 came.
    after = [r for r in later() if r["clock"] - hit["clock"] > 2]
    t.check(len(later()) - len(after) <= 1, "went on after a 429")
    t.check(after[0]["clock"] - hit["clock"] >= 5,
            f"came back after {after[0]['clock'] - hit['clock']:.1f} s")
    check_budget(t, after, 60, "after")
    sim.set("sft", "a", state="COMPLETED")
    hook.wait(1, types="job.succeeded", timeout=40)
    t.equal(hook.events(types="watcher.*"), [])


@tap.test()
def a_question_of_others_that_is_refused_halves_the_rate(t):
    sim, config, hook = busy(t, 600)
    config.webhook(hook, wait_for_model=True)
    daemon = Daemon(t, config)
    hook.wait(len(KINDS), timeout=30)
    sim.fault("429", path="/models/", times=1)
    sim.set("sft", "a", state="COMPLETED", outputModel="accounts/acme/models/m")
    t.wait(lambda: daemon.get("/v1/status")["accounts"][0]["requestsPerMinuteNow"] == 300, 20,
           "half the rate")


@tap.test(limit=90)
def what_others_ask_counts(t):
    """Whether models are ready, and why jobs are paused: that is within the budget, too."""
    sim, config, hook = busy(t, 120)
    config.webhook(hook, wait_for_model=True)
    Daemon(t, config)
    hook.wait(len(KINDS), timeout=30)
    makers = [kind for kind in KINDS if kind not in ("batch", "eval")]
    for kind in makers:
        sim.set(kind, "a", state="COMPLETED", outputModel=f"accounts/acme/models/{kind}")
        sim.admin("model", {"account": "acme", "id": kind, "state": "READY"})
    for kind in ("batch", "eval"):
        sim.set(kind, "a", state="PAUSED")
    hook.wait(len(KINDS), types="job.succeeded|job.paused", timeout=40)
    t.equal({r["path"].rpartition("/")[2] for r in sim.requests("/models/")}, set(makers))
    t.equal(len(sim.requests("acme$")), 1, "questions why")
    check_budget(t, sim.requests(), 120, "with all questions")


@tap.test(limit=120)
def a_storm_of_refusals(t):
    """Somebody else uses most of the envelope: few are refused, all is seen, others notice nothing."""
    sim, config, hook = busy(t, 240)
    other = Sim(t, {"jobs": [{"kind": "sft", "id": "b", "account": "globex", "state": "RUNNING"}]})
    config.account(other, "globex").watch("calm", "globex")
    daemon = Daemon(t, config)
    daemon.wait_known(*(name_of(kind, "a") for kind in KINDS), name_of("sft", "b", "globex"))
    sim.settings(requestsPerMinute=20, minute=10, foreign=10, retryAfter=1)
    t.wait(lambda: [r for r in sim.requests() if r["status"] == 429], 20, "a 429")
    begin = len(other.requests())
    for kind in KINDS[:2]:
        sim.set(kind, "a", state="FAILED")
    hook.wait(2, types="job.failed", timeout=60)
    log = sim.requests()
    refused = [r for r in log if r["status"] == 429]
    first = refused[0]["number"]
    storm = [r for r in log if r["number"] >= first]
    t.note(f"{len(refused)} of {len(storm)} requests refused in {span(storm):.0f} s")
    t.check(len(refused) <= 12, f"{len(refused)} requests refused")
    calm = other.requests()[begin:]
    most = max(b["clock"] - a["clock"] for a, b in zip(calm, calm[1:]))
    t.check(most < 4, f"the other account waited {most:.1f} s")
    t.equal(hook.events(types="watcher.*"), [])


def dead_port(t):
    """Takes connections and closes them: no TLS there."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=16)

    def serve():
        with contextlib.suppress(OSError):
            while True:
                listener.accept()[0].close()

    threading.Thread(target=serve, daemon=True).start()
    t.defer(listener.close)
    return f"https://127.0.0.1:{listener.getsockname()[1]}"


@tap.test(limit=90)
def broken_accounts_beside_a_good_one(t):
    """A key that is refused, a server without TLS, something that is no API, a name that nobody
    knows: each is told of, and costs the good one nothing. Each account has a key of its own."""
    broken = {"refused": "unauthorized", "deaf": ("tls", "reset"), "portal": "not_api", "lost": "dns"}
    names = ["good", *broken]
    sim = Sim(t, {"accounts": {name: {"key": own_key(name)} for name in names}, "jobs": [
        {"kind": kind, "id": "a", "account": name, "state": "RUNNING"}
        for name in names for kind in KINDS]})
    sim.fault("401", path="/refused")
    sim.fault("html200", path="/portal")
    hook = Webhook(t)
    config = Config(t).webhook(hook)
    urls = {"deaf": dead_port(t), "lost": "https://nx.invalid"}
    for name in names:
        config.account(urls.get(name, sim), name, own_key(name),
                       requests_per_minute=120).watch(name, name, first_sight="announce")
    daemon = Daemon(t, config)
    for event in hook.wait(len(broken), types="watcher.degraded", timeout=30):
        trouble = event["data"]["trouble"]
        t.check(trouble in broken[event["data"]["account"]], f"{event['subject']}: {trouble}")
    hook.wait(len(KINDS), types="job.found", timeout=30)
    for kind in KINDS:
        sim.set(kind, "a", "good", state="COMPLETED")
    hook.wait(len(KINDS), types="job.succeeded", timeout=30)
    t.equal({e["subject"].split("/")[1] for e in hook.events(types="job.*")}, {"good"})
    for name in names:
        own = sim.requests(f"^/v1/accounts/{name}/")
        check_budget(t, own, 120, name)
        t.check(name == "good" or len(own) < 15, f"{name}: {len(own)} requests")
    t.equal([r["path"] for r in sim.requests() if not r["keyOk"]], [], "with another's key")
    t.equal({a["account"]: a["inSight"] for a in daemon.get("/v1/status")["accounts"]},
            {name: name == "good" for name in names})


@tap.test(limit=120)
def one_collection_that_is_refused(t):
    """It is said of its kind, the account stays in sight."""
    sim, hook, daemon = setup(t, {"jobs": [
        {"kind": kind, "id": id_, "state": "RUNNING"}
        for kind, id_ in (("sft", "a"), ("sft", "other"), ("dpo", "a"))]},
        {"kinds": ["sft", "dpo"]}, degraded_after="20s")
    daemon.wait_known(name_of("sft", "a"), name_of("dpo", "a"))
    sim.fault("403", path="dpoJobs")
    daemon.wait_log("acme: dpo jobs are not listed, while others are", 40)
    sim.set("sft", "a", state="COMPLETED")
    sim.set("dpo", "a", state="COMPLETED")
    hook.wait(1, types="job.succeeded", timeout=5)
    refused = len(sim.requests("dpoJobs"))
    settle(sim, "supervised", 3)
    # Its lists, or one of its jobs, when what they wait for doubles.
    t.check(len(sim.requests("dpoJobs")) - refused <= 3, "asked for as often as before")
    sim.clear()
    hook.wait(1, subject=name_of("dpo", "a"), timeout=40)
    daemon.wait_log("acme: dpo jobs are listed again", 40)
    t.equal([e["type"] for e in hook.events()], ["job.succeeded"] * 2)


def never_seen(t, refused, seen):
    sim = Sim(t, {"jobs": [{"kind": seen, "id": "a", "state": "RUNNING"}],
                  "faults": [{"do": "403", "path": f"/{events.COLLECTIONS[refused]}"}]})
    hook = Webhook(t)
    config = Config(t, degraded_after="25s").webhook(hook)
    config.account(sim, requests_per_minute=60).watch(kinds=[refused, seen])
    daemon = Daemon(t, config)
    t.defer(check_log, t, hook, sim)
    daemon.wait_log(f"acme: {refused} jobs are not listed, while others are", 30)
    daemon.wait_known(name_of(seen, "a"))
    sim.set(seen, "a", state="COMPLETED")
    hook.wait(1, types="job.succeeded", timeout=10)
    t.equal(hook.events(types="watcher.*"), [])


@tap.test(limit=90)
def the_first_collection_is_refused_from_the_start(t):
    """What nobody has seen yet is wanted most of all, and still keeps the others from nothing."""
    never_seen(t, "sft", "eval")


@tap.test(limit=90)
def the_last_collection_is_refused_from_the_start(t):
    never_seen(t, "eval", "sft")


def rotate(t, late):
    """A new key in the file of a running daemon: before or after the server refuses the old one."""
    fresh = own_key("fresh")
    sim, hook, daemon = setup(t, {"jobs": [
        {"kind": "sft", "id": id_, "state": "RUNNING"} for id_ in ("a", "other")]},
        {"kinds": ["sft"]}, degraded_after="20s" if late else "1s")
    daemon.wait_known(name_of("sft", "a"))
    if late:
        sim.settings(key=fresh)
        t.wait(lambda: [r for r in sim.requests() if not r["keyOk"]], 10, "a refusal")
    daemon.config.write_key(t.path("acme.key"), fresh)
    sim.settings(key=fresh)
    sim.set("sft", "a", state="COMPLETED")
    hook.wait(1, types="job.succeeded", timeout=30)
    daemon.wait_log("acme: the key file holds another key")
    settle(sim)
    log = sim.requests()
    last = max(r["number"] for r in log if not r["keyOk"])
    t.check(all(r["keyOk"] for r in log if r["number"] > last), "the old key came back")
    t.check(len([r for r in log if not r["keyOk"]]) <= 3, "the old key, again and again")
    t.equal([e["type"] for e in hook.events()], ["job.succeeded"])


@tap.test()
def a_key_rotated_in_time(t):
    rotate(t, late=False)


@tap.test()
def a_key_rotated_late(t):
    rotate(t, late=True)


@tap.test()
def a_captive_portal(t):
    """A page of its own with 200, or a redirect to one: no job changes, and no key goes there."""
    portal = Sim(t, {})
    portals = {"hotel": ("html200", {}), "train": ("redirect", {"location": f"{portal.url}/login"})}
    sim = Sim(t, {"jobs": [{"kind": "sft", "id": "a", "account": name, "state": "RUNNING",
                            "progress": {"percent": 5}} for name in portals]})
    hook = Webhook(t)
    config = Config(t).webhook(hook)
    for name in portals:
        config.account(sim, name, KEY).watch(name, name, kinds=["sft"], poll_interval="3s")
    daemon = Daemon(t, config)
    t.defer(check_log, t, hook, sim)
    daemon.wait_known(*(name_of("sft", "a", name) for name in portals))
    for name, (fault, more) in portals.items():
        sim.fault(fault, path=f"/{name}/", **more)
    hook.wait(2, types="watcher.degraded")
    for name in portals:
        t.equal(daemon.job("sft", "a", name)["phase"], "running", name)
        sim.set("sft", "a", name, state="COMPLETED")
    sim.clear()
    hook.wait(2, types="job.succeeded", timeout=30)
    t.equal(sorted(e["type"] for e in hook.events()),
            ["job.succeeded"] * 2 + ["watcher.degraded"] * 2 + ["watcher.restored"] * 2)
    t.equal(portal.requests(), [], "followed")


if __name__ == "__main__":
    tap.main()
