#!/usr/bin/env python3
"""Notifications on a desktop: a real notification daemon, dunst, on a screen of Xvfb and a bus of the
test's own; what it shows, what it does when somebody clicks, and what happens while there is none."""

import json
import os
import shutil
import subprocess
import time

from buses import Bus, Service
from harness import Hook, begin, die_with_parent, running, settle, tap
from stored import query

CONSOLE = "https://app.fireworks.ai/dashboard/fine-tuning/supervised/"


class Screen:
    """Xvfb."""

    def __init__(self, t):
        missing = [name for name in ("Xvfb", "dunst", "dunstctl") if not shutil.which(name)]
        if missing:
            raise tap.Skip(f"needs {' and '.join(missing)} (Debian: xvfb, dunst)")
        reading, writing = os.pipe()
        self.program = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writing), "-screen", "0", "640x480x24", "-nolisten", "tcp"],
            pass_fds=[writing], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
        os.close(writing)
        t.defer(self.stop)
        with os.fdopen(reading) as file:
            self.display = f":{int(file.readline())}"

    def stop(self):
        self.program.kill()
        self.program.wait()


class Dunst:
    """The notification daemon of the bus, from its start on the screen to its end."""

    def __init__(self, t, bus, screen):
        self.t = t
        self.env = {"PATH": os.environ["PATH"], "DISPLAY": screen.display, "HOME": t.dir,
                    "XDG_RUNTIME_DIR": t.dir, "LANG": "C.UTF-8", **bus.env}
        config = t.path("dunstrc")
        with open(config, "w", encoding="utf-8") as file:
            file.write("[global]\nmarkup = full\nidle_threshold = 0\n"
                       "[urgency_low]\ntimeout = 0\n[urgency_normal]\ntimeout = 0\n")
        self.program = subprocess.Popen(
            ["dunst", "-conf", config], env=self.env, stdin=subprocess.DEVNULL,
            preexec_fn=die_with_parent)
        t.defer(self.stop)
        t.wait(lambda: self.ctl("count", check=False).returncode == 0, 10, "dunst")

    def stop(self):
        self.program.kill()
        self.program.wait()

    def ctl(self, *args, check=True):
        return subprocess.run(["dunstctl", *args], env=self.env, capture_output=True, text=True,
                              check=check, timeout=10)

    def displayed(self):
        return int(self.ctl("count", "displayed").stdout)

    def wait_displayed(self, count):
        self.t.wait(lambda: self.displayed() == count, 10, f"{count} notifications on the screen")

    def shown(self):
        """Closes all, and tells what they were, the newest first."""
        self.ctl("close-all")
        return [{key: value["data"] for key, value in one.items()}
                for one in json.loads(self.ctl("history").stdout)["data"][0]]


def desktop(t, *ids, bus=None, **options):
    """Jobs that run, and a daemon with a notifier `me` on a bus: (sim, daemon, bus)."""
    bus = bus or Bus(t)
    sim, daemon = running(t, *ids)
    daemon.env.update(bus.env)
    daemon.config.section("notifier", "me", {"type": "desktop", **options})
    return sim, daemon, bus


def tally(daemon):
    n = daemon.notifier("me")
    return {key: n[key] for key in ("delivered", "retried", "dead", "pending")}


@tap.test()
def each_job_has_one_which_newer_news_replaces(t):
    sim, daemon, bus = desktop(t, "a", "b", events=["*"])
    dunst = Dunst(t, bus, Screen(t))
    begin(sim, daemon, "a", "b")
    sim.set("sft", "a", state="PAUSED")
    sim.set("sft", "b", state="PAUSED")
    dunst.wait_displayed(2)
    sim.set("sft", "a", state="FAILED",
            status={"code": "INTERNAL", "message": "<b>no</b> & <a href='x'>y</a>"})
    t.wait(lambda: tally(daemon)["delivered"] == 3, 10, "the third one")
    t.equal(dunst.displayed(), 2)
    shown = {one["summary"]: one for one in dunst.shown()}
    t.equal(set(shown), {"acme/sft/a failed", "acme/sft/b is paused"})
    failed, paused = shown["acme/sft/a failed"], shown["acme/sft/b is paused"]
    t.equal((failed["appname"], failed["category"]), ("tunewatch", "transfer.error"))
    # What dunst renders, in Pango's markup: the text of others is no markup of it.
    t.check("Status: INTERNAL: &lt;b&gt;no&lt;/b&gt; &amp; &lt;a href='x'&gt;y&lt;/a&gt;"
            in failed["message"].replace("&#39;", "'").replace("&apos;", "'"), failed["message"])
    t.equal(paused["category"], "transfer")


