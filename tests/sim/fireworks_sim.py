#!/usr/bin/env python3
"""A scripted server that speaks the Fireworks control-plane API, for tests and for the demo.

    fireworks_sim.py [--port N] [--port-file FILE] [--cert FILE --key FILE] SCENARIO

It listens on 127.0.0.1, by default on a free port, and prints that port as its first line.
"""

import argparse
import json
import os
import re
import secrets
import signal
import socket
import ssl
import struct
import sys
import threading
import time
from collections import deque
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import bodies
import faults
import listing
import scenario

BODY_MAX = 1 << 20
PATH = re.compile(r"/v1/accounts(?:/([^/]+)(?:/([A-Za-z]+)(?:/([^/:]+)(?::(\w+))?)?)?)?")
CREATE_TYPES = {
    "displayName": str, "dataset": str, "outputModel": str, "baseModel": str, "warmStartFrom": str,
    "jinjaTemplate": str, "earlyStop": bool, "epochs": int, "learningRate": (int, float),
    "maxContextLength": int, "loraRank": int, "wandbConfig": dict, "evaluationDataset": str,
    "isTurbo": bool, "evalAutoCarveout": bool, "region": str, "purpose": str, "nodes": int,
    "learningRateWarmupSteps": int, "optimizerWeightDecay": (int, float), "batchSize": int,
    "batchSizeSamples": int, "gradientAccumulationSteps": int, "awsS3Config": dict,
    "azureBlobStorageConfig": dict,
}
RESUMABLE = ("sft", "rft", "dpo", "rlor")


class Answer:
    """One answer on its way out."""

    def __init__(self):
        self.status = 200
        self.headers = {}
        self.body = b""
        self.endless = 0  # bytes of a body that is made up while it is sent
        self.close = False

    def text(self, text, content_type):
        self.headers["Content-Type"] = content_type
        self.body = text.encode()

    def json(self, value):
        self.text(bodies.dumps(value), "application/json")

    def error(self, status, message=None):
        self.status = status
        self.json(bodies.error_grpc(status, message))


