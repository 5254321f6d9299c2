#!/usr/bin/env python3
"""The daemon is killed exactly where something could be lost: see fault_points.c for the points."""

import contextlib
import os
import shutil
import sqlite3
import time

from faulty import (
    DESTINATIONS, HERE, LONG, Sink, Stage, name_of, read_deliveries, read_store, tap,
)

# How many times it comes to the point, until it is killed there: a life each.
POINTS = {
    "change": range(1, 70, 1 if LONG else 7),
    "before-commit": range(1, 9),
    "after-commit": range(1, 9),
    "before-send": range(1, 6),
    "before-ack": range(1, 9),
    "before-hook": range(1, 6),
    "in-hook": range(1, 6),
}


def killed_at(t, point):
    stage = Stage(t, [("sft", "a"), ("dpo", "b")])
    for k in POINTS[point]:
        stage.start(ready=False, TW_FAULT_POINT=f"{point}:{k}")
        stage.play_until_death()
    stage.start()
    stage.come_to_rest()
    for job in stage.jobs:
        stage.move(job)
    stage.come_to_rest()
    stage.check()
    if point == "before-ack":
        t.check(stage.again() >= len(POINTS[point]), f"{stage.again()} came again")
    t.note(stage.figures())


def register(point):
    def run(t):
        killed_at(t, point)

    run.__name__ = f"killed_at_{point.replace('-', '_')}"
    tap.test(limit=120)(run)


for name in POINTS:
    register(name)


@tap.test()
def killed_by_a_hook_that_runs(t):
    """It has begun its work, so the second run must be able to know that it is not the first."""
    sink = Sink(t, after="""test -e "$0.flag" || { touch "$0.flag"; kill -9 $PPID; exit 0; }""")
    stage = Stage(t, [("sft", "a")], sink=sink)
    stage.start(ready=False)
    stage.play_until_death()
    stage.start()
    stage.come_to_rest()
    first, second = sink.runs[:2]
    t.equal(second[1], first[1], "another event, or other bytes")
    t.check(second[0] > first[0], f"try {second[0]} after try {first[0]}")
    stage.check()


# Migrations


def look_inside(t, stage):
    """(user_version, what an integrity check says), of a copy: to look is to recover."""
    copy = t.path("copy")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(stage.daemon.config.state_dir, copy)
    with contextlib.closing(sqlite3.connect(os.path.join(copy, "state.db"))) as db:
        return (db.execute("PRAGMA user_version").fetchone()[0],
                db.execute("PRAGMA integrity_check").fetchone()[0])


def killed_in_migration(t, stage, version):
    """Kills it before the first statement, before the second …, until it gets through. Returns
    how often."""
    deaths = 0
    ready = stage.daemon.notify.having
    while True:
        before = len(ready("READY"))
        stage.start(ready=False, TW_FAULT_POINT=f"migration:{deaths + 1}")
        t.wait(lambda: stage.daemon.program.poll() is not None or len(ready("READY")) > before,
               30, "READY=1, or the end")
        if len(ready("READY")) > before:
            return deaths
        if stage.daemon.program.returncode != -9:
            t.fail(f"after {deaths} deaths it ended with {stage.daemon.program.returncode}")
        t.equal(look_inside(t, stage), (version, "ok"), f"after {deaths} statements")
        deaths += 1


@tap.test()
def killed_while_the_first_tables_are_made(t):
    stage = Stage(t, [("sft", "a"), ("dpo", "b")])
    deaths = killed_in_migration(t, stage, 0)
    t.check(deaths > 5, f"{deaths} deaths")
    stage.come_to_rest()
    stage.check()
    t.note(f"{deaths} deaths")


def make_version_1(stage):
    """The database of tunewatch 0.1.0, as if it had stopped a minute ago."""
    folder = stage.daemon.config.state_dir
    os.mkdir(folder, 0o700)
    with open(os.path.join(HERE, "version_1.sql"), encoding="utf-8") as file:
        script = file.read().replace("@URL@", stage.sim.url)
    with contextlib.closing(sqlite3.connect(os.path.join(folder, "state.db"))) as db:
        db.executescript(script)
        last, = db.execute("SELECT max(time_us) FROM event").fetchone()
        shift = int(time.time() - 60) * 1000000 - last
        with db:
            db.execute("UPDATE event SET time_us = time_us + ?", (shift,))
            db.execute("UPDATE job SET phase_since_us = phase_since_us + ?", (shift,))
            db.execute("UPDATE delivery SET created_us = created_us + ?1,"
                       " due_us = iif(due_us > 0, due_us + ?1, 0)", (shift,))


@tap.test()
def killed_while_version_1_is_migrated(t):
    """Its waiting deliveries arrive, as they are, and its jobs go on with the next number."""
    stage = Stage(t, [("sft", "a"), ("dpo", "b")])
    make_version_1(stage)
    folder = stage.daemon.config.state_dir
    old = read_store(folder)[0]
    waiting = read_deliveries(folder)
    deaths = killed_in_migration(t, stage, 1)
    now, _ = look_inside(t, stage)
    t.check(deaths > 0 or now == 1, f"version {now}, and nowhere to be killed")
    stage.come_to_rest()
    for job in stage.jobs:
        stage.move(job)
    stage.come_to_rest()
    stage.daemon.stop()
    stage.daemon.expect_running = False
    got = stage.bodies()
    for row in waiting:
        t.equal(got[DESTINATIONS[row["notifier"]]].count(old[row["id"]]["body"].encode()),
                int(row["state"] == "pending"), f"{row['id']} to {row['notifier']}")
    for what, log in stage.logs.items():
        for job in stage.jobs:
            numbers = [e["data"]["sequence"] for e in log.history[name_of(*job)]]
            t.equal(numbers, list(range(5 - len(numbers), 5)), f"{what}: {job}")
    t.note(f"to version {now}, {deaths} deaths")


if __name__ == "__main__":
    tap.main()
