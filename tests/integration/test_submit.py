#!/usr/bin/env python3
"""Jobs that are created through the control socket: each exactly once, whatever is lost on the way."""

import contextlib
import json
import os
import re
import signal
import threading
import time

from harness import (
    POLL, Config, Daemon, Hook, Sim, UnixConnection, Webhook, bodies, name_of, tap,
)
from stored import query

JOB = {"dataset": "accounts/acme/datasets/d", "baseModel": "accounts/acme/models/m"}
OTHER = {**JOB, "epochs": 5}
COLLECTION = "supervisedFineTuningJobs$"
POST = {"method": "POST", "path": COLLECTION}
RUNNING = [{"at": 0, "state": "RUNNING"}]
KEPT = "the right order of words \u2014 "  # of a server that says much


def begin(t, document=None, watch=None, start=True, account=None, **options):
    """A server, a webhook for everything, and a daemon that finds no sft jobs by itself."""
    sim = Sim(t, {"accounts": {"acme": {}}, "settings": {"created": RUNNING}, **(document or {})})
    hook = Webhook(t)
    config = Config(t, **options).account(sim, **(account or {})).webhook(hook)
    config.watch(**{"kinds": ["dpo"], **(watch or {})})
    return sim, config, Daemon(t, config, start=start), hook


def path_of(id_=None, account="acme", **arguments):
    if id_ is not None:
        arguments["id"] = id_
    query_ = "&".join(f"{k}={v}" for k, v in arguments.items())
    return f"/v1/accounts/{account}/jobs/sft" + (f"?{query_}" if query_ else "")


class Submit:
    """A client that waits for the answer on a thread of its own."""

    def __init__(self, t, daemon, id_=None, body=None, limit=60, **arguments):
        self.t = t
        self.answer = None
        self.seconds = 0.0
        self.connection = UnixConnection(daemon.config.socket, limit)
        self.path = path_of(id_, **arguments)
        self.body = json.dumps(JOB if body is None else body) if not isinstance(body, str) else body
        self.began = time.monotonic()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        with contextlib.closing(self.connection):
            try:
                self.connection.request("POST", self.path, self.body)
                response = self.connection.getresponse()
                self.answer = response.status, json.loads(response.read())
            except OSError as e:
                self.answer = None, {"error": {"code": "lost", "message": str(e)}}
        self.seconds = time.monotonic() - self.began

    def wait(self, timeout=60):
        self.thread.join(timeout)
        if not self.answer:
            self.t.fail(f"POST {self.path}: no answer in {timeout} s")
        return self.answer

    def succeeds(self, status, outcome, timeout=60):
        got, document = self.wait(timeout)
        self.t.equal((got, document.get("outcome")), (status, outcome), f"{document}")
        return document.get("job", {})

    def fails(self, status, code, words="", timeout=60):
        got, document = self.wait(timeout)
        error = document.get("error", {})
        self.t.equal((got, error.get("code")), (status, code), f"{document}")
        self.t.check(words in error.get("message", ""), f"{words!r} is not in {document}")
        return error


def created(t, daemon, *args, **more):
    return Submit(t, daemon, *args, **more).succeeds(201, "created")


def found(t, daemon, *args, **more):
    return Submit(t, daemon, *args, **more).succeeds(200, "found")


def posts(sim):
    return [r for r in sim.requests(COLLECTION) if r["method"] == "POST"]


def gets(sim, id_):
    return [r for r in sim.requests(f"supervisedFineTuningJobs/{id_}$") if r["method"] == "GET"]


def are_once(t, sim, n=1):
    """So many POSTs, but for libcurl's own: it sends once more when a connection that it has kept turns
    out to be dead. Of those the API has let none make anything."""
    t.equal(len([r for r in posts(sim) if r["status"] != 409]), n, f"{posts(sim)}")
    t.check(len(posts(sim)) <= 2 * n, f"{posts(sim)}")


def there(sim):
    """The ids of all sft jobs at the server."""
    with sim.server.api.world.lock:
        return sorted(job.id for job in sim.server.api.world.jobs.values() if job.kind == "sft")


def intents(daemon):
    return query(daemon.config.state_dir, "SELECT name, body, notify FROM submission")


def is_watched(daemon, id_):
    view = daemon.job("sft", id_)
    return bool(view and view["added"])


def settled(t, sim, daemon, *ids, timeout=30):
    """In the end these jobs are there, once, and watched, and nothing is to be found out."""
    t.wait(lambda: all(is_watched(daemon, id_) for id_ in ids), timeout, f"{ids} to be watched")
    t.wait(lambda: not intents(daemon), timeout, "no intent to be left")
    t.equal(there(sim), sorted(ids), "at the server")
    for id_ in ids:
        t.wait(lambda i=id_: daemon.job("sft", i)["phase"] == "running", timeout, f"{id_} to be seen")


