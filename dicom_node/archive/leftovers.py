"""What a crash left half-written in `incoming/`; none of it was acknowledged. Each name has the process in it that writes the file."""

from __future__ import annotations

import os
import re
from pathlib import Path

_NAME = re.compile(r"(?:[a-z]+-)?([0-9]+)-[0-9]+\Z")


def sweep(folder: Path, beginning: str = "") -> None:
    """Remove files with this `beginning`, at the start of a process: but those of other processes that run (a recall, a repair, an upload)."""
    for left in folder.iterdir():
        if left.name.startswith(beginning) and not _is_being_written(left.name):
            left.unlink(missing_ok=True)


def _is_being_written(name: str) -> bool:
    found = _NAME.match(name)
    if found is None:
        return False
    process = int(found[1])
    return process != os.getpid() and Path(f"/proc/{process}").exists()  # this one has only begun: its number was another's before
