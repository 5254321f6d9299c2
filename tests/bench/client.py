"""The command line with 10,000 jobs: how soon it answers, and what that costs the daemon.

Whole runs of the program are measured, from the call to its end, with all that it writes read from a
pipe: `tunewatch status` as a table and with --json, `tunewatch version`, which only starts, and
/bin/true, which says what starting any program costs here. They take turns. The daemon goes on
polling meanwhile, slowly; what that costs is taken off.
"""

import os
import statistics
import subprocess
import time

import corpus
import webserver
from daemon import Daemon

PER_MINUTE = 600
STATUS_MS = 100
START_MS = 10
STALL_MS = 50
IDLE_S = 2
BASELINE = "/bin/true"


class Client:
    def __init__(self, build, directory, size):
        self.size = size
        root = os.path.join(directory, "client")
        self.files = corpus.Corpus(os.path.join(root, "www"), size.shown, size.shown)
        self.server = webserver.WebServer(root, self.files)
        self._daemon = Daemon(os.path.join(build, "tunewatchd"), os.path.join(root, "daemon"),
                              self.server, os.path.join(root, "state"), per_minute=PER_MINUTE)
        client = [os.path.join(build, "tunewatch"), "--socket", self._daemon.socket]
        self.commands = {
            "status": [*client, "status"],
            "status --json": [*client, "--json", "status"],
            "version": [*client, "version"],
            BASELINE: [BASELINE],
        }
        self.times_ms = {name: [] for name in self.commands}
        self.bytes = {}
        self.rounds = []

    def round(self):
        with self._daemon.running(self.size.shown, self.files.n_pages) as daemon:
            row = {"stall_ms": {"before": daemon.stalls_ms()}, "cpu_ms": {}}
            for _ in range(self.size.runs):
                for name in self.commands:
                    self._run(name)
            idle = self._cpu_per_s(daemon)
            for name in ("status", "status --json"):
                row["cpu_ms"][name] = self._cost_ms(daemon, name, idle)
            row["stall_ms"]["after"] = daemon.stalls_ms()
            self.rounds.append(row)

    def _run(self, name):
        begin = time.monotonic()
        done = subprocess.run(self.commands[name], stdout=subprocess.PIPE, check=True,
                              stderr=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C.UTF-8"})
        self.times_ms[name].append((time.monotonic() - begin) * 1e3)
        self.bytes[name] = len(done.stdout)
        if name == "status" and done.stdout.count(b"\n") <= self.size.shown:
            raise RuntimeError("tunewatch status does not show every job")

    @staticmethod
    def _cpu_per_s(daemon):
        before = daemon.cpu_s()
        time.sleep(IDLE_S)
        return (daemon.cpu_s() - before) / IDLE_S

    def _cost_ms(self, daemon, name, idle_per_s):
        """The daemon's CPU time for one run."""
        before, begin = daemon.cpu_s(), time.monotonic()
        kept = self.times_ms[name]
        self.times_ms[name] = []  # nobody took turns here
        for _ in range(self.size.runs):
            self._run(name)
        self.times_ms[name] = kept
        used = daemon.cpu_s() - before - idle_per_s * (time.monotonic() - begin)
        return used * 1e3 / self.size.runs

    def _summary(self, name):
        times = sorted(self.times_ms[name])
        return {"median_ms": statistics.median(times), "p95_ms": times[len(times) * 95 // 100],
                "min_ms": times[0], "bytes": self.bytes[name]}

    def _stall(self, when):
        return {clock: statistics.median(row["stall_ms"][when][clock] for row in self.rounds)
                for clock in ("wall", "cpu")}

    def result(self):
        return {
            "jobs": self.size.shown, "runs": self.size.runs * len(self.rounds),
            "commands": {name: self._summary(name) for name in self.commands},
            "daemon_cpu_ms": {name: statistics.median(row["cpu_ms"][name] for row in self.rounds)
                              for name in self.rounds[0]["cpu_ms"]},
            "stall_ms": {when: self._stall(when) for when in ("before", "after")},
            "rounds": self.rounds,
        }


def targets(result):
    commands = result["commands"]
    return (
        (f"tunewatch status, {result['jobs']} jobs, median ms", commands["status"]["median_ms"],
         STATUS_MS),
        ("tunewatch version, median ms", commands["version"]["median_ms"], START_MS),
        ("longest stall while status is asked, ms", result["stall_ms"]["after"]["wall"], STALL_MS),
    )


def print_table(result):
    print(f"the command line, {result['jobs']} jobs, {result['runs']} runs each, taking turns")
    print(f"{'':28}{'median ms':>12}{'p95 ms':>10}{'least ms':>10}{'bytes':>12}"
          f"{'daemon CPU ms':>15}")
    for name, row in result["commands"].items():
        cpu = result["daemon_cpu_ms"].get(name)
        print(f"  {name:26}{row['median_ms']:12.1f}{row['p95_ms']:10.1f}{row['min_ms']:10.1f}"
              f"{row['bytes']:12}" + (f"{cpu:15.1f}" if cpu is not None else ""))
    for when, title in (("before", "before anybody asked"), ("after", "after all runs")):
        stall = result["stall_ms"][when]
        print(f"  the loop's longest stall, {title}: {stall['wall']:.0f} ms; of CPU time "
              f"{stall['cpu']:.0f} ms")