class Api:
    """The calls of the API over a world. One lock, never held while something waits."""

    def __init__(self, document):
        self.world = scenario.World(document)
        self.faults = [faults.Fault(spec) for spec in document.get("faults", [])]
        self.log = []
        self.recent = deque()
        self.stopping = threading.Event()

    def handle(self, request):
        """The answer to a request, and the fault that hits it, or None."""
        with self.world.lock:
            now = self.world.tick()
            entry = {
                "number": len(self.log) + 1, "time": now, "clock": time.monotonic(),
                "method": request.method, "path": request.path, "query": request.query,
                "keyOk": False, "hadBody": request.had_body, "status": 0, "fault": None,
                "body": request.body.decode("utf-8", "replace"),
            }
            self.log.append(entry)
            answer = Answer()
            page = self.page_of(request)
            fault = next(
                (f for f in self.faults if f.hits(request.method, request.path, now, page)), None)
            if fault is not None and fault.do == "late":
                entry["fault"] = fault.do
            else:
                self.act(request, answer, fault, entry)
        if fault is not None and fault.do == "late":
            self.stopping.wait(fault.spec.get("seconds", 3600))
            with self.world.lock:
                self.act(request, answer, fault, entry)
        return answer, fault

    def act(self, request, answer, fault, entry):
        """What the request brings about, and what the fault makes of the answer."""
        now = self.world.tick()
        look = fault is None or fault.intact()
        if not (fault and fault.before) and self.check(request, answer, entry):
            self.route(request, answer, now, look)
        if fault is not None:
            entry["fault"] = fault.do
            faults.DEEDS[fault.do](fault, answer)
            self.change(fault.changes, answer)
        entry["status"] = answer.status

    def page_of(self, request):
        """The number of the page of a list that this asks for; None for anything else."""
        match = PATH.fullmatch(request.path)
        is_list = request.method == "GET" and match and match[2] and not match[3]
        return listing.page_number(request.query) if is_list else None

    def change(self, specs, answer):
        """What happens to jobs right after an answer. One that cannot be is told in its place."""
        try:
            for spec in specs:
                self.world.alter(spec)
        except (ValueError, KeyError, TypeError) as e:
            answer.error(500, f"change: {e}")

    def check(self, request, answer, entry):
        """The front end's part: bodies, rate, key. True when the call goes on."""
        if request.method == "GET" and request.had_body:
            answer.status = 400
            answer.close = True
            answer.text(bodies.error_html(400), "text/html; charset=UTF-8")
            return False
        match = PATH.fullmatch(request.path)
        entry["keyOk"] = self.key_ok(request.key, match[1] if match else None)
        if not self.within_rate():
            answer.error(429)
            retry_after = self.world.settings["retryAfter"]
            if retry_after is not None:
                answer.headers["Retry-After"] = str(retry_after)
            return False
        if not match:
            answer.error(404)
            return False
        if request.key is None:
            answer.status = 401
            answer.json(bodies.error_gateway(401, "Missing API key.", secrets.token_hex(8)))
            return False
        if not entry["keyOk"]:
            answer.status = 403
            answer.json(bodies.error_gateway(403, None, secrets.token_hex(8)))
            return False
        return True

    def key_ok(self, key, account):
        world = self.world
        if account is None or account not in world.accounts:
            return key is not None and key in {world.account_key(a) for a in world.accounts}
        return key == world.account_key(account)

    def within_rate(self):
        settings = self.world.settings
        limit = settings["requestsPerMinute"]
        if limit is None:
            return True
        now = time.monotonic()
        while self.recent and self.recent[0] <= now - settings["minute"]:
            self.recent.popleft()
        if len(self.recent) >= limit - settings["foreign"]:
            return False
        self.recent.append(now)
        return True

    def route(self, request, answer, now, look):
        account, collection, id_, verb = PATH.fullmatch(request.path).groups()
        kind = bodies.COLLECTIONS.get(collection)
        try:
            if account is None and request.method == "GET":
                self.list_accounts(request, answer)
            elif account not in self.world.accounts:
                answer.error(404)
            elif request.method == "GET" and collection == "models" and id_ and not verb:
                self.get_model(account, id_, request, answer)
            elif collection and not kind:
                answer.error(404)
            elif request.method == "GET" and not collection:
                self.send_body(answer, [bodies.dumps(
                    bodies.account_body(account, self.world.accounts[account]))])
            elif request.method == "GET" and not id_:
                self.list_jobs(account, kind, request, answer, now, look)
            elif request.method == "GET" and not verb:
                self.get_job(account, kind, id_, request, answer, now, look)
            elif request.method == "POST" and kind == "sft" and not id_:
                self.create(account, kind, request, answer, now)
            elif request.method == "POST" and verb == "resume" and kind in RESUMABLE:
                self.resume(account, kind, id_, answer)
            else:
                answer.error(501)
        except listing.BadArgument as e:
            answer.error(400, str(e))

    def send_body(self, answer, texts, before="", after=""):
        """Joins JSON texts, with what differs on every GET filled in."""
        now = bodies.timestamp(datetime.now(timezone.utc))
        text = ",".join(texts).replace(bodies.UPDATE_TIME, now)
        text = text.replace(bodies.SIGNATURE, bodies.SECRET + secrets.token_hex(24))
        answer.text(f"{before}{text}{after}", "application/json")

    def list_accounts(self, request, answer):
        world = self.world
        mine = sorted(a for a in world.accounts if world.account_key(a) == request.key)
        size = listing.page_size(request.query)
        texts = [bodies.dumps(bodies.account_body(a, world.accounts[a])) for a in mine[:size]]
        token = "more" if len(mine) > size else ""
        self.send_body(answer, texts, '{"accounts":[', f"],{self.list_end(token, len(mine))}")

    def list_end(self, token, total):
        """The last members of a list, and its brace."""
        size = f',"totalSize":{total}' if self.world.settings["totalSize"] else ""
        return f'"nextPageToken":"{token}"{size}}}'

    def list_jobs(self, account, kind, request, answer, now, look):
        jobs, token, total = listing.page(self.world, account, kind, request.query)
        mask = listing.read_mask(request.query, self.world.settings["readMask"])
        if look:
            for job in jobs:
                self.world.look(job, now)
        if mask and self.world.settings["readMask"] == "page":
            self.send_body(answer, [], "{", self.list_end(token, total))
            return
        self.send_body(answer, self.render(jobs, mask), f'{{"{bodies.KINDS[kind][0]}":[',
                       f"],{self.list_end(token, total)}")

    def get_job(self, account, kind, id_, request, answer, now, look):
        job = self.world.jobs.get(f"accounts/{account}/{bodies.KINDS[kind][0]}/{id_}")
        if job is None or not job.exists:
            answer.error(404)
            return
        mask = listing.read_mask(request.query, self.world.settings["readMask"])
        if look:
            self.world.look(job, now)
        if job.gone:
            answer.error(404)
            return
        self.send_body(answer, self.render([job], mask))

    def get_model(self, account, id_, request, answer):
        state = self.world.models.get((account, id_))
        if state is None:
            answer.error(404)
            return
        body = bodies.model_body(account, id_, state)
        mask = listing.read_mask(request.query, self.world.settings["readMask"])
        try:
            body = scenario.apply_mask(body, mask) if mask else body
        except (KeyError, TypeError) as e:
            raise listing.BadArgument(f"invalid read mask: {e}") from None
        self.send_body(answer, [bodies.dumps(body)])

    def render(self, jobs, mask):
        try:
            return [job.render(mask) for job in jobs]
        except (KeyError, TypeError) as e:
            raise listing.BadArgument(f"invalid read mask: {e}") from None

    def create(self, account, kind, request, answer, now):
        try:
            spec = json.loads(request.body)
        except ValueError:
            raise listing.BadArgument("the body is not JSON") from None
        if not isinstance(spec, dict):
            raise listing.BadArgument("the body is not an object")
        for field, value in spec.items():
            types = CREATE_TYPES.get(field)
            if types is None:
                raise listing.BadArgument(f"unknown field: {field}")
            if not isinstance(value, types) or isinstance(value, bool) and types is not bool:
                raise listing.BadArgument(f"{field}: wrong type")
        if not spec.get("dataset"):
            raise listing.BadArgument("dataset is required")
        if bool(spec.get("baseModel")) == bool(spec.get("warmStartFrom")):
            raise listing.BadArgument("exactly one of base_model or warm_start_from is needed")
        id_ = request.query.get("supervisedFineTuningJobId")
        id_ = id_ or bodies.generated_id(kind, secrets.token_hex(8))
        if not scenario.ID.fullmatch(id_):
            raise listing.BadArgument(f"invalid id: {id_}")
        if f"accounts/{account}/{bodies.KINDS[kind][0]}/{id_}" in self.world.jobs:
            answer.error(409)
            return
        fields = ("displayName", "dataset", "baseModel", "outputModel", "epochs")
        job = self.world.add({
            "account": account, "kind": kind, "id": id_,
            "timeline": self.world.settings["created"],
            **{field: spec[field] for field in fields if spec.get(field)},
        }, shift=now)
        self.world.tick()
        job.created = datetime.now(timezone.utc)
        job.rendered.clear()
        job.given = {name: value for name, value in spec.items() if name not in fields}
        if "warmStartFrom" in spec:
            job.given["baseModel"] = ""
        if job.given.get("wandbConfig"):
            job.given["wandbConfig"] = {**spec["wandbConfig"], "apiKey": bodies.SECRET}
        body = {**bodies.job_body(job, job.values), **job.given}
        body["createTime"] = bodies.timestamp(job.created, 9)
        self.send_body(answer, [bodies.dumps(body)])

    def resume(self, account, kind, id_, answer):
        job = self.world.jobs.get(f"accounts/{account}/{bodies.KINDS[kind][0]}/{id_}")
        if job is None or not job.exists or job.gone:
            answer.error(404)
        elif job.values["state"].removeprefix(bodies.KINDS[kind][1]) not in bodies.ENDS:
            answer.error(400, "the job is not at an end")
        else:
            job.apply({"state": "PENDING", "status": "", "progress": None})
            answer.json({})

    # The tests' own interface, under /_sim/.

    def admin(self, method, name, value):
        """The answer of an admin call as (status, document)."""
        calls = {
            ("GET", "requests"): lambda: {"requests": self.log},
            ("GET", "visible"): self.visible,
            ("GET", "status"): lambda: {
                "now": self.world.tick(), "jobs": len(self.world.jobs), "requests": len(self.log)},
            ("POST", "job"): lambda: {"name": self.world.alter(value).name},
            ("POST", "model"): lambda: self.world.set_model(value) or {},
            ("POST", "fault"): lambda: self.set_faults(value),
            ("POST", "advance"): lambda: self.advance(value),
            ("POST", "settings"): lambda: self.set_settings(value),
        }
        call = calls.get((method, name))
        if call is None:
            return 404, {"error": "no such call"}
        try:
            with self.world.lock:
                # A snapshot: the log grows while the answer is being sent.
                return 200, json.loads(json.dumps(call()))
        except (ValueError, KeyError, TypeError) as e:
            return 400, {"error": f"{type(e).__name__}: {e}"}

    def visible(self):
        return {
            name: [{"time": now, **shown} for now, shown in job.visible]
            for name, job in self.world.jobs.items() if job.visible
        }

    def set_faults(self, value):
        """A fault, a list of them, or {"clear": true}."""
        if isinstance(value, dict) and value.get("clear"):
            path = value.get("path")
            self.faults = [f for f in self.faults if path and f.spec.get("path") != path]
        else:
            value = value if isinstance(value, list) else [value]
            self.faults += [faults.Fault(spec) for spec in value]
        return {"faults": len(self.faults)}

    def advance(self, value):
        self.world.clock.advance(float(value["seconds"]))
        return {"now": self.world.tick()}

    def set_settings(self, value):
        value = dict(value)
        self.world.key = value.pop("key", self.world.key)
        for account, settings in value.pop("accounts", {}).items():
            self.world.accounts.setdefault(account, {}).update(settings)
        self.world.set(value)
        return {}