def forgotten(t, sim, daemon, *ids, timeout=40):
    t.wait(lambda: not intents(daemon), timeout, "the intent to be over")
    t.equal(there(sim), [], "at the server")
    for id_ in ids:
        t.check(not daemon.job("sft", id_), f"{id_} is watched")


# --- the usual ---


@tap.test()
def a_job_is_created_and_watched_at_once(t):
    sim, _, daemon, hook = begin(t, poll_interval="60s")
    text = '{ // a comment\n "baseModel": "m",\n "dataset": "d", "learningRate": 1.0E-4 }'
    view = created(t, daemon, "made", text)
    t.equal((view["name"], view["added"], view["notify"], view["phase"]),
            (name_of("sft", "made"), True, None, "running"))
    t.equal([(r["body"], r["query"]) for r in posts(sim)],
            [('{"baseModel":"m","dataset":"d","learningRate":1.0E-4}',
              {"supervisedFineTuningJobId": "made"})])
    t.equal(daemon.jobs()[name_of("sft", "made")]["phase"], "running")
    event = hook.wait(1)[0]
    t.equal((event["type"], event["subject"]), ("job.found", name_of("sft", "made")))
    time.sleep(2 * POLL)
    t.equal(gets(sim, "made"), [], "the answer has said all")
    t.equal(intents(daemon), [])
    t.check(re.search(r"POST /v1/accounts/acme/jobs/sft, by uid \d+", daemon.log()), "who asked")
    daemon.restart()
    t.check(is_watched(daemon, "made"), "after a restart")
    sim.set("sft", "made", state="COMPLETED")


@tap.test()
def its_end_is_told(t):
    sim, _, daemon, hook = begin(t)
    created(t, daemon, "made")
    sim.set("sft", "made", state="COMPLETED")
    t.equal([e["type"] for e in hook.wait(2)], ["job.found", "job.succeeded"])


@tap.test()
def a_repeat_finds_the_job(t):
    sim, _, daemon, hook = begin(t)
    first = created(t, daemon)
    again = found(t, daemon, body='{"baseModel": "accounts/acme/models/m", "epochs": null,'
                                  ' "dataset": "accounts/acme/datasets/d"}')
    t.equal(again["name"], first["name"], "however it is written")
    t.check(re.fullmatch(r"[a-z0-9-]{1,63}", first["id"]), first["id"])
    created(t, daemon, "given")
    t.equal(found(t, daemon, "given")["id"], "given")
    daemon.restart()
    found(t, daemon)
    found(t, daemon, "given")
    other = created(t, daemon, body=OTHER)
    t.check(other["id"] != first["id"], "another job has another id")
    t.equal(len(posts(sim)), 3)
    settled(t, sim, daemon, first["id"], "given", other["id"])
    t.equal(sorted(e["type"] for e in hook.wait(3)), ["job.found"] * 3)


@tap.test()
def a_job_that_others_have_made_is_found(t):
    sim, _, daemon, hook = begin(t, {"jobs": [
        {"kind": "sft", "id": "old", "state": "RUNNING", "dataset": JOB["dataset"],
         "baseModel": JOB["baseModel"]}]})
    found(t, daemon, "old")
    t.equal([(r["status"]) for r in posts(sim)], [409])
    settled(t, sim, daemon, "old")


@tap.test()
def a_job_that_cannot_be_compared(t):
    """It is not asked for again and again, and who waits is told at once."""
    sim, _, daemon, _ = begin(t)
    sim.set("sft", "a", state="RUNNING", displayName="x" * (1 << 20))
    late = Submit(t, daemon, "a", timeout=30)
    late.fails(503, "api_unavailable", "cannot be read")
    t.check(late.seconds < 5, late.seconds)
    time.sleep(3)
    t.equal((len(posts(sim)), len(gets(sim, "a"))), (1, 1))


@tap.test()
def an_account_whose_id_is_not_known_yet(t):
    sim, _, daemon, _ = begin(t, account={"account_id": ""}, start=False)
    sim.fault("503", path="/v1/accounts$")
    daemon.start()
    t.equal(daemon.request(path_of("a", account=""), "POST", json.dumps(JOB).encode())[0], 404)
    t.equal((posts(sim), intents(daemon)), ([], []))


