#!/usr/bin/env python3
"""The outbox: what waits outlives everything, in its order and within bounds, and nothing that is
not sent is forgotten without a trace."""

import os
import re

from harness import (
    Hook, Reply, Webhook, begin, check_log, is_plain, name_of, peak_kib, running, settle, setup, tap,
)
from stored import query

A, B = name_of("sft", "a"), name_of("sft", "b")
TIMES = int(os.environ.get("TUNEWATCH_OUTBOX_TIMES", "3"))
# Of memory, beyond the first 1,000: it settles at some 2 MB for however many, where each would take
# 1,650 if all were kept.
BYTES_PER_WAITING = 1100
DAY_US = 24 * 3600 * 1000000

ROWS = """SELECT subject, type, state, tries, replaced, error FROM delivery
          JOIN event ON number = event WHERE notifier = ? ORDER BY event"""


def rows(daemon, notifier):
    return query(daemon.config.state_dir, ROWS, notifier)


def wait_states(t, daemon, notifier, *states):
    """Waits until the deliveries to the notifier are in these states, in the order of events."""
    return t.wait(lambda: (lambda found: found if [r[2] for r in found] == list(states) else None)(
        rows(daemon, notifier)), 20, f"{states}, there is {rows(daemon, notifier)}")


@tap.test()
def a_hook_that_ran_when_the_daemon_died_runs_again(t):
    sim, daemon = running(t)
    hook = Hook(t, body="parent = os.getppid()\n"
                        "while number == 0 and os.getppid() == parent: time.sleep(0.02)")
    daemon.config.exec(hook)
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    hook.wait_runs(1)
    t.equal([r[2:4] for r in rows(daemon, "run")], [("pending", 1)], "a try counts from its start")
    daemon.kill()
    daemon.start()
    first, second = hook.wait_runs(2)
    t.equal(first["stdin"], second["stdin"], "other bytes")
    t.equal([r["env"]["TUNEWATCH_DELIVERY_TRY"] for r in (first, second)], ["1", "2"])
    t.equal(first["env"]["TUNEWATCH_EVENT_ID"], second["env"]["TUNEWATCH_EVENT_ID"])
    wait_states(t, daemon, "run", "delivered")
    t.equal(rows(daemon, "run")[0][3], 2)


