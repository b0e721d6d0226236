"""Keeping pynetdicom's own thread out of an association that the node (or another sender of ours) opened itself.

pynetdicom pauses that thread for each request only. On a busy machine it can slip through between two requests and take the answer of the
second, which its sender then waits for in vain ("no answer").
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pynetdicom.association import Association


class _Pause(threading.Event):
    """The checkpoint at which the thread waits: closed until `end`, whoever would open it before."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self._ended = False

    def wait(self, timeout: float | None = None) -> bool:
        """Wait here; says first that the thread has come."""
        self.reached.set()
        return super().wait(timeout)

    def set(self) -> None:
        """Open, once the pause has ended."""
        if self._ended:
            super().set()

    def end(self) -> None:
        """Let the thread go on."""
        self._ended = True
        self.set()


@contextmanager
def thread_paused(association: Association) -> Iterator[None]:
    """An established association without its own thread, for as many requests as one likes; release or abort it after the block."""
    pause = _Pause()
    before, association._reactor_checkpoint = association._reactor_checkpoint, pause  # noqa: SLF001 - guarded by tests/dicom_node/test_pause.py
    before.set()
    while association.is_alive() and not pause.reached.wait(0.5):
        pass
    try:
        yield
    finally:
        pause.end()
