"""How early ends are seen on a small budget: a week in simulated time, for accounts of all sizes.

The work is tests/simtime's; here its cells are run side by side and put in a table.
"""

import concurrent.futures
import json
import os
import random
import subprocess

BUDGETS = (10, 30, 60, 600)
OLD = (10, 200, 5000)
ACTIVE = (3, 30, 300)
MANY = 30  # from so many active jobs on, a quarter of the delay is wanted
POLICIES = ("tunewatch", "fixed", "bound")


class Plan:
    def __init__(self, build, directory, days):
        self.program = os.path.join(build, "tests", "simtime", "simtime")
        self.directory, self.days = directory, days
        self.seed = int(os.environ.get("TUNEWATCH_TEST_SEED") or random.randrange(1, 1 << 32))

    def _cell(self, cell):
        budget, old, active = cell
        path = os.path.join(self.directory, f"plan-{budget}-{old}-{active}.json")
        done = subprocess.run(
            [self.program, "--seed", str(self.seed), "--budget", str(budget), "--old", str(old),
             "--active", str(active), "--days", str(self.days), "--json", path],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if not os.path.exists(path):
            raise RuntimeError(f"simtime ended with {done.returncode}: {done.stderr.strip()}")
        with open(path, encoding="utf-8") as f:
            return json.load(f)

    def run(self):
        cells = [(budget, old, active) for budget in BUDGETS for old in OLD for active in ACTIVE]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            return {"seed": self.seed, "days": self.days, "cells": list(pool.map(self._cell, cells))}


def ratio(cell, quantile="p95_s"):
    """The delay in parts of the fixed interval's."""
    return cell["tunewatch"][quantile] / cell["fixed"][quantile]


def targets(result):
    cells = result["cells"]
    return (
        (f"p95 delay in a fixed interval's, from {MANY} active",
         max(ratio(cell) for cell in cells if cell["active"] >= MANY), 1 / 4),
        ("p95 delay in a fixed interval's, fewer active",
         max(ratio(cell) for cell in cells if cell["active"] < MANY), 1),
        ("median delay in a fixed interval's, all", max(ratio(c, "median_s") for c in cells), 1),
        ("ends not seen", sum(cell["tunewatch"]["unseen"] for cell in cells), 0),
        ("false stalls", sum(cell["stalls"]["false"] for cell in cells), 0),
        ("silent jobs not found",
         sum(cell["stalls"]["due"] - cell["stalls"]["found"] for cell in cells), 0),
        ("s from a stall's budget to its event, over a look",
         max(cell["stalls"]["worst_over_look_s"] for cell in cells), 0),
    )


def _eta(cells, i):
    """Of all cells together; the median is the median cell's, each by its number of estimates."""
    rows = sorted((cell["eta"][i] for cell in cells), key=lambda row: row["error_s"])
    given = sum(row["given"] for row in rows)
    middle, passed = rows[0], 0
    for middle in rows:
        passed += middle["given"]
        if passed >= given / 2:
            break
    return {"at": middle["at"], "jobs": sum(row["jobs"] for row in rows), "given": given,
            "held": sum(row["held"] for row in rows), "error_s": middle["error_s"],
            "error": middle["error"]}


def print_table(result):
    cells = result["cells"]
    print(f"{result['days']} days of an account in simulated time, seed {result['seed']}: "
          "seconds from the end of a job to its detection")
    print(f"{'a':>6}{'old':>7}{'active':>8}{'ends':>8}{'requests':>10}"
          + "".join(f"{name:>20}" for name in POLICIES) + f"{'p95 of fixed':>14}")
    print(f"{'minute':>6}{'':33}" + f"{'median':>13}{'p95':>7}" * len(POLICIES))
    for cell in cells:
        print(f"{cell['budget']:6}{cell['old']:7}{cell['active']:8}{cell['ends']:8}"
              f"{cell['tunewatch']['requests']:10}"
              + "".join(f"{cell[name]['median_s']:13.1f}{cell[name]['p95_s']:7.1f}"
                        for name in POLICIES)
              + f"{ratio(cell):14.3f}")
    stalls = [cell["stalls"] for cell in cells]
    print(f"stalls: {sum(s['told'] for s in stalls)} told, {sum(s['false'] for s in stalls)} false;"
          f" {sum(s['found'] for s in stalls)} of {sum(s['due'] for s in stalls)} silent jobs found,"
          f" at most {max(s['worst_s'] for s in stalls):.0f} s over the budget")
    for i in range(len(cells[0]["eta"])):
        row = _eta(cells, i)
        print(f"ETA at {row['at']:.0%}: {row['given']} of {row['jobs']} jobs have one, median error "
              f"{row['error_s'] / 60:.1f} min, {row['error']:.1%} of the run; the range held for "
              f"{row['held'] / max(row['given'], 1):.0%}")
    print(f"one account took at most {max(cell['seconds'] for cell in cells):.1f} s of CPU")
