"""How soon, and how fast, a change gets out: the real daemon, which stores each before it sends it,
beside a Python watcher that stores nothing, in turns.

Soon: from the last byte of the API's answer to the first byte of the webhook's request, or to the
first instructions of the hook, while jobs change at a steady rate, each once a second. Fast: deliveries
a second to a webhook that lets them pile up first, over four kept connections.
"""

import contextlib
import json
import math
import os
import statistics
import subprocess
import time
from types import SimpleNamespace

import corpus
import rivals
from daemon import Daemon

HERE = os.path.dirname(os.path.abspath(__file__))
FORWARDER = os.path.join(HERE, "aiohttp_forwarder.py")
RATES = (1, 100, 1000)  # transitions a second
WAYS = ("webhook", "hook")
WHO = ("tunewatchd", "aiohttp")
HOOKS = 16  # at a time
SYNCS = 100
LIMIT_S = 60
LATE_S = 5  # what has not come out so long after a window is counted as just that late
P99_MS = 20  # at 100 a second

NOTIFIERS = {
    "webhook": """
notifier "out" {{
    type = "webhook"
    url = "{url}/hook"
    events = {{"job.running", "job.paused"}}
}}
""",
    "hook": """
notifier "out" {{
    type = "exec"
    command = {{"{program}", "{notes}"}}
    events = {{"job.running", "job.paused"}}
    max-parallel = {hooks}
}}
""",
}


