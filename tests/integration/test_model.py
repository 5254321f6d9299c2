#!/usr/bin/env python3
"""wait-for-model: the success of a job is delivered when its output model can be used, or after the
limit; nothing else waits, and every try says the same, whatever happens between."""

import json
import re

from harness import Hook, Reply, Webhook, begin, name_of, running, settle, tap
from stored import query

A = name_of("sft", "a")
MODELS = "/v1/accounts/acme/models/"
SUCCESS = "job.succeeded"


def waiting(t, *ids, limit=None, **options):
    """A daemon whose webhook "web" waits for models; the jobs are known: (sim, hook, daemon)."""
    sim, daemon = running(t, *ids)
    hook = Webhook(t)
    daemon.config.webhook(hook, "web", wait_for_model=True, wait_for_model_max=limit, **options)
    begin(sim, daemon, *ids)
    return sim, hook, daemon


def set_model(sim, state, id_="a"):
    sim.admin("model", {"account": "acme", "id": id_, "state": state})


def wait_held(t, daemon, notifier="web"):
    """Waits until the delivery is listed as waiting for its model; its id."""
    def held():
        entries = daemon.get("/v1/deliveries?state=pending")["deliveries"]
        return next((e for e in entries
                     if e["waitingFor"] == "model" and e["notifier"] == notifier), None)

    entry = t.wait(held, 15, "a delivery that waits for its model")
    t.equal((entry["type"], entry["tries"], entry["nextTry"]), (SUCCESS, 0, None))
    return entry["id"]


def wait_answered(sim, count=1):
    """The model has been asked for so often, and each question has its answer."""
    sim.t.wait(lambda: len([r for r in sim.requests(MODELS) if r["status"]]) >= count, 15,
               f"{count} questions for a model")


def ready(event):
    """What the event says of its model; None where it says nothing."""
    return event["data"].get("modelReady")


@tap.test()
def a_model_that_is_ready(t):
    """All notifiers that wait share a question; who does not wait gets the event as it is."""
    sim, daemon = running(t)
    web, plain, hook = Webhook(t), Webhook(t), Hook(t)
    daemon.config.webhook(web, "web", wait_for_model=True)
    daemon.config.webhook(plain, "plain").exec(hook, wait_for_model=True)
    set_model(sim, "READY")
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    told = web.wait(1, types=SUCCESS)[0]
    run = hook.wait_runs(1)[0]
    t.equal(ready(told), True)
    t.equal(json.loads(run["stdin"]), told)
    t.equal(run["env"].get("TUNEWATCH_MODEL_READY"), "true")
    bare = plain.wait(1, types=SUCCESS)[0]
    t.check("modelReady" not in bare["data"], f"{bare}")
    del told["data"]["modelReady"]
    t.equal(told, bare, "another event")
    t.equal([r["path"] for r in sim.requests(MODELS)], [MODELS + "a"])


@tap.test()
def only_its_job_waits(t):
    """Later events of the job come after it, and its notifier is free for others meanwhile."""
    sim, hook, daemon = waiting(t, "a", "b")
    sim.set("sft", "a", state="COMPLETED")
    id_ = wait_held(t, daemon)
    sim.set("sft", "a", state="RUNNING")  # resumed
    sim.set("sft", "b", state="FAILED")
    hook.wait(1, types="job.failed")
    settle(sim)
    t.equal(hook.events(subject=A), [])
    result = daemon.client("deliveries")
    t.check(re.search(rf"^{re.escape(id_)} +job\.succeeded +acme/sft/a +pending +0 +\w+ +model *$",
                      result.out, re.MULTILINE), result.out)
    wait_answered(sim)
    set_model(sim, "READY")
    result = daemon.client("retry", id_)  # asks at once
    t.equal((result.code, result.err), (0, ""))
    told = hook.wait(2, subject=A)
    t.equal([(e["type"], ready(e)) for e in told], [(SUCCESS, True), ("job.running", None)])


