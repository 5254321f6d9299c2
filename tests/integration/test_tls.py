#!/usr/bin/env python3
"""The wire: TLS and what is refused of it, HTTP/2, kept connections, compression, proxies."""

from harness import (
    Config, Daemon, Sim, Webhook, bodies, check_log, events, name_of, run_daemon, settle, setup,
    tap,
)
from servers import Nginx, Proxy

JOBS_50 = [f"job-{i}" for i in range(50)]


def jobs_of(ids, **more):
    return {"jobs": [{"kind": "sft", "id": id_, "state": "RUNNING", **more} for id_ in ids]}


def behind_nginx(t, servers, ids=("a",)):
    """(sim, hook, nginx, config): the parts, not connected yet."""
    sim = Sim(t, jobs_of(ids))
    hook = Webhook(t)
    nginx = Nginx(t, sim.port, servers)
    return sim, hook, nginx, Config(t).webhook(hook)


def many_jobs(t, http2):
    """50 named jobs, and a list of others, each second for some rounds: nginx's log."""
    sim, _, nginx, config = behind_nginx(t, {"api": ("good", http2)}, JOBS_50)
    sim.settings(filter=False)  # so that each is asked for by itself
    sim.set("dpo", "a", state="RUNNING")
    config.account(nginx.url("api"), ca_file=nginx.file("ca"))
    config.watch(jobs=[f"sft/{id_}" for id_ in JOBS_50]).watch("list", kinds=["dpo"])
    daemon = Daemon(t, config)
    daemon.wait_known(*(name_of("sft", id_) for id_ in JOBS_50))
    sim.wait_requests(4 * len(JOBS_50), timeout=20)
    requests = nginx.requests("api")
    t.equal({r.method for r in requests}, {"GET"})
    refused = [r.status for r in requests if r.status != 200]
    t.equal(refused, [400], "a filter; the mask has been seen to hold")
    t.equal({r["hadBody"] for r in sim.requests()}, {False})
    lists = [r for r in requests if r.path.endswith("Jobs") and r.status == 200]
    t.equal({r.coding for r in lists}, {"gzip"}, "the lists' coding")
    connections = {r.connection for r in requests}
    t.check(len(connections) <= 4, f"{len(connections)} connections for {len(requests)} requests")
    return requests


@tap.test()
def http2_is_used_on_few_connections(t):
    t.equal({r.protocol for r in many_jobs(t, True)}, {"HTTP/2.0"})


@tap.test()
def http1_connections_are_kept(t):
    requests = many_jobs(t, False)
    t.equal({r.protocol for r in requests}, {"HTTP/1.1"})
    t.check(max(r.number for r in requests) >= len(requests) / 4, "connections are not used again")


@tap.test()
def plain_connections_are_kept(t):
    sim, _, daemon = setup(t, jobs_of(JOBS_50), {"jobs": [f"sft/{id_}" for id_ in JOBS_50]},
                           webhook=False, start=False)
    sim.settings(filter=False)  # so that each is asked for by itself
    opened = []
    process = sim.server.process_request

    def process_request(request, address):
        opened.append(address)
        process(request, address)

    sim.server.process_request = process_request
    daemon.start()
    sim.wait_requests(4 * len(JOBS_50), timeout=20)
    t.check(len(opened) <= 4, f"{len(opened)} connections for {len(sim.requests())} requests")


