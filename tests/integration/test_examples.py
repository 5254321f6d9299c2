#!/usr/bin/env python3
"""The example hooks, with the real curl, jq and flock: by themselves, and run by the daemon. The API
that they deploy with is a small HTTP server; the first retry comes 5 s after the first try."""

import json
import os
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import HERE, begin, bodies, running, tap

EXAMPLES = os.path.join(HERE, "..", "..", "conf", "examples")
DEPLOY = os.path.abspath(os.path.join(EXAMPLES, "deploy-hook.sh"))
RETRY = os.path.abspath(os.path.join(EXAMPLES, "retry-hook.sh"))
KEY = f"fw_{bodies.SECRET}_deploy"
DONE, AGAIN, GIVE_UP, USAGE = 0, 75, 1, 64
LOST = "lost"  # instead of a status: the request is carried out, the answer never comes


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise tap.Skip(f"{program} is missing")


class ApiHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.answer(body)

    def do_GET(self):
        self.answer(None)

    def answer(self, body):
        status, document = self.server.api.take(self.path, self.headers, body)
        if status == LOST:
            self.close_connection = True
            return
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class ApiServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        """The hook went away: its affair."""


class Api:
    """Several APIs that deploy, each under a name of its own, /NAME/v1/accounts/…: it answers by its
    script, then as the real one does."""

    def __init__(self, t):
        self.t = t
        self.lock = threading.Lock()
        self.requests = []  # (name, method, path, headers, body)
        self.deployments = {}  # (name, id) -> body
        self.scripts = {}
        self.gates = {}
        self.server = ApiServer(("127.0.0.1", 0), ApiHandler)
        self.server.api = self
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        t.defer(self.stop)

    def stop(self):
        for gate in self.gates.values():
            gate.set()
        self.server.shutdown()
        self.server.server_close()

    def url(self, name):
        return f"http://127.0.0.1:{self.server.server_address[1]}/{name}"

    def take(self, path, headers, body):
        name = path.partition("?")[0].split("/")[1]
        method = "GET" if body is None else "POST"
        with self.lock:
            self.requests.append((name, method, path, headers, body))
            script = self.scripts.get(name, [])
            status = script.pop(0) if script else None
            if status in (None, LOST):
                result = self.carry_out(name, path, body)
            else:
                result = status, {"code": 9, "message": f"scripted {status}"}
        if name in self.gates and method == "POST":
            self.gates[name].wait(60)
        return (LOST, None) if status == LOST else result

    def carry_out(self, name, path, body):
        if body is None:
            found = self.deployments.get((name, path.rpartition("/")[2]))
            return (200, {**found, "state": "CREATING"}) if found else (
                404, {"code": 5, "details": [], "message": "resource not found"})
        key = name, path.partition("?deploymentId=")[2]
        if key in self.deployments:
            return 409, {"code": 6, "details": [], "message": "already exists"}
        self.deployments[key] = json.loads(body)
        return 200, self.deployments[key]

    def of(self, name):
        with self.lock:
            return [request for request in self.requests if request[0] == name]

    def made(self, name):
        with self.lock:
            return {id_: body for (n, id_), body in self.deployments.items() if n == name}

    def wait_requests(self, count, name):
        return self.t.wait(lambda: len(self.of(name)) >= count, 20, f"{count} requests to {name}")


def deploy_command(t, api, name):
    """The command of a notifier, and its settings."""
    settings, key = t.path(f"{name}.env"), t.path("deploy.key")
    with open(settings, "w", encoding="utf-8") as file:
        file.write(f"DEPLOY_API_URL={api.url(name)}\nDEPLOY_KEY_FILE={key}\n")
    with open(key, "w", encoding="utf-8") as file:
        file.write(f"{KEY}\n")
    os.chmod(key, 0o600)
    return [DEPLOY, settings]


def event_environment(**more):
    return {"PATH": os.environ["PATH"], "TUNEWATCH_EVENT_ID": "evt_0f3k_A", "TUNEWATCH_ACCOUNT":
            "acme", "TUNEWATCH_OUTPUT_MODEL": "accounts/acme/models/tuned",
            "TUNEWATCH_DELIVERY_TRY": "1", **more}


