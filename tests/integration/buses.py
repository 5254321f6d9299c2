"""A D-Bus of the test's own, and scripted services on it."""

import json
import os
import shutil
import subprocess
import sys

from harness import die_with_parent, tap


class Bus:
    """dbus-daemon, with an address that stays the same when it is started again."""

    CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>{address}</listen>{services}<auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow eavesdrop="true"/><allow own="*"/>
</policy></busconfig>
"""

    def __init__(self, t, services=""):
        if not shutil.which("dbus-daemon"):
            raise tap.Skip("needs dbus-daemon (Debian: dbus-daemon)")
        self.address = f"unix:path={t.path('bus')}"
        self.config = t.path("bus.conf")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(self.CONFIG.format(address=self.address, services=services))
        self.program = None
        self.env = {"DBUS_SYSTEM_BUS_ADDRESS": self.address,
                    "DBUS_SESSION_BUS_ADDRESS": self.address}
        t.defer(self.stop)
        self.start()

    def start(self):
        self.program = subprocess.Popen(
            ["dbus-daemon", f"--config-file={self.config}", "--nofork", "--print-address"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, preexec_fn=die_with_parent)
        self.program.stdout.readline()  # it listens

    def stop(self):
        if self.program:
            self.program.kill()
            self.program.wait()
            self.program.stdout.close()
            self.program = None


class Service:
    """A scripted service, one of the programs *_sim.py: a line of JSON in, one out."""

    def __init__(self, t, bus, program, *args):
        here = os.path.dirname(os.path.abspath(__file__))
        self.argv = [sys.executable, os.path.join(here, program), bus.address, *args]
        try:
            subprocess.run([sys.executable, "-c", "import dbus, gi"], check=True,
                           capture_output=True)
        except subprocess.CalledProcessError:
            raise tap.Skip("needs python3-dbus and python3-gi") from None
        self.program = None
        t.defer(self.stop)
        self.start()

    def start(self):
        self.program = subprocess.Popen(
            self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=die_with_parent)
        self.program.stdout.readline()  # it has its name

    def stop(self):
        self.program.kill()
        self.program.communicate()

    def do(self, **command):
        self.program.stdin.write(f"{json.dumps(command)}\n")
        self.program.stdin.flush()
        return json.loads(self.program.stdout.readline())

    def seen(self):
        return self.do(do="seen")
