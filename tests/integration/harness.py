"""The real daemon against the scripted API server: starts and stops both, writes configurations,
reads sd_notify, speaks to the control socket, and checks at the end what must hold in every test.

Environment: TUNEWATCHD and TUNEWATCH name the programs (with leading words, say of valgrind);
by default those of the build directory ($top_builddir).
"""

import contextlib
import ctypes
import http.client
import json
import os
import re
import shlex
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "sim")]

import bodies
import events
import fireworks_sim
import scenario
import tap
from receivers import Hook, Reply, Webhook  # for the tests, which import everything from here

KEY = f"fw_{bodies.SECRET}_key"
BUILD = os.environ.get("top_builddir", os.path.join(HERE, "..", ".."))
DAEMON = shlex.split(os.environ.get("TUNEWATCHD", os.path.join(BUILD, "tunewatchd")))
CLIENT = shlex.split(os.environ.get("TUNEWATCH", os.path.join(BUILD, "tunewatch")))
# A poll interval, and a moment more.
POLL = 1.0
SANITIZERS = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")


def is_plain():
    """Whether the daemon runs as it would for a user: limits of time and memory hold."""
    if len(DAEMON) > 1:
        return False
    with open(DAEMON[0], "rb") as file:
        return b"__asan_init" not in file.read()


