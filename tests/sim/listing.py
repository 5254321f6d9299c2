"""Lists as the API gives them: pages, tokens, filter, order, readMask. Bad arguments raise
BadArgument, which becomes a 400 with code 3.
"""

import base64
import hashlib
import json
import re
import zlib

import scenario

PAGE_SIZE = 50
PAGE_SIZE_MAX = 200
FIELDS = ("name", "createTime", "displayName", "state")
COMPARISON = re.compile(r'\s*(\w+)\s*(!=|<=|>=|=|<|>)\s*(?:"([^"]*)"|(\S+))\s*')
COMPARE = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


class BadArgument(ValueError):
    """The message of a 400."""


def page_size(query):
    text = query.get("pageSize", "")
    if not text:
        return PAGE_SIZE
    try:
        size = int(text)
    except ValueError:
        raise BadArgument(f"invalid page size: {text}") from None
    if size < 0:
        raise BadArgument("page size must not be negative")
    return min(size, PAGE_SIZE_MAX) or PAGE_SIZE


def order(query, allowed):
    text = query.get("orderBy", "")
    if not text:
        return "name", False
    if allowed == "ignore":
        return "name", False
    match = re.fullmatch(r"(\w+)(?: (asc|desc))?", text)
    if not allowed or not match or match[1] not in FIELDS:
        raise BadArgument(f"invalid order by: {text}")
    return match[1], match[2] == "desc"


def read_filter(query, allowed):
    """The filter as groups that must all hold, each of alternatives (OR binds closer), or None."""
    text = query.get("filter", "")
    if not text or allowed == "ignore":
        return None
    if not allowed:
        raise BadArgument("filtering is not supported")
    groups = []
    for group in re.split(r"\s+AND\s+", text):
        alternatives = []
        for part in re.split(r"\s+OR\s+", group.strip().removeprefix("(").removesuffix(")")):
            match = COMPARISON.fullmatch(part)
            if not match or match[1] not in FIELDS:
                raise BadArgument(f"invalid filter: {text}")
            alternatives.append((match[1], match[2], match[3] if match[4] is None else match[4]))
        groups.append(alternatives)
    return groups


def value_of(job, field):
    if field == "createTime":
        return scenario.bodies.timestamp(job.created)
    return {"name": job.name, "displayName": job.display_name, "state": job.values["state"]}[field]


def is_lost(job):
    """Whether a filter that is "lossy" leaves this job out though it matches."""
    return zlib.crc32(job.name.encode()) % 3 == 0


def passes(job, groups):
    return all(
        any(COMPARE[op](value_of(job, field), value) for field, op, value in alternatives)
        for alternatives in groups
    )


def binding(account, kind, query):
    """What a page token is bound to: every other parameter."""
    rest = sorted((k, v) for k, v in query.items() if k != "pageToken")
    text = json.dumps([account, kind, rest])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Token:
    """Where a listing goes on: what it is bound to, the page's number, and the last one's key, or
    how many came before."""

    def __init__(self, bound, number, behind):
        self.bound, self.number, self.behind = bound, number, behind

    def __str__(self):
        text = json.dumps([self.bound, self.number, self.behind])
        return base64.urlsafe_b64encode(text.encode()).decode()

    @classmethod
    def read(cls, text):
        try:
            bound, number, behind = json.loads(base64.urlsafe_b64decode(text.encode()))
        except (ValueError, TypeError):
            raise BadArgument("invalid page token") from None
        return cls(bound, number, behind)


def page_number(query):
    """The number, from 1, of the page that a list request asks for; None when nobody can tell."""
    try:
        return Token.read(query["pageToken"]).number if query.get("pageToken") else 1
    except BadArgument:
        return None


def read_mask(query, allowed):
    mask = query.get("readMask", "")
    if mask in ("", "*"):
        return None
    if not allowed:
        raise BadArgument("read mask is not supported")
    if allowed == "snake":
        mask = ",".join(path for path in mask.split(",") if path == path.lower())
    return mask


def page(world, account, kind, query):
    """The jobs of one page, the next page's token or "", and the total number."""
    settings = world.settings
    size = page_size(query)
    field, descending = order(query, settings["orderBy"])
    groups = read_filter(query, settings["filter"])
    bound = binding(account, kind, query)
    jobs, keys = world.listed(account, kind, (field, descending))
    if groups:
        lossy = settings["filter"] == "lossy"
        chosen = [(job, key) for job, key in zip(jobs, keys)
                  if passes(job, groups) and not (lossy and is_lost(job))]
        jobs, keys = [job for job, _ in chosen], [key for _, key in chosen]
    begin, number = 0, 1
    if query.get("pageToken"):
        token = Token.read(query["pageToken"])
        if token.bound != bound:
            raise BadArgument("page token does not match the request's other parameters")
        number = token.number
        begin = token.behind if isinstance(token.behind, int) else scenario.after(
            keys, tuple(token.behind), descending)
    end = begin + size
    if end >= len(jobs):
        return jobs[begin:], "", len(jobs)
    behind = end if settings["tokens"] == "offset" else keys[end - 1]
    return jobs[begin:end], str(Token(bound, number + 1, behind)), len(jobs)
