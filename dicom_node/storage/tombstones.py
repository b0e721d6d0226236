"""Tombstones: what was deleted on purpose, by which rule and why. They outlive every rebuild of the index: `<data>/tombstones.sqlite`.

The journal keeps the lines of deleted instances. A line before the end that the journal had at the deletion is dead; the same
bytes sent again afterwards are a new arrival, and shown.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_CREATE = """
CREATE TABLE IF NOT EXISTS tombstone (arrival INTEGER NOT NULL, digest TEXT NOT NULL, institution TEXT NOT NULL, sop_uid TEXT NOT NULL,
  study_uid TEXT NOT NULL, series_uid TEXT NOT NULL, size INTEGER NOT NULL, reason TEXT NOT NULL, rule TEXT NOT NULL, at TEXT NOT NULL,
  until INTEGER NOT NULL, done INTEGER NOT NULL, PRIMARY KEY (arrival));
CREATE INDEX IF NOT EXISTS tombstone_digest ON tombstone (digest);
CREATE INDEX IF NOT EXISTS tombstone_done ON tombstone (done);
"""
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Tombstone:
    """One deleted instance."""

    arrival: int
    digest: str
    institution: str
    sop_uid: str
    study_uid: str
    series_uid: str
    size: int
    reason: str
    rule: str
    at: str
    until: int  # end of the journal at the deletion


class Tombstones:
    """The file; any thread may use it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = FULL")
        self._file.executescript(_CREATE)

    def add(self, rows: Iterable[dict[str, object]], reason: str, rule: str, until: int) -> None:
        """Bury instances (rows of the index); nothing is deleted before this is on the disk."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        values = [
            (r["arrival"], r["digest"], r["institution"], r["sop_uid"], r["study_uid"], r["series_uid"], r["size"], reason, rule, at, until)
            for r in rows
        ]
        with self._lock:
            self._file.execute("BEGIN IMMEDIATE")
            try:
                self._file.executemany("INSERT OR IGNORE INTO tombstone VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)", values)
                self._file.execute("COMMIT")
            except BaseException:
                self._file.execute("ROLLBACK")
                raise

    def dead(self, digests: Sequence[str]) -> dict[tuple[str, str], int]:
        """(institution, digest) → journal end before which a line of it is dead."""
        found: dict[tuple[str, str], int] = {}
        with self._lock:
            for at in range(0, len(digests), _AT_ONCE):
                part = list(digests[at : at + _AT_ONCE])
                marks = ", ".join("?" * len(part))
                for institution, digest, until in self._file.execute(
                    f"SELECT institution, digest, max(until) FROM tombstone WHERE digest IN ({marks}) GROUP BY institution, digest",  # noqa: S608
                    part,
                ):
                    found[institution, digest] = until
        return found

    def undone(self) -> list[Tombstone]:
        """Buried, but the files may still be there."""
        with self._lock:
            return [
                Tombstone(*row)
                for row in self._file.execute(
                    "SELECT arrival, digest, institution, sop_uid, study_uid, series_uid, size, reason, rule, at, until FROM tombstone "
                    "WHERE NOT done ORDER BY arrival"
                )
            ]

    def finish(self, arrivals: Iterable[int]) -> None:
        """The files of these are gone."""
        with self._lock:
            self._file.executemany("UPDATE tombstone SET done = 1 WHERE arrival = ?", [(arrival,) for arrival in arrivals])

    def count(self) -> int:
        """How many instances were deleted ever."""
        with self._lock:
            return int(self._file.execute("SELECT count(*) FROM tombstone").fetchone()[0])
