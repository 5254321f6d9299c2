#!/usr/bin/env python3
"""An SMTP server that misbehaves on request, for the tests of mail. Prints its port.

A recipient's or sender's local part decides, up to a "+": reply-CODE is answered with that code (as
recipient), data-CODE and body-CODE make DATA and the message be answered so, drop ends the connection,
hang leaves the command without an answer, quit-hang does not answer QUIT, once-CODE is refused at
the first try. What comes is noted, a line each, in the file that is named first, if one is.
"""

import socket
import sys
import threading

NOTES = open(sys.argv[1], "a", encoding="latin-1", buffering=1) if len(sys.argv) > 1 else None
GREETING = sys.argv[2] if len(sys.argv) > 2 else "220 hello"
EHLO = sys.argv[3:] or ["SIZE 1000000"]
LOCK = threading.Lock()
SEEN = set()


class Session:
    def __init__(self, connection, number):
        self.connection = connection
        self.file = connection.makefile("rb")
        self.number = number
        self.marks = {}

    def say(self, text):
        self.connection.sendall(text.encode() + b"\r\n")

    def note(self, text):
        if NOTES:
            with LOCK:
                NOTES.write(f"{self.number} {text}\n")

    def address(self, line):
        """What an address asks for; the reply."""
        local = line.partition("<")[2].partition("@")[0].partition("+")[0]
        word, _, code = local.partition("-")
        if word == "drop":
            self.connection.shutdown(socket.SHUT_RDWR)
        if word == "hang":
            threading.Event().wait(60)
        if word == "reply":
            return f"{code}-5.0.0 not\r\n{code} 5.0.0 <this>"
        if word == "once" and line not in SEEN:
            SEEN.add(line)
            return f"{code} later"
        if word in ("data", "body", "quit"):
            self.marks[word] = code
        return "250 ok"

    def body(self):
        lines = []
        while (line := self.file.readline()) not in (b".\r\n", b""):
            lines.append(line)
        for line in lines:
            self.note("| " + line.decode("latin-1").rstrip("\r\n"))
        code = self.marks.get("body")
        if code == "hang":
            threading.Event().wait(60)
        if code == "drop":
            self.connection.shutdown(socket.SHUT_RDWR)
        return f"{code} no" if code else "250 taken"

    def serve(self):
        self.say(GREETING)
        while line := self.file.readline().decode("latin-1").rstrip("\r\n"):
            self.note(line)
            verb = line.split(" ")[0].upper()
            if verb == "EHLO":
                self.say("\r\n".join(["250-hello", *(f"250-{e}" for e in EHLO), "250 HELP"]))
            elif verb == "AUTH":
                self.say("535 5.7.8 wrong")
            elif verb in ("MAIL", "RCPT"):
                if verb == "MAIL":
                    self.marks = {}
                self.say(self.address(line))
            elif verb == "DATA":
                if "data" in self.marks:
                    self.say(f"{self.marks['data']} no")
                    continue
                self.say("354 go on")
                self.say(self.body())
            elif verb == "QUIT" and self.marks.get("quit") != "hang":
                self.say("221 bye")
                break
            elif verb != "QUIT":
                self.say("250 ok")
        self.note("end")
        self.connection.close()


def run(session):
    try:
        session.serve()
    except OSError:
        session.note("broken")


def main():
    server = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(server.getsockname()[1], flush=True)

    def accept():
        number = 0
        while True:
            connection, _ = server.accept()
            number += 1
            threading.Thread(target=run, args=(Session(connection, number),), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.buffer.read()  # until whoever started this ends


if __name__ == "__main__":
    main()