@tap.test()
def another_job_under_a_taken_id(t):
    sim, _, daemon, _ = begin(t)
    created(t, daemon, "taken", body={**JOB, "displayName": "one"})
    before = daemon.jobs()
    for _ in range(2):
        error = Submit(t, daemon, "taken", body={**JOB, "epochs": 5, "displayName": "two"}).fails(
            409, "conflict", "another job")
        t.equal(error["differences"], [{"field": "epochs", "there": "2", "here": "5"},
                                       {"field": "displayName", "there": "one", "here": "two"}])
    t.equal(there(sim), ["taken"])
    t.equal(daemon.jobs().keys(), before.keys())
    t.wait(lambda: not intents(daemon), 5, "nothing to be found out")
    # One that is not watched stays so.
    sim.set("sft", "free", state="RUNNING")
    Submit(t, daemon, "free", body=OTHER).fails(409, "conflict")
    t.equal(daemon.job("sft", "free"), None)
    found(t, daemon, "taken", body={**JOB, "displayName": "one"})


@tap.test()
def what_cannot_be_asked_for(t):
    sim, _, daemon, _ = begin(t)
    for id_ in ("UPPER", "a_b", "x" * 64, "a%2Fb"):
        Submit(t, daemon, id_).fails(400, "bad_request", "1 to 63")
    for timeout in ("0", "3601", "x", "-1", "1.5", ""):
        Submit(t, daemon, "a", timeout=timeout).fails(400, "bad_request", "timeout")
    Submit(t, daemon, "a", notify="wob").fails(400, "bad_request", "did you mean web?")
    Submit(t, daemon, "a", account="nobody").fails(404, "not_found", "nobody")
    faults = Submit(t, daemon, body='{"dataset": 5,\n "epochs": "two"}').fails(400, "bad_request")
    t.check(len(faults["faults"]) >= 2 and "line 2" in str(faults["faults"]), faults["faults"])
    Submit(t, daemon, body="[]").fails(400, "bad_request")
    Submit(t, daemon, body="").fails(400, "bad_request")
    status, _, body = daemon.request(path_of("a"), "POST", b" " * (1 << 20) + b"{}")
    t.equal((status, json.loads(body)["error"]["code"]), (413, "too_large"))
    for path in ("/v1/accounts/acme", "/v1/accounts/acme/jobs/dpo", "/v1/accounts//jobs/sft"):
        t.equal(daemon.request(path, "POST", b"{}")[0], 404, path)
    t.equal((posts(sim), intents(daemon)), ([], []))


# --- what the API refuses ---


@tap.test()
def refusals_in_the_own_words_of_the_api(t):
    sim, _, daemon, _ = begin(t)
    wanted = {400: (422, "api_refused"), 404: (422, "api_refused"), 422: (422, "api_refused"),
              413: (422, "api_refused"), 401: (403, "api_forbidden"), 403: (403, "api_forbidden"),
              412: (403, "api_forbidden")}
    for status, (ours, code) in wanted.items():
        sim.fault(status, message=f"no: {status} \u2014 because", times=1, before=True, **POST)
        error = Submit(t, daemon, "a").fails(ours, code, f"no: {status} \u2014 because")
        t.check(f"HTTP {status} from 127.0.0.1" in error["message"], error["message"])
    t.equal(len(posts(sim)), len(wanted), "none is tried again")
    forgotten(t, sim, daemon, "a")
    created(t, daemon, "a")


@tap.test()
def what_is_not_now_is_tried_again(t):
    sim, _, daemon, _ = begin(t)
    sim.fault(429, retryAfter=3, times=1, before=True, **POST)
    created(t, daemon, "limited")
    first, second = [r["clock"] for r in posts(sim)]
    t.check(second - first >= 2.9, f"Retry-After: 3, and it came after {second - first}")
    sim.fault(503, times=1, before=True, **POST)
    created(t, daemon, "unwell")
    t.equal(len(posts(sim)), 4)
    settled(t, sim, daemon, "limited", "unwell")


@tap.test()
def what_stays_so_is_told_in_time(t):
    sim, _, daemon, _ = begin(t)
    sim.fault(503, before=True, **POST)
    text = "; whether it was created is not known yet, and is found out"
    late = Submit(t, daemon, "a", timeout=4)
    error = late.fails(503, "api_unavailable", "HTTP 503 from 127.0.0.1")
    t.check(error["message"].count(text) == 1, error["message"])
    t.check(late.seconds < 5, f"after {late.seconds} s")
    sim.clear()
    forgotten(t, sim, daemon, "a")
    count = len(posts(sim))
    sim.fault(429, retryAfter=100, message=(KEPT * 40), before=True, **POST)
    late = Submit(t, daemon, "b", timeout=30)
    error = late.fails(503, "api_unavailable", "HTTP 429")
    t.check(late.seconds < 3, f"nothing comes within the time; told after {late.seconds} s")
    t.check(text not in error["message"], "429 has made nothing")
    t.check("\ufffd" not in error["message"], "whole characters")
    t.equal(len(posts(sim)), count + 1)
    forgotten(t, sim, daemon, "b")


