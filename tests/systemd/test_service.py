#!/usr/bin/env python3
"""The package's service under a real systemd: its life, its failures, who may use it."""

import re
import time

from machine import CONFIG, STATE, UNIT, Machine, main, tap
from harness import KEY, PACER, Reply, Sim, Webhook, bodies, name_of, settle

A = name_of("sft", "a")
MODEL = "accounts/acme/models/nightly"
JOBS = [PACER, {"kind": "sft", "id": "a", "state": "RUNNING", "displayName": "nightly",
                "outputModel": MODEL}]
# The daemon gives 5 s to what is under way; TimeoutStopSec= is 30 s.
STOP_S = (5, 10)
EXPOSURE_MAX = 1.5
USER_UNIT = "/usr/lib/systemd/user/tunewatchd.service"
# With it, the status line is two seconds old at most.
LIVELY = "WatchdogSec=6s"


def begin(t, machine):
    """Starts the service with a key and a hook for everything: (sim, hook), the jobs known."""
    sim = Sim(t, {"jobs": JOBS})
    hook = Webhook(t)
    machine.configure(sim, hook)
    machine.systemctl("start", UNIT)
    # Type=notify: READY=1 has come.
    t.equal(machine.client("status").code, 0, "a command right after the start")
    for job in JOBS:
        sim.wait_seen("sft", job["id"])
    settle(sim)
    return sim, hook


def drop_in(machine, *lines):
    machine.write(f"/etc/systemd/system/{UNIT}.d/test.conf", "\n".join(["[Service]", *lines, ""]))
    machine.systemctl("daemon-reload")


def wait_status(t, machine, pattern):
    return t.wait(lambda: re.search(pattern, machine.show("StatusText")), 10,
                  f"the status {pattern!r}; it is {machine.show('StatusText')!r}")


def check_once(t, machine, hook, types):
    """Each event of the job came once to the hook and once to the journal, in order, and no other."""
    got = [d.event for d in hook.got() if d.event["subject"] == A and d.status == 200]
    t.equal([e["type"] for e in got], types, "the hook")
    t.equal([e["data"]["sequence"] for e in got], list(range(1, len(types) + 1)), "numbers")
    written = [e["TUNEWATCH_EVENT_ID"] for e in machine.journal(f"TUNEWATCH_JOB={A}")]
    t.equal(written, [e["id"] for e in got], "the journal")


def wait_written(t, machine, count):
    """Nothing is under way, and the journal has so many events of the job."""
    t.wait(lambda: len(machine.journal(f"TUNEWATCH_JOB={A}")) >= count, 10, f"{count} entries")
    t.wait(lambda: all(n["pending"] == 0 for n in machine.get("/v1/status")["notifiers"]), 10,
           "deliveries to be over")


