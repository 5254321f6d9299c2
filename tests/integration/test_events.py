#!/usr/bin/env python3
"""Which events a job makes: the contract's table of events, row by row, and the streams that were
seen in the wild."""

import time

from harness import (
    KEY, PACER, PACERS, Config, Daemon, Sim, Webhook, check_log, events, name_of, scenario, settle,
    setup, tap,
)

A = name_of("sft", "a")
KINDS = ("sft", "rft", "dpo", "ft", "rlor", "batch", "eval")


def one_job(t, state="RUNNING", announce=False, **options):
    """A watched job that is known already, unless it is to be announced."""
    watch = {"first_sight": "announce"} if announce else {}
    sim, hook, daemon = setup(
        t, {"jobs": [PACER, {"kind": "sft", "id": "a", "state": state}]}, watch, **options)
    sim.wait_seen("sft", "a")
    settle(sim, "supervised")
    return sim, hook, daemon


def stream(t, steps, first=True, **options):
    """A named job that shows these steps, a poll each, then COMPLETED: its events."""
    timeline = [{"poll": i + 1, **step} for i, step in enumerate(steps)]
    timeline.append({"poll": len(steps) + 1, "state": "COMPLETED"})
    sim, hook, _ = setup(t, {"jobs": [{"kind": "sft", "id": "a", "timeline": timeline}]},
                         {"jobs": ["sft/a"]}, **options)
    hook.wait(types="job.succeeded", timeout=len(steps) * 2 + 15)
    got = hook.events()
    return got if first else got[1:], sim


def percents(log):
    return [(e["data"]["to"]["progress"] or {}).get("percent") for e in log
            if e["type"] == "job.progress"]


@tap.test()
def every_state_enters_its_phase(t):
    states = [state for states in events.PHASES.values() for state in states]
    before = {s: "RUNNING" if s in events.PHASES["queued"] else "PENDING" for s in states}
    ids = {s: s.lower().replace("_", "-") for s in states}
    sim, hook, _ = setup(t, {"jobs": [
        {"kind": "sft", "id": ids[s], "state": before[s]} for s in states]}, {"kinds": ["sft"]})
    sim.wait_seen("sft", ids[states[-1]])
    settle(sim, "supervised")
    for state in states:
        sim.set("sft", ids[state], state=state)
    hook.wait(len(states))
    settle(sim, "supervised")
    for state in states:
        got = hook.events(subject=name_of("sft", ids[state]))
        wanted = [(f"job.{events.phase_of(state)}", f"JOB_STATE_{before[state]}",
                   f"JOB_STATE_{state}")]
        t.equal([events.short(e) for e in got], wanted, state)
        t.equal([e["data"]["changed"] for e in got], [["state"]], state)


@tap.test()
def the_legacy_kind_has_no_prefix(t):
    sim, hook, _ = setup(t, {"jobs": [*PACERS, {"kind": "ft", "id": "a", "state": "PENDING"}]})
    sim.wait_seen("ft", "a")
    settle(sim, "/fineTuningJobs")
    wanted = []
    before = "PENDING"
    for state in ("CREATING", "RUNNING", "COMPLETED", "DELETING"):
        sim.set("ft", "a", state=state)
        wanted.append((f"job.{events.phase_of(state)}", before, state))
        before = state
        hook.wait(len(wanted))
    t.equal([events.short(e) for e in hook.events()], wanted)
    t.equal(hook.events()[0]["data"]["to"]["progress"], None, "no progress")


@tap.test()
def a_state_inside_its_phase_is_job_state(t):
    sim, hook, _ = one_job(t)
    sim.set("sft", "a", state="ROLLOUT")
    event = hook.wait()[0]
    t.equal(events.short(event), ("job.state", "JOB_STATE_RUNNING", "JOB_STATE_ROLLOUT"))
    t.equal((event["data"]["from"]["phase"], event["data"]["to"]["phase"]), ("running", "running"))