# --- answers that are lost ---

# What becomes of the answer to the POST, though the job is made.
LOST = {
    "reset": {"do": "lose-answer"}, "truncated": {"do": "truncate"}, "html200": {"do": "html200"},
    "empty": {"do": "empty"}, "null": {"do": "null"}, "503": {"do": "503"}, "500": {"do": "500"},
    "other_name": {"do": "other-name"}, "redirect": {"do": "redirect"},
    "html404": {"do": "404", "shape": "html"}, "too_long": {"do": "huge"},
}


def register(name, fault):
    def run(t):
        sim, _, daemon, hook = begin(t)
        sim.fault(**fault, times=1, **POST)
        found(t, daemon, "a")
        are_once(t, sim)
        settled(t, sim, daemon, "a")
        t.equal([e["type"] for e in hook.wait(1)], ["job.found"])

    run.__name__ = f"a_job_whose_answer_was_lost_{name}"
    tap.test()(run)


for name_, fault_ in LOST.items():
    register(name_, fault_)


@tap.test()
def a_post_that_was_lost_is_made_again(t):
    sim, _, daemon, _ = begin(t)
    for id_, fault in (("a", {"do": "reset"}), ("b", {"do": "404", "shape": "html"})):
        sim.fault(**fault, times=1, before=True, **POST)
        created(t, daemon, id_)
        t.equal(len(posts(sim)), 2, "both were sent, one has made it")
        posts_before = len(posts(sim))
        settled(t, sim, daemon, *there(sim))
        t.equal(len(posts(sim)), posts_before)
        sim.server.api.log.clear()


@tap.test()
def a_404_of_a_proxy_says_nothing_about_a_job(t):
    """Else the job that was made would be forgotten, or made again."""
    sim, _, daemon, _ = begin(t)
    sim.fault("lose-answer", times=1, **POST)
    sim.fault("404", shape="html", times=2, path="Jobs/a$")
    found(t, daemon, "a")
    are_once(t, sim)
    t.equal(len(gets(sim, "a")), 3)
    settled(t, sim, daemon, "a")


@tap.test()
def the_network_is_down_for_a_while(t):
    sim, _, daemon, _ = begin(t, {"jobs": [{"kind": "dpo", "id": "d", "state": "RUNNING"}]})
    daemon.wait_known(name_of("dpo", "d"))
    sim.stop()
    t.wait(lambda: not daemon.get("/v1/status")["accounts"][0]["inSight"], 20, "an outage")
    waiting = Submit(t, daemon, "a", timeout=60)
    time.sleep(4)
    sim.restart()
    waiting.succeeds(201, "created", 30)
    settled(t, sim, daemon, "a")
    sim.stop()
    error = Submit(t, daemon, "b", timeout=2).fails(503, "api_unavailable", "127.0.0.1")
    t.check("not known" not in error["message"], "it was never sent")
    sim.restart()
    t.wait(lambda: not intents(daemon), 5, "nothing to be found out")
    time.sleep(POLL)
    t.equal(there(sim), ["a"])


# --- time ---


@tap.test()
def who_gives_up_is_told_that_it_is_found_out(t):
    sim, _, daemon, hook = begin(t)
    sim.fault("delay", seconds=4, **POST)
    late = Submit(t, daemon, "a", timeout=1)
    error = late.fails(503, "api_unavailable", "the API has not answered yet; whether")
    t.check(0.9 <= late.seconds <= 2.5, f"after {late.seconds} s")
    t.check("not asked" not in error["message"], error["message"])
    settled(t, sim, daemon, "a")
    t.equal((len(posts(sim)), hook.wait(1)[0]["type"]), (1, "job.found"))
    found(t, daemon, "a")


@tap.test()
def a_post_that_takes_effect_late(t):
    """Nobody waits any more, and a look or two have found nothing."""
    sim, _, daemon, _ = begin(t)
    sim.fault("late", seconds=4, times=1, **POST)
    Submit(t, daemon, "a", timeout=1).fails(503, "api_unavailable", "not known yet")
    joined = Submit(t, daemon, "a", timeout=20)
    joined.succeeds(201, "created")
    t.equal(len(posts(sim)), 1)
    settled(t, sim, daemon, "a")


