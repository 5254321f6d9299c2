"""What is around the daemon in a soak: the API and the webhooks, a journal, and clients."""

import collections
import contextlib
import ctypes
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", part) for part in ("integration", "bench")]

import corpus  # noqa: E402
from harness import BUILD  # noqa: E402

TRAITS = {"two": ",list", "three": ",list", "still": ",still"}

CLONE_NEWNS = 0x20000
MS_REC, MS_PRIVATE = 0x4000, 1 << 18
LIBC = ctypes.CDLL(None)


class World:
    """The API and the webhooks: see server.c."""

    def __init__(self, t, size):
        job = corpus.masked_job()
        for key in ("name", "state", "status", "createTime"):
            job.pop(key, None)
        rests = [t.path("steady"), t.path("listed")]
        for path in rests:
            with open(path, "w", encoding="utf-8") as f:
                f.write("," + json.dumps(job, separators=(",", ":"))[1:])
            # An estimate is kept while a job runs, and those that are listed end.
            job.pop("jobProgress", None)
        self.ids_path = t.path("ids")
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "tests/soak/server"), *rests, self.ids_path,
             *(f"{name}={n}{TRAITS.get(name, '')}" for name, n in size.jobs.items())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        t.defer(self.stop)
        self.port = int(self.process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}"
        self.n_jobs = sum(size.jobs.values())

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def counts(self):
        return SimpleNamespace(**json.loads(self.ask("count")))

    def posts(self):
        """{path: {status: ids, in order}}"""
        self.ask("flush")
        result = collections.defaultdict(lambda: collections.defaultdict(list))
        with open(self.ids_path, encoding="ascii") as f:
            for path, id_, status in map(str.split, f):
                result[path][int(status)].append(id_)
        return result

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)


class Journal:
    """The socket that a journal would have, where it would be, for this process and its children."""

    def __init__(self, t):
        self.ids = []
        self.there = (LIBC.unshare(CLONE_NEWNS) == 0
                      and LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) == 0
                      and LIBC.mount(b"none", b"/run", b"tmpfs", 0, None) == 0)
        if not self.there:
            return
        os.makedirs("/run/systemd/journal")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("/run/systemd/journal/socket")
        threading.Thread(target=self.receive, daemon=True).start()

    def receive(self):
        while True:
            match = re.search(rb"TUNEWATCH_EVENT_ID=(\S+)", self.socket.recv(65536))
            if match:
                self.ids.append(match[1].decode())


class Clients:
    """Come and go on a thread of their own: questions, readers of the stream, and those who hang up in
    the middle, or read nothing."""

    def __init__(self, daemon, chance):
        self.daemon = daemon
        self.random = chance
        self.tcp_port = None
        self.counts = collections.Counter()
        self.going = threading.Event()
        self.resting = threading.Event()
        self.over = False
        self.streams = []  # (socket, until, whether it is read)
        self.resting.set()
        threading.Thread(target=self.run, daemon=True).start()

    def go(self):
        self.resting.clear()
        self.going.set()

    def rest(self):
        self.going.clear()
        self.resting.wait()

    def run(self):
        while True:
            if not self.going.is_set():
                for stream, *_ in self.streams:
                    stream.close()
                self.streams = []
                self.resting.set()
                self.going.wait()
            with contextlib.suppress(OSError):
                self.random.choice((self.ask, self.ask, self.begin_stream, self.hang_up))()
            self.read_streams()
            time.sleep(0.02)

    def connect(self):
        if self.tcp_port and self.random.random() < 0.3:
            return socket.create_connection(("127.0.0.1", self.tcp_port), timeout=5)
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.settimeout(5)
        s.connect(self.daemon.config.socket)
        return s

    def send(self, s, path, ending="\r\n"):
        host = f"127.0.0.1:{self.tcp_port}" if s.family == socket.AF_INET else "localhost"
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{ending}".encode())

    def ask(self):
        path = self.random.choice(
            ("/v1/status", "/metrics", "/healthz", "/v1/notifiers", "/v1/deliveries?limit=20",
             "/v1/events?limit=50", "/v1/jobs?fields=phase", "/", "/none"))
        with contextlib.closing(self.connect()) as s:
            self.send(s, path)
            while s.recv(1 << 16):
                pass
        self.counts["questions"] += 1

    def hang_up(self):
        with contextlib.closing(self.connect()) as s:
            self.send(s, "/v1/jobs", self.random.choice(("", "\r\n")))
        self.counts["hung up"] += 1

    def begin_stream(self):
        if len(self.streams) >= 12:
            return
        s = self.connect()
        self.send(s, "/v1/events/stream")
        s.setblocking(False)
        self.streams.append((s, time.monotonic() + self.random.uniform(0.1, 4),
                             self.random.random() < 0.8))
        self.counts["streams"] += 1

    def read_streams(self):
        for stream in list(self.streams):
            s, until, is_read = stream
            gone = time.monotonic() > until
            try:
                gone |= is_read and s.recv(1 << 18) == b""
            except BlockingIOError:
                pass
            except OSError:
                gone = True
            if gone:
                s.close()
                self.streams.remove(stream)
