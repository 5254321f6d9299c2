#!/usr/bin/env python3
"""The client alone, against a socket that answers as tunewatchd does, and on a terminal."""

import fcntl
import json
import os
import pty
import re
import socket
import struct
import subprocess
import termios
import threading
import time

from fake_daemon import job
from harness import CLIENT, environment, run_program, tap

def document(jobs):
    return json.dumps({"jobs": jobs}, separators=(",", ":"), ensure_ascii=False)


def serve(t, body, status="200 OK", name="c.sock", daemon=None):
    """A socket where every request gets this answer, or for /v1/status that of `daemon`; returns
    its path."""
    path = t.path(name)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    t.defer(listener.close)

    def run():
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                asked = peer.recv(65536)
                answer = (daemon if daemon and b"/v1/status" in asked else body).encode()
                peer.sendall(b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
                             % (status.encode(), len(answer), answer))

    threading.Thread(target=run, daemon=True).start()
    return path


def client(t, path, *args, env=None):
    return run_program(t, [*CLIENT, "--socket", path, *args], env)


def on_terminal(t, columns, args, env=None):
    """What it writes to a terminal of so many columns, with a carriage return less a line."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    program = subprocess.Popen([*CLIENT, *args], stdin=subprocess.DEVNULL, stdout=child,
                               stderr=subprocess.DEVNULL,
                               env=environment(t, {"TERM": "xterm", **(env or {})}))
    os.close(child)
    output = b""
    while True:
        try:
            data = os.read(parent, 65536)
        except OSError:  # the other end is closed
            break
        if not data:
            break
        output += data
    os.close(parent)
    t.equal(program.wait(20), 0, args)
    return output.decode().replace("\r\n", "\n")


@tap.test()
def json_without_a_filter_is_what_the_daemon_sent(t):
    body = document([job("sft", "b"), job("dpo", "a", percent=None)])
    result = client(t, serve(t, body), "--json", "status")
    t.equal((result.code, result.out, result.err), (0, body + "\n", ""))


@tap.test()
def json_of_named_jobs(t):
    path = serve(t, document([job("sft", "b"), job("sft", "a"), job("sft", "b", "other")]))
    result = client(t, path, "status", "--json", "sft/b")
    t.equal(result.code, 0)
    t.equal([j["account"] for j in json.loads(result.out)["jobs"]], ["acme", "other"])
    result = client(t, path, "--json", "status", "acme/sft/a", "sft/none")
    t.equal(result.code, 1)
    t.equal([j["id"] for j in json.loads(result.out)["jobs"]], ["a"])
    t.check("sft/none" in result.err, result.err)


@tap.test()
def the_table_is_sorted(t):
    path = serve(t, document([job("sft", "b"), job("dpo", "c"), job("sft", "a")]))
    result = client(t, path, "status")
    t.equal([line.split()[0] for line in result.out.splitlines()],
            ["JOB", "acme/dpo/c", "acme/sft/a", "acme/sft/b"])


@tap.test()
def no_jobs(t):
    path = serve(t, document([]))
    result = client(t, path, "status")
    t.equal((result.code, result.out), (0, ""))
    t.check("no job is known" in result.err, result.err)
    t.equal(client(t, path, "--json", "status").out, '{"jobs":[]}\n')


@tap.test()
def answers_that_are_none(t):
    for number, (body, status, code, word) in enumerate([
            ("<html>", "200 OK", 69, "another version"),
            ('{"jobs":[{}]}', "200 OK", 69, "another version"),
            ('{"error":{"code":"x","message":"out of \x1b[31mpaint"}}', "503 No", 69, "503"),
            ('{"error":{"code":"x","message":"out of paint"}}', "503 No", 75, "out of paint")]):
        path = serve(t, body, status, f"{number}.sock")
        result = client(t, path, "status")
        t.equal((result.code, result.out), (code, ""), body)
        t.check(word in result.err and "\x1b" not in result.err, result.err)


@tap.test()
def a_terminal_is_never_wider_than_it_is(t):
    path = serve(t, document([job("sft", "abc", name="日本語" * 40), job("dpo", "x" * 60)]))
    for columns in (20, 40, 79, 80, 132):
        output = on_terminal(t, columns, ["--socket", path, "--no-color", "status"])
        lines = output.splitlines()
        t.equal(len(lines), 3, output)
        for line in lines:
            width = sum(2 if ord(c) >= 0x3000 else 1 for c in line)
            t.check(width <= columns, f"{width} of {columns}: {line}")
    result = client(t, path, "status", env={"COLUMNS": "20"})
    t.check("日本語" * 40 in result.out, "cut off a terminal")


def in_minutes(minutes):
    return time.strftime("%Y-%m-%dT%H:%M:%S.900Z", time.gmtime(time.time() + 60 * minutes))


@tap.test()
def what_matters_stays_on_a_narrow_terminal(t):
    eta = {"time": in_minutes(25), "earliest": in_minutes(20), "latest": in_minutes(40)}
    stall = {"stillSeconds": 2700, "budgetSeconds": 1800, "stalled": True,
             "lastMovement": "2026-11-20T06:31:56.123Z"}
    long = {"name": "a-name-that-is-long", "percent": 100}
    path = serve(t, document([
        {**job("sft", "support-replies-7", **long), "eta": eta, "epochs": 3, "stall": stall}]))
    output = on_terminal(t, 200, ["--socket", path, "--no-color", "status"])
    for text in ("stalled 45min, running", "100% epoch 2/3", "(2"):
        t.check(text in output, f"{text}: {output}")
    t.check(re.search(r" in 2[56]min \(2[01]-4[01]min\) ", output), output)
    for columns, titles in ((80, ["NAME", "PROGRESS", "ETA", "SINCE"]), (60, ["PROGRESS", "ETA"])):
        head, line = on_terminal(t, columns, ["--socket", path, "--no-color", "status"]).splitlines()
        t.check(all(title in head for title in titles), head)
        for text in ("sft/support-replies-7 ", "stalled", "100%", " in 2"):
            t.check(text in line, f"{text}: {line}")
    output = on_terminal(t, 100, ["--socket", path, "status"])
    t.check("\x1b[33mstalled" in output, repr(output))


@tap.test()
def accounts_that_need_a_word_get_one(t):
    def account(name, **more):
        return {"name": name, "account": name, "inSight": True, "outSince": None,
                "lastError": None, "requestsPerMinuteNow": 10, "wantedSeconds": 30,
                "freshnessSeconds": 90, "collections": [], **more}

    failing = [{"kind": "batch", "unseen": True, "lastError": "HTTP 500 from api"},
               {"kind": "sft", "unseen": False, "lastError": None}]
    unseen = [{"kind": kind, "unseen": kind != "sft", "lastError": None}
              for kind in ("sft", "dpo", "eval")]
    path = serve(t, document([job("sft", "a")]), daemon=json.dumps({"accounts": [
        account("fresh"), account("idle", wantedSeconds=None, freshnessSeconds=None),
        account("stale", freshnessSeconds=245), account("one", requestsPerMinuteNow=1,
                                                         freshnessSeconds=10800),
        account("part", collections=failing), account("young", collections=unseen),
        account("gone", inSight=False, outSince="2026-11-20T06:31:56Z", lastError="no host",
                freshnessSeconds=9000, collections=failing)]}))
    result = client(t, path, "status")
    said = result.err.splitlines()
    t.equal((result.code, said[:-1]), (0, [
        "tunewatch: account stale: 10 requests a minute suffice for a look every 4min (30s wanted)",
        "tunewatch: account one: 1 request a minute suffices for a look every 3h (30s wanted)",
        "tunewatch: account part: batch jobs are not listed: HTTP 500 from api",
        "tunewatch: account young: these kinds were not looked at yet: dpo, eval"]))
    t.check(said[-1].startswith("tunewatch: account gone has not been seen for "), said[-1])


@tap.test()
def colour_only_where_it_is_wanted(t):
    path = serve(t, document([job("sft", "a", phase="failed"), job("sft", "b", phase="succeeded")]))
    args = ["--socket", path, "status"]
    output = on_terminal(t, 100, args)
    t.check("\x1b[31mfailed" in output and "\x1b[32msucceeded" in output, repr(output))
    for env, more in (({"NO_COLOR": "1"}, []), ({"TERM": "dumb"}, []), ({}, ["--no-color"])):
        output = on_terminal(t, 100, args + more, env)
        t.check("\x1b" not in output and "failed" in output, f"{env} {more}: {output!r}")
    t.check("\x1b[31m" in on_terminal(t, 100, args, {"NO_COLOR": ""}), "an empty NO_COLOR")
    t.check("\x1b" not in client(t, path, "status").out, "colour off a terminal")


@tap.test()
def names_move_no_cursor(t):
    path = serve(t, document([job("sft", "a", name="x\x1b[2J\x9b1m\n\u202ey")]))
    for output in (client(t, path, "status").out,
                   on_terminal(t, 200, ["--socket", path, "--no-color", "status"])):
        t.equal(len(output.splitlines()), 2, repr(output))
        t.check(not any(ord(c) < 32 and c != "\n" or 127 <= ord(c) < 160 or c == "\u202e"
                        for c in output), repr(output))


@tap.test()
def where_the_socket_is(t):
    path = serve(t, document([job("sft", "a")]))
    t.equal(run_program(t, [*CLIENT, "status"], {"TUNEWATCH_SOCKET": path}).code, 0)
    result = run_program(t, [*CLIENT, "--socket", t.path("none"), "status"],
                         {"TUNEWATCH_SOCKET": path})
    t.equal(result.code, 69, "the option counts more than the environment")
    if os.geteuid() != 0:
        os.makedirs(t.path("run", "tunewatch"))
        os.symlink(path, t.path("run", "tunewatch", "control.sock"))
        t.equal(run_program(t, [*CLIENT, "status"], {"XDG_RUNTIME_DIR": t.path("run")}).code, 0)


@tap.test()
def a_misspelt_command_gets_the_nearest(t):
    result = run_program(t, [*CLIENT, "statsu"])
    t.equal(result.code, 64)
    t.check("did you mean status?" in result.err, result.err)


@tap.test()
def a_full_disk_is_74(t):
    path = serve(t, document([job("sft", "a")]))
    with open("/dev/full", "wb") as full:
        for args in (["status"], ["--json", "status"], ["version"], ["--help"]):
            code = subprocess.run([*CLIENT, "--socket", path, *args], stdout=full,
                                  stderr=subprocess.DEVNULL, env=environment(t),
                                  check=False).returncode
            t.equal(code, 74, args)


@tap.test()
def many_jobs(t):
    path = serve(t, document([job("sft", f"j{i}") for i in range(10000)]))
    begin = time.monotonic()
    t.equal(len(client(t, path, "status").out.splitlines()), 10001)
    t.check(time.monotonic() - begin < 15, "it takes too long")


if __name__ == "__main__":
    tap.main()