@tap.test()
def an_unknown_state_is_kept_watched_and_logged_once(t):
    sim, hook, daemon = one_job(t)
    sim.set("sft", "a", rawState="JOB_STATE_QUANTUM_LEAP")
    event = hook.wait()[0]
    t.equal(events.short(event), ("job.state", "JOB_STATE_RUNNING", "JOB_STATE_QUANTUM_LEAP"))
    t.equal(event["data"]["to"]["phase"], "unknown")
    lines = daemon.wait_log("QUANTUM_LEAP") and daemon.log().count("QUANTUM_LEAP")
    settle(sim, "supervised", 3)
    t.equal(daemon.log().count("QUANTUM_LEAP"), lines, "logged again")
    sim.set("sft", "a", rawState="")
    t.equal(events.short(hook.wait(2)[1]), ("job.state", "JOB_STATE_QUANTUM_LEAP", ""))
    sim.set("sft", "a", state="COMPLETED")
    event = hook.wait(3)[2]
    t.equal((events.short(event), event["data"]["attempt"]),
            (("job.succeeded", "", "JOB_STATE_COMPLETED"), 1))


@tap.test()
def only_the_status_changed(t):
    sim, hook, _ = one_job(t)
    sim.set("sft", "a", status="rendering data (30%)")
    sim.wait_seen("sft", "a")
    hook.wait(1)
    sim.set("sft", "a", status={"code": "UNAVAILABLE", "message": "rendering data (30%)"})
    got = hook.wait(2)
    t.equal([e["type"] for e in got], ["job.status"] * 2)
    t.equal([e["data"]["changed"] for e in got], [["status"]] * 2)
    t.equal(got[1]["data"]["from"]["status"], {"code": "OK", "message": "rendering data (30%)"})
    t.equal(got[1]["data"]["to"]["status"]["code"], "UNAVAILABLE")


@tap.test()
def an_absent_status_is_an_empty_one(t):
    got, _ = stream(t, [{"state": "RUNNING", "status": {"code": "OK", "message": ""}},
                        {"status": None}, {"status": ""}])
    t.equal([e["type"] for e in got], ["job.found", "job.succeeded"])
    t.equal(got[1]["data"]["to"]["status"], {"code": "OK", "message": ""})


@tap.test()
def progress_counts_when_it_crosses_a_step(t):
    values = [(0, 0), (8, 0), (9, 0), (11, 0), (19, 0), (20, 0), (21, 0), (99, 0), (99, 1), (5, 1),
              (4, 1)]
    got, _ = stream(t, [{"state": "RUNNING", "progress": {"percent": p, "epoch": e}}
                        for p, e in values])
    t.equal(percents(got), [11, 20, 99, 99, 5])
    t.equal([e["type"] for e in got],
            ["job.found"] + ["job.progress"] * 5 + ["job.succeeded"])
    t.equal(got[1]["data"]["changed"], ["progress"])
    t.equal(got[1]["data"]["from"]["progress"]["percent"], 9, "from is the last that was seen")


@tap.test()
def the_step_of_progress_is_configurable(t):
    got, _ = stream(t, [{"state": "RUNNING", "progress": {"percent": p}}
                        for p in (0, 10, 24, 25, 49, 50)], progress_step=25)
    t.equal(percents(got), [25, 50])


@tap.test()
def counters_alone_make_no_event_but_are_told(t):
    got, _ = stream(t, [
        {"state": "RUNNING", "progress": None}, {"progress": {}},
        {"progress": {"percent": 1, "outputTokens": 5}}, {"progress": {"outputTokens": 900}},
        {"progress": {"percent": 12, "inputTokens": 77, "outputRows": 3}}])
    t.equal([e["type"] for e in got], ["job.found", "job.progress", "job.succeeded"])
    wanted = {**dict.fromkeys(events.PROGRESS, 0), "percent": 12, "inputTokens": 77,
              "outputRows": 3}
    t.equal(got[1]["data"]["to"]["progress"], wanted, "all ten fields")


