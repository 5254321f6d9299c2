#!/usr/bin/env python3
"""What watching and telling cost: the real daemon beside other programs at the same work.

usage: bench.py BUILD-DIRECTORY

Serves jobs from a local nginx (one worker, TLS, HTTP/2) and measures, in turns and several rounds,
with medians in the end: the daemon, from the bytes to the compared snapshot; h2load, which asks for
the same and looks at nothing; and a Python watcher on aiohttp that parses and compares. Then how
soon and how fast a change gets out: see delivery.py. And how early the end of a job is seen on a
small budget, in simulated time: see plan.py. And what a large account costs: see scale.py. And how
soon the command line answers: see client.py. And what many readers of the event stream cost: see
stream.py. Prints tables and keeps everything in BUILD-DIRECTORY/bench.json. BENCH_QUICK=1 takes
some minutes instead of many and is good for a first look only. BENCH_WHOLE=1 measures against a
server that refuses readMask, so that all ask for whole jobs. BENCH_ONLY=watching, delivery, plan,
scale, client or stream leaves the others out. The exit status says whether it could measure, not
what.
"""

import contextlib
import json
import os
import shutil
import statistics
import sys
import tempfile
from types import SimpleNamespace

import client
import corpus
import delivery
import plan
import rivals
import scale
import stream
import webserver
from daemon import Daemon

# As many requests as the daemon has under way: POLLER_STREAMS, and a list's pages come one by
# one.
STREAMS = {"jobs": 40, "pages": 1}
JOBS_PER_REQUEST = {"jobs": 1, "pages": corpus.PAGE_SIZE}
FULL = SimpleNamespace(rounds=3, jobs=20000, listed=10000, window_s=4, settle_s=3,
                       h2load={"jobs": 150000, "pages": 1500},
                       seconds={1: 20, 100: 6, 1000: 6}, backlog=5000, days=7,
                       archived=100000, cycles=4, shown=10000, runs=40, stream_s=20)
QUICK = SimpleNamespace(rounds=1, jobs=4000, listed=4000, window_s=2, settle_s=1,
                        h2load={"jobs": 50000, "pages": 500},
                        seconds={1: 5, 100: 3, 1000: 3}, backlog=2000, days=2,
                        archived=20000, cycles=4, shown=10000, runs=10, stream_s=8)
PARTS = ("watching", "delivery", "plan", "scale", "client", "stream")
SKIP = 77


def flag(name):
    return os.environ.get(name, "0") not in ("", "0")


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def judged(rows):
    return [{"what": what, "value": value, "at_most": limit,
             "reached": None if value is None else value <= limit}
            for what, value, limit in rows]


