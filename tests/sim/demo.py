#!/usr/bin/env python3
"""The demo: the scripted API server, the daemon and three destinations, side by side.

usage: demo.py BUILD-DIRECTORY

Prints each transition as the journal, a signed webhook, a chat and a hook get it, then the tables of
`tunewatch status` and `tunewatch deliveries`, and ends by itself. The webhook refuses the first
failure for a while, and gets it again. Everything lives in a temporary directory and on 127.0.0.1.
"""
import base64
import hashlib
import hmac
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
KEY = "fw_SIMSECRET_key"
TIME_LIMIT_S = 55
ENDS = {"succeeded", "failed", "early_stopped", "expired", "cancelled", "removed"}
COLOURS = {"journal": "36", "webhook": "35", "chat": "32", "hook": "33", "demo": "1"}
SECRET = base64.b64encode(b"the demo's secret, known to both").decode()

CONFIG = """
poll-interval = "1s"
state-dir = "{dir}/state"
control-socket = "{dir}/control.sock"
account "acme" {{
    api-url = "http://127.0.0.1:{api}"
    api-key-file = "{dir}/key"
    requests-per-minute = 600
}}
watch "everything" {{
    first-sight = "announce"
}}
notifier "journal" {{
    type = "syslog"
    events = {{"job.*", "watcher.*"}}
}}
notifier "webhook" {{
    type = "webhook"
    url = "http://127.0.0.1:{webhook}/events"
    secret-file = "{dir}/secret"
    events = {{"job.*", "watcher.*"}}
}}
notifier "chat" {{
    type = "webhook"
    url = "http://127.0.0.1:{webhook}/chat"
    format = "slack"
    digest = "5s"
    events = {{"end", "job.paused", "watcher.*"}}
}}
notifier "deploy" {{
    type = "exec"
    command = {{"{dir}/hook"}}
    events = {{"end"}}
}}
"""

HOOK = """#!/bin/sh
case $TUNEWATCH_EVENT in
job.succeeded) echo "$TUNEWATCH_JOB_ID is done: would now deploy $TUNEWATCH_OUTPUT_MODEL" ;;
*) echo "$TUNEWATCH_JOB_ID ended as $TUNEWATCH_PHASE: $TUNEWATCH_STATUS_MESSAGE" ;;
esac
"""

printing = threading.Lock()


def say(source, text):
    label = f"{source:>8}"
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        label = f"\033[{COLOURS[source]}m{label}\033[0m"
    with printing:
        print(f"{label} | {text}", flush=True)


def is_signed(headers, body):
    """By Standard Webhooks 1.0."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mac = hmac.digest(base64.b64decode(SECRET), signed, hashlib.sha256)
    wanted = "v1," + base64.b64encode(mac).decode()
    return any(hmac.compare_digest(wanted, s) for s in headers["webhook-signature"].split())


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    refused = None  # the id of the event that was

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/chat":
            say("chat", json.loads(body)["text"])
            status = 200
        elif not is_signed(self.headers, body):
            say("webhook", "a request that is not signed as it should be")
            status = 400
        else:
            status = self.take_event(json.loads(body))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def take_event(self, event):
        data, name = event["data"], event["subject"].rsplit("/", 1)[1]
        text = f"{event['type']} {name}"
        if "to" in data:
            before = data["from"]["state"] if data["from"] else "-"
            text += f" {before} -> {data['to']['state']}"
            if data["to"]["progress"]:
                text += f" ({data['to']['progress']['percent']} %)"
        if event["type"] == "job.failed" and not Receiver.refused:
            Receiver.refused = event["id"]
            say("webhook", f"503  {event['id']} {text}: not now")
            return 503
        again = " again, the same" if event["id"] == Receiver.refused else ""
        say("webhook", f"POST {event['id']} {text}{again}")
        return 204

    def log_message(self, *_):
        pass


def show_log(stream):
    """The daemon's log: hook output, and the journal's lines where no journal runs here."""
    for line in stream:
        text = line.rstrip("\n").split(": ", 1)[-1]
        if text.startswith("hook "):
            say("hook", text.split(": ", 1)[1])
        elif text.startswith("acme/") or text.startswith("account "):
            say("journal", text)
        else:
            say("demo", text)


def show_journal(since):
    """Follows the real journal where there is one; None otherwise."""
    if not os.path.exists("/run/systemd/journal/socket") or not shutil.which("journalctl"):
        return None
    journal = subprocess.Popen(
        ["journalctl", "-f", "-o", "cat", "-t", "tunewatch", "--since", f"@{since}"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def follow():
        for line in journal.stdout:
            say("journal", line.rstrip("\n"))
    threading.Thread(target=follow, daemon=True).start()
    return journal


def phases(path):
    """The phase of every job, from the control socket."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(5)
    try:
        s.connect(path)
        s.sendall(b"GET /v1/jobs HTTP/1.0\r\nHost: localhost\r\n\r\n")
        answer = b"".join(iter(lambda: s.recv(65536), b""))
        return [job["phase"] for job in json.loads(answer.split(b"\r\n\r\n", 1)[1])["jobs"]]
    except OSError:
        return []
    finally:
        s.close()


