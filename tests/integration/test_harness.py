#!/usr/bin/env python3
"""The harness itself: what the other tests here trust."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time

from harness import (
    KEY, Config, Hook, NotifySocket, Reply, Sim, Webhook, environment, events, name_of, tap,
)

URL = "https://api.example"


def post(hook, path="/", body="{}"):
    connection = http.client.HTTPConnection(*hook.server.server_address, timeout=5)
    try:
        connection.request("POST", path, body)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


@tap.test()
def a_webhook_answers_by_script(t):
    hook = Webhook(t)
    hook.script("/a", Reply(429, {"Retry-After": "3"}), 204, Reply(reset=True))
    status, headers, _ = post(hook, "/a", '{"id":"1"}')
    t.equal((status, headers["Retry-After"]), (429, "3"))
    t.equal(post(hook, "/a", '{"id":"1"}')[0], 204)
    try:
        post(hook, "/a", '{"id":"2"}')
        t.check(False, "no reset")
    except ConnectionResetError:
        pass
    t.equal([post(hook, "/a", '{"id":"3"}')[0], post(hook, "/b")[0]], [200, 200])
    t.equal([(d.path, d.status) for d in hook.got("/a")],
            [("/a", 429), ("/a", 204), ("/a", None), ("/a", 200)])
    t.equal([d.event["id"] for d in hook.wait_requests(4, "/a")], ["1", "1", "2", "3"])
    hook.script("/c", 503, forever=True)
    t.equal([post(hook, "/c")[0] for _ in range(3)], [503] * 3)
    begin = time.monotonic()
    hook.script("/d", Reply(200, delay=0.3))
    post(hook, "/d")
    t.check(time.monotonic() - begin >= 0.3, "no delay")


@tap.test()
def a_hook_writes_down_what_it_gets(t):
    hook = Hook(t, exits=[75, 0], body="print('out')")
    for wanted in (75, 0, 0):
        result = subprocess.run([hook.program, "x", "y z"], input=b'{"id":"1"}',
                                capture_output=True, env={"A": "b=c"}, check=False)
        t.equal((result.returncode, result.stdout, result.stderr), (wanted, b"out\n", b""))
    run = hook.wait_runs(3)[0]
    t.equal((run["argv"], run["env"], run["stdin"]), (["x", "y z"], {"A": "b=c"}, '{"id":"1"}'))
    t.equal((len(hook.ends()), hook.events()[0]), (3, {"id": "1"}))


@tap.test()
def the_simulator_stops_and_comes_back(t):
    sim = Sim(t, {"jobs": [{"kind": "sft", "id": "a", "state": "RUNNING"}]})

    def get():
        connection = http.client.HTTPConnection("127.0.0.1", sim.port, timeout=5)
        try:
            connection.request("GET", f"/v1/{name_of('sft', 'a')}",
                               headers={"Authorization": f"Bearer {KEY}"})
            return json.loads(connection.getresponse().read())["state"]
        finally:
            connection.close()

    t.equal(get(), "JOB_STATE_RUNNING")
    sim.wait_seen("sft", "a")
    sim.stop()
    try:
        get()
        t.check(False, "still there")
    except ConnectionRefusedError:
        pass
    sim.set("sft", "a", state="FAILED")
    sim.restart()
    t.equal(get(), "JOB_STATE_FAILED")
    t.equal([shown["state"] for shown in sim.visible("sft", "a")],
            ["JOB_STATE_RUNNING", "JOB_STATE_FAILED"])


@tap.test()
def a_configuration_is_written(t):
    config = Config(t, progress_step=25).account(URL).watch(kinds=["sft"], notify=None)
    config.section("notifier", "n", {"type": "exec", "command": ["/bin/a", 'say "\\"']})
    text = config.text()
    for part in ("progress-step = 25\n", f'    api-url = "{URL}"\n', '    kinds = {"sft"}\n',
                 'command = {"/bin/a", "say \\"\\\\\\""}', 'notifier "n" {\n'):
        t.check(part in text, f"{part!r} is not in {text}")
    t.check("notify =" not in text, "None leaves an option out")
    t.equal(os.stat(config.write()).st_mode & 0o777, 0o600)
    t.equal(os.stat(t.path("acme.key")).st_mode & 0o777, 0o600)
    t.equal([k for k in environment(t) if k.startswith(("FIREWORKS", "TUNEWATCH"))], [])


@tap.test()
def messages_to_systemd_are_read(t):
    notify = NotifySocket(t)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"READY=1\nSTATUS=up = running", notify.path)
        sender.sendto(b"WATCHDOG=1\n", notify.path)
    t.wait(lambda: notify.having("WATCHDOG"), 5, "messages")
    t.equal(notify.having("READY"), [{"READY": "1", "STATUS": "up = running"}])


def example(sequence, before, after, type_="job.running", **more):
    def snapshot(state):
        return {"state": state, "phase": events.phase_of(state), "progress": None,
                "status": {"code": "OK", "message": ""}} if state is not None else None

    name = name_of("sft", "a")
    job = {**dict.fromkeys(events.JOB_KEYS, ""), "name": name, "account": "acme", "kind": "sft",
           "id": "a"}
    event = {
        "specversion": "1.0", "id": f"evt_{sequence}", "source": f"{URL}/v1/accounts/acme",
        "type": type_, "subject": name, "time": "2026-11-20T06:31:56.123Z",
        "datacontenttype": "application/json",
        "data": {"job": job, "attempt": 1, "sequence": sequence, "changed": ["state"],
                 "from": snapshot(before), "to": snapshot(after)}}
    event.update(more)
    return event


@tap.test()
def faults_of_events_are_found(t):
    def faults(*log, **more):
        return list(events.log_faults([json.dumps(e) for e in log], URL, **more))

    one = example(1, None, "JOB_STATE_RUNNING", "job.found")
    two = example(2, "JOB_STATE_RUNNING", "JOB_STATE_PAUSED", "job.paused")
    three = example(3, "JOB_STATE_PAUSED", "JOB_STATE_RUNNING")
    t.equal(faults(one, two, three), [])
    t.equal(faults(one, two, two, three), [], "at least once")
    t.equal(faults(one, three, gaps=True), [])
    bad = [
        [one, three], [two, one], [one, example(2, "JOB_STATE_IDLE", "JOB_STATE_PAUSED")],
        [one, {**one, "time": "2026-11-20T06:31:56.124Z"}], [{**one, "id": "evt_a.b"}],
        [{**one, "type": "job.dancing"}], [{**one, "time": "yesterday"}], [{**one, "extra": 1}],
        [{**one, "source": "elsewhere"}], [{**one, "subject": "accounts/acme/dpoJobs/a"}],
    ]
    broken = example(1, None, "JOB_STATE_RUNNING")
    broken["data"]["to"]["phase"] = "paused"
    partial = example(1, None, "JOB_STATE_RUNNING")
    partial["data"]["to"]["progress"] = {"percent": 1}
    for log in [*bad, [broken], [partial]]:
        t.check(faults(*log), f"nothing wrong with {log}")


@tap.test()
def the_expected_events_of_a_stream(t):
    shown = [
        {"state": "RUNNING", "status": None, "progress": None},
        {"state": "RUNNING", "status": {"code": "OK", "message": ""}, "progress": {"percent": 9}},
        {"state": "RUNNING", "status": None, "progress": {"percent": 10}},
        {"state": "RUNNING", "status": {"code": "OK", "message": "m"}, "progress": {"percent": 30}},
        {"state": "ROLLOUT", "status": None, "progress": None},
        {"state": "ODD", "status": None, "progress": None},
        {"state": "COMPLETED", "status": None, "progress": None}]
    t.equal(events.expected(shown), [
        ("job.found", None, "RUNNING"), ("job.progress", "RUNNING", "RUNNING"),
        ("job.status", "RUNNING", "RUNNING"), ("job.state", "RUNNING", "ROLLOUT"),
        ("job.state", "ROLLOUT", "ODD"), ("job.succeeded", "ODD", "COMPLETED")])
    t.equal(events.expected(shown[-1:]), [("job.succeeded", None, "COMPLETED")])
    t.equal(events.expected(shown[-1:], first=False), [])


SELF = '''
import sys
sys.path.insert(0, {support!r})
import tap
@tap.test()
def good(t): t.check(True, "x")
@tap.test()
def noted(t):
    t.check(False, "first"); t.check(False, "second")
@tap.test()
def raised(t): t.fail("a reason")
@tap.test()
def at_the_end(t): t.defer(t.fail, "too late")
@tap.test()
def skipped(t): raise tap.Skip("no such thing")
@tap.test(limit=1)
def endless(t):
    import subprocess
    print(subprocess.Popen(["sleep", "100"]).pid, file=open({pid!r}, "w"), flush=True)
    with open(t.path("some.log"), "w") as file: file.write("the log's words")
    t.wait(lambda: False, 100, "nothing")
tap.main()
'''


@tap.test()
def tests_fail_and_say_why(t):
    script, pid = t.path("inner.py"), t.path("pid")
    with open(script, "w", encoding="utf-8") as file:
        file.write(SELF.format(support=os.path.dirname(tap.__file__), pid=pid))
    result = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False,
                            env={**environment(t), "TUNEWATCH_TEST_SEED": "7"}, timeout=30)
    lines = result.stdout.splitlines()
    t.equal(lines[0], "1..6")
    t.check("# TUNEWATCH_TEST_SEED=7" in lines, "no seed")
    outcomes = {line.split(" - ")[1].split(" #")[0]: line.split(" ")[0] == "ok"
                for line in lines if " - " in line and not line.startswith("#")}
    t.equal(outcomes, {"good": True, "noted": False, "raised": False, "at_the_end": False,
                       "skipped": True, "endless": False})
    for text in ("# first", "# second", "a reason", "too late", "# SKIP no such thing",
                 "not over after 1 s", "# the log's words"):
        t.check(text in result.stdout, f"{text!r} is not in the output")
    with open(pid, encoding="ascii") as file:
        number = int(file.read())

    def ended():
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return True
        with open(f"/proc/{number}/stat", encoding="ascii") as stat:
            return stat.read().split()[2] == "Z"

    t.wait(ended, 5, "what the endless test started to end")


if __name__ == "__main__":
    tap.main()
