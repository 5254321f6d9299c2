#!/usr/bin/env python3
"""A workstation's life: sleep, connections that died in it, a clock that is set, another network. The
machine's sleep and clock are those of slumber.py; the network is one of the test's own."""

import ctypes
import datetime
import os
import shutil
import socket
import subprocess
import threading

from faulty import Config, Daemon, Sim, Webhook, events, name_of, tap
from slumber import Machine

KINDS = tuple(events.COLLECTIONS)
SOON = 10  # seconds, where a request over a dead connection would take 30 to be given up
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


class Way:
    """The way to a server. It can die: connections that are there say nothing any more, new ones
    are as good as ever."""

    def __init__(self, t, port):
        self.port = port
        self.lock = threading.Lock()
        self.connections = []  # whether it is dead, each as a list of one
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()
        t.defer(self.listener.close)

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.port))
            dead = threading.Event()
            with self.lock:
                self.connections.append(dead)
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self.copy, args=(source, target, dead), daemon=True).start()

    def copy(self, source, target, dead):
        """Nothing is closed by a way that is dead, either."""
        try:
            while data := source.recv(65536):
                if not dead.is_set():
                    target.sendall(data)
            if not dead.is_set():
                target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def die(self):
        with self.lock:
            for dead in self.connections:
                dead.set()

    def count(self):
        with self.lock:
            return len(self.connections)


class Stage:
    """Jobs that are known, over a way that can die, on a machine that can sleep; `watches` by name."""

    def __init__(self, t, jobs, watches=None, per_minute=600000, **options):
        self.t = t
        self.machine = Machine(t)
        self.sim = Sim(t, {"jobs": [{"kind": k, "id": i, "state": "RUNNING"} for k, i in jobs]})
        self.way = Way(t, self.sim.port)
        self.hook = Webhook(t)
        config = Config(t, poll_interval="1h", **options).webhook(self.hook)
        config.account(self.way.url, requests_per_minute=per_minute)
        for name, watch in (watches or {"all": {}}).items():
            config.watch(name, **{"poll_interval": "1h", "kinds": sorted({k for k, _ in jobs}),
                                  **watch})
        self.daemon = Daemon(t, config, env=self.machine.env)
        self.daemon.wait_known(*(name_of(*job) for job in jobs), timeout=30)

    def finish(self, *jobs):
        for job in jobs:
            self.sim.set(*job, state="COMPLETED")

    def account(self):
        return self.daemon.get("/v1/status")["accounts"][0]

    def rate(self):
        return self.account()["requestsPerMinuteNow"]

    def wait_idle(self):
        """Nothing is asked any more, for some seconds."""
        seen = [-1]

        def idle():
            before, seen[0] = seen[0], self.account()["requests"]
            return before == seen[0] == len(self.sim.requests())

        self.t.wait(idle, 15, "the end of the first polls")


A, B = ("sft", "a"), ("dpo", "b")
CHANGED = "job.(finishing|paused)"


def seconds_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


@tap.test()
def overdue_polls_go_out_at_once_and_spread(t):
    """All kinds are due; the budget lets one go each half second."""
    stage = Stage(t, [(kind, "a") for kind in KINDS], per_minute=120)
    stage.wait_idle()
    before = len(stage.sim.requests())
    stage.finish(*((kind, "a") for kind in KINDS))
    stage.machine.sleep(hours=8)
    stage.hook.wait(len(KINDS), types="job.succeeded", timeout=30)
    after = stage.sim.requests()[before:]
    for i, first in enumerate(after):
        for n, last in enumerate(after[i + 1:], 1):
            seconds = last["clock"] - first["clock"]
            t.check(seconds > n * 0.5 - 0.3, f"{n + 1} requests in {seconds:.2f} s")
    stage.daemon.wait_log(r"the machine has slept for 8h")
    t.equal({e["type"] for e in stage.hook.events()}, {"job.succeeded"})


@tap.test()
def a_connection_that_died_in_the_sleep(t):
    stage = Stage(t, [A])
    stage.wait_idle()
    before = stage.way.count()
    stage.way.die()
    stage.finish(A)
    stage.machine.sleep(hours=8)
    stage.hook.wait(1, types="job.succeeded", timeout=SOON)
    t.check(stage.way.count() > before, "over an old connection")
    t.equal(len(stage.hook.events()), 1)


