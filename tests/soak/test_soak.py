#!/usr/bin/env python3
"""The soak of some minutes in some seconds: see soak.py."""

import copy

from flat import check_flat, heading, print_end, row_of
from soak import SHORT, Soak, is_plain, tap


@tap.test(limit=120)
def a_short_life(t):
    size = copy.copy(SHORT)
    if not is_plain():
        size.reloads = 60  # nothing is counted there: see flat.py
    t.note(heading())
    print_end(Soak(t, size, lambda sample: t.note(row_of(sample))).run(), t.note)


def sample(**more):
    return {"files": 28, "connections": 4, "threads": 5, "blocks": 6700, "bytes": 660000,
            "large_bytes": 2000000, "reloads": 50, "anon_kib": 6000, "rss_kib": 18000,
            "store_bytes": 5000000, **more}


@tap.test()
def what_grows_is_found(t):
    """One thing at a time, as little as it may be."""
    rows = check_flat([sample(reloads=n) for n in range(4)], False)
    t.equal([row["what"] for row in rows if not row["held"]], [])
    for key, value in (("files", 29), ("connections", 60), ("threads", 6), ("blocks", 6830),
                       ("bytes", 700000), ("large_bytes", 5000000), ("anon_kib", 12000),
                       ("store_bytes", 20000000)):
        rows = check_flat([*[sample()] * 3, sample(reloads=150, **{key: value})], False)
        t.equal(len([row for row in rows if not row["held"]]), 1, key)
    sanitized = {"blocks": None, "bytes": None, "large_bytes": None}
    rows = check_flat([sample(**sanitized), sample(reloads=99, **sanitized, anon_kib=90000)], False)
    t.equal([row["what"] for row in rows if not row["held"]], [], "with a sanitizer")


if __name__ == "__main__":
    tap.main()