@tap.test(limit=60)
def a_life(t):
    """Start with a credential, a job's end in the journal with its explanation, reload, stop."""
    machine = Machine(t)
    drop_in(machine, LIVELY)
    sim, hook = begin(t, machine)
    t.equal(machine.show("ActiveState", "SubState", "User", "Group"), {
        "ActiveState": "active", "SubState": "running", "User": "tunewatch",
        "Group": "tunewatch"})
    wait_status(t, machine, "^Watching 2 jobs of 1 account")
    t.check("Watching 2 jobs" in machine.do("systemctl", "status", UNIT), "systemctl status")
    t.check("The service runs as the user tunewatch" in machine.do("tunewatchd", "--check-config"),
            "what root checks is not what the service can do")
    t.equal(machine.stat(STATE), "tunewatch:tunewatch 700", STATE)
    t.equal(machine.stat("/run/tunewatch"), "tunewatch:tunewatch 750", "/run/tunewatch")
    t.equal(machine.stat("/run/tunewatch/control.sock"), "tunewatch:tunewatch 660", "socket")

    sim.set("sft", "a", state="RUNNING", progress={"percent": 50, "epoch": 1})
    hook.wait(1, subject=A, types="job.progress")
    sim.set("sft", "a", state="COMPLETED")
    event, = hook.wait(1, subject=A, types="job.succeeded")
    wait_written(t, machine, 2)
    entry, = machine.journal(f"TUNEWATCH_JOB={A}", "TUNEWATCH_EVENT=job.succeeded")
    for field, value in {
            "TUNEWATCH_EVENT_ID": event["id"], "TUNEWATCH_STATE": "JOB_STATE_COMPLETED",
            "TUNEWATCH_PREVIOUS_STATE": "JOB_STATE_RUNNING", "TUNEWATCH_KIND": "sft",
            "TUNEWATCH_DISPLAY_NAME": "nightly", "TUNEWATCH_OUTPUT_MODEL": MODEL,
            "SYSLOG_IDENTIFIER": "tunewatch", "PRIORITY": "5", "_SYSTEMD_UNIT": UNIT}.items():
        t.equal(entry.get(field), value, field)
    t.equal(machine.journal(f"MESSAGE_ID={entry['MESSAGE_ID']}")[0]["MESSAGE"],
            "acme/sft/a succeeded (was running at 50 %)")
    explained = machine.do("journalctl", "-x", f"TUNEWATCH_EVENT_ID={event['id']}")
    for text in ("Subject: Job a succeeded", f"    {MODEL}\n", "man:tunewatch-events(7)"):
        t.check(text in explained, f"no {text!r} in {explained}")

    pid = machine.pid()
    machine.write(CONFIG, machine.read(CONFIG) + 'http-listen = "127.0.0.1:0"\n')
    machine.systemctl("reload", UNIT)
    t.check("the configuration was loaded again" in machine.said(), "a reload")
    t.equal(machine.pid(), pid, "the process after a reload")
    check_once(t, machine, hook, ["job.progress", "job.succeeded"])

    # A receiver that does not answer.
    hook.script("/", Reply(delay=60))
    sim.set("sft", "a", state="RUNNING")
    unanswered = hook.wait_requests(3)[2]
    begun = time.monotonic()
    machine.systemctl("stop", UNIT)
    took = time.monotonic() - begun
    t.check(STOP_S[0] <= took < STOP_S[1], f"stopped in {took:.1f} s, wanted {STOP_S}")
    t.equal(machine.show("ActiveState", "Result", "ExecMainStatus", "NRestarts"), {
        "ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0", "NRestarts": "0"})
    machine.systemctl("start", UNIT)
    again = hook.wait_requests(4)[3]
    t.equal(again.body, unanswered.body, "the event that was not answered")
    log = machine.do("journalctl", "--no-pager", "--output=json", "--quiet")
    t.check(bodies.SECRET not in log and KEY not in log, "a secret in the journal")


@tap.test(limit=60)
def killed(t):
    """kill -9: it comes back, with what happened meanwhile, and repeats nothing."""
    machine = Machine(t)
    drop_in(machine, "RestartSec=1s")
    sim, hook = begin(t, machine)
    sim.set("sft", "a", state="PAUSED")
    hook.wait(1, subject=A)
    wait_written(t, machine, 1)
    # Something that was not delivered yet; its next try comes after 5 s.
    hook.script("/", 503)
    sim.set("sft", "a", state="RUNNING", status="again")
    refused = hook.wait_requests(2)[1]
    pid = machine.pid()
    machine.do("kill", "-KILL", str(pid))
    sim.set("sft", "a", state="FAILED", status="late")
    hook.wait(3, subject=A)
    t.check(machine.pid() not in (0, pid), "another process")
    t.equal(machine.show("NRestarts", "ActiveState"),
            {"NRestarts": "1", "ActiveState": "active"})
    wait_written(t, machine, 3)
    check_once(t, machine, hook, ["job.paused", "job.running", "job.failed"])
    again = [d for d in hook.got() if d.event["id"] == refused.event["id"]]
    t.equal([d.body for d in again], [refused.body] * 2, "the event that was refused")