@tap.test()
def who_joins_a_post_under_way_hears_of_its_refusal(t):
    """A 409 to a POST is no 409 to a GET, though only looks were to follow."""
    sim, _, daemon, _ = begin(t, {"jobs": [
        {"kind": "sft", "id": "old", "state": "RUNNING", "dataset": JOB["dataset"],
         "baseModel": JOB["baseModel"]}]})
    sim.fault("delay", seconds=3, times=1, **POST)
    Submit(t, daemon, "old", timeout=1).fails(503, "api_unavailable", "not known yet")
    found(t, daemon, "old", timeout=20)
    t.equal(len(posts(sim)), 1)
    settled(t, sim, daemon, "old")


@tap.test()
def a_lost_post_is_not_forgotten_when_the_next_is_not_sent(t):
    """The first one takes effect after a look has found nothing, and the second is turned away."""
    sim, _, daemon, _ = begin(t)
    sim.fault(404, shape="html", times=1, before=True, **POST)
    sim.fault(429, retryAfter=100, before=True, **POST)
    Submit(t, daemon, "a", timeout=20).fails(503, "api_unavailable", "not known yet")
    t.equal(len(posts(sim)), 2)
    sim.admin("job", {"kind": "sft", "id": "a", "state": "RUNNING",
                      "dataset": JOB["dataset"], "baseModel": JOB["baseModel"]})
    sim.clear()
    t.equal(len(intents(daemon)), 1)
    # The API wants to be left alone for 100 s; after a restart that is forgotten.
    daemon.restart()
    settled(t, sim, daemon, "a")


@tap.test()
def who_comes_back_need_not_wait(t):
    sim, _, daemon, _ = begin(t)
    sim.fault("lose-answer", before=True, **POST)
    sim.fault("reset", path="Jobs/a$")
    Submit(t, daemon, "a", timeout=6).fails(503, "api_unavailable", "not known yet")
    time.sleep(12)  # looks become rare
    sim.clear()
    began = time.monotonic()
    created(t, daemon, "a", timeout=30)
    t.check(time.monotonic() - began < 2, f"after {time.monotonic() - began} s")
    settled(t, sim, daemon, "a")


# --- several at once ---


@tap.test()
def two_clients_for_the_same_job(t):
    sim, _, daemon, _ = begin(t)
    sim.fault("delay", seconds=1, **POST)
    both = [Submit(t, daemon) for _ in range(5)]
    views = [client.succeeds(201, "created") for client in both]
    t.equal(len({view["name"] for view in views}), 1)
    t.equal(len(posts(sim)), 1)
    settled(t, sim, daemon, views[0]["id"])


@tap.test()
def two_clients_with_different_jobs_under_one_id(t):
    sim, _, daemon, _ = begin(t)
    sim.fault("delay", seconds=1, **POST)
    first = Submit(t, daemon, "a")
    t.wait(lambda: posts(sim), 10, "the first POST")
    Submit(t, daemon, "a", body=OTHER).fails(409, "conflict", "right now")
    first.succeeds(201, "created")
    t.equal(len(posts(sim)), 1)
    Submit(t, daemon, "a", body=OTHER).fails(409, "conflict", "another job")
    settled(t, sim, daemon, "a")


@tap.test()
def too_many_wait(t):
    sim, _, daemon, _ = begin(t)
    sim.fault("delay", seconds=3, **POST)
    first = Submit(t, daemon, "a")
    t.wait(lambda: posts(sim), 10, "the POST")
    clients = [Submit(t, daemon, "a") for _ in range(25)]
    codes = [client.wait()[0] for client in [first, *clients]]
    t.equal((codes.count(201), codes.count(503)), (20, 6))
    settled(t, sim, daemon, "a")


@tap.test()
def a_client_that_goes_away(t):
    sim, _, daemon, hook = begin(t)
    sim.fault("delay", seconds=1.5, **POST)
    client = Submit(t, daemon, "a")
    t.wait(lambda: posts(sim), 10, "the POST")
    client.connection.sock.shutdown(2)
    settled(t, sim, daemon, "a")
    t.equal((len(posts(sim)), hook.wait(1)[0]["type"]), (1, "job.found"))


# --- the configuration ---


