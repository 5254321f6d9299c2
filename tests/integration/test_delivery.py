#!/usr/bin/env python3
"""What happens to an event on its way: the contract's table of verdicts, order, retries, and what a
hook and a webhook are given. The first retry comes 5 s after the first try."""

import json
import os
import stat
import time

from harness import (
    Config, Daemon, Hook, Reply, Sim, Webhook, bodies, check_log, events, name_of, settle, setup,
    tap,
)
from stored import read_store

A, B = name_of("sft", "a"), name_of("sft", "b")
RETRY_S = 5.0
DELIVERED, RETRY, DEAD, GONE = "delivered", "retry", "dead", "gone"

WEBHOOK_VERDICTS = [
    (Reply(200), DELIVERED), (Reply(201), DELIVERED), (Reply(202), DELIVERED),
    (Reply(204), DELIVERED), (Reply(299), DELIVERED),
    (Reply(301, {"Location": "/followed"}), DEAD), (Reply(302, {"Location": "/followed"}), DEAD),
    (Reply(307, {"Location": "/followed"}), DEAD), (Reply(308, {"Location": "/followed"}), DEAD),
    (Reply(400), DEAD), (Reply(401), DEAD), (Reply(403), DEAD), (Reply(404), DEAD),
    (Reply(408), RETRY), (Reply(409), DEAD), (Reply(410), GONE), (Reply(422), DEAD),
    (Reply(425), RETRY), (Reply(429), RETRY), (Reply(500), RETRY), (Reply(502), RETRY),
    (Reply(503), RETRY), (Reply(504), RETRY), (Reply(reset=True), RETRY),
]


def running(t, *ids, watch=None, **options):
    """Jobs that are known already, and a configuration without notifiers: (sim, daemon)."""
    sim, _, daemon = setup(t, {"jobs": [
        {"kind": "sft", "id": id_, "state": "RUNNING"} for id_ in ids or ("a",)]},
        {"kinds": ["sft"], **(watch or {})}, webhook=False, start=False, **options)
    return sim, daemon


def begin(sim, daemon, *ids):
    daemon.start()
    for id_ in ids or ("a",):
        sim.wait_seen("sft", id_)
    settle(sim)


def ids_of(deliveries):
    return [d.event["id"] for d in deliveries]


@tap.test(limit=90)
def verdicts_of_a_webhook(t):
    """Each answer to the first event; then a second event of the same job, which waits behind the
    first for as long as that may still be delivered."""
    sim, daemon = running(t)
    hook = Webhook(t)
    rows = {f"/r{i}": row for i, row in enumerate(WEBHOOK_VERDICTS)}
    for path, (reply, _) in rows.items():
        hook.script(path, reply)
        daemon.config.webhook(hook, f"n{path[1:]}", path)
    begin(sim, daemon)
    sim.set("sft", "a", state="PAUSED")
    for path in rows:
        hook.wait_requests(1, path)
    sim.set("sft", "a", state="COMPLETED")
    for path, (_, verdict) in rows.items():
        hook.wait_requests({DELIVERED: 2, DEAD: 2, RETRY: 3, GONE: 1}[verdict], path)
    settle(sim, polls=2)
    for path, (reply, verdict) in rows.items():
        got = hook.got(path)
        what = f"{reply.status} reset={reply.reset}"
        types = [d.event["type"] for d in got]
        first = ["job.paused"]
        t.equal(types, {DELIVERED: [*first, "job.succeeded"], DEAD: [*first, "job.succeeded"],
                        RETRY: [*first, *first, "job.succeeded"], GONE: first}[verdict], what)
        if verdict == RETRY:
            t.equal(got[0].body, got[1].body, f"{what}: other bytes")
            wait = got[1].time - got[0].time
            # A kept connection that breaks unanswered is replaced once without waiting, as HTTP
            # clients do, since the server may just have closed it as idle (RFC 9112, 9.3.1).
            t.check(RETRY_S - 0.1 <= wait <= RETRY_S * 1.1 + 2 or reply.reset,
                    f"{what}: again after {wait:.1f} s")
        counted = daemon.notifier(f"n{path[1:]}")
        t.equal(counted["dead"] > 0, verdict in (DEAD, GONE), f"{what}: dead {counted}")
    t.equal(hook.got("/followed"), [], "a redirect was followed")


@tap.test(limit=90)
def retry_after_of_a_webhook(t):
    sim, daemon = running(t)
    hook = Webhook(t)
    hook.script("/429", Reply(429, {"Retry-After": "8"}))
    hook.script("/soon", Reply(429, {"Retry-After": "1"}))
    hook.script("/503", Reply(503, {"Retry-After": "0"}))
    for path in ("/429", "/soon", "/503"):
        daemon.config.webhook(hook, f"n{path[1:]}", path)
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    waits = {}
    for path in ("/429", "/soon", "/503"):
        got = hook.wait_requests(2, path, timeout=30)
        waits[path] = got[1].time - got[0].time
    t.check(8 <= waits["/429"] < 12, f"429 with 8 s: {waits}")
    t.check(waits["/soon"] < 8 and RETRY_S - 0.1 <= waits["/503"] < 8, f"{waits}")


