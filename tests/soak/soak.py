#!/usr/bin/env python3
"""A long life in some minutes: the real daemon polls, tells and is reloaded, and comes to rest in
between, each time in the same way. What it holds then must be the same each time.

usage: soak.py BUILD-DIRECTORY

Four accounts: "one", whose jobs somebody has added, is asked for each of them once a second; so is "still",
whose jobs are removed and added again, and do not move; "two" has lists; "three" is like it and comes and
goes with the configuration. Every move of a job is to be one event
at the webhook "ledger", at the hook and in the journal (a socket in a mount namespace; without root there
is none). Reloads by SIGHUP and POST change budgets, keys, watches, other webhooks, the TCP address and the
bounds of history; some are refused. Clients ask, read the stream, hang up, and stop reading.

A round ends at rest: jobs stand still, everything has been delivered, history is within its bounds, nobody
is connected, and the configuration is always the same, with a request a minute. Prints a table and keeps everything in
BUILD-DIRECTORY/soak.json. The exit status is 1 when something has grown, was lost or came twice.
"""

import collections
import contextlib
import json
import mmap
import os
import random
import re
import shutil
import socket
import sqlite3
import struct
import sys
import time
from types import SimpleNamespace

HERE = os.path.dirname(os.path.abspath(__file__))
if len(sys.argv) == 2 and os.path.isdir(sys.argv[1]):
    os.environ.setdefault("top_builddir", os.path.abspath(sys.argv[1]))
sys.path[:0] = [os.path.join(HERE, "..", part) for part in ("integration", "bench")]

from flat import check_flat, heading, print_end, row_of  # noqa: E402
from harness import BUILD, Config, Daemon, UnixConnection, bodies, is_plain, tap  # noqa: E402
from world import Clients, Journal, World  # noqa: E402

# At least so much in all; each round takes its part.
LONG = SimpleNamespace(
    long=True, rounds=8, jobs={"one": 8000, "still": 50, "two": 1000, "three": 500}, requests=2_000_000,
    moves=20_000, reloads=500, hooks=200, rate=150, sample_s=3, patience_s=120, shaky=True,
    history="24MiB", pause_s=0.08, brief=False, prune_s=2.5)
SHORT = SimpleNamespace(
    long=False, rounds=3, jobs={"one": 150, "still": 10, "two": 60, "three": 30}, requests=1000, moves=400,
    reloads=240, hooks=20, rate=400, sample_s=0.2, patience_s=30, shaky=False, history="1MiB",
    pause_s=0, brief=True, prune_s=0)
COUNTS = struct.Struct("=128qq")  # struct counts of count.c
ADDED = ("one", "still")  # accounts whose jobs somebody has added
OTHERS = 8  # notifiers that come and go
HOOK_EVENTS = ["job.succeeded", "job.failed"]
OTHER_EVENTS = (["*"], ["job.*"], ["end", "job.running"], ["job.queued", "watcher.*"])

HOOK = """#!/bin/sh
read -r body
echo "$TUNEWATCH_EVENT_ID $TUNEWATCH_DELIVERY_TRY" >>'{records}'
"""