@tap.test(limit=120)
def more_than_fits_into_memory(t):
    """Many times what the daemon keeps in memory waits through a kill -9 for a webhook that is
    down, and goes out in order; then history is cut to its size. TUNEWATCH_OUTBOX_TIMES sets how
    many times that is."""
    count, steps = 1000, ("PAUSED", "RUNNING") * (TIMES // 2) + ("COMPLETED",)
    waiting = "SELECT count(*) FROM delivery WHERE state = 'pending'"
    sim, hook, daemon = setup(t, {"generate": [{
        "kind": "sft", "count": count, "timeline": [
            {"at": 10 * i, "state": state} for i, state in enumerate(("RUNNING", *steps))]}]},
        {"kinds": ["sft"]}, start=False)
    daemon.start()
    t.wait(lambda: len(daemon.jobs()) == count, 30, "all jobs to be known")
    settle(sim, polls=4)
    hook.script("/", 503, forever=True)
    peaks = []
    for i in range(1, len(steps) + 1):
        sim.admin("advance", {"seconds": 10})
        # In the store: what is on its way there counts as pending for the daemon, too.
        t.wait(lambda n=i: query(daemon.config.state_dir, waiting) == [(n * count,)], 30,
               f"{i * count} to wait")
        peaks.append(peak_kib(daemon.pid))
    each = (peaks[-1] - peaks[0]) * 1024 // ((len(steps) - 1) * count)
    t.note(f"{len(steps) * count} events wait: at most {peaks[0]} KiB with the first {count}, then "
           f"{each} bytes each")
    if is_plain():
        t.check(each <= BYTES_PER_WAITING, f"{each} bytes of memory for each that waits")
    t.equal(daemon.notifier("web")["pending"], len(steps) * count)
    hook.wait_requests(1)
    daemon.kill()
    hook.script("/", 200, forever=True)
    # Not to wait for the time of the next try.
    query(daemon.config.state_dir, "UPDATE delivery SET due_us = 0 WHERE state = 'pending'")
    daemon.start()
    t.wait(lambda: daemon.notifier("web")["pending"] == 0, 60, "everything to be delivered")
    good = {d.event["id"] for d in hook.got() if d.status == 200}
    t.equal(len(good), len(steps) * count)
    t.equal(query(daemon.config.state_dir, "SELECT DISTINCT state FROM delivery"), [("delivered",)])

    daemon.config.options["history_max_size"] = "1M"
    daemon.config.write()
    daemon.reload()
    daemon.wait_log(r"history: \d+ events were removed", 30)
    pages, free, size = (query(daemon.config.state_dir, f"PRAGMA {name}")[0][0]
                         for name in ("page_count", "freelist_count", "page_size"))
    t.check((pages - free) * size <= 1 << 20, f"{pages - free} pages are in use")
    left = query(daemon.config.state_dir, "SELECT type, count(*) FROM event GROUP BY type")
    t.equal([type_ for type_, _ in left], ["job.succeeded"], "the oldest go first")


@tap.test(limit=60)
def what_newer_progress_stands_for(t):
    sim, daemon = running(t)
    web, go = Webhook(t), t.path("go")
    hook = Hook(t, body=f"while not os.path.exists({go!r}): time.sleep(0.02)")
    daemon.config.webhook(web).exec(hook)
    begin(sim, daemon)
    web.script("/", Reply(429, {"Retry-After": "6"}))
    sim.set("sft", "a", state="PAUSED")
    web.wait_requests(1)
    hook.wait_runs(1)
    sim.set("sft", "a", state="RUNNING")
    sim.wait_seen("sft", "a")
    for percent in (10, 20, 30):
        sim.set("sft", "a", progress={"percent": percent})
        sim.wait_seen("sft", "a")
    settle(sim)
    sim.set("sft", "a", state="COMPLETED")
    with open(go, "w", encoding="utf-8"):
        pass
    web.wait(1, types="job.succeeded", timeout=20)
    hook.wait_ends(4)
    told = [d for d in web.got() if d.event["type"] == "job.progress"]
    t.equal([d.event["data"]["to"]["progress"]["percent"] for d in told], [30])
    t.equal([d.headers["tunewatch-replaced"] for d in web.got()],
            ["2" if d in told else None for d in web.got()])
    t.equal([r["env"].get("TUNEWATCH_REPLACED") for r in hook.runs()], [None, None, "2", None])
    for name in ("web", "run"):
        found = [r for r in rows(daemon, name) if r[1] == "job.progress"]
        t.equal([r[2:] for r in found], [
            ("skipped", 0, 0, "replaced by newer progress"),
            ("skipped", 0, 1, "replaced by newer progress"), ("delivered", 1, 2, "")], name)
        t.equal(daemon.notifier(name)["replaced"], 2)
    check_log(t, web, sim, gaps=True)


@tap.test(limit=90)
def a_notifier_that_leaves_and_comes_back(t):
    sim, daemon = running(t, "a", "b")
    hook = Webhook(t)
    hook.script("/gone", 503, forever=True)
    daemon.config.webhook(hook, "stays", "/stays").webhook(hook, "gone", "/gone")
    begin(sim, daemon, "a", "b")
    sim.set("sft", "a", state="COMPLETED")
    hook.wait(1, "/stays")
    hook.wait_requests(1, "/gone")
    t.wait(lambda: daemon.notifier("gone")["retried"] >= 1, 10, "its verdict to be written down")

    removed = daemon.config.sections.pop(("notifier", "gone"))
    daemon.config.write()
    daemon.reload()
    entry = daemon.notifier("gone")
    t.equal((entry["removed"], entry["off"], entry["pending"]), (True, False, 1))
    sim.set("sft", "b", state="COMPLETED")
    hook.wait(2, "/stays")
    daemon.reload()
    daemon.restart()
    daemon.restart()
    t.equal(daemon.notifier("gone")["pending"], 1)
    t.equal(len(re.findall(r'"gone" is no longer in the configuration: 1 delivery', daemon.log())), 1,
            "said once")
    tries = len(hook.got("/gone"))

    daemon.config.sections["notifier", "gone"] = removed
    daemon.config.write()
    hook.script("/gone", 200, forever=True)
    daemon.reload()
    hook.wait_requests(tries + 1, "/gone")
    wait_states(t, daemon, "gone", "delivered")
    t.equal(daemon.notifier("gone")["removed"], False)
    t.equal([e["subject"] for e in hook.events("/gone")], [A], "what it missed is not sent")

    # Away for long: what is too old by then is given up at its return.
    hook.script("/gone", 503, forever=True)
    sim.set("sft", "b", state="RUNNING")
    hook.wait(1, "/gone", subject=B)
    wait_states(t, daemon, "gone", "delivered", "pending")
    daemon.stop()
    query(daemon.config.state_dir, "UPDATE delivery SET created_us = created_us - ?1,"
          " due_us = due_us - ?1", 4 * DAY_US)
    query(daemon.config.state_dir, "UPDATE notifier SET removed_us = 1 WHERE name = 'gone'")
    tries = len(hook.got("/gone"))
    daemon.start()
    found = wait_states(t, daemon, "gone", "delivered", "dead")
    t.check("too old" in found[1][5], found)
    t.equal(len(hook.got("/gone")), tries, "tried")


@tap.test(limit=60)
def a_notifier_that_is_off_skips(t):
    sim, daemon = running(t, "a", "b")
    hook = Webhook(t)
    hook.script("/", 410)
    daemon.config.webhook(hook)
    begin(sim, daemon, "a", "b")
    sim.set("sft", "a", state="COMPLETED")
    t.wait(lambda: daemon.notifier("web")["off"], 10, "the notifier to be off")
    sim.set("sft", "b", state="PAUSED")
    found = wait_states(t, daemon, "web", "dead", "skipped")
    t.check("was off" in found[1][5], found)
    t.wait(lambda: daemon.notifier("web")["skipped"] == 1, 5, "it to be counted")
    daemon.reload()
    daemon.wait_log('"web": 1 delivery was skipped while it was off')
    sim.set("sft", "b", state="COMPLETED")
    hook.wait(1, subject=B, types="job.succeeded")
    wait_states(t, daemon, "web", "dead", "skipped", "delivered")
    # What it missed is listed, and sent to who asks for it.
    listed = daemon.get("/v1/deliveries?state=skipped")["deliveries"]
    t.equal([(d["subject"], d["type"]) for d in listed], [(B, "job.paused")])
    t.check("was off" in listed[0]["lastError"], listed)
    result = daemon.client("retry", listed[0]["id"])
    t.equal(result.code, 0, result.err)
    hook.wait(1, subject=B, types="job.paused")
    wait_states(t, daemon, "web", "dead", "delivered", "delivered")


@tap.test(limit=60)
def a_new_notifier_gets_nothing_of_the_past(t):
    sim, daemon = running(t)
    hook = Webhook(t)
    hook.script("/old", 503, forever=True)
    daemon.config.webhook(hook, "old", "/old")
    begin(sim, daemon)
    sim.set("sft", "a", state="PAUSED")
    hook.wait_requests(1, "/old")
    daemon.config.webhook(hook, "new", "/new").write()
    daemon.reload()
    daemon.restart()
    settle(sim)
    t.equal(hook.got("/new"), [])
    sim.set("sft", "a", state="FAILED")
    hook.wait(1, "/new")
    t.equal([e["type"] for e in hook.events("/new")], ["job.failed"])
    wait_states(t, daemon, "new", "delivered")


@tap.test(limit=60)
def too_many_that_wait(t):
    ids = "abcdefg"
    sim, daemon = running(t, *ids)
    hook = Webhook(t)
    hook.script("/", 503, forever=True)
    daemon.config.webhook(hook, max_waiting=2)
    begin(sim, daemon, *ids)
    for id_ in "abc":
        sim.set("sft", id_, state="PAUSED")
    wait_states(t, daemon, "web", "pending", "pending", "skipped")
    for id_ in "defg":
        sim.set("sft", id_, state="FAILED")
    found = wait_states(t, daemon, "web", "pending", "pending", "skipped", "pending", "pending",
                        "dead", "dead")
    t.check(all("too many" in r[5] for r in found if r[2] in ("skipped", "dead")), found)
    entry = daemon.notifier("web")
    t.equal((entry["pending"], entry["skipped"], entry["dead"]), (4, 1, 2))
    hook.script("/", 200, forever=True)
    daemon.wait_log("everything is taken again; meanwhile 1 were skipped and 2 given up", 60)
    t.equal(len(re.findall("only ends and watcher", daemon.log())), 1, "said once")
    t.equal(len(re.findall("4 deliveries wait, twice max-waiting: ends", daemon.log())), 1,
            "that ends are given up")
    sim.set("sft", "a", state="RUNNING")
    hook.wait(1, subject=A, types="job.running")


@tap.test(limit=60)
def the_last_try_is_after_three_days(t):
    sim, daemon = running(t)
    hook = Webhook(t)
    hook.script("/", 503, forever=True)
    daemon.config.webhook(hook)
    begin(sim, daemon)
    sim.set("sft", "a", state="FAILED")
    hook.wait_requests(1)
    t.wait(lambda: rows(daemon, "web")[0][3] == 1, 10, "the verdict to be written down")
    daemon.stop()
    # As if it had been tried more often: a lid that was closed for three days is not the end.
    tries = 7
    query(daemon.config.state_dir, "UPDATE delivery SET tries = ?", tries)
    query(daemon.config.state_dir, "UPDATE notifier SET since_us = since_us - ?", 9 * DAY_US)
    query(daemon.config.state_dir, "UPDATE delivery SET created_us = created_us - ?, due_us = 0",
          73 * DAY_US // 24)
    daemon.start()
    found = wait_states(t, daemon, "web", "dead")
    t.equal(found[0][3], tries + 1, "one more try")
    daemon.wait_log(rf"is given up at try {tries + 1}: ")
    t.equal(daemon.notifier("web")["dead"], 1)
    daemon.restart()
    settle(sim)
    t.equal(len(hook.got()), 2, "sent again")


if __name__ == "__main__":
    tap.main()
