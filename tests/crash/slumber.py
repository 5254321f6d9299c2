"""The sleep of the machine under a daemon that can be made to break, and its clock being set."""

import os
import time


class Machine:
    """Its daemon runs with `env`; see fault_sleep.c. How long it slept, and by how much its clock was
    set, outlives the daemon."""

    def __init__(self, t):
        self.t = t
        self.path = t.path("slept")
        self.env = {"TW_FAULT_SLEEP": self.path}
        self.slept_ms = 0
        self.set_ms = 0

    def sleep(self, hours=0, minutes=0, seconds=0):
        """Back when it is awake again, so that long later by all clocks but the monotonic one."""
        self.slept_ms += round(((hours * 60 + minutes) * 60 + seconds) * 1000)
        self.apply()

    def set_clock(self, hours):
        """The time of day is set, ahead or (less than 0) back; no other clock."""
        self.set_ms += round(hours * 3600 * 1000)
        self.apply()

    def apply(self):
        with open(f"{self.path}.new", "w", encoding="utf-8") as file:
            file.write(self.text())
        os.rename(f"{self.path}.new", self.path)
        self.t.wait(self.is_done, 30, f"the machine to be at {self.text()!r}")

    def text(self):
        return f"{self.slept_ms} {self.set_ms}\n"

    def now(self):
        """What time it is there, in seconds since the Epoch."""
        return time.time() + (self.slept_ms + self.set_ms) / 1000

    def is_done(self):
        try:
            with open(f"{self.path}.done", encoding="utf-8") as file:
                return file.read() == self.text()
        except FileNotFoundError:
            return False
