#!/usr/bin/env python3
"""What is asked, how often and with what: intervals, the budget, pages, accounts, and how all that
changes with a reload. Several tests measure rates, so they let time pass and look at the API's log
afterwards."""

import json
import time

from harness import (
    Config, Daemon, Sim, Webhook, check_log, events, name_of, settle, setup, tap,
)

COLLECTIONS = events.COLLECTIONS
# How far a request may be off its time on a busy machine.
SLACK = 0.25


def log_since(sim, begin, pattern=""):
    return [r for r in sim.requests(pattern) if r["clock"] >= begin]


def window(sim, seconds):
    """Every API request of the next seconds."""
    begin = time.monotonic()
    time.sleep(seconds)  # it is the rate that is looked at
    return [r for r in log_since(sim, begin) if r["clock"] < begin + seconds]


def gaps(requests):
    times = [r["clock"] for r in requests]
    return [b - a for a, b in zip(times, times[1:])]


def jobs_of(ids, kind="sft", state="RUNNING", **more):
    return [{"kind": kind, "id": id_, "state": state, **more} for id_ in ids]


# How often.


@tap.test()
def everything_is_asked_once_an_interval(t):
    named = [("sft", "n1"), ("dpo", "n2"), ("ft", "n3")]
    sim, _, daemon = setup(t, {"jobs": [
        *(jobs_of(["a"], kind)[0] for kind in COLLECTIONS),
        *(jobs_of([id_], kind)[0] for kind, id_ in named)]}, webhook=False, start=False)
    daemon.config.watch("named", jobs=[f"{kind}/{id_}" for kind, id_ in named])
    daemon.start()
    paths = [f"/v1/accounts/acme/{collection}" for collection in COLLECTIONS.values()]
    paths += [f"/v1/{name_of(kind, id_)}" for kind, id_ in named]
    for path in paths:
        sim.wait_requests(2, f"^{path}$")
    seen = window(sim, 6)
    counts = {path: len([r for r in seen if r["path"] == path]) for path in paths}
    t.equal({r["path"] for r in seen} - set(paths), set(), "nobody wanted to know that")
    for path, count in counts.items():
        t.check(5 <= count <= 7, f"{path}: {count} times in 6 s")


@tap.test()
def two_watches_of_a_kind_are_one_list(t):
    """The shorter of the intervals counts, and nothing is asked twice."""
    sim, _, daemon = setup(t, {"jobs": jobs_of(["a"])}, {"kinds": ["sft"]}, webhook=False,
                           start=False)
    daemon.config.watch("slow", kinds=["sft"], poll_interval="1h")
    daemon.config.watch("by-name", jobs=["sft/a"], poll_interval="2s")
    daemon.config.watch("the-same", jobs=["sft/a"], poll_interval="1min")
    daemon.start()
    sim.wait_requests(3, "Jobs$")
    sim.wait_requests(2, "Jobs/a$")
    seen = window(sim, 6)
    lists = len([r for r in seen if r["path"].endswith("Jobs")])
    gets = len([r for r in seen if r["path"].endswith("Jobs/a")])
    t.check(5 <= lists <= 7 and 2 <= gets <= 4, f"{lists} lists and {gets} jobs in 6 s")


@tap.test()
def polls_of_many_are_spread(t):
    ids = [f"job-{i}" for i in range(40)]
    sim, _, _ = setup(t, {"jobs": jobs_of(ids)}, {
        "jobs": [f"sft/{id_}" for id_ in ids], "poll_interval": "3s"}, webhook=False)
    for id_ in ids:
        sim.wait_seen("sft", id_)
    sim.wait_requests(len(ids))  # from its first poll to its place in the interval
    times = [r["clock"] for r in window(sim, 6)]
    t.check(70 <= len(times) <= 90, f"{len(times)} requests of 40 jobs in two intervals")
    for begin in times:
        inside = len([x for x in times if begin <= x < begin + 0.3])
        t.check(inside <= len(ids) / 3, f"{inside} requests within 300 ms")


# The budget.


@tap.test()
def a_budget_of_60_a_minute_is_one_a_second(t):
    sim = Sim(t, {"jobs": [jobs_of(["a"], kind)[0] for kind in COLLECTIONS]})
    Daemon(t, Config(t).account(sim, requests_per_minute=60).watch())
    sim.wait_requests(1)
    seen = window(sim, 10)
    t.check(8 <= len(seen) <= 11, f"{len(seen)} requests in 10 s")
    between = gaps(seen)
    t.check(min(between) >= 1 - SLACK, f"too close: {between}")
    t.check(sum(between) >= len(between) - SLACK, f"too fast: {between}")


