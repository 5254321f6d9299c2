#!/usr/bin/env python3
"""What is asked, how often and with what: intervals, the budget, pages, accounts, and how all that
changes with a reload. Several tests measure rates, so they let time pass and look at the API's log
afterwards."""

import datetime
import json
import time

from harness import (
    PACER, Config, Daemon, Sim, Webhook, check_log, events, name_of, settle, setup, tap,
)
from stored import query

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


def looks(requests, path):
    return len([r for r in requests if r["path"] == path])


def list_of(kind):
    return f"/v1/accounts/acme/{COLLECTIONS[kind]}"


@tap.test()
def a_list_an_interval_serves_all_that_run(t):
    """Also those that are named; only what stands in no list that is asked for has a GET."""
    alone = [("sft", "n1"), ("ft", "n3")]
    others = [kind for kind in COLLECTIONS if kind not in dict(alone)]
    sim, _, daemon = setup(t, {"jobs": [
        *(job for kind in others for job in jobs_of("abc", kind)),
        *(jobs_of([id_], kind)[0] for kind, id_ in alone)]}, {"kinds": others}, webhook=False,
        start=False)
    daemon.config.watch("named", jobs=[f"{kind}/{id_}" for kind, id_ in alone] + ["dpo/a"])
    daemon.start()
    paths = [list_of(kind) for kind in others] + [f"/v1/{name_of(*job)}" for job in alone]
    t.wait(lambda: all(looks(sim.requests(), path) >= 2 for path in paths), 15, "two looks at each")
    seen = window(sim, 6)
    t.equal({r["path"] for r in seen} - set(paths), set(), "nobody wanted to know that")
    for path in paths:
        t.check(5 <= looks(seen, path) <= 7, f"{path}: {looks(seen, path)} times in 6 s")


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
    seen = window(sim, 6)
    t.equal({r["path"] for r in seen}, {list_of("sft")})
    t.check(5 <= len(seen) <= 7, f"{len(seen)} lists in 6 s")


@tap.test()
def kinds_in_which_nothing_moves_are_searched_less_often(t):
    """A tenth as often as one that runs is looked at; where there has never been one, a twentieth."""
    sim, _, _ = setup(t, {"jobs": [*jobs_of(["a"]), *jobs_of(["b"], "dpo", "COMPLETED")]},
                      {"kinds": ["sft", "dpo", "rft"]}, webhook=False)

    def times(kind):
        return [r["clock"] for r in sim.requests(f"^{list_of(kind)}$")]

    # The first two tell whether the server understands a readMask, where there is nothing to see.
    t.wait(lambda: len(times("dpo")) >= 2 and times("rft")[-1] - times("rft")[0] > 15, 40, "lists")
    idle, empty = times("dpo")[1] - times("dpo")[0], times("rft")[-1] - times("rft")[-2]
    t.check(9 <= idle <= 12, f"one at an end: {idle:.1f} s")
    t.check(19 <= empty <= 23, f"empty: {empty:.1f} s")
    busy = len([x for x in times("sft") if x < times("sft")[0] + 20])
    t.check(18 <= busy <= 22, f"one that runs: {busy} times in 20 s")
    t.equal(sim.requests("Jobs/"), [], "a GET")


MINUTE, HOUR, DAY = 60, 3600, 86400

# (state, for how many seconds, how long until the next look where 30 min are wanted)
PACES = (
    ("RUNNING", 2 * MINUTE, 30 * MINUTE), ("RUNNING", 5, 15),
    ("PENDING", 2 * MINUTE, HOUR), ("PAUSED", DAY, HOUR), ("CREATING", HOUR, HOUR),
    ("WRITING_RESULTS", 5 * MINUTE, 15), ("WRITING_RESULTS", HOUR, 30 * MINUTE),
    ("CANCELLING", 5 * MINUTE, 15),
    ("COMPLETED", HOUR, HOUR), ("FAILED", 23 * HOUR, HOUR), ("COMPLETED", 25 * HOUR, None),
)


