#!/usr/bin/env python3
"""The daemon is killed at every point between the wish for a job and its being watched: see
fault_points.c. In the end there is one job at the server for each that somebody asked for until he was
answered, and it is watched; and of what nobody asked for again, there is a job that is watched, or none.
"""

import collections
import contextlib
import http.client
import json
import threading

from faulty import HASTE, LONG, Config, Daemon, Sim, Webhook, name_of, query, tap

from harness import UnixConnection
from plan import Plan
from slumber import Machine

COLLECTION = "supervisedFineTuningJobs$"
BASE = {"dataset": "accounts/acme/datasets/d", "baseModel": "accounts/acme/models/m"}
# What becomes of the POST's first answer, or of the POST.
ANSWERS = {
    "answered": None,
    "lost": {"do": "lose-answer"},
    "unmade": {"do": "404", "shape": "html", "before": True},
    "busy": {"do": "429", "before": True},
}
POINTS = ("change", "before-commit", "after-commit", "before-send", "before-post", "in-post",
          "before-reply", "after-reply")
ENOUGH = 60  # comings to one point in one life


class Client:
    """Asks for one job on a thread of its own, once."""

    def __init__(self, daemon, spec, timeout=20):
        self.outcome = None  # status, or None where the daemon has died
        self.timeout = timeout
        self.daemon = daemon
        self.spec = spec
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        with contextlib.suppress(OSError, http.client.HTTPException):
            with contextlib.closing(UnixConnection(self.daemon.config.socket, 30)) as connection:
                connection.request("POST", f"/v1/accounts/acme/jobs/sft?timeout={self.timeout}",
                                   json.dumps(self.spec))
                self.outcome = connection.getresponse().status


class Stage:
    def __init__(self, t, answer):
        self.t = t
        self.answer = ANSWERS[answer]
        self.sim = Sim(t, {"accounts": {"acme": {}},
                           "settings": {"created": [{"at": 0, "state": "RUNNING"}]}})
        self.hook = Webhook(t)
        config = Config(t).account(self.sim).watch(kinds=["dpo"]).webhook(self.hook)
        self.daemon = Daemon(t, config, env=dict(HASTE), start=False)
        self.n = 0
        self.wanted = []  # jobs that somebody was told of

    def spec(self):
        self.n += 1
        return {**BASE, "displayName": f"job-{self.n}"}

    def lose(self):
        self.sim.clear()
        if self.answer:
            self.sim.fault(**self.answer, times=1, method="POST", path=COLLECTION)

    def live(self, point):
        """A life until it is killed there. The job, and whether it was killed."""
        before = len(self.daemon.notify.having("READY"))
        dead = lambda: self.daemon.program.poll() is not None
        self.lose()
        self.daemon.env["TW_FAULT_POINT"] = point
        self.daemon.start(ready=False)
        del self.daemon.env["TW_FAULT_POINT"]
        self.t.wait(lambda: dead() or len(self.daemon.notify.having("READY")) > before, 20,
                    "READY=1, or the end")
        spec = self.spec()
        client = Client(self.daemon, spec)
        self.t.wait(lambda: dead() or not client.thread.is_alive(), 30, "an answer, or the end")
        killed = self.dies_soon(dead)
        client.thread.join(5)
        if client.outcome:
            self.t.check(client.outcome in (200, 201), f"{point}: {client.outcome}")
            self.wanted.append(spec["displayName"])
        return spec, killed

    def dies_soon(self, dead):
        """What comes after the answer, the event and its way out, is soon over, too."""
        with contextlib.suppress(tap.Failed):
            self.t.wait(dead, 0.4, "the end")
        if dead():
            self.t.equal(self.daemon.program.returncode, -9, "it ended with")
            return True
        self.daemon.kill()
        return False

    def check(self, spec, again):
        """A whole life, in which it is asked for once more, or not."""
        t = self.t
        self.daemon.start()
        if again:
            client = Client(self.daemon, spec)
            client.thread.join(30)
            t.check(client.outcome in (200, 201), f"asked again: {client.outcome}")
            self.wanted.append(spec["displayName"])
        t.wait(lambda: not self.intents(), 30, "no intent to be left")
        names = self.names()
        t.equal(len(names), len(set(names)), f"twice: {names}")
        for name in self.wanted:
            t.check(name in names, f"{name} was told of, and is not there")
        views = {}

        def seen():
            """What was adopted just before the end is looked at first."""
            views.clear()
            for view in self.daemon.jobs().values():
                if view["kind"] == "sft":
                    views[view["displayName"]] = view
            return "" not in views

        t.wait(seen, 20, "all that is watched to be seen")
        t.equal(sorted(views), sorted(names), "watched, and there")
        t.check(all(v["added"] and v["phase"] == "running" for v in views.values()), f"{views}")
        self.daemon.kill()

    def intents(self):
        return query(self.daemon.config.state_dir, "SELECT name FROM submission")

    def posts(self):
        return [r for r in self.sim.requests(COLLECTION) if r["method"] == "POST"]

    def names(self):
        world = self.sim.server.api.world
        with world.lock:
            return [job.display_name for job in world.jobs.values() if job.kind == "sft"]

    def told(self):
        """Each job was announced, under one id."""
        ids = {}
        for delivery in self.hook.got():
            event = delivery.event
            if event["type"] == "job.found":
                ids.setdefault(event["subject"], set()).add(event["id"])
        return ids