@tap.test(limit=90)
def tls_troubles_are_no_state_of_a_job(t):
    """Four ways of not being who one says one is; beside them one account that is in order."""
    sim, hook, nginx, config = behind_nginx(t, {
        "good": ("good", True), "ca": ("good", True), "system": ("good", True),
        "expired": ("expired", True), "name": ("good", True)})
    accounts = {
        "good": (nginx.url("good"), nginx.file("ca")),
        "ca": (nginx.url("ca"), nginx.file("other-ca")),
        "system": (nginx.url("system"), None),
        "expired": (nginx.url("expired"), nginx.file("ca")),
        "name": (nginx.url("name", "127.0.0.1"), nginx.file("ca")),
    }
    for name, (url, ca_file) in accounts.items():
        sim.set("sft", "a", name, state="RUNNING")
        config.account(url, name, ca_file=ca_file).watch(f"w-{name}", name, jobs=["sft/a"])
    daemon = Daemon(t, config)
    bad = [name for name in accounts if name != "good"]
    told = hook.wait(len(bad), types="watcher.degraded", timeout=30)
    hook.wait(1, types="job.found")
    t.equal({e["subject"]: e["data"]["trouble"] for e in told},
            {f"accounts/{name}": "tls" for name in bad})
    for event in told:
        t.check("localhost" in event["data"]["lastError"] or "127.0.0.1" in
                event["data"]["lastError"], f"which host? {event['data']['lastError']}")
    t.equal([e["subject"] for e in hook.events(types="job.*")], [name_of("sft", "a", "good")])
    t.equal({r["path"].split("/")[3] for r in sim.requests()}, {"good"}, "who was asked")
    for name in bad:
        t.equal(nginx.requests(name), [], f"{name}: a request over a connection not to be trusted")
    # The right file, and all is well: nothing of the wrong one is remembered.
    config.account(nginx.url("ca"), "ca", ca_file=nginx.file("ca"))
    config.account(nginx.url("system"), "system", ca_file=nginx.file("ca"))
    config.write()
    daemon.reload()
    restored = hook.wait(2, types="watcher.restored", timeout=10)
    t.equal({e["subject"] for e in restored}, {"accounts/ca", "accounts/system"})
    for name in ("ca", "system"):
        hook.wait(1, subject=name_of("sft", "a", name), types="job.found")
    for name, (url, _) in accounts.items():
        mine = [d.body for d in hook.got() if d.event["subject"].split("/")[1] == name]
        for fault in events.log_faults(mine, url):
            t.check(False, fault)


@tap.test()
def a_ca_that_is_no_longer_right(t):
    """What a connection was trusted for once does not hold after a reload with another CA."""
    sim, hook, nginx, config = behind_nginx(t, {"api": ("good", True)})
    config.account(nginx.url("api"), ca_file=nginx.file("ca")).watch(first_sight="announce")
    daemon = Daemon(t, config)
    hook.wait(1)
    config.account(nginx.url("api"), ca_file=nginx.file("other-ca")).write()
    settle(sim)
    daemon.reload()
    t.equal(hook.wait(1, types="watcher.degraded")[0]["data"]["trouble"], "tls")
    sim.set("sft", "a", state="COMPLETED")
    config.account(nginx.url("api"), ca_file=nginx.file("ca")).write()
    daemon.reload()
    hook.wait(1, types="job.succeeded", timeout=10)
    hook.wait(1, types="watcher.restored")
    t.equal([e["type"] for e in hook.events(types="job.*")], ["job.found", "job.succeeded"])


# Proxies.


@tap.test()
def a_proxy_for_https(t):
    """A tunnel: the proxy sees a name, and TLS is the server's own."""
    sim, hook, nginx, config = behind_nginx(t, {"api": ("good", True)})
    proxy = Proxy(t, nginx.ports["api"])
    config.account(nginx.url("api"), ca_file=nginx.file("ca"), proxy=proxy.url)
    config.watch(first_sight="announce")
    Daemon(t, config)
    hook.wait(1)
    settle(sim)
    t.equal(set(proxy.lines), {f"CONNECT localhost:{nginx.ports['api']} HTTP/1.1"})
    t.check(len(proxy.lines) <= 4, f"{len(proxy.lines)} tunnels")
    t.check(bodies.SECRET not in "".join(proxy.heads), "the key was given to the proxy")
    t.equal({r.protocol for r in nginx.requests("api")}, {"HTTP/2.0"}, "through a tunnel, too")


