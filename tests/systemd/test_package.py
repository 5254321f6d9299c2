#!/usr/bin/env python3
"""The package's life under a real systemd: installed, upgraded, removed, purged."""

import os
import re
import subprocess

from machine import CONFIG, CREDENTIALS, DEB, STATE, UNIT, Machine, main, tap
from harness import PACER, Sim, Webhook, name_of, settle

A = name_of("sft", "a")
JOBS = [PACER, {"kind": "sft", "id": "a", "state": "RUNNING"}]
SOCKET_UNIT = "tunewatchd.socket"
OLDER = "0.0.1"
# What dpkg, apt and systemd note about everything.
NOTES = re.compile(
    r"/(proc|sys|dev|run|tmp|root)(/.*)?|/var/(log|cache|tmp|lib/(dpkg|apt|systemd))(/.*)?"
    r"|/etc/(passwd|group|g?shadow)-?|/etc/\.pwd\.lock|/etc/machine-id")


def older(t):
    """The package under a lower version."""
    root = t.path("older")
    subprocess.run(["dpkg-deb", "--raw-extract", DEB, root], check=True)
    control = os.path.join(root, "DEBIAN", "control")
    with open(control, encoding="utf-8") as file:
        text = re.sub(r"(?m)^Version: .*$", f"Version: {OLDER}", file.read())
    with open(control, "w", encoding="utf-8") as file:
        file.write(text)
    deb = t.path(f"tunewatch_{OLDER}.deb")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", root, deb], check=True,
                   stdout=subprocess.DEVNULL)
    return deb


def version(machine):
    return machine.do("dpkg-query", "--show", "--showformat=${Version}", "tunewatch")


def running(t, deb=None):
    """(machine, sim, hook), with the service enabled and started."""
    machine = Machine(t, install=False)
    machine.install(deb)
    sim = Sim(t, {"jobs": JOBS})
    hook = Webhook(t)
    machine.configure(sim, hook)
    machine.systemctl("enable", "--now", UNIT)
    sim.wait_seen("sft", "a")
    settle(sim)
    return machine, sim, hook


def files(machine):
    """What is there, but for the notes."""
    found = machine.do("find", "/", "-xdev", "-printf", "%p\n").splitlines()
    return {path for path in found if not NOTES.fullmatch(path)}


@tap.test(limit=60)
def fresh(t):
    """What an installation makes, and that it starts nothing."""
    machine = Machine(t, install=False)
    t.check(machine.run("getent", "passwd", "tunewatch").code != 0, "the root is clean")
    done = machine.install()
    t.check("rror" not in done.err, done.err)
    user = machine.do("getent", "passwd", "tunewatch").strip().split(":")
    t.check(int(user[2]) < 1000 and user[5] == "/" and user[6].endswith("nologin"), f"user {user}")
    t.equal(machine.do("id", "-Gn", "tunewatch").strip(), "tunewatch", "groups")
    for path, wanted in {
            "/usr/sbin/tunewatchd": "root:root 755", "/usr/bin/tunewatch": "root:root 755",
            "/etc/tunewatch": "root:root 755", CONFIG: "root:root 644",
            CREDENTIALS: "root:root 700"}.items():
        t.equal(machine.stat(path), wanted, path)
    t.check(not machine.exists(STATE), "there is no state yet")
    for unit in (UNIT, SOCKET_UNIT):
        t.equal(machine.is_active(unit), "inactive", unit)
        t.equal(machine.run("systemctl", "is-enabled", unit).out.strip(), "disabled", unit)
    t.equal(machine.do("systemctl", "--failed", "--no-legend").strip(), "", "failed units")
    t.check("b5d2ef34887d4ad2882102c0ea7f9a75" in machine.do("journalctl", "--list-catalog"),
            "the catalog was brought up to date")
    t.equal(machine.run("tunewatchd", "--check-config").code, 78, "without an account")
    t.equal(machine.run("tunewatchd", "--version").code, 0, "tunewatchd --version")
    t.equal(machine.run("tunewatch", "status").code, 69, "without a daemon")
    t.equal(machine.do("dpkg", "--verify", "tunewatch"), "", "dpkg --verify")


