"""A Debian with a real systemd, for one test: a container on a throw-away layer over the clean root
(make-root). The test's own process stands in the container's network, so that the scripted API
server and the receivers of the integration tests are on its loopback; nothing else is.

`make check-systemd` makes both: the clean root is systemd-root, the package is in package/deb.
"""

import contextlib
import ctypes
import glob
import json
import os
import select
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))

from harness import BUILD, KEY, Config, Result, UnixConnection, die_with_parent, tap

ROOT = os.path.join(BUILD, "systemd-root")
DEB = next(iter(glob.glob(os.path.join(BUILD, "package", "deb", "tunewatch_*.deb"))), None)
UNIT = "tunewatchd.service"
CREDENTIALS = "/etc/tunewatch/credentials"
CONFIG = "/etc/tunewatch/tunewatch.conf"
STATE = "/var/lib/tunewatch"
SOCKET = "/run/tunewatch/control.sock"
ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root",
       "DEBIAN_FRONTEND": "noninteractive"}

CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def call(name, *args):
    if getattr(LIBC, name)(*args) != 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


def own_cgroups(name):
    """Where there is no systemd to make a scope: a cgroup of our own in each hierarchy that a systemd
    inside would use. Machines at the same time would share one otherwise."""
    with open("/proc/self/mounts", encoding="utf-8") as file:
        for line in file:
            _, place, kind, options, *_ = line.split()
            if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options):
                yield os.path.join(place, name)


