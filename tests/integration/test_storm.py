#!/usr/bin/env python3
"""A storm: thousands of jobs that end between two polls. Each end is told once, in order, over few
connections and by few hooks at a time, in bounded memory, and the daemon stays responsive.

TUNEWATCH_STORM_JOBS sets the number of jobs."""

import os
import shlex
import socket
import threading
import time

from harness import PACER, Config, Daemon, Sim, events, is_plain, peak_kib, tap

JOBS = int(os.environ.get("TUNEWATCH_STORM_JOBS", "5000"))
HOOKED = JOBS // 10  # a process each: by the display name
HOST_CONNECTIONS = 4  # WEBHOOK_MAX_PARALLEL, and the most to one host
MAX_PARALLEL = 2
STALL_CPU_MS = 50
# The document of an event, its delivery, and what is allocated around them, while they wait.
BYTES_PER_EVENT = 8 << 10
LIMIT_S = 120


class Receiver:
    """A webhook that keeps up with a storm, once it begins to answer: bodies as they come, and how
    many connections were open at a time."""

    def __init__(self, t):
        self.lock = threading.Lock()
        self.answers = threading.Event()
        self.bodies = []
        self.open = self.most_open = self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        threading.Thread(target=self.accept, daemon=True).start()
        t.defer(self.listener.close)

    def url(self, path="/"):
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}{path}"

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                self.open += 1
                self.most_open = max(self.most_open, self.open)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, connection.makefile("rb") as file:
            while self.receive(connection, file):
                pass
        with self.lock:
            self.open -= 1

    def receive(self, connection, file):
        try:
            length = 0
            if not file.readline():
                return False
            while line := file.readline().strip():
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            body = file.read(length)
            with self.lock:
                self.bodies.append(body)
            self.answers.wait()
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            return True
        except OSError:
            return False


HOOK = """#!/bin/sh
echo "begin $TUNEWATCH_EVENT_ID $TUNEWATCH_DELIVERY_TRY" >>{records}
read -r event
echo "end $TUNEWATCH_EVENT_ID" >>{records}
"""


class CheapHook:
    """Writes down when it begins and when it ends, in the order in which that happens."""

    def __init__(self, t):
        self.program, self.records_path = t.path("storm.hook"), t.path("storm.records")
        with open(self.program, "w", encoding="utf-8") as file:
            file.write(HOOK.format(records=shlex.quote(self.records_path)))
        os.chmod(self.program, 0o755)
        with open(self.records_path, "w", encoding="utf-8"):
            pass

    def records(self):
        with open(self.records_path, encoding="utf-8") as file:
            return [line.split() for line in file]

    def most_running(self):
        running = most = 0
        for word, *_ in self.records():
            running += 1 if word == "begin" else -1
            most = max(most, running)
        return most


def change(sim, state, jobs):
    """All at one moment, as far as the API's clients can tell."""
    world = sim.server.api.world
    with world.lock:
        for job in jobs:
            job.apply({"state": state})


def storm(t, sim, daemon, receiver, hook, jobs):
    resumed = jobs[::10]

    def wait_pending(count):
        t.wait(lambda: daemon.notifier("web")["pending"] == count, LIMIT_S, f"{count} to wait")

    change(sim, "COMPLETED", jobs)
    wait_pending(len(jobs))
    change(sim, "PENDING", resumed)  # while the ends still wait: order is kept behind them
    wanted = len(jobs) + len(resumed)
    wait_pending(wanted)
    receiver.answers.set()
    t.wait(lambda: len(receiver.bodies) >= wanted, LIMIT_S,
           f"{wanted} requests, there are {len(receiver.bodies)}")
    t.wait(lambda: len(hook.records()) >= 2 * HOOKED, LIMIT_S, f"{HOOKED} hooks")

    def idle():
        notifiers = daemon.get("/v1/status")["notifiers"]
        return all(n["pending"] == 0 for n in notifiers) and notifiers

    return {n["name"]: n for n in t.wait(idle, LIMIT_S, "every delivery to be over")}


@tap.test(limit=3 * LIMIT_S)
def jobs_that_end_between_two_polls(t):
    sim = Sim(t, {"jobs": [
        {"kind": "sft", "id": f"job-{i}", "state": "RUNNING", "createdMinute": i,
         "displayName": f"{'hooked' if i < HOOKED else 'other'}-{i}"} for i in range(JOBS)]
        + [{**PACER, "displayName": "other-pacer"}]})
    receiver, hook = Receiver(t), CheapHook(t)
    config = Config(t).account(sim)
    config.watch("hooked", kinds=["sft"], display_name="hooked-*")
    config.watch("other", kinds=["sft"], display_name="other-*", notify=["web", "journal"])
    config.webhook(receiver, timeout=f"{LIMIT_S}s")
    config.exec(hook, events=["end"], max_parallel=MAX_PARALLEL)
    config.section("notifier", "journal", {"type": "syslog", "events": ["end"]})
    daemon = Daemon(t, config)
    jobs = [job for job in sim.server.api.world.jobs.values() if job.id != PACER["id"]]
    t.wait(lambda: daemon.get("/v1/status")["jobs"]["total"] == JOBS + 1, LIMIT_S, "all jobs")
    first = daemon.get("/v1/status")["loop"]
    before, begin = peak_kib(daemon.pid), time.monotonic()
    counts = storm(t, sim, daemon, receiver, hook, jobs)
    seconds, after = time.monotonic() - begin, peak_kib(daemon.pid)
    last = daemon.get("/v1/status")["loop"]

    told = [body for body in receiver.bodies]
    t.equal(len(told), len(set(told)), "told more than once")
    t.equal(len(told), len(jobs) + len(jobs[::10]), "webhook requests")
    for fault in events.log_faults(told, sim.url):
        t.check(False, fault)
    begun = [row[1:] for row in hook.records() if row[0] == "begin"]
    t.equal(len(begun), HOOKED, "hooks")
    t.equal(len({id_ for id_, _ in begun}), HOOKED, "an event has had two hooks")
    t.equal({number for _, number in begun}, {"1"}, "tries of hooks")
    for name, number in (("web", len(told)), ("run", HOOKED), ("journal", len(jobs))):
        got = {key: counts[name][key] for key in ("delivered", "retried", "dead")}
        t.equal(got, {"delivered": number, "retried": 0, "dead": 0}, name)
    t.check(receiver.most_open <= HOST_CONNECTIONS, f"{receiver.most_open} connections at a time")
    t.check(hook.most_running() <= MAX_PARALLEL, f"{hook.most_running()} hooks at a time")
    each = (after - before) * 1024 // len(told)
    t.note(f"{len(jobs)} jobs, {len(told)} requests over {receiver.connections} connections, "
           f"{HOOKED} hooks, {seconds:.1f} s; {each} bytes of memory an event; longest stall "
           f"{last['longestStallMs']} ms, CPU {last['longestStallCpuMs']} ms (first sight "
           f"{first['longestStallMs']} and {first['longestStallCpuMs']})")
    if is_plain():
        t.check(each <= BYTES_PER_EVENT, f"{each} bytes of memory an event")
        t.check(last["longestStallCpuMs"] <= STALL_CPU_MS, f"the loop was kept busy: {last}")


if __name__ == "__main__":
    tap.main()
