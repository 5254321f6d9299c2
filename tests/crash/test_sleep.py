#!/usr/bin/env python3
"""What is due when the machine wakes up is done at once, and done once."""

import datetime

from faulty import Config, Daemon, Sim, Webhook, name_of, tap
from slumber import Machine

JOB = "sft", "a"


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Stage:
    """A list that is asked for once an hour, and was asked for once."""

    def __init__(self, t):
        self.t = t
        self.machine = Machine(t)
        self.sim = Sim(t, {"jobs": [{"kind": JOB[0], "id": JOB[1], "state": "RUNNING"}]})
        self.hook = Webhook(t)
        config = Config(t).account(self.sim).webhook(self.hook)
        config.watch(kinds=[JOB[0]], poll_interval="1h")
        self.daemon = Daemon(t, config, env=self.machine.env)
        self.wait_asked(1)

    def polls(self):
        return len(self.sim.requests("Jobs$"))

    def is_ahead(self):
        """The answer is processed: the next poll is half an hour away at the soonest."""
        job = self.daemon.jobs().get(name_of(*JOB))
        return job and job["nextPoll"] and seconds(job["nextPoll"]) > self.machine.now() + 1200

    def wait_asked(self, count):
        """Until the list was asked for so often since the start, and not once more."""
        self.t.wait(lambda: self.polls() >= count, 15, f"the list's poll no. {count}")
        self.t.wait(self.is_ahead, 15, "the time of the next poll")
        self.t.equal(self.polls(), count, "polls")


@tap.test()
def a_poll_that_was_due_in_the_sleep(t):
    stage = Stage(t)
    for night in (1, 2):
        stage.machine.sleep(hours=8)
        stage.wait_asked(1 + night)
    stage.sim.set(*JOB, state="COMPLETED")
    stage.machine.sleep(hours=8)
    stage.hook.wait(1)
    stage.wait_asked(4)
    told = stage.hook.events()[0]["time"]
    t.check(abs(seconds(told) - stage.machine.now()) < 60, f"not the time of the third: {told}")


@tap.test()
def a_nap_in_which_nothing_was_due(t):
    stage = Stage(t)
    stage.machine.sleep(minutes=5)
    stage.wait_asked(1)
    stage.machine.sleep(hours=8)
    stage.wait_asked(2)


if __name__ == "__main__":
    tap.main()