@tap.test()
def how_often_depends_on_the_phase(t):
    """As the daemon itself tells, of named jobs without a completedTime of the API's."""
    jobs = {f"{state.lower().replace('_', '-')}-{i}": (state, since, wait)
            for i, (state, since, wait) in enumerate(PACES)}
    sim, _, daemon = setup(t, {"jobs": [
        {"kind": "eval", "id": id_, "state": state} for id_, (state, *_) in jobs.items()]},
        {"jobs": [f"eval/{id_}" for id_ in jobs], "poll_interval": "30min"}, webhook=False)
    names = {name_of("eval", id_): row for id_, row in jobs.items()}
    daemon.wait_known(*names)
    daemon.stop()
    now_us = time.time_ns() // 1000
    for name, (_, since, _) in names.items():
        query(daemon.config.state_dir, "UPDATE job SET phase_since_us = ? WHERE name = ?",
              now_us - since * 1000000, name)
    daemon.start()

    def seconds(view):
        if not view["lastPoll"] or not view["nextPoll"]:
            return None
        last, next_ = (datetime.datetime.fromisoformat(view[key].replace("Z", "+00:00"))
                       for key in ("lastPoll", "nextPoll"))
        return round((next_ - last).total_seconds())

    def told():
        views = daemon.jobs()
        return {name: seconds(views[name]) for name in names}

    wanted = {name: wait for name, (_, _, wait) in names.items()}

    def agree():
        return all(wait is not None and abs(wait - got) <= 1 if got is not None else wait is None
                   for name, got in told().items() for wait in (wanted[name],))

    try:
        t.wait(agree, 10, "the next looks")
    except tap.Failed:
        t.equal(told(), wanted)
        raise


@tap.test()
def the_few_that_move_in_a_large_collection(t):
    """One request shows them; the old ones are not read again, and new ones are found at once."""
    sim, hook, _ = setup(t, {"jobs": [
        *jobs_of("abc"), *jobs_of([f"old-{i}" for i in range(500)], state="COMPLETED")]},
        {"kinds": ["sft"]})
    settle(sim, polls=6)
    seen = window(sim, 5)
    t.equal([r["path"] for r in seen if not {"filter", "orderBy"} & r["query"].keys()], [],
            "the whole list, or a GET")
    t.check(4 <= len(seen) <= 9, f"{len(seen)} requests in 5 s")
    sim.set("sft", "new", state="PENDING")
    sim.set("sft", "old-7", state="RUNNING")
    sim.set("sft", "b", state="COMPLETED")
    got = {e["subject"]: e["type"] for e in hook.wait(3)}
    t.equal(got, {name_of("sft", "new"): "job.found", name_of("sft", "old-7"): "job.running",
                  name_of("sft", "b"): "job.succeeded"})


@tap.test()
def polls_of_many_are_spread(t):
    ids = [f"job-{i}" for i in range(40)]
    sim, _, _ = setup(t, {"jobs": jobs_of(ids), "settings": {"filter": False}}, {
        "jobs": [f"sft/{id_}" for id_ in ids], "poll_interval": "3s"}, webhook=False)
    for id_ in ids:
        sim.wait_seen("sft", id_)
    sim.wait_requests(len(ids))
    times = [r["clock"] for r in window(sim, 6)]
    t.check(70 <= len(times) <= 90, f"{len(times)} requests of 40 jobs in two intervals")
    for begin in times:
        inside = len([x for x in times if begin <= x < begin + 0.3])
        t.check(inside <= len(ids) / 2, f"{inside} requests within 300 ms")


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


def whole(requests):
    """Those of the list of all jobs."""
    return [r for r in requests if not {"filter", "orderBy"} & r["query"].keys()]


@tap.test()
def a_list_is_read_to_its_end(t):
    sim, _, daemon = setup(t, {"generate": [{"kind": "sft", "count": 1000}]}, {"kinds": ["sft"]},
                           webhook=False)
    world = sim.server.api.world
    t.wait(lambda: all(job.visible for job in world.jobs.values()), 20, "every job to be shown")
    t.wait(lambda: len(daemon.jobs()) == 1000, 10, "every job to be known")
    requests = sim.requests()
    t.equal({r["path"] for r in requests}, {list_of("sft")})
    t.equal({(r["method"], r["hadBody"], r["keyOk"], r["status"]) for r in requests},
            {("GET", False, True, 200)}, "method, body, key, answer")
    t.equal({r["query"].get("pageSize") for r in requests}, {"200"})
    pages = whole(requests)
    rest = {tuple(sorted((k, v) for k, v in r["query"].items() if k != "pageToken")) for r in pages}
    t.equal(len(rest), 1, f"what a token is bound to: {rest}")
    tokens = [r["query"].get("pageToken") for r in pages]
    t.equal(tokens[0], None)
    t.equal((len(tokens), len(set(tokens))), (5, 5), "five pages, each once")