@tap.test()
def the_account_leaves_while_the_post_is_under_way(t):
    sim, config, daemon, _ = begin(t)
    sim.fault("delay", seconds=2, **POST)
    waiting = Submit(t, daemon, "a", timeout=20)
    t.wait(lambda: posts(sim), 10, "the POST")
    sections = dict(config.sections)
    config.sections.pop(("account", "acme"))
    config.sections.pop(("watch", "all"))
    config.account(sim, "beta").watch(account="beta", kinds=["dpo"]).write()
    daemon.reload()
    waiting.succeeds(201, "created")
    t.equal(there(sim), ["a"])
    Submit(t, daemon, "b").fails(404, "not_found")
    config.sections = sections
    config.write()
    daemon.reload()
    settled(t, sim, daemon, "a")


@tap.test()
def the_account_leaves_before_the_post(t):
    sim, config, daemon, _ = begin(t, account={"requests_per_minute": 4})
    waiting = Submit(t, daemon, "a", timeout=3)
    sections = dict(config.sections)
    time.sleep(0.5)
    config.sections.pop(("account", "acme"))
    config.sections.pop(("watch", "all"))
    config.account(sim, "beta").watch(account="beta", kinds=["dpo"]).write()
    daemon.reload()
    error = waiting.fails(503, "api_unavailable", "has left the configuration")
    t.check("not known" not in error["message"], error["message"])
    config.sections = sections
    config.write()
    daemon.reload()
    forgotten(t, sim, daemon, "a")
    t.equal(posts(sim), [])


@tap.test()
def a_key_that_was_exchanged(t):
    sim, config, daemon, _ = begin(t)
    new = f"fw_{bodies.SECRET}_another"
    sim.fault("delay", seconds=2, path="dpoJobs")  # no poll finds it out before the POST does
    sim.settings(key=new)
    config.write_key(t.path("acme.key"), new)
    created(t, daemon, "a")
    t.equal([r["status"] for r in posts(sim)][-1], 200)
    settled(t, sim, daemon, "a")


@tap.test()
def only_chosen_notifiers_hear_of_it(t):
    sim, config, daemon, hook = begin(t)
    config.webhook(hook, name="other", path="/other").webhook(hook, name="third", path="/third")
    config.write()
    daemon.reload()
    view = created(t, daemon, "a", notify="other,third")
    t.equal(view["notify"], ["other", "third"])
    t.equal(found(t, daemon, "a")["notify"], ["other", "third"], "a repeat leaves that as it is")
    t.equal(found(t, daemon, "a", notify="other")["notify"], ["other"])
    sim.set("sft", "a", state="COMPLETED")
    t.equal([e["type"] for e in [d.event for d in hook.wait(2, "/other") and hook.got("/other")]],
            ["job.found", "job.succeeded"])
    time.sleep(1)
    t.equal([d.event["type"] for d in hook.got("/third")], ["job.found"])
    t.equal(hook.got("/"), [])


@tap.test()
def only_chosen_notifiers_hear_of_what_a_list_shows_first(t):
    """The answer to the POST is lost, and the watch's own look comes before that at the job."""
    sim, config, daemon, hook = begin(t, {"jobs": [{"kind": "sft", "id": "old", "state": "RUNNING"}]},
                                      watch={"kinds": ["sft"], "first_sight": "baseline"})
    config.webhook(hook, name="other", path="/other").write()
    daemon.reload()
    daemon.wait_known(name_of("sft", "old"))
    time.sleep(POLL)
    sim.fault("lose-answer", times=2, **POST)
    sim.fault("reset", path="Jobs/a$", times=2)
    client = Submit(t, daemon, "a", notify="other")
    t.wait(lambda: (daemon.job("sft", "a") or {}).get("phase"), 10, "the list's look")
    t.check(client.answer is None, "before the answer")
    t.equal(hook.wait(1, "/other")[0]["type"], "job.found")
    t.equal(client.succeeds(200, "found")["notify"], ["other"])
    t.equal([d.event["type"] for d in hook.got("/other")], ["job.found"])
    t.equal(hook.got("/"), [])
    # One that will not be is watched by nobody, and a later one is the watch's again.
    sim.fault(400, before=True, times=1, **POST)
    Submit(t, daemon, "b", notify="other").fails(422, "api_refused")
    t.equal(daemon.job("sft", "b"), None)
    sim.set("sft", "b", state="RUNNING")
    t.equal(hook.wait(1)[0]["subject"], name_of("sft", "b"))
    daemon.restart()
    t.equal(daemon.job("sft", "b")["added"], False)


