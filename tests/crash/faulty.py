"""What the crash tests share: the daemon that can be made to break (see fault.h), destinations that
keep what they got through its lives, jobs that change, and what must hold in the end.
"""

import collections
import json
import os
import shlex
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("top_builddir", os.path.join(HERE, "..", ".."))
os.environ.setdefault(
    "TUNEWATCHD", shlex.quote(os.path.join(BUILD, "tests", "crash", "tunewatchd-faulty")))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))

from harness import (  # for the tests, which import everything from here
    Config, Daemon, Reply, Sim, Webhook, events, name_of, tap,
)
from stored import query, read_deliveries, read_store

# The long version: `make check-crash`.
LONG = bool(os.environ.get("TUNEWATCH_CRASH_LONG"))

# Retries after 0.1 s, 0.6 s, 2.4 s …; and polls every 0.1 s.
HASTE = {"TW_FAULT_HASTE": "50"}
POLL = "5s"

# In the order of a job's life; what is never an end, so that a job can go round for ever.
ROUND = ("RUNNING", "PAUSED", "PENDING", "WRITING_RESULTS", "CREATING", "CANCELLING")

SINK = """#!/bin/sh
# One line a run: the try, and the event. printf writes it at once.
body=$(cat)
{before}
printf '%s\\t%s\\n' "$TUNEWATCH_DELIVERY_TRY" "$body" >>'{records}'
{after}
"""


class Sink:
    """A hook that is cheap to start. It outlives a daemon that is killed; then its event may have
    been cut off on the way in, and it is none that was received."""

    def __init__(self, t, name="sink", before="", after=""):
        self.program = t.path(f"{name}.hook")
        self.records = t.path(f"{name}.tsv")
        self.read = 0
        self.runs = []  # (try, body)
        self.cut_off = 0
        with open(self.program, "w", encoding="utf-8") as file:
            file.write(SINK.format(records=self.records, before=before, after=after))
        os.chmod(self.program, 0o755)

    def update(self):
        """Reads the runs that have got their event whole, and counts those that have not."""
        if os.path.exists(self.records):
            with open(self.records, "rb") as file:
                file.seek(self.read)
                lines = file.read().splitlines(True)
            for line in lines:
                if line.endswith(b"\n"):
                    self.read += len(line)
                    number, _, body = line[:-1].partition(b"\t")
                    if is_whole(body):
                        self.runs.append((int(number), body))
                    else:
                        self.cut_off += 1

    def bodies(self):
        self.update()
        return [body for _, body in self.runs]


def is_whole(body):
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


class Log:
    """What one destination got, read as it comes in."""

    def __init__(self):
        self.seen = 0
        self.ids = set()
        self.history = collections.defaultdict(list)  # {subject: its events, each once}

    def update(self, bodies):
        for body in bodies[self.seen:]:
            event = json.loads(body)
            if event["id"] not in self.ids:
                self.ids.add(event["id"])
                self.history[event["subject"]].append(event)
        self.seen = len(bodies)

    def state(self, name):
        """The last that it was told of a job."""
        log = self.history.get(name)
        return log[-1]["data"]["to"]["state"] if log else None


def same(t, what, got, wanted):
    """Two long lists are equal; if not, only where they part."""
    at = next((i for i, pair in enumerate(zip(got, wanted)) if pair[0] != pair[1]),
              min(len(got), len(wanted)))
    t.check(got == wanted, f"{what}: of {len(got)} and {len(wanted)}, from {at} on:"
                           f" got {got[at:at + 3]}, wanted {wanted[at:at + 3]}")


# By the name of their notifier.
DESTINATIONS = {"web": "webhook", "run": "hook"}


