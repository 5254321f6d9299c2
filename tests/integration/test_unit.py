#!/usr/bin/env python3
"""Notifiers that start a unit of systemd: what the unit is handed, that each way a start can end is
the right verdict, and that a unit runs once for an event, also when the daemon dies meanwhile."""

import json
import os
import time

from buses import Bus, Service
from harness import begin, name_of, running, settle, tap

A = name_of("sft", "a")
UNIT = r"deploy@accounts-acme-supervisedFineTuningJobs-a.service"
GRACE_S = 5  # for what is under way when the daemon stops
DELIVERED, RETRY, DEAD = "delivered", "retry", "dead"


class Manager(Service):
    """The scripted manager of units."""

    def __init__(self, t, bus):
        super().__init__(t, bus, "manager_sim.py", t.path("units"))
        self.bus = bus

    def end(self, result="done", unit=UNIT, **service):
        self.do(do="end", unit=unit, result=result, service=service)


def world(t, **options):
    """A job that runs, a daemon with one notifier `deploy`, and the manager: (sim, daemon, manager)"""
    bus = Bus(t)
    sim, daemon = running(t)
    daemon.env.update(bus.env)
    daemon.config.section("notifier", "deploy", {
        "type": "unit", "unit": "deploy@%j.service", "events": ["job.succeeded", "job.failed"],
        **options})
    manager = Manager(t, bus)
    begin(sim, daemon)
    return sim, daemon, manager


def started(t, manager, count=1, timeout=20):
    return t.wait(lambda: len(manager.seen()) >= count and manager.seen(), timeout,
                  f"{count} starts")[-1]


def followed_again(t, manager):
    """The next daemon has seen that the unit runs."""
    t.wait(lambda: manager.do(do="asked", unit=UNIT) == 2, 10, "the second try")


def tally(daemon):
    n = daemon.notifier("deploy")
    return {key: n[key] for key in (DELIVERED, "retried", DEAD, "pending")}


def files(t):
    return os.listdir(t.path("units"))


@tap.test()
def the_unit_gets_the_event_and_its_end_is_the_verdict(t):
    sim, daemon, manager = world(t)
    sim.set("sft", "a", state="COMPLETED")
    start = started(t, manager)
    t.equal((start["name"], start["mode"], start["how"]), (UNIT, 0o600, "replace"))
    event = json.loads(start["text"])
    t.equal((event["type"], event["subject"]), ("job.succeeded", A))
    t.equal(event, daemon.get("/v1/events?limit=1000")["events"][-1], "the stored document")
    t.equal(tally(daemon)[DELIVERED], 0, "delivered, while it runs")
    t.equal(files(t), [UNIT])
    manager.end()
    t.wait(lambda: tally(daemon)[DELIVERED] == 1, 10, "the verdict")
    t.equal(files(t), [], "the event's file afterwards")


ENDS = [  # result of the job, properties of the service, verdict, what is said
    ("failed", {"Result": "exit-code", "ExecMainCode": 1, "ExecMainStatus": 1}, DEAD,
     "failed: exit status 1"),
    ("failed", {"Result": "exit-code", "ExecMainCode": 1, "ExecMainStatus": 75}, RETRY,
     "failed: exit status 75"),
    ("failed", {"Result": "signal", "ExecMainCode": 2, "ExecMainStatus": 9}, DEAD,
     "failed: ended by signal 9 (Killed)"),
    ("failed", {"Result": "timeout", "ExecMainCode": 2, "ExecMainStatus": 15}, DEAD,
     "took too long to start"),
    ("failed", {"Result": "resources"}, RETRY, "failed: resources"),
    ("timeout", {}, DEAD, "took too long to start"),
    ("canceled", {}, RETRY, "was stopped before it was done"),
    ("dependency", {}, RETRY, "did not run: a unit that it needs failed"),
    ("skipped", {}, DEAD, "did not run: a condition of its own was not met"),
    ("assert", {"Result": "exit-code", "ExecMainCode": 1, "ExecMainStatus": 75}, DEAD,
     "did not run: assert"),  # what the service says is of an earlier run
]


