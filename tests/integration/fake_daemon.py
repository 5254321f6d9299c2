"""A socket that answers as tunewatchd does: jobs, events with their stream, notifiers, whatever a test
wants it to say. It can be stopped and started again, and cut its streams."""

import contextlib
import http.server
import json
import os
import queue
import re
import socket
import socketserver
import threading
import time
import urllib.parse

from harness import CLIENT, name_of, run_program

STATES = {"running": "JOB_STATE_RUNNING", "failed": "JOB_STATE_FAILED",
          "succeeded": "JOB_STATE_COMPLETED", "expired": "JOB_STATE_EXPIRED",
          "cancelled": "JOB_STATE_CANCELLED", "removed": "JOB_STATE_DELETED",
          "early_stopped": "JOB_STATE_EARLY_STOPPED", "queued": "JOB_STATE_PENDING"}
TIME = "2026-11-20T06:31:56.123Z"


def job(kind, id_, account="acme", phase="running", name="a name", percent=42, **more):
    return {
        "name": name_of(kind, id_, account), "account": account, "kind": kind, "id": id_,
        "displayName": name, "baseModel": "", "outputModel": "", "dataset": "", "createTime": "",
        "completedTime": "", "state": STATES[phase], "phase": phase,
        "status": {"code": "OK", "message": ""},
        "progress": None if percent is None else {"percent": percent, "epoch": 1},
        "attempt": 1, "sequence": 1, "phaseSince": TIME, "lastPoll": TIME, "nextPoll": None,
        "lastError": None, **more}


