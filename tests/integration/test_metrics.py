#!/usr/bin/env python3
"""GET /metrics: what Prometheus' own tool says of it, and that its numbers move as what happens."""

import os
import re
import shutil
import subprocess
import time

from harness import (
    HERE, KEY, Config, Daemon, Sim, Webhook, bodies, events, run_daemon, settle, setup, tap,
)

SERIES = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (\S+)')
LABEL = re.compile(r'([a-z]+)="((?:[^"\\]|\\.)*)"')
COUNTERS = ("_total", "_bucket", "_sum", "_count")


def text_of(daemon):
    status, headers, body = daemon.request("/metrics")
    if (status, headers["Content-Type"]) != (200, "text/plain; version=0.0.4; charset=utf-8"):
        raise tap.Failed(f"{status} {headers}")
    return body.decode()


def metrics(daemon):
    """{name: {(label values, in their order): number}}"""
    found = {}
    for line in text_of(daemon).splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = SERIES.fullmatch(line).groups()
        key = tuple(value for _, value in LABEL.findall(labels or ""))
        if key in found.setdefault(name, {}):
            raise tap.Failed(f"twice: {line}")
        found[name][key] = float(value)
    return found


def value(daemon, name, *labels):
    return metrics(daemon)[name][labels]


def some(series):
    """Of an account's or a notifier's series, those that are not 0: {last label: number}"""
    return {key[-1]: number for key, number in series.items() if number}


def counters(found):
    return {(name, key): number for name, series in found.items() for key, number in series.items()
            if name.endswith(COUNTERS)}


JOBS = {"jobs": [{"kind": "sft", "id": "a", "state": "RUNNING", "progress": {"percent": 5}},
                 {"kind": "dpo", "id": "b", "state": "COMPLETED"}]}


@tap.test()
def promtool_has_no_complaint(t):
    if not shutil.which("promtool"):
        raise tap.Skip("promtool is not installed (Debian: prometheus)")
    sim, hook, daemon = setup(t, JOBS)
    sim.wait_seen("sft", "a")
    sim.set("sft", "a", state="COMPLETED")
    hook.wait(1, types="job.succeeded")
    checked = subprocess.run(["promtool", "check", "metrics"], input=text_of(daemon).encode(),
                             capture_output=True, timeout=20, check=False)
    t.equal((checked.returncode, checked.stdout, checked.stderr), (0, b"", b""))


def wait_nothing_waits(t, daemon):
    """A verdict counts when it comes; the delivery waits until that is durable."""
    def nothing():
        found = metrics(daemon)
        return not (some(found["tunewatch_deliveries_pending"]) or
                    some(found["tunewatch_delivery_oldest_age_seconds"]))

    t.wait(nothing, 10, "all verdicts to be durable")


@tap.test()
def the_life_of_a_job(t):
    sim, hook, daemon = setup(t, JOBS)
    daemon.wait_known(*daemon_names())
    settle(sim)
    before = metrics(daemon)
    t.equal(some(before["tunewatch_jobs"]), {"running": 1, "succeeded": 1})
    t.equal(some(before["tunewatch_events_total"]), {}, "the baseline is silent")
    for change in ({"progress": {"percent": 50}}, {"state": "WRITING_RESULTS"},
                   {"state": "COMPLETED"}):
        sim.set("sft", "a", **change)
        sim.wait_seen("sft", "a")
    hook.wait(1, types="job.succeeded")
    t.wait(lambda: value(daemon, "tunewatch_deliveries_total", "web", "delivered") == 3, 10,
           "three deliveries")
    wait_nothing_waits(t, daemon)
    after = metrics(daemon)
    t.equal(some(after["tunewatch_events_total"]),
            {"job.progress": 1, "job.finishing": 1, "job.succeeded": 1})
    t.equal(some(after["tunewatch_jobs"]), {"succeeded": 2})
    t.equal(some(after["tunewatch_deliveries_total"]), {"delivered": 3})
    # The baseline, then at least three times a snapshot with its event, and an acknowledgement.
    name = "tunewatch_commit_duration_seconds"
    t.check(after[f"{name}_count"][()] >= before[f"{name}_count"][()] + 6, "the commits")
    t.check(0 < after[f"{name}_sum"][()] < 60, after[f"{name}_sum"])
    buckets = list(after[f"{name}_bucket"].items())
    t.equal((buckets[0][0], buckets[-1]), (("5e-05",), (("+Inf",), after[f"{name}_count"][()])))
    t.equal([n for _, n in buckets], sorted(n for _, n in buckets))
    then = counters(after)
    t.equal([key for key, n in counters(before).items() if then[key] < n], [], "counters went back")
    t.equal(set(then), set(counters(before)), "series that come and go")


