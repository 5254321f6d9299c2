#!/usr/bin/env python3
"""What is due when the machine wakes up is done at once, and done once."""

import datetime

from faulty import Config, Daemon, Sim, Webhook, name_of, tap
from slumber import Machine

JOB = "sft", "a"


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Stage:
    """A job that is looked at once an hour: its state is not new, and nothing is due."""

    def __init__(self, t):
        self.t = t
        self.machine = Machine(t)
        self.sim = Sim(t, {"jobs": [{"kind": JOB[0], "id": JOB[1], "state": "RUNNING"}]})
        self.hook = Webhook(t)
        config = Config(t).account(self.sim).webhook(self.hook)
        config.watch(kinds=[JOB[0]], poll_interval="1h")
        self.daemon = Daemon(t, config, env=self.machine.env)
        self.daemon.wait_known(name_of(*JOB))
        self.sleep_till_asked(minutes=2)

    def polls(self):
        return len(self.sim.requests("Jobs"))

    def is_ahead(self):
        """The answer is processed: the next poll is half an hour away at the soonest."""
        job = self.daemon.jobs().get(name_of(*JOB))
        return job and job["nextPoll"] and seconds(job["nextPoll"]) > self.machine.now() + 1200

    def sleep_till_asked(self, **time):
        """What is due after it is asked for, and answered."""
        before = self.polls()
        self.machine.sleep(**time)
        self.t.wait(lambda: self.polls() > before, 15, f"a poll after {time}")
        self.t.wait(self.is_ahead, 15, "the time of the next poll")


@tap.test()
def a_poll_that_was_due_in_the_sleep(t):
    stage = Stage(t)
    for _ in range(2):
        stage.sleep_till_asked(hours=8)
    stage.sim.set(*JOB, state="COMPLETED")
    stage.machine.sleep(hours=8)
    stage.hook.wait(1)
    told = stage.hook.events()[0]["time"]
    t.check(abs(seconds(told) - stage.machine.now()) < 60, f"not the time of the third: {told}")


@tap.test()
def a_nap_in_which_nothing_was_due(t):
    stage = Stage(t)
    before = stage.polls()
    stage.machine.sleep(minutes=5)
    t.wait(stage.is_ahead, 15, "the time of the next poll")
    t.equal(stage.polls(), before, "polls")
    stage.sleep_till_asked(hours=8)


if __name__ == "__main__":
    tap.main()