@tap.test(limit=90)
def upgrade(t):
    """A running service is restarted, and goes on where it was."""
    machine, sim, hook = running(t, older(t))
    t.equal(version(machine), OLDER)
    sim.set("sft", "a", state="PAUSED")
    hook.wait(1, subject=A)
    hook.script("/", 503)
    sim.set("sft", "a", state="RUNNING", status="again")
    refused = hook.wait_requests(2)[1]
    pid, config = machine.pid(), machine.read(CONFIG)
    machine.install()
    t.check(version(machine) != OLDER, "the version")
    t.equal(machine.show("ActiveState", "NRestarts", "Result"),
            {"ActiveState": "active", "NRestarts": "0", "Result": "success"})
    t.check(machine.pid() not in (0, pid), "another process")
    t.equal(machine.read(CONFIG), config, "the administrator's configuration")
    sim.set("sft", "a", state="COMPLETED")
    hook.wait(3, subject=A)
    t.equal([(d.event["type"], d.event["data"]["sequence"]) for d in hook.got()],
            [("job.paused", 1), ("job.running", 2), ("job.running", 2), ("job.succeeded", 3)])
    t.equal(hook.got()[2].body, refused.body, "the event that was refused")


@tap.test(limit=60)
def upgrade_of_the_socket(t):
    """With the socket unit, also enabled and in use: it stays through an upgrade, not a removal."""
    machine, _, _ = running(t, older(t))
    machine.systemctl("stop", UNIT)
    machine.systemctl("enable", "--now", SOCKET_UNIT)
    machine.systemctl("start", UNIT)
    pid, since = machine.pid(), machine.show("ActiveEnterTimestampMonotonic", unit=SOCKET_UNIT)
    machine.install()
    for unit in (UNIT, SOCKET_UNIT):
        t.equal(machine.is_active(unit), "active", unit)
    t.check(machine.pid() not in (0, pid), "another process")
    t.equal(machine.show("ActiveEnterTimestampMonotonic", unit=SOCKET_UNIT), since, "the socket")
    t.equal(machine.client("status").code, 0, "a command")
    machine.do("apt-get", "remove", "--yes", "--quiet", "tunewatch")
    for unit in (UNIT, SOCKET_UNIT):
        t.equal(machine.is_active(unit), "inactive", unit)
    t.check(not machine.exists("/run/tunewatch"), "/run/tunewatch goes")
    machine.install()
    t.equal(machine.client("status").code, 0, "a command after it has come back")


@tap.test(limit=60)
def upgrade_of_what_stands(t):
    """What is neither enabled nor running stays so."""
    machine = Machine(t, install=False)
    machine.install(older(t))
    machine.install()
    for unit in (UNIT, SOCKET_UNIT):
        t.equal(machine.is_active(unit), "inactive", unit)
        t.equal(machine.run("systemctl", "is-enabled", unit).out.strip(), "disabled", unit)


@tap.test(limit=60)
def removal(t):
    """Removed, it stands still, and what is kept is there when it comes back."""
    machine, sim, hook = running(t)
    sim.set("sft", "a", state="PAUSED")
    hook.wait(1, subject=A)
    pid = machine.pid()
    machine.do("apt-get", "remove", "--yes", "--quiet", "tunewatch")
    t.check(not os.path.exists(machine.path(f"/proc/{pid}")), "it was stopped")
    t.equal(machine.show("LoadState"), "not-found", "the unit")
    for path in (CONFIG, f"{CREDENTIALS}/acme", f"{STATE}/state.db"):
        t.check(machine.exists(path), f"{path} stays")
    t.check(not machine.exists("/run/tunewatch"), "/run/tunewatch goes")
    sim.set("sft", "a", state="COMPLETED")
    machine.install()
    t.equal(machine.is_active(), "active", "enabled it was, and started it is")
    hook.wait(2, subject=A)
    t.equal([d.event["data"]["sequence"] for d in hook.got()], [1, 2], "events go on")


@tap.test(limit=60)
def purge(t):
    """Nothing is left of it but its user, and what the administrator made."""
    machine = Machine(t, install=False)
    before = files(machine)
    machine.install()
    sim = Sim(t, {"jobs": JOBS})
    machine.configure(sim)
    machine.systemctl("enable", "--now", UNIT)
    machine.systemctl("enable", SOCKET_UNIT)
    sim.wait_seen("sft", "a")
    done = machine.run("apt-get", "purge", "--yes", "--quiet", "tunewatch")
    t.equal(done.code, 0, done.err)
    left = files(machine) - before
    t.equal(left, {"/etc/tunewatch", CREDENTIALS, f"{CREDENTIALS}/acme"}, "left")
    t.equal(before - files(machine), set(), "gone along")
    t.equal(machine.run("getent", "passwd", "tunewatch").code, 0, "the user stays")
    t.equal(machine.do("systemctl", "--failed", "--no-legend").strip(), "", "failed units")

    machine.do("rm", f"{CREDENTIALS}/acme")
    machine.install()
    machine.do("apt-get", "purge", "--yes", "--quiet", "tunewatch")
    t.equal(files(machine) - before, set(), "left where there are no keys")


if __name__ == "__main__":
    main()