@tap.test()
def one_difference_is_one_event_of_the_weightiest_type(t):
    sim, hook, _ = one_job(t)
    sim.set("sft", "a", state="FAILED", progress={"percent": 50},
            status={"code": "INTERNAL", "message": "Internal error"})
    settle(sim, "supervised", 3)
    sim.set("sft", "a", status="again", progress={"percent": 90})
    got = hook.wait(2)
    t.equal([e["type"] for e in got], ["job.failed", "job.status"])
    t.equal([sorted(e["data"]["changed"]) for e in got],
            [["progress", "state", "status"], ["progress", "status"]])


@tap.test()
def what_is_there_at_the_start_is_a_silent_baseline(t):
    sim, hook, _ = setup(t, {"jobs": [
        {"kind": kind, "id": f"{kind}-{state.lower()}", "state": state}
        for kind in events.COLLECTIONS for state in ("RUNNING", "COMPLETED")]})
    sim.wait_seen("ft", "ft-running")
    sim.wait_seen("dpo", "dpo-completed")
    sim.wait_seen("rft", "rft-completed")
    sim.wait_seen("sft", "sft-completed")
    settle(sim)
    for kind in events.COLLECTIONS:
        sim.set(kind, f"{kind}-running", state="COMPLETED")
    hook.wait(4)
    t.equal({e["type"] for e in hook.events()}, {"job.succeeded"}, "the baseline made events")


@tap.test()
def a_baseline_may_be_announced(t):
    _, hook, _ = setup(t, {"jobs": [
        {"kind": "sft", "id": "a", "state": "RUNNING"},
        {"kind": "dpo", "id": "b", "state": "FAILED"},
    ]}, {"first_sight": "announce"})
    got = {e["subject"]: events.short(e) for e in hook.wait(2)}
    t.equal(got, {A: ("job.found", None, "JOB_STATE_RUNNING"),
                  name_of("dpo", "b"): ("job.failed", None, "JOB_STATE_FAILED")})
    t.equal({e["data"]["sequence"] for e in hook.events()}, {1})


@tap.test()
def named_jobs_are_announced(t):
    sim, hook, _ = setup(t, {"jobs": [
        {"kind": "sft", "id": "a", "state": "RUNNING"},
        {"kind": "ft", "id": "b", "state": "COMPLETED"},
        {"kind": "rft", "id": "unnamed", "state": "RUNNING"},
    ]}, {"jobs": ["sft/a", "ft/b", "dpo/never-was"]})
    got = {e["subject"]: events.short(e) for e in hook.wait(2)}
    t.equal(got, {A: ("job.found", None, "JOB_STATE_RUNNING"),
                  name_of("ft", "b"): ("job.succeeded", None, "COMPLETED")})
    settle(sim, "never-was", 3)
    t.equal(len(hook.events()), 2, "a job that never was has no events")


@tap.test()
def late_jobs_are_announced(t):
    sim, hook, _ = setup(t, {"jobs": PACERS})
    sim.wait_seen("rft", "pacer")
    settle(sim, "reinforcement")
    sim.set("sft", "late", state="CREATING")
    sim.set("rft", "done", state="COMPLETED")
    got = {e["subject"]: events.short(e) for e in hook.wait(2)}
    t.equal(got, {name_of("sft", "late"): ("job.found", None, "JOB_STATE_CREATING"),
                  name_of("rft", "done"): ("job.succeeded", None, "JOB_STATE_COMPLETED")})


@tap.test()
def late_jobs_are_announced_after_a_restart_too(t):
    sim, hook, daemon = one_job(t)
    daemon.stop()
    sim.set("sft", "late", state="RUNNING")
    daemon.start()
    t.equal(events.short(hook.wait()[0]), ("job.found", None, "JOB_STATE_RUNNING"))
    t.equal(hook.events()[0]["subject"], name_of("sft", "late"))


