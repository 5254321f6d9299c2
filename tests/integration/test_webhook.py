#!/usr/bin/env python3
"""Webhooks people can trust: signatures, verified by what others made for that (openssl, and the
`standardwebhooks` package where Node.js is); answers that lie; chat messages.

Environment: TUNEWATCH_NODE_MODULES is where the package is; by default build-node/node_modules, where
scripts/install-deps puts it.
"""

import base64
import email.utils
import json
import os
import re
import shutil
import subprocess
import time

from harness import Config, Reply, Webhook, begin, check_log, run_daemon, running, tap

NODE_MODULES = os.environ.get("TUNEWATCH_NODE_MODULES") or os.path.join(
    os.environ.get("top_srcdir", "."), "build-node", "node_modules")
TOKEN = "T0KEN-abc_123"


def new_secret(t, size=32):
    return "whsec_" + base64.b64encode(t.random.randbytes(size)).decode()


def write_secrets(t, *secrets):
    path = t.path("secrets")
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{secret}\n" for secret in secrets)
    os.chmod(path, 0o600)
    return path


def by_openssl(secret, delivery):
    """The signature that is right."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    h = delivery.headers
    content = f"{h['webhook-id']}.{h['webhook-timestamp']}.".encode() + delivery.body
    mac = subprocess.run(
        ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{key.hex()}",
         "-binary"], input=content, capture_output=True, check=True).stdout
    return "v1," + base64.b64encode(mac).decode()


def check_signed(t, delivery, *secrets):
    """By these secrets and no other, in their order; with the event's id, and just now."""
    wanted = " ".join(by_openssl(secret, delivery) for secret in secrets)
    t.equal(delivery.headers["webhook-signature"], wanted)
    t.equal(delivery.headers["webhook-id"], delivery.event["id"])
    t.equal(delivery.headers["content-type"], "application/cloudevents+json")
    age = time.time() - int(delivery.headers["webhook-timestamp"])
    t.check(-2 <= age < 120, f"the timestamp is {age:.0f} s old")


@tap.test(limit=90)
def secrets_are_exchanged_by_reload(t):
    sim, daemon = running(t)
    hook = Webhook(t)
    old, new = new_secret(t), new_secret(t, 24)
    daemon.config.webhook(hook, secret_file=write_secrets(t, old))
    begin(sim, daemon)
    steps = [("PAUSED", [old]), ("RUNNING", [old, new]), ("PAUSED", [new, old]),
             ("COMPLETED", [new])]
    for count, (state, secrets) in enumerate(steps, 1):
        write_secrets(t, *secrets)
        if count > 1:
            daemon.reload()
        sim.set("sft", "a", state=state)
        got = hook.wait_requests(count)
        check_signed(t, got[count - 1], *secrets)
    check_log(t, hook, sim)
    dump = run_daemon(t, "--config", daemon.config.path, "--dump-config")
    t.check(t.path("secrets") in dump.out, "where the secret is")
    shown = daemon.log() + dump.out + json.dumps(daemon.get("/v1/status"))
    for secret in (old, new):
        t.check(secret.removeprefix("whsec_") not in shown, "a signing secret is shown")


@tap.test(limit=60)
def each_try_is_signed_for_its_own_time(t):
    sim, daemon = running(t)
    hook = Webhook(t)
    secret = new_secret(t)
    hook.script("/", 503)
    daemon.config.webhook(hook, secret_file=write_secrets(t, secret))
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    one, two = hook.wait_requests(2, timeout=25)
    for delivery in (one, two):
        check_signed(t, delivery, secret)
    stamps = [int(d.headers["webhook-timestamp"]) for d in (one, two)]
    t.check(stamps[1] - stamps[0] >= 4, f"the time of the try: {stamps}")
    t.equal(one.headers["webhook-id"], two.headers["webhook-id"])
    t.equal(one.body, two.body, "other bytes")


VERIFY = """
const { Webhook } = require("standardwebhooks");
const { secret, headers, body } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const event = new Webhook(secret).verify(body, headers);
let refused = false;
try { new Webhook(secret).verify(body + " ", headers); } catch (e) { refused = true; }
console.log(JSON.stringify({ id: event.id, refused }));
"""


