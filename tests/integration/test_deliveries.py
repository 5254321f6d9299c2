#!/usr/bin/env python3
"""The outbox for people: what waits and what was given up is listed, and sent again on request, by
the control socket's calls and by the commands."""

import json
import re

from harness import CLIENT, Reply, Webhook, begin, name_of, run_program, running, settle, tap

A = name_of("sft", "a")


def with_dead(t, *ids, **options):
    """A daemon whose webhook "dead" has refused the end of each job: (sim, hook, daemon)."""
    sim, daemon = running(t, *ids)
    hook = Webhook(t)
    hook.script("/dead", *[Reply(400) for _ in ids])
    daemon.config.webhook(hook, "dead", "/dead", **options)
    begin(sim, daemon, *ids)
    for id_ in ids:
        sim.set("sft", id_, state="COMPLETED")
    t.wait(lambda: len(listed(daemon, "dead")) == len(ids), 15, "the deliveries to be dead")
    return sim, hook, daemon


def listed(daemon, state=None, more=""):
    path = "/v1/deliveries" + (f"?state={state}{more}" if state else "")
    return daemon.get(path)["deliveries"]


@tap.test()
def what_is_dead_is_listed(t):
    _, hook, daemon = with_dead(t, "a", "b")
    event = hook.events("/dead", A)[0]
    entry = next(d for d in listed(daemon) if d["subject"] == A)
    t.equal(entry["id"], f"{event['id']}.dead")
    t.equal({key: entry[key] for key in ("event", "type", "sequence", "notifier", "state", "tries",
                                         "replaced", "nextTry")},
            {"event": event["id"], "type": "job.succeeded", "notifier": "dead", "state": "dead",
             "sequence": event["data"]["sequence"], "tries": 1, "replaced": 0, "nextTry": None})
    t.equal(entry["createTime"], event["time"])
    t.check("400" in entry["lastError"], entry["lastError"])
    t.equal(listed(daemon, "pending"), [])
    t.equal(listed(daemon, "delivered"), [])
    one = daemon.get("/v1/deliveries?state=dead&limit=1")
    t.equal((len(one["deliveries"]), one["more"]), (1, True))
    t.equal(daemon.get("/v1/deliveries?state=dead&limit=2")["more"], False)


@tap.test()
def what_waits_is_listed(t):
    sim, daemon = running(t)
    hook = Webhook(t)
    hook.script("/", Reply(429, {"Retry-After": "600"}))
    daemon.config.webhook(hook, "web")
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    entry = t.wait(lambda: next((d for d in listed(daemon) if d["tries"] == 1), None), 15,
                   "a try that failed")
    t.equal((entry["state"], entry["subject"]), ("pending", A))
    t.check(entry["nextTry"] > entry["createTime"], f"{entry}")
    result = daemon.client("deliveries")
    t.equal(result.code, 0, result.err)
    t.check(re.search(r"evt_\w+\.web +job\.succeeded +acme/sft/a +pending +1 ", result.out),
            result.out)


@tap.test()
def a_dead_one_is_sent_again(t):
    sim, hook, daemon = with_dead(t, "a")
    first = hook.got("/dead")[0]
    id_ = listed(daemon, "dead")[0]["id"]
    result = daemon.client("retry", id_)
    t.equal((result.code, result.err), (0, ""))
    again = hook.wait_requests(2, "/dead")[1]
    t.equal(again.body, first.body, "other bytes")
    t.wait(lambda: len(listed(daemon, "delivered")) == 1, 10, "the verdict")
    t.equal(listed(daemon), [])
    t.equal(listed(daemon, "delivered")[0]["tries"], 2)
    # And once more, though it was delivered: on request.
    t.equal(daemon.client("retry", id_).code, 0)
    hook.wait_requests(3, "/dead")
    settle(sim)
    daemon.restart()
    settle(sim)
    t.equal(len(hook.got("/dead")), 3)


@tap.test()
def one_that_waits_is_sent_now(t):
    """The receiver is well again, and its next try would be far off; order is kept for the job."""
    sim, daemon = running(t)
    hook = Webhook(t)
    hook.script("/", Reply(429, {"Retry-After": "600"}))
    daemon.config.webhook(hook, "web")
    begin(sim, daemon)
    sim.set("sft", "a", state="PAUSED")
    t.wait(lambda: [d["tries"] for d in listed(daemon)] == [1], 15, "a try that failed")
    sim.set("sft", "a", state="COMPLETED")
    t.wait(lambda: len(listed(daemon)) == 2, 15, "one behind it")
    last = next(d for d in listed(daemon) if d["type"] == "job.succeeded")
    t.equal(daemon.client("retry", last["id"]).code, 0)
    hook.wait_requests(3)
    t.equal([d.event["type"] for d in hook.got()], ["job.paused", "job.paused", "job.succeeded"])
    t.wait(lambda: listed(daemon) == [], 10, "both to be delivered")
    daemon.wait_log("is sent now on request")


@tap.test()
def all_that_are_dead_are_sent_again(t):
    _, hook, daemon = with_dead(t, "a", "b", "c")
    result = daemon.client("retry", "--dead")
    t.equal((result.code, result.out), (0, "3 sent again\n"), result.err)
    hook.wait_requests(6, "/dead")
    t.wait(lambda: len(listed(daemon, "delivered")) == 3, 10, "the verdicts")
    result = daemon.client("retry", "--dead")
    t.equal((result.code, result.out), (0, "0 sent again\n"), result.err)
    result = daemon.client("deliveries")
    t.equal((result.code, result.out), (0, ""))
    t.check("nothing is waiting or dead" in result.err, result.err)