@tap.test()
def twice_not_found_is_removed(t):
    sim, hook, daemon = setup(t, {"jobs": [
        {"kind": "sft", "id": "a", "state": "RUNNING"},
        {"kind": "dpo", "id": "b", "state": "RUNNING"},
    ]}, {"jobs": ["sft/a"]}, start=False)
    daemon.config.watch("rest", kinds=["dpo"])
    daemon.start()
    sim.wait_seen("dpo", "b")
    hook.wait(1)
    settle(sim, "dpoJobs")
    sim.set("sft", "a", gone=True)
    sim.set("dpo", "b", gone=True)
    for name in (A, name_of("dpo", "b")):
        event = hook.wait(1, subject=name, types="job.removed")[0]
        t.equal((event["data"]["from"]["state"], event["data"]["to"]["phase"]),
                ("JOB_STATE_RUNNING", "removed"), name)
        gets = [r for r in sim.requests(f"{name}$") if r["status"] == 404]
        t.check(len(gets) >= 2, f"{name}: removed after {len(gets)} answers of 404")
        t.check(gets[1]["clock"] - gets[0]["clock"] > 0.4, f"{name}: asked twice at once")


@tap.test()
def not_found_once_is_nothing(t):
    sim, hook, _ = setup(t, {"jobs": [{"kind": "sft", "id": "a", "state": "RUNNING"}]},
                         {"jobs": ["sft/a"]})
    hook.wait(1)
    for _ in range(3):
        sim.fault("404", path="Jobs/a$", times=1)
        settle(sim, "Jobs/a", 3)
    sim.set("sft", "a", state="COMPLETED")
    t.equal([e["type"] for e in hook.wait(2)], ["job.found", "job.succeeded"])


@tap.test()
def somebody_elses_404_removes_nothing(t):
    """An empty one, as of a proxy: that a job is gone stands in the API's own words only."""
    shapes = {"a": "empty"}
    sim, hook, _ = setup(t, {"jobs": [
        {"kind": "sft", "id": id_, "state": "RUNNING"} for id_ in shapes]},
        {"jobs": [f"sft/{id_}" for id_ in shapes]}, degraded_after="1h")
    hook.wait(len(shapes))
    for id_, shape in shapes.items():
        sim.fault("404", path=f"Jobs/{id_}$", shape=shape)
    for id_ in shapes:
        t.wait(lambda i=id_: len([r for r in sim.requests(f"Jobs/{i}$") if r["fault"]]) >= 2, 40,
               f"two answers about {id_}")
    sim.clear()
    for id_ in shapes:
        sim.set("sft", id_, state="COMPLETED")
    hook.wait(len(shapes), types="job.succeeded", timeout=40)
    t.equal({e["type"] for e in hook.events()}, {"job.found", "job.succeeded"})


@tap.test()
def a_removed_job_may_come_back(t):
    sim, hook, daemon = setup(t, {"jobs": [{"kind": "sft", "id": "a", "state": "RUNNING"}]},
                         {"jobs": ["sft/a"]})
    hook.wait(1)
    sim.set("sft", "a", gone=True)
    hook.wait(2)
    sim.set("sft", "a", gone=False, state="RUNNING")
    daemon.reload()  # else it is asked for hourly
    got = hook.wait(3)
    t.equal([e["type"] for e in got], ["job.found", "job.removed", "job.running"])
    t.equal(got[2]["data"]["attempt"], 2)


@tap.test()
def hidden_from_lists_is_not_removed(t):
    sim, hook, _ = one_job(t)
    sim.set("sft", "a", hidden=True)
    t.wait(lambda: sim.requests("Jobs/a$"), 15, "a GET of the hidden job")
    settle(sim, "supervised", 4)
    t.equal(hook.events(), [], "events of a hidden job")
    sim.set("sft", "a", state="FAILED")
    t.equal([events.short(e) for e in hook.wait()],
            [("job.failed", "JOB_STATE_RUNNING", "JOB_STATE_FAILED")])


