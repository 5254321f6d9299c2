#!/usr/bin/env python3
"""kill -9 at any moment, under load, with destinations that refuse, hang up and are slow.

Half of the jobs move on when both destinations know their state: of these every state must be told,
in order, with consecutive numbers. The other half changes all the time, also while no daemon runs:
what is told of them must be a chain of states that were really shown, up to the last one.
"""

import collections
import time

from faulty import LONG, Reply, Sink, Stage, Webhook, events, name_of, same, tap

SERIES = 4 if LONG else 2
KILLS = 100 if LONG else 12  # in each
LIFE_S = 5.0 if LONG else 0.8
EARLY_S = 0.3  # a life that is over before its first polls are
WILD_EVERY_S = 0.02
REFUSALS_MAX = 3  # of one event in a row: the waits grow, and the end of the test waits for them

STATES = [state for states in events.PHASES.values() for state in states]

# A tenth asks to be run again, a tenth is slow, by the last digit of its process id.
HOOK = """
case $$ in
*3) sleep 0.2 ;;
*7) test "$TUNEWATCH_DELIVERY_TRY" -gt 3 || exit 75 ;;
esac
"""


class Moody(Webhook):
    """Answers 503 a quarter of the time, resets and delays now and then."""

    def __init__(self, t):
        self.refused = collections.Counter()  # by body, since it was last taken
        self.refusals = 0
        super().__init__(t)

    def draw(self, body):
        chance = self.t.random.random()
        if self.refused[body] < REFUSALS_MAX:
            if chance < 0.25:
                return Reply(503)
            if chance < 0.28:
                return Reply(reset=True)
        return Reply(delay=self.t.random.uniform(0, 0.3) if chance > 0.93 else 0.0)

    def choose(self, _path, body):
        reply = self.draw(body)
        refuses = reply.reset or reply.status != 200
        self.refused[body] = self.refused[body] + 1 if refuses else 0
        self.refusals += refuses
        return reply


def wild_step(t, stage, jobs):
    step = {"gone": t.random.random() < 0.05}
    if t.random.random() < 0.5:
        step["state"] = t.random.choice(STATES)
    if t.random.random() < 0.3:
        step["status"] = t.random.choice(("", "slow", "slower"))
    if t.random.random() < 0.5:
        step["progress"] = {"percent": t.random.randrange(101), "epoch": t.random.randrange(3)}
    stage.sim.set(*t.random.choice(jobs), **step)


def live(t, stage, wild, seconds):
    """Things happen for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for job in stage.caught_up():
            stage.move(job)
        wild_step(t, stage, wild)
        time.sleep(WILD_EVERY_S)


def check_wild(t, stage, job, told):
    """What was told of a job is a chain, and each link was shown, in that order."""
    name = name_of(*job)
    world_job = stage.sim.server.api.world.jobs[name]
    shown = [events.normal(values)[0] for _, values in world_job.visible]
    states = [e["data"]["to"]["state"] for e in told]
    same(t, f"{name}: a chain", [(e["data"]["from"] or {}).get("state") for e in told],
         [None, *states[:-1]])
    rest = iter(shown)
    before = None
    for state in states:
        if state != before:
            t.check(any(state == s for s in rest), f"{name}: {state} was not shown then")
        before = state
    t.equal(states[-1], world_job.shown()["state"], f"{name}: the last state")


def killed(t):
    kinds = list(events.COLLECTIONS)
    patient = [(kinds[i % 4], f"patient-{i}") for i in range(12)]
    wild = [(kinds[i % 4], f"wild-{i}") for i in range(12)]
    stage = Stage(t, patient, Moody(t), Sink(t, after=HOOK), more=[
        {"kind": kind, "id": id_, "state": "CREATING"} for kind, id_ in wild])
    begin = time.monotonic()
    for _ in range(KILLS):
        stage.start(ready=False)
        live(t, stage, wild, t.random.uniform(0, t.random.choice((EARLY_S, LIFE_S))))
        t.equal(stage.daemon.program.poll(), None, "the daemon ended by itself with")
        stage.daemon.kill()
    stage.start()
    for job in wild:
        stage.sim.set(*job, state="RUNNING", gone=False)
    stage.come_to_rest()
    history = stage.check()
    for job in wild:
        check_wild(t, stage, job, history[name_of(*job)])
    t.check(stage.web.refusals > 0, "nothing was refused")
    t.note(f"{KILLS} kills in {time.monotonic() - begin:.0f} s; {stage.figures()}; "
           f"{stage.web.refusals} refused; {stage.sink.cut_off} hooks lost their input")


def register(number):
    def run(t):
        killed(t)

    run.__name__ = f"killed_at_any_moment_{number}"
    tap.test(limit=1500 if LONG else 120)(run)


for i in range(SERIES):
    register(i + 1)

if __name__ == "__main__":
    tap.main()
