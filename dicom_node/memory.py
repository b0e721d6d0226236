"""Giving memory back to the system that the process does not need any more.

What a burst of images needed stays with the allocator, in pieces between what is still in use, and every burst leaves other pieces: a
node that runs for months would grow for nothing. After each stretch of work it is given back, when nobody waits.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import time
from collections.abc import Callable


def give_back() -> None:
    """Collect what refers to itself, then return free pages of the C allocator (glibc only; elsewhere nothing happens) and of Arrow's."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    if arrow := sys.modules.get("pyarrow"):
        arrow.default_memory_pool().release_unused()


class Rest:
    """Notices when work has come to rest, and gives back then; one thread looks."""

    def __init__(self, give: Callable[[], None] = give_back, after: float = 0.0) -> None:
        self._give, self._after = give, after
        self._seen: object = None
        self._since = 0.0
        self._given: object = None

    def look(self, work: object) -> None:
        """`work` is another value after each piece of work: give back when it has stood still for `after` seconds, once after each stretch."""
        now = time.monotonic()
        if work != self._seen:
            self._seen, self._since = work, now
        elif work != self._given and now - self._since >= self._after:
            self._give()
            self._given = work