@tap.test()
def leaving_an_end_begins_an_attempt(t):
    sim, hook, _ = one_job(t)
    wanted = []
    for state, type_, attempt in (
            ("COMPLETED", "job.succeeded", 1), ("PENDING", "job.queued", 2),
            ("RUNNING", "job.running", 2), ("FAILED", "job.failed", 2),
            ("RUNNING", "job.running", 3), ("EARLY_STOPPED", "job.early_stopped", 3)):
        sim.set("sft", "a", state=state)
        wanted.append((type_, attempt))
        hook.wait(len(wanted))
    t.equal([(e["type"], e["data"]["attempt"]) for e in hook.events()], wanted)


@tap.test()
def what_changed_while_down_is_told_once(t):
    sim, hook, daemon = one_job(t)
    daemon.stop()
    sim.set("sft", "a", state="WRITING_RESULTS")
    sim.set("sft", "a", state="COMPLETED", progress={"percent": 100})
    daemon.start()
    t.equal([events.short(e) for e in hook.wait()],
            [("job.succeeded", "JOB_STATE_RUNNING", "JOB_STATE_COMPLETED")])
    daemon.restart()
    settle(sim, "supervised", 3)
    t.equal(len(hook.got()), 1, "told again")


@tap.test(limit=90)
def a_crash_loses_and_renumbers_nothing(t):
    """kill -9 at random moments, while six jobs go through many states."""
    ids = [f"job-{i}" for i in range(6)]
    sim, hook, daemon = setup(t, {"jobs": [
        {"kind": "sft", "id": id_, "state": "PENDING"} for id_ in ids]}, {"kinds": ["sft"]})
    for id_ in ids:
        sim.wait_seen("sft", id_)
    settle(sim, "supervised")
    states = ["CREATING", "RUNNING", "PAUSED", "RUNNING", "WRITING_RESULTS", "PENDING"]
    for round_ in range(6):
        for id_ in ids:
            sim.set("sft", id_, state=states[round_])
        if round_ % 2:
            sim.wait_seen("sft", ids[0])
        time.sleep(t.random.uniform(0.0, 0.3))  # any moment will do
        daemon.kill()
        daemon.start()
    for id_ in ids:
        sim.set("sft", id_, state="COMPLETED")
    for id_ in ids:
        hook.wait(1, subject=name_of("sft", id_), types="job.succeeded", timeout=30)
        last = hook.events(subject=name_of("sft", id_))[-1]
        t.equal(last["data"]["to"]["state"], "JOB_STATE_COMPLETED", id_)
    # check_log() looks at ids, bodies, numbers and the chain of states.


@tap.test()
def fields_that_are_never_compared(t):
    sim, hook, _ = one_job(t)
    sim.set("sft", "a", displayName="another name", outputModel="accounts/acme/models/other")
    settle(sim, "supervised", 4)
    sim.set("sft", "a", state="COMPLETED")
    event = hook.wait()[0]
    t.equal(event["type"], "job.succeeded")
    t.equal(event["data"]["job"]["displayName"], "another name", "told as it is now")


@tap.test()
def an_event_describes_its_job(t):
    for_kind = {"sft": "m1", "rft": "m2", "dpo": "m3", "ft": "m4"}
    sim, hook, _ = setup(t, {"jobs": [
        {"kind": kind, "id": "a", "state": "RUNNING", "displayName": f"the {kind}",
         "baseModel": f"accounts/fireworks/models/{model}", "dataset": "accounts/acme/datasets/d",
         "outputModel": f"accounts/acme/models/{model}"} for kind, model in for_kind.items()]},
        {"first_sight": "announce"})
    hook.wait(4)
    for kind, model in for_kind.items():
        job = hook.events(subject=name_of(kind, "a"))[0]["data"]["job"]
        wanted = {"name": name_of(kind, "a"), "account": "acme", "kind": kind, "id": "a",
                  "displayName": f"the {kind}", "dataset": "accounts/acme/datasets/d",
                  "baseModel": f"accounts/fireworks/models/{model}",
                  "outputModel": f"accounts/acme/models/{model}"}
        t.equal({key: job[key] for key in wanted}, wanted, kind)
        t.check(job["createTime"], f"{kind}: no createTime")
        t.check(not job["completedTime"], f"{kind}: completed")
    t.check(all(not r["hadBody"] and r["keyOk"] for r in sim.requests()), "body or key of a GET")


