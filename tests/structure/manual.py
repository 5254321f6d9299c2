#!/usr/bin/env python3
"""The manual pages say what the code's tables have, no more and no less: the calls of the API with
their parameters and errors, the options, the types of events and the members of their documents, and
the variables of hooks and of the journal."""

import json
import os
import re
import sys

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "tests", "support"))

import tap

SECTIONS = {"TOP": "OPTIONS OUTSIDE SECTIONS", "ACCOUNT": "ACCOUNTS", "WATCH": "WATCHES",
            "NOTIFIER": "NOTIFIERS"}


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as file:
        return file.read()


def section(page, name):
    """The text of a section; its subsections are in it."""
    found = re.search(rf"^\.Sh {re.escape(name)}\n(.*?)(?=^\.Sh |\Z)", page,
                      re.DOTALL | re.MULTILINE)
    if not found:
        raise tap.Failed(f"the page has no section {name}")
    return found[1]


def subsection(text, name):
    return text.partition(f".Ss {name}\n")[2].partition("\n.Ss ")[0]


def items(text, pattern):
    """{word} of the items of lists: all that match the pattern in lines that begin with .It"""
    return {word for line in re.findall(r"^\.It (.*)", text, re.MULTILINE)
            for word in re.findall(pattern, line)}


def differences(what, there, wanted):
    for name in sorted(wanted - there):
        yield f"{what} lacks {name}"
    for name in sorted(there - wanted):
        yield f"{what} has {name}, which the code has not"


# --- the API ---

def calls(document):
    """{"GET /v1/jobs": {names of the parameters that are not in the path}}"""
    found = {}
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            if method == "parameters":
                continue
            parameters = [document["components"]["parameters"][p["$ref"].rpartition("/")[2]]
                          if "$ref" in p else p for p in call.get("parameters", ())]
            found[f"{method.upper()} {path}"] = {
                p["name"] for p in parameters if p["in"] != "path"}
    return found


def api_faults(page, document):
    text = section(page, "CONTROL SOCKET")
    parts = re.split(r"^\.It ((?:GET|PUT|POST|DELETE) \S+)$", text, flags=re.MULTILINE)
    there = dict(zip(parts[1::2], parts[2::2]))
    wanted = calls(document)
    yield from differences("CONTROL SOCKET", set(there), set(wanted))
    for call in sorted(set(there) & set(wanted)):
        item = there[call].partition("\n.Ss ")[0]
        for parameter in sorted(wanted[call]):
            if not re.search(rf"\b{re.escape(parameter)}\b", item):
                yield f"{call} lacks {parameter}"
        for parameter in sorted(items(item, r"^Cm (\w+) Ns = ") - wanted[call]):
            yield f"{call} has {parameter}, which the code has not"
    codes = set(document["components"]["schemas"]["ErrorCode"]["enum"])
    yield from differences("Errors", items(subsection(text, "Errors"), r"[a-z_]+"), codes)


# --- options ---

def options(source):
    """{"TOP": {names}, …}"""
    table = source.partition("option_specs[] = {")[2].partition("\n};")[0]
    table = re.sub(r'STALL\(("[a-z-]+"), \w+\)', r"{.name = \1, WATCH(x)}", table)
    table = re.sub(r"\.section = SECTION_(\w+)", r"\1(x)", table)
    found = {name: set() for name in SECTIONS}
    for name, row in re.findall(r'\.name = "([a-z-]+)"(.*?)(?=\.name = |\Z)', table, re.DOTALL):
        found[re.search(r"\b(TOP|ACCOUNT|WATCH|NOTIFIER)\(", row)[1]].add(name)
    return found


def option_faults(page, source):
    for kind, names in options(source).items():
        there = set()
        for line in re.findall(r"^\.It Cm (.*)", section(page, SECTIONS[kind]), re.MULTILINE):
            there |= set(line.split(" , "))
        yield from differences(SECTIONS[kind], there, names)


# --- events ---

def event_types(source):
    return set(re.findall(r'^\t\[EVENT_\w+\] = "([a-z_.]+)"', source, re.MULTILINE))


def event_faults(page, source, document):
    there = items(section(page, "TYPES"), r"\b(?:job|watcher)\.[a-z_]+")
    yield from differences("TYPES", there, event_types(source))
    text = section(page, "DOCUMENT")
    for schema in ("JobEvent", "JobEventData", "EventJob", "Snapshot", "Progress",
                   "WatcherEventData"):
        for member in document["components"]["schemas"][schema]["properties"]:
            if not re.search(rf"\b{member}\b", text):
                yield f"DOCUMENT lacks {member} of {schema}"


