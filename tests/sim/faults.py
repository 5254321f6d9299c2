"""Faults: which requests they hit, and what they do to the answer. README.md lists them."""

import gzip
import json
import re
import zlib

import bodies

FIELDS = {
    "do", "path", "method", "request", "window", "times", "seconds", "chunk", "bytes", "depth",
    "status", "location", "retryAfter", "retryAfterMs", "shape", "message", "token", "page", "jobs",
    "before",
}
# The answer still arrives whole, so it counts as a sight of the jobs in it.
INTACT = ("delay", "drip", "change", "late")


class Fault:
    """One fault of a scenario: a filter over requests, and a deed."""

    def __init__(self, spec):
        unknown = spec.keys() - FIELDS
        if unknown:
            raise ValueError(f"unknown in a fault: {', '.join(sorted(unknown))}")
        spec = dict(spec)
        self.do = str(spec["do"])
        if self.do.isdigit():
            spec["status"] = int(self.do)
            self.do = "status"
        if self.do not in DEEDS:
            raise ValueError(f"do: {self.do!r} is none of {', '.join(sorted(DEEDS))}, or a status")
        # What the fault changes when it has been answered, as World.alter() takes it.
        self.changes = spec.get("jobs", [])
        # The request does nothing: what stands before the API has answered, or nobody.
        self.before = spec.get("before", False)
        if self.before and self.intact():
            raise ValueError("before: not with a true answer")
        if (self.do == "change") != bool(self.changes):
            raise ValueError("jobs: for do: change, and only for it")
        if any("kind" not in job or "id" not in job for job in self.changes):
            raise ValueError("jobs: without kind or id")
        self.spec = spec
        self.path = re.compile(spec.get("path", ""))
        self.method = spec.get("method")
        self.first, self.last = spec.get("request", (1, float("inf")))
        self.pages = spec.get("page")
        self.begin, self.end = spec.get("window", (0, float("inf")))
        self.left = spec.get("times", float("inf"))
        self.seen = 0

    def hits(self, method, path, now, page=None):
        """Whether this request is hit; counts the requests that match path, method and page."""
        if self.method and method != self.method or not self.path.search(path):
            return False
        if self.pages and (page is None or not self.pages[0] <= page <= self.pages[1]):
            return False
        self.seen += 1
        if not (self.first <= self.seen <= self.last and self.begin <= now < self.end):
            return False
        if self.left <= 0:
            return False
        self.left -= 1
        return True

    def intact(self):
        return self.do in INTACT


def replace_status(fault, answer):
    spec = fault.spec
    status, shape = spec["status"], spec.get("shape")
    answer.status = status
    answer.headers = {}
    if shape is None:
        shape = "html" if status >= 500 else "gateway" if status in (401, 403) else "grpc"
    if shape == "html":
        answer.text(bodies.error_html(status), "text/html; charset=UTF-8")
    elif shape == "empty":
        answer.text("", "text/plain")
    else:
        make = {"grpc": bodies.error_grpc, "gateway": bodies.error_gateway}[shape]
        answer.json(make(status, spec.get("message")))
    if "retryAfter" in spec:
        answer.headers["Retry-After"] = str(spec["retryAfter"])
    if "retryAfterMs" in spec:
        answer.headers["retry-after-ms"] = str(spec["retryAfterMs"])


def replace_redirect(fault, answer):
    answer.status = fault.spec.get("status", 302)
    answer.text("", "text/html")
    answer.headers["Location"] = fault.spec.get("location", "/v1/accounts")


def replace_html(_fault, answer):
    answer.status = 200
    answer.text("<!DOCTYPE html><html><body><h1>Sign in to continue</h1></body></html>",
                "text/html; charset=UTF-8")


def replace_not_json(_fault, answer):
    answer.status = 200
    answer.text('{"name": accounts/acme, state = ', "application/json")


def replace_empty(_fault, answer):
    answer.status = 200
    answer.text("", "application/json")


def replace_null(_fault, answer):
    answer.status = 200
    answer.text("null", "application/json")


def replace_deep(fault, answer):
    depth = fault.spec.get("depth", 100000)
    answer.status = 200
    answer.text('{"name":' + "[" * depth + "]" * depth + "}", "application/json")


def replace_next_page(fault, answer):
    answer.status = 200
    answer.json({"nextPageToken": fault.spec.get("token", f"page-{fault.seen}")})


def replace_huge(fault, answer):
    """A JSON text that never seems to end; sent in pieces, so that it costs no memory here."""
    answer.status = 200
    answer.text("", "application/json")
    answer.endless = fault.spec.get("bytes", 64 << 20)


def replace_gzip_bomb(fault, answer):
    size = fault.spec.get("bytes", 256 << 20)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b" " * (1 << 20)
    data = packer.compress(b"{")
    for _ in range(size >> 20):
        data += packer.compress(block)
    answer.status = 200
    answer.body = data + packer.flush()
    answer.headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}


def alter_jobs(answer, alter):
    """Changes every job of an answer, be it one job or a page of them."""
    try:
        document = json.loads(answer.body)
    except ValueError:
        return
    if not isinstance(document, dict):
        return
    pages = [value for key, value in document.items() if key in bodies.COLLECTIONS]
    for job in pages[0] if pages else [document]:
        alter(job)
    answer.json(document)


def alter_name(_fault, answer):
    def alter(job):
        if "name" in job:
            job["name"] = re.sub(r"accounts/[^/]+/", "accounts/somebody-else/", job["name"])

    alter_jobs(answer, alter)


def alter_type(_fault, answer):
    alter_jobs(answer, lambda job: job.update(state=["JOB_STATE_FAILED"], status="broken"))


def alter_duplicate(_fault, answer):
    answer.body = re.sub(rb'"state":', b'"state":"JOB_STATE_FAILED","state":', answer.body)


def alter_utf8(_fault, answer):
    answer.body = re.sub(rb'"displayName":"', b'"displayName":"\xff\xfe', answer.body)


def alter_trailing(_fault, answer):
    answer.body += b'{"state":"JOB_STATE_FAILED"}'


def nothing(_fault, _answer):
    """What happens on the wire, or to the jobs, is the server's part: see fireworks_sim."""


DEEDS = {
    "status": replace_status,
    "redirect": replace_redirect,
    "html200": replace_html,
    "not-json": replace_not_json,
    "empty": replace_empty,
    "null": replace_null,
    "deep": replace_deep,
    "next-page": replace_next_page,
    "huge": replace_huge,
    "gzip-bomb": replace_gzip_bomb,
    "other-name": alter_name,
    "wrong-type": alter_type,
    "duplicate-key": alter_duplicate,
    "invalid-utf8": alter_utf8,
    "trailing": alter_trailing,
    "change": nothing,
    "delay": nothing,
    "drip": nothing,
    "reset": nothing,
    "lose-answer": nothing,
    "late": nothing,
    "truncate": nothing,
    "wrong-length": nothing,
}


def compress(answer, accepts):
    """gzip when the client takes it and it is worth it."""
    if "gzip" in accepts and len(answer.body) > 512 and "Content-Encoding" not in answer.headers:
        answer.body = gzip.compress(answer.body, 1)
        answer.headers["Content-Encoding"] = "gzip"