@tap.test()
def nothing_secret_is_kept_logged_or_sent(t):
    """Every test looks for secrets at its end; here every kind has been through it all."""
    sim, hook, daemon = setup(t, {"jobs": [
        {"kind": kind, "id": "a", "state": "RUNNING"} for kind in events.COLLECTIONS]})
    for kind in events.COLLECTIONS:
        sim.wait_seen(kind, "a")
    settle(sim)
    for kind in events.COLLECTIONS:
        sim.set(kind, "a", state="FAILED", status={"code": "INTERNAL", "message": "no"})
    hook.wait(4)
    sim.fault("403", times=20, shape="gateway", message=f"The API key {KEY} is invalid.")
    hook.wait(1, types="watcher.degraded")
    for path in ("/v1/status", "/v1/jobs"):
        t.check(KEY.encode() not in daemon.request(path)[2], f"the key in {path}")
    with open(f"/proc/{daemon.pid}/cmdline", "rb") as file:
        t.check(KEY.encode() not in file.read(), "the key in the command line")


def wild(t, name, wanted, **sim_job):
    """A stream that was seen in the wild, watched by name: its whole event log."""
    document = scenario.load(name)
    job = document["jobs"][0]
    job.update(sim_job)
    sim, hook, daemon = setup(t, document, {"jobs": [f"{job['kind']}/{job['id']}"]})
    hook.wait(1, types="job.succeeded", timeout=60)
    # One at an end is asked for hourly at most: no further poll comes that could tell more.
    t.wait(lambda: not daemon.notifier("web")["pending"], 10, "every delivery to be over")
    got = [events.short(e) for e in hook.events()]
    t.equal(got, wanted, name)
    visible = sim.visible(job["kind"], job["id"])
    t.equal(got, events.expected(visible), f"{name}: by the values that were shown")
    return hook.events()


R, C, D = "JOB_STATE_RUNNING", "JOB_STATE_CREATING", "JOB_STATE_COMPLETED"
MOVED = ("job.progress", R, R)


@tap.test(limit=90)
def wild_sft(t):
    got = wild(t, "sft-17min", [
        ("job.found", None, R), MOVED, ("job.starting", R, C), ("job.running", C, R),
        *[MOVED] * 16, ("job.succeeded", R, D)])
    t.equal({e["data"]["attempt"] for e in got}, {1}, "going back is no new attempt")


@tap.test(limit=90)
def wild_rft(t):
    wild(t, "rft-96min", [("job.found", None, R), *[MOVED] * 9, ("job.succeeded", R, D)],
         pollWeight=12)


@tap.test()
def wild_dpo(t):
    wild(t, "dpo-completed", [("job.succeeded", None, D)])


@tap.test()
def wild_legacy(t):
    got = wild(t, "ft-legacy", [
        ("job.found", None, "CREATING"), ("job.queued", "CREATING", "PENDING"),
        ("job.running", "PENDING", "RUNNING"), ("job.succeeded", "RUNNING", "COMPLETED")])
    status = got[-1]["data"]["to"]["status"]
    t.check(status["code"] == "OK" and "train_loss" in status["message"], "metrics in the message")


