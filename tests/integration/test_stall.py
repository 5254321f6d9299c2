#!/usr/bin/env python3
"""Jobs that stand still: each is told of once, every sort of movement counts, and only time in which
the job could be seen."""

import datetime
import time

from harness import events, name_of, settle, setup, tap

BUDGET = 2  # seconds
STALLED = "job.stalled"
PAIR = "job.stalled|job.recovered"
# A movement of each sort; the last is none of the counters, and makes an event of its own, too.
COUNTERS = [name for name in events.PROGRESS if name not in ("percent", "epoch")]
MOVEMENTS = {
    "state": ({"state": "ROLLOUT"}, "state", "job.state"),
    "code": ({"status": {"code": "UNAVAILABLE", "message": ""}}, "status", "job.status"),
    "message": ({"status": "half of the data is rendered"}, "status", "job.status"),
    "epoch": ({"progress": {"epoch": 1, "percent": 1}}, "progress", "job.progress"),
    "percent": ({"progress": {"percent": 2}}, "progress", None),
    **{name.lower(): ({"progress": {"percent": 1, name: 1}}, "progress", None)
       for name in COUNTERS},
}


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def still(t, jobs, start=True, **watch):
    """Jobs that are known and do not move: (sim, hook, daemon)."""
    document = {"jobs": [{"state": "RUNNING", **job} for job in jobs]}
    options = {"stall_running": f"{BUDGET}s", "kinds": sorted({job["kind"] for job in jobs})}
    return setup(t, document, {**options, **watch}, start=start)


def of(hook, kind, id_):
    """The types of its events."""
    return [e["type"] for e in hook.events(subject=name_of(kind, id_))]


def wait_stalled(hook, kind, id_, count=1):
    return hook.wait(count, subject=name_of(kind, id_), types=STALLED, timeout=30)[-1]


def fence(sim, hook, id_="fence"):
    """A whole budget passes: a new job stalls."""
    sim.set("sft", id_, state="RUNNING")
    wait_stalled(hook, "sft", id_)


@tap.test(limit=90)
def a_silent_job_stalls_once(t):
    """One with progress, two without: DPO and the legacy kind tell none."""
    begin = time.time()
    sim, hook, daemon = still(t, [
        {"kind": "sft", "id": "a", "progress": {"percent": 42}, "status": "training"},
        {"kind": "dpo", "id": "b"}, {"kind": "ft", "id": "c"}])
    for kind, id_ in (("sft", "a"), ("dpo", "b"), ("ft", "c")):
        event = wait_stalled(hook, kind, id_)
        data, stall = event["data"], event["data"]["stall"]
        t.equal((data["changed"], data["from"], data["attempt"]), ([], data["to"], 1), kind)
        t.equal(data["sequence"], 1, "the first of its events")
        t.check(BUDGET <= stall["stillSeconds"] <= time.time() - begin, f"{kind}: {stall}")
        t.equal(stall["moved"], [], f"{kind}: nothing has moved since it was first seen")
        t.check(begin - 1 <= seconds(stall["lastMovement"]) <= seconds(event["time"]) - BUDGET + 1,
                f"{kind}: {stall} at {event['time']}")
    fence(sim, hook)
    t.equal([of(hook, *job) for job in (("sft", "a"), ("dpo", "b"), ("ft", "c"))],
            [[STALLED]] * 3, "told again")
    sim.set("dpo", "b", state="COMPLETED")
    sim.set("sft", "a", state="FAILED")
    hook.wait(2, types="job.succeeded|job.failed")
    settle(sim)
    t.equal(of(hook, "dpo", "b"), [STALLED, "job.succeeded"], "an end is no recovery")
    t.equal(of(hook, "sft", "a"), [STALLED, "job.failed"], "an end is no recovery")


@tap.test()
def every_sort_of_movement_counts(t):
    sim, hook, _ = still(t, [
        {"kind": "rft", "id": id_, "progress": {"percent": 1}} for id_ in MOVEMENTS])
    for id_ in MOVEMENTS:
        wait_stalled(hook, "rft", id_)
    for id_, (step, _, _) in MOVEMENTS.items():
        sim.set("rft", id_, **step)
    for id_, (_, changed, type_) in MOVEMENTS.items():
        subject = name_of("rft", id_)
        got = hook.wait(1, subject=subject, types="job.recovered")[0]["data"]
        t.equal((got["changed"], got["sequence"]), ([changed], 2), id_)
        t.equal(got["stall"]["moved"], [], f"{id_}: what had moved before it stood still")
        if type_:
            event = hook.wait(1, subject=subject, types=type_)[0]["data"]
            t.equal((event["changed"], event["sequence"]), ([changed], 3), id_)
    for id_, (_, changed, type_) in MOVEMENTS.items():
        # It stands still again, and says what moved last.
        t.equal(wait_stalled(hook, "rft", id_, 2)["data"]["stall"]["moved"], [changed], id_)
        t.equal(of(hook, "rft", id_),
                [STALLED, "job.recovered", *([type_] if type_ else []), STALLED], id_)


@tap.test()
def it_recovers_before_its_next_phase(t):
    sim, hook, _ = still(t, [{"kind": "sft", "id": "a"}], stall_finishing=f"{BUDGET}s")
    wait_stalled(hook, "sft", "a")
    sim.set("sft", "a", state="WRITING_RESULTS", status="writing")
    wait_stalled(hook, "sft", "a", 2)
    got = hook.events(subject=name_of("sft", "a"))
    t.equal([(e["type"], e["data"]["sequence"]) for e in got],
            [(STALLED, 1), ("job.recovered", 2), ("job.finishing", 3), (STALLED, 4)])
    t.equal([e["data"]["changed"] for e in got], [[], *[["state", "status"]] * 2, []])
    t.equal([e["data"]["to"]["phase"] for e in got], ["running", *["finishing"] * 3])
    t.equal(got[3]["data"]["stall"]["moved"], ["state", "status"])


