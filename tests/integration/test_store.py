#!/usr/bin/env python3
"""Nothing is told that is not durable, and nothing durable is forgotten: full disks."""

import contextlib
import json
import os
import threading
import time

from harness import (
    LIBC, Config, Daemon, Reply, Sim, Webhook, check_log, events, name_of, run_daemon, settle,
    tap,
)
from stored import read_store

DISK = "size=8m"  # what SQLite lets its -wal file grow to fits
BLOCK = 4096
RECOVERY_S = 35

# mount(2), unshare(2)
CLONE_NEWNS, MS_RDONLY, MS_REC, MS_PRIVATE = 0x20000, 1, 0x4000, 1 << 18


class Disk:
    """A small disk of its own as the state directory, which only this test and its daemon see."""

    def __init__(self, config, flags=0):
        self.dir = config.state_dir
        self.filler = os.path.join(self.dir, "filler")
        os.mkdir(self.dir, 0o700)
        if LIBC.unshare(CLONE_NEWNS) != 0:
            raise tap.Skip("a mount namespace takes root")
        if (LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0
                or LIBC.mount(b"none", self.dir.encode(), b"tmpfs", flags, DISK.encode()) != 0):
            raise tap.Skip("nothing can be mounted here")
        if not flags & MS_RDONLY:
            os.chmod(self.dir, 0o700)

    def fill(self):
        """Takes every byte."""
        with open(self.filler, "wb", buffering=0) as file:
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * BLOCK)

    def free(self):
        os.unlink(self.filler)


def check_durable(t, hook, folder):
    """What was sent is in the store, with the same bytes."""
    got = hook.got()
    stored, _, _ = read_store(folder)
    for delivery in got:
        id_ = delivery.event["id"]
        if t.check(id_ in stored, f"{id_} was sent and is not in the store"):
            t.check(delivery.body == stored[id_]["body"].encode(), f"{id_}: other bytes")


def full_disk(t, *ids):
    """Jobs that are known, on a disk that can be filled: (sim, hook, daemon, disk)."""
    sim = Sim(t, {"jobs": [{"kind": "sft", "id": id_, "state": "RUNNING"} for id_ in ids]})
    hook = Webhook(t)
    config = Config(t).account(sim).watch(kinds=["sft"]).webhook(hook)
    disk = Disk(config)
    daemon = Daemon(t, config)
    t.defer(check_log, t, hook, sim)
    daemon.wait_known(*(name_of("sft", id_) for id_ in ids))
    settle(sim)
    return sim, hook, daemon, disk


def wait_failing(t, daemon):
    """The three places that tell that the store fails."""
    t.wait(lambda: daemon.request("/healthz")[0] == 503, 10, "/healthz to be 503")
    reasons = json.loads(daemon.request("/healthz")[2])["reasons"]
    t.check(any("store" in reason and "full" in reason for reason in reasons), f"{reasons}")
    store = daemon.get("/v1/status")["store"]
    t.check(store["failing"] and "full" in (store["error"] or ""), f"{store}")
    t.check(store["waiting"] >= 1, f"nothing waits: {store}")
    t.wait(lambda: "store fails" in daemon.notify.having("STATUS")[-1]["STATUS"], 5,
           "systemd to be told")


def wait_recovered(t, daemon):
    t.wait(lambda: daemon.request("/healthz")[0] == 200, RECOVERY_S, "/healthz to be 200")
    store = daemon.get("/v1/status")["store"]
    t.equal((store["failing"], store["error"]), (False, None))
    t.wait(lambda: "store fails" not in daemon.notify.having("STATUS")[-1]["STATUS"], 5,
           "systemd to be told")


@tap.test(limit=90)
def a_full_disk(t):
    sim, hook, daemon, disk = full_disk(t, "a", "b", "c")
    sim.set("sft", "c", state="PAUSED")
    hook.wait(1)
    before = read_store(disk.dir)[1]
    disk.fill()
    sim.set("sft", "a", state="PAUSED")
    wait_failing(t, daemon)
    sim.set("sft", "b", state="WRITING_RESULTS")
    settle(sim, polls=3)
    sim.set("sft", "b", state="COMPLETED")
    sim.set("sft", "a", state="RUNNING")
    settle(sim, polls=3)
    t.equal(len(hook.got()), 1, "something was sent that is not durable")
    now = read_store(disk.dir)[1]
    t.equal({name: tuple(row) for name, row in now.items()},
            {name: tuple(row) for name, row in before.items()}, "the snapshots in the store")
    check_durable(t, hook, disk.dir)
    disk.free()
    wait_recovered(t, daemon)
    b = hook.wait(1, subject=name_of("sft", "b"))
    t.equal([events.short(e) for e in b],
            [("job.succeeded", "JOB_STATE_RUNNING", "JOB_STATE_COMPLETED")])
    a = hook.wait(2, subject=name_of("sft", "a"))
    t.equal([e["type"] for e in a], ["job.paused", "job.running"])
    settle(sim)
    t.equal(len(hook.got()), 4, "told twice")
    check_durable(t, hook, disk.dir)