@tap.test(limit=90)
def a_budget_of_10_a_minute_holds_over_a_crash(t):
    sim = Sim(t, {"jobs": [jobs_of(["a"], kind)[0] for kind in COLLECTIONS]})
    daemon = Daemon(t, Config(t).account(sim, requests_per_minute=10).watch(), start=False)
    begin = time.monotonic()
    daemon.start()
    sim.wait_requests(3, timeout=25)
    first = sim.requests()[0]["clock"] - begin
    t.check(5.9 <= first < 8, f"the first after {first:.1f} s")
    daemon.kill()
    daemon.start()
    sim.wait_requests(2, timeout=20)
    between = gaps(sim.requests())
    t.check(min(between) >= 6 - SLACK, f"too close: {between}")
    t.check(max(between) <= 8, f"too slow: {between}")


# Pages.


@tap.test()
def a_list_is_read_to_its_end(t):
    sim, _, daemon = setup(t, {"generate": [{"kind": "sft", "count": 1000}]}, {"kinds": ["sft"]},
                           webhook=False)
    world = sim.server.api.world
    t.wait(lambda: all(job.visible for job in world.jobs.values()), 20, "every job to be shown")
    t.wait(lambda: len(daemon.jobs()) == 1000, 10, "every job to be known")
    sim.wait_requests(10)
    requests = sim.requests()
    t.equal({r["path"] for r in requests}, {"/v1/accounts/acme/supervisedFineTuningJobs"})
    t.equal({(r["method"], r["hadBody"], r["keyOk"], r["status"]) for r in requests},
            {("GET", False, True, 200)}, "method, body, key, answer")
    t.equal({r["query"].get("pageSize") for r in requests}, {"200"})
    rest = {tuple(sorted((k, v) for k, v in r["query"].items() if k != "pageToken"))
            for r in requests}
    t.equal(len(rest), 1, f"what a token is bound to: {rest}")
    tokens = [r["query"].get("pageToken") for r in requests]
    t.equal(tokens[0], None)
    t.equal(len(set(tokens)), 5, "five pages")
    rounds = [i for i, token in enumerate(tokens) if token is None]
    t.equal({b - a for a, b in zip(rounds, rounds[1:])}, {5}, "requests a round")


@tap.test()
def a_list_that_comes_back_to_the_same_page(t):
    """A trouble, told once, not a loop; what is named is polled on."""
    sim, hook, daemon = setup(t, {"jobs": jobs_of(["a"])}, {"kinds": ["sft"]})
    sim.wait_seen("sft", "a")
    settle(sim, "Jobs$")
    before = daemon.job("sft", "a")
    sim.fault("next-page", path="Jobs$", token="again")
    event = hook.wait(1, types="watcher.degraded")[0]
    t.equal((event["data"]["trouble"], event["data"]["account"]), ("not_api", "acme"))
    t.check("does not end" in event["data"]["lastError"], event["data"]["lastError"])
    faulty = [r for r in sim.requests("Jobs$") if r["fault"]]
    t.check(len(faulty) <= 20, f"{len(faulty)} requests: a loop")
    t.equal(daemon.job("sft", "a")["sequence"], before["sequence"])
    sim.clear()
    hook.wait(1, types="watcher.restored", timeout=30)
    t.equal(len(hook.events()), 2, "a job's event out of it")


@tap.test(limit=90)
def a_list_that_never_ends(t):
    """Another token each time: nothing but their number tells."""
    sim, hook, _ = setup(t, {"jobs": jobs_of(["a"])}, {"kinds": ["sft"]})
    sim.wait_seen("sft", "a")
    settle(sim, "Jobs$")
    sim.fault("next-page", path="Jobs$")
    event = hook.wait(1, types="watcher.degraded", timeout=60)[0]
    t.equal(event["data"]["trouble"], "not_api")
    sim.clear()
    hook.wait(1, types="watcher.restored", timeout=30)
    t.equal(len(hook.events()), 2, "a job's event out of it")


@tap.test()
def a_list_that_goes_round_in_a_circle(t):
    """Pages with jobs, whose tokens come again: seen within a few pages."""
    sim, hook, _ = setup(t, {"jobs": jobs_of(["a"])}, {"kinds": ["sft"]})
    sim.wait_seen("sft", "a")
    settle(sim, "Jobs$")
    api = sim.server.api
    job, = api.world.jobs.values()

    def circle(account, kind, request, answer, now, look):
        following = {"": "A", "A": "B", "B": "C", "C": "A"}[request.query.get("pageToken", "")]
        answer.json({"supervisedFineTuningJobs": [json.loads(job.render(None))],
                     "nextPageToken": following, "totalSize": 1})

    original, api.list_jobs = api.list_jobs, circle
    event = hook.wait(1, types="watcher.degraded", timeout=20)[0]
    t.equal(event["data"]["trouble"], "not_api")
    asked = [r["query"].get("pageToken", "") for r in sim.requests("Jobs$")]
    t.check("A" in asked and max(len(run) for run in " ".join(
        token or "|" for token in asked).split("|")) < 25, f"{asked}")
    api.list_jobs = original
    hook.wait(1, types="watcher.restored", timeout=30)
    t.equal(len(hook.events()), 2, "a job's event out of it")


