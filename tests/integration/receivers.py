"""Where events go in the tests: a webhook receiver and an exec hook. Both write down what they get
and answer by script.
"""

import copy
import json
import os
import re
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import tap

BODY_MAX = 1 << 20


class Reply:
    """One answer of the receiver. `content` is repeated without end if `endless`."""

    def __init__(self, status=200, headers=None, delay=0.0, reset=False, content=b"scripted\n",
                 endless=False):
        self.status = status
        self.headers = headers or {}
        self.delay = delay
        self.reset = reset
        self.content = content
        self.endless = endless


class Delivery:
    """One request, as it came."""

    def __init__(self, path, headers, body, time_, status):
        self.path = path
        self.headers = headers
        self.body = body
        self.time = time_
        self.status = status

    @property
    def event(self):
        return json.loads(self.body)


class ReceiverHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_args):
        pass

    def answer(self):
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(min(length, BODY_MAX))
        reply = self.server.receiver.take(self.command, self.path, self.headers, body)
        if reply.delay and self.server.receiver.stopping.wait(reply.delay):
            reply.reset = True
        if reply.reset:
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        lines = [f"HTTP/1.1 {reply.status} Scripted"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        content = b"" if reply.status == 204 else reply.content
        if reply.endless:
            lines.append("Connection: close")
            self.close_connection = True
        elif content:
            lines.append(f"Content-Length: {len(content)}")
        self.wfile.write("\r\n".join([*lines, "", ""]).encode() + content)
        while reply.endless and not self.server.receiver.stopping.is_set():
            self.wfile.write(content)  # until the other side has had enough

    do_POST = do_GET = do_PUT = answer


class ReceiverServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def shutdown_request(self, request):
        self.close_request(request)  # without shutdown(): a reset stays a reset

    def handle_error(self, request, client_address):
        """The daemon went away: its affair."""


class Webhook:
    """An HTTP server that gets events. Each path answers by its own script, then with 200."""

    def __init__(self, t):
        self.t = t
        self.lock = threading.Lock()
        self.deliveries = []
        self.scripts = {}
        self.stopping = threading.Event()
        self.server = ReceiverServer(("127.0.0.1", 0), ReceiverHandler)
        self.server.receiver = self
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        t.defer(self.stop)

    def stop(self):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()

    def url(self, path="/"):
        return f"http://127.0.0.1:{self.server.server_address[1]}{path}"

    def script(self, path, *replies, forever=False):
        """The next answers for a path: statuses or Reply; `forever`: the last one for good."""
        with self.lock:
            replies = [r if isinstance(r, Reply) else Reply(r) for r in replies]
            self.scripts[path] = (replies, forever)

    def choose(self, path, _body):
        """The answer to a POST; called with the lock held."""
        replies, forever = self.scripts.get(path, ([], False))
        if not replies:
            return Reply()
        return replies[0] if forever and len(replies) == 1 else replies.pop(0)

    def take(self, method, path, headers, body):
        with self.lock:
            reply = self.choose(path, body) if method == "POST" else Reply(405)
            status = None if reply.reset else reply.status
            self.deliveries.append(Delivery(path, headers, body, time.monotonic(), status))
            return copy.copy(reply)  # the handler may change what it gets

    def got(self, path="/"):
        """All requests for a path so far."""
        with self.lock:
            return [d for d in self.deliveries if d.path == path]

    def events(self, path="/", subject=None, types=None):
        """The different events that a path got, in order; `types` is a regular expression."""
        seen, result = set(), []
        for delivery in self.got(path):
            event = delivery.event
            if event["id"] in seen:
                continue
            seen.add(event["id"])
            if subject and event["subject"] != subject:
                continue
            if types and not re.fullmatch(types, event["type"]):
                continue
            result.append(event)
        return result

    def wait(self, count=1, path="/", subject=None, types=None, timeout=15):
        """The events as above, once there are `count`."""

        def enough():
            found = self.events(path, subject, types)
            return found if len(found) >= count else None

        what = f"{count} of {types or 'any'} for {subject or path}"
        try:
            return self.t.wait(enough, timeout, what)
        except tap.Failed:
            got = [f"{e['type']} {e['subject']}" for e in self.events(path)]
            raise tap.Failed(f"waited {timeout} s for {what}; there: {got}") from None

    def wait_requests(self, count, path="/", timeout=15):
        return self.t.wait(
            lambda: self.got(path) if len(self.got(path)) >= count else None, timeout,
            f"{count} requests to {path}, there are {len(self.got(path))}")


HOOK = '''#!{python} -IS
import json, os, signal, subprocess, sys, time
def note(**record):
    fd = os.open({records!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fd, (json.dumps(record) + "\\n").encode())
    os.close(fd)
begin = time.monotonic()
with open("/proc/self/environ", "rb") as file:
    env = dict(entry.split("=", 1) for entry in file.read().decode().split("\\0") if entry)
body = sys.stdin.buffer.read().decode()
try:
    with open({records!r}) as file:
        number = sum('"begin"' in line for line in file)
except FileNotFoundError:
    number = 0
note(begin=begin, env=env, stdin=body, argv=sys.argv[1:], pid=os.getpid(), pgid=os.getpgid(0),
     sid=os.getsid(0), cwd=os.getcwd(), fds=sorted(int(fd) for fd in os.listdir("/proc/self/fd")))
{body}
note(end=time.monotonic(), pid=os.getpid())
exits = {exits!r}
sys.stdout.flush()
os._exit(exits[min(number, len(exits) - 1)])
'''


class Hook:
    """A program for an exec notifier: writes down what it gets, runs `body`, exits by script."""

    def __init__(self, t, name="hook", exits=(0,), body="", interpreter=None):
        self.t = t
        self.program = t.path(f"{name}.hook")
        self.records_path = t.path(f"{name}.jsonl")
        text = HOOK.format(python=interpreter or sys.executable, records=self.records_path,
                           body=body, exits=list(exits))
        with open(self.program, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.program, 0o755)

    def records(self):
        """What it wrote down so far; a line that is still being written is left out."""
        try:
            with open(self.records_path, encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in text.splitlines(True) if line.endswith("\n")]

    def runs(self):
        """The beginnings, each with the event it got."""
        return [r for r in self.records() if "begin" in r]

    def ends(self):
        return [r for r in self.records() if "end" in r]

    def events(self):
        return [json.loads(run["stdin"]) for run in self.runs()]

    def wait_runs(self, count, timeout=15):
        return self.t.wait(
            lambda: self.runs() if len(self.runs()) >= count else None, timeout,
            f"{count} runs of {os.path.basename(self.program)}")

    def wait_ends(self, count, timeout=15):
        return self.t.wait(
            lambda: self.ends() if len(self.ends()) >= count else None, timeout,
            f"{count} ends of {os.path.basename(self.program)}")
