"""The real tunewatchd as a contestant: how it is configured, started, asked and measured."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from types import SimpleNamespace

import corpus

KEY = "fw_benchmark_key"
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
START_LIMIT_S = 120

CONFIG = """
poll-interval = "1s"
list-interval = "1s"
state-dir = "{state}"
control-socket = "{dir}/control.sock"
account "{account}" {{
    api-url = "{url}"
    api-key-file = "{dir}/key"
{tls}    requests-per-minute = {per_minute}
}}
watch "bench" {{
    kinds = {{"{kind}"}}
    jobs = {{{jobs}}}
}}
"""

JOURNAL = """
notifier "journal" {
    type = "syslog"
    events = {"watcher.*"}
}
"""


def _get(path, target):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(10)
        s.connect(path)
        s.sendall(f"GET {target} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        answer = b"".join(iter(lambda: s.recv(65536), b""))
    return json.loads(answer.split(b"\r\n\r\n", 1)[1])


class Daemon:
    """A configured daemon. Its state directory outlives its runs, so that later ones start warm.

    It watches the jobs of `ids`, by name; without them, all of a kind. `server` has a `url`, and a
    `ca_file` or None.
    """

    def __init__(self, program, directory, server, state, ids=(), kind="sft",
                 notifier=JOURNAL, per_minute=60000000):
        self._program = program
        self._directory = directory
        self._process = None
        self.socket = os.path.join(directory, "control.sock")
        os.makedirs(directory)
        self._write("key", KEY + "\n")
        self._write("tunewatch.conf", CONFIG.format(
            dir=directory, state=state, account=corpus.ACCOUNT, url=server.url,
            tls=f'    ca-file = "{server.ca_file}"\n' if server.ca_file else "",
            per_minute=per_minute, kind=kind, jobs=", ".join(f'"sft/{job_id}"' for job_id in ids)) + notifier)

    def _write(self, name, text):
        path = os.path.join(self._directory, name)
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as f:
            f.write(text)

    @contextlib.contextmanager
    def running(self, n_jobs, n_requests, settled=True):
        """Up, with every job seen after this many requests and, when `settled`, on the disk."""
        log = open(os.path.join(self._directory, "log"), "ab")
        self._process = subprocess.Popen(
            [self._program, "--config", os.path.join(self._directory, "tunewatch.conf")],
            stdout=log, stderr=log)
        log.close()
        try:
            self._wait_for(n_jobs, n_requests, settled)
            yield self
        finally:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _wait_for(self, n_jobs, n_requests, settled):
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError):
                status = self.status()
                account = status["accounts"][0]
                if (status["jobs"]["total"] == n_jobs and account["requests"] >= n_requests
                        and (not settled or status["store"]["waiting"] == 0)):
                    return
            time.sleep(0.2)
        raise RuntimeError(f"the daemon does not get going, see {self._directory}/log")

    def status(self):
        return _get(self.socket, "/v1/status")

    def newest_event(self):
        """Its number, 0 while there is none."""
        return _get(self.socket, "/v1/events?limit=1")["last"]

    def wait_stored(self):
        """Until everything that it saw is on the disk."""
        deadline = time.monotonic() + START_LIMIT_S
        while self.status()["store"]["waiting"] > 0:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the store does not come after, see {self._directory}/log")
            time.sleep(0.05)

    def failures(self):
        return self.status()["accounts"][0]["failures"]

    def stalls_ms(self):
        """The loop's longest since the start."""
        loop = self.status()["loop"]
        return {"wall": loop["longestStallMs"], "cpu": loop["longestStallCpuMs"]}

    def connections(self, port):
        """How many it holds to that port of this machine."""
        with open(f"/proc/{self._process.pid}/net/tcp", encoding="ascii") as f:
            rows = [line.split() for line in f.readlines()[1:]]
        ends = [row for row in rows if row[2].endswith(f":{port:04X}") and row[3] == "01"]
        return len(ends)

    def cpu_s(self):
        """The CPU seconds of all its threads since the start."""
        with open(f"/proc/{self._process.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * TICK_S

    def _sample(self):
        """Now, its CPU seconds, its requests and its failures."""
        account = self.status()["accounts"][0]
        return SimpleNamespace(at=time.monotonic(), cpu_s=self.cpu_s(),
                               requests=account["requests"], failures=account["failures"])

    def measure(self, seconds):
        """CPU seconds of all its threads, requests, and seconds of a window."""
        before = self._sample()
        time.sleep(seconds)
        after = self._sample()
        if after.failures != before.failures:
            raise RuntimeError(f"requests of the daemon failed, see {self._directory}/log")
        return (after.cpu_s - before.cpu_s, after.requests - before.requests,
                after.at - before.at)

    def memory_kib(self):
        """Resident memory, the most that it ever was, and its share of what is shared."""
        found = {}
        for name, key in (("status", "VmRSS"), ("status", "VmHWM"), ("smaps_rollup", "Pss")):
            with open(f"/proc/{self._process.pid}/{name}", encoding="ascii") as f:
                for line in f:
                    if line.startswith(key + ":"):
                        found[key] = int(line.split()[1])
        return found