@tap.test()
def a_receiver_with_the_standard_library_is_content(t):
    if not shutil.which("node"):
        raise tap.Skip("there is no node")
    if not os.path.isdir(os.path.join(NODE_MODULES, "standardwebhooks")):
        raise tap.Skip("the npm package standardwebhooks is not installed, see scripts/install-deps")
    sim, daemon = running(t)
    hook = Webhook(t)
    old, new = new_secret(t), new_secret(t)
    daemon.config.webhook(hook, secret_file=write_secrets(t, old, new))
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED", displayName="Größe \"x\"")
    delivery = hook.wait_requests(1)[0]
    for secret in (old, new):
        node = subprocess.run(
            ["node", "-e", VERIFY], env={"PATH": os.environ["PATH"], "NODE_PATH": NODE_MODULES},
            input=json.dumps({"secret": secret, "headers": dict(delivery.headers.items()),
                              "body": delivery.body.decode()}),
            capture_output=True, text=True, timeout=30, check=False)
        t.equal(node.returncode, 0, node.stderr)
        t.equal(json.loads(node.stdout or "{}"), {"id": delivery.event["id"], "refused": True})


# What is answered.

UNITS = {"h": 3600, "min": 60, "s": 1, "ms": 0.001}


def wait_of(daemon, name):
    """The seconds until the next try, as the log says them, once there was one."""
    text = daemon.wait_log(rf'"{name}": .* is tried again in ([^:]*):', 20).group(1)
    return sum(int(n) * UNITS[unit] for n, unit in re.findall(r"(\d+)(h|min|ms|s)", text))


@tap.test()
def retry_after_in_all_forms(t):
    now = time.time()

    def date(seconds):
        return email.utils.formatdate(now + seconds, usegmt=True)

    soon, hour = (5, 5.5), (3600, 3960)
    rows = {
        "seconds": ("40", (40, 44)), "date": (date(600), (500, 660)), "past": (date(-60), soon),
        "less": ("1", soon), "zero": ("0", soon), "negative": ("-5", soon), "word": ("soon", soon),
        "empty": ("", soon), "day": ("86400", hour), "years": ("9999999999", hour),
        "year": (date(366 * 86400), hour), "far": ("Fri, 31 Dec 9999 23:59:59 GMT", hour),
        "half": ("7.5", (5, 8.3)), "huge": ("9" * 30, (5, 3960)),
    }
    sim, daemon = running(t)
    hook = Webhook(t)
    for name, (value, _) in rows.items():
        hook.script(f"/{name}", Reply(503, {"Retry-After": value}), 200)
        daemon.config.webhook(hook, name, f"/{name}")
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    for name, (value, (least, most)) in rows.items():
        wait = wait_of(daemon, name)
        t.check(least <= wait <= most, f"{name}, {value!r}: {wait} s")


@tap.test()
def answers_that_are_not_fit_to_be_shown(t):
    sim, daemon = running(t)
    hook = Webhook(t)
    secret = new_secret(t)
    key = secret.removeprefix("whsec_")
    rows = {
        "endless": Reply(500, content=b"endless " * 512, endless=True),
        "huge": Reply(400, content=b"huge " * 1_000_000),
        "binary": Reply(400, content=bytes(range(256)) * 8),
        "escape": Reply(400, content=b"\x1b[2J\x1b]0;title\x07 red \xc2\x9b31m\r\nNotice: forged"),
        "split": Reply(400, content=("ä" * 1000).encode()),
        "token": Reply(404, content=f"cannot POST /services/{TOKEN}".encode()),
        "query": Reply(404, content=b"unknown key quite_secret_query"),
        "signing": Reply(400, content=f"not signed with {secret}".encode()),
        "bare": Reply(400, content=f"{'x' * 3000} not signed with {key}".encode()),
        "header": Reply(403, content=b"no right for Bearer headersecret"),
        "redirect": Reply(307, {"Location": hook.url(f"/followed/{TOKEN}")}),
        "gone": Reply(410, content=f"{TOKEN} is gone".encode()),
    }
    for name, reply in rows.items():
        path = f"/{name}/{TOKEN}?key=quite_secret_query"
        hook.script(path, reply)
        daemon.config.webhook(hook, name, path, secret_file=write_secrets(t, secret),
                              headers=["Authorization: Bearer headersecret"])
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    for name in rows:
        entry = t.wait(lambda n=name: (lambda e: e if e["lastError"] else None)(
            daemon.notifier(n)), 20, f"a verdict of {name}")
        said = entry["lastError"]
        t.check(said.startswith(f"127.0.0.1 answered {rows[name].status}"), said)
        t.check(len(said.encode()) < 300, f"{name}: {len(said)} characters")
        t.check(said.isprintable(), f"{name}: {said!r}")
        t.equal(entry["dead"], 0 if name == "endless" else 1, name)
        if name != "endless":  # which is tried again
            t.equal(len(hook.got(f"/{name}/{TOKEN}?key=quite_secret_query")), 1, name)
    t.check("huge huge" in daemon.notifier("huge")["lastError"], "what it says is of use")
    t.equal([d.path for d in hook.deliveries if "followed" in d.path], [], "followed")
    daemon.wait_log('"gone" is off until the next reload')
    dump = run_daemon(t, "--config", daemon.config.path, "--dump-config")
    with open(os.path.join(daemon.config.state_dir, "state.db"), "rb") as file:
        stored = file.read()
    wal = os.path.join(daemon.config.state_dir, "state.db-wal")
    if os.path.exists(wal):
        with open(wal, "rb") as file:
            stored += file.read()
    shown = {"the log": daemon.log(), "/v1/status": json.dumps(daemon.get("/v1/status")),
             "the store": stored.decode("latin-1")}
    for word in (TOKEN, key, "quite_secret_query", "headersecret"):
        for where, text in shown.items():
            t.check(word not in text, f"{word} in {where}")
    t.check(key not in dump.out and "headersecret" not in dump.out, "secrets in --dump-config")
    t.check("\x1b" not in daemon.log(), "a control character in the log")