class Exchange:
    """The helper that is the API and the webhook: see exchange.c."""

    def __init__(self, program, directory):
        job = corpus.masked_job()
        for key in ("name", "state", "status"):
            del job[key]
        path = os.path.join(directory, "rest")
        with open(path, "w", encoding="utf-8") as f:
            f.write("," + json.dumps(job, separators=(",", ":"))[1:])
        self._process = subprocess.Popen([program, path], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        self.ca_file = None

    def ask(self, command):
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def counts(self):
        """Answers and POSTs so far."""
        return tuple(map(int, self.ask("count").split()))

    def table(self):
        """(answered, posted) in ns, by number of the answer."""
        line, rows = self.ask("dump"), []
        while line != "end":
            _, answered, posted = map(int, line.split())
            rows.append((answered, posted))
            line = self._process.stdout.readline().strip()
        return rows

    def stop(self):
        self._process.stdin.close()
        self._process.wait(10)


def wait(what, predicate):
    deadline = time.monotonic() + LIMIT_S
    while not predicate():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {LIMIT_S} s for {what}")
        time.sleep(0.05)


def quantile(values, q):
    """The smallest value that at least this part of them does not exceed."""
    return sorted(values)[max(math.ceil(q * len(values)) - 1, 0)]


def measure_sync(directory):
    """What the disk takes to make a small write durable: a commit cannot be faster."""
    took = []
    fd = os.open(os.path.join(directory, "sync"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for _ in range(SYNCS):
        os.write(fd, b"x" * 4096)
        begin = time.monotonic()
        os.fdatasync(fd)
        took.append((time.monotonic() - begin) * 1e3)
    os.close(fd)
    return {"median_ms": statistics.median(took), "p99_ms": quantile(took, 0.99)}


class Delivery:
    """Measures round by round; every run has a fresh state and a fresh exchange."""

    def __init__(self, build, directory, size):
        self.programs = SimpleNamespace(
            daemon=os.path.join(build, "tunewatchd"),
            exchange=os.path.join(build, "tests/bench/exchange"),
            hook=os.path.join(build, "tests/bench/start-note"))
        self.directory, self.size = directory, size
        self.missing = {who: why for who, why in rivals.missing().items() if who in WHO}
        self.runs = 0
        self.latency, self.full_speed = {}, {}
        self.syncs = []  # before each contestant: the disk may be shared

    @contextlib.contextmanager
    def _running(self, who, jobs, way, *commands):
        """Both up, as (exchange, file of the hook's notes, what waits in the daemon)."""
        self.runs += 1
        directory = os.path.join(self.directory, f"delivery-{self.runs}")
        os.makedirs(directory)
        notes = os.path.join(directory, "notes")
        exchange = Exchange(self.programs.exchange, directory)
        try:
            for command in commands:
                exchange.ask(command)
            start = {"tunewatchd": self._tunewatchd, "aiohttp": self._aiohttp}[who]
            with start(directory, exchange, jobs, way, notes) as pending:
                yield exchange, notes, pending
        finally:
            exchange.stop()

    @contextlib.contextmanager
    def _tunewatchd(self, directory, exchange, jobs, way, notes):
        notifier = NOTIFIERS[way].format(url=exchange.url, program=self.programs.hook, notes=notes,
                                         hooks=HOOKS)
        daemon = Daemon(self.programs.daemon, os.path.join(directory, "daemon"), exchange,
                        os.path.join(directory, "state"), ids=[f"job-{i}" for i in range(jobs)],
                        notifier=notifier)
        with daemon.running(jobs, jobs, settled=False):
            yield lambda: daemon.status()["notifiers"][0]["pending"]

    @contextlib.contextmanager
    def _aiohttp(self, directory, exchange, jobs, way, notes):
        target = [f"{exchange.url}/hook"] if way == "webhook" else [self.programs.hook, notes]
        with open(os.path.join(directory, "log"), "wb") as log:
            process = subprocess.Popen(
                [rivals.PYTHON, FORWARDER, exchange.url, str(jobs), way, *target],
                stdout=log, stderr=log)
        try:
            wait("the Python watcher", lambda: exchange.counts()[0] >= jobs)
            yield lambda: jobs  # it has no way to tell: a change of each job
        finally:
            process.terminate()
            process.wait(10)

    def round(self):
        for who in WHO:
            if who in self.missing:
                continue
            self.syncs.append(measure_sync(self.directory))
            for way in WAYS:
                for rate in RATES:
                    row = self._measure_latency(who, rate, way)
                    self.latency.setdefault(way, {}).setdefault(str(rate), {}).setdefault(
                        who, []).append(row)
            self.full_speed.setdefault(who, []).append(self._measure_full_speed(who))

    def _measure_latency(self, who, rate, way):
        seconds = self.size.seconds[rate]
        with self._running(who, rate, way) as (exchange, notes, _):
            time.sleep(1)  # past the first sight of each job
            begin = time.monotonic_ns()
            time.sleep(seconds)
            end = time.monotonic_ns()

            def result():
                rows = exchange.table()
                out = read_notes(notes) if way == "hook" else {
                    i: posted for i, (_, posted) in enumerate(rows) if posted}
                return [(answered, out.get(i)) for i, (answered, _) in enumerate(rows)
                        if begin <= answered < end]

            deadline = time.monotonic() + LATE_S
            rows = result()
            while any(at is None for _, at in rows) and time.monotonic() < deadline:
                time.sleep(0.2)
                rows = result()
            now = time.monotonic_ns()
        if not rows:
            raise RuntimeError(f"{who}: no change was shown")
        took = [((at or now) - answered) / 1e6 for answered, at in rows]
        return {
            "median_ms": statistics.median(took), "p99_ms": quantile(took, 0.99),
            "worst_ms": max(took), "samples": len(took),
            "not_out": sum(at is None for _, at in rows), "per_second": len(rows) / seconds,
        }

    def _measure_full_speed(self, who):
        jobs = self.size.backlog
        with self._running(who, jobs, "webhook", "hold") as (exchange, _, pending):
            # The second answer for a job is a change.
            wait("a backlog", lambda: pending() >= jobs and exchange.counts()[0] >= 2 * jobs)
            exchange.ask("freeze")
            held = exchange.counts()[1]
            begin = time.monotonic_ns()
            exchange.ask("release")
            wait("the deliveries", lambda: exchange.counts()[1] >= jobs)
            posted = sorted(at for _, at in exchange.table() if at >= begin)[:jobs - held]
        return {"per_second": (len(posted) - 1) * 1e9 / (posted[-1] - posted[0]),
                "deliveries": len(posted)}

    def _medians(self, rows):
        return {key: statistics.median(row[key] for row in rows) for key in rows[0]}

    def medians(self):
        return {way: {rate: {who: self._medians(rows) for who, rows in whos.items()}
                      for rate, whos in rates.items()}
                for way, rates in self.latency.items()}

    def _ratio(self, whos, key):
        """The median of the ratios within a round; None when one did not take part."""
        if not all(who in whos for who in WHO):
            return None
        return statistics.median(a[key] / b[key] for a, b in zip(*(whos[who] for who in WHO)))

    def ratios(self):
        return {way: {rate: {key: self._ratio(whos, key) for key in ("median_ms", "p99_ms")}
                      for rate, whos in rates.items()}
                for way, rates in self.latency.items()}

    def targets(self):
        """As bench.py has them: what, value, the most it may be."""
        rows = self.latency["webhook"]["100"]
        p99 = self._medians(rows["tunewatchd"])["p99_ms"]
        speed = self._ratio(self.full_speed, "per_second")
        return [
            ("ms to the webhook at 100 a second, p99", p99, P99_MS),
            ("the same, in the Python watcher's", self._ratio(rows, "p99_ms"), 1.0),
            ("time of a delivery at full speed, in its", 1 / speed if speed else None, 1.0),
        ]

    def result(self):
        return {
            "sync": self._medians(self.syncs), "syncs": self.syncs, "missing": self.missing,
            "medians": self.medians(), "ratios": self.ratios(), "rounds": self.latency,
            "full_speed": {who: self._medians(rows) for who, rows in self.full_speed.items()},
            "full_speed_ratio": self._ratio(self.full_speed, "per_second"),
            "full_speed_rounds": self.full_speed,
        }


def read_notes(path):
    """When each hook began, by number of the answer."""
    with contextlib.suppress(FileNotFoundError), open(path, encoding="ascii") as f:
        return {int(number): int(at) for number, at in (line.split() for line in f)}
    return {}


def print_table(result):
    titles = {"webhook": "the webhook's first byte", "hook": f"the hook's start, {HOOKS} at a time"}
    print(f"{'from the last byte of an answer':32}{'a second':>10}{'median ms':>11}{'p99 ms':>10}"
          f"{'worst ms':>10}{'samples':>9}{'not out':>9}")
    for way, title in titles.items():
        print(f"to {title}")
        for rate, whos in result["medians"][way].items():
            for who in WHO:
                row = whos.get(who)
                if not row:
                    print(f"  {who:30}skipped: {result['missing'][who]}")
                    continue
                print(f"  {who:30}{row['per_second']:10.0f}{row['median_ms']:11.2f}"
                      f"{row['p99_ms']:10.2f}{row['worst_ms']:10.2f}{row['samples']:9.0f}"
                      f"{row['not_out']:9.0f}")
    print("webhook at full speed, 4 connections")
    for who, row in result["full_speed"].items():
        print(f"  {who:30}{row['per_second']:10.0f} a second")
    sync = result["sync"]
    print(f"a write that is made durable takes this disk {sync['median_ms']:.2f} ms, "
          f"p99 {sync['p99_ms']:.2f} ms")