@tap.test()
def a_proxy_for_http(t):
    """Only the proxy can find that host."""
    sim, hook = Sim(t, jobs_of(["a"])), Webhook(t)
    proxy = Proxy(t, sim.port)
    url = "http://api.tunewatch.invalid"
    config = Config(t).webhook(hook).watch(first_sight="announce")
    config.account(url, proxy=proxy.url, allow_http=True)
    Daemon(t, config)
    event = hook.wait(1)[0]
    t.equal((event["type"], event["source"]), ("job.found", f"{url}/v1/accounts/acme"))
    for line in proxy.lines:
        t.check(line.startswith(f"GET {url}/v1/accounts/acme/"), line)


@tap.test()
def a_proxy_that_is_not_there(t):
    sim, hook, nginx, config = behind_nginx(t, {"api": ("good", True)})
    proxy = Proxy(t, nginx.ports["api"])
    proxy.stop()
    config.account(nginx.url("api"), ca_file=nginx.file("ca"), proxy=proxy.url)
    config.watch(first_sight="announce")
    daemon = Daemon(t, config)
    t.equal(hook.wait(1, types="watcher.degraded")[0]["data"]["trouble"], "connect")
    t.equal(sim.requests(), [], "went round the proxy")
    config.account(nginx.url("api"), ca_file=nginx.file("ca")).write()
    daemon.reload()
    hook.wait(1, types="job.found", timeout=10)
    hook.wait(1, types="watcher.restored")


@tap.test()
def plain_http_to_this_machine_takes_no_proxy(t):
    sim, hook = Sim(t, jobs_of(["a"])), Webhook(t)
    proxy = Proxy(t, sim.port)
    config = Config(t).account(sim, proxy=proxy.url).webhook(hook).watch(first_sight="announce")
    Daemon(t, config, env={"http_proxy": proxy.url, "all_proxy": proxy.url})
    t.defer(check_log, t, hook, sim)
    hook.wait(1)
    t.equal(proxy.lines, [], "the key in the clear for the proxy")


# What is refused before anything is sent.


@tap.test()
def plain_http_to_others_must_be_allowed(t):
    config = Config(t).watch()
    urls = {
        "http://192.0.2.1": 78, "http://api.example.com/": 78, "http://10.0.0.1:8080": 78,
        "http://127.0.0.1.example.com": 78, "http://localhost.example.com": 78,
        "http://127.0.0.1:1": 0, "http://localhost:1": 0, "http://[::1]:1": 0,
        "https://192.0.2.1": 0, "ftp://example.com": 78,
    }
    for url, wanted in urls.items():
        config.account(url).write()
        result = run_daemon(t, "--config", config.path, "--check-config")
        t.equal(result.code, wanted, url)
        if wanted and url.startswith("http:"):
            t.check("allow-http" in result.err, f"{url}: no way out in {result.err}")
        config.account(url, allow_http=True).write()
        result = run_daemon(t, "--config", config.path, "--check-config")
        t.equal(result.code, 78 if url.startswith("ftp") else 0, f"{url} with allow-http")


@tap.test()
def a_webhook_that_nobody_vouches_for(t):
    """It may be put right, so the delivery is tried again; nothing was sent to it."""
    _, hook, daemon = setup(t, jobs_of(["a"]), {"first_sight": "announce"}, start=False)
    nginx = Nginx(t, hook.server.server_address[1], {"self": ("good", True)})
    daemon.config.section("notifier", "self", {
        "type": "webhook", "url": nginx.url("self") + "/private-path", "events": ["*"]})
    daemon.start()
    hook.wait(1)

    def tried():
        entry = daemon.notifier("self")
        return entry if entry["retried"] else None

    entry = t.wait(tried, 10, "a try")
    t.equal((entry["pending"], entry["dead"], entry["delivered"], entry["off"]), (1, 0, 0, False))
    error = entry["lastError"]
    t.check("localhost" in error and "certificate" in error.lower(), error)
    t.check("private-path" not in error + daemon.log(), "the URL's path is a secret")
    t.equal(nginx.requests("self"), [], "something was sent")
    t.equal(len(hook.got()), 1, "the other is not held up, nor sent to twice")


if __name__ == "__main__":
    tap.main()
