#!/usr/bin/env python3
"""The daemon is killed exactly where something could be lost: see fault_points.c for the points."""

import contextlib
import os
import shutil
import sqlite3
import time

from faulty import (
    DESTINATIONS, HERE, LONG, Sink, Stage, name_of, query, read_deliveries, read_store, tap,
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


def make_old(stage, version):
    """The database of an older version, as if it had stopped a minute ago."""
    folder = stage.daemon.config.state_dir
    os.mkdir(folder, 0o700)
    with open(os.path.join(HERE, f"version_{version}.sql"), encoding="utf-8") as file:
        script = file.read().replace("@URL@", stage.sim.url)
    with contextlib.closing(sqlite3.connect(os.path.join(folder, "state.db"))) as db:
        db.executescript(script)
        last, = db.execute("SELECT max(time_us) FROM event").fetchone()
        shift = int(time.time() - 60) * 1000000 - last
        with db:
            for table, column in db.execute(
                    "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c"
                    " WHERE t.type = 'table' AND c.name LIKE '%\\_us' ESCAPE '\\'").fetchall():
                db.execute(f"UPDATE {table} SET {column} = {column} + ? WHERE {column} > 0",
                           (shift,))


def is_still(row):
    return "stalled" in row.keys() and bool(row["stalled"])  # from version 3 on


def killed_while_migrated(t, version):
    """Its waiting deliveries arrive, as they are, its jobs go on with the next number, and an account
    that was out of sight is seen again."""
    stage = Stage(t, [("sft", "a"), ("dpo", "b")])
    make_old(stage, version)
    folder = stage.daemon.config.state_dir
    old, snapshots, _ = read_store(folder)
    waiting = read_deliveries(folder)
    accounts = query(folder, "SELECT account, sequence + (outage_trouble IS NOT NULL) FROM account")
    for job in stage.jobs:
        row = snapshots[name_of(*job)]
        if row["percent"] is not None:
            stage.sim.set(*job, progress={"percent": row["percent"], "epoch": row["epoch"]})
    deaths = killed_in_migration(t, stage, version)
    now, _ = look_inside(t, stage)
    t.check(deaths > 0 and now > version, f"version {now}, {deaths} deaths")
    stage.come_to_rest()
    for job in stage.jobs:
        stage.move(job)
    stage.come_to_rest()
    stage.daemon.stop()
    stage.daemon.expect_running = False
    got = stage.bodies()
    for what, bodies in got.items():
        stage.logs[what].update(bodies)
    for row in waiting:
        if row["notifier"] in DESTINATIONS:
            t.equal(got[DESTINATIONS[row["notifier"]]].count(old[row["id"]]["body"].encode()),
                    int(row["state"] == "pending"), f"{row['id']} to {row['notifier']}")
    for notifier, what in DESTINATIONS.items():
        for name in map(lambda job: name_of(*job), stage.jobs):
            wanted = [old[row["id"]]["sequence"] for row in waiting
                      if row["notifier"] == notifier and row["state"] == "pending"
                      and old[row["id"]]["subject"] == name]
            # One that stands still has moved again, which is told first.
            last, still = snapshots[name]["sequence"], is_still(snapshots[name])
            wanted += range(last + 1, last + 2 + still)
            t.equal([e["data"]["sequence"] for e in stage.logs[what].history[name]], wanted,
                    f"{what}: {name}")
    for row in accounts:
        t.check(row in query(folder, "SELECT account, sequence FROM account"
                                     " WHERE outage_trouble IS NULL"), f"not as it was: {row}")
    t.note(f"to version {now}, {deaths} deaths")


@tap.test()
def killed_while_version_1_is_migrated(t):
    killed_while_migrated(t, 1)


@tap.test()
def killed_while_version_2_is_migrated(t):
    killed_while_migrated(t, 2)


@tap.test()
def killed_while_version_3_is_migrated(t):
    killed_while_migrated(t, 3)


if __name__ == "__main__":
    tap.main()
