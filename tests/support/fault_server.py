#!/usr/bin/python3
"""An HTTP/1.1 server that misbehaves on request: the first part of the path says how.

Prints its port, serves on 127.0.0.1 until standard input ends, one thread a connection.
"""
import email.utils
import gzip
import os
import socket
import struct
import sys
import threading
import time
import urllib.parse
import zlib

CHUNK = 16 << 10


class Gone(Exception):
    """The connection is to be dropped."""


class Request:
    def __init__(self, head, body):
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, self.version = lines[0].split(" ")
        parts = urllib.parse.urlsplit(self.target)
        self.mode = parts.path.strip("/").split("/")[0]
        self.query = urllib.parse.parse_qsl(parts.query)
        self.raw = head + b"\r\n\r\n" + body


class Connection:
    count = 0

    def __init__(self, sock):
        Connection.count += 1
        self.number = Connection.count
        self.sock = sock
        self.pending = b""

    def receive(self):
        data = self.sock.recv(CHUNK)
        if not data:
            raise Gone
        self.pending += data

    def hold(self):
        """Waits until the other side has had enough."""
        while True:
            self.receive()
            self.pending = b""

    def read_request(self):
        while b"\r\n\r\n" not in self.pending:
            if self.pending[:1] == b"\x16":  # a TLS handshake: never answered
                self.hold()
            self.receive()
        head, self.pending = self.pending.split(b"\r\n\r\n", 1)
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        while len(self.pending) < length:
            self.receive()
        body, self.pending = self.pending[:length], self.pending[length:]
        return Request(head, body)

    def head(self, status=200, headers=()):
        lines = [f"HTTP/1.1 {status} Said So"] + [f"{k}: {v}" for k, v in headers]
        self.sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def answer(self, body=b"{}", status=200, headers=(), kind="application/json"):
        given = [("Content-Type", kind), ("Content-Length", len(body))]
        self.head(status, given + list(headers))
        self.sock.sendall(body)

    def serve(self):
        try:
            while True:
                request = self.read_request()
                mode = "connect" if request.method == "CONNECT" else request.mode
                MODES[mode](self, request)
        except (Gone, OSError):
            pass
        finally:
            self.sock.close()


def reset(conn, _):
    conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Gone


def close(_, __):
    raise Gone


def reset_midway(conn, request):
    conn.head(200, [("Content-Length", 1000)])
    conn.sock.sendall(b"x" * 10)
    reset(conn, request)


def truncate(conn, _):
    conn.head(200, [("Content-Length", 1000)])
    conn.sock.sendall(b"x" * 10)
    raise Gone


def truncate_chunk(conn, _):
    conn.head(200, [("Transfer-Encoding", "chunked")])
    conn.sock.sendall(b"ff\r\nxx")
    raise Gone


def never(conn, _):
    conn.hold()


def drip(conn, _):
    conn.head(200, [("Content-Length", 1000)])
    while True:
        conn.sock.sendall(b"x")
        time.sleep(0.05)


def huge(conn, _):
    conn.head(200, [("Content-Length", 1 << 40)])
    while True:
        conn.sock.sendall(b"x" * CHUNK)


def endless(conn, _):
    conn.head(200, [("Transfer-Encoding", "chunked")])
    while True:
        conn.sock.sendall(b"%x\r\n" % CHUNK + b"x" * CHUNK + b"\r\n")


def sized(conn, request):
    conn.answer(b"x" * int(dict(request.query)["n"]))


def zipped(conn, _):
    conn.answer(gzip.compress(b'{"zipped":true}'), headers=[("Content-Encoding", "gzip")])


def bomb(conn, _):
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    body = b"".join(packer.compress(b"\0" * (1 << 20)) for _ in range(32)) + packer.flush()
    conn.answer(body, headers=[("Content-Encoding", "gzip")])


def bad_zip(conn, _):
    conn.answer(b"this is not gzip at all", headers=[("Content-Encoding", "gzip")])


def redirect(conn, _):
    conn.answer(status=302, headers=[("Location", "/echo")])


def answer(conn, request):
    """Status and headers from the query; a value "+N" is the date N seconds from now."""
    fields = dict(request.query)
    status = int(fields.pop("status", "200"))
    for name, value in fields.items():
        if value.startswith("+"):
            fields[name] = email.utils.formatdate(time.time() + int(value[1:]), usegmt=True)
    conn.answer(status=status, headers=fields.items())


def html(conn, _):
    conn.answer(b"<html>Sign in</html>", kind="text/html")


def http10(conn, _):
    conn.sock.sendall(b"HTTP/1.0 200 OK\r\n\r\nold but fine")
    raise Gone


def http09(conn, _):
    conn.sock.sendall(b"just text, and no head\r\n")
    raise Gone


def bad_header(conn, _):
    conn.sock.sendall(b"HTTP/1.1 200 OK\r\nno colon in this line\r\nContent-Length: 2\r\n\r\n{}")


def bad_length(conn, _):
    conn.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}")


def big_header(conn, _):
    conn.answer(headers=[("X-Big", "x" * (400 << 10))])


def many_headers(conn, _):
    conn.answer(headers=[(f"X-{i}", "x" * 1000) for i in range(1000)])


def echo(conn, request):
    conn.answer(request.raw, kind="text/plain")


def which(conn, _):
    conn.answer(str(conn.number).encode())


def connect(conn, _):
    conn.answer(b"", status=407)


MODES = {
    f.__name__.replace("_", "-"): f
    for f in (
        reset, close, reset_midway, truncate, truncate_chunk, never, drip, huge, endless, sized,
        zipped, bomb, bad_zip, redirect, answer, html, http10, http09, bad_header, bad_length,
        big_header, many_headers, echo, which, connect,
    )
}


def accept(listener):
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=Connection(sock).serve, daemon=True).start()


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=accept, args=(listener,), daemon=True).start()
    sys.stdin.buffer.read()
    os._exit(0)  # connections may be under way, and nobody waits for them


if __name__ == "__main__":
    main()
