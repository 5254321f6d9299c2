#!/usr/bin/env python3
"""What happens to an event on its way: the contract's verdicts on webhooks, order, retries, and what
a webhook is given. The first retry comes 5 s after the first try."""

import json

from harness import (
    Config, Daemon, Hook, Reply, Sim, Webhook, begin, bodies, check_log, events, name_of, running,
    settle, tap,
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


@tap.test()
def a_hook_and_a_webhook_get_the_same_bytes(t):
    sim, daemon = running(t)
    hook, web = Hook(t), Webhook(t)
    daemon.config.exec(hook).webhook(web)
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    t.equal(hook.wait_runs(1)[0]["stdin"].encode(), web.wait_requests(1)[0].body)


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


@tap.test()
def a_receiver_that_hangs_delays_no_other_at_its_host(t):
    ids = ("a", "b", "c", "d", "e")
    sim, daemon = running(t, *ids)
    hook = Webhook(t)
    daemon.config.webhook(hook, "bad", "/bad", timeout="2min").webhook(hook, "good", "/good")
    hook.script("/bad", Reply(delay=300), forever=True)
    begin(sim, daemon, *ids)
    for id_ in ids[:4]:
        sim.set("sft", id_, state="COMPLETED")
    hook.wait_requests(4, "/bad")
    sim.set("sft", "e", state="COMPLETED")
    hook.wait(5, "/good")
    t.equal(len(hook.got("/bad")), 4, "no more than four at a time")
    hook.stopping.set()


if __name__ == "__main__":
    tap.main()
