"""The sleep of the machine under a daemon that can be made to break."""

import os
import time


class Machine:
    """Its daemon runs with `env`; see fault_sleep.c. How long it slept outlives the daemon."""

    def __init__(self, t):
        self.t = t
        self.path = t.path("slept")
        self.env = {"TW_FAULT_SLEEP": self.path}
        self.slept_ms = 0

    def sleep(self, hours=0, minutes=0, seconds=0):
        """Back when it is awake again, so that long later by all clocks but the monotonic one."""
        self.slept_ms += round(((hours * 60 + minutes) * 60 + seconds) * 1000)
        with open(f"{self.path}.new", "w", encoding="utf-8") as file:
            file.write(f"{self.slept_ms}\n")
        os.rename(f"{self.path}.new", self.path)
        self.t.wait(self.is_awake, 30, f"the end of the sleep, at {self.slept_ms} ms")

    def now(self):
        """What time it is there, in seconds since the Epoch."""
        return time.time() + self.slept_ms / 1000

    def is_awake(self):
        try:
            with open(f"{self.path}.done", encoding="utf-8") as file:
                return file.read() == f"{self.slept_ms}\n"
        except FileNotFoundError:
            return False
