"""Which allocation of the daemon is to fail: see fault_alloc.c."""

import mmap
import struct

PLAN = struct.Struct("=qQQ")  # struct plan of fault_alloc.c


class Plan:
    """The page that the daemon shares with us."""

    def __init__(self, t):
        self.path = t.path("plan")
        with open(self.path, "wb") as file:
            file.write(bytes(mmap.PAGESIZE))
        with open(self.path, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), mmap.PAGESIZE)

    def fail_at(self, n):
        """The n-th from now on; 0: none."""
        struct.pack_into("=q", self.page, 0, n)

    @property
    def count(self):
        return PLAN.unpack_from(self.page)[1]

    @property
    def failed(self):
        return PLAN.unpack_from(self.page)[2]