# What the log may hold above notice: of configurations that are refused, of notifiers that leave, and of
# webhooks that are to be tried again.
EXPECTED = re.compile(r"error: .*\.conf:|error: no account:|error: the new configuration was refused|"
                      r"warning: .* is no longer in the configuration|"
                      r"warning: .* HTTP 503")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Soak:
    def __init__(self, t, size, on_sample=lambda sample: None):
        self.t = t
        self.size = size
        self.on_sample = on_sample
        self.random = t.random
        self.world = World(t, size)
        self.journal = Journal(t)
        self.records = t.path("hook.records")
        self.hook = t.path("soak.hook")
        with open(self.hook, "w", encoding="utf-8") as f:
            f.write(HOOK.format(records=self.records))
        os.chmod(self.hook, 0o755)
        self.tcp_port = free_port()
        self.keys = [t.path(f"{name}.key") for name in "ab"]
        env = {}
        self.counts = None
        count = os.path.join(BUILD, "tests/soak/count.so")
        if is_plain() and os.path.exists(count):
            with open(t.path("counts"), "wb") as f:
                f.write(bytes(mmap.PAGESIZE))
            with open(t.path("counts"), "r+b") as f:
                self.counts = mmap.mmap(f.fileno(), mmap.PAGESIZE)
            env = {"LD_PRELOAD": count, "TW_SOAK_COUNT": t.path("counts")}
        self.config = self.configure()
        self.quiet = self.configure(quiet=True)
        for key, path in zip("ab", self.keys):
            self.config.write_key(path, f"fw_soak_{bodies.SECRET}_{key}")
        self.daemon = Daemon(t, self.config, env=env, start=False)
        self.clients = Clients(self.daemon, random.Random(self.random.random()))
        self.reloads = collections.Counter()
        self.samples = []
        self.notifiers = {}
        self.tests = 0
        self.began = time.monotonic()

    # --- configurations ---

    def configure(self, key=0, others=(), three=True, port=None, budget=600000, history=None,
                  watches=0, quiet=False):
        c = Config(self.t, history_max_size=history or self.size.history, history_max_age="1d",
                   degraded_after="30s", http_listen=f"127.0.0.1:{port}" if port else None)
        c.key_files = set(self.keys)
        for name in self.size.jobs:
            if name == "three" and not three:
                continue
            c.section("account", name, {
                "account_id": name, "api_url": self.world.url, "api_key_file": self.keys[key],
                "requests_per_minute": 1 if quiet else 60_000_000 if name in ADDED else budget})
        for name in ("two", "three"):
            if name == "three" and not three:
                continue
            c.watch(name, name, kinds=["sft"], first_sight="announce")
        for n, pattern in enumerate(("prod-*", "*-support-*")[:watches]):
            c.watch(f"more-{n}", "two", kinds=["sft"], display_name=pattern,
                    first_sight="announce", notify=["ledger", "hook"])
        c.section("notifier", "ledger", {"type": "webhook", "url": f"{self.world.url}/ledger",
                                         "events": ["*"]})
        c.section("notifier", "hook", {"type": "exec", "command": [self.hook], "max_parallel": 4,
                                       "events": HOOK_EVENTS})
        if self.journal.there:
            c.section("notifier", "journal", {"type": "syslog", "events": HOOK_EVENTS})
        for n in others:
            c.section("notifier", f"other-{n}", self.other(n))
        return c

    def other(self, n):
        path = "shaky" if self.size.shaky and n == 0 else "other"
        options = {"type": "webhook", "url": f"{self.world.url}/{path}-{n}",
                   "events": self.random.choice(OTHER_EVENTS)}
        if n % 3 == 1:
            options["format"] = self.random.choice(("slack", "discord", "teams"))
        return options

    def mutated(self):
        chance = self.random
        return self.configure(
            key=chance.randrange(2), three=chance.random() < 0.6,
            others=chance.sample(range(OTHERS), chance.randrange(5)),
            port=self.tcp_port if chance.random() < 0.4 else None,
            budget=chance.choice((6000, 60000, 600000)), watches=chance.randrange(3),
            history=chance.choice((self.size.history, "64MiB")))

    def reload(self, config):
        """By a call, each fourth time by a signal."""
        port = config.options["http_listen"]
        config.write()
        self.reloads["taken"] += 1
        if self.reloads["taken"] % 4 == 0:
            self.daemon.reload()
        else:
            status, _, body = self.daemon.request("/v1/reload", "POST")
            self.t.check(status == 200, f"POST /v1/reload: {status} {body}")
        self.clients.tcp_port = port and self.tcp_port

    def reload_badly(self):
        self.config.write("no-such-option = 1\n")
        status, *_ = self.daemon.request("/v1/reload", "POST")
        self.t.check(status != 200, "a bad configuration was taken")
        self.reloads["refused"] += 1

    # --- life ---

    def put(self, connection, account, n, method="PUT"):
        connection.request(method, f"/v1/jobs/{account}/sft/job-{n:05d}")
        response = connection.getresponse()
        body = response.read()
        self.t.check(response.status in (200, 201, 404), f"{method} {n}: {body[:200]}")

    def begin(self):
        self.daemon.start()
        with contextlib.closing(UnixConnection(self.config.socket, 30)) as connection:
            for account in ADDED:
                for n in range(self.size.jobs[account]):
                    self.put(connection, account, n)
        self.wait_told()

    def wait_told(self):
        """Every move has been an event at the ledger."""
        end = time.monotonic() + self.size.patience_s
        while self.world.counts().ready < self.world.n_jobs:
            if time.monotonic() > end:
                raise tap.Failed(f"of {self.world.n_jobs} jobs {self.world.counts().ready} may"
                                 f" move after {self.size.patience_s} s")
            time.sleep(0.05)

    def part(self, what, number):
        """What there is to be of it at the end of a round."""
        return getattr(self.size, what) * (number + 1) / self.size.rounds

    def round(self, number):
        self.clients.go()
        self.world.ask("brief 0")
        self.world.ask(f"rate {self.size.rate}")
        connection = UnixConnection(self.config.socket, 30)

        def missing():
            counts = self.world.counts()
            return (counts.requests < self.part("requests", number)
                    or counts.moves < self.part("moves", number)
                    or counts.ends < self.part("hooks", number))

        while missing() or self.reloads["taken"] < self.part("reloads", number):
            if self.reloads["taken"] < self.part("reloads", number):
                self.reload(self.mutated())
                if self.random.random() < 0.05:
                    self.reload_badly()
                if self.random.random() < 0.25:
                    n = self.random.randrange(self.size.jobs["still"])
                    self.put(connection, "still", n, "DELETE")
                    self.put(connection, "still", n)
            time.sleep(self.random.uniform(0, self.size.pause_s))
        connection.close()

    def crowd(self):
        """As much as may be under way at a time is, at everybody: what is kept for that is there from
        the first rest on."""
        self.reload(self.configure(others=range(OTHERS)))
        for what in ("posts", "gets", "none"):
            self.world.ask(f"hold {what}")
            time.sleep(0.2)

    def rest(self):
        self.crowd()
        self.world.ask("rate 0")
        self.clients.rest()
        # Kept connections are those that are used from now on, and not the most that were: none where
        # requests are few. While there are some, libcurl looks for dead ones once a second.
        if self.size.brief:
            self.world.ask("brief 1")
        self.world.ask("hang up")
        self.wait_told()
        self.wait_idle()
        self.note_notifiers()
        self.world.ask("hang up")
        time.sleep(self.size.prune_s)
        self.reload(self.quiet)
        self.test()
        self.note_notifiers()
        self.wait_pruned()
        time.sleep(self.size.sample_s)

    def note_notifiers(self):
        """What was delivered, as it is told of those that the configuration has."""
        self.notifiers.update({n["name"]: n for n in self.daemon.get("/v1/status")["notifiers"]})

    def test(self):
        """By it libcurl finds connections that are dead, and the daemon, by the second one, those
        readers of the stream who have left without a word."""
        for _ in range(2):
            status, _, body = self.daemon.request("/v1/notifiers/ledger/test", "POST")
            self.t.check(status == 200, f"a test: {status} {body}")
            self.tests += 1
            time.sleep(0.05)

    def wait_idle(self):
        def idle():
            status = self.daemon.get("/v1/status")
            return (status["store"]["waiting"] == 0
                    and all(n["pending"] == 0 for n in status["notifiers"]))

        self.t.wait(idle, self.size.patience_s, "every delivery to be over")

    def wait_pruned(self):
        """Until nothing more leaves the history."""
        last, since = None, 0
        end = time.monotonic() + self.size.patience_s
        while since < 6 and time.monotonic() < end:
            with contextlib.closing(sqlite3.connect(
                    f"file:{self.config.state_dir}/state.db?mode=ro", uri=True)) as db:
                found = db.execute("SELECT min(number) FROM event").fetchone()
            since = since + 1 if found == last else 0
            last = found
            time.sleep(0.05)

    # --- what it holds ---

    def files(self):
        """Descriptors: connections to the world, whose number depends on how much is asked at a time,
        and all others; the fewest that are found, since some come and go just now."""
        return min((self.look_at_files() for _ in range(10)), key=lambda found: sum(found[1].values()))

    def look_at_files(self):
        time.sleep(0.02)
        folder = f"/proc/{self.daemon.pid}"
        with open(f"{folder}/net/tcp", encoding="ascii") as f:
            rows = [line.split() for line in f.readlines()[1:]]
        there = {row[9] for row in rows if row[2].endswith(f":{self.world.port:04X}")}
        world, others = 0, collections.Counter()
        for fd in os.listdir(f"{folder}/fd"):
            with contextlib.suppress(FileNotFoundError):
                to = os.readlink(f"{folder}/fd/{fd}")
                if to.startswith("socket:") and to[8:-1] in there:
                    world += 1
                else:
                    others[os.path.basename(to) if to[0] == "/" else to.partition(":")[0]] += 1
        return world, others

    def memory(self):
        found = {}
        with open(f"/proc/{self.daemon.pid}/status", encoding="ascii") as f:
            for line in f:
                name, _, value = line.partition(":")
                if name in ("VmRSS", "RssAnon", "Threads"):
                    found[name] = int(value.split()[0])
        return found

    def least(self):
        """The blocks by their size, and the bytes in large ones, at the moment of the fewest blocks."""
        least, least_sum = None, 0
        end = time.monotonic() + self.size.sample_s
        while self.counts and time.monotonic() < end:
            now = COUNTS.unpack_from(self.counts)
            now_sum = sum(now[:-1])
            if least is None or now_sum < least_sum:
                least, least_sum = now, now_sum
            time.sleep(0.0005)
        if least is None:
            return {"blocks": None, "bytes": None, "large_bytes": None}
        sizes = {16 * i + 8: n for i, n in enumerate(least[:-1]) if n}
        return {"blocks": least_sum, "bytes": sum(size * n for size, n in sizes.items()),
                "large_bytes": least[-1], "block_sizes": sizes}

    def sample(self):
        counts = self.world.counts()
        blocks = self.least()
        world, others = self.files()
        memory = self.memory()
        return {
            "seconds": time.monotonic() - self.began, "requests": counts.requests,
            "observations": counts.observations, "moves": counts.moves, "ends": counts.ends,
            "reloads": self.reloads["taken"] + self.reloads["refused"],
            "rss_kib": memory["VmRSS"], "anon_kib": memory["RssAnon"],
            **blocks, "threads": memory["Threads"],
            "files": sum(others.values()), "file_kinds": others, "connections": world,
            "store_bytes": sum(os.path.getsize(os.path.join(self.config.state_dir, name))
                               for name in os.listdir(self.config.state_dir)),
        }

    # --- the end ---

    def check_end(self):
        """Everything came once, and the daemon knows the same."""
        t = self.t
        counts, posts = self.world.counts(), self.world.posts()
        t.equal(counts.twice, 0, "events at the ledger that were repeated, or left one out")
        events = self.world.n_jobs + counts.moves
        once(t, "ledger", posts["/ledger"][204], events + self.tests)
        told = set(posts["/ledger"][204])
        with open(self.records, encoding="ascii") as f:
            runs = [line.split() for line in f]
        once(t, "hook", [id_ for id_, _ in runs], counts.ends)
        t.equal({number for _, number in runs}, {"1"}, "tries of hooks")
        if self.journal.there:
            once(t, "journal", self.journal.ids, counts.ends)
            t.equal(sorted(self.journal.ids), sorted(id_ for id_, _ in runs),
                    "the journal's events are the hook's")
        taken = {"ledger": events, "hook": len(runs), "journal": len(self.journal.ids)}
        for n in range(OTHERS):
            got = posts[f"/{'shaky' if self.size.shaky and n == 0 else 'other'}-{n}"]
            ids = [id_ for id_ in got[204] if id_ != "-"]
            once(t, f"other-{n}", ids)
            t.check(set(ids) <= told, f"other-{n}: events that the ledger does not know")
            t.check(set(got[503]) <= set(got[204]), f"other-{n}: not tried again")
            taken[f"other-{n}"] = len(got[204])
            t.equal(self.notifiers[f"other-{n}"]["retried"], len(got[503]), f"other-{n}: retried")
        for name, view in self.notifiers.items():
            t.equal((view["delivered"], view["dead"], view["skipped"]), (taken[name], 0, 0),
                    f"{name}: delivered, dead, skipped")
        self.daemon.stop()
        self.daemon.expect_running = False
        self.check_store(events)
        self.check_log()
        return {"events": events, "hooks": len(runs), "journal": len(self.journal.ids),
                "webhooks": counts.posts - counts.shaken, "webhooks_refused": counts.shaken,
                "clients": dict(self.clients.counts), **self.reloads}

    def check_store(self, events):
        t = self.t
        path = os.path.join(self.config.state_dir, "state.db")
        with contextlib.closing(sqlite3.connect(path)) as db:
            one = lambda sql: db.execute(sql).fetchone()[0]
            t.equal(one("SELECT max(number) FROM event"), events + self.tests,
                    "the number of the last event")
            t.equal(one("SELECT sum(sequence) FROM job"), events, "events that jobs count")
            t.equal(one("SELECT count(*) FROM job"), self.world.n_jobs, "jobs")
            t.equal(one("SELECT count(*) FROM delivery WHERE state NOT IN ('delivered')"), 0,
                    "deliveries that are not over")
            t.equal(one("PRAGMA integrity_check"), "ok")

    def check_log(self):
        lines = [line.partition(" ")[2] for line in self.daemon.log().splitlines()]
        bad = [line for line in lines if re.match("(emerg|alert|crit|error|warning):", line)
               and not EXPECTED.match(line)]
        self.t.check(not bad, f"{len(bad)} lines in the log: {bad[:5]}")
        slept = [line for line in lines if "has slept" in line]
        self.t.check(not slept, f"nobody has slept here: {slept[:5]}")

    def run(self):
        self.begin()
        for number in range(self.size.rounds):
            self.round(number)
            self.rest()
            self.samples.append(self.sample())
            self.on_sample(self.samples[-1])
        result = {"samples": self.samples, "seconds": time.monotonic() - self.began,
                  "end": self.check_end()}
        result["bounds"] = check_flat(self.samples, self.size.long)
        for row in result["bounds"]:
            self.t.check(row["held"], f"{row['what']}: {row['grown']}, at most {row['at_most']}")
        return result


def once(t, what, ids, n=None):
    more = [f"{id_} {times} times" for id_, times in collections.Counter(ids).items() if times > 1]
    t.check(not more, f"{what}: {len(more)} came more than once: {more[:3]}")
    if n is not None:
        t.equal(len(ids), n, f"{what}: how many came")


def keep(result, path):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(result, f, indent=1)
        f.write("\n")
    print(f"kept in {path}")


def main():
    if len(sys.argv) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 64
    case = tap.Case("soak", tap.make_root(), os.environ.get("TUNEWATCH_TEST_SEED", "1"))
    print(heading(), flush=True)
    result = None
    try:
        result = Soak(case, LONG, lambda sample: print(row_of(sample), flush=True)).run()
    except tap.Failed as e:
        case.faults.append(str(e))
    finally:
        case.stack.close()
    if result:
        print_end(result)
        keep(result, os.path.join(BUILD, "soak.json"))
    for fault in case.faults:
        print(f"FAULT {fault}")
    if case.faults:
        print(f"its files stay in {case.dir}")
        return 1
    shutil.rmtree(case.dir)
    return 0


if __name__ == "__main__":
    sys.exit(main())
