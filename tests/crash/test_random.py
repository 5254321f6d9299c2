#!/usr/bin/env python3
"""Everything that can befall deliveries, by chance and all at once: receivers that refuse, hang up and
send away, hooks that ask to be run again and fail, notifiers that come and go, reloads, kill -9.

In the end nothing is missing: whoever was configured when an event was observed has got it, or the
store says why not.
"""

import collections
import json
import time

from faulty import (
    HASTE, LONG, POLL, Config, Daemon, Reply, Sim, Sink, Webhook, events, name_of, same, tap,
)
from stored import query, read_deliveries, read_store

LIFE_S = 60 if LONG else 6
STEP_S = 0.05
REFUSALS_MAX = 2  # of one event by one path: the waits grow, and the end of the test waits for them
PATIENT = ("web", "small", "run")  # always configured
FICKLE = ("comes", "chat")
STATES = ("PENDING", "RUNNING", "PAUSED", "COMPLETED", "FAILED", "WRITING_RESULTS", "CANCELLED")
OVER = {"delivered", "dead", "skipped"}
COUNTED = ("delivered", "dead")  # since the start, by /v1/status
EDGE_S = 0.05  # what was observed so near to a reload may be of the time before or after it

# By the last digit of its process id.
HOOK = """
case $$ in
*[35]) test "$TUNEWATCH_DELIVERY_TRY" -gt 2 || exit 75 ;;
*7) exit 1 ;;
*9) sleep 0.2 ;;
esac
"""


class Chancy(Webhook):
    """Refuses in all ways, none of them too often, until it is told to be calm."""

    def __init__(self, t):
        self.calm = False
        self.refusals = collections.Counter()
        super().__init__(t)

    def choose(self, path, body):
        chance = self.t.random.random()
        if self.calm or self.refusals[path, body] >= REFUSALS_MAX or chance > 0.35:
            return Reply(delay=0.1 if chance > 0.9 else 0.0)
        if path == "/comes" and chance < 0.02:
            return Reply(410)
        if chance < 0.04:
            return Reply(400)
        self.refusals[path, body] += 1
        if chance < 0.1:
            return Reply(reset=True)
        return Reply(503) if chance < 0.25 else Reply(429, {"Retry-After": "1"})