def document(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def error(code, message, **more):
    return document({"error": {"code": code, "message": message, **more}})


def short(name):
    kinds = {name_of(kind, "x").split("/")[2]: kind
             for kind in ("sft", "rft", "dpo", "ft", "rlor", "batch", "eval")}
    parts = name.split("/")
    if len(parts) != 4:
        return name
    _, account, collection, id_ = parts
    return f"{account}/{kinds[collection]}/{id_}"


class Request:
    def __init__(self, method, path, headers, body):
        self.method = method
        self.target = path
        self.path, _, query = path.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        self.headers = headers
        self.body = body


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = False  # there is none on a Unix socket

    def log_message(self, *_):
        pass

    def address_string(self):
        return "unix"

    def handle_one(self):
        fake = self.server.fake
        length = int(self.headers.get("Content-Length") or 0)
        request = Request(self.command, self.path, self.headers, self.rfile.read(length))
        fake.requests.append(request)
        if request.path == "/v1/events/stream" and "/v1/events/stream" not in fake.answers:
            fake.stream(request, self)
            return
        status, body = fake.answer(request)
        body = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = handle_one


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass

    def process_request(self, request, client_address):
        self.fake.connections.add(request)
        super().process_request(request, client_address)


class FakeDaemon:
    def __init__(self, t, jobs=(), accounts=("acme",), name="fake.sock"):
        self.t = t
        self.path = t.path(name)
        self.lock = threading.RLock()
        self.jobs = {j["name"]: j for j in jobs}
        self.accounts = accounts
        self.status = {}      # more of /v1/status
        self.notifiers = []
        self.events = []      # (number, document)
        self.number = 0
        self.old = 0          # number of the last event before any "since"
        self.answers = {}     # path or "METHOD path": (status, body), or a function of the request
        self.requests = []
        self.streams = []     # queues
        self.connections = set()
        self.server = None
        t.defer(self.stop)
        self.start()

    def start(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.server = Server(self.path, Handler)
        self.server.fake = self
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self):
        if not self.server:
            return
        server, self.server = self.server, None
        server.shutdown()
        server.server_close()
        self.cut()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.connections.clear()

    def cut(self):
        """Ends every stream."""
        with self.lock:
            streams, self.streams = self.streams, []
        for q in streams:
            q.put(None)

    def asked(self, pattern):
        """Targets of the requests so far, "GET /v1/jobs?…", that match."""
        return [f"{r.method} {r.target}" for r in list(self.requests)
                if re.search(pattern, f"{r.method} {r.target}")]

    def set(self, kind, id_, account="acme", **values):
        """Changes a job; a phase brings its state along."""
        with self.lock:
            j = self.jobs[name_of(kind, id_, account)]
            if values.get("phase"):
                values.setdefault("state", STATES[values["phase"]])
            j.update(values)

    def emit(self, type_, kind="sft", id_="abc", account="acme", job_=True, **data):
        """A new event, kept and sent to every stream."""
        with self.lock:
            self.number += 1
            name = name_of(kind, id_, account)
            about = {"job": {"name": name, "account": account, "kind": kind, "id": id_}}
            doc = document({
                "specversion": "1.0", "id": f"evt_{self.number}",
                "source": f"https://api.fireworks.ai/v1/accounts/{account}", "type": type_,
                "subject": name if job_ else f"accounts/{account}", "time": TIME,
                "datacontenttype": "application/json",
                "data": {**(about if job_ else {"account": account}), "attempt": 1, "sequence": 1,
                         "to": {"phase": type_.partition(".")[2], "state": "JOB_STATE_X",
                                "status": {"code": "OK", "message": ""}, "progress": None},
                         **data}})
            self.events.append((self.number, doc))
            for q in self.streams:
                q.put((self.number, type_, doc))
            return doc

    def ends(self, kind, id_, phase, account="acme"):
        self.set(kind, id_, account, phase=phase)
        return self.emit(f"job.{phase}", kind, id_, account)

    def client(self, *args, env=None, timeout=20, stdin=None):
        return run_program(self.t, [*CLIENT, "--socket", self.path, *args], env, timeout, stdin)

    # what it answers

    def answer(self, request):
        for key in (f"{request.method} {request.target}", request.target,
                    f"{request.method} {request.path}", request.path):
            if key in self.answers:
                answer = self.answers[key]
                return answer(request) if callable(answer) else answer
        with self.lock:
            for pattern, function in self.calls:
                match = re.fullmatch(pattern, f"{request.method} {request.path}")
                if match:
                    return function(self, request, *match.groups())
        return 404, error("not_found", "no such call")

    def get_status(self, _):
        accounts = [{"name": name, "account": name, "inSight": True} for name in self.accounts]
        return 200, document({"version": "0.1.0", "accounts": accounts, **self.status})

    def get_jobs(self, request):
        mask = request.query.get("readMask")
        wanted = {path.partition(".")[0] for path in mask.split(",")} if mask else None
        return 200, document({"jobs": [
            {k: v for k, v in j.items() if not wanted or k in wanted}
            for j in self.jobs.values()]})

    def one_job(self, request, account, kind, id_):
        name = name_of(kind, id_, account)
        known = self.jobs.get(name)
        if request.method == "GET":
            return (200, document(known)) if known else (404, error("not_found", f"no {name}"))
        if request.method == "DELETE":
            return (200, document({"status": "ok"})) if self.jobs.pop(name, None) else (
                404, error("not_found", f"{name} is not watched"))
        if account not in self.accounts:
            return 404, error("not_found", f"no account is called {account}")
        notify = request.query.get("notify")
        wrong = [n for n in (notify.split(",") if notify else [])
                 if n not in [x["name"] for x in self.notifiers]]
        if wrong:
            return 400, error("bad_request", f"no notifier is called {wrong[0]}")
        self.jobs.setdefault(name, {
            **job(kind, id_, account), "phase": None, "state": "", "progress": None})
        self.jobs[name].update(added=True, notify=notify.split(",") if notify else None)
        return (200 if known else 201), document(self.jobs[name])

    def get_events(self, request):
        query = request.query
        limit = int(query.get("limit", 100))
        found = [(n, doc) for n, doc in self.events
                 if "job" not in query or short(json.loads(doc)["subject"]) == query["job"]]
        if "after" in query or "since" in query:
            found = [(n, doc) for n, doc in found if n > int(query.get("after", 0))
                     and ("since" not in query or n > self.old)]
            page = found[:limit]
        else:
            page = found[-limit:]
        # Of an empty page it says as little as it may.
        last = page[-1][0] if page else int(query.get("after", 0))
        return 200, '{"events":[%s],"last":%d,"more":%s}' % (
            ",".join(doc for _, doc in page), last,
            "true" if page and page[-1][0] < found[-1][0] else "false")

    def get_notifiers(self, _):
        return 200, document({"notifiers": self.notifiers})

    def test(self, _, name):
        if name not in [n["name"] for n in self.notifiers]:
            return 404, error("not_found", f"no notifier is called {name}")
        return 200, document({"verdict": "delivered", "message": "", "event": "evt_test"})

    def reload(self, _):
        return 200, document({"status": "ok"})

    calls = (
        ("GET /v1/status", get_status), ("GET /v1/jobs", get_jobs),
        ("(?:GET|PUT|DELETE) /v1/jobs/([^/]+)/([^/]+)/([^/]+)", one_job),
        ("GET /v1/events", get_events), ("GET /v1/notifiers", get_notifiers),
        ("POST /v1/notifiers/([^/]+)/test", test), ("POST /v1/reload", reload),
    )

    def stream(self, request, handler):
        after = request.headers.get("Last-Event-ID") or request.query.get("after")
        wanted = request.query.get("job")
        q = queue.Queue()
        with self.lock:
            begin = self.number if after is None else int(after)
            for number, doc in self.events:
                if number > begin:
                    q.put((number, json.loads(doc)["type"], doc))
            self.streams.append(q)
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        with contextlib.suppress(OSError):
            handler.wfile.write(f"retry: 200\nid: {begin}\n\n".encode())
            while True:
                try:
                    item = q.get(timeout=0.5)
                except queue.Empty:
                    handler.wfile.write(b": alive\n")
                    continue
                if item is None:
                    return
                number, type_, doc = item
                if wanted and short(json.loads(doc)["subject"]) != wanted:
                    continue
                handler.wfile.write(f"id: {number}\nevent: {type_}\ndata: {doc}\n\n".encode())

    def drop(self):
        """Every reader is too slow: the stream says so, and ends."""
        with self.lock:
            for q in self.streams:
                q.put((self.number, "dropped", document({"after": self.number, "message": "x"})))
        time.sleep(0.1)
        self.cut()
