#!/usr/bin/env python3
"""History that is large: it is shortened to its bounds while the daemon does its work, and what
waits stays, however old and large."""

import os

from harness import Webhook, begin, check_log, is_plain, running, settle, tap
from stored import query

EVENTS = 20000
OLD_WAITING = 5  # of a notifier that is not there
STALL_CPU_MS = 10
SIZE = 4 << 20
LAST_EVENT = 4 * 4096  # pages that an event may add after the last step of the round
DAY_US = 24 * 3600 * 1000000

ADD_EVENTS = """
    INSERT INTO event (id, subject, sequence, type, time_us, body)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
    SELECT 'evt_old' || i, 'accounts/acme/supervisedFineTuningJobs/old', i, 'job.status',
           unixepoch() * 1000000 - ?2 + i, json_object('filler', hex(zeroblob(500)))
    FROM n"""
ADD_DELIVERIES = """
    INSERT INTO delivery (event, notifier, state, tries, created_us, due_us, error)
    SELECT number, 'gone', iif(sequence <= ?1, 'pending', 'delivered'), 1, time_us, 0, ''
    FROM event WHERE id LIKE 'evt_old%'"""


def fill(daemon, age_us):
    folder = daemon.config.state_dir
    query(folder, ADD_EVENTS, EVENTS, age_us)
    query(folder, ADD_DELIVERIES, OLD_WAITING)
    query(folder, "INSERT INTO notifier VALUES ('gone', 1, 1)")


def left(daemon):
    return query(daemon.config.state_dir, "SELECT count(*) FROM event WHERE id LIKE 'evt_old%'")[0][0]


def used(daemon):
    """The bytes of the database that hold something."""
    pages, free, size = (query(daemon.config.state_dir, f"PRAGMA {name}")[0][0]
                         for name in ("page_count", "freelist_count", "page_size"))
    return (pages - free) * size


def prune(t, sim, daemon, web, **bounds):
    """Reloads with other bounds; until the round is over, events come and must go out."""
    stalls = daemon.get("/v1/status")["loop"]
    daemon.config.options.update(bounds)
    daemon.config.write()
    daemon.reload()
    states, told = ("PAUSED", "RUNNING"), len(web.got())
    for i in range(1000):
        if f"history: " in daemon.log():
            break
        sim.set("sft", "a", state=states[i % 2])
        web.wait_requests(told + i + 1)
    else:
        t.fail("it does not end")
    after = daemon.get("/v1/status")["loop"]
    t.note(f"{EVENTS} events, {len(web.got()) - told} told meanwhile; the longest stall {after}, "
           f"before {stalls}")
    t.check(len(web.got()) > told, "nothing was told meanwhile")
    if is_plain():
        t.check(after["longestStallCpuMs"] <= STALL_CPU_MS, f"the loop was kept busy: {after}")


def with_history(t, age_us):
    sim, daemon = running(t)
    web = Webhook(t)
    daemon.config.webhook(web)
    daemon.config.options.update(history_max_age="off", history_max_size="off")
    begin(sim, daemon)
    daemon.stop()
    fill(daemon, age_us)
    daemon.start()
    t.defer(check_log, t, web, sim)
    return sim, daemon, web


@tap.test(limit=120)
def what_is_old_goes_beside_the_work(t):
    sim, daemon, web = with_history(t, 40 * DAY_US)
    prune(t, sim, daemon, web, history_max_age="30d")
    t.equal(left(daemon), OLD_WAITING, "what waits")
    t.equal(daemon.notifier("gone")["pending"], OLD_WAITING)
    t.equal(query(daemon.config.state_dir, "SELECT state FROM delivery WHERE notifier = 'web'"
                  " AND state <> 'delivered'"), [])


@tap.test(limit=120)
def what_is_too_much_goes_beside_the_work(t):
    sim, daemon, web = with_history(t, DAY_US)
    before = used(daemon)
    t.check(before > 2 * SIZE, f"{before} bytes are too few for a test")
    prune(t, sim, daemon, web, history_max_size=f"{SIZE >> 20}M")
    now = used(daemon)
    t.check(SIZE // 2 < now <= SIZE + LAST_EVENT, f"{now} bytes of {before}")
    t.equal(query(daemon.config.state_dir, "SELECT count(*) FROM event WHERE id LIKE 'evt_old%'"
                  " AND sequence <= ?", OLD_WAITING), [(OLD_WAITING,)], "what waits")
    settle(sim)
    daemon.stop()
    size = os.path.getsize(os.path.join(daemon.config.state_dir, "state.db"))
    t.check(size <= 2 * SIZE, f"the file has {size} bytes")
    daemon.expect_running = False


if __name__ == "__main__":
    tap.main()
