#!/usr/bin/env python3
"""Disks that fail under the running daemon: nothing is sent that is not durable, no snapshot moves
on, polling goes on, people are told, and it recovers by itself.

The full disk, on a real small file system, is in tests/integration/test_store.py.
"""

import contextlib
import errno
import json
import os
import re
import shutil
import sqlite3

from faulty import POLL, Config, Daemon, Sim, Webhook, events, name_of, tap
from harness import check_log, run_daemon, settle
from power import Disk
from stored import read_store

RECOVERY_S = 35


class Stage:
    """Jobs a and b, known to a daemon whose disk works, for now."""

    def __init__(self, t):
        self.t = t
        self.sim = Sim(t, {"jobs": [
            {"kind": "sft", "id": id_, "state": "RUNNING"} for id_ in "ab"]})
        self.hook = Webhook(t)
        self.config = Config(t, poll_interval=POLL).account(self.sim)
        self.config.watch(kinds=["sft"], poll_interval=POLL).webhook(self.hook)
        self.disk = Disk(t, self.config.state_dir)
        self.daemon = Daemon(t, self.config, env={
            "TW_FAULT_DISK": self.disk.path, "TW_FAULT_HASTE": "20"})
        t.defer(check_log, t, self.hook, self.sim)
        self.daemon.wait_known(name_of("sft", "a"), name_of("sft", "b"))
        settle(self.sim)
        t.wait(lambda: self.store()["waiting"] == 0, 10, "all to be durable")

    def store(self):
        return self.daemon.get("/v1/status")["store"]

    def snapshots(self):
        return {name: tuple(row) for name, row in read_store(self.config.state_dir)[1].items()}

    def last_status(self):
        return self.daemon.notify.having("STATUS")[-1]["STATUS"]

    def wait_failing(self, words):
        """Health, status and systemd tell it, in these words."""
        t, daemon = self.t, self.daemon
        t.wait(lambda: daemon.request("/healthz")[0] == 503, 15, "/healthz to be 503")
        reasons = json.loads(daemon.request("/healthz")[2])["reasons"]
        t.check(any("store" in r and re.search(words, r) for r in reasons), f"{reasons}")
        store = self.store()
        t.check(store["failing"] and re.search(words, store["error"] or ""), f"{store}")
        t.wait(lambda: "store fails" in self.last_status(), 5, "systemd to be told")

    def wait_recovered(self):
        t, daemon = self.t, self.daemon
        t.wait(lambda: daemon.request("/healthz")[0] == 200, RECOVERY_S, "/healthz to be 200")
        t.wait(lambda: "store fails" not in self.last_status(), 5, "systemd to be told")

    def check_told(self, spells=1):
        """All of what changed in `fail` and `go_on` was told once; the log has each spell once."""
        t = self.t
        a = self.hook.wait(2, subject=name_of("sft", "a"))
        b = self.hook.wait(1, subject=name_of("sft", "b"))
        t.equal([e["type"] for e in a], ["job.paused", "job.running"])
        t.equal([events.short(e) for e in b],
                [("job.succeeded", "JOB_STATE_RUNNING", "JOB_STATE_COMPLETED")])
        settle(self.sim)
        t.equal(len(self.hook.got()), 3, "told twice")
        stored = read_store(self.config.state_dir)[0]
        for delivery in self.hook.got():
            t.equal(delivery.body, stored[delivery.event["id"]]["body"].encode(), "its bytes")
        log = self.daemon.log()
        t.equal((log.count("the store fails"), log.count("the store works again")),
                (spells, spells), "the log")

    def fail(self, words):
        """The disk fails already. What changes then is not told, and nothing moves on."""
        before = self.snapshots()
        self.sim.set("sft", "a", state="PAUSED")
        self.wait_failing(words)
        self.sim.set("sft", "b", state="WRITING_RESULTS")
        settle(self.sim, polls=3)  # polling goes on
        self.sim.set("sft", "b", state="COMPLETED")
        self.sim.set("sft", "a", state="RUNNING")
        settle(self.sim, polls=3)
        self.t.equal(self.hook.got(), [], "something was sent that is not durable")
        self.t.equal(self.snapshots(), before, "the snapshots in the store")