@tap.test()
def the_limit(t):
    sim, hook, daemon = waiting(t, limit="1s")
    set_model(sim, "UPLOADING")
    sim.set("sft", "a", state="COMPLETED")
    told = hook.wait(1, types=SUCCESS)[0]
    t.equal(ready(told), False)
    wait_answered(sim)
    daemon.wait_log(r'"web": job\.succeeded of \S+ \S+ is delivered, though its output model is '
                    r"not ready: its state is not READY")


@tap.test()
def on_request_it_goes_with_what_is_so(t):
    sim, hook, daemon = waiting(t)
    sim.set("sft", "a", state="COMPLETED")
    id_ = wait_held(t, daemon)
    wait_answered(sim)
    t.equal(hook.got(), [])
    t.equal(daemon.client("retry", id_).code, 0)
    t.equal(ready(hook.wait(1, types=SUCCESS)[0]), False)
    t.equal(len(sim.requests(MODELS)), 2)


@tap.test()
def a_kill_while_it_waits(t):
    sim, hook, daemon = waiting(t)
    sim.set("sft", "a", state="COMPLETED")
    wait_held(t, daemon)
    daemon.kill()
    set_model(sim, "READY")
    daemon.start()
    t.equal(ready(hook.wait(1, types=SUCCESS)[0]), True)
    settle(sim)
    t.equal(len(hook.got()), 1)


@tap.test()
def every_try_says_the_same(t):
    """What was decided is durable before the first try: the model is not asked for again."""
    sim, hook, daemon = waiting(t)
    hook.script("/", 503, Reply(503, {"Retry-After": "600"}))
    set_model(sim, "READY")
    sim.set("sft", "a", state="COMPLETED")
    hook.wait_requests(1)
    t.wait(lambda: query(daemon.config.state_dir, "SELECT tries FROM delivery") == [(1,)], 10,
           "the first try's verdict")
    set_model(sim, "UPLOADING")
    daemon.kill()
    daemon.start()
    id_ = daemon.get("/v1/deliveries")["deliveries"][0]["id"]
    for _ in range(2):
        count = len(hook.got())
        t.equal(daemon.client("retry", id_).code, 0)
        hook.wait_requests(count + 1)
        t.wait(lambda: query(daemon.config.state_dir, "SELECT tries FROM delivery") ==
               [(len(hook.got()),)], 10, "the verdict")
    t.equal(len({d.body for d in hook.got()}), 1, "other bytes")
    t.equal(ready(hook.got()[0].event), True)
    t.equal(len(sim.requests(MODELS)), 1)


@tap.test()
def a_reload_holds_for_what_waits(t):
    sim, hook, daemon = waiting(t)
    sim.set("sft", "a", state="COMPLETED")
    wait_held(t, daemon)
    daemon.config.webhook(hook, "web")
    daemon.config.write()
    daemon.reload()
    told = hook.wait(1, types=SUCCESS)[0]
    t.equal(ready(told), None)


@tap.test()
def an_account_that_leaves(t):
    """Nobody can ask any more: it waits until the limit. The end of the daemon does not wait."""
    sim, hook, daemon = waiting(t, "a", limit="2s")
    sim.set("sft", "a", state="COMPLETED")
    wait_held(t, daemon)
    del daemon.config.sections["account", "acme"], daemon.config.sections["watch", "all"]
    daemon.config.account(sim, "other").watch("all", "other")
    daemon.config.write()
    daemon.reload()
    t.equal(ready(hook.wait(1, types=SUCCESS)[0]), False)


@tap.test()
def nothing_to_wait_for(t):
    """A job without an output model; and a daemon that ends while another one waits."""
    sim, hook, daemon = waiting(t, "a", "b")
    sim.set("sft", "a", state="COMPLETED", outputModel="")
    t.equal(ready(hook.wait(1, types=SUCCESS)[0]), None)
    t.equal(sim.requests(MODELS), [])
    sim.set("sft", "b", state="COMPLETED")
    wait_held(t, daemon)
    daemon.stop()
    t.equal(len(hook.got()), 1)
    daemon.start()


if __name__ == "__main__":
    tap.main()
