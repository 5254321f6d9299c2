#!/usr/bin/env python3
"""A real SMTP server for the tests of mail, aiosmtpd, which takes messages and keeps them.

The tests have the class MailSink. It runs this file as a program of its own, under an interpreter that
has aiosmtpd; the program's argument is a JSON object, see MailSink.
"""

import asyncio
import base64
import email
import email.policy
import itertools
import json
import os
import socket
import ssl
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


class Mail:
    """A message that the sink was given, accepted or not."""

    def __init__(self, record):
        self.sender = record["from"]
        self.recipients = record["to"]
        self.tls = record["tls"]
        self.user = record["user"]
        self.session = record["session"]
        self.bytes = base64.b64decode(record["data"])
        self.message = email.message_from_bytes(self.bytes, policy=email.policy.default)

    def __getitem__(self, header):
        return str(self.message[header])

    @property
    def text(self):
        return self.message.get_content()

    def defects(self):
        """What Python's parser has to say against it, its headers included."""
        parts = [self.message, *(self.message[name] for name in self.message.keys())]
        return [defect for part in parts for defect in part.defects]


def interpreter():
    """A Python that has aiosmtpd, or None."""
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", "import aiosmtpd"], capture_output=True,
                          check=False).returncode == 0:
            return python
    return None


class MailSink:
    """
    tls: None, "starttls" (and nothing without it) or "smtps"; cert: the name of one of make-certs.sh's;
    user, password: who has to log in; rcpt: {address: reply}; data: replies to messages, one after the
    other: None accepts, "hang" keeps the message and does not answer, else the reply itself.
    """

    def __init__(self, t, tls=None, cert="good", certs=None, **options):
        from harness import die_with_parent, tap

        python = interpreter()
        if not python:
            raise tap.Skip("needs aiosmtpd (Debian: apt-get install python3-aiosmtpd)")
        self.t = t
        self.tls = tls
        self.path = t.path(f"mail-{id(self)}")
        with open(self.path, "wb"):
            pass
        options.update(tls=tls, path=self.path)
        if tls:
            options.update(cert=os.path.join(certs, f"{cert}.pem"),
                           key=os.path.join(certs, "key.pem"))
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.socket.getsockname()[1]
        options["fd"] = self.socket.fileno()
        self.program = subprocess.Popen(
            [python, os.path.join(HERE, "mail_sink.py"), json.dumps(options)],
            pass_fds=[self.socket.fileno()], preexec_fn=die_with_parent)
        self.socket.close()
        t.defer(self.stop)

    def stop(self):
        self.program.kill()
        self.program.wait()

    def url(self, host="127.0.0.1"):
        return f"{'smtps' if self.tls == 'smtps' else 'smtp'}://{host}:{self.port}"

    def got(self):
        with open(self.path, encoding="ascii") as file:
            return [Mail(json.loads(line)) for line in file if line.endswith("\n")]

    def wait(self, count=1, timeout=20):
        self.t.wait(lambda: len(self.got()) >= count, timeout, f"{count} mails")
        return self.got()


class Handler:
    def __init__(self, options):
        self.options = options
        self.replies = list(options.get("data", ()))
        self.numbers = itertools.count(1)

    # The names are aiosmtpd's.
    async def handle_RCPT(self, _server, _session, envelope, address, _options):
        reply = self.options.get("rcpt", {}).get(address)
        if reply:
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, session, envelope):
        if not hasattr(session, "number"):
            session.number = next(self.numbers)
        user = session.auth_data.login.decode() if session.auth_data else None
        record = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": bool(session.ssl),
                  "user": user, "session": session.number,
                  "data": base64.b64encode(envelope.original_content).decode()}
        with open(self.options["path"], "a", encoding="ascii") as file:
            file.write(json.dumps(record) + "\n")
        reply = self.replies.pop(0) if self.replies else None
        if reply == "hang":
            await asyncio.sleep(3600)
        return reply or "250 OK"


def serve(options):
    from aiosmtpd.smtp import SMTP, AuthResult

    def authenticate(_server, _session, _envelope, _mechanism, data):
        good = (data.login.decode() == options["user"]
                and data.password.decode() == options["password"])
        return AuthResult(success=good, handled=False, auth_data=data)

    context = None
    if options["tls"]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options["cert"], options["key"])
    handler = Handler(options)
    starttls = options["tls"] == "starttls"
    more = {"tls_context": context, "require_starttls": True} if starttls else {}
    if "user" in options:
        more.update(authenticator=authenticate, auth_required=True,
                    auth_require_tls=bool(options["tls"]) and starttls)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(loop.create_server(
        lambda: SMTP(handler, loop=loop, hostname="sink", **more),
        sock=socket.socket(fileno=options["fd"]),
        ssl=context if options["tls"] == "smtps" else None))
    loop.run_forever()


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