@tap.test(limit=90)
def verdicts_and_outages_wait_for_a_full_disk(t):
    """What was accepted while nothing could be written down is not sent again while the daemon
    lives, and an outage that began meanwhile is told when it can be kept."""
    sim, hook, daemon, disk = full_disk(t, "a", "b")
    hook.script("/", Reply(200, delay=2))
    sim.set("sft", "a", state="PAUSED")
    hook.wait_requests(1)
    disk.fill()
    sim.set("sft", "b", state="COMPLETED")
    wait_failing(t, daemon)
    sim.fault("503")
    t.wait(lambda: not daemon.get("/v1/status")["accounts"][0]["inSight"], 10, "an outage")
    t.wait(lambda: daemon.notifier("web")["running"] == 0, 10, "the delivery to be over")
    t.equal(len(hook.got()), 1)
    check_durable(t, hook, disk.dir)
    disk.free()
    hook.wait(1, types="watcher.degraded", timeout=RECOVERY_S)
    hook.wait(1, subject=name_of("sft", "b"))
    sim.clear()
    hook.wait(1, types="watcher.restored", timeout=40)
    sim.set("sft", "a", state="COMPLETED")
    hook.wait(2, subject=name_of("sft", "a"))
    t.equal(len(hook.got()), 5, "something was sent twice")
    check_durable(t, hook, disk.dir)


@tap.test()
def a_first_look_at_a_full_disk_is_taken_again(t):
    """The baseline that could not be written down is not lost, nor are those that come after it."""
    sim, hook, daemon, disk = full_disk(t, "a")
    disk.fill()
    sim.set("sft", "b", state="RUNNING")
    wait_failing(t, daemon)
    sim.set("sft", "c", state="COMPLETED")
    settle(sim, polls=3)
    t.equal(hook.got(), [])
    disk.free()
    wait_recovered(t, daemon)
    t.equal(hook.wait(1, subject=name_of("sft", "b"))[0]["type"], "job.found")
    t.equal(hook.wait(1, subject=name_of("sft", "c"))[0]["type"], "job.succeeded")
    check_durable(t, hook, disk.dir)


@tap.test()
def a_full_disk_at_the_end_is_no_reason_to_stay(t):
    """Nor is a verdict that cannot be written down: that event is sent again, the same."""
    sim, hook, daemon, disk = full_disk(t, "a", "b")
    hook.script("/", Reply(200, delay=2))
    sim.set("sft", "a", state="PAUSED")
    hook.wait_requests(1)
    disk.fill()
    sim.set("sft", "b", state="PAUSED")
    wait_failing(t, daemon)
    t.wait(lambda: daemon.notifier("web")["running"] == 0, 10, "the delivery to be over")
    begin = time.monotonic()
    daemon.stop()
    t.check(time.monotonic() - begin < 8, "hung on")
    t.equal(len(hook.got()), 1)
    disk.free()
    daemon.start()
    again = hook.wait_requests(2)
    t.equal(again[0].body, again[1].body, "other bytes")
    hook.wait(1, subject=name_of("sft", "b"))
    check_durable(t, hook, disk.dir)


@tap.test()
def a_start_on_a_full_disk(t):
    sim, hook, daemon, disk = full_disk(t, "a")
    daemon.kill()
    disk.fill()
    sim.set("sft", "a", state="PAUSED")
    daemon.start()
    wait_failing(t, daemon)
    t.equal(hook.got(), [])
    disk.free()
    wait_recovered(t, daemon)
    t.equal(hook.wait(1)[0]["type"], "job.paused")
    check_durable(t, hook, disk.dir)


@tap.test()
def a_disk_that_is_read_only_is_74(t):
    """While the daemon has its files open the kernel refuses to make the disk read-only, so this
    can only be met at the start."""
    config = Config(t).account("http://127.0.0.1:1").watch()
    config.write()
    Disk(config, MS_RDONLY)
    result = run_daemon(t, "--config", config.path)
    t.equal(result.code, 74)
    t.check(config.state_dir in result.err and "ead-only" in result.err, result.err)


JOB = b'{"dataset": "accounts/acme/datasets/d", "baseModel": "accounts/acme/models/m"}'


@tap.test(limit=120)
def a_job_that_is_created_while_the_disk_is_full(t):
    """Nothing is sent whose intent is not durable, and what was made meanwhile is watched later."""
    sim, _, daemon, disk = full_disk(t, "a")
    answers = {}

    def submit(id_, timeout):
        status, _, body = daemon.request(f"/v1/accounts/acme/jobs/sft?id={id_}&timeout={timeout}",
                                         "POST", JOB)
        answers[id_] = status, json.loads(body)

    def posts():
        return [r["query"]["supervisedFineTuningJobId"] for r in sim.requests("Jobs$")
                if r["method"] == "POST"]

    sim.fault("delay", seconds=3, times=1, method="POST")
    made = threading.Thread(target=submit, args=("made", 5))
    made.start()
    t.wait(posts, 10, "the POST")
    disk.fill()
    submit("first", 2)  # the first to find out
    t.equal((answers["first"][0], answers["first"][1]["error"]["code"]), (503, "api_unavailable"))
    t.check("written down" in answers["first"][1]["error"]["message"], answers["first"])
    wait_failing(t, daemon)
    submit("second", 2)
    t.equal((answers["second"][0], answers["second"][1]["error"]["code"]), (503, "store_failing"))
    made.join(20)
    t.equal((answers["made"][0], answers["made"][1]["error"]["code"]), (503, "api_unavailable"))
    t.check("the job is there" in answers["made"][1]["error"]["message"], answers["made"])
    t.equal(posts(), ["made"], "what is not durable is not sent")
    disk.free()
    wait_recovered(t, daemon)
    t.wait(lambda: (daemon.job("sft", "made") or {}).get("added"), 20, "the job to be watched")
    time.sleep(1)
    t.equal(posts(), ["made"], "nobody waits for the first any more")
    submit("first", 20)
    t.equal(answers["first"][0], 201)


if __name__ == "__main__":
    tap.main()
