#!/usr/bin/env python3
"""Notifiers of type email against a real SMTP server: what arrives, over what, in which thread, and
what becomes of a message that the server does not take."""

import json
import os
import shutil
import socket
import subprocess
import time

from harness import HERE, begin, run_daemon, running, settle, tap
from mail_sink import MailSink

PASSWORD = "Tr0ub4dor&3 hunter2-longer"
ADDRESS = "tunewatch@tuning.example"
TO = ["anna@tuning.example"]


def make_certs(t):
    if not shutil.which("openssl"):
        raise tap.Skip("needs openssl (Debian: apt-get install openssl)")
    path = t.path("certs")
    os.mkdir(path)
    script = os.path.join(HERE, "..", "support", "make-certs.sh")
    subprocess.run(["sh", script, path], check=True, capture_output=True)
    return path


def mailing(t, sink, host="127.0.0.1", ids=("a",), name="mail", **options):
    """Known jobs and a notifier that mails, not started: (sim, daemon)."""
    sim, daemon = running(t, *ids)
    add(daemon.config, sink, host, name, **options)
    return sim, daemon


def add(config, sink, host="127.0.0.1", name="mail", **options):
    config.section("notifier", name, {
        "type": "email", "server": sink if isinstance(sink, str) else sink.url(host),
        "from": ADDRESS, "to": TO, "events": ["*"], **options})


def write_password(t, daemon, password=PASSWORD):
    path = t.path("mail.password")
    daemon.config.write_key(path, password)
    return path


def check_mail(t, mail):
    t.equal(mail.defects(), [], "defects")
    t.equal(mail.message.get_content_type(), "text/plain")
    t.equal(mail["Auto-Submitted"], "auto-generated")
    t.check(all(len(line) <= 998 for line in mail.bytes.split(b"\r\n")), "a long line")
    t.check(b"\n" not in mail.bytes.replace(b"\r\n", b""), "a bare newline")


def wait_notifier(t, daemon, timeout=20, name="mail", **wanted):
    def reached():
        entry = daemon.notifier(name)
        return entry if all(entry[k] == v for k, v in wanted.items()) else None
    return t.wait(reached, timeout, f"{name} with {wanted}, it has {daemon.notifier(name)}")


def wait_error(t, daemon, timeout=20, name="mail"):
    return t.wait(lambda: daemon.notifier(name)["lastError"], timeout, f"an error of {name}")


@tap.test()
def two_events_of_a_job_are_a_thread(t):
    sink = MailSink(t)
    sim, daemon = mailing(t, sink, ids=("a", "b"))
    begin(sim, daemon, "a", "b")
    sim.set("sft", "a", state="PAUSED", displayName="Größe \"x\" \U0001f525")
    sink.wait(1)
    sim.set("sft", "a", state="FAILED", status={
        "code": "INTERNAL", "message": "it broke\r\nBcc: eve@evil.example\r\n\r\n.\r\nQUIT"})
    sink.wait(2)
    sim.set("sft", "b", state="COMPLETED")
    got = sink.wait(3)
    for mail in got:
        check_mail(t, mail)
        t.equal(mail.sender, ADDRESS)
        t.equal(mail.recipients, TO)
        t.equal(mail["To"], TO[0])
        t.equal(mail["References"], mail["In-Reply-To"])
        t.check(not mail.tls, "TLS to this machine, unasked")
    one, two, other = got
    events = daemon.get("/v1/events")["events"]
    t.equal([m["Message-ID"] for m in got],
            [f"<{e['id']}@tuning.example>" for e in events
             if e["type"] in ("job.paused", "job.failed", "job.succeeded")])
    t.equal(one["References"], two["References"])
    t.equal(one["Subject"], two["Subject"])
    t.equal(one["Subject"], 'acme/sft/a (Größe "x" \U0001f525)')
    t.check(other["References"] != one["References"], "another job is another thread")
    t.equal(str(two.message["From"].addresses[0].display_name), "tunewatch: failed")
    t.equal(str(two.message["From"].addresses[0].addr_spec), ADDRESS)
    for wanted in ("acme/sft/a failed: INTERNAL", "it broke  Bcc: eve@evil.example", "Name: Größe",
                   "Job: accounts/acme/supervisedFineTuningJobs/a", "Observed: "):
        t.check(wanted in two.text, f"no {wanted!r} in {two.text}")
    t.check("Bcc" not in two.message, "a header from outside")