class World:
    def __init__(self, t):
        self.t = t
        self.ids = [f"job-{i}" for i in range(6)]
        self.sim = Sim(t, {"jobs": [{"kind": "sft", "id": id_, "state": "RUNNING"}
                                    for id_ in self.ids]})
        self.web, self.sink = Chancy(t), Sink(t, after=HOOK)
        self.config = Config(t, poll_interval=POLL).account(self.sim)
        self.config.watch(poll_interval=POLL, first_sight="announce", kinds=["sft"])
        self.config.webhook(self.web, "web", "/web")
        self.config.webhook(self.web, "small", "/small", max_waiting=2)
        self.config.webhook(self.web, "comes", "/comes")
        self.config.webhook(self.web, "chat", "/chat", format="slack", digest="1s")
        self.config.exec(self.sink)
        self.fickle = {name: self.config.sections["notifier", name] for name in FICKLE}
        self.daemon = Daemon(t, self.config, env=HASTE, start=False)
        self.spans = []  # (begin, end, names): when exactly these were configured
        self.done = collections.Counter()
        self.before = {state: collections.Counter() for state in COUNTED}  # its present life
        self.daemon.start()
        self.begin = time.time()

    def names(self):
        return {name for kind, name in self.config.sections if kind == "notifier"}

    def counts(self, *states):
        """{notifier: deliveries in these states}, as the store has them."""
        return collections.Counter(row["notifier"] for row in
                                   read_deliveries(self.config.state_dir) if row["state"] in states)

    def begin_span(self, change):
        self.spans.append((self.begin, time.time(), self.names()))
        change()
        self.begin = time.time()

    # What may happen.

    def move(self):
        step = {"state": self.t.random.choice(STATES)}
        if self.t.random.random() < 0.5:
            step = {"progress": {"percent": self.t.random.randrange(101), "epoch": 1}}
        self.sim.set("sft", self.t.random.choice(self.ids), **step)

    def kill(self):
        def again():
            self.daemon.kill()
            self.before = {state: self.counts(state) for state in COUNTED}
            self.daemon.start()

        self.begin_span(again)

    def reload(self):
        self.begin_span(self.daemon.reload)

    def change(self):
        def apply():
            for name in FICKLE:
                self.config.sections.pop(("notifier", name), None)
                if self.t.random.random() < 0.6:
                    self.config.sections["notifier", name] = self.fickle[name]
            self.config.write()
            self.daemon.reload()

        self.begin_span(apply)

    def live(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            what, = self.t.random.choices(
                (self.move, self.kill, self.reload, self.change), (90, 3, 3, 6))
            self.done[what.__name__] += 1
            what()
            time.sleep(STEP_S)

    def come_to_rest(self):
        self.web.calm = True

        def apply():
            self.config.sections.update({("notifier", n): o for n, o in self.fickle.items()})
            self.config.write()
            self.daemon.reload()

        self.begin_span(apply)
        for id_ in self.ids:
            self.sim.set("sft", id_, state="COMPLETED", progress={"percent": 100})
            self.sim.wait_seen("sft", id_)
        self.sim.wait_requests(2)

        def rests():
            status = self.daemon.get("/v1/status")
            return status["store"]["waiting"] == 0 and not self.counts("pending")

        self.t.wait(rests, 60, "every delivery to be over")


def check_each_has_its_delivery(t, w, stored, rows):
    """Exactly those that were configured when it was observed."""
    have = collections.defaultdict(set)
    for row in rows:
        have[row["id"]].add(row["notifier"])
    sure = 0
    for id_, event in stored.items():
        at = event["time_us"] / 1e6
        t.check(have[id_] >= set(PATIENT), f"{id_} is only for {have[id_]}")
        for begin, end, names in w.spans:
            if begin + EDGE_S < at < end - EDGE_S:
                sure += 1
                t.equal(have[id_], names, f"{id_}, observed at {at}")
    t.check(sure > len(stored) // 4, f"{sure} of {len(stored)} events were between two reloads")


def check_arrivals(t, w, stored, rows):
    got = {name: w.web.got(f"/{name}") for name in ("web", "small", "comes")}
    taken = {name: {d.body for d in all_ if d.status == 200} for name, all_ in got.items()}
    bodies = {name: [d.body for d in all_] for name, all_ in got.items()}
    bodies["run"] = w.sink.bodies()
    taken["run"] = set(bodies["run"])
    for name, all_ in bodies.items():
        for fault in events.log_faults(all_, w.sim.url, gaps=True):
            t.check(False, f"{name}: {fault}")
    for row in rows:
        what = f"{row['id']} to {row['notifier']}: {row['state']}"
        t.check(row["state"] in OVER, what)
        t.check(row["state"] == "delivered" or row["error"], f"{what} without a reason")
        if row["state"] == "delivered" and row["notifier"] in taken:
            t.check(stored[row["id"]]["body"].encode() in taken[row["notifier"]],
                    f"{what}, but it never came")
    tries = collections.Counter((json.loads(body)["id"], n) for n, body in w.sink.runs)
    t.equal([pair for pair, times in tries.items() if times > 1], [], "tries with one number")


def check_lists(t, w, rows):
    """What the daemon tells of its outbox is what the store has."""
    def listed(state):
        document = w.daemon.get(f"/v1/deliveries?state={state}&limit=1000")
        return document["deliveries"]

    for state in ("dead", "skipped"):
        found = {d["id"]: d["lastError"] for d in listed(state)}
        wanted = {f"{r['id']}.{r['notifier']}": r["error"] for r in rows if r["state"] == state}
        t.equal(found, wanted, state)
    t.equal(listed("pending"), [], "pending")


def check_counts(t, w):
    """Of the daemon and of the store, at a moment when neither moves."""
    def agrees():
        before = {state: w.counts(state) for state in ("pending", *COUNTED)}
        told = {n["name"]: n for n in w.daemon.get("/v1/status")["notifiers"]}
        if before != {state: w.counts(state) for state in before}:
            return False
        for state in COUNTED:
            before[state] = before[state] - w.before[state]
        return all(told[name][state] == before[state][name] for name in told for state in before
                   ) and before["pending"].keys() <= told.keys()

    try:
        t.wait(agrees, 15, "the daemon and the store to agree")
    except tap.Failed:
        t.check(False, str(w.daemon.get("/v1/status")["notifiers"]))
        t.check(False, str({s: w.counts(s) for s in ("pending", *COUNTED)} | {"was": w.before}))
        raise


@tap.test(limit=240 if LONG else 120)
def by_chance(t):
    w = World(t)
    w.live(LIFE_S / 2)
    check_counts(t, w)
    w.live(LIFE_S / 2)
    w.come_to_rest()
    stored, snapshots, _ = read_store(w.config.state_dir)
    rows = read_deliveries(w.config.state_dir)
    for id_ in w.ids:
        name = name_of("sft", id_)
        numbers = [row["sequence"] for row in stored.values() if row["subject"] == name]
        same(t, f"numbers of {name}", numbers, list(range(1, len(numbers) + 1)))
        t.equal(snapshots[name]["sequence"], len(numbers), name)
    check_each_has_its_delivery(t, w, stored, rows)
    check_arrivals(t, w, stored, rows)
    check_lists(t, w, rows)
    check_counts(t, w)
    states = collections.Counter(row["state"] for row in rows)
    t.note(f"{len(stored)} events; {dict(states)}; {dict(w.done)}; "
           f"{sum(w.web.refusals.values())} refused; reasons: " + str(query(
               w.config.state_dir, "SELECT error, count(*) FROM delivery WHERE state IN"
               " ('dead', 'skipped') GROUP BY error ORDER BY 2 DESC")))


if __name__ == "__main__":
    tap.main()
