#!/usr/bin/env python3
"""Power cuts under the real daemon: each of its lives ends at a sync of its store, and the next one
starts on what a disk could hold then.

tests/crash/test_power.c cuts the store alone, at every sync and in every way; here everything is
real but the disk, so it is a sample. `make check-crash` takes every sync of a run.
"""

import json
import os
import time

from faulty import LONG, Stage, events, tap
from power import Disk
from stored import read_store

TRANSITIONS = 50
MODES = ("drop", "torn", "garbage")
SERIES = 4 if LONG else 2
SAMPLE = 20  # lives of a series in `make check`
SYNCS = 140  # as many as a run of TRANSITIONS takes
JOBS = 5


def stage(t):
    kinds = list(events.COLLECTIONS)
    stage_ = Stage(t, [(kinds[i % 4], f"job-{i}") for i in range(JOBS)])
    return stage_, Disk(t, stage_.daemon.config.state_dir)


def told(stage_):
    return min(len(log.ids) for log in stage_.logs.values())


def count_syncs(t):
    """How many syncs a run of so many transitions takes, its start and its end included."""
    stage_, disk = stage(t)
    stage_.start(TW_FAULT_DISK=disk.path)
    stage_.play_until(lambda: told(stage_) >= TRANSITIONS, 60, f"{TRANSITIONS} transitions")
    stage_.come_to_rest()
    stage_.check()
    return disk.syncs()


@tap.test(limit=120)
def a_disk_that_works(t):
    syncs = count_syncs(t)
    t.check(syncs >= TRANSITIONS, f"only {syncs} syncs")
    t.note(f"{syncs} syncs in a run of {TRANSITIONS} transitions")


def cut_at(t, stage_, disk, sync, mode):
    when, seed = t.random.choice(("before", "after")), t.random.randrange(1 << 32)
    disk.set(f"cut {sync} {when} {mode} {seed}")
    stage_.start(ready=False, TW_FAULT_DISK=disk.path)
    stage_.play_until_death()


def cut_in_series(t, cuts):
    stage_, disk = stage(t)
    begin = time.monotonic()
    for sync, mode in cuts:
        cut_at(t, stage_, disk, sync, mode)
    stage_.start()
    stage_.come_to_rest()
    stage_.check()
    t.note(f"{len(cuts)} cuts in {time.monotonic() - begin:.0f} s; {stage_.figures()}")


def register(number):
    def run(t):
        cuts = [(sync, mode) for sync in range(1, SYNCS + 1) for mode in MODES][number::SERIES]
        if not LONG:
            # A few from the making of the database, and short lives.
            cuts = cuts[:4] + [(t.random.randrange(1, 40), t.random.choice(MODES))
                               for _ in range(SAMPLE - 4)]
        cut_in_series(t, cuts)

    run.__name__ = f"cut_in_series_{number + 1}"
    tap.test(limit=1500 if LONG else 120)(run)


for i in range(SERIES):
    register(i)


@tap.test(limit=120)
def a_disk_that_lies_is_found_out(t):
    """What was sent is not in the store any more: else the tests above would prove nothing."""
    stage_, disk = stage(t)
    disk.set("lie", f"cut 60 before drop {t.random.randrange(1 << 32)}")
    stage_.start(ready=False, TW_FAULT_DISK=disk.path)
    stage_.play_until_death()
    folder = stage_.daemon.config.state_dir
    there = os.path.exists(os.path.join(folder, "state.db"))
    stored = read_store(folder)[0] if there else {}
    sent = {json.loads(body)["id"] for body in stage_.bodies()["webhook"]}
    t.check(len(sent - set(stored)) > 10, f"{len(sent)} were sent, {len(stored)} are stored")
    stage_.daemon.expect_running = False


if __name__ == "__main__":
    tap.main()