class Bench:
    def __init__(self, program, directory, size):
        self.directory, self.size = directory, size
        self.missing = rivals.missing()
        self.rounds = {work: {} for work in STREAMS}
        self.memory = {}
        say(f"writing {size.jobs} jobs")
        self.files = corpus.Corpus(os.path.join(directory, "www"), size.jobs, size.listed,
                                   masks=not flag("BENCH_WHOLE"))
        self.server = webserver.WebServer(directory, self.files)
        listed = self.files.listed_ids()
        self.daemons = {
            "empty": Daemon(program, self._path("empty"), self.server, self._path("state-empty"),
                            kind=corpus.EMPTY_KIND),
            "pages": Daemon(program, self._path("pages"), self.server, self._path("state-listed")),
            "named": Daemon(program, self._path("named"), self.server, self._path("state-listed"),
                            ids=listed),
            "jobs": Daemon(program, self._path("jobs"), self.server, self._path("state-all"),
                           ids=self.files.ids),
        }
        self.uris = {}
        for work, paths in (("jobs", self.files.job_paths()), ("pages", self.files.page_paths())):
            self.uris[work] = self._path(f"{work}.uris")
            with open(self.uris[work], "w", encoding="ascii") as f:
                f.writelines(f"{self.server.url}{path}\n" for path in paths)
        self.connections = {work: 1 for work in STREAMS}

    def _path(self, name):
        return os.path.join(self.directory, name)

    def warm_up(self):
        """First sight, which writes every job to the disk, and the memory with these jobs."""
        say("the daemon sees the jobs for the first time, and its memory")
        listed, pages = self.size.listed, self.files.n_pages
        with self.daemons["pages"].running(listed, pages):
            pass
        shutil.copytree(self._path("state-listed"), self._path("state-all"))
        with self.daemons["jobs"].running(self.size.jobs, self.size.jobs):
            pass
        for name, n_jobs, n_requests in (("empty", 0, 2), ("named", listed, listed),
                                         ("pages", listed, pages)):
            with self.daemons[name].running(n_jobs, n_requests) as daemon:
                daemon.measure(self.size.settle_s)
                self.memory[name] = daemon.memory_kib()

    def round(self, number):
        say(f"round {number + 1} of {self.size.rounds}")
        needs = {"jobs": (self.size.jobs, self.size.jobs),
                 "pages": (self.size.listed, self.files.n_pages)}
        for work, streams in STREAMS.items():
            with self.daemons[work].running(*needs[work]) as daemon:
                self._keep(work, "tunewatchd", daemon.measure(self.size.window_s))
                self.connections[work] = max(daemon.connections(self.server.port), 1)
            if "h2load" not in self.missing:
                self._keep(work, "h2load", rivals.h2load(
                    self.uris[work], self.size.h2load[work],
                    min(self.connections[work], streams), streams))
            if "aiohttp" not in self.missing:
                self._keep(work, "aiohttp", rivals.aiohttp(
                    work, self.uris[work], self.server.ca_file, self.size.window_s, streams))

    def _keep(self, work, who, measured):
        cpu_s, requests, seconds = measured
        if requests == 0:
            raise RuntimeError(f"{who} made no request")
        self.rounds[work].setdefault(who, []).append({
            "cpu_us_per_request": cpu_s * 1e6 / requests,
            "cpu_us_per_job": cpu_s * 1e6 / requests / JOBS_PER_REQUEST[work],
            "requests_per_second": requests / seconds,
        })

    def medians(self):
        return {work: {who: {key: statistics.median(row[key] for row in rows) for key in rows[0]}
                       for who, rows in contestants.items()}
                for work, contestants in self.rounds.items()}

    def memory_per_job(self):
        """Bytes a job over the empty daemon."""
        return {name: {key: (self.memory[name][key] - self.memory["empty"][key]) * 1024
                       / self.size.listed for key in self.memory[name]}
                for name in ("named", "pages")}

    def _ratio(self, one, other):
        """The median of the ratios within a round; None when one of them did not take part."""
        pairs = [self.rounds[work].get(who) for work, who in (one, other)]
        if not all(pairs):
            return None
        return statistics.median(a["cpu_us_per_job"] / b["cpu_us_per_job"]
                                 for a, b in zip(*pairs))

    def targets(self):
        own = ("jobs", "tunewatchd")
        memory = self.memory_per_job()
        rows = (
            ("a single GET's CPU, in h2load's", self._ratio(own, ("jobs", "h2load")), 2.5),
            ("a single GET's CPU, in aiohttp's", self._ratio(own, ("jobs", "aiohttp")), 1 / 6),
            ("a listed job's CPU, in a single GET's",
             self._ratio(("pages", "tunewatchd"), own), 1 / 4),
            ("KiB a job, named", memory["named"]["VmRSS"] / 1024, 1.0),
            ("KiB a job, discovered", memory["pages"]["VmRSS"] / 1024, 1.0),
        )
        return judged(rows)

    def result(self):
        medians = self.medians()
        jobs = medians["jobs"]["tunewatchd"]
        busy = jobs["cpu_us_per_request"] * jobs["requests_per_second"] / 1e6
        return {
            "read_mask": self.files.masks, "job_bytes": self.files.mean_bytes,
            "named_jobs": self.size.jobs, "listed_jobs": self.size.listed,
            "streams": STREAMS, "connections": self.connections,
            "saturated": busy > 0.9,  # of a core: one thread does everything but the disk
            "medians": medians, "rounds": self.rounds, "missing": self.missing,
            "memory_kib": self.memory, "memory_bytes_per_job": self.memory_per_job(),
            "targets": self.targets(),
        }


def print_table(result):
    titles = {"jobs": "single GETs", "pages": f"list pages of {corpus.PAGE_SIZE} jobs"}
    print(f"{'':28}{'CPU us/request':>16}{'CPU us/job':>12}{'requests/s':>12}{'jobs/s':>10}")
    for work, title in titles.items():
        print(f"{title}, {result['streams'][work]} at a time")
        for who in ("tunewatchd", "h2load", "aiohttp"):
            row = result["medians"][work].get(who)
            if not row:
                print(f"  {who:26}skipped: {result['missing'][who]}")
                continue
            per_second = row["requests_per_second"]
            print(f"  {who:26}{row['cpu_us_per_request']:16.1f}{row['cpu_us_per_job']:12.2f}"
                  f"{per_second:12.0f}{per_second * JOBS_PER_REQUEST[work]:10.0f}")
    print(f"memory of tunewatchd, {result['listed_jobs']} jobs")
    for name, title in (("empty", "no jobs"), ("named", "named"), ("pages", "discovered")):
        row = result["memory_kib"][name]
        per_job = result["memory_bytes_per_job"].get(name)
        print(f"  {title:26}{row['VmRSS']:10} KiB resident, {row['Pss']} KiB proportional"
              + (f"; {per_job['VmRSS']:.0f} bytes a job" if per_job else ""))
    print(f"{result['job_bytes']} bytes a job, "
          + ("as readMask leaves it" if result["read_mask"] else "whole") + "; connections "
          f"{result['connections']['jobs']} and {result['connections']['pages']}; "
          + ("the daemon was always busy" if result["saturated"] else
             "the daemon had time left: its requests/s are those of its schedule")
          + "; the pages are asked for again each second")


