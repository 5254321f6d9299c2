#!/usr/bin/env python3
"""Answers that come late, in another order than they were asked for, or for one job alone not at
all: the real daemon against the scripted server."""

import time

from harness import events, name_of, settle, setup, tap

LIST = "Jobs$"
WHY = "accounts/acme$"


def running(*ids):
    return [{"kind": "sft", "id": id_, "state": "RUNNING"} for id_ in ids]


@tap.test()
def an_answer_that_was_overtaken_says_nothing(t):
    """A page that is slow shows a job as it was before it ended, which a GET has told meanwhile."""
    sim, hook, daemon = setup(t, {
        "jobs": running("a"), "generate": [{"kind": "sft", "count": 250, "state": "COMPLETED"}],
        # All is seen through whole lists, and a GET does not wait for one.
        "settings": {"filter": False, "orderBy": False},
    }, {"kinds": ["sft"]})
    sim.wait_seen("sft", "a")
    settle(sim, LIST, 4)
    sim.fault("delay", path=LIST, seconds=4, times=1)
    t.wait(lambda: any(row["fault"] for row in sim.requests(LIST)), 10, "a slow page")
    sim.set("sft", "a", state="COMPLETED")
    hook.wait(1, types="job.succeeded")
    slow = next(row for row in sim.requests(LIST) if row["fault"])
    t.wait(lambda: time.monotonic() > slow["clock"] + 4, 10, "the slow page to arrive")
    settle(sim, LIST, 4)
    t.equal([events.short(e) for e in hook.events()],
            [("job.succeeded", "JOB_STATE_RUNNING", "JOB_STATE_COMPLETED")])
    t.equal(daemon.job("sft", "a")["attempt"], 1)


@tap.test()
def a_named_job_that_is_paused_is_told_of(t):
    """Only a GET shows it: after the account was asked why, it is asked for again."""
    sim, hook, _ = setup(t, {"jobs": running("a")}, {"jobs": ["sft/a"]})
    sim.wait_seen("sft", "a")
    hook.wait(1, types="job.found")
    sim.set("sft", "a", state="PAUSED")
    hook.wait(1, types="job.paused", timeout=10)
    sim.set("sft", "a", state="COMPLETED")
    hook.wait(1, types="job.succeeded", timeout=10)


@tap.test()
def an_account_that_leaves_while_it_is_asked_why(t):
    """The answer comes when nobody wants it; back again, the account is asked anew."""
    sim, hook, daemon = setup(t, {"jobs": running("a")}, {"kinds": ["sft"]})
    config = daemon.config
    sim.wait_seen("sft", "a")
    settle(sim)
    sim.fault("delay", path=WHY, seconds=2, times=1)
    sim.set("sft", "a", state="PAUSED")
    t.wait(lambda: sim.requests(WHY), 10, "the question why")
    gone = {key: config.sections.pop(key) for key in (("account", "acme"), ("watch", "all"))}
    config.account(sim, "globex").watch("other", "globex", jobs=["sft/x"]).write()
    daemon.reload()
    asked = sim.requests(WHY)[0]["clock"]
    t.wait(lambda: time.monotonic() > asked + 3, 10, "the answer to come")
    config.sections.update(gone)
    config.write()
    daemon.reload()
    hook.wait(1, types="job.paused", timeout=10)


@tap.test()
def a_job_that_fails_alone_hides_no_stall(t):
    """The account can be seen: time in which only one job of it cannot is watched time."""
    sim, hook, _ = setup(t, {
        "jobs": running("a", "b"), "settings": {"filter": False, "orderBy": False},  # only GETs
    }, {"jobs": ["sft/a", "sft/b"], "stall_running": "4s"}, degraded_after="30s")
    sim.wait_seen("sft", "b")
    sim.fault("400", path="Jobs/b$")
    stalled, = hook.wait(1, types="job.stalled", timeout=12)
    t.equal(stalled["subject"], name_of("sft", "a"))
    sim.clear()
    hook.wait(2, types="job.stalled", timeout=12)
    t.equal(hook.events(types="watcher.degraded"), [])


@tap.test()
def jobs_that_are_never_found_starve_nobody(t):
    """Each is asked for as often as the one that is there, and waits for as long."""
    nobody = [f"sft/x{i}" for i in range(30)]
    sim, _, daemon = setup(t, {
        "jobs": [{"kind": "dpo", "id": "a", "state": "RUNNING"}],
    }, {"jobs": ["dpo/a", *nobody]}, start=False, webhook=False)
    daemon.config.account(sim, requests_per_minute=600)
    daemon.start()
    sim.wait_requests(120, "Jobs/x", timeout=20)
    sim.wait_requests(4, "dpoJobs", timeout=10)


@tap.test()
def an_outage_is_left_out_of_stillness_once(t):
    """A GET that failed in it makes no second time of the same one."""
    sim, hook, _ = setup(t, {"jobs": running("a")}, {"jobs": ["sft/a"], "stall_running": "5s"})
    sim.wait_seen("sft", "a")
    settle(sim)
    sim.fault("500")
    hook.wait(1, types="watcher.degraded")
    begin = time.monotonic()
    t.wait(lambda: time.monotonic() > begin + 8, 10, "a long outage")
    sim.clear()
    hook.wait(1, types="watcher.restored", timeout=20)
    hook.wait(1, types="job.stalled", timeout=8)


if __name__ == "__main__":
    tap.main()
