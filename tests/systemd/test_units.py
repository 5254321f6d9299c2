#!/usr/bin/env python3
"""Notifiers that start units, under a real systemd and with a real polkit: the examples as they are
installed, in the machine's service and in a user's."""

import json
import os

from machine import UNIT, Machine, main, tap
from harness import PACER, Sim, name_of, settle

A = name_of("sft", "a")
JOBS = [PACER, {"kind": "sft", "id": "a", "state": "RUNNING"}]
DEPLOY = "deploy@accounts-acme-supervisedFineTuningJobs-a.service"
EXAMPLES = "/usr/share/tunewatch/examples"
RULES = "/etc/polkit-1/rules.d/50-tunewatch-deploy.rules"
# What the example runs: it shows what it was given, and ends when the test says how.
PROGRAM = """#!/bin/sh
echo "user $(id -u), event $(cat "$1")"
while [ ! -e /srv/go ]; do sleep 0.1; done
exit "$(cat /srv/go)"
"""


def begin(t, machine):
    sim = Sim(t, {"jobs": JOBS})
    machine.configure(sim, notifiers={"deploy": {
        "type": "unit", "unit": "deploy@%j.service", "events": ["job.succeeded", "job.failed"]}})
    machine.write("/usr/local/bin/deploy-model", PROGRAM, 0o755)
    machine.do("install", "-m644", f"{EXAMPLES}/deploy@.service", "/etc/systemd/system")
    machine.do("install", "-m644", f"{EXAMPLES}/50-tunewatch-deploy.rules", RULES)
    machine.systemctl("daemon-reload")
    machine.systemctl("start", UNIT)
    sim.wait_seen("sft", "a")
    settle(sim)
    return sim


def notifier(machine):
    return next(n for n in machine.get("/v1/status")["notifiers"] if n["name"] == "deploy")


def wait_verdict(t, machine, **wanted):
    def there():
        n = notifier(machine)
        return all(n[key] == value for key, value in wanted.items()) and n

    return t.wait(there, 20, f"the verdict {wanted}; it is {notifier(machine)}")


def wait_runs(t, machine, count=1):
    """What the unit's program said at the beginning of each run."""
    def runs():
        said = [e["MESSAGE"] for e in machine.journal(f"_SYSTEMD_UNIT={DEPLOY}")
                if str(e["MESSAGE"]).startswith("user ")]
        return len(said) >= count and said

    return t.wait(runs, 20, f"{count} runs of the unit")


def let_go(machine, status):
    machine.write("/srv/go", f"{status}\n")


@tap.test(limit=60)
def the_example_deploys(t):
    """The event is the unit's alone; the daemon may start that unit and no other."""
    machine = Machine(t)
    sim = begin(t, machine)
    sim.set("sft", "a", state="COMPLETED")
    said, = wait_runs(t, machine)
    user, _, event = said.partition(", event ")
    event = json.loads(event)
    t.equal((event["type"], event["subject"]), ("job.succeeded", A))
    t.check(user not in ("user 0", f"user {machine.do('id', '-u', 'tunewatch').strip()}"), user)
    t.equal(machine.stat("/run/tunewatch/units"), "tunewatch:tunewatch 700")
    t.equal(machine.stat(f"/run/tunewatch/units/{DEPLOY}"), "tunewatch:tunewatch 600")
    t.check(machine.run("cat", f"/run/credentials/{DEPLOY}/event.json", user="nobody").code != 0,
            "nobody reads the event")
    t.equal(notifier(machine)["delivered"], 0)
    let_go(machine, 0)
    wait_verdict(t, machine, delivered=1, pending=0)
    t.check(not machine.exists(f"/run/tunewatch/units/{DEPLOY}"), "the event's file, afterwards")

    for call in (("StartUnit", "ss", "systemd-logind.service", "replace"),
                 ("StartUnit", "ss", "deploy@x.service.d/../a.service", "replace"),
                 ("StopUnit", "ss", DEPLOY, "replace"), ("Reload", "")):
        done = machine.run("busctl", "call", "org.freedesktop.systemd1",
                           "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
                           *call, user="tunewatch")
        t.check(done.code != 0, f"{call} is allowed")