def peak_kib(pid):
    """The most memory that the process ever had."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))


def name_of(kind, id_, account="acme"):
    return f"accounts/{account}/{bodies.KINDS[kind][0]}/{id_}"


class Sim:
    """The API server, in this process."""

    def __init__(self, t, document=None, **more):
        if isinstance(document, str):
            document = scenario.load(document)
        self.t = t
        self.document = {"clock": "manual", **(document or {}), **more}
        self.server = fireworks_sim.Server(self.document)
        self.port = self.server.port
        self.url = f"http://127.0.0.1:{self.port}"
        self.server.start()
        self.running = True
        t.defer(self.stop)

    def stop(self):
        if self.running:
            self.running = False
            self.server.stop()

    def restart(self):
        """Listens again on the same port, the jobs as they are now."""
        api = self.server.api
        self.server = fireworks_sim.Server({}, self.port)
        api.stopping.clear()
        self.server.api = api
        self.server.start()
        self.running = True

    def admin(self, call, value=None):
        status, document = self.server.api.admin("GET" if value is None else "POST", call, value)
        if status != 200:
            raise ValueError(document)
        return document

    def set(self, kind, id_, account="acme", **step):
        self.admin("job", {"kind": kind, "id": id_, "account": account, **step})

    def fault(self, do, **more):
        self.admin("fault", {"do": do, **more})

    def clear(self, **more):
        self.admin("fault", {"clear": True, **more})

    def settings(self, **settings):
        self.admin("settings", settings)

    def requests(self, pattern=""):
        return [r for r in self.admin("requests")["requests"] if re.search(pattern, r["path"])]

    def wait_requests(self, count, pattern="", timeout=15):
        """Waits for `count` more requests from now on."""
        begin = len(self.requests(pattern))
        self.t.wait(lambda: len(self.requests(pattern)) >= begin + count, timeout,
                    f"{count} more requests to {pattern or 'anything'}")

    def visible(self, kind, id_, account="acme"):
        return self.admin("visible").get(name_of(kind, id_, account), [])

    def wait_seen(self, kind, id_, account="acme", timeout=15):
        """Waits until an answer has shown the job as it is now."""
        job = self.server.api.world.jobs[name_of(kind, id_, account)]

        def seen():
            with self.server.api.world.lock:
                return job.visible and job.visible[-1][1] == job.shown()

        self.t.wait(seen, timeout, f"somebody to see {id_}")


def format_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (list, tuple, set)):
        return "{" + ", ".join(format_value(v) for v in value) + "}"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Config:
    """A configuration file; keyword `poll_interval` is the option poll-interval."""

    def __init__(self, t, **options):
        self.t = t
        self.path = t.path("tunewatch.conf")
        self.state_dir = t.path("state")
        self.socket = t.path("control.sock")
        self.key_files = set()
        self.options = {
            "state_dir": self.state_dir, "control_socket": self.socket, "poll_interval": "1s",
            "degraded_after": "1s", **options,
        }
        self.sections = {}

    def section(self, kind, name, options):
        self.sections[kind, name] = options
        return self

    def account(self, sim, name="acme", key=KEY, **options):
        path = self.t.path(f"{name}.key")
        self.write_key(path, key)
        url = sim if isinstance(sim, str) else sim.url
        return self.section("account", name, {
            "account_id": name, "api_url": url, "api_key_file": path,
            "requests_per_minute": 600000, **options})

    def write_key(self, path, key):
        self.key_files.add(path)
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"{key}\n")
        os.chmod(path, 0o600)

    def watch(self, name="all", account="acme", **options):
        return self.section("watch", name, {"account": account, "poll_interval": "1s", **options})

    def webhook(self, hook, name="web", path="/", **options):
        return self.section("notifier", name, {
            "type": "webhook", "url": hook.url(path), "events": ["*"], **options})

    def exec(self, hook, name="run", args=(), **options):
        return self.section("notifier", name, {
            "type": "exec", "command": [hook.program, *args], "events": ["*"], **options})

    def text(self):
        def lines(options, indent):
            return [f"{indent}{k.replace('_', '-')} = {format_value(v)}"
                    for k, v in options.items() if v is not None]

        result = lines(self.options, "")
        for (kind, name), options in self.sections.items():
            result += [f'{kind} "{name}" {{', *lines(options, "    "), "}"]
        return "\n".join(result) + "\n"

    def write(self, text=None):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(self.text() if text is None else text)
        os.chmod(self.path, 0o600)
        return self.path


LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def die_with_parent():
    """A test that is killed takes its daemon along."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class NotifySocket:
    """The other end of sd_notify: messages as (time, {key: value})."""

    def __init__(self, t):
        self.path = t.path("notify")
        self.messages = []
        self.ready = set()  # pids of those who said so; they may say it late, and have been killed
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(self.path)
        threading.Thread(target=self.receive, daemon=True).start()

    def receive(self):
        while True:
            text, ancillary, _, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(12))
            fields = dict(line.partition("=")[::2]
                          for line in text.decode().splitlines() if "=" in line)
            self.messages.append((time.monotonic(), fields))
            if "READY" in fields:
                self.ready.add(struct.unpack("3i", ancillary[0][2])[0])

    def having(self, key):
        return [fields for _, fields in list(self.messages) if key in fields]


def environment(t, extra=None):
    """A clean environment; nothing of the machine's own tunewatch or Fireworks set-up."""
    env = {
        "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": t.path("home"), "LANG": "C.UTF-8",
        "XDG_CONFIG_HOME": t.path("xdg-config"), "XDG_STATE_HOME": t.path("xdg-state"),
        "XDG_RUNTIME_DIR": t.path("xdg-runtime"),
    }
    env.update({name: os.environ[name] for name in SANITIZERS if name in os.environ})
    env.update(extra or {})
    return env


class Result:
    """The end of a program that ran to its end."""

    def __init__(self, code, out, err):
        self.code = code
        self.out = out
        self.err = err


def run_program(t, argv, env=None, timeout=20, stdin=None):
    program = subprocess.run(argv, env=environment(t, env), timeout=timeout, input=stdin,
                             stdin=subprocess.DEVNULL if stdin is None else None,
                             capture_output=True, text=True, check=False)
    return Result(program.returncode, program.stdout, program.stderr)


def run_daemon(t, *args, env=None, timeout=20):
    """tunewatchd, for what ends by itself."""
    return run_program(t, [*DAEMON, *args], env, timeout)