@tap.test()
def somebody_clicks(t):
    """The page is opened by the desktop's portal; where there is none, by a unit of its own."""
    sim, daemon, bus = desktop(t, "a", "b", events=["job.succeeded"])
    screen = Screen(t)
    begin(sim, daemon, "a", "b")
    sim.set("sft", "a", state="COMPLETED")
    sim.set("sft", "b", state="COMPLETED")
    t.wait(lambda: tally(daemon)["pending"] == 2, 10, "the events")
    # The page is one of the vendor's own API: so let it be that one.
    daemon.stop()
    query(daemon.config.state_dir, "UPDATE event SET body = replace(body, ?, ?)",
          sim.url, "https://api.fireworks.ai")
    daemon.start()
    opener = Service(t, bus, "opener_sim.py")  # systemd's manager; later the portal, too
    dunst = Dunst(t, bus, screen)
    dunst.wait_displayed(2)
    dunst.ctl("action", "0")
    t.wait(opener.seen, 10, "the unit")
    name, mode, properties = opener.seen()[0]
    t.check(name.startswith("tunewatch-open-") and name.endswith(".service"), name)
    program, arguments, _ = properties["ExecStart"][0]
    t.equal((mode, program, arguments[:2]), ("fail", "/usr/bin/env", ["env", "xdg-open"]))
    opener.do(do="portal")
    dunst.ctl("close")
    dunst.wait_displayed(1)
    dunst.ctl("action", "0")
    t.wait(lambda: len(opener.seen()) == 2, 10, "the portal")
    parent, url = opener.seen()[1]
    t.equal((parent, {url, arguments[2]}), ("", {CONSOLE + "a", CONSOLE + "b"}))


@tap.test()
def nobody_there_is_waited_for_quietly(t):
    sim, daemon, bus = desktop(t, events=["*"])
    screen = Screen(t)
    begin(sim, daemon)
    before = daemon.log()
    sim.set("sft", "a", state="PAUSED")
    sim.set("sft", "a", state="COMPLETED")
    t.wait(lambda: tally(daemon)["pending"] >= 1, 10, "the events")
    settle(sim)
    t.equal((tally(daemon)["retried"], tally(daemon)["dead"]), (0, 0))
    t.equal(daemon.log(), before, "something was said")
    dunst = Dunst(t, bus, screen)
    t.wait(lambda: tally(daemon)["pending"] == 0, 5, "the session's begin to be noticed")
    t.equal(dunst.shown()[0]["summary"], "acme/sft/a succeeded")


@tap.test()
def who_tries_it_is_told_that_nobody_is_there(t):
    sim, daemon, _ = desktop(t)
    begin(sim, daemon)
    result = daemon.client("test", "me")
    t.equal(result.code, 1, result.err)
    t.check("no service shows notifications: " in result.out + result.err, result)


@tap.test()
def no_bus_is_like_no_service(t):
    bus = Bus(t)
    sim, daemon, _ = desktop(t, bus=bus)
    bus.stop()
    begin(sim, daemon)
    before = daemon.log()
    sim.set("sft", "a", state="COMPLETED")
    t.wait(lambda: tally(daemon)["pending"] == 1, 10, "the event")
    settle(sim)
    t.equal((tally(daemon)["retried"], daemon.log()), (0, before))
    begun = time.monotonic()
    daemon.restart()
    t.check(time.monotonic() - begun < 4, "a stop waits for the desktop")
    t.wait(lambda: tally(daemon)["pending"] == 1, 10, "the event, again")


@tap.test()
def who_waits_is_in_nobodys_way(t):
    """Somebody may try the notifier, and the next configuration may send what waits elsewhere."""
    sim, daemon, _ = desktop(t)
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    t.wait(lambda: tally(daemon)["pending"] == 1, 10, "the event")
    t.equal(daemon.client("test", "me").code, 1, "told at once")
    hook = Hook(t)
    daemon.config.exec(hook, "me").write()
    daemon.reload()
    hook.wait_runs(1)
    t.wait(lambda: tally(daemon)["delivered"] == 1, 10, "the verdict")


@tap.test()
def a_new_daemon_of_notifications_knows_nothing_of_the_old_ones(t):
    """A number of before is not used: it may be somebody else's notification now."""
    sim, daemon, bus = desktop(t, events=["*"])
    screen = Screen(t)
    dunst = Dunst(t, bus, screen)
    begin(sim, daemon)
    sim.set("sft", "a", state="PAUSED")
    dunst.wait_displayed(1)
    dunst.stop()
    dunst = Dunst(t, bus, screen)
    subprocess.run(["gdbus", "call", "--session", "-d", "org.freedesktop.Notifications", "-o",
                    "/org/freedesktop/Notifications", "-m",
                    "org.freedesktop.Notifications.Notify", "other", "0", "", "other's", "",
                    "[]", "{}", "0"], env=dunst.env, check=True, capture_output=True)
    dunst.wait_displayed(1)
    sim.set("sft", "a", state="COMPLETED")
    dunst.wait_displayed(2)
    t.equal({one["summary"] for one in dunst.shown()}, {"other's", "acme/sft/a succeeded"})


if __name__ == "__main__":
    tap.main()
