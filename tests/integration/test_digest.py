#!/usr/bin/env python3
"""Digests: what comes within a span is one message, in its order, once; whatever happens between."""

import datetime
import json
import re

from harness import Hook, Webhook, begin, running, settle, tap
from stored import query

LINE = re.compile(r"acme/sft/(\w+) (is paused|is running|failed|succeeded)")
WORDS = {"job.paused": "is paused", "job.running": "is running", "job.failed": "failed",
         "job.succeeded": "succeeded"}
STATES = "SELECT state, tries FROM delivery WHERE notifier = 'chat' ORDER BY event"


def lines(delivery):
    """What a message says, as (job, word), in its order. One of one event says it in its title."""
    document = json.loads(delivery.body)
    return LINE.findall(json.dumps(document["attachments"])) or LINE.findall(document["text"])


def line(event):
    return event["data"]["job"]["id"], WORDS[event["type"]]


def seconds(event):
    return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


def in_order(daemon, told):
    """As they were observed: of different jobs, they may have arrived the other way round."""
    numbers = dict(query(daemon.config.state_dir, "SELECT id, number FROM event"))
    return sorted(told, key=lambda event: numbers[event["id"]])


def rows(daemon):
    return query(daemon.config.state_dir, STATES)


def wait_rows(t, daemon, *wanted):
    t.wait(lambda: rows(daemon) == list(wanted), 20, f"{wanted}, there is {rows(daemon)}")


def digesting(t, ids, digest):
    """Known jobs, a chat with a digest, not started: (sim, chat, daemon)."""
    sim, daemon = running(t, *ids)
    chat = Webhook(t)
    daemon.config.webhook(chat, "chat", format="slack", digest=digest)
    return sim, chat, daemon


@tap.test(limit=60)
def what_came_within_its_time(t):
    """And a webhook and a hook beside it get each event by itself, at once."""
    span = 4
    sim, chat, daemon = digesting(t, "abc", f"{span}s")
    web, hook = Webhook(t), Hook(t)
    daemon.config.webhook(web, "web").exec(hook)
    begin(sim, daemon, *"abc")
    sim.set("sft", "a", state="PAUSED")
    sim.set("sft", "b", state="FAILED")
    first = web.wait(2)
    sim.set("sft", "a", state="COMPLETED")
    web.wait(3)
    chat.wait_requests(1)
    sim.set("sft", "c", state="FAILED")
    told = in_order(daemon, web.wait(4))
    chat.wait_requests(2)
    wait_rows(t, daemon, *[("delivered", 1)] * 4)
    got = chat.got()
    t.equal([entry for d in got for entry in lines(d)], [line(e) for e in told], "once, in order")
    soon = [line(e) for e in told if seconds(e) < seconds(first[0]) + span - 1]
    t.check(len(soon) >= 2 and lines(got[0])[:len(soon)] == soon, f"{soon}, got {lines(got[0])}")
    t.check(got[0].time - web.got()[0].time >= span - 1, "before its time")
    t.equal(len(hook.wait_runs(4)), 4)
    t.equal(len({d.headers["webhook-id"] for d in web.got()}), 4, "one request an event")


@tap.test(limit=60)
def it_is_tried_again_as_a_whole_also_after_a_crash(t):
    sim, chat, daemon = digesting(t, "ab", "2s")
    begin(sim, daemon, "a", "b")
    chat.script("/", 503)
    sim.set("sft", "a", state="FAILED")
    sim.set("sft", "b", state="COMPLETED")
    chat.wait_requests(1)
    wait_rows(t, daemon, ("pending", 1), ("pending", 1))
    daemon.kill()
    daemon.start()
    one, two = chat.wait_requests(2, timeout=25)
    t.equal(len(lines(one)), 2)
    t.equal(one.body, two.body, "another message")
    wait_rows(t, daemon, ("delivered", 2), ("delivered", 2))
    settle(sim)
    t.equal(len(chat.got()), 2)


@tap.test(limit=60)
def a_crash_while_it_collects(t):
    sim, chat, daemon = digesting(t, "ab", "6s")
    begin(sim, daemon, "a", "b")
    sim.set("sft", "a", state="PAUSED")
    wait_rows(t, daemon, ("pending", 0))
    daemon.kill()
    sim.set("sft", "a", state="COMPLETED")
    sim.set("sft", "b", state="FAILED")
    daemon.start()
    wait_rows(t, daemon, *[("delivered", 1)] * 3)
    told = [entry for d in chat.got() for entry in lines(d)]
    t.equal(told[0], ("a", "is paused"))
    t.equal(sorted(told[1:]), [("a", "succeeded"), ("b", "failed")])
    t.check(len(chat.got()) < 3, "one by one")


@tap.test(limit=60)
def a_reload_turns_it_on_and_off(t):
    sim, chat, daemon = digesting(t, "ab", None)
    options = daemon.config.sections["notifier", "chat"]

    def turn(digest):
        options["digest"] = digest
        daemon.config.write()
        daemon.reload()

    begin(sim, daemon, "a", "b")
    sim.set("sft", "a", state="PAUSED")
    sim.set("sft", "b", state="PAUSED")
    chat.wait_requests(2)
    turn("1d")
    sim.set("sft", "a", state="RUNNING")
    sim.set("sft", "b", state="RUNNING")
    wait_rows(t, daemon, *[("delivered", 1)] * 2, *[("pending", 0)] * 2)
    sim.set("sft", "a", state="COMPLETED")
    wait_rows(t, daemon, *[("delivered", 1)] * 2, *[("pending", 0)] * 3)
    t.equal(len(chat.got()), 2, "did not wait")
    turn("1s")
    t.equal(len(lines(chat.wait_requests(3)[2])), 3, "what waits for less time now")
    turn("1d")
    sim.set("sft", "a", state="RUNNING")
    wait_rows(t, daemon, *[("delivered", 1)] * 5, ("pending", 0))
    turn(None)
    t.equal(lines(chat.wait_requests(4)[3]), [("a", "is running")], "what no longer waits")
    sim.set("sft", "b", state="FAILED")
    t.equal(lines(chat.wait_requests(5)[4]), [("b", "failed")])


if __name__ == "__main__":
    tap.main()
