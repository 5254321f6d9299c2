"""The world that the server shows: a clock, jobs that go along their timelines, and the scenario
files that describe both. README.md documents the files' format.
"""

import bisect
import heapq
import json
import os
import random
import re
import threading
import time
from datetime import timedelta

import bodies

ID = re.compile(r"[a-z0-9-]{1,63}")
STEP_FIELDS = {
    "at", "poll", "state", "rawState", "status", "progress", "hidden", "gone", "displayName",
    "outputModel", "waitingOnCapacity",
}
OK = {"code": "OK", "message": ""}


class ScenarioError(ValueError):
    """The scenario file, or an admin request, asks for something that does not exist."""


class Clock:
    """Seconds since the scenario began: real ones times a scale, or only those advanced by hand."""

    def __init__(self, mode="real", scale=1.0):
        if mode not in ("real", "manual"):
            raise ScenarioError(f"clock: {mode!r} is neither real nor manual")
        self.manual = mode == "manual"
        self.scale = scale
        self.start = time.monotonic()
        self.advanced = 0.0

    def now(self):
        if self.manual:
            return self.advanced
        return (time.monotonic() - self.start) * self.scale + self.advanced

    def advance(self, seconds):
        self.advanced += seconds


def merge_status(old, new):
    """A step's status: null, a message, or an object with code and message."""
    if new is None:
        return None
    if isinstance(new, str):
        return {"code": (old or OK)["code"], "message": new}
    return {**OK, **new}