def start(argv, **more):
    return subprocess.Popen(argv, env=event_environment(**more), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def run(argv, **more):
    """(exit status, output)"""
    program = start(argv, **more)
    out = program.communicate(timeout=60)[0]
    return program.returncode, out


# The answers of the API in turn, and what one run after the other ends with.
DEPLOYMENTS = [
    ("made", [], [DONE, DONE], 1),
    ("slow", [429], [AGAIN, DONE], 1),
    ("broken", [500, 503], [AGAIN, AGAIN, DONE], 1),
    ("lost", [LOST], [AGAIN, DONE], 1),
    ("lost-twice", [LOST, 409, LOST], [AGAIN, AGAIN, DONE], 1),
    ("taken", [409], [GIVE_UP], 0),
    ("taken-broken", [LOST, 409, 502], [AGAIN, AGAIN, DONE], 1),
    ("forbidden", [403], [GIVE_UP], 0),
    ("moved", [308], [GIVE_UP], 0),
]


@tap.test()
def a_deployment_by_each_answer(t):
    need("curl", "jq")
    api = Api(t)
    for name, script, exits, count in DEPLOYMENTS:
        api.scripts[name] = list(script)
        command = deploy_command(t, api, name)
        for wanted in exits:
            got, out = run(command)
            t.equal(got, wanted, f"{name}: {out}")
            t.check(bodies.SECRET not in out, f"{name}: the key in {out}")
        t.equal(len(api.made(name)), count, f"{name}: deployments")
        for id_, body in api.made(name).items():
            t.equal(id_, "tw-evt-0f3k-a")
            t.equal(body, {"baseModel": "accounts/acme/models/tuned",
                           "displayName": "tunewatch evt_0f3k_A"})
        for _, _, path, headers, _ in api.of(name):
            t.equal(headers["Authorization"], f"Bearer {KEY}")
            t.check(path.startswith(f"/{name}/v1/accounts/acme/deployments"), path)
    t.check("scripted 403" in run(refuse(api, t))[1], "the reason is not told")


def refuse(api, t):
    api.scripts["refused"] = [403]
    return deploy_command(t, api, "refused")


@tap.test()
def a_deployment_that_cannot_be(t):
    need("curl", "jq")
    api = Api(t)
    command = deploy_command(t, api, "x")
    for what, argv, more in (
            ("no model", command, {"TUNEWATCH_OUTPUT_MODEL": ""}),
            ("no settings", [DEPLOY, t.path("nothing")], {}),
            ("no key", [DEPLOY, "/dev/null"], {})):
        t.equal(run(argv, **more)[0], GIVE_UP, what)
    t.equal(api.of("x"), [])
    api.stop()
    got, out = run(command)
    t.equal((got, "no answer" in out), (AGAIN, True), out)


@tap.test()
def a_test_event_deploys_nothing(t):
    need("curl", "jq")
    api = Api(t)
    command = deploy_command(t, api, "test")
    got, out = run(command, TUNEWATCH_TEST="true")
    t.equal((got, "a test" in out), (DONE, True), out)
    t.equal(run([DEPLOY, "/dev/null"], TUNEWATCH_TEST="true")[0], GIVE_UP, "without a key")
    t.equal(api.of("test"), [])
    t.equal(run(command, TUNEWATCH_TEST="")[0], DONE, "what is no test")
    t.equal(len(api.made("test")), 1)


@tap.test()
def two_deployments_at_a_time_are_one(t):
    need("curl", "jq")
    api = Api(t)
    api.gates["both"] = threading.Event()
    command = deploy_command(t, api, "both")
    programs = [start(command), start(command)]
    api.wait_requests(2, "both")
    api.gates["both"].set()
    for program in programs:
        out = program.communicate(timeout=60)[0]
        t.equal(program.returncode, DONE, out)
    t.equal(len(api.made("both")), 1)


@tap.test(limit=90)
def the_daemon_deploys_once(t):
    """Whatever the API answers first, and also when the daemon is killed while its hook waits for
    the answer, which then outlives it and is run again."""
    need("curl", "jq")
    sim, daemon = running(t)
    api = Api(t)
    api.scripts = {"slow": [429], "broken": [500], "lost": [LOST], "forbidden": [403]}
    names = ("made", *api.scripts, "killed")
    for name in names:
        daemon.config.section("notifier", name, {
            "type": "exec", "command": deploy_command(t, api, name),
            "events": ["job.succeeded"]})
    daemon.config.key_files.add(t.path("deploy.key"))
    api.gates["killed"] = threading.Event()
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    for name in names:
        api.wait_requests(1, name)
    # Durable before the crash, so that what follows is not their first try again.
    for name, state in (("made", "delivered"), ("forbidden", "dead")):
        t.wait(lambda n=name, s=state: daemon.notifier(n)[s] == 1, 20, f"{name} to be {state}")
    daemon.kill()
    daemon.start()
    api.wait_requests(2, "killed")
    api.gates["killed"].set()
    for name in names:
        t.wait(lambda n=name: daemon.notifier(n)["pending"] == 0, 30, f"{name} to be done")
        if name != "forbidden":
            t.equal((len(api.made(name)), daemon.notifier(name)["dead"]), (1, 0), name)
        t.equal(len({path.partition("?")[2] for _, method, path, _, _ in api.of(name)
                     if method == "POST"}), 1, f"{name}: one id")
    made = api.made("killed")
    t.check(all(body["displayName"].startswith("tunewatch evt_") for body in made.values()), made)
    t.check("hook forbidden: deploy-hook: the API said 403: scripted 403" in daemon.log(), "log")


def statuses(api, name, *script):
    """The command of curl for answers by script."""
    api.scripts[name] = list(script)
    return ["curl", "--max-time", "20", "--data", "{}", api.url(f"{name}?deploymentId=1")]


@tap.test()
def what_is_temporary(t):
    need("curl", "flock")
    api = Api(t)
    locks = ["-d", t.dir]
    gone = ApiServer(("127.0.0.1", 0), ApiHandler)
    closed = f"http://127.0.0.1:{gone.server_address[1]}/"
    gone.server_close()
    fail = statuses(api, "fail", 503)
    fail.insert(1, "--fail")
    cases = [
        (["true"], {}, DONE), (["sh", "-c", "exit 75"], {}, AGAIN), (["false"], {}, GIVE_UP),
        (["sh", "-c", "exit 7"], {}, 7), (["-s", "3 7", "sh", "-c", "exit 7"], {}, AGAIN),
        (["-s", "3 7", "sh", "-c", "exit 37"], {}, 37), (["/nonexistent"], {}, 127),
        (statuses(api, "ok", 200), {}, DONE), (statuses(api, "created", 201), {}, DONE),
        (statuses(api, "conflict", 409), {}, GIVE_UP), (statuses(api, "gone", 404), {}, GIVE_UP),
        (statuses(api, "moved", 302), {}, GIVE_UP), (statuses(api, "slow", 429), {}, AGAIN),
        (statuses(api, "broken", 500), {}, AGAIN), (statuses(api, "none", LOST), {}, AGAIN),
        (fail, {}, AGAIN), (["curl", closed], {}, AGAIN), (["curl", "nonsense://x"], {}, 1),
        (["-n", "3", "sh", "-c", "exit 75"], {"TUNEWATCH_DELIVERY_TRY": "2"}, AGAIN),
        (["-n", "3", "sh", "-c", "exit 75"], {"TUNEWATCH_DELIVERY_TRY": "3"}, GIVE_UP),
        (["sh", "-c", "exit 75"], {"TUNEWATCH_DELIVERY_TRY": "10"}, GIVE_UP),
        (["-d", t.path("nothing"), "true"], {}, GIVE_UP),
        ([], {}, USAGE), (["-n", "0", "true"], {}, USAGE), (["-n", "x", "true"], {}, USAGE),
        (["-x", "true"], {}, USAGE),
    ]
    for argv, more, wanted in cases:
        got, out = run([RETRY, *locks, *argv], **more)
        t.equal(got, wanted, f"{argv} {more}: {out}")


@tap.test()
def a_lock_that_is_held(t):
    """By a run for the same event and command; and by what that run has left behind."""
    need("flock")
    gate, ran = t.path("gate"), t.path("ran")
    work = f"echo x >>{ran}; while ! [ -e {gate} ] && [ -d {t.dir} ]; do sleep 0.05; done"
    command = [RETRY, "-d", t.dir, "sh", "-c", work]
    first = start(command)
    t.wait(lambda: os.path.exists(ran), 20, "the first run")
    t.equal(run(command)[0], AGAIN, "beside the first")
    t.equal(run([RETRY, "-d", t.dir, "true"])[0], DONE, "another command")
    first.kill()
    first.wait()
    t.equal(run(command)[0], AGAIN, "beside what the first has left")
    with open(gate, "w", encoding="utf-8"):
        pass
    t.wait(lambda: run(command)[0] == DONE, 20, "the lock to be free")
    with open(ran, encoding="utf-8") as file:
        t.equal(len(file.readlines()), 2, "runs of the command")


@tap.test(limit=90)
def the_daemon_tries_again_what_is_temporary(t):
    need("curl", "flock")
    sim, daemon = running(t)
    api = Api(t)
    for name, argv in (("slow", statuses(api, "slow", 429)),
                       ("bounded", ["-n", "2", *statuses(api, "bounded", 503, 503, 503)]),
                       ("final", statuses(api, "final", 409))):
        daemon.config.section("notifier", name, {
            "type": "exec", "command": [RETRY, "-d", t.dir, *argv], "events": ["job.succeeded"]})
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    for name, state, tries in (("slow", "delivered", 2), ("bounded", "dead", 2),
                               ("final", "dead", 1)):
        t.wait(lambda n=name, s=state: daemon.notifier(n)[s] == 1, 30, f"{name} to be {state}")
        t.equal(len(api.of(name)), tries, name)
    t.check("hook bounded: retry-hook: the answer was 503; given up after 2 tries" in daemon.log(),
            "the reason is not in the log")


if __name__ == "__main__":
    tap.main()
