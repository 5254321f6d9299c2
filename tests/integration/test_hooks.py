#!/usr/bin/env python3
"""Programs that get events: the contract's verdicts on them, what they are given, how many run at a
time, and that nothing of them stays. The first retry comes 5 s after the first try."""

import json
import os
import signal
import stat
import time

from harness import Hook, begin, events, name_of, running, settle, setup, tap

A = name_of("sft", "a")
RETRY_S = 5.0
DELIVERED, RETRY, DEAD = "delivered", "retry", "dead"
LARGE = "m" * 4000  # a status message near the largest that is kept


def script(t, name, text):
    """A shell script that has a file NAME.out, or one with an interpreter of its own."""
    path = t.path(f"{name}.sh")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text if text[:2] == "#!" else f"#!/bin/sh\nout={t.path(name)}.out\n{text}\n")
    os.chmod(path, stat.S_IRWXU)
    return path


def written(t, name):
    """The words that a script has written to its file."""
    try:
        with open(t.path(f"{name}.out"), encoding="utf-8") as file:
            return file.read().split()
    except FileNotFoundError:
        return []


def add(daemon, name, program, **options):
    daemon.config.section("notifier", name, {
        "type": "exec", "command": [program], "events": ["*"], **options})


def until(gate):
    """A block for a Hook's body: waits for the file, but not for ever when the test is gone."""
    return (f"    while not os.path.exists({gate!r}) and time.monotonic() < begin + 60:\n"
            "        time.sleep(0.05)")


def lives(pid):
    """Whether there is such a process, and it is no zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False

EXEC_VERDICTS = [
    ("exit-0", (0,), "", DELIVERED), ("exit-75", (75, 0), "", RETRY), ("exit-1", (1, 0), "", DEAD),
    ("exit-2", (2, 0), "", DEAD), ("exit-126", (126, 0), "", DEAD),
    ("exit-255", (255, 0), "", DEAD),
    ("sigterm", (0,), "number or os.kill(os.getpid(), signal.SIGTERM)", DEAD),
    ("sigkill", (0,), "number or os.kill(os.getpid(), signal.SIGKILL)", DEAD),
    ("time-out", (0,), "number or time.sleep(60)", DEAD),
]


@tap.test(limit=90)
def verdicts_of_a_hook(t):
    sim, daemon = running(t)
    hooks = {}
    for name, exits, body, verdict in EXEC_VERDICTS:
        hooks[name] = Hook(t, name, exits, body), verdict
        daemon.config.exec(hooks[name][0], name, timeout="2s")
    begin(sim, daemon)
    sim.set("sft", "a", state="PAUSED")
    for hook, _ in hooks.values():
        hook.wait_runs(1)
    sim.set("sft", "a", state="COMPLETED")
    for name, (hook, verdict) in hooks.items():
        runs = hook.wait_runs(3 if verdict == RETRY else 2, timeout=20)
        types = [json.loads(run["stdin"])["type"] for run in runs]
        wanted = ["job.paused", "job.succeeded"]
        t.equal(types, ["job.paused", *wanted] if verdict == RETRY else wanted, name)
        t.wait(lambda n=name: daemon.notifier(n)["pending"] == 0, 10, f"{name} to be done")
        t.equal(daemon.notifier(name)["dead"] > 0, verdict == DEAD, f"{name}: dead")
        if verdict == RETRY:
            t.equal(runs[0]["stdin"], runs[1]["stdin"], "other bytes")
            wait = runs[1]["begin"] - runs[0]["begin"]
            t.check(RETRY_S - 0.1 <= wait < 8, f"again after {wait:.1f} s")
            t.equal([r["env"]["TUNEWATCH_DELIVERY_TRY"] for r in runs], ["1", "2", "1"])


@tap.test()
def a_running_hook_outlives_reloads(t):
    """It ends under the configuration that started it, once, also when its notifier has gone; what
    waits behind it is kept for the notifier's return."""
    sim, daemon = running(t)
    gate = t.path("gate")
    hook = Hook(t, body="if True:\n" + until(gate))
    daemon.config.exec(hook)
    begin(sim, daemon)
    sim.set("sft", "a", state="PAUSED")
    hook.wait_runs(1)
    daemon.config.sections["notifier", "run"]["command"] = ["/bin/false"]
    daemon.config.account(sim, requests_per_minute=60000).write()
    daemon.reload()
    notifier = daemon.config.sections.pop(("notifier", "run"))
    daemon.config.section("notifier", "other", {"type": "exec", "command": ["/bin/true"]}).write()
    daemon.reload()
    with open(gate, "w", encoding="utf-8"):
        pass
    hook.wait_ends(1)
    settle(sim)
    notifier["command"] = [hook.program]
    daemon.config.section("notifier", "run", notifier).write()
    daemon.reload()
    n = t.wait(lambda: daemon.notifier("run")["pending"] == 0 and daemon.notifier("run"), 10,
               "its verdict")
    t.equal((n["delivered"], n["retried"], n["dead"]), (1, 0, 0))
    settle(sim)
    t.equal(len(hook.runs()), 1)
    sim.set("sft", "a", state="COMPLETED")
    hook.wait_runs(2)