class Running:
    """The command-line client, while it goes on."""

    def __init__(self, t, socket_path, *args, env=None):
        self.paths = [tempfile.mkstemp(prefix="client-", suffix=suffix, dir=t.dir)
                      for suffix in (".out", ".err")]
        self.program = subprocess.Popen(
            [*CLIENT, "--socket", socket_path, *args], stdin=subprocess.DEVNULL,
            stdout=self.paths[0][0], stderr=self.paths[1][0], env=environment(t, env),
            preexec_fn=die_with_parent)
        for fd, _ in self.paths:
            os.close(fd)
        t.defer(self.end)

    def end(self):
        if self.program.poll() is None:
            self.program.kill()
        self.program.wait()

    def read(self, number):
        with open(self.paths[number][1], encoding="utf-8") as file:
            return file.read()

    def lines(self):
        return self.read(0).splitlines()

    def said(self):
        """On standard error."""
        return self.read(1)

    def code(self):
        """The exit status, or None while it runs."""
        return self.program.poll()

    def signal(self, number):
        self.program.send_signal(number)

    def wait(self, timeout=20):
        try:
            return self.program.wait(timeout)
        except subprocess.TimeoutExpired:
            raise tap.Failed(f"the client still runs after {timeout} s; it said {self.lines()} "
                             f"{self.said()!r}") from None


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.unix_path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.unix_path)


class Daemon:
    """tunewatchd over a configuration. When the test is over it must still run, end with 0 on
    SIGTERM, and have kept, logged and sent nothing secret."""

    def __init__(self, t, config, env=None, args=None, start=True):
        self.t = t
        self.config = config
        self.env = env or {}
        self.args = args
        self.log_path = t.path("daemon.log")
        self.program = None
        self.wrapper = lambda env: []  # what starts it in our stead, of the environment
        self.notify = NotifySocket(t)
        self.expect_running = True
        t.defer(self.finish)
        if start:
            self.start()

    def start(self, ready=True, write=True):
        if write and self.config:
            self.config.write()
        args = self.args if self.args is not None else ["--config", self.config.path]
        env = environment(self.t, {"NOTIFY_SOCKET": self.notify.path, **self.env})
        with open(self.log_path, "ab") as log:
            self.program = subprocess.Popen(
                [*self.wrapper(env), *DAEMON, *args], env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=die_with_parent, close_fds=True)
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self, timeout=30):
        def ready():
            if self.program.poll() is not None:
                self.expect_running = False
                raise tap.Failed(f"the daemon ended with {self.program.returncode}")
            return self.pid in self.notify.ready

        self.t.wait(ready, timeout, "READY=1")

    @property
    def pid(self):
        return self.program.pid

    def signal(self, number):
        self.program.send_signal(number)

    def wait_exit(self, timeout=20):
        try:
            return self.program.wait(timeout)
        except subprocess.TimeoutExpired:
            raise tap.Failed(f"the daemon still runs after {timeout} s") from None

    def stop(self, timeout=20):
        """SIGTERM, and exit 0."""
        self.signal(signal.SIGTERM)
        code = self.wait_exit(timeout)
        if code != 0:
            raise tap.Failed(f"SIGTERM ended the daemon with {code}")

    def kill(self):
        self.program.kill()
        self.program.wait()

    def restart(self):
        self.stop()
        return self.start()

    def reload(self):
        """SIGHUP, and waits until it is over."""
        before = len(self.notify.having("READY"))
        self.signal(signal.SIGHUP)
        self.t.wait(lambda: len(self.notify.having("READY")) > before, 10, "READY=1 after SIGHUP")

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait_log(self, pattern, timeout=10):
        return self.t.wait(
            lambda: re.search(pattern, self.log()), timeout, f"{pattern!r} in the log")

    def request(self, path, method="GET", body=None):
        """(status, headers, body) of a call on the control socket."""
        with contextlib.closing(UnixConnection(self.config.socket, 10)) as connection:
            connection.request(method, path, body)
            response = connection.getresponse()
            return response.status, response.headers, response.read()

    def get(self, path, wanted=200):
        status, _, body = self.request(path)
        if status != wanted:
            raise tap.Failed(f"GET {path}: {status} {body[:300]!r}")
        return json.loads(body)

    def jobs(self):
        """{name: view} of GET /v1/jobs."""
        return {job["name"]: job for job in self.get("/v1/jobs")["jobs"]}

    def job(self, kind, id_, account="acme"):
        return self.jobs().get(name_of(kind, id_, account))

    def wait_known(self, *names, timeout=15):
        """Waits until the daemon has a snapshot of each job (by name_of)."""

        def known():
            jobs = self.jobs()
            return all((jobs.get(name) or {}).get("phase") for name in names)

        self.t.wait(known, timeout, f"{len(names)} jobs to be known")

    def notifier(self, name):
        """The entry of GET /v1/status."""
        return next(n for n in self.get("/v1/status")["notifiers"] if n["name"] == name)

    def client(self, *args, env=None):
        """Runs the command-line client against this daemon."""
        return run_program(self.t, [*CLIENT, "--socket", self.config.socket, *args], env)

    def finish(self):
        if self.program is None:
            return
        try:
            if self.expect_running and self.program.poll() is not None:
                self.t.check(False, f"the daemon ended by itself with {self.program.returncode}")
            elif self.program.poll() is None:
                self.stop()
        finally:
            if self.program.poll() is None:
                self.kill()
            self.check_secrets()

    def check_secrets(self):
        """No secret of the API's bodies, and no key, in anything that the daemon wrote."""
        mark = bodies.SECRET.encode()
        known = {os.path.basename(path) for path in self.config.key_files} if self.config else set()
        for folder, _, files in os.walk(self.t.dir):
            for file in files:
                path = os.path.join(folder, file)
                if file in known or not os.path.isfile(path) or file == "test.log":
                    continue
                with open(path, "rb") as f:
                    self.t.check(mark not in f.read(), f"a secret in {file}")