@tap.test()
def a_request_that_was_under_way(t):
    """Its answer never comes, and is not waited for."""
    stage = Stage(t, [A, B], {"first": {"kinds": ["sft"]}, "other": {"kinds": ["dpo"]}})
    stage.wait_idle()
    stage.sim.fault("delay", seconds=60, times=2)
    number = len(stage.sim.requests())
    stage.machine.sleep(hours=2)
    t.wait(lambda: len(stage.sim.requests()) >= number + 1, 15, "a request that hangs")
    stage.finish(A, B)
    stage.way.die()
    stage.machine.sleep(hours=2)
    t.wait(lambda: len(stage.sim.requests()) >= number + 3, SOON, "the requests again")
    stage.hook.wait(2, types="job.succeeded", timeout=SOON)
    t.equal({e["type"] for e in stage.hook.events()}, {"job.succeeded"})


@tap.test()
def a_night_is_no_stall_and_no_outage(t):
    """Neither where all was well at its begin, nor where a request had failed."""
    stage = Stage(t, [A, B], {"lists": {"kinds": ["sft"], "stall_running": "30min"},
                              "named": {"jobs": ["dpo/b"], "stall_running": "30min"}},
                  degraded_after="1min")
    stage.wait_idle()
    number = len(stage.sim.requests())
    stage.machine.sleep(hours=8)
    t.wait(lambda: len(stage.sim.requests()) >= number + 2, 15, "a look at both")
    stage.wait_idle()
    # Two hours later, one request fails, and again the machine sleeps.
    number = len(stage.sim.requests())
    stage.sim.fault("503", times=1)
    stage.machine.sleep(hours=2)
    t.wait(lambda: any(r["fault"] for r in stage.sim.requests()[number:]), 15, "a failure")
    stage.machine.sleep(hours=8)
    t.wait(lambda: {"supervised" in r["path"] for r in stage.sim.requests()[number:]
                    if r["status"] == 200} == {True, False}, 15, "a look at both")
    stage.wait_idle()
    stage.finish(A, B)
    stage.machine.sleep(hours=2)
    stage.hook.wait(2, types="job.succeeded")
    t.equal({e["type"] for e in stage.hook.events()} - {"job.found"}, {"job.succeeded"})


@tap.test()
def a_night_hides_no_stall(t):
    """A job whose GET had failed once before it stands still in watched time all the same."""
    stage = Stage(t, [A, B], {"lists": {"kinds": ["sft"], "poll_interval": "1s"},
                              "named": {"jobs": ["dpo/b"], "poll_interval": "1s",
                                        "stall_running": "3s"}})
    stage.sim.fault("not-json", path="dpoJobs/b", times=1)
    t.wait(lambda: any(r["fault"] for r in stage.sim.requests()), 15, "a failure")
    stage.machine.sleep(hours=8)
    stage.hook.wait(1, subject=name_of(*B), types="job.stalled", timeout=20)


@tap.test()
def the_rate_creeps_back(t):
    """By a tenth each minute, also of those that the machine slept."""
    stage = Stage(t, [A], {"all": {"poll_interval": "1s"}}, per_minute=600)
    stage.sim.fault("429", times=1)
    t.wait(lambda: any(r["fault"] for r in stage.sim.requests()), 15, "a 429")
    rates = [stage.rate()]
    for minutes in 3.1, 3:
        stage.machine.sleep(minutes=minutes)
        stage.sim.wait_requests(2)
        rates.append(stage.rate())
    t.equal(rates, [300, 480, 600])


@tap.test(limit=90)
def a_clock_that_is_set(t):
    """A day ahead, two days back: nothing stalls or is late for it, and events tell what time it is."""
    stage = Stage(t, [A, B], {"lists": {"kinds": ["sft"], "poll_interval": "1s"},
                              "named": {"jobs": ["dpo/b"], "poll_interval": "1s"}},
                  degraded_after="1min")
    stage.hook.wait(1, types="job.found")
    for count, (hours, state) in enumerate(((24, "WRITING_RESULTS"), (-48, "PAUSED")), 1):
        stage.machine.set_clock(hours)
        stage.sim.wait_requests(4)
        for job in (A, B):
            stage.sim.set(*job, state=state)
        for job in (A, B):
            event = stage.hook.wait(count, subject=name_of(*job), types=CHANGED)[-1]
            late = stage.machine.now() - seconds_of(event["time"])
            t.check(abs(late) < 60, f"{event['type']}: {event['time']}, off by {late:.0f} s")
    stage.daemon.restart()
    stage.finish(A, B)
    stage.hook.wait(2, types="job.succeeded")
    t.equal({e["type"] for e in stage.hook.events(types=f"(?!{CHANGED}).*")},
            {"job.found", "job.succeeded"})
    t.check("has slept" not in stage.daemon.log(), "taken for a sleep")