BASE_ENVIRONMENT = {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "XDG_RUNTIME_DIR"}


INHERITED = """
exec >"$out"
readlink "/proc/$$/cwd"; umask; ulimit -Sn; ulimit -Hn; ulimit -Sc; ls "/proc/$$/fd" | wc -l
# By the shell itself, which blocks all signals while it starts another program.
while read -r name value; do
    case $name in SigBlk: | SigIgn:) echo "$name $value" ;; esac
done <"/proc/$$/status"
"""


def check_inherited(t, daemon, words):
    """Of the daemon's process: its directory, umask and limits; not its signals or files."""
    limits = {}
    with open(f"/proc/{daemon.pid}/limits", encoding="utf-8") as file:
        for line in file:
            limits[line[:26].strip()] = line[26:].split()[:2]
    with open(f"/proc/{daemon.pid}/status", encoding="utf-8") as file:
        umask = next(line.split()[1] for line in file if line.startswith("Umask"))
    cwd, *rest = words
    t.equal(cwd, os.readlink(f"/proc/{daemon.pid}/cwd"))
    t.equal(rest[:3], [umask, *limits["Max open files"]])
    t.equal(rest[3], limits["Max core file size"][0])
    # 0, 1 and 2; dash keeps its script open, and its own old standard output
    t.check(int(rest[4]) <= 5, f"{rest[4]} files")
    t.equal((rest[5], int(rest[6], 16)), ("SigBlk:", 0))
    # 32 and 33 are libc's own
    t.equal((rest[7], int(rest[8], 16) & ~(3 << 31)), ("SigIgn:", 0))


