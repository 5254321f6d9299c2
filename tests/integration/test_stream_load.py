#!/usr/bin/env python3
"""Many clients read the event stream while much happens: each gets each event once, and nobody is held
up. A short version of `BENCH_ONLY=stream make bench`."""

import os
import sys
import time

from harness import BUILD, HERE, Config, Daemon, is_plain, peak_kib, tap
from stored import query

sys.path.append(os.path.join(HERE, "..", "bench"))

from delivery import Exchange  # noqa: E402
from stream import Readers  # noqa: E402

JOBS = 500  # each changes once a second
READERS = 50
SECONDS = 5
GROWTH_KIB = 32 << 10
STALL_CPU_MS = 100  # the bench has the real bound


def begin(t):
    exchange = Exchange(os.path.join(BUILD, "tests/bench/exchange"), t.dir)
    t.defer(exchange.stop)
    config = Config(t).account(exchange.url).watch(
        kinds=["sft"], jobs=[f"sft/job-{i}" for i in range(JOBS)])
    daemon = Daemon(t, config)
    t.wait(lambda: exchange.counts()[0] >= 2 * JOBS, 30, "changes")
    return exchange, daemon


def newest(daemon):
    return daemon.get("/v1/events?limit=1")["last"]


def settle(t, daemon):
    """Until what was seen is stored, and told of."""
    seen = []

    def still():
        seen.append(newest(daemon))
        return (len(seen) > 5 and len(set(seen[-5:])) == 1
                and daemon.get("/v1/status")["store"]["waiting"] == 0)

    t.wait(still, 20, "the last event")
    return seen[-1]


@tap.test(limit=120)
def each_client_gets_each_event_once(t):
    exchange, daemon = begin(t)
    peak = peak_kib(daemon.pid)
    readers = Readers(os.path.join(BUILD, "tests/bench/streams"), daemon.config.socket,
                      READERS - 2, 1, 1)
    t.defer(readers.stop)
    time.sleep(SECONDS)
    exchange.ask("freeze")
    last = settle(t, daemon)
    readers.drain(last)
    rows = readers.report()
    t.equal(len(rows), READERS)
    for row in rows:
        t.equal({key: row[key] for key in ("last", "missed", "twice", "moved", "refused")},
                {"last": last, "missed": 0, "twice": 0, "moved": 0, "refused": 0}, row["kind"])
        t.equal([(row["events"],)], query(
            daemon.config.state_dir, "SELECT count(*) FROM event WHERE number > ?", row["began"]))
    loop = daemon.get("/v1/status")["loop"]
    grown = peak_kib(daemon.pid) - peak
    t.note(f"{rows[0]['events']} events each, {grown} KiB more, {loop}")
    t.check(rows[0]["events"] > JOBS * SECONDS / 5, f"only {rows[0]['events']} events")
    if is_plain():
        t.check(grown <= GROWTH_KIB, f"{grown} KiB more")
        t.check(loop["longestStallCpuMs"] <= STALL_CPU_MS, f"{loop}")


if __name__ == "__main__":
    tap.main()
