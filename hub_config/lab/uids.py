"""Who is who inside: one uid of a pool for each researcher, for ever, so that what he leaves behind never becomes another's."""

from __future__ import annotations

import json
import os
from pathlib import Path

from hub_config.keys import write_private


class PoolEmptyError(Exception):
    """Every uid of the pool belongs to somebody."""


class UidPool:
    """Table user name → uid in a file."""

    def __init__(self, file: Path, first: int, last: int) -> None:
        self._file, self._first, self._last = file, first, last

    def uid_of(self, username: str) -> int:
        """His uid, given at the first time; `PoolEmptyError` when there is none left."""
        table: dict[str, int] = json.loads(self._file.read_text(encoding="utf-8")) if self._file.exists() else {}
        if username in table:
            return table[username]
        taken = set(table.values())
        free = next((uid for uid in range(self._first, self._last + 1) if uid not in taken), None)
        if free is None:
            raise PoolEmptyError(f"{self._first}-{self._last}")
        write_private(self._file, json.dumps(table | {username: free}, ensure_ascii=False, indent=1))
        return free


def own_home(home: Path, uid: int) -> None:
    """The home, closed to others and all of it owned by `uid` (once: when its top is not yet)."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if home.stat().st_uid == uid or os.geteuid() != 0:
        return
    for _, folders, files, place in os.fwalk(home, follow_symlinks=False):
        for name in (*folders, *files):
            os.chown(name, uid, uid, dir_fd=place, follow_symlinks=False)
    os.chown(home, uid, uid)
