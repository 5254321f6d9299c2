"""The disk of a daemon that can be made to break."""

import os


class Disk:
    """The file that says what is wrong with it, see fault_power.c: TW_FAULT_DISK is its path."""

    def __init__(self, t, state_dir):
        self.path = t.path("disk")
        self.dir = state_dir
        self.set()

    def set(self, *lines):
        """From now on only these are wrong."""
        with open(f"{self.path}.new", "w", encoding="utf-8") as file:
            file.write("\n".join([f"dir {self.dir}", *lines, ""]))
        os.rename(f"{self.path}.new", self.path)

    def syncs(self):
        with open(f"{self.path}.syncs", encoding="utf-8") as file:
            return int(file.read() or 0)
