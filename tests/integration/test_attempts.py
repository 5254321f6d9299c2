#!/usr/bin/env python3
"""Jobs that go on after an end, and jobs that are paused because of their account."""

from harness import Config, Daemon, Sim, Webhook, check_log, name_of, settle, setup, tap

PAUSED = "job.paused"
ACCOUNT = "^/v1/accounts/acme$"
REASON_S = 15  # much less than other requests may take
DEPLETED = "CREDIT_DEPLETED"


# A job a line: what it goes through, each with the event's type and attempt.
LIVES = {
    "resumed": (("EARLY_STOPPED", "job.early_stopped", 1), ("RUNNING", "job.running", 2),
                ("FAILED", "job.failed", 2), ("WRITING_RESULTS", "job.finishing", 3)),
    "straight": (("EXPIRED", "job.expired", 1), ("COMPLETED", "job.succeeded", 1)),
    "deleted": (("COMPLETED", "job.succeeded", 1), ("DELETING", "job.removing", 1)),
    "unknown": (("CANCELLED", "job.cancelled", 1), ("NEW_ONE", "job.state", 1),
                ("CREATING", "job.starting", 2)),
}


@tap.test(limit=90)
def what_is_and_what_is_not_another_attempt(t):
    """Also when half of it is only seen after a restart. A job that runs keeps the lists coming."""
    sim, hook, daemon = setup(t, {"jobs": [
        {"kind": "sft", "id": id_, "state": "RUNNING"} for id_ in [*LIVES, "other"]]},
        {"kinds": ["sft"]})
    daemon.wait_known(*(name_of("sft", id_) for id_ in LIVES))
    for step in range(max(map(len, LIVES.values()))):
        if step % 2:
            daemon.stop()
        for id_, life in LIVES.items():
            if step < len(life):
                sim.set("sft", id_, state=life[step][0])
        if step % 2:
            daemon.start()
        hook.wait(sum(len(life[:step + 1]) for life in LIVES.values()), timeout=30)
    for id_, life in LIVES.items():
        got = hook.events(subject=name_of("sft", id_))
        t.equal([(e["type"], e["data"]["attempt"]) for e in got], [step[1:] for step in life], id_)
        t.equal([e["data"]["sequence"] for e in got], list(range(1, len(life) + 1)), id_)
        t.equal(daemon.job("sft", id_)["attempt"], life[-1][2], id_)


def paused(t, count=1, account=None, **options):
    """Running jobs that are known: (sim, hook, daemon)."""
    sim, hook, daemon = setup(t, {
        "accounts": {"acme": account or {}},
        "jobs": [{"kind": "sft", "id": f"job-{i}", "state": "RUNNING"} for i in range(count)]},
        {"kinds": ["sft"]}, **options)
    daemon.wait_known(*(name_of("sft", f"job-{i}") for i in range(count)))
    return sim, hook, daemon


def pause(sim, count=1):
    for i in range(count):
        sim.set("sft", f"job-{i}", state="PAUSED")


def reasons(got):
    return [e["data"].get("suspendState") for e in got]


@tap.test()
def paused_with_its_reason(t):
    """And without one, when the account is not suspended: then somebody paused the job itself."""
    sim = Sim(t, {"accounts": {"acme": {"suspendState": DEPLETED}, "globex": {}}, "jobs": [
        {"kind": "dpo", "id": "a", "account": account, "state": "RUNNING"}
        for account in ("acme", "globex")]})
    hook = Webhook(t)
    config = Config(t).account(sim).account(sim, "globex").webhook(hook)
    config.watch("one", jobs=["dpo/a"], first_sight="announce")
    config.watch("two", "globex", kinds=["dpo"], first_sight="announce")
    Daemon(t, config)
    t.defer(check_log, t, hook, sim)
    hook.wait(2, types="job.found")
    for account in ("acme", "globex"):
        sim.set("dpo", "a", account, state="PAUSED")
    got = {e["subject"].split("/")[1]: e for e in hook.wait(2, types=PAUSED)}
    t.equal(reasons([got["acme"], got["globex"]]), [DEPLETED, None])
    for account in got:
        t.equal(len(sim.requests(f"^/v1/accounts/{account}$")), 1, account)
    # What is paused when it is first seen, and what pauses within a minute, asks nobody again.
    sim.set("dpo", "b", "globex", state="PAUSED")
    hook.wait(1, subject=name_of("dpo", "b", "globex"))
    sim.set("dpo", "a", "acme", state="RUNNING")
    hook.wait(1, types="job.running")
    sim.set("dpo", "a", "acme", state="PAUSED")
    t.equal(reasons(hook.wait(3, types=PAUSED)[2:]), [DEPLETED])
    t.equal(len(sim.requests("^/v1/accounts/[a-z]+$")), 2)


@tap.test()
def paused_together(t):
    """One question for all of them."""
    sim, hook, _ = paused(t, 50, {"suspendState": DEPLETED})
    pause(sim, 50)
    got = hook.wait(50)
    t.equal({e["type"] for e in got}, {PAUSED})
    t.equal(set(reasons(got)), {DEPLETED})
    settle(sim, "supervised", 3)
    t.equal(len(hook.events()), 50)
    t.equal(len(sim.requests(ACCOUNT)), 1)


def without_an_answer(t, fault, **more):
    """The reason cannot be had: it is told without one, and the account is as well in sight as before."""
    sim, hook, _ = paused(t, 3, {"suspendState": DEPLETED})
    sim.fault(fault, path=ACCOUNT, **more)
    pause(sim, 3)
    t.equal(reasons(hook.wait(3, timeout=REASON_S)), [None] * 3, fault)
    settle(sim, "supervised", 3)
    t.equal({e["type"] for e in hook.events()}, {PAUSED}, fault)
    t.equal(len(sim.requests(ACCOUNT)), 1, f"{fault}: asked again")
    return sim


@tap.test()
def paused_and_refused_an_answer(t):
    without_an_answer(t, "403")


@tap.test()
def paused_and_told_nonsense(t):
    without_an_answer(t, "html200")


@tap.test()
def paused_and_the_account_is_not_found(t):
    without_an_answer(t, "404")


@tap.test()
def paused_and_kept_waiting(t):
    """It is told soon all the same, and the question is no reason for others."""
    sim = without_an_answer(t, "delay", seconds=40)
    log = sim.requests()
    asked = next(r for r in log if r["path"] == "/v1/accounts/acme")
    after = [r["clock"] for r in log if r["clock"] > asked["clock"]]
    t.check(len(after) <= (after[-1] - after[0] + 1) * 3,
            f"{len(after)} requests in {after[-1] - after[0]:.1f} s")


if __name__ == "__main__":
    tap.main()
