"""Giving memory back to the system that the process does not need any more.

What a burst of images needed stays with the allocator, in pieces between what is still in use, and every burst leaves other pieces: a
node that runs for months would grow for nothing. After each stretch of work it is given back, when nobody waits.
"""

from __future__ import annotations

import ctypes
import gc
import sys


def give_back() -> None:
    """Collect what refers to itself, then return free pages of the C allocator (glibc only; elsewhere nothing happens) and of Arrow's."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    if arrow := sys.modules.get("pyarrow"):
        arrow.default_memory_pool().release_unused()


class Rest:
    """Notices when work has come to rest; one thread looks."""

    def __init__(self) -> None:
        self._seen: object = None
        self._given: object = None

    def look(self, work: object) -> None:
        """`work` is another value after each piece of work: give back when it stands still, once after each stretch."""
        if work == self._seen and work != self._given:
            give_back()
            self._given = work
        self._seen = work