def killed_at(t, point, answer):
    stage = Stage(t, answer)
    deaths = 0
    for k in range(1, ENOUGH):
        if not LONG and point == "change" and k % 3 and answer != "answered":
            continue
        spec, killed = stage.live(f"{point}:{k}")
        stage.check(spec, again=k % 2 == 0)
        if not killed:
            break
        deaths += 1
    t.check(deaths > 0 and deaths < ENOUGH - 2, f"{deaths} deaths")
    stage.daemon.start()
    t.wait(lambda: len(stage.told()) == len(stage.names()), 20, "all to be told of")
    t.equal([n for n, ids in stage.told().items() if len(ids) != 1], [], "more than one id")
    t.note(f"{deaths} deaths, {len(stage.names())} jobs of {stage.n}")


def register(point, answer):
    def run(t):
        killed_at(t, point, answer)

    run.__name__ = f"killed_at_{point.replace('-', '_')}_{answer}"
    tap.test(limit=120)(run)


for point_ in POINTS:
    for answer_ in ANSWERS:
        if LONG or point_ in ("change", "in-post", "before-reply") or answer_ == "answered":
            register(point_, answer_)


# The machine, and its memory


def asleep(t, do):
    """Its answer comes over a connection that is given up: it is not sent again, but looked for."""
    machine = Machine(t)
    stage = Stage(t, "answered")
    stage.daemon.env.update(machine.env)
    stage.daemon.start()
    stage.sim.fault(do, seconds=8, times=1, method="POST", path=COLLECTION)
    client = Client(stage.daemon, stage.spec(), timeout=3600)
    t.wait(stage.posts, 10, "the POST")
    machine.sleep(minutes=20)
    client.thread.join(6)
    t.wait(lambda: not stage.intents(), 10, "no intent to be left")
    return stage, client.outcome


@tap.test()
def asleep_while_a_job_is_made(t):
    stage, outcome = asleep(t, "delay")
    t.equal((outcome, len(stage.posts()), stage.names()), (200, 1, ["job-1"]))


@tap.test()
def asleep_before_a_job_is_made(t):
    """It is made by the second POST, and the first comes too late to make another."""
    stage, outcome = asleep(t, "late")
    t.equal((outcome, len(stage.posts()), stage.names()), (201, 2, ["job-1"]))
    t.wait(lambda: 409 in [r["status"] for r in stage.posts()], 15, "the first POST")
    t.equal(stage.names(), ["job-1"])


@tap.test()
def asleep_beyond_the_time(t):
    """Who waited is told at once, and what was made is found."""
    machine = Machine(t)
    stage = Stage(t, "answered")
    stage.daemon.env.update(machine.env)
    stage.daemon.start()
    stage.sim.fault("delay", seconds=60, times=1, method="POST", path=COLLECTION)
    client = Client(stage.daemon, stage.spec())
    t.wait(lambda: stage.posts(), 10, "the POST")
    machine.sleep(hours=2)
    client.thread.join(6)
    t.equal(client.outcome, 503)
    t.wait(lambda: not stage.intents(), 20, "no intent to be left")
    t.equal((len(stage.posts()), stage.names()), (1, ["job-1"]))
    t.equal([v["added"] for v in stage.daemon.jobs().values()], [True])


def ask(stage, spec):
    client = Client(stage.daemon, spec, timeout=10)
    client.thread.join(20)
    return client.outcome


@tap.test(limit=600 if LONG else 120)
def every_allocation_fails(t):
    """From the request on, one in each life of a wish: it is refused, or the job is made, once."""
    plan = Plan(t)
    stage = Stage(t, "answered")
    stage.daemon.env["TW_FAULT_ALLOC"] = plan.path
    stage.daemon.start()
    outcomes = collections.Counter()
    for n in range(1, 400, 1 if LONG else 5):
        spec = stage.spec()
        failed = plan.failed
        plan.fail_at(n)
        client = Client(stage.daemon, spec, timeout=3)
        client.thread.join(20)
        plan.fail_at(0)
        outcomes[client.outcome] += 1
        if stage.daemon.program.poll() is not None:
            t.fail(f"allocation {n}: the daemon ended with {stage.daemon.program.returncode}")
        t.check(client.outcome in (None, 200, 201, 413, 500, 503),
                f"allocation {n}: {client.outcome}")
        # A commit that failed is tried again a second later; until then nothing new is taken.
        t.wait(lambda: ask(stage, spec) in (200, 201), 10, f"the job, after allocation {n}")
        if client.outcome == 201 and plan.failed == failed:
            break  # there are no more
    t.wait(lambda: not stage.intents(), 30, "no intent to be left")
    names = stage.names()
    t.equal(sorted(names), sorted(f"job-{i + 1}" for i in range(stage.n)))

    def explain():
        if len(stage.told()) != stage.n:
            t.note(f"told of {sorted(stage.told())}; in the outbox: " + str(query(
                stage.daemon.config.state_dir,
                "SELECT event, state, tries, due_us, error FROM delivery")))

    t.defer(explain)
    stage.daemon.restart()  # what could not be told then is told later, or now
    t.wait(lambda: len(stage.told()) == stage.n, 20, "all to be told of")
    t.note(f"{plan.failed} allocations failed: {dict(outcomes)}")


if __name__ == "__main__":
    tap.main()