@tap.test()
def who_was_chosen_hears_of_what_no_rule_wants(t):
    """A list that is read for other jobs shows it before its adoption, and nobody watches it then."""
    others = [f"other-{n}" for n in range(5)]
    sim, config, daemon, hook = begin(t, {"jobs": [
        {"kind": "sft", "id": id_, "state": "RUNNING"} for id_ in others]})
    config.webhook(hook, name="other", path="/other").write()
    daemon.reload()
    for id_ in others:
        daemon.request(f"/v1/jobs/acme/sft/{id_}", "PUT")
    sim.fault("lose-answer", times=1, **POST)
    sim.fault("reset", path="Jobs/a$")
    client = Submit(t, daemon, "a", notify="other")
    t.wait(lambda: sim.visible("sft", "a"), 15, "a list that shows it")
    sim.wait_requests(1, COLLECTION)
    t.check(client.answer is None, "before the answer")
    t.equal(daemon.job("sft", "a"), None)
    sim.clear()
    client.succeeds(200, "found")
    t.equal(hook.wait(1, "/other", subject=name_of("sft", "a"))[0]["type"], "job.found")
    t.equal(hook.events(subject=name_of("sft", "a")), [])


@tap.test()
def the_last_who_chooses_notifiers_counts(t):
    sim, config, daemon, hook = begin(t)
    config.webhook(hook, name="other", path="/other").write()
    daemon.reload()
    sim.fault("delay", seconds=1.5, **POST)
    clients = [Submit(t, daemon, "a")]
    t.wait(lambda: posts(sim), 10, "the POST")
    clients.append(Submit(t, daemon, "a", notify="other"))
    t.equal([c.succeeds(201, "created")["notify"] for c in clients], [["other"]] * 2)
    t.equal(hook.wait(1, "/other")[0]["type"], "job.found")
    t.equal(hook.got("/"), [])
    settled(t, sim, daemon, "a")


@tap.test()
def chosen_notifiers_survive_a_crash(t):
    sim, config, daemon, hook = begin(t)
    config.webhook(hook, name="other", path="/other").write()
    daemon.reload()
    sim.fault("delay", seconds=20, **POST)
    Submit(t, daemon, "a", notify="other")
    t.wait(lambda: posts(sim), 10, "the POST")
    daemon.kill()
    sim.clear()
    daemon.start()
    settled(t, sim, daemon, "a")
    t.equal(daemon.job("sft", "a")["notify"], ["other"])
    t.equal(hook.wait(1, "/other")[0]["type"], "job.found")
    t.equal(hook.got("/"), [])


WANDB = {**JOB, "wandbConfig": {"enabled": True, "project": "p"}}


@tap.test()
def the_key_of_weights_and_biases(t):
    """It is sent, from its file as that is now, and is nowhere else: the harness looks for it."""
    sim, config, daemon, _ = begin(t, account={"wandb_api_key_file": t.path("wandb.key")},
                                   start=False)
    keys = [f"{bodies.SECRET}{n}" * 5 for n in range(3)]
    config.write_key(t.path("wandb.key"), keys[0])
    daemon.start()
    created(t, daemon, "a", body=WANDB)
    config.write_key(t.path("wandb.key"), keys[1])
    created(t, daemon, "b", body=WANDB)
    t.equal([json.loads(r["body"])["wandbConfig"].get("apiKey") for r in posts(sim)], keys[:2])
    found(t, daemon, "b", body=WANDB)
    for status, code in ((400, 422), (401, 403), (503, 503)):
        sim.fault(status, before=True, times=1, message=f"bad key {keys[1]}, and {keys[1]}", **POST)
        sim.fault("lose-answer", path="Jobs/c$")
        _, document = Submit(t, daemon, "c", body=WANDB, timeout=3).wait()
        t.check(bodies.SECRET not in json.dumps(document), f"{status}: {document}")
        t.equal(_, code)
        if code != 503:
            t.check("bad key ***" in document["error"]["message"], document)
        sim.clear()
    sim.fault("delay", seconds=20, times=1, **POST)
    Submit(t, daemon, "d", body=WANDB)
    t.wait(lambda: len(posts(sim)) >= 6, 10, "the POST")
    t.check(bodies.SECRET not in str(intents(daemon)), "the intent")
    daemon.kill()
    daemon.start()
    t.wait(lambda: is_watched(daemon, "d"), 30, "d to be watched")


@tap.test()
def no_key_of_weights_and_biases(t):
    sim, config, daemon, _ = begin(t)
    Submit(t, daemon, "a", body=WANDB).fails(400, "bad_request", "wandb-api-key-file")
    created(t, daemon, "b", body={**JOB, "wandbConfig": {"enabled": False, "project": "p"}})
    config.sections["account", "acme"]["wandb_api_key_file"] = t.path("wandb.key")
    config.write_key(t.path("wandb.key"), f"{bodies.SECRET}key")
    config.write()
    daemon.reload()
    config.write_key(t.path("wandb.key"), "")
    Submit(t, daemon, "a", body=WANDB).fails(400, "bad_request", "wandb.key")
    t.equal(there(sim), ["b"])
    t.wait(lambda: not intents(daemon), 5, "nothing to be found out")


