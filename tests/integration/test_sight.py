#!/usr/bin/env python3
"""Not being able to see a job is never a state of the job: whatever the network does, no snapshot
changes; the account's outage is told once, and its end once."""

import os
import re
import subprocess

from harness import (
    Config, Daemon, Sim, Webhook, bodies, check_log, fireworks_sim, name_of, settle, setup, tap,
)

# What the server does, and the class of trouble that it is.
FAULTS = [
    ("reset", "reset"), ("truncate", "reset"), ("wrong-length", "not_api"),
    ("redirect", "redirect"), ("huge", "too_large"), ("gzip-bomb", "too_large"),
    ("html200", "not_api"), ("not-json", "not_api"), ("empty", "not_api"), ("null", "not_api"),
    ("deep", "not_api"), ("other-name", "wrong_job"), ("wrong-type", "not_api"),
    ("duplicate-key", "not_api"), ("invalid-utf8", "not_api"), ("trailing", "not_api"),
    ("206", "not_api"), ("400", "http"), ("401", "unauthorized"), ("403", "unauthorized"), ("412", "suspended"),
    ("429", "rate_limited"), ("500", "server"), ("503", "server"),
]
SLOW = [("delay", "timeout"), ("drip", "timeout")]
PROGRESS = {"percent": 42, "epoch": 1}


def all_faults(t, faults, watch, pattern, failures, timeout):
    """An account for each fault, so that all go wrong at once in one daemon."""
    accounts = {f"f-{do}": (do, trouble) for do, trouble in faults}
    sim = Sim(t, {"jobs": [
        {"account": account, "kind": "sft", "id": "a", "state": "RUNNING", "progress": PROGRESS}
        for account in accounts]})
    hook = Webhook(t)
    config = Config(t).webhook(hook)
    for account in accounts:
        config.account(sim, account).watch(f"w-{account}", account, **watch)
    daemon = Daemon(t, config)
    t.defer(check_log, t, hook, sim)
    for account in accounts:
        sim.wait_seen("sft", "a", account)
    settle(sim, polls=2 * len(accounts))
    before = daemon.jobs()
    known = len(hook.events())
    for account, (do, _) in accounts.items():
        sim.fault(do, path=f"{account}/{pattern}")
    for account in accounts:
        t.wait(lambda a=account: len([r for r in sim.requests(f"{a}/{pattern}") if r["fault"]])
               >= failures, timeout, f"{failures} requests of {account}")
    degraded = hook.wait(len(accounts), types="watcher.degraded", timeout=timeout)
    for event in degraded:
        account = event["subject"].split("/")[1]
        data = event["data"]
        t.equal((data["account"], data["trouble"]), (account, accounts[account][1]), account)
        t.check(data["firstError"] and data["lastError"], f"{account}: without its errors")
    check_jobs_same(t, daemon, before)
    sim.clear()
    restored = hook.wait(len(accounts), types="watcher.restored", timeout=timeout)
    for event in restored:
        t.check(event["data"]["durationSeconds"] >= 0, f"how long: {event['data']}")
    t.equal({e["subject"] for e in degraded}, {f"accounts/{a}" for a in accounts})
    t.equal({e["subject"] for e in restored}, {f"accounts/{a}" for a in accounts})
    check_jobs_same(t, daemon, before)
    t.equal(len(hook.events()), known + 2 * len(accounts), "a job's event out of a fault")
    for account in accounts:
        sim.set("sft", "a", account, state="COMPLETED")
    done = hook.wait(len(accounts), types="job.succeeded", timeout=timeout)
    for event in done:
        data = event["data"]["from"]
        t.equal((data["state"], data["progress"]["percent"]), ("JOB_STATE_RUNNING", 42))


def check_jobs_same(t, daemon, before):
    """Every job's snapshot is what it was."""
    after = daemon.jobs()
    for name, view in before.items():
        for key in ("state", "phase", "status", "progress", "attempt", "sequence"):
            t.equal(after.get(name, {}).get(key), view.get(key), f"{name}: {key}")


@tap.test(limit=100)
def no_fault_of_a_list_is_a_state(t):
    # And of the jobs by name: as long as these are answered, a list that fails is no outage.
    all_faults(t, FAULTS, {"kinds": ["sft"]}, "supervisedFineTuningJobs", 2, 30)


@tap.test(limit=100)
def no_fault_of_a_get_is_a_state(t):
    # 404 is the one answer that says something of the job; see test_events.py.
    all_faults(t, FAULTS, {"jobs": ["sft/a"]}, "supervisedFineTuningJobs/a$", 2, 30)