@tap.test(limit=120)
def a_webhook_that_does_not_answer(t):
    sim, daemon = running(t)
    hook = Webhook(t)
    hook.script("/slow", Reply(200, delay=40))
    daemon.config.webhook(hook, "slow", "/slow")
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    got = hook.wait_requests(2, "/slow", timeout=45)
    wait = got[1].time - got[0].time
    t.check(20 + RETRY_S - 0.2 <= wait < 30, f"20 s, then a retry after 5 s: {wait:.1f} s")
    t.equal(got[0].body, got[1].body)


@tap.test()
def a_webhook_that_is_not_there(t):
    sim, daemon = running(t)
    dead = Webhook(t)
    alive = Webhook(t)
    daemon.config.webhook(dead, "dead").webhook(alive, "alive")
    dead.stop()
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    alive.wait(1)
    entry = t.wait(lambda: (lambda n: n if n["pending"] and n["lastError"] else None)(
        daemon.notifier("dead")), 10, "a failed try")
    t.check("/" not in entry["lastError"].replace("://", ""), f"the URL's path in {entry}")


@tap.test()
def gone_switches_a_notifier_off_until_reload(t):
    sim, daemon = running(t, "a", "b")
    hook = Webhook(t)
    hook.script("/gone", 410)
    daemon.config.webhook(hook, "gone", "/gone").webhook(hook, "other", "/other")
    begin(sim, daemon, "a", "b")
    sim.set("sft", "a", state="COMPLETED")
    hook.wait_requests(1, "/gone")
    t.wait(lambda: daemon.notifier("gone")["off"], 5, "the notifier to be off")
    sim.set("sft", "b", state="PAUSED")
    hook.wait(2, "/other")
    settle(sim)
    t.equal(len(hook.got("/gone")), 1, "sent to a notifier that is off")
    daemon.reload()
    sim.set("sft", "b", state="COMPLETED")
    hook.wait(1, "/gone", subject=B, types="job.succeeded", timeout=20)


@tap.test()
def what_a_webhook_gets(t):
    sim, daemon = running(t)
    hook = Webhook(t)
    daemon.config.webhook(hook, "web", "/path?token=SIMSECRET-url",
                          headers=["X-Team: tuning", "X-Token: SIMSECRET-header"])
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    got = hook.wait_requests(1, "/path?token=SIMSECRET-url")[0]
    t.equal(got.headers["X-Team"], "tuning")
    t.equal(got.headers["X-Token"], "SIMSECRET-header")
    t.check("json" in got.headers["Content-Type"], got.headers["Content-Type"])
    t.equal(list(events.log_faults([got.body], sim.url)), [])
    t.equal(got.headers.get("webhook-id", got.event["id"]), got.event["id"])
    t.check(got.headers.get("Authorization") is None, "a key for a webhook")
    # The configuration itself may hold the secret; nothing else may: see Daemon.check_secrets().
    daemon.config.key_files.add(daemon.config.path)
    for path in ("/v1/status", "/v1/jobs"):
        t.check(b"SIMSECRET" not in daemon.request(path)[2], f"a secret in {path}")


@tap.test()
def a_broken_notifier_delays_only_itself(t):
    sim, daemon = running(t, "a", "b")
    hook = Webhook(t)
    hook.script("/broken", Reply(503), forever=True)
    daemon.config.webhook(hook, "broken", "/broken").webhook(hook, "fine", "/fine")
    begin(sim, daemon, "a", "b")
    wanted = []
    for state in ("PAUSED", "RUNNING", "COMPLETED"):
        for id_ in ("a", "b"):
            sim.set("sft", id_, state=state)
            wanted.append(state)
        hook.wait(len(wanted), "/fine", timeout=5)
    first = {subject: hook.events("/fine", subject)[0]["id"] for subject in (A, B)}
    broken = hook.got("/broken")
    t.equal({d.event["id"] for d in broken}, set(first.values()), "overtook, or waits for others")
    check_log(t, hook, sim, "/fine")