@tap.test(limit=60)
def hangs(t):
    """A process that does not go on is ended by the watchdog, and the next one takes over."""
    machine = Machine(t)
    drop_in(machine, "RestartSec=200ms", "WatchdogSec=4s")
    sim, hook = begin(t, machine)
    sim.set("sft", "a", state="PAUSED")
    hook.wait(1, subject=A)
    wait_written(t, machine, 1)
    time.sleep(5)
    t.equal(machine.show("NRestarts"), "0", "restarts of a loop that goes on")
    begun = time.monotonic()
    machine.do("kill", "-STOP", str(machine.pid()))
    t.wait(lambda: machine.show("NRestarts") == "1", 15, "the watchdog")
    t.note(f"noticed in {time.monotonic() - begun:.1f} s of 4 s")
    t.check("Watchdog timeout (limit 4s)" in machine.said(), "systemd says why")
    sim.set("sft", "a", state="COMPLETED")
    hook.wait(2, subject=A)
    wait_written(t, machine, 2)
    check_once(t, machine, hook, ["job.paused", "job.succeeded"])


@tap.test(limit=60)
def bad_configuration(t):
    """Exit 78 and no further tries at the start; the old one stays at a reload."""
    machine = Machine(t)
    drop_in(machine, "RestartSec=100ms", LIVELY)
    machine.write(CONFIG, "poll-intervall = 1s\n")
    t.check(machine.run("systemctl", "start", UNIT).code != 0, "the start fails")
    time.sleep(1)
    t.equal(machine.show("ActiveState", "ExecMainStatus", "NRestarts"),
            {"ActiveState": "failed", "ExecMainStatus": "78", "NRestarts": "0"})
    t.check(f"{CONFIG}:1: " in machine.said(), f"the line is named: {machine.said()}")

    # As installed: all commented out, and no key.
    machine.write(CONFIG, "# nothing\n")
    machine.run("systemctl", "start", UNIT)
    time.sleep(1)
    t.equal(machine.show("ActiveState", "ExecMainStatus", "NRestarts"),
            {"ActiveState": "failed", "ExecMainStatus": "78", "NRestarts": "0"}, "without a key")

    sim, hook = begin(t, machine)
    pid, good = machine.pid(), machine.read(CONFIG)
    wait_status(t, machine, "^Watching")
    machine.write(CONFIG, f"{good}\npoll-intervall = 1s\n")
    machine.systemctl("reload", UNIT)
    wait_status(t, machine, "^Watching 2 jobs of 1 account; the last reload was refused$")
    t.check(f"{CONFIG}:" in machine.said(), "the line is named")
    sim.set("sft", "a", state="COMPLETED")
    hook.wait(1, subject=A)
    t.equal(machine.pid(), pid, "the process")
    machine.write(CONFIG, good)
    machine.systemctl("reload", UNIT)
    wait_status(t, machine, "^Watching 2 jobs of 1 account$")


@tap.test(limit=60)
def who_may_use_it(t):
    """root and the group tunewatch; others are told so."""
    machine = Machine(t)
    for user in ("alice", "bob"):
        machine.do("useradd", "--create-home", user)
    machine.do("usermod", "--append", "--groups", "tunewatch", "alice")
    begin(t, machine)
    for user in (None, "alice"):
        done = machine.client("status", user=user)
        t.check(done.code == 0 and "nightly" in done.out, f"{user}: {done.out} {done.err}")
    done = machine.client("status", user="bob")
    t.equal(done.code, 77, "bob's status")
    t.note(f"bob: {done.err.strip()}")
    t.check("as root, or as a member of its group" in done.err, f"bob is told: {done.err}")
    t.check(machine.run("cat", f"{STATE}/state.db", user="alice").code != 0, "the state is closed")
    t.check(machine.run("ls", "/etc/tunewatch/credentials", user="alice").code != 0, "so are keys")