def remove_cgroup(path):
    """Those inside first. The last process that was in it may not be gone yet."""
    for _ in range(100):
        for folder, _, _ in os.walk(path, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
        if not os.path.exists(path):
            return
        time.sleep(0.02)


class Machine:
    """Booted when made; gone when the test is over."""

    def __init__(self, t, install=True):
        self.t = t
        self.name = f"tw{os.getpid()}"
        self.log_path = t.path("console.log")
        self.cgroups = []
        self.boot()
        if install:
            self.install()

    def boot(self):
        layer = self.make_layer()
        argv = ["systemd-nspawn", "--quiet", f"--directory={layer}", f"--machine={self.name}",
                "--register=no", "--private-network", "--console=pipe", "--link-journal=no",
                "--boot"]
        if not os.path.isdir("/run/systemd/system"):
            argv.insert(1, "--keep-unit")
            self.cgroups = list(own_cgroups(self.name))
            for path in self.cgroups:
                os.mkdir(path)

        def enter():
            die_with_parent()
            for path in self.cgroups:
                with open(os.path.join(path, "cgroup.procs"), "w", encoding="ascii") as file:
                    file.write("0")

        with open(self.log_path, "wb") as log:
            self.nspawn = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           preexec_fn=enter)
        self.t.defer(self.end)
        self.leader = self.t.wait(self.find_leader, 10, "the container's first process")
        self.guard()
        self.t.wait(self.is_up, 30, "systemd to have booted")
        with open(f"/proc/{self.leader}/ns/net", encoding="ascii") as net:
            call("setns", net.fileno(), CLONE_NEWNET)

    def make_layer(self):
        """What is written goes to memory, and with this process's mounts."""
        call("unshare", CLONE_NEWNS)
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        layer = self.t.path("layer")
        os.mkdir(layer)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "layer", layer], check=True)
        for name in ("upper", "work", "root"):
            os.mkdir(os.path.join(layer, name))
        root = os.path.join(layer, "root")
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                        f"lowerdir={ROOT},upperdir={layer}/upper,workdir={layer}/work", root],
                       check=True)
        return root

    def find_leader(self):
        if self.nspawn.poll() is not None:
            raise tap.Failed(f"systemd-nspawn ended with {self.nspawn.returncode}")
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                name, _, rest = file.read().partition("(")[2].rpartition(") ")
                if name == "systemd" and int(rest.split()[1]) == self.nspawn.pid:
                    return int(pid)
        return None

    def is_up(self):
        return self.run("systemctl", "is-system-running").out.strip() in ("running", "degraded")

    def guard(self):
        """A process that ends the container when the test's is gone, whichever way: a container
        outlives the systemd-nspawn that started it."""
        pidfd = os.pidfd_open(self.leader)
        ours, self.alive = os.pipe()
        self.guardian = os.fork()
        if self.guardian:
            os.close(ours)
            return
        os.setsid()
        os.close(self.alive)
        os.read(ours, 1)  # returns when nobody has the other end any more
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        select.select([pidfd], [], [], 10)
        for path in self.cgroups:
            remove_cgroup(path)
        os._exit(0)

    def end(self):
        """Keeps what a failure is explained with."""
        if hasattr(self, "guardian"):
            with open(self.t.path("journal.log"), "w", encoding="utf-8") as file:
                file.write(self.run("journalctl", "--boot", "--no-pager", "--output=short-precise",
                                    "--quiet").out)
            os.close(self.alive)
            os.waitpid(self.guardian, 0)
        else:
            self.nspawn.kill()
        self.nspawn.wait()
        subprocess.run(["umount", "--recursive", self.t.path("layer")], check=False)

    # Programs

    def run(self, *argv, timeout=30, stdin=None, env=None, user=None):
        """A program in the machine, of root or of a user."""
        if user:
            argv = ["runuser", "-u", user, "--", *argv]
        enter = ["nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--net",
                 "--pid", "--cgroup", "--root", "--wd=/", "--"]
        try:
            done = subprocess.run([*enter, *argv], env={**ENV, **(env or {})}, timeout=timeout,
                                  input=stdin, stdin=subprocess.DEVNULL if stdin is None else None,
                                  capture_output=True, text=True, check=False)
        except subprocess.TimeoutExpired:
            raise tap.Failed(f"{' '.join(argv)}: not over after {timeout} s") from None
        return Result(done.returncode, done.stdout, done.stderr)

    def do(self, *argv, **options):
        """The same, for what must succeed; its standard output."""
        done = self.run(*argv, **options)
        if done.code != 0:
            raise tap.Failed(f"{' '.join(argv)}: {done.code} {done.out[-800:]}{done.err[-800:]}")
        return done.out

    # Files

    def path(self, path):
        """Where a file of the machine is for the test."""
        return f"/proc/{self.leader}/root{path}"

    def write(self, path, text, mode=0o644):
        os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
        with open(self.path(path), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(path), mode)

    def read(self, path):
        with open(self.path(path), encoding="utf-8") as file:
            return file.read()

    def exists(self, path):
        return os.path.lexists(self.path(path))

    def stat(self, path):
        """"root:root 644" """
        return self.do("stat", "--format=%U:%G %a", path).strip()

    # The package

    def install(self, deb=None):
        """With apt-get: without a network it succeeds only when nothing else is needed."""
        deb = deb or DEB
        place = f"/root/{os.path.basename(deb)}"
        with open(deb, "rb") as source, open(self.path(place), "wb") as target:
            target.write(source.read())
        done = self.run("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", place)
        if done.code != 0:
            raise tap.Failed(f"installing {place}: {done.out[-1500:]}{done.err[-1500:]}")
        return done

    # The service

    def show(self, *names, unit=UNIT, user=None):
        """Properties of the unit; of one name, its value."""
        out = self.systemctl("show", unit, *(f"--property={name}" for name in names), user=user)
        values = dict(line.partition("=")[::2] for line in out.splitlines())
        return values[names[0]] if len(names) == 1 else values

    def systemctl(self, *args, user=None, **options):
        if user:
            uid = self.do("id", "-u", user).strip()
            return self.do("systemctl", "--user", *args, user=user,
                           env={"XDG_RUNTIME_DIR": f"/run/user/{uid}"}, **options)
        return self.do("systemctl", *args, **options)

    def is_active(self, unit=UNIT):
        return self.run("systemctl", "is-active", unit).out.strip()

    def pid(self):
        return int(self.show("MainPID"))

    def journal(self, *matches):
        """The entries that match, as dictionaries."""
        self.do("journalctl", "--sync")
        out = self.do("journalctl", "--no-pager", "--output=json", "--quiet", *matches)
        return [json.loads(line) for line in out.splitlines()]

    def said(self, unit=UNIT):
        """What systemd and the daemon wrote about the unit."""
        self.do("journalctl", "--sync")
        return self.do("journalctl", "--no-pager", "--output=cat", "--quiet", f"--unit={unit}")

    def client(self, *args, user=None):
        return self.run("tunewatch", *args, user=user)

    def get(self, path):
        with contextlib.closing(UnixConnection(self.path(SOCKET), 10)) as connection:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())

    def configure(self, sim, hook=None, notifiers=None):
        """An account with its key as a credential, all jobs watched, everything told to the journal
        and to the hook; and notifiers, {name: options}."""
        config = Config(self.t, state_dir=None, control_socket=None)
        config.section("account", "acme", {
            "api_url": sim.url, "api_key_credential": "acme", "requests_per_minute": 600000})
        config.watch(kinds=["sft"])
        config.section("notifier", "journal", {"type": "syslog", "events": ["*"]})
        if hook:
            config.webhook(hook)
        for name, options in (notifiers or {}).items():
            config.section("notifier", name, options)
        self.write(f"{CREDENTIALS}/acme", f"{KEY}\n", 0o600)
        self.write(CONFIG, config.text())


def main():
    reason = None
    with contextlib.suppress(OSError), open(f"{ROOT}.skipped", encoding="utf-8") as file:
        reason = file.read().strip()
    if reason is None and not DEB:
        reason = "there is no package, see tests/package/deb.log"
    if reason:
        print(f"1..0 # SKIP {reason}")
    else:
        tap.main()
