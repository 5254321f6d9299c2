#!/usr/bin/env python3
"""The daemon as a process: arguments, exit codes, signals, sd_notify, reload, its store."""

import glob
import os
import re
import signal
import socket
import sqlite3
import time

from harness import (
    KEY, PACER, Config, Daemon, Hook, Reply, Sim, Webhook, events, name_of, run_daemon, settle,
    setup, tap,
)

A = name_of("sft", "a")
JOB = {"jobs": [PACER, {"kind": "sft", "id": "a", "state": "RUNNING"}]}


def minimal(t, **options):
    """A configuration that is right, with an API that is not there."""
    config = Config(t, **options).account("http://127.0.0.1:1").watch()
    config.write()
    return config


@tap.test()
def version_and_help(t):
    version = run_daemon(t, "--version")
    t.equal(version.code, 0)
    t.check(re.search(r"tunewatchd?\b.*\d+\.\d+", version.out), version.out)
    help_ = run_daemon(t, "--help")
    t.equal(help_.code, 0)
    for option in ("--config", "--check-config", "--dump-config", "--version", "--help"):
        t.check(option in help_.out, f"{option} is not in --help")


@tap.test()
def wrong_use_is_64(t):
    config = minimal(t)
    for args in (["--bogus"], ["surplus"], ["--config"], ["--config", config.path, "surplus"]):
        result = run_daemon(t, *args)
        t.equal(result.code, 64, args)
        t.check(result.err, f"{args}: not a word")


@tap.test()
def check_config(t):
    config = minimal(t)
    result = run_daemon(t, "--config", config.path, "--check-config")
    t.equal((result.code, result.err), (0, ""))
    faults = {
        "poll-intervall": ('poll-intervall = "1s"\n', "poll-interval"),
        "acount": ('acount "x" {\n}\n', "account"),
        "typ": ('notifier "x" {\n  typ = "exec"\n}\n', "type"),
        "weebhook": ('notifier "x" {\n  type = "weebhook"\n}\n', "webhook"),
        "job.succeded": ('notifier "x" {\n  type = "syslog"\n  events = {"job.succeded"}\n}\n',
                         "job.succeeded"),
        "stf": ('watch "x" {\n  account = "acme"\n  kinds = {"stf"}\n}\n', "sft"),
        "30 parsecs": ('poll-interval = "30 parsecs"\n', None),
        "nobody": ('watch "x" {\n  account = "nobody"\n}\n', None),
    }
    for word, (text, nearest) in faults.items():
        config.write(config.text() + text)
        result = run_daemon(t, "--config", config.path, "--check-config")
        said = result.out + result.err
        t.equal(result.code, 78, word)
        rows = (config.text() + text).splitlines()
        line = next(n for n, row in enumerate(rows, 1) if re.search(rf"\b{word}\b", row))
        t.check(f"{os.path.basename(config.path)}:{line}" in said, f"{word}: no {line}: {said}")
        t.check(nearest is None or nearest in re.sub(rf"\b{word}\b", "", said), f"{word}: {said}")
        started = run_daemon(t, "--config", config.path)
        t.equal(started.code, 78, f"{word}: started")