@tap.test()
def what_is_tried_again_is_the_same_message(t):
    sink = MailSink(t, data=["451 4.3.0 later"])
    sim, daemon = mailing(t, sink)
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    t.check("127.0.0.1 answered 451 4.3.0 later" in wait_error(t, daemon), "the server's words")
    one, two = sink.wait(2)
    t.equal(one.bytes, two.bytes, "other bytes")
    wait_notifier(t, daemon, delivered=1, dead=0)


@tap.test()
def a_refused_message_is_dead(t):
    sink = MailSink(t, data=["554 5.7.1 spam"], rcpt={"gone@tuning.example": "550 5.1.1 no such"})
    sim, daemon = mailing(t, sink)
    add(daemon.config, sink, name="gone", to=["gone@tuning.example"])
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    wait_notifier(t, daemon, dead=1)
    wait_notifier(t, daemon, name="gone", dead=1)
    t.equal(daemon.notifier("mail")["lastError"], "127.0.0.1 answered 554 5.7.1 spam")
    t.equal(daemon.notifier("gone")["lastError"], "127.0.0.1 answered 550 5.1.1 no such")
    t.equal(len(sink.got()), 1)


@tap.test()
def some_recipients_are_refused(t):
    sink = MailSink(t, rcpt={"gone@tuning.example": "550 5.1.1 no such",
                             "full@tuning.example": "452 4.2.2 full"})
    everybody = ["gone@tuning.example", *TO, "full@tuning.example"]
    sim, daemon = mailing(t, sink, to=everybody)
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    wait_notifier(t, daemon, delivered=1)
    mail, = sink.got()
    t.equal(mail.recipients, TO)
    t.equal(mail["To"], ", ".join(everybody))
    daemon.wait_log(r'notifier "mail": 127.0.0.1 took it, but not for 2 of 3 recipients: 4')


def check_secret(t, daemon, password):
    """The password is nowhere but in its file."""
    for call in ("/v1/status", "/v1/notifiers", "/v1/deliveries", "/v1/events"):
        t.check(password not in json.dumps(daemon.get(call)), f"the password in {call}")
    dump = run_daemon(t, "--config", daemon.config.path, "--dump-config")
    t.equal(dump.code, 0, dump.err)
    t.check(password not in dump.out + dump.err, "the password in --dump-config")
    t.check("mail.password" in dump.out, "where the password is")
    t.check(password not in daemon.log(), "the password in the log")
    for file in ("cmdline", "environ"):
        with open(f"/proc/{daemon.pid}/{file}", "rb") as f:
            t.check(password.encode() not in f.read(), f"the password in {file}")


@tap.test()
def over_tls_with_a_login(t):
    certs = make_certs(t)
    ca = os.path.join(certs, "ca.pem")
    sim, daemon = running(t)
    sinks = {}
    for name in ("starttls", "smtps"):
        sink = sinks[name] = MailSink(t, tls=name, certs=certs, user="anna", password=PASSWORD)
        add(daemon.config, sink, "localhost", name, user="anna", ca_file=ca,
            password_file=write_password(t, daemon))
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    for name, sink in sinks.items():
        mail, = sink.wait()
        check_mail(t, mail)
        t.check(mail.tls or name == "smtps", name)  # aiosmtpd does not know of the latter
        t.equal(mail.user, "anna", name)
        wait_notifier(t, daemon, name=name, delivered=1)
    check_secret(t, daemon, PASSWORD)


@tap.test()
def a_wrong_password_waits_for_a_better_one(t):
    sink = MailSink(t, user="anna", password=PASSWORD)
    sim, daemon = mailing(t, sink, user="anna")
    path = write_password(t, daemon, "wr0ng-password")
    daemon.config.sections["notifier", "mail"]["password_file"] = path
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    t.check("refused us before the message: 535" in wait_error(t, daemon),
            daemon.notifier("mail")["lastError"])
    check_secret(t, daemon, "wr0ng-password")
    write_password(t, daemon)
    daemon.reload()
    mail, = sink.wait()
    t.equal(mail.user, "anna")
    wait_notifier(t, daemon, delivered=1, dead=0)
    check_secret(t, daemon, PASSWORD)


