"""200 clients read the event stream while 1,000 jobs change each second.

The changes take the usual way: a job's GET, the diff, the commit. One of the clients reads slowly, one
not at all; the others are as quick as they can be. Measured are what the daemon's loop does for nobody
else meanwhile, memory, and CPU, beside the same work without readers; and in the end, whether every
client has every event once, after those that were dropped have gone on behind their last event.
"""

import contextlib
import json
import os
import statistics
import subprocess
import time

from daemon import Daemon
from delivery import Exchange, wait

JOBS = 1000  # each is looked at once a second, and has changed each time
READERS = 200  # the most that the daemon takes; with the slow one and the silent one
STALL_MS = 50
GROWTH_KIB = 64 << 10
DRAIN_S = 60


class Readers:
    """See streams.c."""

    def __init__(self, program, path, quick, slow, silent):
        self._process = subprocess.Popen([program, path, str(quick), str(slow), str(silent)],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, command):
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def report(self):
        return json.loads(self.ask("report"))

    def drain(self, last):
        """Everybody reads until he has the event of that number."""
        self.ask("drain")
        if self.ask(f"wait {last}") != "ok":
            raise RuntimeError("the readers have ended")

    def stop(self):
        self._process.stdin.close()
        self._process.wait(10)


def sums(rows):
    """Of the readers of each kind. What is wrong with any of them is `lost` or `repeated`."""
    result = {}
    for row in rows:
        total = result.setdefault(row["kind"], dict.fromkeys(
            ("readers", "events", "dropped", "resumed", "refused"), 0))
        total["readers"] += 1
        total["resumed"] += row["opened"] - 1
        for key in ("events", "dropped", "refused"):
            total[key] += row[key]
    return result


class Stream:
    def __init__(self, build, directory, size):
        self.size = size
        self._program = lambda name: os.path.join(build, name)
        self.directory = directory
        self.rounds = []

    @contextlib.contextmanager
    def _running(self):
        root = os.path.join(self.directory, f"stream-{len(self.rounds)}")
        os.makedirs(root)
        exchange = Exchange(self._program("tests/bench/exchange"), root)
        try:
            daemon = Daemon(self._program("tunewatchd"), os.path.join(root, "daemon"), exchange,
                            os.path.join(root, "state"), ids=[f"job-{i}" for i in range(JOBS)])
            with daemon.running(JOBS, JOBS, settled=False):
                time.sleep(2)  # past the first sight of each job
                yield exchange, daemon
        finally:
            exchange.stop()

    def _window(self, daemon, exchange, seconds):
        """What passes in that time."""
        def sample():
            return (time.monotonic(), daemon.newest_event(), exchange.counts()[0], daemon.cpu_s())

        before = sample()
        time.sleep(seconds)
        took, events, answers, cpu_s = (a - b for a, b in zip(sample(), before))
        return {"events_per_second": events / took, "answers_per_second": answers / took,
                "cpu_of_a_core": cpu_s / took}

    def round(self):
        with self._running() as (exchange, daemon):
            row = {"alone": self._window(daemon, exchange, self.size.stream_s / 4),
                   "stall_ms": {"before": daemon.stalls_ms()},
                   "peak_kib": {"before": daemon.memory_kib()["VmHWM"]}}
            readers = Readers(self._program("tests/bench/streams"), daemon.socket, READERS - 2, 1, 1)
            try:
                row["read"] = self._window(daemon, exchange, self.size.stream_s)
                row["stall_ms"]["after"] = daemon.stalls_ms()
                row["live"] = sums(readers.report())
                exchange.ask("freeze")
                daemon.wait_stored()
                time.sleep(1)  # what was on its way is told of
                readers.drain(daemon.newest_event())
                report = readers.report()
            finally:
                readers.stop()
            row["peak_kib"]["after"] = daemon.memory_kib()["VmHWM"]
            row["drained"] = sums(report)
            row["lost"] = sum(r["missed"] + r["moved"] for r in report) + sum(
                r["last"] - r["began"] != r["events"] for r in report)
            row["repeated"] = sum(r["twice"] for r in report)
            row["least_events"] = min(r["events"] for r in report)
            self.rounds.append(row)

    def _median(self, *keys):
        def value(row):
            for key in keys:
                row = row[key]
            return row

        return statistics.median(value(row) for row in self.rounds)

    def result(self):
        return {
            "jobs": JOBS, "readers": READERS,
            "medians": {
                **{f"{when}_{key}": self._median(when, key) for when in ("alone", "read")
                   for key in ("events_per_second", "cpu_of_a_core")},
                **{f"stall_{clock}_ms_{when}": self._median("stall_ms", when, clock)
                   for clock in ("wall", "cpu") for when in ("before", "after")},
                "growth_kib": self._median("peak_kib", "after") - self._median("peak_kib", "before"),
                "peak_kib": self._median("peak_kib", "after"),
            },
            "lost": sum(row["lost"] for row in self.rounds),
            "repeated": sum(row["repeated"] for row in self.rounds),
            "rounds": self.rounds,
        }


def targets(result):
    medians = result["medians"]
    return (
        (f"longest stall, {result['readers']} streams, ms", medians["stall_wall_ms_after"], STALL_MS),
        ("KiB that the streams add at most", medians["growth_kib"], GROWTH_KIB),
        ("events that a reader did not get", result["lost"], 0),
        ("events that came twice", result["repeated"], 0),
    )


def print_table(result):
    medians = result["medians"]
    print(f"{result['readers']} clients read the event stream")
    for when, title in (("alone", "nobody reads"), ("read", "all read")):
        print(f"  {title:26}{medians[f'{when}_events_per_second']:10.0f} events a second, "
              f"{medians[f'{when}_cpu_of_a_core'] * 100:.0f} % of a core")
    for when in ("before", "after"):
        print(f"  the loop's longest stall, {when}: {medians[f'stall_wall_ms_{when}']:.0f} ms; "
              f"of CPU time {medians[f'stall_cpu_ms_{when}']:.0f} ms")
    print(f"  most memory: {medians['peak_kib']:.0f} KiB, {medians['growth_kib']:.0f} more than before")
    for row in result["rounds"]:
        for when in ("live", "drained"):
            for kind, total in row[when].items():
                print(f"  {when}, {kind}: " + ", ".join(f"{v} {k}" for k, v in total.items()))
    print(f"  events lost: {result['lost']}; twice: {result['repeated']}")