@tap.test(limit=90)
def order_is_kept_for_a_job(t):
    sim, daemon = running(t, "a", "b")
    hook = Webhook(t)
    # The first try of a's first event fails; b's is not held up by it.
    daemon.config.webhook(hook, "web")
    begin(sim, daemon, "a", "b")
    hook.script("/", 503)
    sim.set("sft", "a", state="PAUSED")
    hook.wait_requests(1)
    states = ("RUNNING", "WRITING_RESULTS", "COMPLETED")
    for state in states:
        sim.set("sft", "a", state=state)
        sim.set("sft", "b", state="PAUSED" if state == "RUNNING" else state)
        sim.wait_seen("sft", "a")
    b = hook.wait(3, subject=B, timeout=4)
    a = hook.wait(4, subject=A, timeout=15)
    t.equal([e["data"]["sequence"] for e in a], sorted(e["data"]["sequence"] for e in a))
    t.equal(a[-1]["type"], "job.succeeded")
    t.equal(len(b), 3)
    check_log(t, hook, sim)


@tap.test(limit=90)
def waiting_progress_is_replaced_by_newer(t):
    sim, daemon = running(t)
    hook = Webhook(t)
    daemon.config.webhook(hook, "web")
    begin(sim, daemon)
    hook.script("/", Reply(429, {"Retry-After": "12"}))
    sim.set("sft", "a", state="PAUSED")
    hook.wait_requests(1)
    sim.set("sft", "a", state="RUNNING")
    sim.wait_seen("sft", "a")
    for percent in (10, 20, 30):
        sim.set("sft", "a", progress={"percent": percent})
        sim.wait_seen("sft", "a")
        if percent == 20:
            sim.set("sft", "a", status="something else between them")
            sim.wait_seen("sft", "a")
    sim.set("sft", "a", state="COMPLETED")
    hook.wait(1, types="job.succeeded", timeout=25)
    got = hook.events()
    t.equal([e["type"] for e in got if e["type"] != "job.progress"],
            ["job.paused", "job.running", "job.status", "job.succeeded"])
    told = [e["data"]["to"]["progress"]["percent"] for e in got if e["type"] == "job.progress"]
    t.equal(told, [30], "the newest only")
    check_log(t, hook, sim, gaps=True)


@tap.test(limit=90)
def a_retry_outlives_a_crash(t):
    sim, daemon = running(t, "a", "b")
    hook = Webhook(t)
    daemon.config.webhook(hook, "web")
    begin(sim, daemon, "a", "b")
    hook.script("/", Reply(503), Reply(503))
    for id_ in ("a", "b"):
        sim.set("sft", id_, state="COMPLETED")
    hook.wait_requests(2)
    # Killed before a verdict is written down, it would rightly not know that there was a try.
    t.wait(lambda: [row["tries"] for row in read_store(daemon.config.state_dir)[2].values()]
           == [1, 1], 10, "both verdicts to be written down")
    daemon.kill()
    daemon.start()
    for subject in (A, B):
        hook.wait(1, subject=subject)
        t.wait(lambda s=subject: len([d for d in hook.got() if d.event["subject"] == s]) >= 2, 20,
               f"{subject} again")
    for subject in (A, B):
        one, two = [d for d in hook.got() if d.event["subject"] == subject][:2]
        t.equal(one.body, two.body, "other bytes after the crash")
        t.check(two.time - one.time >= RETRY_S - 0.1, "before its time")
    settle(sim)
    t.equal(len(hook.got()), 4, "delivered, and sent again")


@tap.test(limit=90)
def a_crash_in_the_middle_of_a_delivery_repeats_it(t):
    sim, daemon = running(t)
    hook = Webhook(t)
    daemon.config.webhook(hook, "web")
    begin(sim, daemon)
    hook.script("/", Reply(200, delay=3))
    sim.set("sft", "a", state="COMPLETED")
    hook.wait_requests(1)
    daemon.kill()
    daemon.start()
    got = hook.wait_requests(2)
    t.equal(got[0].body, got[1].body)
    daemon.restart()
    settle(sim)
    t.equal(len(hook.got()), 2, "delivered, and sent again")


# The exec notifier.

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
def a_hook_that_cannot_be_started_is_dead(t):
    sim, daemon = running(t)
    broken = Hook(t, "broken", interpreter="/nonexistent/interpreter")
    fine = Hook(t, "fine")
    daemon.config.exec(broken, "broken").exec(fine, "fine")
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    fine.wait_runs(1)
    t.wait(lambda: daemon.notifier("broken")["dead"] == 1, 10, "a dead delivery")
    t.check("SIMSECRET" not in daemon.log(), "secrets")


BASE_ENVIRONMENT = {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "XDG_RUNTIME_DIR"}