@tap.test(limit=240)
def no_slow_answer_is_a_state(t):
    all_faults(t, SLOW, {"kinds": ["sft"]}, "supervisedFineTuningJobs", 1, 100)


@tap.test()
def a_fault_on_a_later_page_changes_nothing(t):
    sim, hook, _ = setup(t, {"generate": [{"kind": "sft", "count": 450}]}, {"kinds": ["sft"]})
    world = sim.server.api.world
    t.wait(lambda: all(job.visible for job in world.jobs.values()), 15, "all pages")
    settle(sim, "supervised", 6)
    first, last = sorted(world.jobs)[0], sorted(world.jobs)[-1]
    # A round is three requests; of the next two rounds one page or another is broken.
    sim.fault("not-json", path="supervised", request=[2, 2])
    sim.fault("truncate", path="supervised", request=[4, 4])
    t.wait(lambda: [r for r in sim.requests() if r["fault"]], 15, "a fault")
    sim.set("sft", first.split("/")[-1], state="FAILED")
    sim.set("sft", last.split("/")[-1], state="COMPLETED")
    hook.wait(1, subject=first, types="job.failed", timeout=30)
    hook.wait(1, subject=last, types="job.succeeded", timeout=30)
    settle(sim, "supervised", 6)
    t.equal(len(hook.events(types="job.*")), 2, "events of other jobs")


@tap.test()
def an_outage_is_told_once(t):
    sim, hook, _ = setup(t, {"jobs": [{"kind": "sft", "id": "a", "state": "RUNNING"}]})
    sim.wait_seen("sft", "a")
    settle(sim)
    for round_ in (1, 2):
        sim.fault("503")
        hook.wait(round_, types="watcher.degraded")
        settle(sim, polls=1)
        sim.clear()
        hook.wait(round_, types="watcher.restored", timeout=30)
    t.equal([e["type"] for e in hook.events()],
            ["watcher.degraded", "watcher.restored"] * 2)
    t.equal([e["data"]["sequence"] for e in hook.events()], [1, 2, 3, 4])


@tap.test()
def a_short_outage_is_not_told(t):
    sim, hook, _ = setup(t, {"jobs": [{"kind": "sft", "id": "a", "state": "RUNNING"}]},
                         degraded_after="40s")
    sim.wait_seen("sft", "a")
    settle(sim)
    sim.fault("500", times=2)
    t.wait(lambda: [r for r in sim.requests() if r["status"] == 500], 10, "a failure")
    sim.clear()
    sim.set("sft", "a", state="COMPLETED")
    hook.wait(1, timeout=20)
    t.equal([e["type"] for e in hook.events()], ["job.succeeded"])


@tap.test(limit=90)
def a_failure_is_looked_at_again_before_it_is_an_outage(t):
    """The poll interval is no shorter than degraded-after: one bad answer is not an outage."""
    sim, hook, _ = setup(t, {"jobs": [{"kind": "sft", "id": "a", "state": "RUNNING"}]},
                         {"jobs": ["sft/a"], "first_sight": "announce", "poll_interval": "12s"},
                         degraded_after="8s")
    hook.wait(1)
    sim.fault("503", times=1)
    hit = t.wait(lambda: next((r for r in sim.requests() if r["fault"]), None), 25, "a failure")
    again = t.wait(lambda: [r for r in sim.requests() if r["number"] > hit["number"]], 20, "again")
    seconds = again[0]["clock"] - hit["clock"]
    t.check(seconds < 6, f"looked again after {seconds:.1f} s")
    t.equal([e["type"] for e in hook.events()], ["job.found"])


@tap.test(limit=90)
def an_outage_lasts_over_a_restart(t):
    sim, hook, daemon = setup(t, {"jobs": [{"kind": "sft", "id": "a", "state": "RUNNING"}]})
    sim.wait_seen("sft", "a")
    settle(sim)
    sim.fault("503")
    hook.wait(1, types="watcher.degraded")
    daemon.restart()
    settle(sim, polls=2)
    sim.clear()
    hook.wait(1, types="watcher.restored", timeout=40)
    t.equal([e["type"] for e in hook.events()], ["watcher.degraded", "watcher.restored"])