@tap.test(limit=60)
def analyzed(t):
    """systemd has nothing to say about the installed units, and little is left open."""
    machine = Machine(t)
    for kind, unit in (("system", UNIT), ("system", "tunewatchd.socket"), ("user", UNIT)):
        path = machine.show("FragmentPath", unit=unit) if kind == "system" else USER_UNIT
        done = machine.run("systemd-analyze", f"--{kind}", "verify", "--man=no", path,
                           env={"XDG_RUNTIME_DIR": "/run"})
        t.equal((done.code, done.out + done.err), (0, ""), f"verify {path}")
    last = machine.do("systemd-analyze", "security", "--no-pager", UNIT).splitlines()[-1]
    t.note(last.strip())
    t.check(float(re.search(r": ([\d.]+) ", last)[1]) <= EXPOSURE_MAX, last)


@tap.test(limit=60)
def socket(t):
    """With the socket unit, the first command starts the daemon, and one that comes while it is
    restarted waits."""
    machine = Machine(t)
    begin(t, machine)
    machine.systemctl("stop", UNIT)
    done = machine.client("status")
    t.equal(done.code, 69, f"without: {done.err}")
    machine.systemctl("enable", "--now", "tunewatchd.socket")
    t.equal(machine.is_active(), "inactive", "nothing came yet")
    t.equal(machine.stat("/run/tunewatch/control.sock"), "tunewatch:tunewatch 660", "socket")
    t.check("nightly" in machine.client("status").out, "the first command")
    t.equal(machine.is_active(), "active", "started by it")
    pid = machine.pid()
    machine.systemctl("restart", "--no-block", UNIT)
    for _ in range(5):
        done = machine.client("status")
        t.equal(done.code, 0, f"while it is restarted: {done.err}")
    t.wait(lambda: machine.pid() not in (0, pid), 10, "the restart")


@tap.test(limit=60)
def of_a_user(t):
    """systemctl --user, for a user who is not logged in."""
    machine = Machine(t)
    machine.do("useradd", "--create-home", "alice")
    machine.do("loginctl", "enable-linger", "alice")
    sim = Sim(t, {"jobs": JOBS})
    hook = Webhook(t)
    machine.configure(sim, hook)
    # What was root's goes to where the user's is.
    home = "/home/alice/.config/tunewatch"
    machine.do("install", "-d", "-o", "alice", "-g", "alice", "/home/alice/.config", home,
               f"{home}/credentials")
    for file in ("tunewatch.conf", "credentials/acme"):
        machine.do("mv", f"/etc/tunewatch/{file}", f"{home}/{file}")
    machine.do("chown", "-R", "alice:alice", home)
    uid = machine.do("id", "-u", "alice").strip()
    t.wait(lambda: machine.exists(f"/run/user/{uid}/bus"), 10, "the user's manager")
    machine.systemctl("enable", "--now", UNIT, user="alice")
    sim.wait_seen("sft", "a")
    settle(sim)
    sim.set("sft", "a", state="COMPLETED")
    hook.wait(1, subject=A)
    t.equal(machine.show("ActiveState", "NRestarts", user="alice"),
            {"ActiveState": "active", "NRestarts": "0"})
    done = machine.run("tunewatch", "status", user="alice",
                       env={"XDG_RUNTIME_DIR": f"/run/user/{uid}"})
    t.check(done.code == 0 and "nightly" in done.out, f"status: {done.out} {done.err}")
    t.equal(machine.stat("/home/alice/.local/state/tunewatch"), "alice:alice 700", "state")
    t.equal(machine.is_active(), "inactive", "the machine's own")
    machine.systemctl("reload", UNIT, user="alice")
    machine.systemctl("stop", UNIT, user="alice")
    t.equal(machine.show("Result", "ExecMainStatus", user="alice"),
            {"Result": "success", "ExecMainStatus": "0"})


if __name__ == "__main__":
    main()