@tap.test()
def what_a_hook_gets(t):
    sim, daemon = running(t)
    hook = Hook(t)
    daemon.env.update(FIREWORKS_API_KEY="fw_SIMSECRET_environment", CANARY="SIMSECRET canary",
                      WATCHDOG_USEC="20000000", LISTEN_FDS="0",
                      CREDENTIALS_DIRECTORY=t.path("credentials"))
    daemon.config.exec(hook, args=["--stage", "two words", "$HOME;`id`"])
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
        "TUNEWATCH_DELIVERY_TRY": "1"})
    rest = run["env"].keys() - own.keys()
    t.check(rest <= BASE_ENVIRONMENT, f"not on the clean list: {sorted(rest - BASE_ENVIRONMENT)}")
    t.check("SIMSECRET" not in json.dumps(run), "a secret reached the hook")
    t.equal((run["pid"], run["pid"]), (run["pgid"], run["sid"]), "a process group of its own")
    # 0, 1, 2, and the one that lists them
    t.check(len(run["fds"]) <= 4, f"the daemon's files: {run['fds']}")


@tap.test()
def a_hook_and_a_webhook_get_the_same_bytes(t):
    sim, daemon = running(t)
    hook, web = Hook(t), Webhook(t)
    daemon.config.exec(hook).webhook(web)
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    t.equal(hook.wait_runs(1)[0]["stdin"].encode(), web.wait_requests(1)[0].body)


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


@tap.test()
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
    daemon.config.exec(hook, timeout="1s")
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    run = hook.wait_runs(1)[0]
    t.wait(lambda: os.path.exists(pids), 5, "the hook's child")
    t.wait(lambda: daemon.notifier("run")["dead"] == 1, 15, "a dead delivery")
    seconds = time.monotonic() - run["begin"]
    t.check(5.5 <= seconds <= 9, f"1 s, TERM, 5 s, KILL: {seconds:.1f} s")
    term = [r["term"] for r in hook.records() if "term" in r]
    t.check(len(term) == 1 and 0.8 <= term[0] - run["begin"] <= 2.5, f"TERM at {term}")
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
def a_hook_has_ended_when_its_process_has(t):
    """A grandchild that holds the pipes open keeps nothing waiting."""
    sim, daemon = running(t)
    hook = Hook(t, body='number or subprocess.Popen(["/bin/sleep", "60"])')
    daemon.config.exec(hook)
    begin(sim, daemon)
    sim.set("sft", "a", state="PAUSED")
    hook.wait_ends(1)
    sim.set("sft", "a", state="COMPLETED")
    hook.wait_runs(2, timeout=6)
    t.equal(daemon.notifier("run")["dead"], 0)


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
    for text in ("first line", "to standard error"):
        t.equal(len([line for line in lines if text in line]), 1, text)
    t.check("\x1b" not in log, "a control character in the log")
    t.check(len(log) < 400_000, f"{len(log)} bytes of log")
    t.check(max(map(len, lines)) < 8192, "a line without end")


@tap.test()
def a_hook_that_reads_nothing(t):
    sim, daemon = running(t)
    program = t.path("deaf.sh")
    with open(program, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nexec <&-\nexit 0\n")
    os.chmod(program, stat.S_IRWXU)
    daemon.config.section("notifier", "deaf", {
        "type": "exec", "command": [program], "events": ["*"]})
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED", status="m" * 4000)
    t.wait(lambda: daemon.notifier("deaf")["delivered"] == 1, 10, "the verdict")


@tap.test()
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


@tap.test()
def an_event_is_durable_before_it_is_sent(t):
    """The hook kills the daemon: the event is there again, the same."""
    sim, daemon = running(t)
    hook = Hook(t, body="number or os.kill(os.getppid(), signal.SIGKILL)")
    daemon.config.exec(hook)
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    hook.wait_runs(1)
    t.wait(lambda: daemon.program.poll() is not None, 5, "the daemon to be killed")
    daemon.start()
    runs = hook.wait_runs(2)
    t.equal(runs[0]["stdin"], runs[1]["stdin"])


@tap.test()
def two_notifiers_of_each_type(t):
    sim = Sim(t, {"jobs": [{"kind": "sft", "id": "a", "state": "RUNNING"}]})
    web, one, two = Webhook(t), Hook(t, "one"), Hook(t, "two")
    config = Config(t).account(sim).watch(first_sight="announce")
    config.webhook(web, "w1", "/1").webhook(web, "w2", "/2").exec(one, "e1").exec(two, "e2")
    config.section("notifier", "journal", {"type": "syslog", "events": ["*"]})
    Daemon(t, config)
    ids = {web.wait(1, "/1")[0]["id"], web.wait(1, "/2")[0]["id"]}
    ids |= {one.wait_runs(1)[0]["env"]["TUNEWATCH_EVENT_ID"],
            two.wait_runs(1)[0]["env"]["TUNEWATCH_EVENT_ID"]}
    t.equal(len(ids), 1, "one event, one id")
    t.check(bodies.SECRET not in json.dumps(one.runs()), "secrets")


if __name__ == "__main__":
    tap.main()
