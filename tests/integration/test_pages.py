#!/usr/bin/env python3
"""A large list that changes while it is read: 5,000 jobs over 25 pages, whose tokens are offsets.

Whoever comes or goes moves all behind him, over the edge of a page or away from it, and a listing
shows jobs twice or not at all. In the end every job is known, and removed are those that are.
"""

from harness import name_of, setup, tap

JOBS = 5000
PAGE_SIZE = 200
PAGES = JOBS // PAGE_SIZE
LISTINGS = 2  # with changes after each page but the last
LIST = "supervisedFineTuningJobs$"


def job_id(number):
    return f"j{number:05d}"


def first_jobs():
    """Every other number; between them there is room for those who come later."""
    return [{"kind": "sft", "id": job_id(2 * i), "createdMinute": i,
             "state": "RUNNING" if i % 10 == 0 else "COMPLETED"} for i in range(JOBS)]


def plan_changes(random):
    """What happens between pages: (faults, ids that are deleted, hidden from the list, new). Those
    who leave stood on pages that have been read, which moves the rest up by one."""
    there = [2 * i for i in range(0, JOBS, 10)]  # the running ones
    free = list(range(1, 2 * JOBS, 2))
    faults, gone, hidden, new = [], [], [], []
    for _ in range(LISTINGS):
        for page in range(1, PAGES):
            shown = [number for number in there if number < (page - 1) * 2 * PAGE_SIZE]
            jobs = []
            for field, ids in (("gone", gone), ("hidden", hidden)):
                if shown:
                    number = shown.pop(random.randrange(len(shown)))
                    there.remove(number)
                    ids.append(job_id(number))
                    jobs.append({"kind": "sft", "id": ids[-1], field: True})
            # Two go and up to three come, in front of the page, behind it, at its edge.
            for _ in range(random.randrange(4)):
                new.append(job_id(free.pop(random.randrange(len(free)))))
                jobs.append({"kind": "sft", "id": new[-1], "createdMinute": JOBS + len(new),
                             "state": "PENDING"})
            if jobs:
                faults.append({"do": "change", "path": LIST, "page": [page, page], "times": 1,
                               "jobs": jobs})
    return faults, set(gone), set(hidden), set(new)


def was_shown(job):
    """Somebody who moved up to a page that has been read, and left then, never was."""
    return any("state" in shown for _, shown in job.visible)


@tap.test(limit=120)
def jobs_that_come_and_go_between_pages(t):
    faults, gone, hidden, new = plan_changes(t.random)
    t.check(len(gone) > PAGES and len(hidden) > PAGES and len(new) > PAGES, "too little happens")
    # Without filter and order, all that is known comes from whole lists.
    sim, hook, daemon = setup(t, {
        "jobs": first_jobs(), "faults": faults,
        "settings": {"tokens": "offset", "filter": False, "orderBy": False},
    }, {"kinds": ["sft"]})
    api = sim.server.api
    t.wait(lambda: all(fault.left == 0 for fault in api.faults), 60, "all changes between pages")
    with api.world.lock:
        everybody = dict(api.world.jobs)
    t.equal(len(everybody), JOBS + len(new))
    removed = {name for name, job in everybody.items() if job.gone and was_shown(job)}
    wanted = {name for name, job in everybody.items()
              if not job.gone and (not job.hidden or was_shown(job))}
    left = len(gone | hidden)
    t.check(len(removed) + len(wanted) > len(everybody) - left / 2, "too many never were shown")
    hook.wait(len(removed), types="job.removed", timeout=60)
    daemon.wait_known(*wanted, timeout=60)
    # Whoever would still be taken for removed has been asked for by then.
    sim.wait_requests(PAGES, LIST, timeout=60)

    t.equal({event["subject"] for event in hook.events(types="job.removed")}, removed,
            "removed, and nobody else")
    jobs = daemon.jobs()
    t.equal({name for name, job in jobs.items() if job["phase"] == "removed"}, removed)
    t.equal(wanted - jobs.keys(), set(), "not known")
    # New to the daemon, an ended one may have been passed over by the first listing.
    others = [event for event in hook.events() if event["type"] != "job.removed"]
    t.equal({event["type"] for event in others} - {"job.found", "job.succeeded"}, set())
    subjects = [event["subject"] for event in others]
    t.equal(len(subjects), len(set(subjects)), "told twice")
    t.equal([event["data"]["from"] for event in others if event["data"]["from"]], [], "transitions")
    # The listings did pass jobs over: some who were there all the time were asked for by name.
    asked = {row["path"].removeprefix("/v1/") for row in sim.requests("Jobs/")}
    aside = {name_of("sft", id_) for id_ in gone | hidden | new}
    t.check(asked - aside, "nobody was passed over")


if __name__ == "__main__":
    tap.main()
