#!/usr/bin/env python3
"""A life of the daemon under valgrind: no error, nothing lost, no descriptor left open."""
import os
import re
import shutil

import harness
from harness import Hook, setup, tap

POLLS = 60  # seconds that a thing may take here, where everything is some twenty times slower


def under_valgrind(t):
    if "sanitize" in os.environ.get("TW_SANITIZE", ""):
        raise tap.Skip("built with sanitizers, which do the same")
    if not shutil.which("valgrind"):
        raise tap.Skip("valgrind is missing (Debian: apt-get install valgrind)")
    harness.DAEMON[:0] = [
        "valgrind", "--quiet", "--leak-check=full", "--show-leak-kinds=definite,possible",
        "--track-fds=yes", "--error-exitcode=99", "--child-silent-after-fork=yes",
        f"--log-file={t.path('valgrind.log')}"]


@tap.test(limit=240)
def a_life_leaks_nothing(t):
    under_valgrind(t)
    sim, web, daemon = setup(t, {"jobs": [
        {"kind": kind, "id": "a", "state": "RUNNING", "progress": {"percent": 1}}
        for kind in ("sft", "rft", "dpo", "ft")]}, {"first_sight": "announce"}, start=False)
    hook = Hook(t)
    daemon.config.exec(hook)
    try:
        daemon.start()
    except tap.Failed:
        with open(t.path("valgrind.log"), encoding="utf-8", errors="replace") as f:
            if "unhandled dwarf" in f.read():
                raise tap.Skip("this valgrind cannot read what the compiler tells debuggers: "
                               "build with -gdwarf-4") from None
        raise
    web.wait(4, timeout=POLLS)
    sim.fault("html200", path="dpoJobs")
    sim.set("sft", "a", state="FAILED", status="broken")
    sim.set("rft", "a", progress={"percent": 55})
    sim.set("ft", "a", state="COMPLETED")
    web.wait(1, types="job.failed", timeout=POLLS)
    web.wait(1, types="job.progress", timeout=POLLS)
    hook.wait_runs(2, timeout=POLLS)
    daemon.get("/v1/jobs")
    daemon.get("/v1/status")
    daemon.reload()
    sim.clear()
    sim.set("dpo", "a", gone=True)
    web.wait(1, types="job.removed", timeout=POLLS)
    daemon.expect_running = False
    daemon.stop(timeout=POLLS)
    with open(t.path("valgrind.log"), encoding="utf-8", errors="replace") as f:
        said = f.read()
    # Descriptors 0 to 2 and those of our starter are not the daemon's.
    left = [line for line in re.findall(r"Open (?:file descriptor|AF_\w+ socket) .*\n(?:.*\n){0,3}", said)
            if "<inherited from parent>" not in line and "std" not in line]
    t.equal(left, [], "descriptors left open")
    t.check(not re.search(r"lost|Invalid|uninitialised", said), said[-3000:])


if __name__ == "__main__":
    tap.main()