@tap.test(limit=120)
def every_end(t):
    """Each with a job of its own, at the same time."""
    bus = Bus(t)
    ids = [f"j{i}" for i in range(len(ENDS))]
    sim, daemon = running(t, *ids)
    daemon.env.update(bus.env)
    for id_ in ids:
        daemon.config.section("notifier", id_, {
            "type": "unit", "unit": "%i.service", "events": ["job.succeeded"]})
        daemon.config.section("watch", id_, {
            "account": "acme", "jobs": [f"sft/{id_}"], "notify": [id_]})
    daemon.config.sections["watch", "all"]["notify"] = []
    del daemon.config.sections["watch", "all"]
    daemon.config.section("watch", "pacer", {
        "account": "acme", "jobs": ["sft/pacer"], "notify": [ids[0]]})
    manager = Manager(t, bus)
    begin(sim, daemon, *ids)
    for id_ in ids:
        sim.set("sft", id_, state="COMPLETED")
    started(t, manager, len(ids))
    for id_, (result, service, _, _) in zip(ids, ENDS):
        manager.end(result, f"{id_}.service", **service)
    for id_, (result, _, verdict, said) in zip(ids, ENDS):
        count = {DEAD: DEAD, RETRY: "retried"}[verdict]
        n = t.wait(lambda id_=id_, count=count: daemon.notifier(id_)[count] == 1
                   and daemon.notifier(id_), 10, f"the verdict on {result}")
        t.equal((n["lastError"], n[DELIVERED]), (f"{id_}.service {said}", 0))
    t.equal(files(t), [], "files of units that have ended")


@tap.test()
def a_unit_that_may_be_tried_again_is(t):
    sim, daemon, manager = world(t)
    sim.set("sft", "a", state="COMPLETED")
    first = started(t, manager)
    manager.end("failed", Result="exit-code", ExecMainCode=1, ExecMainStatus=75)
    second = started(t, manager, 2)
    t.equal(second, first, "the same event, the same bytes")
    manager.end()
    t.wait(lambda: tally(daemon)[DELIVERED] == 1, 10, "the verdict")


@tap.test()
def systemd_that_refuses(t):
    sim, daemon, manager = world(t, events=["*"])
    manager.do(do="refuse", error="org.freedesktop.DBus.Error.AccessDenied",
               message="Permission denied.")
    sim.set("sft", "a", state="COMPLETED")
    t.wait(lambda: tally(daemon)[DEAD] == 1, 10, "the verdict")
    t.equal(daemon.notifier("deploy")["lastError"],
            f"not allowed to start {UNIT}: Permission denied. A polkit rule has to allow it, see "
            "tunewatch.conf(5)")
    manager.do(do="refuse", error="org.freedesktop.systemd1.ShuttingDown", message="Going down.")
    sim.set("sft", "a", state="FAILED")
    t.wait(lambda: tally(daemon)["retried"] >= 1, 10, "the verdict")
    t.equal(daemon.notifier("deploy")["lastError"],
            f"cannot start or follow {UNIT}: Going down.")
    manager.do(do="refuse", error=None)
    started(t, manager)
    manager.end()
    t.wait(lambda: tally(daemon)[DELIVERED] == 1, 10, "the next try")
    daemon.client("retry", "--dead")
    started(t, manager, 2)


@tap.test()
def a_unit_that_is_active_is_not_started(t):
    sim, daemon, manager = world(t)
    manager.do(do="set", unit=UNIT, active="active")
    sim.set("sft", "a", state="COMPLETED")
    t.wait(lambda: tally(daemon)[DEAD] == 1, 10, "the verdict")
    t.check("is active already" in daemon.notifier("deploy")["lastError"], daemon.log())
    t.equal(manager.seen(), [])


@tap.test()
def a_start_that_says_nothing_of_the_end_is_refused(t):
    sim, daemon, manager = world(t)
    manager.do(do="type", unit=UNIT, type="simple")
    sim.set("sft", "a", state="COMPLETED")
    t.wait(lambda: tally(daemon)[DEAD] == 1, 10, "the verdict")
    t.equal((manager.seen(), daemon.notifier("deploy")["lastError"]),
            ([], f"{UNIT} is not started: Type=simple says nothing of its end; it has to be oneshot"))