@tap.test(limit=90)
def a_server_that_is_away_and_comes_back(t):
    sim, hook, _ = setup(t, {"jobs": [{"kind": "sft", "id": "a", "state": "RUNNING"}]})
    sim.wait_seen("sft", "a")
    settle(sim)
    sim.stop()
    event = hook.wait(1, types="watcher.degraded", timeout=20)[0]
    # The answer that was under way when it left was cut off.
    t.check(event["data"]["trouble"] in ("connect", "reset"), event["data"]["trouble"])
    sim.set("sft", "a", state="COMPLETED")
    sim.restart()
    hook.wait(1, types="watcher.restored", timeout=40)
    hook.wait(1, types="job.succeeded")


@tap.test(limit=90)
def no_network_at_boot(t):
    """The daemon starts all the same; what it sees when there is one is its first sight."""
    sim, hook, daemon = setup(t, {"jobs": [{"kind": "sft", "id": "a", "state": "RUNNING"}]},
                              {"kinds": ["sft"]}, start=False)
    sim.stop()
    daemon.start()
    event = hook.wait(1, types="watcher.degraded", timeout=20)[0]
    t.equal(event["data"]["trouble"], "connect")
    t.equal(daemon.jobs(), {})
    sim.restart()
    hook.wait(1, types="watcher.restored", timeout=40)
    daemon.wait_known(name_of("sft", "a"))
    settle(sim)
    sim.set("sft", "a", state="COMPLETED")
    hook.wait(1, types="job.*")
    t.equal([e["type"] for e in hook.events()],
            ["watcher.degraded", "watcher.restored", "job.succeeded"])


@tap.test()
def another_account_sees_on(t):
    sim = Sim(t, {"jobs": [{"kind": "sft", "id": "a", "account": account, "state": "RUNNING"}
                           for account in ("acme", "globex")]})
    hook = Webhook(t)
    config = Config(t).account(sim).account(sim, "globex").watch("one", "acme")
    config.watch("two", "globex").webhook(hook)
    Daemon(t, config)
    t.defer(check_log, t, hook, sim)
    sim.wait_seen("sft", "a", "globex")
    settle(sim, "globex")
    sim.fault("delay", path="/acme/")
    settle(sim, "globex", 3)
    sim.set("sft", "a", "globex", state="COMPLETED")
    t.equal(hook.wait(1, timeout=5)[0]["subject"], name_of("sft", "a", "globex"))


@tap.test()
def retry_after_is_honoured(t):
    sim, _, _ = setup(t, {"jobs": [{"kind": "sft", "id": "a", "state": "RUNNING"}]},
                      {"kinds": ["sft"]})
    sim.wait_seen("sft", "a")
    settle(sim)
    sim.fault("429", retryAfter=8, times=1)
    hit = t.wait(lambda: next((r for r in sim.requests() if r["fault"]), None), 10, "a 429")
    later = t.wait(lambda: [r for r in sim.requests() if r["number"] > hit["number"]], 20,
                   "a retry")
    seconds = later[0]["clock"] - hit["clock"]
    t.check(seconds >= 8, f"came back after {seconds:.1f} s")


@tap.test(limit=90)
def the_budget_holds_over_every_window(t):
    """Seven kinds every second would be 420 a minute; 60 are allowed, and the server counts too."""
    sim = Sim(t, {"jobs": [{"kind": kind, "id": "a", "state": "RUNNING"}
                           for kind in ("sft", "rft", "dpo", "ft", "rlor", "batch", "eval")],
                  "settings": {"requestsPerMinute": 60}})
    config = Config(t).account(sim, requests_per_minute=60).watch()
    daemon = Daemon(t, config)
    sim.wait_requests(12, timeout=30)
    daemon.restart()  # the budget also holds over a restart
    sim.wait_requests(12, timeout=30)
    times = [r["clock"] for r in sim.requests()]
    for begin in times:
        inside = len([x for x in times if begin <= x < begin + 10])
        t.check(inside <= 11, f"{inside} requests in 10 s")
    t.equal({r["status"] for r in sim.requests()}, {200})


@tap.test(limit=90)
def a_new_key_after_reload(t):
    sim, hook, daemon = setup(t, {"jobs": [{"kind": "sft", "id": "a", "state": "RUNNING"}]})
    sim.wait_seen("sft", "a")
    settle(sim)
    sim.settings(key="fw_SIMSECRET_new")
    event = hook.wait(1, types="watcher.degraded")[0]
    t.equal(event["data"]["trouble"], "unauthorized")
    daemon.config.write_key(t.path("acme.key"), "fw_SIMSECRET_new")
    daemon.reload()
    hook.wait(1, types="watcher.restored", timeout=40)