@tap.test()
def a_page_that_fails_every_time_is_an_outage(t):
    """That the first page is there does not mean that the list can be seen."""
    sim, hook, _ = setup(t, {"generate": [{"kind": "sft", "count": 250}]}, {"kinds": ["sft"]},
                         degraded_after="6s")
    world = sim.server.api.world
    t.wait(lambda: all(job.visible for job in world.jobs.values()), 15, "both pages")
    settle(sim, polls=4)
    page_two = next(r["query"]["pageToken"] for r in sim.requests() if "pageToken" in r["query"])
    original = sim.server.api.list_jobs

    def list_jobs(account, kind, request, answer, now, look):
        original(account, kind, request, answer, now, look)
        if request.query.get("pageToken") == page_two:
            answer.error(500)

    sim.server.api.list_jobs = list_jobs
    t.equal(hook.wait(1, types="watcher.degraded", timeout=20)[0]["data"]["trouble"], "server")
    sim.server.api.list_jobs = original
    hook.wait(1, types="watcher.restored", timeout=30)


# Accounts.


@tap.test()
def an_account_that_hangs_costs_another_nothing(t):
    hanging = Sim(t, {"jobs": jobs_of(["a", "b", "c", "d", "e", "f"])})
    sim = Sim(t, {"jobs": jobs_of(["a"], account="globex")})
    config = Config(t).account(hanging).account(sim, "globex")
    config.watch("one", "acme", jobs=[f"sft/{id_}" for id_ in "abcdef"])
    config.watch("two", "globex", kinds=["sft"])
    hanging.fault("delay")
    Daemon(t, config)
    t.wait(lambda: len(hanging.requests()) >= 4, 10, "requests that hang")
    sim.wait_requests(2)
    seen = window(sim, 6)
    t.check(5 <= len(seen) <= 7, f"{len(seen)} requests in 6 s")
    t.check(max(gaps(seen)) <= 1 + 2 * SLACK, f"late: {gaps(seen)}")
    t.check(len(hanging.requests()) <= 6, "more of the same to a server that hangs")


# Reload.


@tap.test()
def another_interval_after_a_reload(t):
    sim, hook, daemon = setup(t, {"jobs": jobs_of(["a"])}, {
        "kinds": ["sft"], "poll_interval": "1h", "first_sight": "announce"})
    hook.wait(1)
    daemon.config.watch(kinds=["sft"], poll_interval="1s", first_sight="announce").write()
    daemon.reload()
    sim.wait_requests(3, timeout=8)
    sim.set("sft", "a", state="PAUSED")
    hook.wait(2)
    settle(sim)
    daemon.config.watch(kinds=["sft"], poll_interval="1h", first_sight="announce").write()
    daemon.reload()
    t.equal(len(window(sim, 3)), 0, "polls at the old interval")
    t.equal([e["type"] for e in hook.events()], ["job.found", "job.paused"])


@tap.test()
def a_watch_that_goes_and_comes_back(t):
    """Its jobs are asked no more and shown no more; back again, they are known, and what happened
    meanwhile is told once."""
    sim, hook, daemon = setup(t, {"jobs": [*jobs_of(["a", "n"]), *jobs_of(["a"], "dpo")]},
                              {"kinds": ["dpo"]})
    daemon.config.watch("lists", kinds=["sft"]).watch("names", jobs=["sft/n"]).write()
    daemon.reload()
    daemon.wait_known(name_of("sft", "a"), name_of("sft", "n"), name_of("dpo", "a"))
    hook.wait(1, types="job.found")
    settle(sim, "supervised", 6)
    removed = {key: daemon.config.sections.pop(key)
               for key in (("watch", "lists"), ("watch", "names"))}
    daemon.config.write()
    daemon.reload()
    t.equal(set(daemon.jobs()), {name_of("dpo", "a")}, "jobs that nobody watches")
    begin = time.monotonic()
    for id_ in ("a", "n"):
        sim.set("sft", id_, state="COMPLETED")
    sim.set("sft", "new", state="RUNNING")
    settle(sim, "dpo", 3)
    t.equal(log_since(sim, begin, "supervised"), [], "asked on")
    daemon.config.sections.update(removed)
    daemon.config.write()
    daemon.reload()
    hook.wait(3)
    settle(sim, "supervised", 6)
    got = {e["subject"]: events.short(e) for e in hook.events()[1:]}
    completed = ("job.succeeded", "JOB_STATE_RUNNING", "JOB_STATE_COMPLETED")
    # `n` is twice in the watches, and one event; `new` is new, since this is no first sight.
    t.equal(got, {
        name_of("sft", "a"): completed, name_of("sft", "n"): completed,
        name_of("sft", "new"): ("job.found", None, "JOB_STATE_RUNNING")})
    t.equal(len(hook.events()), 4)