class Job:
    """One job: what describes it, its values now, and the steps that are still to come."""

    def __init__(self, account, spec, index=0):
        self.account = account
        self.kind = spec["kind"]
        if self.kind not in bodies.KINDS:
            raise ScenarioError(f"kind: {self.kind!r} is none of {', '.join(bodies.KINDS)}")
        self.id = spec.get("id") or bodies.generated_id(self.kind, f"{account}/{index}")
        if not ID.fullmatch(self.id):
            raise ScenarioError(f"id: {self.id!r} is not 1 to 63 of [a-z0-9-]")
        self.collection = bodies.KINDS[self.kind][0]
        self.name = f"accounts/{account}/{self.collection}/{self.id}"
        self.display_name = spec.get("displayName", self.id)
        self.base_model = spec.get(
            "baseModel", "accounts/fireworks/models/llama-v3p1-8b-instruct"
        )
        self.output_model = spec.get("outputModel", f"accounts/{account}/models/{self.id}")
        self.dataset = spec.get("dataset", f"accounts/{account}/datasets/{self.id}-data")
        self.epochs = spec.get("epochs", 1 if self.kind == "ft" else 2)
        self.created = bodies.EPOCH + timedelta(minutes=spec.get("createdMinute", index))
        self.given = {}  # fields of a created job that nothing here knows by name
        self.values = {"state": "", "status": dict(OK), "progress": None,
                       "waitingOnCapacity": None}
        self.hidden = False
        self.gone = False
        self.exists = False
        self.sights = 0
        self.weight = spec.get("pollWeight", 1)
        self.steps = self.read_timeline(spec)
        self.visible = []  # what answers showed: (time, values), without repetitions
        self.rendered = {}  # readMask: JSON text of the values as they are now

    def read_timeline(self, spec):
        if "timeline" in spec and "stream" in spec:
            raise ScenarioError(f"{self.name}: either a timeline or a stream")
        steps = spec.get("timeline")
        if "stream" in spec:
            steps, poll = [], 1
            for state, polls, *changes in spec["stream"]:
                steps.append({"poll": poll, "state": state})
                steps += [{**step, "poll": poll + step.get("poll", 1) - 1} for step in changes]
                poll += polls
        if steps is None:
            step = {"at": 0}
            step.update({k: spec[k] for k in STEP_FIELDS & spec.keys() - {"displayName",
                                                                        "outputModel"}})
            step.setdefault("state", "PENDING")
            steps = [step]
        for step in steps:
            unknown = step.keys() - STEP_FIELDS
            if unknown:
                raise ScenarioError(f"{self.name}: unknown in a step: {', '.join(sorted(unknown))}")
            if ("at" in step) == ("poll" in step):
                raise ScenarioError(f"{self.name}: a step has either at or poll")
        return list(steps)

    def next_at(self):
        """The time of the next step, or None when it waits for a sight or there is none."""
        return self.steps[0].get("at") if self.steps else None

    def apply(self, step):
        """One step. True when what lists show of the job's being there may have changed."""
        was = (self.exists, self.hidden, self.gone)
        if "state" in step:
            self.values["state"] = bodies.full_state(self.kind, step["state"])
        if "rawState" in step:
            self.values["state"] = step["rawState"]
        if "status" in step:
            self.values["status"] = merge_status(self.values["status"], step["status"])
        if "progress" in step:
            self.values["progress"] = step["progress"]
        if "waitingOnCapacity" in step:
            self.values["waitingOnCapacity"] = step["waitingOnCapacity"]
        self.hidden = step.get("hidden", self.hidden)
        self.gone = step.get("gone", self.gone)
        self.display_name = step.get("displayName", self.display_name)
        self.output_model = step.get("outputModel", self.output_model)
        self.exists = True
        self.rendered.clear()
        return was != (self.exists, self.hidden, self.gone)

    def run_due(self, now):
        """All steps that are due by time. True as in apply()."""
        changed = False
        while self.steps and "at" in self.steps[0] and self.steps[0]["at"] <= now:
            changed |= self.apply(self.steps.pop(0))
        return changed

    def look(self, now):
        """Somebody sees the job: steps that wait for this sight happen before the answer."""
        changed = False
        self.sights += self.weight
        while self.steps and "poll" in self.steps[0] and self.steps[0]["poll"] <= self.sights:
            changed |= self.apply(self.steps.pop(0))
            changed |= self.run_due(now)
        return changed

    def shown(self):
        """The values that an answer shows, for the log of what was visible."""
        if self.gone:
            return {"gone": True}
        values = self.values
        return {
            "state": values["state"],
            "status": dict(values["status"]) if values["status"] is not None else None,
            "progress": bodies.shown_progress(self.kind, values),
        }

    def note_visible(self, now):
        shown = self.shown()
        if not self.visible or self.visible[-1][1] != shown:
            self.visible.append((now, shown))

    def render(self, mask=None):
        """The body's text, its rotating values still to be filled in."""
        text = self.rendered.get(mask)
        if text is None:
            body = {**bodies.job_body(self, self.values), **self.given}
            if mask:
                body = apply_mask(body, mask)
            text = self.rendered[mask] = bodies.dumps(body)
        return text


def apply_mask(body, mask):
    """The part of a body that a readMask asks for; KeyError names an unknown path."""
    result = {}
    for path in mask.split(","):
        source, target, parts = body, result, path.strip().split(".")
        for part in parts[:-1]:
            source = source[part]
            if source is None:
                break
            target = target.setdefault(part, {})
        if source is not None:
            target[parts[-1]] = source[parts[-1]]
    return result