def write(path, text, mode):
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, mode), "w", encoding="utf-8") as f:
        f.write(text)


def run(build, directory, started):
    sim = subprocess.Popen([sys.executable, os.path.join(HERE, "fireworks_sim.py"), "demo"],
                           stdout=subprocess.PIPE, text=True)
    started.append(sim)
    api = int(sim.stdout.readline())
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    write(f"{directory}/key", KEY + "\n", 0o600)
    write(f"{directory}/secret", f"whsec_{SECRET}\n", 0o600)
    write(f"{directory}/hook", HOOK, 0o700)
    write(f"{directory}/tunewatch.conf",
          CONFIG.format(dir=directory, api=api, webhook=receiver.server_address[1]), 0o600)

    journal = show_journal(int(time.time()))
    if journal:
        started.append(journal)
    daemon = subprocess.Popen([f"{build}/tunewatchd", "--config", f"{directory}/tunewatch.conf"],
                              stderr=subprocess.PIPE, text=True)
    started.append(daemon)
    log = threading.Thread(target=show_log, args=(daemon.stderr,), daemon=True)
    log.start()

    deadline = time.monotonic() + TIME_LIMIT_S
    while time.monotonic() < deadline and daemon.poll() is None:
        seen = phases(f"{directory}/control.sock")
        if len(seen) >= 4 and all(phase in ENDS for phase in seen):
            break
        time.sleep(0.5)
    else:
        say("demo", "the jobs did not come to their ends in time")
        return 1
    time.sleep(6)  # for the last lines of the hook, and the last digest
    failed = False
    for command in (["status"], ["deliveries"]):
        say("demo", f"$ tunewatch {' '.join(command)}")
        table = subprocess.run(
            [f"{build}/tunewatch", "--socket", f"{directory}/control.sock", *command],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        failed |= table.returncode != 0
        with printing:
            print(table.stdout, flush=True)
    daemon.send_signal(signal.SIGTERM)
    status = daemon.wait(15)
    log.join(5)
    say("demo", f"tunewatchd ended with exit status {status}")
    return status or int(failed)


def main():
    if len(sys.argv) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 64
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # cleans up on its way out
    started = []
    directory = tempfile.mkdtemp(prefix="tunewatch-demo.")
    try:
        return run(os.path.abspath(sys.argv[1]), directory, started)
    except KeyboardInterrupt:
        return 130
    finally:
        for process in reversed(started):
            if process.poll() is None:
                process.terminate()
        for process in started:
            process.wait(10)
        shutil.rmtree(directory)


if __name__ == "__main__":
    sys.exit(main())