@tap.test(limit=90)
def random_streams_make_the_events_of_the_contract(t):
    # A pause is told when the account has said why, by a later look, which may show something else.
    states = [state for states in events.PHASES.values() for state in states if state != "PAUSED"]
    states.append("NEW_ONE")
    specs = []
    for i in range(12):
        steps, poll = [], 1
        for _ in range(12):
            step = {"poll": poll}
            if not steps or t.random.random() < 0.5:
                step["state"] = t.random.choice(states)
            if t.random.random() < 0.3:
                step["status"] = t.random.choice(
                    ["", "a", {"code": "INTERNAL", "message": "b"}, None])
            if t.random.random() < 0.6:
                step["progress"] = t.random.choice(
                    [None, {"percent": t.random.randrange(101), "epoch": t.random.randrange(2)}])
            steps.append(step)
            poll += t.random.randrange(1, 3)
        steps.append({"poll": poll + 1, "state": "EXPIRED", "status": "the end"})
        specs.append({"kind": t.random.choice(list(events.COLLECTIONS)), "id": f"job-{i}",
                      "timeline": steps})
    sim, hook, _ = setup(t, {"jobs": [*PACERS, *specs]}, {"first_sight": "announce"})
    for spec in specs:
        subject = name_of(spec["kind"], spec["id"])
        t.wait(lambda s=subject: any(e["data"]["to"]["status"]["message"] == "the end"
                                     for e in hook.events(subject=s)), 60, f"the end of {subject}")
        got = [events.short(e) for e in hook.events(subject=subject)]
        t.equal(got, events.expected(sim.visible(spec["kind"], spec["id"])), subject)


@tap.test()
def every_page_is_read(t):
    sim, hook, _ = setup(t, {"generate": [{"kind": "sft", "count": 450}]}, {"kinds": ["sft"]})
    api = sim.server.api
    jobs = sorted(api.world.jobs)
    t.wait(lambda: all(job.visible for job in api.world.jobs.values()), 15, "all pages")
    settle(sim, "supervised", 6)
    for index in (0, 199, 200, 449):
        sim.set("sft", jobs[index].split("/")[-1], state="FAILED")
    got = hook.wait(4)
    t.equal({e["subject"] for e in got}, {jobs[i] for i in (0, 199, 200, 449)})
    t.equal({r["query"].get("pageSize") for r in sim.requests("supervised.*Jobs$")}, {"200"})


def asked_with_mask(sim, pattern):
    return [r for r in sim.requests(pattern) if "readMask" in r["query"]]


@tap.test()
def only_what_counts_is_asked_for(t):
    sim, hook, _ = setup(t, {"jobs": [
        {"kind": kind, "id": "a", "state": "RUNNING"} for kind in KINDS]}, {"first_sight": "announce"})
    first = {e["subject"]: e["data"]["job"] for e in hook.wait(len(KINDS))}
    t.equal(len(asked_with_mask(sim, "")), len(sim.requests("")), "each request has a mask")
    for kind in KINDS:
        sim.set(kind, "a", state="FAILED", status="m")
        job = hook.wait(1, subject=name_of(kind, "a"), types="job.failed")[0]["data"]["job"]
        for key in ("displayName", "baseModel", "outputModel", "dataset", "createTime"):
            if (kind, key) == ("eval", "baseModel"):
                continue  # the one that has none
            t.check(first[name_of(kind, "a")][key], f"{kind}: no {key}")
            t.equal(job[key], first[name_of(kind, "a")][key], f"{kind}: {key}")


def whole_jobs(t, setting):
    sim, hook, _ = setup(t, {
        "settings": {"readMask": setting},
        "jobs": [{"kind": "sft", "id": "a", "state": "RUNNING", "progress": {"percent": 7}},
                 {"kind": "dpo", "id": "b", "state": "RUNNING"}]},
        {"first_sight": "announce", "kinds": ["sft", "dpo"]})
    got = {e["subject"]: e["data"] for e in hook.wait(2)}
    t.equal(got[A]["to"]["progress"]["percent"], 7, "the whole job")
    t.check(got[A]["job"]["outputModel"], "the whole job")
    for pattern in ("supervised.*Jobs$", "dpoJobs$"):
        settle(sim, pattern)
        t.equal(len(asked_with_mask(sim, pattern)), 1, f"tried once, {pattern}")