# Chat formats.

CHAT = {"slack": 200, "discord": 204, "teams": 202, "ntfy": 200}
HOSTILE = "<!channel> @everyone [x](https://evil.example) \u202etxt"


def strings(value):
    """All texts of a document."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [s for v in value for s in strings(v)]
    return [value] if isinstance(value, str) else []


@tap.test()
def chat_messages(t):
    sim, daemon = running(t)
    hooks = {}
    for name, status in CHAT.items():
        hook = Webhook(t)
        path = "/sub/" if name == "ntfy" else f"/services/{TOKEN}"
        hook.script(path, status, 503, status)
        url_path = f"/sub/{TOKEN.replace('-', '_')}" if name == "ntfy" else path
        daemon.config.webhook(hook, name, url_path, format=name,
                              headers=["Authorization: Bearer headersecret"])
        hooks[name] = hook, path
    begin(sim, daemon)
    sim.set("sft", "a", state="FAILED", displayName=HOSTILE,
            status={"code": "INTERNAL", "message": f"it broke {HOSTILE}"})
    for name, (hook, path) in hooks.items():
        first = hook.wait_requests(1, path)[0]
        document = json.loads(first.body)
        text = "\n".join(strings(document))
        t.equal(first.headers["content-type"], "application/json", name)
        t.equal(first.headers["authorization"], "Bearer headersecret", name)
        for header in ("webhook-id", "webhook-timestamp", "webhook-signature"):
            t.check(header not in first.headers, f"{name}: {header}")
        for wanted in ("failed", "INTERNAL", "it broke"):
            t.check(wanted in text, f"{name}: no {wanted!r} in {text}")
        for never in ("@everyone", "https://evil", "\u202e"):
            t.check(never not in text, f"{name}: {never!r} in {text}")
        t.check("app.fireworks.ai" not in text, f"{name}: a link for another API")
    ntfy = json.loads(hooks["ntfy"][0].got("/sub/")[0].body)
    t.equal(ntfy["topic"], TOKEN.replace("-", "_"))
    t.equal(ntfy["priority"], 4, "a failed job")
    # Again, after a failure: the same message.
    sim.set("sft", "a", state="RUNNING")
    for name, (hook, path) in hooks.items():
        got = hook.wait_requests(3, path, timeout=25)
        t.equal(got[1].body, got[2].body, f"{name}: other bytes")
        t.wait(lambda n=name: daemon.notifier(n)["delivered"] == 2, 10, f"{name} to be done")
    status = json.dumps(daemon.get("/v1/status"))
    for word in (TOKEN, TOKEN.replace("-", "_"), "headersecret"):
        t.check(word not in daemon.log() + status, f"{word} is shown")


@tap.test()
def chat_urls_are_secrets(t):
    """Of URLs on other machines, --dump-config shows the host."""
    config = Config(t).account("https://api.example").watch()
    for name in CHAT:
        config.section("notifier", name, {
            "type": "webhook", "format": name, "url": f"https://{name}.example/T0KEN_abc_123"})
    config.write()
    result = run_daemon(t, "--config", config.path, "--dump-config")
    t.equal(result.code, 0, result.err)
    t.check("T0KEN" not in result.out, "a token")
    for name in CHAT:
        t.check(f"# host: {name}.example" in result.out, result.out)
    config.section("notifier", "ntfy", {
        "type": "webhook", "format": "ntfy", "url": "https://ntfy.example/T0KEN.abc"}).write()
    result = run_daemon(t, "--config", config.path, "--check-config")
    t.equal(result.code, 78, "an ntfy URL without a topic")
    t.check("T0KEN" not in result.err and "ntfy.sh/alerts" in result.err, result.err)


if __name__ == "__main__":
    tap.main()
