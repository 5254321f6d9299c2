#!/usr/bin/env python3
"""The lists that cost less, where the server has its own idea of filter and orderBy: each is tried
once, found out, and given up for its kind without losing a turn."""

from harness import name_of, setup, tap

INTERVAL = 4  # seconds; new jobs are looked for half as often
ACTIVE = [f"r{i}" for i in range(12)]
OLD = {"kind": "sft", "count": 450, "states": {"COMPLETED": 1}}  # with the others three pages


def start(t, settings, seconds):
    """The baseline is taken: (sim, hook, daemon)."""
    sim, hook, daemon = setup(t, {
        "jobs": [{"kind": "sft", "id": id_, "state": "RUNNING"} for id_ in ACTIVE],
        "generate": [OLD], "settings": settings}, {"kinds": ["sft"], "poll_interval": f"{seconds}s"})
    t.wait(lambda: len(daemon.jobs()) == len(ACTIVE) + OLD["count"], 30, "all jobs to be known")
    return sim, hook, daemon


def lists_with(sim, parameter):
    return [r for r in sim.requests("Jobs$") if parameter in r["query"]]


def without(daemon):
    collections = daemon.get("/v1/status")["accounts"][0]["collections"]
    return {c["kind"]: c["without"] for c in collections}["sft"]


def given_up(t, parameter, settings, wanted, said):
    sim, hook, daemon = start(t, settings, INTERVAL)
    tried = t.wait(lambda: lists_with(sim, parameter), 30, f"a list with {parameter}")[0]
    after = t.wait(lambda: [r for r in sim.requests() if r["number"] > tried["number"]], 15,
                   "what is asked instead")[0]
    late = after["clock"] - tried["clock"]
    t.check(late < INTERVAL / 2, f"{late:.1f} s later: a turn was lost")
    daemon.wait_log(said)
    # Its name is the last one: who takes any page for the newest one does not find it.
    sim.set("sft", "zz-new", state="RUNNING")
    sim.set("sft", "r1", state="COMPLETED")
    hook.wait(1, subject=name_of("sft", "zz-new"), types="job.found", timeout=30)
    hook.wait(1, subject=name_of("sft", "r1"), types="job.succeeded", timeout=30)
    t.equal(len(lists_with(sim, parameter)), 1, f"lists with {parameter}")
    t.equal(without(daemon), wanted, "what it is asked without")
    t.equal(sorted((e["type"], e["subject"]) for e in hook.events()),
            [("job.found", name_of("sft", "zz-new")), ("job.succeeded", name_of("sft", "r1"))])


@tap.test()
def a_filter_that_is_refused(t):
    given_up(t, "filter", {"filter": False}, ["filter"], "the API refuses the filter on state")


@tap.test()
def a_filter_that_is_ignored(t):
    given_up(t, "filter", {"filter": "ignore"}, ["filter"], "the API ignores the filter on state")


@tap.test()
def an_order_that_is_refused(t):
    given_up(t, "orderBy", {"filter": False, "orderBy": False}, ["filter", "orderBy"],
             "the API refuses orderBy")


@tap.test()
def an_order_that_is_ignored(t):
    given_up(t, "orderBy", {"filter": False, "orderBy": "ignore"}, ["filter", "orderBy"],
             "the API ignores orderBy")


@tap.test()
def a_filter_that_leaves_out_active_jobs(t):
    """None of them is taken for ended or removed, and none of their ends is missed."""
    sim, hook, daemon = start(t, {"filter": "lossy"}, 1)
    daemon.wait_log("the API's filter leaves out active jobs", 30)
    t.equal(without(daemon), ["filter"])
    t.equal(hook.events(), [])
    for id_ in ACTIVE:
        sim.set("sft", id_, state="COMPLETED")
    t.equal({e["subject"] for e in hook.wait(len(ACTIVE), types="job.succeeded", timeout=30)},
            {name_of("sft", id_) for id_ in ACTIVE})
    t.equal(len(hook.events()), len(ACTIVE))


@tap.test()
def more_new_jobs_than_the_newest_page_holds(t):
    """All of them at once, so that it shows nobody who was known: the others stand behind it."""
    sim, hook, daemon = setup(t, {"generate": [OLD], "settings": {"filter": False}},
                              {"kinds": ["sft"]})
    t.wait(lambda: len(daemon.jobs()) == OLD["count"], 30, "all jobs to be known")
    new = [f"new-{i}" for i in range(250)]
    with sim.server.api.world.lock:
        for id_ in new:
            sim.set("sft", id_, state="RUNNING")
    t.equal({e["subject"] for e in hook.wait(len(new), types="job.found", timeout=40)},
            {name_of("sft", id_) for id_ in new})
    t.check(lists_with(sim, "orderBy"), "the newest page was not asked for")


if __name__ == "__main__":
    tap.main()
