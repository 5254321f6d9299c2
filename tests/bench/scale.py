"""A large account: 100,000 jobs, most of them at an end for long, in 500 pages of a list.

The daemon reads the whole list again and again, and the server either hands out the same bytes each
time, or by turns two versions in which a counter of every job differs: the slightest change.
Measured are whole listings, from one request for the first page to a later one, as the server's log
has them; CPU time is that of all the daemon's threads, the store's included.
"""

import os
import shutil
import statistics
import time

import corpus
import webserver
from daemon import Daemon

ACTIVE_EVERY = 300  # one of so many jobs has not ended
PER_MINUTE = 6000000
CYCLE_LIMIT_S = 60
POLL_S = 0.002
STALL_MS = 50
BYTES_PER_JOB = 700
UNCHANGED_TO_CHANGED = 1 / 3
VERSIONS = ("a", "b")


def _state(index):
    if index % ACTIVE_EVERY == 0:
        return "JOB_STATE_RUNNING"
    return "JOB_STATE_FAILED" if index % 7 == 0 else "JOB_STATE_COMPLETED"


def _changed(text):
    """The same job with another number of output rows."""
    return text.replace('"outputRows":', '"outputRows":1', 1)


class Archive:
    """The pages of the list in both versions, whose tokens lead to pages of the same version, and
    each active job by itself."""

    masks = True

    def __init__(self, root, n_jobs):
        self.root = root
        self.n_jobs = n_jobs
        self.n_pages = -(-n_jobs // corpus.PAGE_SIZE)
        order = sorted((corpus.make_job(i).name, i) for i in range(n_jobs))
        self._write_empty()
        for page in range(self.n_pages):
            begin = page * corpus.PAGE_SIZE
            chosen = [i for _, i in order[begin:begin + corpus.PAGE_SIZE]]
            texts = [corpus.masked_text(i, _state(i)) for i in chosen]
            self._write_page("a", page, texts)
            self._write_page("b", page, [_changed(text) for text in texts])
            self._write_active(chosen, texts)

    def _path(self, *parts):
        path = os.path.join(self.root, *parts)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def _write_page(self, version, page, texts):
        token = f"{version}{page + 1}" if page + 1 < self.n_pages else ""
        corpus.write(self._path("pages", f"{version}{page}"),
                     corpus.page_text(corpus.COLLECTION, texts, token, self.n_jobs))

    def _write_empty(self):
        collection = corpus.bodies.KINDS[corpus.EMPTY_KIND][0]
        corpus.write(self._path("pages", "empty"), corpus.page_text(collection, [], "", 0))

    def _write_active(self, indexes, texts):
        for index, text in zip(indexes, texts):
            if index % ACTIVE_EVERY == 0:
                corpus.write(self._path("jobs", "v1", corpus.make_job(index).name), text)

    def page_paths(self):
        """The one that shows whether the server is up."""
        return [f"/v1/accounts/{corpus.ACCOUNT}/{corpus.COLLECTION}"]


class PageLog:
    """The server's log of list pages: a line each, "-" for a first one."""

    def __init__(self, path):
        self._path = path
        self._offset = 0
        self.pages = self.firsts = 0

    def read(self):
        with open(self._path, "rb") as f:
            f.seek(self._offset)
            text = f.read()
        lines = text[:text.rfind(b"\n") + 1].splitlines(keepends=True)
        self._offset += sum(map(len, lines))
        self.pages += len(lines)
        self.firsts += lines.count(b"-\n")

    def wait(self, listings):
        """Until so many more listings have begun."""
        self.read()
        wanted = self.firsts + listings
        deadline = time.monotonic() + CYCLE_LIMIT_S * listings
        while self.firsts < wanted:
            if time.monotonic() > deadline:
                raise RuntimeError(f"no whole listing in {CYCLE_LIMIT_S} s")
            time.sleep(POLL_S)
            self.read()


class Scale:
    def __init__(self, program, directory, size):
        self.size = size
        self.n_jobs = size.archived
        self.files = Archive(os.path.join(directory, "www-scale"), self.n_jobs)
        self._flag = os.path.join(directory, webserver.TURNS_FLAG)
        self._state = os.path.join(directory, "state-scale")
        self.server = webserver.WebServer(directory, self.files, webserver.ARCHIVE)
        self._log = PageLog(os.path.join(directory, webserver.PAGE_LOG))
        common = {"server": self.server, "per_minute": PER_MINUTE}
        self._empty = Daemon(program, os.path.join(directory, "scale-empty"),
                             state=os.path.join(directory, "state-scale-empty"),
                             kind=corpus.EMPTY_KIND, **common)
        self._daemon = Daemon(program, os.path.join(directory, "scale"), state=self._state,
                              **common)
        self.rounds = []

    def round(self):
        """A daemon without jobs; one that sees them for the first time, and writes them all to the
        disk; and one that knows them."""
        with self._empty.running(0, 2) as daemon:
            empty = daemon.memory_kib()
        shutil.rmtree(self._state, ignore_errors=True)
        row = {"memory_kib": {"empty": empty}, "bytes_per_job": {}, "stall_ms": {},
               "stall_cpu_ms": {}}
        with self._running():
            self._keep_stall(row, "first sight")
        with self._running():
            self._log.wait(2)
            self._keep_memory(row, "loaded")
            row["unchanged"] = self._cycles(False)
            self._keep_stall(row, "unchanged")
            row["changed"] = self._cycles(True)
            self._keep_stall(row, "changed")
            self._keep_memory(row, "changed")
        self.rounds.append(row)

    def _running(self):
        return self._daemon.running(self.n_jobs, self.files.n_pages)

    def _keep_stall(self, row, when):
        """The longest so far, in this run of the daemon."""
        stalls = self._daemon.stalls_ms()
        row["stall_ms"][when], row["stall_cpu_ms"][when] = stalls["wall"], stalls["cpu"]

    def _keep_memory(self, row, when):
        memory = row["memory_kib"]
        memory[when] = self._daemon.memory_kib()
        row["bytes_per_job"][when] = (
            (memory[when]["VmRSS"] - memory["empty"]["VmRSS"]) * 1024 / self.n_jobs)

    def _cycles(self, changing):
        if changing:
            corpus.write(self._flag, "")
        elif os.path.exists(self._flag):
            os.unlink(self._flag)
        self._log.wait(2)  # one of the old sort may be under way, and the next is the change itself
        self._daemon.wait_stored()
        failures = self._daemon.failures()
        self._log.wait(1)
        pages, cpu_s, at = self._log.pages, self._daemon.cpu_s(), time.monotonic()
        self._log.wait(self.size.cycles)
        cpu_s, seconds = self._daemon.cpu_s() - cpu_s, time.monotonic() - at
        pages = self._log.pages - pages
        if self._daemon.failures() != failures:
            raise RuntimeError("requests of the daemon failed while it read lists")
        return {"cpu_ms_per_cycle": cpu_s * 1e3 / self.size.cycles,
                "cpu_us_per_page": cpu_s * 1e6 / pages,
                "pages_per_second": pages / seconds,
                "pages_per_cycle": pages / self.size.cycles}

    def _medians(self, *names):
        """Of the rounds' rows with these names."""
        return {name: {key: statistics.median(row[name][key] for row in self.rounds)
                       for key in self.rounds[0][name]} for name in names}

    def _ratio(self):
        return statistics.median(
            row["unchanged"]["cpu_us_per_page"] / row["changed"]["cpu_us_per_page"]
            for row in self.rounds)

    def targets(self):
        medians = self._medians("bytes_per_job", "stall_ms")
        stalls = medians["stall_ms"]
        return (
            (f"bytes a job, of {self.n_jobs}", medians["bytes_per_job"]["loaded"], BYTES_PER_JOB),
            ("longest stall, first sight, ms", stalls["first sight"], STALL_MS),
            ("longest stall, nothing changes, ms", stalls["unchanged"], STALL_MS),
            ("longest stall, everything changes, ms", stalls["changed"], STALL_MS),
            ("an unchanged page's CPU, in a changed's", self._ratio(), UNCHANGED_TO_CHANGED),
        )

    def result(self):
        return {
            "jobs": self.n_jobs, "pages": self.files.n_pages,
            "active": -(-self.n_jobs // ACTIVE_EVERY),
            "medians": self._medians("unchanged", "changed", "bytes_per_job", "stall_ms",
                                     "stall_cpu_ms"),
            "unchanged_to_changed": self._ratio(),
            "rounds": self.rounds,
        }


def print_table(result):
    medians = result["medians"]
    print(f"an account of {result['jobs']} jobs, {result['active']} of them active, "
          f"in {result['pages']} pages")
    print(f"{'':28}{'CPU ms/refresh':>16}{'CPU us/page':>13}{'CPU us/job':>12}{'pages/s':>10}")
    for what in ("unchanged", "changed"):
        row = medians[what]
        print(f"  {what:26}{row['cpu_ms_per_cycle']:16.0f}{row['cpu_us_per_page']:13.0f}"
              f"{row['cpu_us_per_page'] / corpus.PAGE_SIZE:12.2f}{row['pages_per_second']:10.0f}")
    print(f"  unchanged to changed: {result['unchanged_to_changed']:.2f}, the median of rounds")
    for when, value in medians["bytes_per_job"].items():
        print(f"  resident bytes a job, {when}: {value:.0f}")
    for when, value in medians["stall_ms"].items():
        print(f"  the loop's longest stall, {when}: {value:.0f} ms; of CPU time "
              f"{medians['stall_cpu_ms'][when]:.0f} ms")