@tap.test()
def a_daemon_that_died_follows_what_it_started(t):
    """The unit goes on, is not started again, and its end is told to the next daemon."""
    sim, daemon, manager = world(t)
    sim.set("sft", "a", state="COMPLETED")
    started(t, manager)
    daemon.kill()
    daemon.start()
    followed_again(t, manager)
    settle(sim)
    t.equal((len(manager.seen()), tally(daemon)[DELIVERED]), (1, 0))
    manager.end()
    t.wait(lambda: tally(daemon)["pending"] == 0, 10, "the verdict")
    t.equal((len(manager.seen()), tally(daemon)[DEAD], files(t)), (1, 0, []))


@tap.test()
def a_daemon_that_stops_leaves_the_unit_alone(t):
    sim, daemon, manager = world(t)
    sim.set("sft", "a", state="COMPLETED")
    started(t, manager)
    begun = time.monotonic()
    daemon.restart()
    t.check(time.monotonic() - begun < GRACE_S - 1, "it waits for the unit when it stops")
    followed_again(t, manager)
    t.equal(len(manager.seen()), 1)
    manager.end("failed", Result="exit-code", ExecMainCode=1, ExecMainStatus=1)
    t.wait(lambda: tally(daemon)[DEAD] == 1, 10, "the verdict")


@tap.test()
def what_runs_for_another_event_is_left_alone(t):
    """The second event waits until the unit is free; the first one's run is not taken for its own."""
    sim, daemon, manager = world(t)
    sim.set("sft", "a", state="COMPLETED")
    started(t, manager)
    daemon.kill()
    os.unlink(t.path("units", UNIT))  # a reboot of nothing but our memory
    daemon.start()
    t.wait(lambda: tally(daemon)["retried"] == 1, 10, "the second try")
    t.equal(daemon.notifier("deploy")["lastError"], f"{UNIT} is busy with something else")
    manager.end()
    waits = daemon.get("/v1/deliveries?state=pending")["deliveries"]
    t.equal(daemon.client("retry", waits[0]["id"]).code, 0)
    started(t, manager, 2)
    manager.end()
    t.wait(lambda: tally(daemon)["pending"] == 0, 10, "the verdict")


@tap.test(limit=90)
def a_unit_of_two_jobs_runs_for_each(t):
    """Its file, and its job in systemd, are of one event: the other one waits."""
    bus = Bus(t)
    sim, daemon = running(t, "a", "b")
    daemon.env.update(bus.env)
    daemon.config.section("notifier", "deploy", {
        "type": "unit", "unit": "deploy.service", "events": ["job.succeeded"], "max_parallel": 2})
    manager = Manager(t, bus)
    begin(sim, daemon, "a", "b")
    for id_ in "ab":
        sim.set("sft", id_, state="COMPLETED")
    started(t, manager)
    t.wait(lambda: tally(daemon)["retried"] == 1, 10, "the other one to find it busy")
    t.equal((len(manager.seen()), tally(daemon)[DELIVERED]), (1, 0))
    manager.end(unit="deploy.service")
    started(t, manager, 2)
    manager.end(unit="deploy.service")
    t.wait(lambda: tally(daemon)[DELIVERED] == 2, 10, "both")
    t.equal(len({json.loads(start["text"])["subject"] for start in manager.seen()}), 2)