@tap.test()
def a_server_that_refuses_masks_is_asked_for_whole_jobs(t):
    whole_jobs(t, False)


@tap.test()
def a_server_that_misreads_masks_is_asked_for_whole_jobs(t):
    whole_jobs(t, "snake")


@tap.test()
def a_server_that_masks_the_page_is_asked_for_whole_jobs(t):
    whole_jobs(t, "page")


@tap.test()
def a_watch_has_kinds_and_names_and_its_own_notifiers(t):
    sim = Sim(t, {"jobs": [
        {"kind": kind, "id": "a", "displayName": name, "state": "RUNNING"}
        for kind, name in (("sft", "prod-one"), ("dpo", "prod-two"), ("rft", "prod-three"))] + [
        {"kind": "sft", "id": "b", "displayName": "test-one", "state": "RUNNING"}]})
    hook = Webhook(t)
    config = Config(t).account(sim)
    config.watch("production", kinds=["sft", "dpo"], display_name="prod-*", notify=["one"])
    config.watch("tests", kinds=["sft"], display_name="test-*", notify=["two"])
    config.webhook(hook, "one", "/one").webhook(hook, "two", "/two")
    Daemon(t, config)
    sim.wait_seen("dpo", "a")
    sim.wait_seen("sft", "b")
    settle(sim, "supervised")
    settle(sim, "dpoJobs")
    for kind, id_ in (("sft", "a"), ("dpo", "a"), ("rft", "a"), ("sft", "b")):
        sim.set(kind, id_, state="COMPLETED")
    hook.wait(2, "/one")
    hook.wait(1, "/two")
    t.equal({e["subject"] for e in hook.events("/one")}, {A, name_of("dpo", "a")})
    t.equal({e["subject"] for e in hook.events("/two")}, {name_of("sft", "b")})
    t.equal(sim.requests("reinforcement"), [], "a kind that nobody watches")


@tap.test()
def the_default_events_of_a_notifier(t):
    sim, hook, daemon = setup(t, {"jobs": [{"kind": "sft", "id": "a", "state": "PENDING"}]},
                              start=False)
    daemon.config.webhook(hook, "default", "/default", events=None)
    daemon.config.webhook(hook, "some", "/some", events=["job.r*", "job.failed"])
    daemon.start()
    sim.wait_seen("sft", "a")
    settle(sim, "supervised")
    for i, step in enumerate(({"state": "RUNNING"}, {"progress": {"percent": 50}},
                              {"status": "warm"}, {"state": "PAUSED"}, {"state": "RUNNING"},
                              {"state": "FAILED"})):
        sim.set("sft", "a", **step)
        hook.wait(i + 1)
    hook.wait(2, "/default")
    hook.wait(3, "/some")
    t.equal([e["type"] for e in hook.events("/default")], ["job.paused", "job.failed"])
    t.equal([e["type"] for e in hook.events("/some")], ["job.running", "job.running", "job.failed"])


@tap.test()
def two_accounts_keep_apart(t):
    sim = Sim(t, {"accounts": {"acme": {}, "globex": {"key": "fw_SIMSECRET_globex"}}, "jobs": [
        {"kind": "sft", "id": "a", "account": account, "state": "RUNNING"}
        for account in ("acme", "globex")]})
    hook = Webhook(t)
    config = Config(t).account(sim).account(sim, "globex", "fw_SIMSECRET_globex")
    config.watch("one", "acme").watch("two", "globex").webhook(hook)
    Daemon(t, config)
    t.defer(check_log, t, hook, sim)
    for account in ("acme", "globex"):
        sim.wait_seen("sft", "a", account)
        settle(sim, f"{account}/supervised")
        sim.set("sft", "a", account, state="COMPLETED")
    got = hook.wait(2)
    t.equal({e["subject"] for e in got}, {A, name_of("sft", "a", "globex")})
    t.equal(len({e["id"] for e in got}), 2, "ids")


if __name__ == "__main__":
    tap.main()
