#!/usr/bin/env python3
"""Two days of an account in simulated time: what planning and stalls promise.

The traces that promises are held against come from another seed each time; where two policies are
compared, the seed is fixed, for with few ends chance may turn a quantile. `make bench` runs a week of
all sizes.
"""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "support"))
import tap  # noqa: E402

PROGRAM = os.path.join(os.environ["top_builddir"], "tests", "simtime", "simtime")
SEED = 4


def simulate(t, seed, budget, old, active, *more):
    path = t.path("result.json")
    command = [PROGRAM, "--json", path, "--seed", str(seed), "--budget", str(budget),
               "--old", str(old), "--active", str(active), "--days", "2", *more]
    t.note(" ".join(command[3:]))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        t.note(line)
    if not t.equal(done.returncode, 0, "exit status"):
        t.fail(done.stderr)
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def promises(t, result):
    stalls = result["stalls"]
    t.equal(stalls["false"], 0, "false stalls")
    t.equal(stalls["found"], stalls["due"], "silent jobs found")
    t.check(stalls["told"] == 0 or stalls["worst_over_look_s"] <= 0,
            f"a stall told {stalls['worst_over_look_s']} s later than the look it was due at")
    # The bound stands on the traces' own intensity of ends: these are drawn from it, one by one.
    off = abs(result["ends"] - result["ends_expected"])
    t.check(off <= 5 * max(result["ends_expected"], 1) ** 0.5,
            f"{result['ends']} ends, {result['ends_expected']} expected")
    for policy in ("tunewatch", "fixed"):
        for quantile in ("median_s", "p95_s"):
            t.check(result[policy][quantile] >= result["bound"][quantile],
                    f"{policy}: {quantile} is below what is possible")


def per_request(result, quantile="p95_s"):
    """Of the fixed interval's delay, which may make a few requests more, hardly fewer."""
    return result["tunewatch"][quantile] / result["fixed"][quantile]


@tap.test()
def many_jobs_are_seen_early_on_a_small_budget(t):
    result = simulate(t, SEED, 10, 200, 30)
    promises(t, result)
    t.equal(result["tunewatch"]["unseen"], 0, "ends that were not seen")
    t.check(result["fixed"]["requests"] >= 0.98 * result["tunewatch"]["requests"],
            "the fixed interval made fewer requests")
    t.check(per_request(result) <= 1 / 4, f"p95 is {per_request(result):.2f} of the other's")


@tap.test()
def estimates_are_near_and_their_ranges_hold(t):
    """At 25, 50 and 75 percent of a run: how far off, in parts of it, and how often within the range."""
    result = simulate(t, SEED, 10, 200, 30)
    for eta, error, held in zip(result["eta"], (0.2, 0.12, 0.08), (0.6, 0.68, 0.74), strict=True):
        t.check(eta["given"] >= eta["jobs"] / 2, f"at {eta['at']}: {eta['given']} of {eta['jobs']}")
        t.check(eta["error"] <= error, f"at {eta['at']}: off by {eta['error']:.2f}")
        t.check(eta["held"] >= held * eta["given"],
                f"at {eta['at']}: the range held for {eta['held'] / eta['given']:.2f}")


@tap.test()
def few_jobs_among_many_old_ones_are_not_seen_later(t):
    result = simulate(t, SEED, 10, 5000, 3)
    promises(t, result)
    t.equal(result["tunewatch"]["unseen"], 0, "ends that were not seen")
    t.check(per_request(result) <= 1, f"p95 is {per_request(result):.2f} of the other's")


@tap.test()
def promises_hold_for_any_account(t):
    result = simulate(t, t.random.randrange(1, 1 << 32), t.random.choice((10, 30, 60, 600)),
                      t.random.choice((10, 200, 5000)), t.random.choice((3, 30, 100)))
    promises(t, result)
    t.equal(result["refused"], 0, "refusals by a server that takes everything")


@tap.test()
def a_server_may_refuse_filters_and_orders(t):
    result = simulate(t, t.random.randrange(1, 1 << 32), 30, 200, 30, "--refuse", "filter",
                      "--refuse", "order")
    promises(t, result)
    t.equal(result["tunewatch"]["unseen"], 0, "ends that were not seen")
    t.check(0 < result["refused"] <= 14, f"{result['refused']} lists refused: each is given up once")


@tap.test()
def the_same_seed_is_the_same_week(t):
    first, second = (simulate(t, 7, 60, 10, 3) for _ in range(2))
    for result in (first, second):
        del result["seconds"]
    t.equal(first, second)


if __name__ == "__main__":
    tap.main()