@tap.test()
def a_long_list_takes_turns_with_the_rest(t):
    """Ten pages at two requests a second: who runs is looked at all the same, and no page is read
    twice."""
    sim = Sim(t, {"generate": [{"kind": "sft", "count": 2000, "states": {"COMPLETED": 1}}],
                  "jobs": jobs_of(["a"], "dpo")})
    config = Config(t).account(sim, requests_per_minute=120)
    Daemon(t, config.watch("old", kinds=["sft"]).watch("named", jobs=["dpo/a"]))
    t.wait(lambda: len(whole(sim.requests(f"{list_of('sft')}$"))) >= 10, 30, "all pages")
    requests = sim.requests()
    pages = [r for r in whole(requests) if r["path"] == list_of("sft")]
    between = [r for r in requests if r["path"] == f"/v1/{name_of('dpo', 'a')}"
               and r["number"] < pages[9]["number"]]
    t.equal(len({r["query"].get("pageToken") for r in pages[:10]}), 10, "pages")
    t.check(len(between) >= 4, f"{len(between)} looks between ten pages")
    t.check(max(gaps(between)) < 3, f"who runs has to wait: {gaps(between)}")


@tap.test()
def a_list_that_comes_back_to_the_same_page(t):
    """A trouble, told once, not a loop. Jobs that are known are polled on, so it is no outage."""
    sim, hook, daemon = setup(t, {"jobs": jobs_of(["a"])}, {"kinds": ["sft"]})
    sim.wait_seen("sft", "a")
    settle(sim, "Jobs$")
    before = daemon.job("sft", "a")
    sim.fault("next-page", path="Jobs$", token="again")
    daemon.wait_log("sft jobs are not listed, while others are: .*does not end", 15)
    faulty = [r for r in sim.requests("Jobs$") if r["fault"]]
    t.check(len(faulty) <= 20, f"{len(faulty)} requests: a loop")
    t.equal(daemon.job("sft", "a")["sequence"], before["sequence"])
    sim.set("sft", "a", state="PAUSED")
    t.equal([e["type"] for e in hook.wait(1)], ["job.paused"])
    sim.clear()
    daemon.wait_log("sft jobs are listed again", 30)
    settle(sim)
    t.equal(len(hook.events()), 1, "an event out of it")


@tap.test()
def a_list_that_never_ends(t):
    """Another token each time: nothing but their number tells."""
    sim, hook, daemon = setup(t, {"jobs": jobs_of(["a"])}, {"kinds": ["sft"]})
    sim.wait_seen("sft", "a")
    settle(sim, "Jobs$")
    sim.fault("next-page", path="Jobs$")
    daemon.wait_log("sft jobs are not listed, while others are: .*does not end", 30)
    sim.clear()
    daemon.wait_log("sft jobs are listed again", 30)
    settle(sim)
    t.equal(hook.events(), [], "an event out of it")


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


# What a server may not take. A lossy filter leaves out "r4", among others.

LARGE = [PACER, *jobs_of([f"r{i}" for i in range(9)]),
         *jobs_of([f"old-{i}" for i in range(300)], state="COMPLETED")]


def is_given_up(t, settings, parameter, message, most):
    """It is tried, told and given up for the kind; meanwhile everything is seen as soon as ever."""
    sim, hook, daemon = setup(t, {"jobs": LARGE, "settings": settings}, {"kinds": ["sft"]})
    moves = ("PAUSED", "RUNNING", "WRITING_RESULTS", "RUNNING", "COMPLETED")
    daemon.wait_known(*(name_of("sft", f"r{i}") for i in range(9)))
    for n, state in enumerate(moves, 1):
        for i in range(9):
            sim.set("sft", f"r{i}", state=state)
        hook.wait(9 * n, timeout=5)
    sim.set("sft", "new", state="PENDING")
    t.equal(hook.wait(1, subject=name_of("sft", "new"))[0]["type"], "job.found")
    daemon.wait_log(f"sft jobs are looked at without it: .*{message}", 30)
    before = len(sim.requests())
    tried = len([r for r in sim.requests() if parameter in r["query"]])
    t.check(1 <= tried <= most, f"tried {tried} times")
    settle(sim)
    t.equal([r for r in sim.requests()[before:] if parameter in r["query"]], [], "tried again")
    t.equal(daemon.log().count("looked at without it"), 1, "told")
    t.equal(len(hook.events()), 9 * len(moves) + 1, "events of what was left out")


