#!/usr/bin/env python3
"""Answers that come late, in another order than they were asked for, or for one job alone not at
all: the real daemon against the scripted server."""

from harness import setup, tap


def running(*ids):
    return [{"kind": "sft", "id": id_, "state": "RUNNING"} for id_ in ids]


@tap.test()
def a_named_job_that_is_paused_is_told_of(t):
    """Only a GET shows it: after the account was asked why, it is asked for again."""
    sim, hook, _ = setup(t, {"jobs": running("a")}, {"jobs": ["sft/a"]})
    sim.wait_seen("sft", "a")
    hook.wait(1, types="job.found")
    sim.set("sft", "a", state="PAUSED")
    hook.wait(1, types="job.paused", timeout=10)
    sim.set("sft", "a", state="COMPLETED")
    hook.wait(1, types="job.succeeded", timeout=10)


if __name__ == "__main__":
    tap.main()