def settle(sim, pattern="", polls=2):
    """What has been shown is processed: further polls of the same thing have come."""
    sim.wait_requests(polls, pattern)


def check_log(t, hook, sim, path="/", gaps=False):
    """Everything that must hold of what a webhook got."""
    got = [d.body for d in hook.got(path)]
    for fault in events.log_faults(got, sim.url, gaps):
        t.check(False, fault)
    for delivery in hook.got(path):
        t.check(bodies.SECRET.encode() not in delivery.body, "a secret in an event")
        t.check(bodies.SECRET not in str(delivery.headers), "a secret in a header")


def setup(t, document=None, watch=None, webhook=True, start=True, **options):
    """The usual: a simulator, a webhook that gets everything, a daemon. (sim, hook, daemon)"""
    sim = Sim(t, document)
    hook = Webhook(t) if webhook else None
    config = Config(t, **options).account(sim).watch(**(watch or {}))
    if hook:
        config.webhook(hook)
    daemon = Daemon(t, config, start=start)
    if hook:
        t.defer(check_log, t, hook, sim)
    return sim, hook, daemon


# A job that runs on, so that its kind is looked at every interval whatever becomes of the others:
# where none is active, a look comes every ten intervals at the most often.
PACER = {"kind": "sft", "id": "pacer", "state": "RUNNING"}
PACERS = [{**PACER, "kind": kind} for kind in events.COLLECTIONS]


def running(t, *ids, watch=None, **options):
    """Jobs that are known already, and a configuration without notifiers: (sim, daemon)."""
    sim, _, daemon = setup(t, {"jobs": [PACER, *(
        {"kind": "sft", "id": id_, "state": "RUNNING"} for id_ in ids or ("a",))]},
        {"kinds": ["sft"], **(watch or {})}, webhook=False, start=False, **options)
    return sim, daemon


def begin(sim, daemon, *ids):
    daemon.start()
    for id_ in ids or ("a",):
        sim.wait_seen("sft", id_)
    settle(sim)
