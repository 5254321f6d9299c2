#!/usr/bin/env python3
"""The demo: the scripted API server, the daemon and three destinations, side by side.

usage: demo.py BUILD-DIRECTORY

Prints each transition as the journal, a webhook and a hook get it, then the table of `tunewatch
status`, and ends by itself. Everything lives in a temporary directory and on 127.0.0.1.
"""
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
COLOURS = {"journal": "36", "webhook": "35", "hook": "33", "demo": "1"}

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
notifier "chat" {{
    type = "webhook"
    url = "http://127.0.0.1:{webhook}/"
    events = {{"job.*", "watcher.*"}}
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


class Webhook(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["content-length"])))
        data, name = event["data"], event["subject"].rsplit("/", 1)[1]
        text = f"{event['type']} {name}"
        if "to" in data:
            before = data["from"]["state"] if data["from"] else "-"
            text += f" {before} -> {data['to']['state']}"
            if data["to"]["progress"]:
                text += f" ({data['to']['progress']['percent']} %)"
        say("webhook", f"POST {self.headers['webhook-id']} {text}")
        self.send_response(204)
        self.end_headers()

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
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    write(f"{directory}/key", KEY + "\n", 0o600)
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
    time.sleep(1)  # for the last lines of the hook
    say("demo", "$ tunewatch status")
    table = subprocess.run([f"{build}/tunewatch", "--socket", f"{directory}/control.sock", "status"],
                           stdout=subprocess.PIPE, text=True, check=False)
    with printing:
        print(table.stdout, flush=True)
    daemon.send_signal(signal.SIGTERM)
    status = daemon.wait(15)
    log.join(5)
    say("demo", f"tunewatchd ended with exit status {status}")
    return status or table.returncode


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