@tap.test(limit=90)
def how_it_failed_decides_so_it_has_to_be_known(t):
    """Exit status 75 is none of a failure for good, and nobody says that it was not that."""
    sim, daemon, manager = world(t)
    sim.set("sft", "a", state="COMPLETED")
    started(t, manager)
    manager.do(do="mute", unit=UNIT)
    manager.end("failed", Result="exit-code", ExecMainCode=1, ExecMainStatus=75)
    settle(sim)
    manager.do(do="unmute", unit=UNIT)
    daemon.restart()
    t.wait(lambda: len(manager.seen()) == 2, 10, "the next try")
    manager.do(do="mute", unit=UNIT)
    manager.end("failed", Result="exit-code", ExecMainCode=1, ExecMainStatus=75)
    settle(sim)
    manager.bus.stop()
    t.wait(lambda: tally(daemon)["retried"] == 1, 10, "the verdict")
    t.equal((tally(daemon)[DEAD], daemon.notifier("deploy")["lastError"]),
            (0, f"cannot start or follow {UNIT}: the connection to D-Bus was lost"))


@tap.test(limit=90)
def an_end_while_the_state_is_asked_for_counts(t):
    """That it is not active any more does not say that it ever ran."""
    sim, daemon, manager = world(t)
    sim.set("sft", "a", state="COMPLETED")
    started(t, manager)
    manager.do(do="end-when-asked", unit=UNIT, result="dependency")
    t.wait(lambda: tally(daemon)["retried"] == 1, 45, "the look every 30 s")
    t.equal((tally(daemon)[DELIVERED], daemon.notifier("deploy")["lastError"]),
            (0, f"{UNIT} did not run: a unit that it needs failed"))


@tap.test()
def a_name_that_is_too_long_is_said_to_be(t):
    """Each hyphen of a job's id takes four bytes of the unit's name."""
    id_ = "-".join("abcdefghijklmnopqrstuvwxyz123456")[:63]
    bus = Bus(t)
    sim, daemon = running(t, id_)
    daemon.env.update(bus.env)
    daemon.config.section("notifier", "deploy", {
        "type": "unit", "unit": f"{'deploy-' * 9}@%j.service", "events": ["job.succeeded"]})
    manager = Manager(t, bus)
    begin(sim, daemon, id_)
    sim.set("sft", id_, state="COMPLETED")
    t.wait(lambda: tally(daemon)[DEAD] == 1, 10, "the verdict")
    t.equal((manager.seen(), daemon.notifier("deploy")["lastError"]),
            ([], "the unit's name would be longer than 255 bytes; %i is shorter than %j"))


@tap.test()
def a_bus_that_dies_is_come_back_to(t):
    sim, daemon, manager = world(t)
    sim.set("sft", "a", state="COMPLETED")
    started(t, manager)
    manager.bus.stop()
    t.wait(lambda: tally(daemon)["retried"] == 1, 10, "the connection's end")
    t.check("cannot start or follow" in daemon.notifier("deploy")["lastError"],
            daemon.notifier("deploy"))
    manager.stop()
    manager.bus.start()
    manager.start()  # it knows of nothing that runs: so the unit is started
    started(t, manager)
    manager.end()
    t.wait(lambda: tally(daemon)[DELIVERED] == 1, 10, "the verdict")


@tap.test()
def no_bus_is_tried_again(t):
    sim, daemon, manager = world(t)
    manager.stop()
    manager.bus.stop()
    sim.set("sft", "a", state="COMPLETED")
    t.wait(lambda: tally(daemon)["retried"] == 1, 10, "the first try")
    t.equal(daemon.notifier("deploy")["lastError"],
            f"cannot start or follow {UNIT}: there is no D-Bus")
    t.equal(tally(daemon)[DEAD], 0)


@tap.test()
def as_many_at_a_time_as_it_says(t):
    bus = Bus(t)
    sim, daemon = running(t, "a", "b", "c")
    daemon.env.update(bus.env)
    daemon.config.section("notifier", "deploy", {
        "type": "unit", "unit": "deploy@%j.service", "events": ["job.succeeded"],
        "max_parallel": 2})
    manager = Manager(t, bus)
    begin(sim, daemon, "a", "b", "c")
    for id_ in "abc":
        sim.set("sft", id_, state="COMPLETED")
    started(t, manager, 2)
    settle(sim)
    seen = manager.seen()
    t.equal(len(seen), 2)
    manager.end(unit=seen[0]["name"])
    started(t, manager, 3)


if __name__ == "__main__":
    tap.main()