class Stage:
    """Jobs, a webhook, a hook, and a daemon that is not started yet. `jobs` are (kind, id)."""

    def __init__(self, t, jobs, web=None, sink=None, more=(), kinds=None, env=None):
        self.t = t
        self.jobs = list(jobs)
        self.places = dict.fromkeys(self.jobs, 0)
        self.logs = {"webhook": Log(), "hook": Log()}
        self.sim = Sim(t, {"jobs": [
            *({"kind": kind, "id": id_, "state": ROUND[0]} for kind, id_ in self.jobs), *more]})
        self.web = web or Webhook(t)
        self.sink = sink or Sink(t)
        config = Config(t, poll_interval=POLL).account(self.sim)
        config.watch(poll_interval=POLL, first_sight="announce", kinds=kinds)
        config.webhook(self.web).exec(self.sink)
        self.daemon = Daemon(t, config, env={**HASTE, **(env or {})}, start=False)

    def bodies(self):
        """{destination: all that it got, with what came twice}."""
        return {"webhook": [d.body for d in self.web.got()], "hook": self.sink.bodies()}

    def state(self, job):
        """As the API tells it."""
        return self.sim.server.api.world.jobs[name_of(*job)].shown()["state"]

    def caught_up(self):
        """The jobs whose present state all destinations know, and which may thus move on: so every
        state is one that the daemon must tell."""
        for what, bodies in self.bodies().items():
            self.logs[what].update(bodies)
        return [job for job in self.jobs
                if all(log.state(name_of(*job)) == self.state(job) for log in self.logs.values())]

    def move(self, job):
        self.places[job] += 1
        self.sim.set(*job, state=ROUND[self.places[job] % len(ROUND)])

    def play_until(self, predicate, timeout, what):
        """Moves every job on as soon as it may, until the predicate is true."""
        def step():
            for job in self.caught_up():
                self.move(job)
            return predicate()

        self.t.wait(step, timeout, what)

    def play_until_death(self, timeout=30):
        """The daemon must end by SIGKILL."""
        self.play_until(lambda: self.daemon.program.poll() is not None, timeout, "the crash")
        self.t.equal(self.daemon.program.returncode, -9, "the daemon ended with")

    def start(self, ready=True, **env):
        self.daemon.env.update(env)
        self.daemon.start(ready=ready)
        for name in env:
            del self.daemon.env[name]

    def come_to_rest(self, timeout=60):
        """The daemon runs, all jobs stay as they are, all is told and written down."""
        def written():
            status = self.daemon.get("/v1/status")
            return (status["store"]["waiting"] == 0
                    and all(n["pending"] == 0 for n in status["notifiers"]))

        def missing():
            """What each destination does not know yet."""
            self.caught_up()
            return [f"{what}: {name_of(*job)} is {self.state(job)}, told {log.state(name_of(*job))}"
                    for what, log in self.logs.items() for job in self.jobs
                    if log.state(name_of(*job)) != self.state(job)]

        try:
            self.t.wait(lambda: not missing(), timeout, "all to be told")
        except tap.Failed:
            self.t.check(False, "; ".join(missing()))
            self.t.check(False, str(self.daemon.get("/v1/status")["notifiers"]))
            for delivery in self.daemon.get("/v1/deliveries")["deliveries"]:
                self.t.check(False, str(delivery))
            raise
        self.sim.wait_requests(2 * len(events.COLLECTIONS))  # two looks at all that is listed
        self.t.wait(written, timeout, "every delivery to be over")

    def check(self):
        """What must hold once it has come to rest. Ends the daemon. Returns the events in the
        store, by subject."""
        t = self.t
        self.daemon.stop()
        self.daemon.expect_running = False
        stored, snapshots, _ = read_store(self.daemon.config.state_dir)
        skipped = collections.defaultdict(set)
        for row in read_deliveries(self.daemon.config.state_dir):
            wanted = ["delivered"]
            if stored[row["id"]]["type"] == "job.progress":
                wanted.append("skipped")  # newer progress took its place
            t.check(row["state"] in wanted, f"{row['id']} to {row['notifier']} is {row['state']}")
            if row["state"] == "skipped":
                skipped[DESTINATIONS[row["notifier"]]].add(row["id"])
        history = collections.defaultdict(list)
        for row in stored.values():
            history[row["subject"]].append(json.loads(row["body"]))
        for name, log in history.items():
            numbers = list(range(1, len(log) + 1))
            same(t, f"numbers of {name}", [e["data"]["sequence"] for e in log], numbers)
            t.equal((snapshots[name]["sequence"], snapshots[name]["state"]),
                    (len(log), log[-1]["data"]["to"]["state"]), f"the snapshot of {name}")
        for what, bodies in self.bodies().items():
            self.logs[what].update(bodies)
            self.check_bodies(what, bodies, stored)
            for name, log in history.items():
                # What was skipped may have arrived all the same, just before a crash.
                came = self.logs[what].ids
                same(t, f"{what}: {name}", [e["id"] for e in self.logs[what].history[name]],
                     [e["id"] for e in log if e["id"] in came or e["id"] not in skipped[what]])
        tries = collections.Counter((json.loads(body)["id"], n) for n, body in self.sink.runs)
        for (id_, n), times in tries.items():
            t.check(times == 1, f"hook: {id_} ran {times} times as try {n}")
        for job in self.jobs:
            name = name_of(*job)
            visible = [shown for _, shown in self.sim.server.api.world.jobs[name].visible]
            same(t, name, [events.short(e) for e in history[name]], events.expected(visible))
        return history

    def check_bodies(self, what, bodies, stored):
        exact = {name_of(*job) for job in self.jobs}
        for gaps in False, True:
            chosen = [b for b in bodies if (json.loads(b)["subject"] not in exact) == gaps]
            for fault in events.log_faults(chosen, self.sim.url, gaps):
                self.t.check(False, f"{what}: {fault}")
        for body in set(bodies):
            id_ = json.loads(body)["id"]
            if self.t.check(id_ in stored, f"{what}: {id_} is not in the store"):
                self.t.check(stored[id_]["body"].encode() == body, f"{what}: {id_}: other bytes")

    def again(self):
        """How much came more than once."""
        return sum(len(bodies) - len(set(bodies)) for bodies in self.bodies().values())

    def figures(self):
        """How much came, and how much of it more than once."""
        return ", ".join(f"{what}: {len(self.logs[what].ids)} events, "
                         f"{len(bodies) - len(self.logs[what].ids)} again"
                         for what, bodies in self.bodies().items())