@tap.test()
def one_that_is_asked_for_survives_a_crash(t):
    sim, hook, daemon = with_dead(t, "a")
    hook.script("/dead", Reply(200, delay=3))
    t.equal(daemon.client("retry", listed(daemon, "dead")[0]["id"]).code, 0)
    hook.wait_requests(2, "/dead")
    daemon.kill()
    daemon.start()
    got = hook.wait_requests(3, "/dead")
    t.equal(len({d.body for d in got}), 1)
    settle(sim)


@tap.test()
def what_cannot_be_sent_again(t):
    sim, hook, daemon = with_dead(t, "a")
    sim.set("sft", "b", state="RUNNING")
    settle(sim)
    id_ = listed(daemon, "dead")[0]["id"]
    event = id_.split(".")[0]
    for wrong, status in ((f"{event}.other", 409), ("evt_none.dead", 404), ("nonsense", 404)):
        code, _, body = daemon.request(f"/v1/deliveries/{wrong}/retry", "POST")
        t.equal((code, json.loads(body)["error"].keys()), (status, {"code", "message"}), wrong)
        result = daemon.client("retry", wrong)
        t.equal(result.code, 1, wrong)
        t.check(wrong in result.err and result.err.count("\n") == 1, result.err)
    hook.script("/dead", Reply(429, {"Retry-After": "600"}))
    t.equal(daemon.client("retry", id_).code, 0)
    t.wait(lambda: listed(daemon, "pending") and listed(daemon, "pending")[0]["tries"] == 2, 10,
           "a second try")
    # One that is off sends nothing, so it would wait and nobody would know why.
    hook.script("/dead", Reply(410), Reply(200))
    daemon.reload()
    sim.set("sft", "b", state="COMPLETED")
    t.wait(lambda: daemon.notifier("dead")["off"], 10, "the notifier to be off")
    id_ = listed(daemon, "dead")[0]["id"]
    result = daemon.client("retry", id_)
    t.equal(result.code, 1)
    t.check("off until the next reload" in result.err, result.err)
    daemon.reload()
    t.equal(daemon.client("retry", id_).code, 0)
    hook.wait_requests(4, "/dead")
    # Without its notifier there is nowhere to send it to.
    t.check(listed(daemon, "pending")[0]["nextTry"], "no next try")
    del daemon.config.sections["notifier", "dead"]
    daemon.config.webhook(hook, "another", "/another").write()
    daemon.reload()
    result = daemon.client("retry", id_)
    t.equal(result.code, 1)
    t.check("in the configuration" in result.err, result.err)
    t.equal(listed(daemon, "pending")[0]["nextTry"], None, "it has nowhere to go")


@tap.test()
def the_status_says_what_went_out_in_vain(t):
    _, hook, daemon = with_dead(t, "a")
    daemon.config.webhook(hook, "gone", "/gone")
    result = daemon.client("status")
    t.equal(result.code, 0)
    t.check("notifier dead gave up 1 deliver" in result.err, result.err)
    del daemon.config.sections["notifier", "gone"]
    daemon.config.write(daemon.config.text() + "nonsense = 1\n")
    daemon.reload()
    t.check("the last reload was refused" in daemon.client("status").err, "a refused reload")
    t.equal(daemon.client("--json", "status").err, "", "beside a document")


@tap.test()
def calls_and_commands_used_wrongly(t):
    _, _, daemon = with_dead(t, "a")
    for path, method, status in (
            ("/v1/deliveries?state=lost", "GET", 400), ("/v1/deliveries?limit=0", "GET", 400),
            ("/v1/deliveries?limit=1001", "GET", 400), ("/v1/deliveries?limit=x", "GET", 400),
            ("/v1/deliveries/x", "POST", 404), ("/v1/deliveries/", "POST", 404)):
        code, _, body = daemon.request(path, method)
        t.equal((code, json.loads(body)["error"].keys()), (status, {"code", "message"}), path)
    for path, method, allowed in (("/v1/deliveries", "POST", "GET, HEAD"),
                                  ("/v1/deliveries/x/retry", "GET", "POST")):
        code, headers, _ = daemon.request(path, method)
        t.equal((code, headers["Allow"]), (405, allowed), path)
    for args in (("deliveries", "x"), ("deliveries", "--state", "LOST"), ("retry",),
                 ("retry", "--dead", "x"), ("deliveries", "--dead"), ("status", "--state", "dead"),
                 ("retry", "x" * 600)):
        result = daemon.client(*args)
        t.equal(result.code, 64, f"{args}: {result.err}")
        t.equal((result.out, result.err.count("\n")), ("", 1), f"{args}")
    result = daemon.client("deliveries", "--state", "lost")
    t.check(result.code == 64 and "pending, delivered, dead or skipped" in result.err, result.err)
    gone = run_program(t, [*CLIENT, "--socket", t.path("none"), "retry", "--dead"])
    t.equal(gone.code, 69, gone.err)
    document = json.loads(daemon.client("--json", "deliveries").out)
    t.equal(len(document["deliveries"]), 1)
    result = daemon.client("--json", "retry", "--dead")
    t.equal((result.code, json.loads(result.out)), (0, {"retried": 1, "failed": 0, "more": False}))


if __name__ == "__main__":
    tap.main()