def daemon_names():
    return [f"accounts/acme/{bodies.KINDS[job['kind']][0]}/{job['id']}" for job in JOBS["jobs"]]


@tap.test()
def requests_are_all_counted(t):
    sim, _, daemon = setup(t, JOBS)
    settle(sim, polls=10)

    def counted():
        sent = len(sim.requests())
        found = sum(metrics(daemon)["tunewatch_api_requests_total"].values())
        return sent <= found + 1 and found <= len(sim.requests())

    t.wait(counted, 10, "as many requests as the server had")
    t.equal(set(some(metrics(daemon)["tunewatch_api_requests_total"])), {"ok"})


@tap.test()
def requests_of_before_the_account_was_known(t):
    for path in ("/etc/tunewatch/tunewatch.conf", "/usr/local/etc/tunewatch/tunewatch.conf"):
        if os.path.exists(path):
            raise tap.Skip(f"{path} exists")
    sim = Sim(t, {"jobs": [{"kind": "sft", "id": "a", "account": "solo", "state": "RUNNING"}]})
    config = Config(t)
    config.socket = t.path("run", "control.sock")
    os.mkdir(t.path("run"))
    daemon = Daemon(t, config, args=[], start=False, env={
        "FIREWORKS_API_KEY": KEY, "FIREWORKS_BASE_URL": sim.url,
        "STATE_DIRECTORY": config.state_dir, "RUNTIME_DIRECTORY": t.path("run")})
    daemon.start(write=False)
    sim.wait_requests(2, timeout=30)  # whose key it is, and a list, six seconds later

    def found():
        return metrics(daemon)["tunewatch_api_requests_total"]

    t.wait(lambda: sum(found().values()) == len(sim.requests()), 4, "both to be counted")
    t.equal(len({account for account, _ in found()}), 1)


@tap.test()
def a_webhook_that_fails(t):
    sim, hook, daemon = setup(t, JOBS)
    daemon.wait_known(*daemon_names())
    hook.script("/", 503, forever=True)
    start = time.monotonic()
    sim.set("sft", "a", state="PAUSED")
    t.wait(lambda: value(daemon, "tunewatch_deliveries_total", "web", "retry") == 1, 20, "a retry")
    found = metrics(daemon)
    t.equal(found["tunewatch_deliveries_pending"], {("web",): 1})
    age = found["tunewatch_delivery_oldest_age_seconds"]["web",]
    t.check(0 < age <= time.monotonic() - start, f"{age} s old")
    time.sleep(0.5)
    t.check(value(daemon, "tunewatch_delivery_oldest_age_seconds", "web") >= age + 0.5, "older")
    hook.script("/", 400, forever=True)
    t.wait(lambda: value(daemon, "tunewatch_deliveries_total", "web", "dead") == 1, 20, "its end")
    wait_nothing_waits(t, daemon)
    hook.script("/", 410)
    sim.set("sft", "a", state="RUNNING")
    t.wait(lambda: value(daemon, "tunewatch_notifier_off", "web") == 1, 20, "that it is off")
    sim.set("sft", "a", state="COMPLETED")
    t.wait(lambda: value(daemon, "tunewatch_deliveries_total", "web", "skipped") == 1, 20,
           "one that is skipped")
    t.equal(some(metrics(daemon)["tunewatch_deliveries_total"]),
            {"retry": 1, "dead": 2, "skipped": 1})


@tap.test()
def a_budget_that_is_refused(t):
    sim = Sim(t, JOBS)
    daemon = Daemon(t, Config(t, degraded_after="1h").account(sim, requests_per_minute=1200).watch())
    settle(sim)
    found = metrics(daemon)
    t.equal((found["tunewatch_budget_requests_per_minute"]["acme",],
             found["tunewatch_budget_current_requests_per_minute"]["acme",]), (1200, 1200))
    t.wait(lambda: value(daemon, "tunewatch_budget_available_requests", "acme") == 2, 20,
           "a full bucket: 1200 a minute are 600 evenly spaced, and two at once")
    sim.fault("429", times=1)
    t.wait(lambda: value(daemon, "tunewatch_api_requests_total", "acme", "rate_limited") == 1, 20,
           "the refusal")
    found = metrics(daemon)
    t.equal((found["tunewatch_budget_requests_per_minute"]["acme",],
             found["tunewatch_budget_current_requests_per_minute"]["acme",]), (1200, 600))