@tap.test(limit=90)
def a_post_counts_for_the_budget(t):
    sim, _, daemon, _ = begin(t, {"jobs": [{"kind": "dpo", "id": f"d{i}", "state": "RUNNING"}
                                           for i in range(3)]},
                              account={"requests_per_minute": 10})
    clients = [Submit(t, daemon, f"a{i}", timeout=120) for i in range(3)]
    for client in clients:
        client.succeeds(201, "created", 80)
    clocks = [r["clock"] for r in sim.requests()]
    gaps = [b - a for a, b in zip(clocks, clocks[1:])]
    t.check(min(gaps) >= 5.9, f"every 6 s: {gaps}")
    t.equal([r["status"] for r in posts(sim)], [200] * 3)
    t.check(clocks[2] <= posts(sim)[2]["clock"], "they go before polls")


# --- ends and crashes ---


def put_down(t, how, make, stop):
    """The daemon ends while a POST is under way, which makes the job or not; then it starts again."""
    sim, _, daemon, _ = begin(t)
    sim.fault("delay" if make else "503", **({"seconds": 30} if make else {"before": True}), **POST)
    waiting = Submit(t, daemon, "a", timeout=50)
    t.wait(lambda: posts(sim), 10, "the POST")
    time.sleep(how)
    if stop:
        daemon.stop()
        waiting.fails(503, "stopping")
    else:
        daemon.kill()
        waiting.wait()
    t.equal(len(intents(daemon)), 1)
    sim.clear()
    daemon.start()
    if make:
        settled(t, sim, daemon, "a")
    else:
        forgotten(t, sim, daemon, "a")
    t.equal(len(posts(sim)), 1, "a restart makes nothing")
    (found if make else created)(t, daemon, "a")
    settled(t, sim, daemon, "a")


@tap.test()
def stopped_before_the_answer_of_a_job_that_was_made(t):
    put_down(t, 0.2, True, True)


@tap.test()
def stopped_before_the_second_try(t):
    put_down(t, 0.2, False, True)


@tap.test()
def killed_before_the_answer_of_a_job_that_was_made(t):
    put_down(t, 0.0, True, False)


@tap.test()
def killed_before_the_second_try(t):
    put_down(t, 0.2, False, False)


@tap.test()
def killed_before_the_post(t):
    sim, _, daemon, _ = begin(t, account={"requests_per_minute": 6})
    Submit(t, daemon, "a")
    t.wait(lambda: intents(daemon), 10, "the intent")
    daemon.kill()
    t.equal(posts(sim), [])
    daemon.config.sections["account", "acme"]["requests_per_minute"] = 600000
    daemon.start()
    forgotten(t, sim, daemon, "a")
    t.equal(posts(sim), [], "nobody waits for it")


@tap.test()
def killed_right_after_the_answer(t):
    sim, _, daemon, _ = begin(t)
    ids = [f"a{i}" for i in range(5)]
    for id_ in ids:
        created(t, daemon, id_)
        daemon.kill()
        daemon.start()
    settled(t, sim, daemon, *ids)
    t.equal(len(posts(sim)), 5)


@tap.test()
def a_repeat_right_after_a_crash(t):
    sim, _, daemon, _ = begin(t)
    sim.fault("delay", seconds=20, times=1, **POST)
    Submit(t, daemon, "a")
    t.wait(lambda: posts(sim), 10, "the POST")
    daemon.kill()
    daemon.start()
    found(t, daemon, "a")
    t.equal(len(posts(sim)), 1)
    Submit(t, daemon, "a", body=OTHER).fails(409, "conflict")
    settled(t, sim, daemon, "a")


@tap.test()
def while_it_is_being_stopped(t):
    """Deliveries have some seconds at the end; nothing is to be created then."""
    sim, config, daemon, _ = begin(t)
    run = Hook(t)
    config.exec(run, command=["/bin/sleep", "3"]).write()
    daemon.reload()
    created(t, daemon, "a")
    time.sleep(0.5)
    daemon.signal(signal.SIGTERM)
    daemon.wait_log("SIGTERM: stopping")
    status, _ = Submit(t, daemon, "b").wait(5)
    t.check(status in (None, 503), f"{status}")
    t.equal(daemon.wait_exit(), 0)
    t.equal((there(sim), intents(daemon)), (["a"], []))
    daemon.start()


if __name__ == "__main__":
    tap.main()