@tap.test()
def a_secret_for_a_chat_is_a_fault(t):
    """It is found at the check and at the start, not at the first delivery."""
    config = minimal(t)
    secrets = t.path("secrets")
    config.write_key(secrets, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    config.write(config.text() + 'notifier "x" {\n  type = "webhook"\n  format = "slack"\n'
                 f'  url = "http://127.0.0.1:9/"\n  secret-file = "{secrets}"\n}}\n')
    for action in (["--check-config"], []):
        said = run_daemon(t, "--config", config.path, *action)
        t.equal(said.code, 78, str(action))
        t.check('notifier "x"' in said.err and "secret-file" in said.err, said.err)


@tap.test()
def all_faults_are_found_at_once(t):
    config = minimal(t)
    config.write(config.text() + 'progress-step = 1000\ndegraded-after = "soon"\n'
                 'watch "x" {\n  account = "nobody"\n}\nnotifier "y" {\n  type = "exec"\n}\n')
    said = run_daemon(t, "--config", config.path, "--check-config")
    t.equal(said.code, 78)
    for word in ("progress-step", "degraded-after", "nobody", "command"):
        t.check(word in said.out + said.err, f"{word} is not among the faults: {said.err}")
    said = run_daemon(t, "--config", t.path("none"), "--check-config")
    t.equal(said.err, f"{t.path('none')}: cannot read: No such file or directory\n"
                      "tunewatchd: the configuration has 1 fault\n")


@tap.test()
def a_missing_configuration_is_78(t):
    result = run_daemon(t, "--config", t.path("missing.conf"))
    t.equal(result.code, 78)
    t.check("missing.conf" in result.err, result.err)


@tap.test()
def a_key_that_others_can_read_is_78(t):
    config = minimal(t)
    os.chmod(t.path("acme.key"), 0o644)
    result = run_daemon(t, "--config", config.path)
    t.equal(result.code, 78)
    t.check("acme.key" in result.err and KEY not in result.err, result.err)
    os.chmod(t.path("acme.key"), 0o600)
    config.section("notifier", "hook", {
        "type": "webhook", "url": "https://example.com/SIMSECRET"}).write()
    os.chmod(config.path, 0o644)
    result = run_daemon(t, "--config", config.path)
    t.equal(result.code, 78, "an inline secret that others can read")
    t.check("SIMSECRET" not in result.err, result.err)


@tap.test()
def dump_config_masks_secrets(t):
    config = minimal(t)
    config.section("notifier", "hook", {
        "type": "webhook", "url": "https://example.com/SIMSECRET-path",
        "headers": ["X-Token: SIMSECRET-header"]}).write()
    result = run_daemon(t, "--config", config.path, "--dump-config")
    t.equal(result.code, 0)
    t.check("SIMSECRET" not in result.out + result.err, result.out)
    for word in ("degraded-after", "requests-per-minute", "example.com", "600000"):
        t.check(word in result.out, f"{word} is not in the dump")


@tap.test()
def conf_d_is_read_in_order(t):
    config = minimal(t)
    os.mkdir(t.path("conf.d"))
    for name, value in (("20-b.conf", 20), ("10-a.conf", 10), ("30-c.ignored", 30)):
        with open(t.path("conf.d", name), "w", encoding="utf-8") as file:
            file.write(f"progress-step = {value}\n")
    result = run_daemon(t, "--config", config.path, "--dump-config")
    t.check(re.search(r"^progress-step\s*=\s*20$", result.out, re.M), result.out)
    with open(t.path("conf.d", "40-bad.conf"), "w", encoding="utf-8") as file:
        file.write("\nnonsense = 1\n")
    result = run_daemon(t, "--config", config.path)
    t.equal(result.code, 78)
    t.check("40-bad.conf:2" in result.err, result.err)


@tap.test()
def only_a_key_is_enough(t):
    """No file at all: every kind of the key's account, to the journal."""
    for path in ("/etc/tunewatch/tunewatch.conf", "/usr/local/etc/tunewatch/tunewatch.conf"):
        if os.path.exists(path):
            raise tap.Skip(f"{path} exists")
    sim = Sim(t, {"jobs": [{"kind": kind, "id": "a", "account": "solo", "state": "RUNNING"}
                           for kind in events.COLLECTIONS]})
    config = Config(t)
    config.state_dir, config.socket = t.path("sd"), t.path("run", "control.sock")
    os.mkdir(t.path("sd"))
    os.mkdir(t.path("run"))
    daemon = Daemon(t, config, args=[], start=False, env={
        "FIREWORKS_API_KEY": KEY, "FIREWORKS_BASE_URL": sim.url, "STATE_DIRECTORY": t.path("sd"),
        "RUNTIME_DIRECTORY": t.path("run")})
    daemon.start(write=False)
    for kind in events.COLLECTIONS:
        t.wait(lambda k=kind: sim.requests(f"solo/{events.COLLECTIONS[k]}$"), 45,
               f"{kind} to be listed")
    t.check(glob.glob(t.path("sd", "*.db")), "no store in $STATE_DIRECTORY")


@tap.test()
def sigterm_and_sigint_end_it_with_0(t):
    _, _, daemon = setup(t, JOB)
    for number in (signal.SIGTERM, signal.SIGINT):
        daemon.signal(number)
        t.equal(daemon.wait_exit(), 0, signal.Signals(number).name)
        t.check(not os.path.exists(daemon.config.socket), "the socket is left behind")
        daemon.start()


@tap.test()
def sigterm_during_the_start_and_during_polls(t):
    sim, _, daemon = setup(t, JOB, start=False)
    for _ in range(5):
        daemon.start(ready=False)
        time.sleep(t.random.uniform(0.0, 0.1))  # any moment will do
        daemon.signal(signal.SIGTERM)
        code = daemon.wait_exit()
        # Before main() it is the kernel that ends it.
        t.check(code in (0, -signal.SIGTERM), f"ended with {code}")
    sim.fault("delay")
    daemon.start()
    t.wait(lambda: [r for r in sim.requests() if r["fault"]], 10, "a poll that hangs")
    begin = time.monotonic()
    daemon.stop()
    t.check(time.monotonic() - begin < 3, "waited for a poll")
    daemon.start()


@tap.test()
def what_it_tells_systemd(t):
    sim, _, daemon = setup(t, JOB, start=False)
    daemon.env.update(WATCHDOG_USEC="1000000")
    daemon.start()
    t.wait(lambda: len(daemon.notify.having("WATCHDOG")) >= 4, 10, "four signs of life")
    times = [at for at, fields in list(daemon.notify.messages) if "WATCHDOG" in fields]
    gaps = [b - a for a, b in zip(times, times[1:])]
    t.check(max(gaps) < 1.0, f"signs of life {max(gaps):.2f} s apart")
    t.wait(lambda: daemon.notify.having("STATUS"), 5, "a STATUS")
    sim.wait_seen("sft", "a")
    daemon.reload()
    reloading = daemon.notify.having("RELOADING")
    t.equal([f["RELOADING"] for f in reloading], ["1"])
    stamp = int(reloading[0].get("MONOTONIC_USEC", "0"))
    t.check(0 < stamp <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000, f"stamp {stamp}")
    daemon.stop()
    t.wait(lambda: daemon.notify.having("STOPPING"), 5, "STOPPING=1")
    order = [key for _, fields in daemon.notify.messages
             for key in ("READY", "RELOADING", "STOPPING") if key in fields]
    t.equal(order, ["READY", "RELOADING", "READY", "STOPPING"])
    daemon.start()


@tap.test()
def no_watchdog_without_systemd_asking(t):
    sim, _, daemon = setup(t, JOB)
    sim.wait_requests(8)
    t.equal(daemon.notify.having("WATCHDOG"), [])


@tap.test()
def a_loop_that_hangs_is_not_alive(t):
    _, _, daemon = setup(t, JOB, start=False)
    daemon.env.update(WATCHDOG_USEC="1000000")
    daemon.start()
    t.wait(lambda: daemon.notify.having("WATCHDOG"), 10, "a sign of life")
    daemon.signal(signal.SIGSTOP)
    count = len(daemon.notify.having("WATCHDOG"))
    time.sleep(1.5)  # what is waited for is that nothing comes
    t.equal(len(daemon.notify.having("WATCHDOG")), count)
    daemon.signal(signal.SIGCONT)
    t.wait(lambda: len(daemon.notify.having("WATCHDOG")) > count, 10, "a sign of life")


@tap.test(limit=90)
def ready_without_a_network(t):
    sim, hook, daemon = setup(t, JOB, {"first_sight": "announce"}, start=False)
    sim.stop()
    begin = time.monotonic()
    daemon.start()
    t.check(time.monotonic() - begin < 5, "READY waited for the network")
    event = hook.wait(1, types="watcher.degraded", timeout=20)[0]
    t.equal(event["data"]["trouble"], "connect")
    sim.restart()
    hook.wait(1, types="watcher.restored", timeout=40)
    hook.wait(1, types="job.found")


@tap.test()
def a_good_reload(t):
    sim, hook, daemon = setup(t, JOB)
    sim.wait_seen("sft", "a")
    settle(sim)
    daemon.config.webhook(hook, "second", "/second").write()
    daemon.reload()
    sim.set("sft", "a", state="PAUSED")
    hook.wait(1)
    hook.wait(1, "/second")
    del daemon.config.sections["notifier", "second"]
    daemon.config.write()
    daemon.reload()
    sim.set("sft", "a", state="COMPLETED")
    hook.wait(2)
    settle(sim)
    t.equal(len(hook.got("/second")), 1, "a notifier that is gone")
    t.equal([e["type"] for e in hook.events()], ["job.paused", "job.succeeded"], "a reload repeats")


@tap.test()
def a_reload_with_another_watch(t):
    sim, hook, daemon = setup(t, {"jobs": [
        {"kind": kind, "id": "a", "state": "RUNNING"} for kind in ("sft", "dpo")]},
        {"kinds": ["sft"]})
    sim.wait_seen("sft", "a")
    settle(sim)
    daemon.config.watch("more", kinds=["dpo"], first_sight="announce").write()
    daemon.reload()
    t.equal(hook.wait(1)[0]["subject"], name_of("dpo", "a"))
    sim.set("sft", "a", state="COMPLETED")
    hook.wait(2)


@tap.test()
def a_reload_routes_by_the_new_configuration_only(t):
    """What is due at the very moment of a reload goes where the new file says."""
    sim = Sim(t, JOB)
    hook = Webhook(t)
    config = Config(t, degraded_after="1h").account(sim).watch()
    config.webhook(hook, "gone", "/gone", events=["job.failed"]).webhook(hook, "stays", "/stays")
    daemon = Daemon(t, config)
    sim.wait_seen("sft", "a")
    sim.fault("503")
    t.wait(lambda: daemon.get("/v1/status")["accounts"][0]["inSight"] is False, 20, "an outage")
    del config.sections["notifier", "gone"]
    config.options["degraded_after"] = "1s"
    time.sleep(1.1)  # so that the outage is too long at the reload
    config.write()
    daemon.reload()
    hook.wait(1, "/stays", types="watcher.degraded")
    t.equal(hook.got("/gone"), [])


@tap.test()
def a_watch_that_comes_in_the_middle_of_a_listing(t):
    """Its baseline is the next whole listing: it has not seen the pages that came before it."""
    sim = Sim(t, {"jobs": [{"kind": "sft", "id": f"j{i:03}", "displayName": "b", "state": "RUNNING"}
                           for i in range(250)]})
    hook = Webhook(t)
    config = Config(t).account(sim).watch("a", kinds=["sft"], display_name="a").webhook(hook)
    sim.fault("delay", path="Jobs$", page=[2, 2], times=1, seconds=2)
    daemon = Daemon(t, config)
    t.wait(lambda: [r for r in sim.requests() if "pageToken" in r["query"]], 15, "a second page")
    config.watch("b", kinds=["sft"], display_name="b").write()
    daemon.reload()
    settle(sim, "Jobs$", polls=6)
    t.equal(len(daemon.jobs()), 250)
    t.equal([e["type"] for e in hook.events()], [], "of the baseline")
    t.equal(sim.requests("/j"), [], "lists show them all")


@tap.test()
def a_reload_while_the_account_is_found_by_its_key(t):
    """Whose key it is, is asked again at once, whatever the poll interval."""
    sim = Sim(t, {"jobs": [{"kind": "sft", "id": "a", "account": "solo", "state": "RUNNING"}]})
    config = Config(t, poll_interval="1h").account(sim, "key", account_id="")
    config.watch("all", "key", kinds=["sft"])
    daemon = Daemon(t, config)
    sim.wait_seen("sft", "a", "solo")
    t.wait(daemon.jobs, 10, "its job")
    daemon.reload()
    t.wait(lambda: len(sim.requests("/accounts$")) > 1, 10, "the account to be asked for")
    sim.set("sft", "a", "solo", state="COMPLETED")
    t.wait(lambda: daemon.jobs()[name_of("sft", "a", "solo")]["phase"] == "succeeded", 10, "a poll")


@tap.test()
def an_account_that_is_not_found_is_an_outage(t):
    """Nobody knows whose outage it is, so there is no event; but it is not all right either."""
    sim = Sim(t, {"jobs": [{"kind": "sft", "id": "a", "account": "solo", "state": "RUNNING"}]})
    config = Config(t).account(sim, "key", account_id="").watch("all", "key", kinds=["sft"])
    sim.fault("403", path="/accounts$")
    daemon = Daemon(t, config)
    t.wait(lambda: daemon.request("/healthz")[0] == 503, 15, "healthz to say so")
    daemon.wait_log("account key is out of sight")
    sim.clear()
    t.wait(lambda: daemon.request("/healthz")[0] == 200, 30, "its end")
    t.wait(daemon.jobs, 10, "its job")


@tap.test()
def a_bad_reload_is_refused(t):
    sim, hook, daemon = setup(t, JOB)
    sim.wait_seen("sft", "a")
    settle(sim)
    daemon.config.write(daemon.config.text() + "nonsense = 1\n")
    before = len(daemon.notify.having("READY"))
    daemon.signal(signal.SIGHUP)
    daemon.wait_log("nonsense")
    t.wait(lambda: len(daemon.notify.having("READY")) > before, 10, "READY=1, or systemd waits on")
    t.check("the last reload was refused" in daemon.notify.having("STATUS")[-1]["STATUS"],
            daemon.notify.having("STATUS")[-1]["STATUS"])
    t.check("unknown option 'nonsense'" in daemon.get("/v1/status")["configurationError"],
            daemon.get("/v1/status"))
    sim.set("sft", "a", state="COMPLETED")
    hook.wait(1)
    daemon.config.write()
    daemon.reload()
    t.equal(daemon.get("/v1/status")["configurationError"], None)
    t.check("refused" not in daemon.notify.having("STATUS")[-1]["STATUS"], daemon.notify.having("STATUS")[-1]["STATUS"])
    sim.set("sft", "a", state="RUNNING")
    hook.wait(2)


@tap.test()
def many_reloads_at_once(t):
    sim, hook, daemon = setup(t, JOB)
    sim.wait_seen("sft", "a")
    settle(sim)
    for _ in range(20):
        daemon.signal(signal.SIGHUP)
        time.sleep(t.random.uniform(0.0, 0.02))  # any moment will do
    sim.set("sft", "a", state="COMPLETED")
    t.equal([e["type"] for e in hook.wait(1)], ["job.succeeded"])
    settle(sim)
    t.equal(len(hook.got()), 1)


@tap.test()
def a_second_daemon_is_refused(t):
    sim, hook, daemon = setup(t, JOB)
    other = t.path("other.conf")
    with open(other, "w", encoding="utf-8") as file:
        file.write(daemon.config.text().replace("control.sock", "other.sock"))
    os.chmod(other, 0o600)
    result = run_daemon(t, "--config", other)
    t.equal(result.code, 74)
    t.check(str(daemon.pid) in result.err and daemon.config.state_dir in result.err, result.err)
    sim.wait_seen("sft", "a")
    settle(sim)
    sim.set("sft", "a", state="COMPLETED")
    hook.wait(1)
    daemon.kill()
    daemon.start()


def database(config):
    found = glob.glob(os.path.join(config.state_dir, "*.db"))
    return found[0]


@tap.test()
def a_damaged_database_is_never_overwritten(t):
    sim, _, daemon = setup(t, JOB)
    sim.wait_seen("sft", "a")
    daemon.stop()
    daemon.expect_running = False
    path = database(daemon.config)
    for content in (b"this is not a database\n" * 400, b"SQLite format 3\0" + b"\xff" * 8176, b"x"):
        for extra in glob.glob(f"{path}-*"):
            os.unlink(extra)
        with open(path, "wb") as file:
            file.write(content)
        result = run_daemon(t, "--config", daemon.config.path)
        t.equal(result.code, 74, content[:10])
        t.check(path in result.err, f"which file: {result.err}")
        with open(path, "rb") as file:
            t.check(file.read() == content, f"{content[:10]}: written to")


@tap.test()
def a_newer_database_is_left_alone(t):
    sim, _, daemon = setup(t, JOB)
    sim.wait_seen("sft", "a")
    daemon.stop()
    daemon.expect_running = False
    path = database(daemon.config)
    connection = sqlite3.connect(path)
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    t.check(version >= 1, f"version {version}")
    connection.execute("PRAGMA user_version = 9999")
    connection.commit()
    connection.close()
    with open(path, "rb") as file:
        before = file.read()
    result = run_daemon(t, "--config", daemon.config.path)
    t.equal(result.code, 74)
    t.check(path in result.err and "newer" in result.err, result.err)
    with open(path, "rb") as file:
        t.check(file.read() == before, "written to")


@tap.test()
def a_state_directory_that_cannot_be_is_74(t):
    with open(t.path("file"), "w", encoding="utf-8") as file:
        file.write("in the way\n")
    config = minimal(t, state_dir=t.path("file", "state"))
    result = run_daemon(t, "--config", config.path)
    t.equal(result.code, 74)
    t.check(t.path("file") in result.err, result.err)


@tap.test()
def its_files_are_its_own(t):
    sim, _, daemon = setup(t, JOB)
    sim.wait_seen("sft", "a")
    t.equal(os.stat(daemon.config.state_dir).st_mode & 0o777, 0o700, "the state directory")
    for path in glob.glob(os.path.join(daemon.config.state_dir, "*")):
        t.equal(os.stat(path).st_mode & 0o077, 0, path)
    t.equal(os.stat(daemon.config.socket).st_mode & 0o007, 0, "the control socket")
    mode = sqlite3.connect(f"file:{database(daemon.config)}?mode=ro", uri=True)
    t.equal(mode.execute("PRAGMA journal_mode").fetchone()[0], "wal")
    mode.close()


@tap.test()
def a_socket_left_by_a_crash_is_replaced(t):
    sim, _, daemon = setup(t, JOB)
    daemon.kill()
    t.check(os.path.exists(daemon.config.socket), "no socket")
    daemon.start()
    t.equal(daemon.request("/healthz")[0], 200)
    sim.wait_requests(1)


@tap.test()
def a_file_in_the_sockets_place_stays(t):
    path = t.path("precious")
    with open(path, "w", encoding="utf-8") as file:
        file.write("not a socket\n")
    config = minimal(t, control_socket=path)
    result = run_daemon(t, "--config", config.path)
    t.equal(result.code, 73)
    t.check(path in result.err, result.err)
    with open(path, encoding="utf-8") as file:
        t.equal(file.read(), "not a socket\n")


@tap.test()
def the_socket_of_another_stays(t):
    """Somebody removed the socket's file, and another daemon made one of its own there."""
    _, _, daemon = setup(t, JOB)
    os.unlink(daemon.config.socket)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(daemon.config.socket)
        daemon.stop()
        t.check(os.path.exists(daemon.config.socket), "removed the socket of another")
    daemon.expect_running = False


@tap.test()
def a_store_that_fails_does_not_hold_up_the_end(t):
    """A verdict that cannot be written down: what it is about is sent again after the restart."""
    sim, hook, daemon = setup(t, JOB)
    sim.wait_seen("sft", "a")
    settle(sim)
    hook.script("/", Reply(delay=2.0))
    sim.set("sft", "a", state="COMPLETED")
    hook.wait_requests(1)
    connection = sqlite3.connect(database(daemon.config), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    daemon.wait_log("the store fails")
    begin = time.monotonic()
    daemon.signal(signal.SIGTERM)
    t.equal(daemon.wait_exit(), 0)
    t.check(time.monotonic() - begin < 8, "waited for the store")
    connection.close()
    daemon.start()
    hook.wait_requests(2)
    t.equal(len(hook.events()), 1, "the same event again")


@tap.test()
def hooks_survive_nothing_of_the_daemons_signals(t):
    """SIGHUP to the daemon is not one to a hook that runs."""
    sim, hook, daemon = setup(t, JOB, start=False)
    run = Hook(t, body="time.sleep(1.5)")
    daemon.config.exec(run)
    daemon.start()
    sim.wait_seen("sft", "a")
    settle(sim)
    sim.set("sft", "a", state="COMPLETED")
    run.wait_runs(1)
    daemon.reload()
    run.wait_ends(1)
    hook.wait(1)
    settle(sim)
    t.equal(len(run.runs()), 1, "ran twice")


@tap.test()
def the_log_on_standard_error_names_the_job(t):
    sim, hook, daemon = setup(t, JOB, {"first_sight": "announce"})
    hook.wait(1)
    sim.set("sft", "a", state="FAILED")
    hook.wait(2)
    daemon.stop()
    log = daemon.log()
    t.check(not re.search(r"[\x00-\x08\x0b-\x1f]", log), "control characters in the log")
    t.check(log.strip(), "an empty log")
    daemon.start()


@tap.test()
def two_daemons_with_two_states_side_by_side(t):
    sim, hook, _ = setup(t, JOB, {"first_sight": "announce"})
    other = Webhook(t)
    os.mkdir(t.path("2"))
    case = tap.Case("second", t.path("2"), "0")
    t.defer(case.stack.close)
    second = Config(case).account(sim).watch(first_sight="announce").webhook(other)
    Daemon(case, second)
    ids = [receiver.wait(1, subject=A)[0]["id"] for receiver in (hook, other)]
    t.equal(ids[0], ids[1], "the id is a function of the job")
    t.defer(lambda: t.faults.extend(case.faults))


if __name__ == "__main__":
    tap.main()