# --- variables ---

def variables(source, header):
    """Those of hooks, and those that only the journal gets."""
    rows = re.findall(r'\{"(TUNEWATCH_\w+)", \w+, (true|false)\}', source)
    more = set(re.findall(r'^#define VARIABLE_\w+\s+"(TUNEWATCH_\w+)"', header, re.MULTILINE))
    return ({name for name, hook in rows if hook == "true"} | more,
            {name for name, hook in rows if hook == "false"})


def variable_faults(configuration, events, source, header):
    hooks, journal = variables(source, header)
    there = items(section(configuration, "HOOKS"), r"\bTUNEWATCH_[A-Z_]+")
    yield from differences("HOOKS", there, hooks)
    text = subsection(section(events, "RECEIVERS"), "The journal")
    yield from differences("The journal", items(text, r"\bTUNEWATCH_[A-Z_]*[A-Z]\b"), journal)


# --- all of it ---

class Texts:
    def __init__(self):
        self.daemon = read("man", "tunewatchd.8")
        self.configuration = read("man", "tunewatch.conf.5")
        self.events = read("man", "tunewatch-events.7")
        self.document = json.loads(read("src", "daemon", "openapi.json"))
        self.options = read("src", "config", "options.c")
        self.types = read("src", "model", "event.c")
        self.variables = read("src", "notify", "variables.c")
        self.header = read("src", "notify", "variables.h")

    def faults(self):
        return [*api_faults(self.daemon, self.document),
                *option_faults(self.configuration, self.options),
                *event_faults(self.events, self.types, self.document),
                *variable_faults(self.configuration, self.events, self.variables, self.header)]


@tap.test()
def the_manual_is_whole(t):
    texts = Texts()
    t.equal(texts.faults(), [])
    # The tables were read at all.
    t.check(len(calls(texts.document)) >= 16, "calls")
    t.check(all(len(names) >= 9 for names in options(texts.options).values()), "options")
    t.check(len(event_types(texts.types)) >= 21, "types")
    hooks, journal = variables(texts.variables, texts.header)
    t.check(len(hooks) >= 22 and len(journal) >= 6, "variables")


# What is changed in a page, and the fault that this must be.
PLANTED = [
    ("daemon", ".It PUT /v1/jobs/{account}/{kind}/{id}\n", ".It Nothing\n",
     "CONTROL SOCKET lacks PUT /v1/jobs/{account}/{kind}/{id}"),
    ("daemon", ".It GET /healthz\n", ".It GET /health\n",
     "CONTROL SOCKET has GET /health, which the code has not"),
    ("daemon", ".It Cm timeout Ns = ", ".It Cm span Ns = ",
     "POST /v1/accounts/{account}/jobs/sft has span, which the code has not"),
    ("daemon", "header Last-Event-ID", "header", "GET /v1/events/stream lacks Last-Event-ID"),
    ("daemon", ".It too_large\n", ".It too_big\n", "Errors lacks too_large"),
    ("configuration", ".It Cm http-listen\n", ".It Cm listen\n",
     "OPTIONS OUTSIDE SECTIONS lacks http-listen"),
    ("configuration", ".It Cm wandb-api-key-file\n", ".It x\n",
     "ACCOUNTS lacks wandb-api-key-file"),
    ("configuration", "stall-queued , ", "", "WATCHES lacks stall-queued"),
    ("configuration", ".It Cm digest\n", ".It Cm digests\n",
     "NOTIFIERS has digests, which the code has not"),
    ("configuration", ".It Ev TUNEWATCH_TEST\n", ".It x\n", "HOOKS lacks TUNEWATCH_TEST"),
    ("events", ".It job.stalled\n", ".It x\n", "TYPES lacks job.stalled"),
    ("events", ".It job.found\n", ".It job.found , job.lost\n",
     "TYPES has job.lost, which the code has not"),
    ("events", "suspendState", "x", "DOCUMENT lacks suspendState of JobEventData"),
    ("events", ".It TUNEWATCH_SEQUENCE\n", ".It x\n", "The journal lacks TUNEWATCH_SEQUENCE"),
]


@tap.test()
def what_is_missing_is_found(t):
    for page, text, instead, fault in PLANTED:
        texts = Texts()
        before = getattr(texts, page)
        t.check(text in before, f"the page has no {text!r}")
        setattr(texts, page, before.replace(text, instead))
        t.check(fault in texts.faults(), f"{fault}: {texts.faults()}")


if __name__ == "__main__":
    tap.main()
