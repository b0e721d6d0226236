"""Tombstones: what was deleted on purpose, by which rule and why. They outlive every rebuild of the index: `<data>/tombstones.sqlite`.

The journal keeps the lines of deleted instances. A line before the end that the journal had at the deletion is dead; the same
bytes sent again afterwards are a new arrival, and shown.

A tombstone is done when no volume can have a copy any more. Until then the table `pending` names those that may, also one that was
taken out of the plan: its copies go when it is back.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_CREATE = """
CREATE TABLE IF NOT EXISTS tombstone (arrival INTEGER NOT NULL, digest TEXT NOT NULL, institution TEXT NOT NULL, sop_uid TEXT NOT NULL,
  study_uid TEXT NOT NULL, series_uid TEXT NOT NULL, size INTEGER NOT NULL, reason TEXT NOT NULL, rule TEXT NOT NULL, at TEXT NOT NULL,
  until INTEGER NOT NULL, done INTEGER NOT NULL, PRIMARY KEY (arrival));
CREATE INDEX IF NOT EXISTS tombstone_digest ON tombstone (digest);
CREATE INDEX IF NOT EXISTS tombstone_done ON tombstone (done);
CREATE TABLE IF NOT EXISTS pending (volume TEXT NOT NULL, arrival INTEGER NOT NULL, PRIMARY KEY (volume, arrival)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pending_arrival ON pending (arrival);
"""
# the column `done`: the index still knows it; all copies are gone; only copies on volumes are left
_FRESH, _DONE, _WAITS = 0, 1, 2
_COLUMNS = "t.arrival, t.digest, t.institution, t.sop_uid, t.study_uid, t.series_uid, t.size, t.reason, t.rule, t.at, t.until"
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

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._file.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._file.execute("COMMIT")
            except BaseException:
                self._file.execute("ROLLBACK")
                raise

    def add(self, rows: Iterable[dict[str, object]], reason: str, rule: str, until: int) -> None:
        """Bury instances (rows of the index); nothing is deleted before this is on the disk."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        values = [
            (r["arrival"], r["digest"], r["institution"], r["sop_uid"], r["study_uid"], r["series_uid"], r["size"], reason, rule, at, until)
            for r in rows
        ]
        with self._transaction():
            self._file.executemany("INSERT OR IGNORE INTO tombstone VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)", values)

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
        """Buried, but the index and the online folder may not know it yet."""
        with self._lock:
            found = self._file.execute(f"SELECT {_COLUMNS} FROM tombstone t WHERE t.done = {_FRESH} ORDER BY t.arrival")  # noqa: S608
            return [Tombstone(*row) for row in found]

    def forgotten(self, volumes: Mapping[int, Iterable[str]]) -> None:
        """Index and online folder have nothing of these arrivals any more; the volumes of each may still have its copy."""
        with self._transaction():
            for arrival, names in volumes.items():
                waits = [(name, arrival) for name in names]
                self._file.executemany("INSERT OR IGNORE INTO pending VALUES (?, ?)", waits)
                self._file.execute("UPDATE tombstone SET done = ? WHERE arrival = ?", (_WAITS if waits else _DONE, arrival))

    def pending(self, volume: str, limit: int) -> list[Tombstone]:
        """Some whose copy on `volume` is still to be removed; `limit` -1: all."""
        with self._lock:
            found = self._file.execute(
                f"SELECT {_COLUMNS} FROM pending p JOIN tombstone t ON t.arrival = p.arrival WHERE p.volume = ? LIMIT ?",  # noqa: S608
                (volume, limit),
            )
            return [Tombstone(*row) for row in found]

    def removed(self, volume: str, arrivals: Iterable[int]) -> None:
        """`volume` has no copy of these any more."""
        with self._transaction():
            for arrival in arrivals:
                self._file.execute("DELETE FROM pending WHERE volume = ? AND arrival = ?", (volume, arrival))
                self._file.execute(
                    "UPDATE tombstone SET done = ? WHERE arrival = ? AND NOT EXISTS (SELECT 1 FROM pending WHERE arrival = ?)",
                    (_DONE, arrival, arrival),
                )

    def reopen(self, volume: str, digests: Sequence[str]) -> int:
        """Copies of `digests` were found on `volume`: those of buried files are to be removed; returns how many."""
        count = 0
        with self._transaction():
            for at in range(0, len(digests), _AT_ONCE):
                part = list(digests[at : at + _AT_ONCE])
                found = self._file.execute(
                    f"SELECT arrival FROM tombstone WHERE done <> {_FRESH} AND digest IN ({', '.join('?' * len(part))})",  # noqa: S608
                    part,
                ).fetchall()
                for (arrival,) in found:
                    self._file.execute("INSERT OR IGNORE INTO pending VALUES (?, ?)", (volume, arrival))
                    self._file.execute("UPDATE tombstone SET done = ? WHERE arrival = ?", (_WAITS, arrival))
                count += len(found)
        return count

    def waiting(self) -> dict[str, int]:
        """Volume → copies on it that are still to be removed."""
        with self._lock:
            return dict(self._file.execute("SELECT volume, count(*) FROM pending GROUP BY volume ORDER BY volume").fetchall())

    def count(self) -> int:
        """How many instances were deleted ever."""
        with self._lock:
            return int(self._file.execute("SELECT count(*) FROM tombstone").fetchone()[0])