@tap.test()
def an_account_that_comes_and_goes(t):
    sim, hook, daemon = setup(t, {"jobs": jobs_of(["a"])}, {"kinds": ["sft"]})
    # Another server of the same key; events of it are looked at by themselves.
    other, second = Sim(t, {"jobs": jobs_of(["b"], account="globex")}), Webhook(t)
    t.defer(check_log, t, second, other, "/globex")
    sim.wait_seen("sft", "a")
    settle(sim)
    config = daemon.config
    config.webhook(second, "globex", "/globex").webhook(hook)
    config.watch(kinds=["sft"], notify=["web"])
    config.account(other, "globex").watch("more", "globex", jobs=["sft/b"], notify=["globex"])
    config.write()
    daemon.reload()
    second.wait(1, "/globex", types="job.found")
    t.equal(set(daemon.jobs()), {name_of("sft", "a"), name_of("sft", "b", "globex")})
    gone = {key: config.sections.pop(key) for key in (("account", "globex"), ("watch", "more"))}
    config.write()
    daemon.reload()
    begin = time.monotonic()
    other.set("sft", "b", "globex", state="COMPLETED")
    sim.set("sft", "a", state="COMPLETED")
    hook.wait(1, types="job.succeeded")
    settle(sim, polls=3)
    t.equal(log_since(other, begin), [], "an account that is gone")
    t.equal(set(daemon.jobs()), {name_of("sft", "a")})
    config.sections.update(gone)
    config.write()
    daemon.reload()
    t.equal([events.short(e) for e in second.wait(2, "/globex")][1:],
            [("job.succeeded", "JOB_STATE_RUNNING", "JOB_STATE_COMPLETED")])
    t.equal(len(hook.got()), 1, "told again")


@tap.test()
def a_new_key_in_time_is_nobodys_business(t):
    """The key changes at the server and in the file, SIGHUP: no outage, no event lost or twice."""
    sim, hook, daemon = setup(t, {"jobs": jobs_of(["a", "b"])}, {"kinds": ["sft"]},
                              degraded_after="20s")
    sim.wait_seen("sft", "a")
    settle(sim)
    sim.settings(key="fw_SIMSECRET_new")
    t.wait(lambda: not sim.requests()[-1]["keyOk"], 10, "a poll with the old key")
    sim.set("sft", "a", state="COMPLETED")
    daemon.config.write_key(t.path("acme.key"), "fw_SIMSECRET_new")
    number = sim.requests()[-1]["number"]
    daemon.reload()
    hook.wait(1, timeout=5)
    sim.set("sft", "b", state="FAILED")
    hook.wait(2)
    settle(sim)
    t.equal([e["type"] for e in hook.events()], ["job.succeeded", "job.failed"])
    t.equal({r["keyOk"] for r in sim.requests() if r["number"] > number + 1}, {True},
            "the old key again")


@tap.test()
def a_key_that_was_replaced_ends_the_outage(t):
    sim, hook, daemon = setup(t, {"jobs": jobs_of(["a"])}, {"kinds": ["sft"]})
    sim.wait_seen("sft", "a")
    settle(sim)
    sim.fault("401", message="The API key you provided is invalid.")
    event = hook.wait(1, types="watcher.degraded")[0]
    t.equal(event["data"]["trouble"], "unauthorized")
    status, _, body = daemon.request("/healthz")
    t.check(status == 503 and b"acme" in body, f"{status} {body}")
    sim.set("sft", "a", state="COMPLETED")
    sim.settings(key="fw_SIMSECRET_new")
    sim.clear()
    daemon.config.write_key(t.path("acme.key"), "fw_SIMSECRET_new")
    daemon.reload()
    # At once: a reload does not wait for the next try of the old key.
    hook.wait(1, types="watcher.restored", timeout=5)
    hook.wait(1, types="job.succeeded", timeout=5)
    t.equal(daemon.request("/healthz")[0], 200)
    t.equal(len(hook.events()), 3)


if __name__ == "__main__":
    tap.main()