@tap.test()
def who_was_turned_away_keeps_away(t):
    """A sleep forgives what failed, but no 429: what the server said of it holds, by the clock that
    goes on meanwhile."""
    stage = Stage(t, [A])
    config, sim = stage.daemon.config, stage.sim
    # Two are told to come back in an hour, the third one sees that the machine slept.
    for name in "acme", "initech", "globex":
        sim.set("sft", "b", name, state="RUNNING")
        config.account(stage.way.url, name).watch(name, name, kinds=["sft"], poll_interval="1s")
    config.write()
    stage.daemon.reload()
    for status, name in ("429", "acme"), ("503", "initech"):
        sim.fault(status, path=f"/{name}/", times=1, retryAfter=3600)
        t.wait(lambda n=name: any(r["fault"] for r in sim.requests(f"/{n}/")), 15, f"a {status}")
    sim.wait_requests(2, "/globex/")

    def asked(name):
        return next(a["requests"] for a in stage.daemon.get("/v1/status")["accounts"]
                    if a["account"] == name)

    before = {name: asked(name) for name in ("acme", "initech")}
    stage.machine.sleep(minutes=20)
    stage.daemon.wait_log("the machine has slept for 20min")
    sim.wait_requests(2, "/globex/")
    t.wait(lambda: asked("initech") > before["initech"], 15, "requests after 20 minutes")
    t.equal(asked("acme"), before["acme"], "requests of who was turned away, after 20 minutes")
    stage.machine.sleep(minutes=45)
    t.wait(lambda: asked("acme") > before["acme"], 15, "requests after an hour")


def own_network(t):
    """From now on this process and what it starts have a network of their own: a loopback, which is
    down."""
    uid, gid, libc = os.getuid(), os.getgid(), ctypes.CDLL(None, use_errno=True)
    if not shutil.which("ip"):
        raise tap.Skip("needs ip (Debian: apt-get install iproute2)")
    if libc.unshare(CLONE_NEWNET if uid == 0 else CLONE_NEWUSER | CLONE_NEWNET) != 0:
        raise tap.Skip(f"no network of its own: {os.strerror(ctypes.get_errno())}")
    if uid != 0:
        for file, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            with open(f"/proc/self/{file}", "w", encoding="ascii") as f:
                f.write(text)


def link_up():
    """What the other end of a cable does."""
    ip("link", "add", "wlan", "type", "veth", "peer", "name", "air")
    ip("link", "set", "air", "up")


def ip(*args):
    program = subprocess.run(["ip", *args], capture_output=True, text=True, check=False)
    if program.returncode != 0:
        raise tap.Skip(f"ip {' '.join(args)}: {program.stderr.strip()}")


@tap.test()
def another_network(t):
    """Its connections are new, nobody has to wait until the old ones are given up."""
    own_network(t)
    ip("link", "set", "lo", "up")
    stage = Stage(t, [A], {"all": {"poll_interval": "1s"}})
    link_up()
    before = stage.way.count()
    stage.finish(A)
    stage.way.die()
    for change in (("addr", "add", "192.0.2.7/24", "dev", "wlan"), ("link", "set", "wlan", "up")):
        ip(*change)
    stage.daemon.wait_log("the network has changed")
    stage.hook.wait(1, types="job.succeeded", timeout=SOON)
    t.check(stage.way.count() > before, "over an old connection")
    lines = stage.daemon.log().count("the network has changed")
    ip("link", "set", "wlan", "down")
    t.wait(lambda: stage.daemon.log().count("the network has changed") > lines, 15,
           "the network to go")
    t.equal(len(stage.hook.events()), 1)


@tap.test()
def no_network_at_the_start(t):
    """It is ready all the same, and goes on as soon as there is one."""
    own_network(t)
    sim = Sim(t, {"jobs": [{"kind": "sft", "id": "a", "state": "RUNNING"}]})
    hook = Webhook(t)
    config = Config(t).account(sim).watch(first_sight="announce").webhook(hook)
    daemon = Daemon(t, config)
    daemon.wait_log("acme is out of sight .connect.")
    # Waits have doubled: the next try would be some seconds away.
    t.wait(lambda: daemon.get("/v1/status")["accounts"][0]["failures"] >= 3, 40, "failures")
    ip("link", "set", "lo", "up")
    link_up()
    ip("link", "set", "wlan", "up")
    daemon.wait_log("the network has changed")
    # The kernel may yet tell of an address; what has failed is asked again after each change.
    t.wait(lambda: daemon.get("/v1/status")["accounts"][0]["inSight"], 5, "the account")
    hook.wait(3, timeout=30)
    t.equal({e["type"] for e in hook.events()},
            {"job.found", "watcher.degraded", "watcher.restored"})


if __name__ == "__main__":
    tap.main()
