#!/usr/bin/env python3
"""status and watch on real terminals (tmux) of several sizes, with wide characters in names."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
import unicodedata

from fake_daemon import FakeDaemon, job
from harness import CLIENT, environment, tap

WIDTHS = (60, 80, 160)
HEIGHT = 12


def width_of(text):
    return sum(0 if unicodedata.combining(c) else
               2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


class Terminal:
    """A tmux of our own, with one window in which a shell runs."""

    def __init__(self, t, fake, width, height=HEIGHT, **env):
        if not shutil.which("tmux"):
            raise tap.Skip("needs tmux (Debian: apt-get install tmux)")
        self.t = t
        self.env = environment(t, {"TUNEWATCH_SOCKET": fake.path, "TERM": "xterm-256color",
                                   "PS1": "$ ", "TUNEWATCH": shlex.join(
                                       os.path.abspath(c) for c in CLIENT), **env})
        self.socket = tempfile.mktemp(prefix="tmux-", dir=t.dir)
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height),
                  "sh")
        t.defer(self.end)

    def tmux(self, *args):
        return subprocess.run(["tmux", "-u", "-S", self.socket, *args], env=self.env, timeout=20,
                              capture_output=True, text=True, check=True).stdout

    def end(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], env=self.env, timeout=20,
                       capture_output=True, check=False)

    def type(self, text):
        self.tmux("send-keys", "-l", text + "\n")

    def key(self, key):
        self.tmux("send-keys", key)

    def lines(self, colours=False):
        return self.tmux("capture-pane", "-p", *(["-e"] if colours else [])).rstrip("\n").split("\n")

    def shown(self, format_):
        return self.tmux("display-message", "-p", format_).strip()

    def wait(self, pattern, timeout=15):
        try:
            self.t.wait(lambda: re.search(pattern, "\n".join(self.lines())), timeout, pattern)
        except tap.Failed as e:
            raise tap.Failed(f"{e}:\n" + "\n".join(self.lines())) from None

    def is_alternate(self):
        return self.shown("#{alternate_on}") == "1"


def jobs():
    eta = time.time() + 1500
    times = {key: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(eta + 60 * minutes))
             for key, minutes in (("time", 0), ("earliest", -5), ("latest", 15))}
    return [job("sft", "support-replies-7", name="日本語の支援モデル", percent=50, epochs=3, eta=times),
            job("sft", "emoji-1", name="🚀🚀 launch e\u0301te\u0301", phase="failed"),
            job("dpo", "tone", name="𝒽ello", phase="succeeded", percent=None)]


def check_screen(t, lines, width):
    for line in lines:
        t.check(width_of(line) <= width, f"{width_of(line)} of {width}: {line}")
    text = "\n".join(lines)
    for word in ("sft/support-replies-7 ", "sft/emoji-1 ", "dpo/tone ", " 50%", "running", "failed"):
        t.check(word in text, f"{word} at {width}:\n{text}")


@tap.test()
def status(t):
    fake = FakeDaemon(t, jobs())
    for width in WIDTHS:
        terminal = Terminal(t, fake, width)
        terminal.type("clear; $TUNEWATCH status; echo do'ne'")
        terminal.wait("^done$|\ndone")
        lines = terminal.lines()
        lines = lines[next(i for i, line in enumerate(lines) if line.startswith("JOB")):]
        lines = lines[:lines.index("done")]
        t.equal(len(lines), 4, f"a line a job at {width}: {lines}")
        check_screen(t, lines, width)
        head = lines[0]
        t.check(("LAST POLL" in head) == (width > 80), head)
        t.check(("NAME" in head) == (width > 60), head)
        t.check(("█" in lines[3]) == (width > 80), lines[3])
        if width > 60:
            # Columns stand below each other, wide characters or not.
            at = width_of(head[:head.index("PHASE")])
            for line, phase in zip(lines[1:], ("succeeded", "failed", "running")):
                t.equal(width_of(line[:line.index(phase)]), at, line)
        if width > 80:
            t.check("日本語の支援モデル" in lines[3] and "acme/sft/" in lines[3], lines[3])
        terminal.end()


@tap.test()
def watch(t):
    fake = FakeDaemon(t, jobs())
    for width in WIDTHS:
        terminal = Terminal(t, fake, width)
        terminal.type("echo before; $TUNEWATCH watch; echo exit $?")
        terminal.wait("JOB +")
        t.check(terminal.is_alternate(), "the alternate screen")
        t.equal(terminal.shown("#{cursor_flag}"), "0", "no cursor")
        lines = terminal.lines()
        t.check(re.match(r"\d\d:\d\d:\d\d  3 jobs$", lines[0]), lines[0])
        t.equal(len(lines), 5, lines)
        check_screen(t, lines, width)
        before = lines[0]
        t.wait(lambda: terminal.lines()[0] != before, 10, "the clock goes on")
        fake.set("sft", "support-replies-7", phase="succeeded")
        terminal.wait("support-replies-7.*succeeded")
        fake.set("sft", "support-replies-7", phase="running")
        terminal.key("C-c")
        terminal.wait("exit 0")
        t.check(not terminal.is_alternate(), "the screen is restored")
        t.equal(terminal.shown("#{cursor_flag}"), "1", "the cursor is back")
        t.check("before" in terminal.lines()[0] or "before" in terminal.lines()[1],
                terminal.lines())
        terminal.end()


@tap.test()
def watch_colours(t):
    fake = FakeDaemon(t, jobs())
    for env, wanted in (({}, True), ({"NO_COLOR": "1"}, False)):
        terminal = Terminal(t, fake, 100, **env)
        terminal.type("$TUNEWATCH watch")
        terminal.wait("JOB +")
        coloured = any("\x1b[31m" in line for line in terminal.lines(True))
        t.equal(coloured, wanted, terminal.lines(True))
        terminal.end()


@tap.test()
def watch_follows_the_size(t):
    fake = FakeDaemon(t, [job("sft", f"j{i:02}") for i in range(30)])
    terminal = Terminal(t, fake, 100, 10)
    terminal.type("$TUNEWATCH watch")
    terminal.wait("… 23 more")
    t.equal(len(terminal.lines()), 10)
    terminal.tmux("resize-window", "-x", "60", "-y", "20")
    terminal.wait("… 13 more")
    lines = terminal.lines()
    t.equal(len(lines), 20)
    t.check(all(width_of(line) <= 60 for line in lines), lines)
    # Jobs that are gone leave nothing behind.
    for i in range(3, 30):
        del fake.jobs[f"accounts/acme/supervisedFineTuningJobs/j{i:02}"]
    t.wait(lambda: len(terminal.lines()) == 5, 10, "three jobs on the screen")


@tap.test()
def watch_survives_a_restart(t):
    fake = FakeDaemon(t, jobs())
    terminal = Terminal(t, fake, 100)
    terminal.type("$TUNEWATCH watch; echo exit $?")
    terminal.wait("JOB +")
    fake.stop()
    terminal.wait(r"daemon not reachable, since [1-9]s")
    t.check("support-replies-7" in "\n".join(terminal.lines()), "the last table stays")
    fake.set("dpo", "tone", phase="cancelled")
    fake.start()
    terminal.wait("tone.*cancelled")
    t.check(re.match(r"\d\d:\d\d:\d\d  3 jobs$", terminal.lines()[0]), terminal.lines()[0])
    fake.status = {"store": {"error": "disk full"}, "configurationError": "line 3"}
    terminal.wait(r"3 jobs  the store fails.*disk full \(and 1 more\)")


@tap.test()
def watch_restores_the_terminal(t):
    fake = FakeDaemon(t, jobs())
    terminal = Terminal(t, fake, 100)
    for number, code in ((signal.SIGTERM, 143), (signal.SIGHUP, 129)):
        terminal.type(f"clear; sh -c 'echo $$ >{t.path('pid')}; exec $TUNEWATCH watch'; "
                      "echo exit $?")
        t.wait(terminal.is_alternate, 10, "the alternate screen")
        with open(t.path("pid"), encoding="ascii") as file:
            os.kill(int(file.read()), number)
        terminal.wait(f"exit {code}")
        t.check(not terminal.is_alternate(), number)
        t.equal(terminal.shown("#{cursor_flag}"), "1")


@tap.test()
def watch_can_be_stopped(t):
    fake = FakeDaemon(t, jobs())
    terminal = Terminal(t, fake, 100)
    terminal.type("set -m; $TUNEWATCH watch")
    t.wait(terminal.is_alternate, 10, "the alternate screen")
    terminal.key("C-z")
    t.wait(lambda: not terminal.is_alternate(), 10, "the shell's screen")
    terminal.type("fg")
    t.wait(terminal.is_alternate, 10, "the alternate screen again")
    terminal.wait("JOB +")
    terminal.key("C-c")
    t.wait(lambda: not terminal.is_alternate(), 10, "the end")


@tap.test()
def watch_shows_no_keys(t):
    fake = FakeDaemon(t, jobs())
    terminal = Terminal(t, fake, 100)
    terminal.type("$TUNEWATCH watch; stty -a | grep -o ' echo '; echo exit $?")
    terminal.wait("JOB +")
    before = terminal.lines()
    for _ in range(3):
        terminal.type("echo typed")
    t.check("typed" not in "\n".join(terminal.lines()), terminal.lines())
    t.equal([line[:40] for line in terminal.lines()[1:]], [line[:40] for line in before[1:]])
    terminal.key("C-c")
    terminal.wait(" echo")
    terminal.wait("exit 0")
    t.check("typed" not in "\n".join(terminal.lines()), "what was typed is forgotten")


@tap.test()
def watch_says_what_is_wrong_before_it_draws(t):
    fake = FakeDaemon(t, jobs())
    terminal = Terminal(t, fake, 100)
    terminal.type("$TUNEWATCH watch sft/none; echo exit $?")
    terminal.wait("no such job is watched: sft/none\nexit 1")
    fake.stop()
    terminal.type("$TUNEWATCH watch; echo exit $?")
    terminal.wait("exit 69")
    t.check(not terminal.is_alternate(), "no picture")


if __name__ == "__main__":
    tap.main()