@tap.test()
def certificates_that_are_not_trusted(t):
    certs = make_certs(t)
    ca = os.path.join(certs, "ca.pem")
    sim, daemon = running(t)
    sinks = {
        "other": (MailSink(t, tls="smtps", cert="other", certs=certs), "localhost"),
        "expired": (MailSink(t, tls="starttls", cert="expired", certs=certs), "localhost"),
        "name": (MailSink(t, tls="smtps", certs=certs), "127.0.0.1"),
        "none": (MailSink(t), "localhost"),  # and no STARTTLS, though a CA is named
    }
    for name, (sink, host) in sinks.items():
        add(daemon.config, sink, host, name, ca_file=ca)
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    for name, (sink, _) in sinks.items():
        error = wait_error(t, daemon, name=name)
        word = "offers no TLS" if name == "none" else "SSL"
        t.check(word in error, f"{name}: {error}")
        entry = daemon.notifier(name)
        t.equal((entry["delivered"], entry["dead"]), (0, 0), f"{name} waits")
        t.equal(sink.got(), [], name)


@tap.test()
def a_server_that_hangs_delays_only_itself(t):
    sink = MailSink(t)
    deaf = socket.create_server(("127.0.0.1", 0), backlog=8)
    t.defer(deaf.close)
    sim, daemon = mailing(t, sink)
    add(daemon.config, f"smtp://127.0.0.1:{deaf.getsockname()[1]}", name="deaf", timeout="1s")
    begin(sim, daemon)
    begun = time.monotonic()
    sim.set("sft", "a", state="COMPLETED")
    sink.wait()
    error = wait_error(t, daemon, name="deaf")
    t.check("time" in error, error)
    t.check(time.monotonic() - begun < 10, "later than its timeout")
    t.equal(daemon.notifier("deaf")["dead"], 0)


@tap.test(limit=90)
def killed_and_started_again(t):
    sink = MailSink(t, data=["hang"])
    sim, daemon = mailing(t, sink)
    begin(sim, daemon)
    sim.set("sft", "a", state="COMPLETED")
    sink.wait(1)
    daemon.kill()  # the server has it, and nobody knows
    daemon.start()
    one, two = sink.wait(2)
    t.equal(one.bytes, two.bytes, "other bytes")
    wait_notifier(t, daemon, delivered=1)
    daemon.kill()
    daemon.start()
    settle(sim)
    t.equal(len(sink.got()), 2, "told again")
    sim.set("sft", "a", state="RUNNING")
    third = sink.wait(3)[2]
    t.equal(third["References"], one["References"], "the same thread after a restart")
    t.check(third["Message-ID"] != one["Message-ID"], "another event")


@tap.test()
def a_burst_takes_one_connection(t):
    ids = [f"j{i}" for i in range(8)]
    sink = MailSink(t)
    sim, daemon = mailing(t, sink, ids=ids)
    begin(sim, daemon, *ids)
    for id_ in ids:
        sim.set("sft", id_, state="COMPLETED")
    got = sink.wait(len(ids))
    wait_notifier(t, daemon, delivered=len(ids))
    t.equal(len({m["Message-ID"] for m in got}), len(ids))
    t.equal({m.session for m in got}, {1}, "connections")


@tap.test()
def a_digest_is_one_mail(t):
    sink = MailSink(t, data=["451 later"])
    sim, daemon = mailing(t, sink, ids=("a", "b"), digest="2s")
    begin(sim, daemon, "a", "b")
    sim.set("sft", "a", state="FAILED")
    sim.set("sft", "b", state="COMPLETED")
    one, two = sink.wait(2)
    for mail in (one, two):
        check_mail(t, mail)
        t.equal(mail["Subject"], "2 events: 1 failed, 1 succeeded")
        t.check("acme/sft/a failed" in mail.text and "acme/sft/b succeeded" in mail.text, mail.text)
        t.check("References" not in mail.message, "a thread of no job")
    t.equal(one.bytes, two.bytes, "other bytes")
    wait_notifier(t, daemon, delivered=2)


@tap.test()
def tried_by_hand(t):
    sink = MailSink(t, data=[None, "554 no"])
    sim, daemon = mailing(t, sink)
    begin(sim, daemon)
    good = daemon.client("test", "mail")
    t.equal(good.code, 0, good.err)
    mail, = sink.got()
    check_mail(t, mail)
    t.check("test: acme/" in mail.text, mail.text)
    bad = daemon.client("test", "mail")
    t.check(bad.code != 0 and "127.0.0.1 answered 554 no" in bad.out + bad.err,
            f"{bad.code} {bad.out} {bad.err}")


if __name__ == "__main__":
    tap.main()
