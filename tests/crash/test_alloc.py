#!/usr/bin/env python3
"""Each allocation between the answer to a poll and the last acknowledgement fails in turn, once.

The daemon runs on, and what it could not do then it does at the next poll or try, which may be a
minute later; a restart is quicker. Nothing is lost, nothing leaks (with sanitizers), nothing hangs.
"""

import collections
import os
import re
import subprocess

from faulty import LONG, Reply, Stage, Webhook, read_deliveries, tap
from plan import Plan

JOB = ("sft", "a")
SAMPLE = 1 << 30 if LONG else 12
SPARE = 4  # beyond the allocations that were counted, since rounds differ a little
# What is later is had by a restart. Longer than the committer's first wait, and at length also than
# that before a try is noted again; on a slow machine a restart that was not needed does no harm.
LATE_S = 8 if LONG else 2
NEVER = 1 << 40


class Rounds:
    """A job that changes in the very answer with which the plan begins to count."""

    def __init__(self, t, web=None):
        self.t = t
        self.plan = Plan(t)
        self.stage = Stage(t, [JOB], web, kinds=[JOB[0]], env={"TW_FAULT_ALLOC": self.plan.path})
        self.fail_at = None  # what the next answer is to begin
        self.begin = 0
        api = self.stage.sim.server.api
        self.answer = api.handle
        api.handle = self.handle

    def handle(self, request):
        if self.fail_at is not None:
            self.stage.move(JOB)
            self.begin = self.plan.count
            self.plan.fail_at(self.fail_at)
            self.fail_at = None
        return self.answer(request)

    def is_told(self):
        """Both destinations know the job's state."""
        return self.fail_at is None and self.stage.caught_up()

    def is_over(self):
        """It is written down, too. Asks the daemon nothing: that would count."""
        return (self.is_told()
                and all(row["state"] == "delivered" for row in
                        read_deliveries(self.stage.daemon.config.state_dir)))

    def run(self, n):
        """A round in which the n-th allocation fails. Returns how many there were."""
        self.fail_at = n
        try:
            self.t.wait(self.is_over, LATE_S, "the event")
            self.stage.sim.wait_requests(1, timeout=LATE_S)  # with the request of the next poll
            return self.plan.count - self.begin
        finally:
            self.plan.fail_at(0)
            self.fail_at = None

    def run_or_restart(self, n):
        """None, or what took a restart."""
        failed = self.plan.failed
        try:
            self.run(n)
        except tap.Failed:
            if self.stage.daemon.program.poll() is not None:
                code = self.stage.daemon.program.returncode
                self.t.fail(f"allocation {n}: the daemon ended with {code}: {self.site()}")
            if self.plan.failed == failed:
                raise
            late = "the acknowledgement" if self.is_told() else "the event"
            self.stage.daemon.restart()
            self.t.wait(self.is_over, 30, f"the event, after a restart: {n}, {self.site()}")
            return f"{late} after a restart: {self.site()}"
        return None

    def site(self):
        """Where the last one failed, as far as it can be told."""
        log = self.stage.daemon.log().rpartition("an allocation fails:\n")[2]
        program = os.environ["TUNEWATCHD"].strip("'")
        frames = re.findall(r"tunewatchd-faulty\(\+(0x[0-9a-f]+)\)", log)
        try:
            text = subprocess.run(["addr2line", "-pfse", program, *frames], capture_output=True,
                                  text=True, check=False).stdout
        except FileNotFoundError:
            return log[:1000]
        lines = [line for line in text.splitlines() if "fault_" not in line]
        return " < ".join(lines[:4])


def every_allocation(t, web=None):
    rounds = Rounds(t, web)
    rounds.stage.start()
    rounds.stage.come_to_rest()
    most = max(rounds.run(NEVER) for _ in range(3)) + SPARE
    step = -(-most // SAMPLE)
    restarts = collections.Counter()
    for n in range(t.random.randrange(step) + 1, most + 1, step):
        late = rounds.run_or_restart(n)
        if late:
            restarts[late] += 1
    rounds.stage.come_to_rest()
    failed = rounds.plan.failed
    t.check(failed > 0, "nothing failed")
    rounds.stage.check()
    t.note(f"{failed} of {most} allocations failed, {restarts.total()} restarts; "
           f"{rounds.stage.figures()}")
    for late, n in restarts.items():
        t.note(f"{n} times {late}")


class Reluctant(Webhook):
    """Takes everything at the second try."""

    def __init__(self, t):
        self.known = set()
        super().__init__(t)

    def choose(self, _path, body):
        status = 200 if body in self.known else 503
        self.known.add(body)
        return Reply(status)


@tap.test(limit=900 if LONG else 120)
def every_allocation_of_a_round_fails(t):
    every_allocation(t)


@tap.test(limit=900 if LONG else 120)
def every_allocation_of_a_round_with_a_retry_fails(t):
    every_allocation(t, Reluctant(t))


if __name__ == "__main__":
    tap.main()
