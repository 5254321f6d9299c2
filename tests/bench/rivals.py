"""The other contestants: h2load, and a watcher in Python on asyncio and aiohttp."""

import json
import os
import re
import resource
import shutil
import subprocess
import time

WATCHER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "aiohttp_watcher.py")
PYTHON = "/usr/bin/python3"  # Debian's, which sees Debian's python3-aiohttp
LIMIT_S = 120


def missing():
    """Why a contestant cannot take part, by name; nothing when it can."""
    reasons = {}
    if not shutil.which("h2load"):
        reasons["h2load"] = "h2load is missing (Debian: apt-get install nghttp2-client)"
    if subprocess.run([PYTHON, "-c", "import aiohttp"], check=False,
                      stderr=subprocess.DEVNULL).returncode != 0:
        reasons["aiohttp"] = "aiohttp is missing (Debian: apt-get install python3-aiohttp)"
    return reasons


def _children_cpu_s():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def h2load(uri_file, requests, connections, streams):
    """CPU seconds, requests and seconds of as many requests, `streams` at a time in all."""
    before, start = _children_cpu_s(), time.monotonic()
    result = subprocess.run(
        ["h2load", "-i", uri_file, "-n", str(requests), "-c", str(connections),
         "-m", str(max(streams // connections, 1))],
        check=True, stdout=subprocess.PIPE, text=True, timeout=LIMIT_S)
    seconds, cpu_s = time.monotonic() - start, _children_cpu_s() - before
    found = re.search(r"(\d+) succeeded, (\d+) failed", result.stdout)
    if not found or int(found[1]) != requests:
        raise RuntimeError("h2load: not every request succeeded:\n" + result.stdout)
    return cpu_s, requests, seconds


def aiohttp(mode, uri_file, ca_file, seconds, streams):
    """CPU seconds, requests and seconds of a window in the watcher's run."""
    result = subprocess.run(
        [PYTHON, WATCHER, mode, uri_file, ca_file, str(seconds), str(streams)],
        check=True, stdout=subprocess.PIPE, text=True, timeout=LIMIT_S)
    found = json.loads(result.stdout)
    return found["cpu_s"], found["requests"], found["seconds"]
