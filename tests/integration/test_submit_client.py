#!/usr/bin/env python3
"""tunewatch submit alone, against a socket that answers as tunewatchd does."""

import json
import os
import signal
import socket
import subprocess
import threading
import time

from harness import CLIENT, HERE, environment, run_program, tap

NAME = "accounts/acme/supervisedFineTuningJobs/abc"
GOOD = '{ // a job\n  "dataset": "d", "baseModel": "m",\n  "learningRate": 1.0E-4 }\n'
SENT = '{"dataset":"d","baseModel":"m","learningRate":1.0E-4}'
LOST = "lost"  # instead of an answer: the connection ends


def account(name, id_=None):
    return {"name": name, "account": name if id_ is None else id_, "inSight": True, "outSince": None,
            "lastError": None, "requestsPerMinuteNow": 10, "wantedSeconds": None,
            "freshnessSeconds": None, "collections": []}


def job(phase, name=NAME):
    return {"name": name, "account": "acme", "kind": "sft", "id": "abc", "phase": phase}


def answer(outcome, phase=None):
    return (201 if outcome == "created" else 200), {"outcome": outcome, "job": job(phase)}


def refusal(status, code, message, **more):
    return status, {"error": {"code": code, "message": message, **more}}


class Daemon:
    """A socket that gives its answers to the POSTs in turn, the last one for good; to GETs of a job
    the phases in turn. Keeps what was POSTed."""

    def __init__(self, t, answers, accounts=None, phases=(), name="c.sock", listen=True):
        self.path = t.path(name)
        self.answers, self.phases = list(answers), list(phases)
        self.accounts = [account("acme")] if accounts is None else accounts
        self.posts, self.gets = [], []
        self.listener = None
        if listen:
            self.listen()
        t.defer(self.close)

    def listen(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        threading.Thread(target=self.run, args=(self.listener,), daemon=True).start()

    def close(self):
        if self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
            os.unlink(self.path)

    def run(self, listener):
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                self.serve(peer)

    def serve(self, peer):
        with peer.makefile("rb") as stream:
            method, path, _ = stream.readline().decode().split()
            headers = {}
            while (line := stream.readline().strip()):
                key, value = line.decode().split(":", 1)
                headers[key.lower()] = value.strip()
            body = stream.read(int(headers.get("content-length", "0"))).decode()
        reply = self.reply(method, path, headers, body)
        if reply == LOST:
            return
        status, document = reply
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        peer.sendall(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
                     % (status, len(data), data))

    @staticmethod
    def next_of(items):
        return items.pop(0) if len(items) > 1 else items[0]

    def reply(self, method, path, headers, body):
        if method == "POST":
            self.posts.append((path, headers, body))
            return self.next_of(self.answers)
        if path.startswith("/v1/events/stream"):
            return 200, b""  # it ends at once: time to look
        self.gets.append(path)
        if path == "/v1/status":
            return 200, {"accounts": self.accounts}
        phase = self.next_of(self.phases)
        return phase if isinstance(phase, tuple) else 200, job(phase)


def submit(t, daemon, *args, text=GOOD, stdin=None, timeout=20):
    """With a file that holds `text`; None: the arguments name it."""
    more = []
    if text is not None:
        more = [t.path("job.json")]
        with open(more[0], "w", encoding="utf-8", errors="surrogateescape") as out:
            out.write(text)
    return run_program(t, [*CLIENT, "--socket", daemon.path, "submit", *args, *more],
                       timeout=timeout, stdin=stdin)


@tap.test()
def a_job_is_created(t):
    daemon = Daemon(t, [answer("created")])
    result = submit(t, daemon)
    t.equal((result.code, result.out, result.err), (0, "acme/sft/abc created\n", ""))
    (path, headers, body), = daemon.posts
    t.equal(path, "/v1/accounts/acme/jobs/sft?timeout=120")
    t.equal((headers["content-type"], body), ("application/json", SENT))
    t.check("expect" not in headers, headers)


@tap.test()
def options_reach_the_daemon(t):
    daemon = Daemon(t, [answer("created")])
    result = submit(t, daemon, "--id", "my-id", "--notify", "chat", "--notify=a&b c", "--timeout",
                    "1500ms")
    t.equal(result.code, 0, result.err)
    t.equal(daemon.posts[0][0],
            "/v1/accounts/acme/jobs/sft?timeout=2&id=my-id&notify=chat,a%26b%20c")


@tap.test()
def standard_input(t):
    daemon = Daemon(t, [answer("created")])
    t.equal(submit(t, daemon, "-", text=None, stdin=GOOD).code, 0)
    t.equal(daemon.posts[0][2], SENT)
    result = submit(t, daemon, "-", text=None, stdin='{\n"dataset": 3, "baseModel": "m"}')
    t.equal((result.code, result.err), (65, "<stdin>:2: dataset must be a string, not a number\n"))
    t.equal(len(daemon.posts), 1)


@tap.test()
def a_job_that_was_there(t):
    for phase, said in (("running", "running"), (None, "not seen yet")):
        result = submit(t, Daemon(t, [answer("found", phase)], name=f"{phase}.sock"))
        t.equal((result.code, result.out, result.err), (
            0, f"acme/sft/abc was there already and is the same job ({said})\n", ""))
    for phase in ("succeeded", "failed", "cancelled"):
        result = submit(t, Daemon(t, [answer("found", phase)], name=f"{phase}.sock"))
        t.equal((result.code, result.out), (
            0, f"acme/sft/abc was there already and is the same job ({phase})\n"))
        t.check("not run again" in result.err and "--id" in result.err, result.err)


@tap.test()
def json_is_the_daemons_document(t):
    for outcome in ("created", "found"):
        status, document = answer(outcome, "succeeded")
        raw = json.dumps(document, indent=1).encode()
        result = submit(t, Daemon(t, [(status, raw)], name=f"{outcome}.sock"), "--json")
        t.equal((result.code, result.out, result.err), (0, raw.decode() + "\n", ""))


@tap.test()
def bad_files_are_told_of_line_by_line(t):
    daemon = Daemon(t, [answer("created")])
    name = t.path("job.json")
    for text, faults in (
            ('{\n "dataset": "d",\n "baseModel": "m",\n "epochs": "3",\n "earlyStop": 1\n}',
             ["4: epochs must be a number (integer), not a string",
              "5: earlyStop must be true or false, not a number"]),
            ("{\n 'dataset': 'd'}", ["2: a name in single quotes instead of double ones"]),
            ('{\n "dataset": "d", "baseModel": "m" }\n}', ["3: something stands behind the end"]),
            ('{"dataset": "d", "baseModel": "m",\n "dataset": "e"}',
             ["2: dataset is there already, in line 1"]),
            ("[]", ["1: a job is an object, not an array"]),
            ("", ["1: the document ends early"]),
            ('{"baseModel": "m", "warmStartFrom": "w"}',
             ["1: dataset is missing: the name of the dataset to train on",
              "1: both baseModel and warmStartFrom: only one of them says what to train"]),
            (" " * (1 << 20) + "{}", ["1: larger than 1 MiB"]),
            ('{"dataset": "\udcff"}', ["1: a text is not UTF-8"])):
        result = submit(t, daemon, text=text)
        t.equal((result.code, result.out), (65, ""), text[:100])
        t.equal(result.err.splitlines(), [f"{name}:{fault}" for fault in faults])
    t.equal((daemon.posts, daemon.gets), ([], []), "nothing was sent")


@tap.test()
def no_key_is_shown(t):
    daemon = Daemon(t, [answer("created")])
    result = submit(t, daemon, text='{"dataset":"d","baseModel":"m",\n'
                                    '"wandbConfig":{"apiKey":"plantedsecret"}}')
    t.equal(result.code, 65)
    t.check("job.json:2: wandbConfig.apiKey" in result.err and "wandb-api-key-file" in result.err,
            result.err)
    t.check("plantedsecret" not in result.err, result.err)


@tap.test()
def warnings_do_not_stop_it(t):
    daemon = Daemon(t, [answer("created")])
    result = submit(t, daemon, text='{"dataset":"d","baseModel":"m",\n"epoch":3}')
    t.equal((result.code, result.out), (0, "acme/sft/abc created\n"))
    t.equal(result.err, t.path("job.json") + ":2: warning: epoch is not a known field, is it epochs? "
            "It is sent as it is\n")
    t.equal(json.loads(daemon.posts[0][2])["epoch"], 3)


@tap.test()
def files_that_cannot_be_read(t):
    daemon = Daemon(t, [answer("created")])
    for path in (t.path("none"), t.path()):
        result = submit(t, daemon, path, text=None)
        t.equal((result.code, result.out), (65, ""))
        t.check("cannot read" in result.err and path in result.err, result.err)
    t.equal(daemon.gets, [])


@tap.test()
def the_guide_can_be_submitted(t):
    daemon = Daemon(t, [answer("created")])
    result = submit(t, daemon, os.path.join(HERE, "..", "..", "conf", "examples", "sft.json"),
                    text=None)
    t.equal((result.code, result.err), (0, ""))
    t.equal(json.loads(daemon.posts[0][2])["epochs"], 2)


@tap.test()
def which_account(t):
    two = [account("acme"), account("work", "acme-work")]
    daemon = Daemon(t, [answer("created")], two)
    result = submit(t, daemon)
    t.equal((result.code, result.out), (64, ""))
    t.check("--account" in result.err, result.err)
    t.equal(result.err.splitlines()[1:], ["  acme", "  acme-work"])
    result = submit(t, daemon, "--account", "acne")
    t.equal(result.code, 64)
    t.equal(result.err.splitlines()[1:], ["  acme", "  acme-work"])
    t.equal(daemon.posts, [])
    for given, id_ in (("acme", "acme"), ("work", "acme-work"), ("acme-work", "acme-work")):
        t.equal(submit(t, daemon, "--account", given).code, 0)
        t.equal(daemon.posts.pop()[0], f"/v1/accounts/{id_}/jobs/sft?timeout=120")
    result = submit(t, Daemon(t, [answer("created")], [account("default", "")], name="new.sock"))
    t.equal(result.code, 75, result.err)
    t.equal(submit(t, Daemon(t, [answer("created")], [], name="none.sock")).code, 64)


@tap.test()
def wrong_usage(t):
    daemon = Daemon(t, [answer("created")])
    for args, word in ((["a", "b"], "one file"), ([], "one file"), (["--id", "A_b", "f"], "id"),
                       (["--id", "a" * 64, "f"], "id"), (["--id=", "f"], "id"),
                       (["--timeout", "0", "f"], "--timeout"),
                       (["--timeout", "61min", "f"], "--timeout"),
                       (["--timeout", "off", "f"], "--timeout"),
                       (["--timeout", "soon", "f"], "--timeout"),
                       (["--notify=", "f"], "--notify")):
        result = submit(t, daemon, *args, text=None)
        t.equal((result.code, result.out), (64, ""), args)
        t.check(word in result.err, f"{args}: {result.err}")
    result = run_program(t, [*CLIENT, "status", "--id", "a"])
    t.equal(result.code, 64, "of submit alone")
    t.equal(daemon.gets, [])


@tap.test()
def refusals(t):
    for number, (status, code, message, exit_status) in enumerate((
            (400, "bad_request", "no such notifier", 64), (403, "api_forbidden", "the key may not", 77),
            (404, "not_found", "no account", 64), (409, "conflict", "abc is taken", 65),
            (413, "too_large", "too large", 65),
            (422, "api_refused", "the API says: dataset d is not READY", 65),
            (503, "api_unavailable", "HTTP 429 for 2min", 75), (500, "internal", "broken", 69))):
        result = submit(t, Daemon(t, [refusal(status, code, message)], name=f"{number}.sock"),
                        "--json")
        t.equal((result.code, result.out), (exit_status, ""), code)
        t.check(message in result.err, result.err)


@tap.test()
def a_file_that_the_daemon_finds_bad(t):
    result = submit(t, Daemon(t, [refusal(400, "bad_request", "line 2: epochs: no",
                                          faults=["line 2: epochs: no"])]))
    t.equal((result.code, result.out), (65, ""), result.err)


@tap.test()
def a_taken_id_comes_with_the_differences(t):
    differences = [{"field": "epochs", "there": "2", "here": "3"},
                   {"field": "wandbConfig.project", "there": "none", "here": "p\x1b[2J"}]
    result = submit(t, Daemon(t, [refusal(409, "conflict", "acme/sft/abc is another job",
                                          differences=differences)]), "--id", "abc")
    t.equal((result.code, result.out), (65, ""))
    lines = result.err.splitlines()
    t.check("acme/sft/abc is another job" in lines[0], result.err)
    t.equal(lines[1:3], ["  epochs: 2 there, 3 here",
                         "  wandbConfig.project: none there, p [2J here"])
    t.check("--id" in lines[3], result.err)


@tap.test()
def answers_that_are_none(t):
    for number, reply in enumerate((
            (200, b"<html>"), (200, {}), (201, {"outcome": "created"}),
            (201, {"outcome": "made", "job": job(None)}),
            (201, {"outcome": "created", "job": job(None, "abc")}), (404, b"<html>"))):
        result = submit(t, Daemon(t, [reply], name=f"{number}.sock"))
        t.equal((result.code, result.out), (64 if reply[0] == 404 else 69, ""), reply)
        t.check("tunewatchd" in result.err, result.err)


@tap.test()
def nobody_there(t):
    result = submit(t, Daemon(t, [], listen=False))
    t.equal((result.code, result.out), (69, ""))
    t.check("is it running?" in result.err, result.err)


@tap.test()
def a_lost_answer_is_asked_for_again(t):
    daemon = Daemon(t, [LOST, LOST, answer("found", "queued")])
    result = submit(t, daemon)
    t.equal((result.code, result.out), (
        0, "acme/sft/abc was there already and is the same job (queued)\n"))
    t.equal(result.err.count("went away"), 1, result.err)
    t.equal(len(daemon.posts), 3)
    t.equal(len({body for _, _, body in daemon.posts}), 1)


@tap.test()
def a_daemon_that_is_being_stopped_is_asked_again(t):
    """Nobody knows whether it has sent the POST."""
    stopping = refusal(503, "stopping", "tunewatchd is being stopped")
    result = submit(t, Daemon(t, [stopping, stopping, answer("found", "queued")]))
    t.equal(result.code, 0, result.err)
    t.equal(result.err.count("went away"), 1, result.err)
    result = submit(t, Daemon(t, [stopping] * 100, name="b.sock"), "--timeout", "1s")
    t.equal((result.code, result.out), (69, ""), result.err)
    t.check("makes no second job" in result.err, result.err)


@tap.test()
def a_restart_in_between(t):
    daemon = Daemon(t, [LOST, answer("created")])
    closing = daemon.reply

    def reply(*args):
        given = closing(*args)
        if given == LOST:
            daemon.close()
            threading.Timer(2, daemon.listen).start()
        return given

    daemon.reply = reply
    begin = time.monotonic()
    result = submit(t, daemon)
    t.equal((result.code, result.out), (0, "acme/sft/abc created\n"))
    t.equal(result.err.count("went away"), 1, result.err)
    t.check(time.monotonic() - begin >= 1.9, "it came back later than that")
    first, second = [int(path.split("timeout=")[1]) for path, _, _ in daemon.posts]
    t.check(first == 120 and 110 < second < 120, f"{second} s are left")


@tap.test()
def a_daemon_that_stays_away(t):
    daemon = Daemon(t, [LOST])
    begin = time.monotonic()
    result = submit(t, daemon, "--timeout", "2s")
    t.equal((result.code, result.out), (69, ""))
    t.check(1.5 < time.monotonic() - begin < 10, "until the time-out")
    t.check("not known whether" in result.err and "no second job" in result.err, result.err)


@tap.test()
def waiting_for_the_end(t):
    for phase, code, said in (
            ("succeeded", 0, "succeeded"), ("failed", 1, "failed"), ("expired", 1, "expired"),
            ("cancelled", 3, "was cancelled"), ("removed", 4, "was removed"),
            ("early_stopped", 5, "stopped early")):
        daemon = Daemon(t, [answer("created")], phases=[None, "running", phase],
                        name=f"{phase}.sock")
        result = submit(t, daemon, "--wait")
        t.equal((result.code, result.out), (code, f"acme/sft/abc created\nacme/sft/abc {said}\n"))
        t.equal(daemon.gets[1:], ["/v1/jobs/acme/sft/abc"] * 3)


@tap.test()
def waiting_is_not_for_what_was_refused(t):
    daemon = Daemon(t, [refusal(422, "api_refused", "no")], phases=["running"])
    t.equal(submit(t, daemon, "--wait").code, 65)
    t.equal(daemon.gets, ["/v1/status"])


@tap.test()
def waiting_outlasts_the_daemon(t):
    daemon = Daemon(t, [answer("created")], phases=["running"])
    program = subprocess.Popen(
        [*CLIENT, "--socket", daemon.path, "submit", "--wait", "-"], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(t))
    t.defer(lambda: program.poll() is None and program.send_signal(signal.SIGKILL))
    program.stdin.write(GOOD)
    program.stdin.close()
    t.equal(program.stdout.readline(), "acme/sft/abc created\n")
    daemon.close()
    time.sleep(1.2)
    t.equal(program.poll(), None)
    daemon.phases = ["succeeded"]
    daemon.listen()
    t.equal(program.wait(20), 0)
    t.equal(program.stdout.read(), "acme/sft/abc succeeded\n")


@tap.test()
def a_full_disk_is_74(t):
    daemon = Daemon(t, [answer("created")])
    with open("/dev/full", "wb") as full:
        program = subprocess.run([*CLIENT, "--socket", daemon.path, "submit", "-"], stdout=full,
                                 input=GOOD.encode(), stderr=subprocess.DEVNULL,
                                 env=environment(t), check=False)
    t.equal(program.returncode, 74)


if __name__ == "__main__":
    tap.main()