class Request:
    """What the API needs to know of a request."""

    def __init__(self, handler):
        url = urlsplit(handler.path)
        self.method = handler.command
        self.path = unquote(url.path)
        self.query = dict(parse_qsl(url.query, keep_blank_values=True))
        scheme, _, key = handler.headers.get("Authorization", "").partition(" ")
        self.key = key.strip() if scheme.lower() == "bearer" and key else None
        length = handler.headers.get("Content-Length", "0")
        chunked = "Transfer-Encoding" in handler.headers
        self.too_long = chunked or not length.isdigit() or int(length) > BODY_MAX
        self.had_body = self.too_long or int(length) > 0
        self.body = b"" if self.too_long else handler.rfile.read(int(length))
        self.accepts = handler.headers.get("Accept-Encoding", "")


class Handler(BaseHTTPRequestHandler):
    """One connection: HTTP/1.1 with keep-alive."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 300

    def setup(self):
        if self.server.tls:
            self.request.settimeout(10)
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self):
        super().finish()
        if self.server.tls:
            self.request.close()  # the server knows only the socket below it

    def handle(self):
        try:
            super().handle()
        except (OSError, ValueError):
            pass  # the client went away

    def log_message(self, *_args):
        pass

    def answer(self):
        request = Request(self)
        if request.path.startswith("/_sim/"):
            self.answer_admin(request)
            return
        answer, fault = self.server.api.handle(request)
        if request.too_long:
            answer.close = True
        if fault is None:
            faults.compress(answer, request.accepts)
        self.send(answer, fault)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = answer

    def answer_admin(self, request):
        answer = Answer()
        try:
            value = json.loads(request.body) if request.body else {}
        except ValueError:
            answer.status, document = 400, {"error": "not JSON"}
        else:
            name = request.path.removeprefix("/_sim/")
            answer.status, document = self.server.api.admin(request.method, name, value)
        answer.json(document)
        self.send(answer, None)

    def send(self, answer, fault):
        """Writes the answer, as far as the fault lets it."""
        do = fault.do if fault else None
        spec = fault.spec if fault else {}
        stopping = self.server.api.stopping
        if do in ("reset", "lose-answer"):
            self.reset()
            return
        if do == "delay" and stopping.wait(spec.get("seconds", 3600)):
            self.close_connection = True
            return
        body, length = answer.body, len(answer.body) + answer.endless
        if do == "truncate":
            body = body[:len(body) // 2]
        elif do == "wrong-length":
            length -= min(length, spec.get("bytes", 7))
        if answer.close or do in ("truncate", "wrong-length"):
            self.close_connection = True
        head = self.head(answer, length)
        if do == "drip":
            self.drip(head, body, spec, stopping)
        elif self.command == "HEAD":
            self.wfile.write(head)
        else:
            self.wfile.write(head + body)
        if answer.endless:
            self.write_endless(answer.endless)

    def head(self, answer, length):
        reason = self.responses.get(answer.status, ("",))[0]
        lines = [f"HTTP/1.1 {answer.status} {reason}", f"Date: {self.date_time_string()}",
                 "Server: fireworks-sim"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        lines.append(f"Content-Length: {length}")
        if self.close_connection:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def drip(self, head, body, spec, stopping):
        self.wfile.write(head)
        chunk = spec.get("chunk", 1)
        for i in range(0, len(body), chunk):
            if stopping.wait(spec.get("seconds", 1)):
                self.close_connection = True
                return
            self.wfile.write(body[i:i + chunk])

    def write_endless(self, size):
        block = b'{"fineTuningJobs":[' + b" " * 65536
        while size > 0:
            self.wfile.write(block[:size])
            size -= len(block[:size])
            block = b" " * 65536

    def reset(self):
        """Ends the connection with RST instead of FIN."""
        self.close_connection = True
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


class Server(ThreadingHTTPServer):
    """The listening socket, and a thread for each connection."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, document, port=0, cert=None, key=None):
        self.tls = None
        if cert:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(cert, key)
            self.tls.set_alpn_protocols(["http/1.1"])
        self.api = Api(document)
        self.connections = set()
        self.connections_lock = threading.Lock()
        super().__init__(("127.0.0.1", port), Handler)

    @property
    def port(self):
        return self.server_address[1]

    def process_request(self, request, client_address):
        with self.connections_lock:
            self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        with self.connections_lock:
            self.connections.discard(request)
        # Not shutdown(): it would turn a reset into an orderly end.
        self.close_request(request)

    def handle_error(self, request, client_address):
        """A handshake that failed, or a client that went away: the client's affair."""

    def start(self):
        """Serves on a thread of its own until stop()."""
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        """Stops listening, ends every delay, drops every connection."""
        self.api.stopping.set()
        self.shutdown()
        self.server_close()
        with self.connections_lock:
            for connection in self.connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenario", help="a scenario file, or the name of one in scenarios/")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file", help="write the port there too, in one step")
    parser.add_argument("--cert", help="serve TLS with this certificate")
    parser.add_argument("--key", help="the certificate's key")
    args = parser.parse_args()
    try:
        server = Server(scenario.load(args.scenario), args.port, args.cert, args.key)
    except (OSError, ValueError, KeyError) as e:
        parser.exit(1, f"{parser.prog}: {args.scenario}: {type(e).__name__}: {e}\n")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    print(server.port, flush=True)
    if args.port_file:
        with open(f"{args.port_file}.tmp", "w", encoding="ascii") as file:
            file.write(f"{server.port}\n")
        os.replace(f"{args.port_file}.tmp", args.port_file)
    server.serve_forever(0.05)
    server.api.stopping.set()
    server.server_close()


if __name__ == "__main__":
    main()