@tap.test()
def an_outage(t):
    sim, hook, daemon = setup(t, JOBS)
    settle(sim)
    t.equal(value(daemon, "tunewatch_account_in_sight", "acme"), 1)
    sim.fault("503")
    hook.wait(1, types="watcher.degraded", timeout=30)
    found = metrics(daemon)
    t.equal(found["tunewatch_account_in_sight"]["acme",], 0)
    t.check(found["tunewatch_api_requests_total"]["acme", "server"] >= 1, "a class for the failure")
    t.equal(found["tunewatch_events_total"]["watcher.degraded",], 1)
    t.equal(some(found["tunewatch_jobs"]), {"running": 1, "succeeded": 1}, "no state of a job")
    sim.clear()
    hook.wait(1, types="watcher.restored", timeout=30)
    t.equal(value(daemon, "tunewatch_account_in_sight", "acme"), 1)


@tap.test()
def a_server_that_is_not_there(t):
    daemon = Daemon(t, Config(t).account("http://127.0.0.1:1").watch())
    t.wait(lambda: value(daemon, "tunewatch_api_requests_total", "acme", "connect") >= 1, 20,
           "a failed connection")
    t.equal(value(daemon, "tunewatch_account_in_sight", "acme"), 0)


@tap.test()
def what_leaves_the_configuration_ends(t):
    sim = Sim(t, {"jobs": [*JOBS["jobs"], {**JOBS["jobs"][0], "account": "other"}]})
    hook = Webhook(t)
    hook.script("/left", 503, forever=True)
    config = Config(t).account(sim).account(sim, "other").watch().watch("more", "other")
    config.webhook(hook).webhook(hook, "left", "/left")
    daemon = Daemon(t, config)
    sim.wait_seen("sft", "a", "other")
    sim.set("sft", "a", "other", state="COMPLETED")
    t.wait(lambda: value(daemon, "tunewatch_deliveries_pending", "left") == 1, 20, "what waits")

    def names():
        page = text_of(daemon)
        return {kind: set(re.findall(rf'{kind}="([^"]*)"', page)) for kind in ("account", "notifier")}

    t.equal(names(), {"account": {"acme", "other"}, "notifier": {"web", "left"}})
    for key in (("account", "other"), ("watch", "more"), ("notifier", "left")):
        del config.sections[key]
    config.write()
    daemon.reload()
    t.equal(names(), {"account": {"acme"}, "notifier": {"web"}})
    t.equal(value(daemon, "tunewatch_config_last_reload_successful"), 1)
    config.write("nonsense = 1\n")
    daemon.reload()
    t.equal(value(daemon, "tunewatch_config_last_reload_successful"), 0)
    t.equal(names(), {"account": {"acme"}, "notifier": {"web"}})
    config.write()
    daemon.reload()


@tap.test()
def what_it_says_of_the_daemon(t):
    _, _, daemon = setup(t, JOBS)
    found = metrics(daemon)
    version = run_daemon(t, "--version").out.split()[1]
    t.equal(found["tunewatch_build_info"], {(version,): 1})
    t.check(abs(found["process_start_time_seconds"][()] - time.time()) < 60, "its start")
    t.check(found["tunewatch_loop_longest_stall_seconds"][()] >=
            0.05 * (found["tunewatch_loop_stalls_total"][()] > 0), "no stall without a long turn")


@tap.test()
def the_manual_lists_them(t):
    _, _, daemon = setup(t, {"jobs": []})
    served = set(re.findall(r"^# TYPE (\S+)", text_of(daemon), re.MULTILINE))
    with open(os.path.join(HERE, "..", "..", "man", "tunewatchd.8"), encoding="utf-8") as file:
        section = re.search(r"^\.Sh METRICS$(.*?)^\.Sh ", file.read(), re.DOTALL | re.MULTILINE)[1]
    items = " ".join(re.findall(r"^\.It (.*)", section, re.MULTILINE))
    t.equal(set(re.findall(r"\b(?:tunewatch|process)_\w+", items)), served)


@tap.test()
def nothing_secret_is_a_label(t):
    """Nor anything that the network names: there are as many series as the configuration wants."""
    sim, hook, daemon = setup(t, {"jobs": [
        {"kind": "sft", "id": f"job-{i}", "displayName": f"Shown {i}", "state": f"NEW_{i}"}
        for i in range(50)]})
    t.wait(lambda: sum(metrics(daemon)["tunewatch_jobs"].values()) == 50, 20, "the jobs")
    sim.fault("403", message=f"no {KEY}")
    hook.wait(1, types="watcher.degraded", timeout=30)
    page = text_of(daemon)
    for word in (bodies.SECRET, "job-", "Shown", "NEW_", "127.0.0.1", hook.url(), daemon.config.path):
        t.check(word not in page, word)
    t.check(len(page.splitlines()) < 200, f"{len(page.splitlines())} lines")
    t.equal(set(re.findall(r'type="(\w+\.\w+)"', page)), events.JOB_TYPES | events.WATCHER_TYPES)


if __name__ == "__main__":
    tap.main()