@tap.test()
def each_phase_has_its_budget(t):
    """Of the running ones it is off; paused ones and those at an end have none."""
    states = {"PENDING": "queued", "CREATING": "starting", "WRITING_RESULTS": "finishing",
              "CANCELLING": "cancelling"}
    quiet = ["RUNNING", "PAUSED", "COMPLETED", "DELETING", "NEW_ONE"]
    sim, hook, _ = still(t, [
        {"kind": "rft", "id": s.lower().replace("_", "-"), "state": s} for s in [*states, *quiet]],
        stall_running="off", **{f"stall_{phase}": f"{BUDGET}s" for phase in states.values()})
    got = hook.wait(len(states), types=STALLED, timeout=30)
    t.equal({e["data"]["to"]["phase"] for e in got}, set(states.values()))
    sim.set("rft", "fence", state="PENDING")
    wait_stalled(hook, "rft", "fence")
    t.equal(len(hook.events(types=PAIR)), len(states) + 1)


@tap.test()
def the_shortest_budget_of_its_watches_counts(t):
    sim, hook, daemon = still(t, [
        {"kind": "sft", "id": "a", "displayName": "prod-1"},
        {"kind": "sft", "id": "b", "displayName": "test-1"}], start=False, stall_running="1h",
        notify=["web"])
    daemon.config.watch("production", kinds=["sft"], display_name="prod-*", notify=["pager"],
                        stall_running=f"{BUDGET}s")
    daemon.config.webhook(hook, "pager", "/pager")
    daemon.start()
    wait_stalled(hook, "sft", "a")
    hook.wait(1, "/pager")
    sim.set("sft", "fence", state="RUNNING", displayName="prod-2")
    wait_stalled(hook, "sft", "fence")
    t.equal(of(hook, "sft", "a"), [STALLED])
    t.equal(of(hook, "sft", "b"), [], "of one watch, which is patient")
    t.equal(len(hook.events("/pager", name_of("sft", "a"))), 1)


def seconds_out(sim, pattern):
    """From the last answer before what failed to the first one after it."""
    log = sim.requests(pattern)
    bad = [i for i, r in enumerate(log) if r["fault"]]
    return log[bad[-1] + 1]["clock"] - log[bad[0] - 1]["clock"]


@tap.test(limit=90)
def an_api_that_fails_is_no_stall(t):
    """For longer than the budget, of jobs in a list and of one with a name."""
    sim, hook, daemon = still(t, [{"kind": "sft", "id": "a"}, {"kind": "dpo", "id": "b"}],
                              start=False, kinds=["sft"])
    daemon.config.watch("named", jobs=["dpo/b"], stall_running=f"{BUDGET}s")
    daemon.start()
    daemon.wait_known(name_of("sft", "a"), name_of("dpo", "b"))
    sim.fault("503")
    hook.wait(1, types="watcher.degraded")
    sim.clear()  # after a failure nothing is asked for half of 5 s at least
    hook.wait(1, types="watcher.restored", timeout=30)
    for kind, id_ in (("sft", "a"), ("dpo", "b")):
        event = wait_stalled(hook, kind, id_)
        stall = event["data"]["stall"]
        passed = seconds(event["time"]) - seconds(stall["lastMovement"])
        out = seconds_out(sim, "")
        t.check(out > BUDGET, f"not out for longer than the budget: {out:.1f} s")
        t.check(passed - out > BUDGET - 1, f"{kind}: {passed:.1f} s since, of these out {out:.1f}")
        t.check(BUDGET <= stall["stillSeconds"] <= passed - out + 1.5, f"{kind}: {stall}")


@tap.test(limit=90)
def a_daemon_that_is_down_sees_no_stall(t):
    """Stopped, and killed: what was still before counts on, or not, but never the time between."""
    sim, hook, daemon = still(t, [{"kind": "sft", "id": "a"}, {"kind": "dpo", "id": "b"}],
                              stall_running="3s")
    daemon.wait_known(name_of("sft", "a"), name_of("dpo", "b"))
    down = 0.0
    for end in (daemon.stop, daemon.kill):
        end()
        begin = time.time()
        time.sleep(3.2)  # the passing of this time is what is tested
        daemon.start()
        down += time.time() - begin
        sim.wait_requests(2)
    for kind, id_ in (("sft", "a"), ("dpo", "b")):
        event = wait_stalled(hook, kind, id_)
        passed = seconds(event["time"]) - seconds(event["data"]["stall"]["lastMovement"])
        t.check(passed - down > 2, f"{kind}: {passed:.1f} s, of these down {down:.1f}")


@tap.test(limit=90)
def a_stall_outlives_the_daemon(t):
    sim, hook, daemon = still(t, [{"kind": "sft", "id": "a"}, {"kind": "sft", "id": "b"}])
    wait_stalled(hook, "sft", "a")
    wait_stalled(hook, "sft", "b")
    daemon.restart()
    settle(sim, polls=3)
    daemon.kill()
    sim.set("sft", "b", status="on")  # it moves while nobody looks
    daemon.start()
    hook.wait(1, subject=name_of("sft", "b"), types="job.recovered")
    fence(sim, hook)
    t.equal(of(hook, "sft", "a"), [STALLED], "told again")
    sim.set("sft", "a", state="PAUSED")
    hook.wait(1, subject=name_of("sft", "a"), types="job.paused")
    t.equal(of(hook, "sft", "a"), [STALLED, "job.recovered", "job.paused"])
    t.equal(of(hook, "sft", "b")[:3], [STALLED, "job.recovered", "job.status"])


if __name__ == "__main__":
    tap.main()
