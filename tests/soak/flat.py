"""What a daemon holds at rest, again and again: whether it has grown, and how that is told."""

# How much more there may be at the end than at the first rest after a quarter of all. What came and went
# without a leak from then on were 30 blocks in the long version, and 60 in the short one, which has not seen
# the most that is under way at a time yet; bytes by the length of the jobs' states; SQLite's cache; what the
# allocator keeps; the write-ahead log. A block that is lost at each reload would be 330 blocks in the long
# version, 160 in the short one.
BOUNDS = {
    #            what                              long     short
    "files": ("descriptors, but connections", 0, 0),
    "threads": ("threads", 0, 0),
    "blocks": ("blocks of memory below 2 KiB", 150, 100),
    "bytes": ("bytes in them", 128 << 10, 24 << 10),
    "large_bytes": ("bytes in larger ones", 2 << 20, 2 << 20),
    "anon_kib": ("KiB of anonymous memory", 6 << 10, 4 << 10),
    "store_bytes": ("bytes of the store", 16 << 20, 6 << 20),
}
CONNECTIONS_MAX = 4 * 4 + 9 * 4  # of four accounts, and of nine webhooks


def warm(samples):
    """Those after a quarter of all."""
    return samples[len(samples) // 4:]


def check_flat(samples, is_long):
    """Growth from then to the end; of what must be equal, the most in between."""
    samples = warm(samples)
    rows = []
    for key, (what, long, short) in BOUNDS.items():
        values = [sample[key] for sample in samples]
        # A sanitizer keeps what was freed, counts leaks itself, and lets no other library count.
        if None in values or (key == "anon_kib" and samples[0]["blocks"] is None):
            continue
        at_most = long if is_long else short
        grown = values[-1] - values[0] if at_most else max(values) - min(values)
        rows.append({"what": what, "grown": grown, "at_most": at_most, "held": grown <= at_most,
                     "a_reload": slope([sample["reloads"] for sample in samples], values)})
    most = max(sample["connections"] for sample in samples)
    rows.append({"what": "connections to the world, the most", "grown": most,
                 "at_most": CONNECTIONS_MAX, "held": most <= CONNECTIONS_MAX, "a_reload": None})
    return rows


def slope(xs, ys):
    """Of the line through them, by least squares."""
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys)) / sum((a - x) ** 2 for a in xs)


COLUMNS = (
    ("seconds", "s", 1), ("requests", "requests", 1), ("observations", "jobs seen", 1),
    ("moves", "changes", 1), ("ends", "hooks", 1), ("reloads", "reloads", 1),
    ("rss_kib", "RSS KiB", 1), ("anon_kib", "anon KiB", 1), ("blocks", "blocks", 1),
    ("bytes", "bytes", 1), ("large_bytes", "large KiB", 1024), ("files", "files", 1),
    ("connections", "conn.", 1), ("threads", "threads", 1), ("store_bytes", "store KiB", 1024))


def heading():
    return "".join(f"{title:>10}" for _, title, _ in COLUMNS)


def row_of(sample):
    return "".join(f"{'-' if sample[key] is None else int(sample[key]) // unit:>10}"
                   for key, _, unit in COLUMNS)


def verdicts(rows):
    for row in rows:
        each = "" if row["a_reload"] is None else f", {row['a_reload']:.2f} a reload"
        yield (f"{row['what']}: {row['grown']}{each}; at most {row['at_most']}: "
               + ("held" if row["held"] else "NOT HELD"))


def grown_sizes(samples):
    """{size: how many blocks more} between the first of these and the end, the most first."""
    first, last = (warm(samples)[i].get("block_sizes", {}) for i in (0, -1))
    grown = {size: last.get(size, 0) - first.get(size, 0) for size in set(first) | set(last)}
    return dict(sorted(grown.items(), key=lambda item: -abs(item[1]))[:8])


def print_end(result, to=print):
    for text in verdicts(result["bounds"]):
        to(text)
    for kinds in {str(dict(sample["file_kinds"])) for sample in warm(result["samples"])}:
        to(f"descriptors: {kinds}")
    to(f"blocks that have become more, by bytes: {grown_sizes(result['samples'])}")
    end = result["end"]
    to(f"{end['events']} events, each once: {end['webhooks']} webhooks, {end['hooks']} hooks, "
       f"{end['journal']} entries; {end['webhooks_refused']} webhooks were refused and tried again")
    to(f"{end['taken']} reloads, {end['refused']} more were refused; clients: {end['clients']}")