FAULTS = {
    "that_cannot_write": (f"fail write {errno.EIO}", "I/O error"),
    "that_cannot_sync": (f"fail sync {errno.EIO}", "I/O error"),
    "that_cannot_open": (f"fail open {errno.EIO}\nfail write {errno.EIO}", "I/O error"),
    "that_is_read_only": (f"fail write {errno.EROFS}\nfail sync {errno.EROFS}\n"
                          f"fail open {errno.EROFS}", "I/O error|Read-only file system"),
}


def register(name, lines, words):
    def run(t):
        stage = Stage(t)
        stage.disk.set(lines)
        stage.fail(words)
        stage.disk.set()
        stage.wait_recovered()
        stage.check_told()

    run.__name__ = f"a_disk_{name}"
    tap.test(limit=90)(run)


for name_, (lines_, words_) in FAULTS.items():
    register(name_, lines_, words_)


@tap.test(limit=90)
def a_disk_that_fails_for_a_moment(t):
    stage = Stage(t)
    stage.disk.set(f"fail sync {errno.EIO}")
    stage.sim.set("sft", "a", state="PAUSED")
    stage.wait_failing("I/O error")
    stage.disk.set()
    stage.wait_recovered()
    stage.hook.wait(1)
    stage.sim.set("sft", "a", state="RUNNING")
    stage.sim.set("sft", "b", state="COMPLETED")
    stage.check_told()


@tap.test(limit=90)
def a_disk_that_cannot_read(t):
    """A daemon that has just started has nothing of the database in memory."""
    stage = Stage(t)
    stage.daemon.stop()
    stage.daemon.start()
    stage.disk.set(f"fail read {errno.EIO}")
    stage.fail("I/O error")
    stage.disk.set()
    stage.wait_recovered()
    stage.check_told()


@tap.test(limit=60)
def a_start_on_a_disk_that_cannot_read(t):
    stage = Stage(t)
    stage.daemon.stop()
    stage.daemon.expect_running = False
    stage.disk.set(f"fail read {errno.EIO}")
    result = run_daemon(t, "--config", stage.config.path, env={"TW_FAULT_DISK": stage.disk.path})
    t.equal(result.code, 74)
    t.check(stage.config.state_dir in result.err and "I/O error" in result.err, result.err)


@tap.test(limit=90)
def another_program_that_holds_the_database(t):
    stage = Stage(t)
    path = os.path.join(stage.config.state_dir, "state.db")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        stage.fail("locked")
        db.execute("ROLLBACK")
    stage.wait_recovered()
    stage.check_told()


@tap.test(limit=90)
def a_state_directory_that_is_moved_away_and_put_back(t):
    stage = Stage(t)
    aside = t.path("aside")
    os.rename(stage.config.state_dir, aside)
    stage.sim.set("sft", "a", state="PAUSED")
    stage.wait_failing("restart tunewatchd")
    settle(stage.sim, polls=3)
    t.equal(stage.hook.got(), [])
    os.rename(aside, stage.config.state_dir)
    stage.wait_recovered()
    stage.hook.wait(1)
    stage.sim.set("sft", "a", state="RUNNING")
    stage.sim.set("sft", "b", state="COMPLETED")
    stage.check_told()


@tap.test(limit=90)
def a_state_directory_that_is_removed(t):
    """Nothing can be kept then; who does as he is told begins anew."""
    stage = Stage(t)
    shutil.rmtree(stage.config.state_dir)
    stage.sim.set("sft", "a", state="PAUSED")
    stage.wait_failing("restart tunewatchd")
    t.equal(stage.hook.got(), [])
    stage.daemon.restart()
    stage.daemon.wait_known(name_of("sft", "a"), name_of("sft", "b"))
    settle(stage.sim)
    stage.sim.set("sft", "b", state="COMPLETED")
    t.equal([e["type"] for e in stage.hook.wait(1)], ["job.succeeded"])


if __name__ == "__main__":
    tap.main()