@tap.test()
def a_filter_that_is_refused(t):
    is_given_up(t, {"filter": False}, "filter", "refuses the filter", 1)


@tap.test()
def a_filter_that_is_ignored(t):
    is_given_up(t, {"filter": "ignore"}, "filter", "ignores the filter", 1)


@tap.test()
def a_filter_that_leaves_out_active_jobs(t):
    is_given_up(t, {"filter": "lossy"}, "filter", "leaves out active jobs", 10)


@tap.test()
def an_order_that_is_refused(t):
    is_given_up(t, {"orderBy": False}, "orderBy", "refuses orderBy", 1)


@tap.test()
def an_order_that_is_ignored(t):
    is_given_up(t, {"orderBy": "ignore"}, "orderBy", "ignores orderBy", 1)


@tap.test()
def what_one_kind_is_refused_another_may_have(t):
    sim, _, daemon = setup(t, {"jobs": [
        {**job, "kind": kind} for kind in ("sft", "dpo") for job in LARGE]},
        {"kinds": ["sft", "dpo"]}, webhook=False)
    t.wait(lambda: len(daemon.jobs()) == 2 * len(LARGE), 15, "all to be known")
    sim.fault("400", path=f"{list_of('sft')}$")
    daemon.wait_log("sft jobs are looked at without it", 15)
    n = len(sim.requests("dpoJobs$"))
    t.wait(lambda: [r for r in sim.requests("dpoJobs$")[n:]
                    if {"filter", "orderBy"} & r["query"].keys()], 15, "a short list of dpo jobs")


@tap.test()
def a_page_that_fails_every_time(t):
    """That the first page is there, and shorter lists are, does not mean that all can be seen."""
    sim, hook, daemon = setup(t, {"jobs": [*jobs_of(["a"]), *LARGE]}, {"kinds": ["sft"]},
                              start=False)
    sim.fault("not-json", path="Jobs$", page=[2, 2])
    daemon.start()
    daemon.wait_log("sft jobs are not listed, while others are: HTTP 200", 30)
    sim.set("sft", "a", state="PAUSED")  # which stands on the first page
    t.equal(hook.wait(1, types="job.*")[0]["type"], "job.paused")
    sim.clear()
    daemon.wait_log("sft jobs are listed again", 30)
    t.wait(lambda: len(daemon.jobs()) == 1 + len(LARGE), 10, "all to be known")
    t.equal(len(hook.events(types="job.*")), 1, "an event out of it")


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
    before = len(sim.requests())
    daemon.reload()
    t.wait(lambda: len(sim.requests()) > before, 10, "the first look after the reload")
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
    sim, hook, daemon = setup(t, {"jobs": [PACER, *jobs_of(["a"])]}, {"kinds": ["sft"]})
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
    mine = {name_of("sft", "a"), name_of("sft", "pacer")}
    t.equal(set(daemon.jobs()), mine | {name_of("sft", "b", "globex")})
    gone = {key: config.sections.pop(key) for key in (("account", "globex"), ("watch", "more"))}
    config.write()
    daemon.reload()
    begin = time.monotonic()
    other.set("sft", "b", "globex", state="COMPLETED")
    sim.set("sft", "a", state="COMPLETED")
    hook.wait(1, types="job.succeeded")
    settle(sim, polls=3)
    t.equal(log_since(other, begin), [], "an account that is gone")
    t.equal(set(daemon.jobs()), mine)
    config.sections.update(gone)
    config.write()
    daemon.reload()
    t.equal([events.short(e) for e in second.wait(2, "/globex")][1:],
            [("job.succeeded", "JOB_STATE_RUNNING", "JOB_STATE_COMPLETED")])
    t.equal(len(hook.got()), 1, "told again")


@tap.test()
def a_new_key_in_time_is_nobodys_business(t):
    """The key changes at the server and in the file, SIGHUP: no outage, no event lost or twice."""
    sim, hook, daemon = setup(t, {"jobs": [PACER, *jobs_of(["a", "b"])]}, {"kinds": ["sft"]},
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