class World:
    """All accounts and jobs of a scenario. Every method is called with `lock` held."""

    SETTINGS = {
        # False: a list with a filter is answered with 400; "ignore": as one without; "lossy": some
        # of the jobs that match are left out.
        "filter": True,
        # False as for the filter. "snake": lowerCamel paths are not understood, and left out in
        # silence; "page": the mask is taken to be of the page, which then has no jobs.
        "readMask": True,
        "orderBy": True,  # False and "ignore" as for the filter
        # What a page token holds: the "key" of the last job, so that nobody who comes or goes moves
        # the rest, or an "offset".
        "tokens": "key",
        "totalSize": True,  # False: lists do not say how many there are
        "requestsPerMinute": None,  # more in a sliding minute: 429
        "foreign": 0,  # requests a minute that others make in the same envelope, before ours
        "minute": 60,  # its seconds
        "retryAfter": None,  # what the 429 of the rate limit says
        "created": [{"at": 0, "state": "CREATING"}],  # timeline of created jobs, from the creation
    }

    CHOICES = {
        "filter": (True, False, "ignore", "lossy"),
        "readMask": (True, False, "snake", "page"),
        "orderBy": (True, False, "ignore"),
        "tokens": ("key", "offset"),
        "totalSize": (True, False),
    }

    def __init__(self, scenario):
        known = {
            "comment", "clock", "scale", "key", "accounts", "settings", "models", "jobs",
            "generate", "faults",
        }
        if scenario.keys() - known:
            raise ScenarioError(f"unknown: {', '.join(sorted(scenario.keys() - known))}")
        self.lock = threading.RLock()
        self.clock = Clock(scenario.get("clock", "real"), scenario.get("scale", 1.0))
        self.key = scenario.get("key", f"fw_{bodies.SECRET}_key")
        self.accounts = {}
        self.settings = dict(self.SETTINGS)
        self.jobs = {}  # name: Job
        self.models = {}  # (account, id): state
        self.collections = {}  # (account, kind): [Job]
        self.generation = {}  # (account, kind): counts changes of who is there
        self.sorted = {}  # cache of sorted lists
        self.due = []  # heap of (at, number, job)
        self.number = 0
        for account, settings in scenario.get("accounts", {}).items():
            self.accounts[account] = dict(settings)
        self.set(scenario.get("settings", {}))
        for spec in scenario.get("models", []):
            self.set_model(spec)
        for index, spec in enumerate(scenario.get("jobs", [])):
            self.add(spec, index)
        for spec in scenario.get("generate", []):
            self.populate(spec)
        if not self.accounts:
            self.accounts["acme"] = {}

    def set(self, settings):
        unknown = settings.keys() - self.SETTINGS.keys()
        if unknown:
            raise ScenarioError(f"unknown settings: {', '.join(sorted(unknown))}")
        for name, values in self.CHOICES.items():
            if name in settings and settings[name] not in values:
                raise ScenarioError(f"{name}: {settings[name]!r} is none of {values}")
        self.settings.update(settings)

    def set_model(self, spec):
        """Makes a model, changes its state, or removes it: state ""."""
        unknown = spec.keys() - {"account", "id", "state"}
        if unknown:
            raise ScenarioError(f"unknown in a model: {', '.join(sorted(unknown))}")
        account, id_, state = spec.get("account", "acme"), spec["id"], spec["state"]
        if not ID.fullmatch(id_) or not isinstance(state, str):
            raise ScenarioError(f"no model: {id_!r}, {state!r}")
        self.accounts.setdefault(account, {})
        if state:
            self.models[account, id_] = state
        else:
            self.models.pop((account, id_), None)

    def account_key(self, account):
        return self.accounts[account].get("key", self.key)

    def add(self, spec, index=0, shift=0.0):
        account = spec.get("account", "acme")
        self.accounts.setdefault(account, {})
        job = Job(account, spec, index)
        if job.name in self.jobs and not self.jobs[job.name].gone:
            raise ScenarioError(f"{job.name}: there is one already")
        if shift:
            job.steps = [
                {**step, "at": step["at"] + shift} if "at" in step else step for step in job.steps
            ]
        if job.name in self.jobs:
            self.collections[account, job.kind].remove(self.jobs[job.name])
        self.jobs[job.name] = job
        self.collections.setdefault((account, job.kind), []).append(job)
        self.changed(job)
        if job.steps and "poll" in job.steps[0]:
            job.exists = True  # waits to be seen for its first values
        self.schedule(job)
        return job

    def populate(self, spec):
        """`count` jobs of one kind, with drawn states or with one shifted timeline."""
        states = spec.get("states", {"RUNNING": 1})
        draw = random.Random(spec.get("seed", 1))
        for i in range(spec["count"]):
            job = {
                "account": spec.get("account", "acme"),
                "kind": spec["kind"],
                "displayName": f"{spec.get('prefix', 'gen')}-{i:05d}",
                "createdMinute": i,
            }
            if "timeline" in spec:
                job["timeline"] = spec["timeline"]
            else:
                state = draw.choices(list(states), list(states.values()))[0]
                job["state"] = state
                if state == "RUNNING" and spec["kind"] in ("sft", "rft"):
                    job["progress"] = {"percent": draw.randrange(100), "epoch": draw.randrange(2)}
            self.add(job, i, spec.get("spread", 0.0) * i / spec["count"])

    def changed(self, job):
        key = (job.account, job.kind)
        self.generation[key] = self.generation.get(key, 0) + 1

    def schedule(self, job):
        at = job.next_at()
        if at is not None:
            self.number += 1
            heapq.heappush(self.due, (at, self.number, job))

    def tick(self):
        """Brings every job to the present."""
        now = self.clock.now()
        while self.due and self.due[0][0] <= now:
            job = heapq.heappop(self.due)[2]
            if job.run_due(now):
                self.changed(job)
            self.schedule(job)
        return now

    def look(self, job, now):
        """A sight of a job that is about to be shown."""
        left = len(job.steps)
        if job.look(now):
            self.changed(job)
        if len(job.steps) != left:
            self.schedule(job)
        job.note_visible(now)

    def alter(self, spec):
        """Sets a job's values now, or makes the job. The rest of its timeline goes."""
        self.tick()
        account, kind = spec.get("account", "acme"), spec["kind"]
        name = f"accounts/{account}/{bodies.KINDS[kind][0]}/{spec['id']}"
        job = self.jobs.get(name)
        if job is None:
            job = self.add(spec, len(self.jobs))
            self.tick()
            return job
        step = {k: v for k, v in spec.items() if k not in ("account", "kind", "id")}
        unknown = step.keys() - STEP_FIELDS
        if unknown:
            raise ScenarioError(f"unknown in a job: {', '.join(sorted(unknown))}")
        job.steps = []
        if job.apply(step):
            self.changed(job)
        return job

    def listed(self, account, kind, order):
        """The jobs that a list shows, sorted; cached until somebody comes or goes."""
        field, descending = order
        generation = self.generation.get((account, kind), 0)
        key = (account, kind, field, descending)
        cached = self.sorted.get(key)
        # Values can change without anybody coming or going, so only fixed fields are cached.
        if cached and cached[0] == generation and field in ("name", "createTime"):
            return cached[1], cached[2]
        jobs = [
            job for job in self.collections.get((account, kind), ())
            if job.exists and not job.hidden and not job.gone
        ]
        get = {
            "name": lambda job: (job.name, ""),
            "createTime": lambda job: (job.created.isoformat(), job.name),
            "displayName": lambda job: (job.display_name, job.name),
            "state": lambda job: (job.values["state"], job.name),
        }[field]
        jobs.sort(key=get, reverse=descending)
        keys = [get(job) for job in jobs]
        self.sorted[key] = (generation, jobs, keys)
        return jobs, keys


def after(keys, last, descending):
    """The index of the first key behind `last`."""
    if not descending:
        return bisect.bisect_right(keys, last)
    low, high = 0, len(keys)
    while low < high:
        middle = (low + high) // 2
        if keys[middle] < last:
            high = middle
        else:
            low = middle + 1
    return low


def load(path):
    """Reads a scenario file; a bare name is looked for among the scenarios here."""
    if not os.path.exists(path) and os.sep not in path:
        here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "scenarios")
        path = os.path.join(here, path if path.endswith(".json") else f"{path}.json")
    with open(path, encoding="utf-8") as file:
        return json.load(file)