@tap.test(limit=90)
def a_unit_outlives_the_daemon(t):
    """Killed, restarted, systemd executed anew: it runs once, and its end is the verdict."""
    machine = Machine(t)
    sim = begin(t, machine)
    sim.set("sft", "a", state="COMPLETED")
    wait_runs(t, machine)
    pid = machine.pid()
    machine.do("kill", "-KILL", str(pid))
    t.wait(lambda: machine.pid() not in (0, pid) and machine.is_active() == "active", 20,
           "the next daemon")
    wait_verdict(t, machine, running=1)
    machine.systemctl("daemon-reexec")
    machine.systemctl("restart", UNIT)
    wait_verdict(t, machine, running=1)
    settle(sim)
    t.equal(machine.is_active(DEPLOY), "activating")
    let_go(machine, 1)
    n = wait_verdict(t, machine, dead=1, pending=0)
    t.equal(n["lastError"], f"{DEPLOY} failed: exit status 1")
    t.equal(len(wait_runs(t, machine)), 1)


@tap.test(limit=60)
def what_may_be_tried_again_is(t):
    machine = Machine(t)
    sim = begin(t, machine)
    let_go(machine, 75)
    sim.set("sft", "a", state="COMPLETED")
    t.equal(wait_verdict(t, machine, retried=1)["lastError"], f"{DEPLOY} failed: exit status 75")
    machine.do("rm", "/srv/go")
    runs = wait_runs(t, machine, 2)
    t.equal(runs[0].partition("event")[2], runs[1].partition("event")[2], "the event")
    machine.systemctl("stop", DEPLOY)
    t.equal(wait_verdict(t, machine, retried=2)["lastError"],
            f"{DEPLOY} was stopped before it was done")


@tap.test(limit=60)
def without_the_rule_it_says_what_is_missing(t):
    machine = Machine(t)
    sim = begin(t, machine)
    machine.do("rm", RULES)
    machine.systemctl("restart", "polkit")
    sim.set("sft", "a", state="COMPLETED")
    said = wait_verdict(t, machine, dead=1)["lastError"]
    t.check(said.startswith(f"not allowed to start {DEPLOY}: "), said)
    t.check("A polkit rule has to allow it, see tunewatch.conf(5)" in said, said)


@tap.test(limit=60)
def in_a_users_service(t):
    """No rule; the same example, but for DynamicUser=, which a user's manager cannot do."""
    machine = Machine(t)
    machine.do("useradd", "--create-home", "alice")
    machine.do("loginctl", "enable-linger", "alice")
    sim = begin(t, machine)
    machine.systemctl("stop", UNIT)
    machine.do("rm", RULES)
    config, units = "/home/alice/.config/tunewatch", "/home/alice/.config/systemd/user"
    machine.do("install", "-d", "-o", "alice", "-g", "alice", "/home/alice/.config", config,
               f"{config}/credentials", "/home/alice/.config/systemd", units)
    for file in ("tunewatch.conf", "credentials/acme"):
        machine.do("mv", f"/etc/tunewatch/{file}", f"{config}/{file}")
    machine.write(f"{units}/deploy@.service", "".join(
        line for line in machine.read(f"{EXAMPLES}/deploy@.service").splitlines(True)
        if not line.startswith("DynamicUser=")))
    machine.do("chown", "-R", "alice:alice", config)
    uid = machine.do("id", "-u", "alice").strip()
    t.wait(lambda: machine.exists(f"/run/user/{uid}/bus"), 10, "the user's manager")
    machine.systemctl("daemon-reload", user="alice")
    machine.systemctl("start", UNIT, user="alice")
    sim.wait_seen("sft", "a")
    settle(sim)
    let_go(machine, 0)
    sim.set("sft", "a", state="COMPLETED")
    socket = f"/run/user/{uid}/tunewatch/control.sock"
    t.wait(lambda: json.loads(machine.do(
        "tunewatch", "--socket", socket, "--json", "notifiers"))["notifiers"][1]["delivered"] == 1,
        20, "the verdict")
    t.equal(os.listdir(machine.path(f"/run/user/{uid}/tunewatch/units")), [])


if __name__ == "__main__":
    main()