@tap.test()
def what_a_hook_gets(t):
    sim, daemon = running(t)
    hook = Hook(t)
    daemon.env.update(
        FIREWORKS_API_KEY="fw_SIMSECRET_environment", CANARY="SIMSECRET canary",
        WATCHDOG_USEC="20000000", LISTEN_FDS="0", CREDENTIALS_DIRECTORY=t.path("credentials"),
        JOURNAL_STREAM="8:1", INVOCATION_ID="0" * 32, IFS="SIMSECRET",
        ENV="/SIMSECRET.sh", BASH_ENV="/SIMSECRET.sh", PYTHONPATH="/SIMSECRET",
        TUNEWATCH_EVENT_ID="evt_SIMSECRET", TUNEWATCH_EVIL="SIMSECRET",
        PATH="/SIMSECRET:" + os.environ["PATH"], **{"BASH_FUNC_echo%%": "() { id; }"})
    daemon.config.exec(hook, args=["--stage", "two words", "$HOME;`id`"])
    add(daemon, "own", script(t, "own", INHERITED))
    begin(sim, daemon)
    sim.set("sft", "a", state="FAILED", displayName="Größe = \u202ex",
            progress={"percent": 97, "epoch": 2},
            status={"code": "INTERNAL", "message": "line one\nline two"})
    run = hook.wait_runs(1)[0]
    event = json.loads(run["stdin"])
    data, job = event["data"], event["data"]["job"]
    t.equal(run["argv"], ["--stage", "two words", "$HOME;`id`"], "no shell")
    t.equal(list(events.log_faults([run["stdin"]], sim.url)), [])
    own = {k: v for k, v in run["env"].items() if k.startswith("TUNEWATCH_")}
    t.equal(own, {
        "TUNEWATCH_EVENT_ID": event["id"], "TUNEWATCH_EVENT": "job.failed", "TUNEWATCH_JOB": A,
        "TUNEWATCH_JOB_ID": "a", "TUNEWATCH_KIND": "sft", "TUNEWATCH_ACCOUNT": "acme",
        "TUNEWATCH_DISPLAY_NAME": job["displayName"], "TUNEWATCH_STATE": "JOB_STATE_FAILED",
        "TUNEWATCH_PREVIOUS_STATE": "JOB_STATE_RUNNING", "TUNEWATCH_PHASE": "failed",
        "TUNEWATCH_STATUS_CODE": "INTERNAL",
        "TUNEWATCH_STATUS_MESSAGE": data["to"]["status"]["message"], "TUNEWATCH_PERCENT": "97",
        "TUNEWATCH_EPOCH": "2", "TUNEWATCH_BASE_MODEL": job["baseModel"],
        "TUNEWATCH_OUTPUT_MODEL": job["outputModel"], "TUNEWATCH_ATTEMPT": "1",
        "TUNEWATCH_STILL_SECONDS": "", "TUNEWATCH_SUSPEND_STATE": "", "TUNEWATCH_MODEL_READY": "",
        "TUNEWATCH_TEST": "",
        "TUNEWATCH_DELIVERY_TRY": "1"})
    t.equal(run["env"]["PATH"], "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    rest = run["env"].keys() - own.keys()
    t.check(rest <= BASE_ENVIRONMENT, f"not on the clean list: {sorted(rest - BASE_ENVIRONMENT)}")
    t.check("SIMSECRET" not in json.dumps(run), "a secret reached the hook")
    t.equal((run["pid"], run["pid"]), (run["pgid"], run["sid"]), "a process group of its own")
    # 0, 1, 2, and the one that lists them
    t.check(len(run["fds"]) <= 4, f"the daemon's files: {run['fds']}")
    t.wait(lambda: daemon.notifier("own")["delivered"] == 1, 10, "the verdict")
    check_inherited(t, daemon, written(t, "own"))


@tap.test()
def a_hook_without_progress_or_a_state_before(t):
    sim, _, daemon = setup(t, {"jobs": [{"kind": "dpo", "id": "a", "state": "COMPLETED"}]},
                           {"jobs": ["dpo/a"]}, webhook=False, start=False)
    hook = Hook(t)
    daemon.config.exec(hook)
    daemon.start()
    env = hook.wait_runs(1)[0]["env"]
    t.equal((env["TUNEWATCH_PREVIOUS_STATE"], env["TUNEWATCH_PERCENT"], env["TUNEWATCH_EPOCH"]),
            ("", "", ""))
    t.equal(sim.requests("dpoJobs$"), [], "a named job is not looked for in a list")


@tap.test(limit=120)
def a_hook_that_stays_is_ended_with_its_group(t):
    """Time-out: TERM, 5 s, KILL, for the whole group."""
    sim, daemon = running(t)
    pids = t.path("pids")
    hook = Hook(t, body=f"""
signal.signal(signal.SIGTERM, lambda *_: note(term=time.monotonic()))
child = subprocess.Popen(["/bin/sh", "-c", "trap '' TERM; sleep 120 & wait; sleep 120"])
with open({pids!r}, "w") as file: file.write(f"{{os.getpid()}} {{child.pid}}")
end = time.monotonic() + 120
while time.monotonic() < end: time.sleep(1)
""")
    daemon.config.exec(hook, timeout="4s")
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    run = hook.wait_runs(1)[0]
    t.wait(lambda: os.path.exists(pids), 20, "the hook's child")
    t.wait(lambda: daemon.notifier("run")["dead"] == 1, 60, "a dead delivery")
    dead = time.monotonic()
    term = [r["term"] for r in hook.records() if "term" in r]
    # On a busy machine it begins, hears and is heard of late: never early.
    if t.equal(len(term), 1, "SIGTERM"):
        t.check(term[0] - run["begin"] >= 1, f"TERM after {term[0] - run['begin']:.1f} s")
        t.check(dead - term[0] >= 3, f"KILL {dead - term[0]:.1f} s after TERM")
    t.wait(lambda: not group_lives(run["pgid"]), 5, "the group to be gone")


def group_lives(pgid):
    """Whether a process that is not a zombie is in the group."""
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == pgid and fields[0] != "Z":
            return True
    return False


@tap.test()
def the_output_of_a_hook_goes_to_the_log_line_by_line(t):
    sim, daemon = running(t)
    hook = Hook(t, body="""
print("first line"); print("second \\x1b[31mline")
sys.stdout.flush(); sys.stderr.write("to standard error\\n"); sys.stderr.flush()
print("l" * 100000)
for _ in range(20000): print("flood " * 20)
sys.stdout.flush(); sys.stdout.write("no newline")
""")
    daemon.config.exec(hook)
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    hook.wait_ends(1)
    t.wait(lambda: daemon.notifier("run")["delivered"] == 1, 10, "the verdict")
    log = daemon.log()
    lines = log.splitlines()
    for text in ("first line", "second ", "to standard error"):
        t.equal(len([line for line in lines if f"hook run: {text}" in line]), 1, text)
    t.check("\x1b" not in log, "a control character in the log")
    t.check(len(log) < 400_000, f"{len(log)} bytes of log")
    t.check(max(map(len, lines)) < 8192, "a line without end")


# What each writes to its file are processes, none of which may be left. The grandchildren of the
# first ones are nobody's children any more, but of their session and group.
ODD_HOOKS = [
    ("forks-twice", DELIVERED, "(sleep 300 & echo $! >>$out)\nexit 0"),
    ("leaves-deaf", DELIVERED,
     "(trap '' HUP INT TERM; sleep 300 & echo $! >>$out; sleep 300 & echo $! >>$out)\nexit 0"),
    # The hook ends at SIGTERM, the grandchild ignores it.
    ("deaf-child", DEAD, "(trap '' TERM; sleep 300 & echo $! >>$out)\nsleep 300"),
    # Stopped, it gets SIGTERM all the same, and need not be killed after 5 s.
    ("stops-itself", DEAD, "trap 'echo $$ >>$out; exit 0' TERM\nkill -STOP $$\nsleep 300"),
    ("stops-its-group", DEAD, "sleep 300 & echo $! >>$out\nkill -STOP 0\nsleep 300"),
    ("not-started", DEAD, "#!/nonexistent/interpreter"),
    ("reads-nothing", DELIVERED, "exec <&-\nexit 0"),
    ("reads-a-byte", DELIVERED, "head -c 1 >>$out"),
    ("writes-a-gigabyte", DELIVERED, "head -c 1073741824 /dev/zero"),
    ("writes-lines", DELIVERED, "yes '' | head -n 1000000"),
    ("closes-its-output", DELIVERED, "exec >&- 2>&-\nsleep 0.1"),
    # Out of the group, it lives on, and holds the pipe: that delays nothing.
    ("leaves-the-group", DELIVERED, 'setsid sh -c "echo own-\\$\\$ >>$out; exec sleep 300" &\n'
     "while ! [ -s $out ]; do sleep 0.05; done\nexit 0"),
]


@tap.test(limit=90)
def odd_hooks(t):
    """All at once: each gets its verdict, none delays another, and nothing of them is left."""
    sim, daemon = running(t)
    for name, verdict, text in ODD_HOOKS:
        add(daemon, name, script(t, name, text), timeout="3s" if verdict == DEAD else "1min")
    begin(sim, daemon)
    sim.set("sft", "a", state="FAILED", status=LARGE)
    for name, verdict, _ in ODD_HOOKS:
        t.wait(lambda n=name, v=verdict: daemon.notifier(n)[v] == 1, 60, f"{name} to be {verdict}")
    for name, _, text in ODD_HOOKS:
        pids = [word for word in written(t, name) if word.isdigit()]
        t.equal(len(pids), text.count("echo $"), f"{name}: {pids}")
        for own in (int(word[4:]) for word in written(t, name) if word.startswith("own-")):
            if t.check(lives(own), f"{name}: {own} was ended"):
                os.kill(own, signal.SIGKILL)
        for pid in pids:
            t.wait(lambda p=pid: not lives(p), 10, f"{name}: {pid} is left")
    log = daemon.log()
    t.check("hook writes-a-gigabyte: 1073676288 more bytes" in log, "not counted")
    t.check("hook writes-lines: 999000 more bytes" in log, "not counted")
    t.check(log.count("hook writes-lines: ") == 1001, "not bounded")
    t.check(len(log) < 400_000, f"{len(log)} bytes of log")


@tap.test()
def a_hook_outlives_a_daemon_that_is_killed(t):
    """Nobody is left to end it, where no service manager does: what the manual warns of. The event
    comes again beside it, with the same id, by which both can know, and as a further try."""
    sim, daemon = running(t)
    gate = t.path("gate")
    hook = Hook(t, body="if not number:\n" + until(gate))
    daemon.config.exec(hook)
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    first = hook.wait_runs(1)[0]
    daemon.kill()
    t.check(lives(first["pid"]), "it was ended")
    daemon.start()
    second = hook.wait_runs(2)[1]
    t.check(lives(first["pid"]), "it was ended")
    t.equal(second["stdin"], first["stdin"], "other bytes")
    t.equal(second["env"]["TUNEWATCH_EVENT_ID"], first["env"]["TUNEWATCH_EVENT_ID"])
    t.equal([run["env"]["TUNEWATCH_DELIVERY_TRY"] for run in (first, second)], ["1", "2"])
    with open(gate, "w", encoding="utf-8"):
        pass
    hook.wait_ends(2)


@tap.test(limit=70)
def order_is_kept_for_a_job_of_a_hook(t):
    """While one runs for a job, the job's next event waits, and those of other jobs do not."""
    sim, daemon = running(t, "a", "b")
    gate = t.path("gate")
    hook = Hook(t, body=(
        'if env["TUNEWATCH_EVENT"] == "job.paused" and env["TUNEWATCH_JOB_ID"] == "a":\n'
        + until(gate)))
    daemon.config.exec(hook, max_parallel=3)
    begin(sim, daemon, "a", "b")
    for state in ("PAUSED", "RUNNING"):
        for id_ in ("a", "b"):
            sim.set("sft", id_, state=state)
        hook.wait_runs(2 if state == "PAUSED" else 3)
    sim.set("sft", "b", state="COMPLETED")
    hook.wait_runs(4)
    told = [(r["env"]["TUNEWATCH_JOB_ID"], r["env"]["TUNEWATCH_EVENT"]) for r in hook.runs()]
    t.equal([event for job, event in told if job == "b"],
            ["job.paused", "job.running", "job.succeeded"])
    t.equal([event for job, event in told if job == "a"], ["job.paused"], "overtook")
    with open(gate, "w", encoding="utf-8"):
        pass
    runs = hook.wait_runs(5)
    t.equal(runs[4]["env"]["TUNEWATCH_EVENT"], "job.running")
    end = next(r["end"] for r in hook.ends() if r["pid"] == next(
        run["pid"] for run in runs if run["env"]["TUNEWATCH_JOB_ID"] == "a"))
    t.check(end <= runs[4]["begin"], "began before the one before had ended")


@tap.test(limit=70)
def max_parallel_hooks(t):
    ids = [f"job-{i}" for i in range(6)]
    sim, daemon = running(t, *ids)
    one, three = Hook(t, "one", body="time.sleep(0.5)"), Hook(t, "three", body="time.sleep(1)")
    daemon.config.exec(one, "one").exec(three, "three", max_parallel=3)
    begin(sim, daemon, *ids)
    for id_ in ids:
        sim.set("sft", id_, state="COMPLETED")
    for hook, most in ((one, 1), (three, 3)):
        hook.wait_ends(len(ids), timeout=25)
        marks = [(r["begin"], 1) for r in hook.runs()] + [(r["end"], -1) for r in hook.ends()]
        now, peak = 0, 0
        for _, step in sorted(marks):
            now += step
            peak = max(peak, now)
        t.equal(peak, most, os.path.basename(hook.program))
        t.equal({e["subject"] for e in hook.events()}, {name_of("sft", i) for i in ids})


@tap.test(limit=90)
def a_hook_is_told_what_was_replaced(t):
    """While one runs, the job's progress moves on; what comes then stands for all of it."""
    sim, daemon = running(t)
    gate = t.path("gate")
    hook = Hook(t, body='if env["TUNEWATCH_EVENT"] == "job.paused":\n' + until(gate))
    daemon.config.exec(hook)
    begin(sim, daemon)
    sim.set("sft", "a", state="PAUSED")
    hook.wait_runs(1)
    sim.set("sft", "a", state="RUNNING")
    sim.wait_seen("sft", "a")
    for percent in (10, 20):
        sim.set("sft", "a", progress={"percent": percent})
        sim.wait_seen("sft", "a")
    settle(sim)
    with open(gate, "w", encoding="utf-8"):
        pass
    told = [(r["env"]["TUNEWATCH_EVENT"], r["env"].get("TUNEWATCH_REPLACED"),
             r["env"]["TUNEWATCH_PERCENT"]) for r in hook.wait_runs(3)]
    t.equal([entry[:2] for entry in told],
            [("job.paused", None), ("job.running", None), ("job.progress", "1")])
    t.equal(told[2][2], "20")


@tap.test(limit=120)
def running_deliveries_may_finish_at_sigterm(t):
    sim, daemon = running(t)
    quick = Hook(t, "quick", body="time.sleep(2)")
    long = Hook(t, "long", body="number or time.sleep(60)")
    daemon.config.exec(quick, "quick").exec(long, "long")
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    quick.wait_runs(1)
    long.wait_runs(1)
    start = time.monotonic()
    daemon.stop()
    seconds = time.monotonic() - start
    t.check(4 <= seconds <= 13, f"5 s for what runs, then it is ended: {seconds:.1f} s")
    t.equal(len(quick.ends()), 1, "was not let finish")
    t.check(not group_lives(long.runs()[0]["pgid"]), "a hook is left behind")
    daemon.start()
    long.wait_ends(1)
    settle(sim)
    t.equal((len(quick.runs()), len(long.runs())), (1, 2), "what was not finished runs again")
    t.equal(long.runs()[0]["stdin"], long.runs()[1]["stdin"])


if __name__ == "__main__":
    tap.main()