def print_targets(targets):
    print("targets")
    for target in targets:
        value, limit = target["value"], target["at_most"]
        if value is None:
            verdict = "not measured"
        elif limit == 0:
            verdict = f"{value:.3g}: {'reached' if target['reached'] else 'NOT reached'}"
        elif target["reached"]:
            verdict = f"{value:.3g}: reached, {(1 - value / limit) * 100:.0f} % below"
        else:
            verdict = f"{value:.3g}: NOT reached, {(value / limit - 1) * 100:.0f} % above"
        print(f"  {target['what']:50} at most {limit:.3g}   {verdict}")


def run_watching(build, directory, size):
    with contextlib.ExitStack() as stack:
        bench = Bench(os.path.join(build, "tunewatchd"), directory, size)
        stack.callback(bench.server.stop)
        bench.warm_up()
        for number in range(size.rounds):
            bench.round(number)
        result = bench.result()
    print_table(result)
    return result


def run_delivery(build, directory, size):
    measured = delivery.Delivery(build, directory, size)
    for number in range(size.rounds):
        say(f"deliveries, round {number + 1} of {size.rounds}")
        measured.round()
    result = measured.result()
    result["targets"] = judged(measured.targets())
    delivery.print_table(result)
    return result


def run_plan(build, directory, size):
    say("weeks of accounts in simulated time")
    result = plan.Plan(build, directory, size.days).run()
    result["targets"] = judged(plan.targets(result))
    plan.print_table(result)
    return result


def run_scale(build, directory, size):
    say(f"writing {size.archived} jobs twice")
    measured = scale.Scale(os.path.join(build, "tunewatchd"), directory, size)
    with contextlib.ExitStack() as stack:
        stack.callback(measured.server.stop)
        for number in range(size.rounds):
            say(f"a large account, round {number + 1} of {size.rounds}")
            measured.round()
    result = measured.result()
    result["targets"] = judged(measured.targets())
    scale.print_table(result)
    return result


def run_client(build, directory, size):
    say(f"writing {size.shown} jobs")
    measured = client.Client(build, directory, size)
    with contextlib.ExitStack() as stack:
        stack.callback(measured.server.stop)
        for number in range(size.rounds):
            say(f"the command line, round {number + 1} of {size.rounds}")
            measured.round()
    result = measured.result()
    result["targets"] = judged(client.targets(result))
    client.print_table(result)
    return result


def run_stream(build, directory, size):
    measured = stream.Stream(build, directory, size)
    for number in range(size.rounds):
        say(f"streams, round {number + 1} of {size.rounds}")
        measured.round()
    result = measured.result()
    result["targets"] = judged(stream.targets(result))
    stream.print_table(result)
    return result


def run(build, directory, wanted):
    size = QUICK if flag("BENCH_QUICK") else FULL
    result = {"quick": size is QUICK, "targets": []}
    if "watching" in wanted:
        result.update(run_watching(build, directory, size))
    for name, part in (("delivery", run_delivery), ("plan", run_plan),
                       ("scale", run_scale), ("client", run_client),
                       ("stream", run_stream)):
        if name in wanted:
            result[name] = part(build, directory, size)
            result["targets"] += result[name].pop("targets")
    print_targets(result["targets"])
    path = os.path.join(build, "bench.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(result, f, indent=1)
        f.write("\n")
    print(f"kept in {path}")


def main():
    if len(sys.argv) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 64
    only = os.environ.get("BENCH_ONLY")
    if only and only not in PARTS:
        say(f"BENCH_ONLY is one of {', '.join(PARTS)}")
        return 64
    wanted = (only,) if only else PARTS
    for program, package in ((webserver.find(), "nginx"), (shutil.which("openssl"), "openssl")):
        if not program and wanted != ("plan",):
            say(f"skipped: {package} is missing (Debian: apt-get install {package})")
            return SKIP
    directory = tempfile.mkdtemp(prefix="tunewatch-bench.")
    try:
        run(os.path.abspath(sys.argv[1]), directory, wanted)
    except (RuntimeError, OSError) as e:
        say(f"{e}\nbench: its files stay in {directory}")
        return 1
    shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
