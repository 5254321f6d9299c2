"""Runs test functions side by side and speaks TAP.

    @tap.test(limit=30)
    def what_is_true(t):
        t.check(1 + 1 == 2, "arithmetic")

    if __name__ == "__main__":
        tap.main()

Each function runs in a process, a session and a temporary directory of its own, so that a test that
hangs can be ended with everything it started. When one fails, its messages and the tails of all
`*.log` files in its directory are printed as comments. Arguments are globs of the names to run.

Environment: TUNEWATCH_TEST_SEED, TUNEWATCH_TEST_JOBS (4), TUNEWATCH_TEST_KEEP=1 (keep directories).
"""

import contextlib
import fnmatch
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback

LOG_TAIL_LINES = 120

TESTS = []


class Skip(Exception):
    """The test cannot run here; the reason is its argument."""


class Failed(AssertionError):
    """What was expected did not come about."""


def test(limit=60):
    """Registers a test; `limit` is its time in seconds."""

    def register(function):
        TESTS.append((function.__name__, function, limit))
        return function

    return register


class Case:
    """What a test function gets: its directory, its own chance, and ways to fail."""

    def __init__(self, name, directory, seed):
        self.name = name
        self.dir = directory
        self.random = random.Random(f"{seed}:{name}")
        self.stack = contextlib.ExitStack()
        self.faults = []
        self.notes = []

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def defer(self, function, *args):
        """Calls it when the test is over, last in first out, also after a failure."""
        self.stack.callback(function, *args)

    def check(self, truth, message):
        """Notes a failure and goes on."""
        if not truth:
            self.faults.append(str(message))
        return truth

    def equal(self, got, wanted, what=""):
        return self.check(got == wanted, f"{what}: got {got!r}, wanted {wanted!r}")

    def note(self, text):
        """A comment in the output, whatever the outcome: what was measured."""
        self.notes.append(text)

    def fail(self, message):
        raise Failed(message)

    def wait(self, predicate, timeout, what):
        """Polls until `predicate()` is true, and returns its value; fails after `timeout` s."""
        end = time.monotonic() + timeout
        while True:
            value = predicate()
            if value:
                return value
            if time.monotonic() >= end:
                raise Failed(f"waited {timeout} s for {what}")
            time.sleep(0.02)


def run_one(name, function, directory, seed):
    """In the child: runs the test, leaves its result in a file."""
    case = Case(name, directory, seed)
    result = {"outcome": "ok", "text": ""}
    messages = []

    def run(step):
        try:
            step()
        except Skip as e:
            result.update(outcome="skip", text=str(e))
        except Failed as e:
            # Where in the test, and why; the frames of this file say nothing.
            frames = traceback.extract_tb(e.__traceback__)
            place = [f for f in frames if f.filename != __file__][-1]
            messages.append(f"{os.path.basename(place.filename)}:{place.lineno}: {e}")
        except BaseException:
            messages.append(traceback.format_exc())

    run(lambda: function(case))
    run(case.stack.close)
    messages = case.faults + messages
    if messages:
        result = {"outcome": "not ok", "text": "\n".join(messages)}
    result["notes"] = case.notes
    with open(os.path.join(directory, "result.json"), "w", encoding="utf-8") as file:
        json.dump(result, file)


class Running:
    """A test that is under way."""

    started = 0

    def __init__(self, name, function, limit, root, seed):
        self.name = name
        Running.started += 1
        self.dir = os.path.join(root, f"{name[:24]}-{Running.started}")
        os.mkdir(self.dir)
        self.begin = time.monotonic()
        self.limit = limit
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            output = os.open(os.path.join(self.dir, "test.log"), os.O_WRONLY | os.O_CREAT, 0o600)
            os.dup2(output, 1)
            os.dup2(output, 2)
            run_one(name, function, self.dir, seed)
            sys.stdout.flush()
            os._exit(0)

    def done(self):
        """The result when the test is over or out of time, else None."""
        late = time.monotonic() - self.begin > self.limit
        if late:
            self.kill()
        pid, status = os.waitpid(self.pid, 0 if late else os.WNOHANG)
        if pid == 0:
            return None
        self.kill()  # what it left behind
        if late:
            return {"outcome": "not ok", "text": f"not over after {self.limit} s"}
        try:
            with open(os.path.join(self.dir, "result.json"), encoding="utf-8") as file:
                return json.load(file)
        except (OSError, ValueError):
            return {"outcome": "not ok", "text": f"no result, wait status {status}"}

    def kill(self):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


def comment(text):
    for line in text.splitlines():
        print(f"# {line}")


def report(number, running, result):
    seconds = time.monotonic() - running.begin
    if result["outcome"] == "skip":
        print(f"ok {number} - {running.name} # SKIP {result['text']}")
    else:
        print(f"{result['outcome']} {number} - {running.name}")
    comment(f"{running.name}: {seconds:.1f} s")
    for note in result.get("notes", ()):
        comment(f"{running.name}: {note}")
    if result["outcome"] == "not ok":
        comment(result["text"])
        for folder, _, files in os.walk(running.dir):
            for file in sorted(f for f in files if f.endswith(".log")):
                with open(os.path.join(folder, file), encoding="utf-8", errors="replace") as f:
                    lines = f.read().splitlines()
                comment(f"--- {file}, the last of {len(lines)} lines")
                comment("\n".join(lines[-LOG_TAIL_LINES:]))
    sys.stdout.flush()


def make_root():
    """A short path: the names of Unix sockets in it must fit into 108 bytes."""
    root = tempfile.mkdtemp(prefix="tw-")
    if len(root) > 50:
        shutil.rmtree(root)
        root = tempfile.mkdtemp(prefix="tw-", dir="/tmp")
    return root


def main():
    seed = os.environ.get("TUNEWATCH_TEST_SEED") or str(random.SystemRandom().randrange(1 << 32))
    jobs = int(os.environ.get("TUNEWATCH_TEST_JOBS", "4"))
    wanted = sys.argv[1:] or ["*"]
    chosen = [t for t in TESTS if any(fnmatch.fnmatch(t[0], pattern) for pattern in wanted)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print(f"1..{len(chosen)}")
    print(f"# TUNEWATCH_TEST_SEED={seed}")
    # The slow ones first, so that nothing long is left alone at the end.
    waiting = sorted(chosen, key=lambda test: test[2])
    root, running, number, failed = make_root(), [], 0, 0
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                running.append(Running(*waiting.pop(), root, seed))
            time.sleep(0.01)
            for one in list(running):
                result = one.done()
                if result is None:
                    continue
                running.remove(one)
                number += 1
                failed += result["outcome"] == "not ok"
                report(number, one, result)
                if not os.environ.get("TUNEWATCH_TEST_KEEP"):
                    shutil.rmtree(one.dir, ignore_errors=True)
    finally:
        for one in running:
            one.kill()
            os.waitpid(one.pid, 0)
        if os.environ.get("TUNEWATCH_TEST_KEEP"):
            print(f"# kept {root}")
        else:
            shutil.rmtree(root, ignore_errors=True)
    sys.exit(1 if failed and sys.stdout.isatty() else 0)
