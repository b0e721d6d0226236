"""What each of the processes that run tests has for itself, so that they never meet: ports, and the uids of researchers' rooms."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from itertools import cycle
from pathlib import Path

NUMBER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
"""0 in a run without workers."""
ROOM_UIDS = f"{22_000 + 100 * (NUMBER % 8)}-{22_099 + 100 * (NUMBER % 8)}"
"""For HUB_LAB_UIDS: limits of a room are counted by its uid."""
_FIRST, _BEHIND = 10_000, 20_000  # below those that hubs choose from, and those that the system gives to clients
_next = cycle((*range(_FIRST + os.getpid() % (_BEHIND - _FIRST), _BEHIND), *range(_FIRST, _FIRST + os.getpid() % (_BEHIND - _FIRST))))
_mine: list[int] = []  # descriptors of the locks, held until this process ends


def take_free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on now and that no other process of tests takes while this one runs."""
    folder = Path(tempfile.gettempdir()) / f"test-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for _ in range(_BEHIND - _FIRST):
        port = next(_next)
        lock = os.open(folder / str(port), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            os.close(lock)
            continue
        _mine.append(lock)
        return port
    raise OSError("every port for tests is taken")