@tap.test()
def a_key_that_is_a_credential_takes_a_restart(t):
    """systemd hands it over once; who exchanged the file is told so when the old one is refused."""
    sim, hook, daemon = setup(t, {"jobs": [{"kind": "sft", "id": "a", "state": "RUNNING"}]},
                              start=False)
    account = daemon.config.sections["account", "acme"]
    key = account.pop("api_key_file")
    account["api_key_credential"] = "acme"
    os.mkdir(t.path("credentials.d"))
    os.rename(key, t.path("credentials.d", "tunewatch_acme"))
    daemon.config.key_files.add(t.path("credentials.d", "tunewatch_acme"))
    daemon.env["CREDENTIALS_DIRECTORY"] = t.path("credentials.d")
    daemon.start()
    sim.wait_seen("sft", "a")
    sim.settings(key="fw_SIMSECRET_new")
    hook.wait(1, types="watcher.degraded")
    said = re.findall("account acme: its key is a credential, which is read when the service starts; "
                      "after a change: systemctl restart tunewatchd", daemon.log())
    t.equal(len(said), 1, daemon.log())


def make_certificate(t, name, host):
    cert, key = t.path(f"{name}.pem"), t.path(f"{name}.key.pem")
    try:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", f"/CN={host}",
             "-addext", f"subjectAltName={host}"], check=True, stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        raise tap.Skip("no openssl program") from None
    return cert, key


@tap.test()
def tls_is_verified(t):
    """One certificate is right, one nobody vouches for, one is of another host."""
    hook = Webhook(t)
    config = Config(t).webhook(hook)
    right = make_certificate(t, "right", "IP:127.0.0.1")
    wrong = make_certificate(t, "wrong", "DNS:elsewhere.example")
    servers = {}
    for account, cert, ca in (("good", right, right[0]), ("unknown", right, None),
                              ("other", wrong, wrong[0])):
        server = fireworks_sim.Server({"jobs": [
            {"account": account, "kind": "sft", "id": "a", "state": "RUNNING"}]},
            cert=cert[0], key=cert[1])
        server.start()
        t.defer(server.stop)
        servers[account] = server
        config.account(f"https://127.0.0.1:{server.port}", account, ca_file=ca)
        config.watch(f"w-{account}", account, first_sight="announce")
    Daemon(t, config)
    got = {e["subject"]: e for e in hook.wait(3)}
    t.equal(got[name_of("sft", "a", "good")]["type"], "job.found")
    for account in ("unknown", "other"):
        event = got[f"accounts/{account}"]
        t.equal((event["type"], event["data"]["trouble"]), ("watcher.degraded", "tls"), account)
        t.equal(servers[account].api.log, [], f"{account}: a key went to it")


@tap.test(limit=150)  # the waits after a failure double
def a_redirect_gets_no_key(t):
    other = Sim(t, {})
    sim, hook, _ = setup(t, {"jobs": [{"kind": "sft", "id": "a", "state": "RUNNING"}]})
    for status in (301, 302, 307, 308):
        sim.fault("redirect", status=status, location=f"{other.url}/v1/accounts")
        sim.wait_requests(1, timeout=40)
        sim.clear()
    hook.wait(1, types="watcher.degraded")
    t.equal(other.requests(), [], "followed")


@tap.test()
def an_error_of_the_api_is_told_without_the_key(t):
    sim, hook, daemon = setup(t, {"jobs": [{"kind": "sft", "id": "a", "state": "RUNNING"}]})
    key = f"fw_{bodies.SECRET}_key"
    sim.fault("403", shape="gateway", message=f"The API key {key} is invalid.\n\x1b[31mred")
    event = hook.wait(1, types="watcher.degraded")[0]
    text = event["data"]["firstError"] + event["data"]["lastError"]
    t.check("invalid" in text, f"the API's own words are missing: {text}")
    t.check(not re.search(r"[\x00-\x1f]", text), f"control characters: {text!r}")
    t.check(key not in daemon.log(), "the key in the log")
    sim.clear()
    hook.wait(1, types="watcher.restored")
    sim.fault("403", shape="gateway", message=f"{'m' * 150}{key} is cut")
    event = hook.wait(2, types="watcher.degraded")[1]
    t.check("mmm" in event["data"]["lastError"], f"not in its words: {event['data']}")
    t.check(key[:6] not in event["data"]["lastError"], "the beginning of the key")
    t.check(key[:6] not in daemon.log(), "the beginning of the key in the log")


if __name__ == "__main__":
    tap.main()
