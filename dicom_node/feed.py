"""The images feed: one append-only table of what happened, numbered without gaps in order of visibility.

Its own SQLite file with its own journal cursor: a crash between index and feed loses and doubles nothing, because the rows
of an arrival carry a key that exists once, and are committed together with the cursor.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

SCHEMA = 1
_CREATE = """
CREATE TABLE IF NOT EXISTS feed (seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, at TEXT NOT NULL,
  institution TEXT NOT NULL, study_uid TEXT, series_uid TEXT, sop_uid TEXT, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS unquiet (study_uid TEXT NOT NULL, series_uid TEXT NOT NULL, arrival INTEGER NOT NULL,
  PRIMARY KEY (study_uid, series_uid));
CREATE TABLE IF NOT EXISTS retried (arrival INTEGER PRIMARY KEY);
"""


@dataclass(frozen=True, slots=True)
class Event:
    """A row to be; `key` exists once in the feed."""

    key: str
    kind: str
    institution: str
    study_uid: str | None
    series_uid: str | None = None
    sop_uid: str | None = None
    data: dict[str, Any] = field(default_factory=dict)


class Feed:
    """The feed's file. Any thread may append or read."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock = threading.Lock()
        self._writer = self._connect()
        self._writer.executescript(_CREATE)
        self._local = threading.local()
        self._listeners: list[Callable[[], None]] = []

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=30)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
        return connection

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` (from any thread) after rows were added."""
        self._listeners.append(listener)

    def cursor(self) -> int:
        """Arrival number up to which the journal is in the feed."""
        found = self._reader().execute("SELECT value FROM state WHERE name = 'journal'").fetchone()
        return int(found[0]) if found else 0

    def append(
        self,
        events: Iterable[Event],
        *,
        cursor: int | None = None,
        unquiet: Iterable[tuple[str, str, int]] = (),
        quiet: Iterable[tuple[str, str, int]] = (),
        retried: int | None = None,
    ) -> int:
        """Add events that are not there yet, in one transaction with the cursor and the series that wait to be quiet."""
        added = 0
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._lock:
            writer = self._writer
            writer.execute("BEGIN IMMEDIATE")
            try:
                seq = int(writer.execute("SELECT coalesce(max(seq), 0) FROM feed").fetchone()[0])
                for event in events:
                    if writer.execute("SELECT 1 FROM feed WHERE key = ?", (event.key,)).fetchone():
                        continue
                    seq += 1
                    added += 1
                    data = orjson.dumps(event.data)
                    writer.execute(
                        "INSERT INTO feed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        (seq, event.key, event.kind, at, event.institution, event.study_uid, event.series_uid, event.sop_uid, data),
                    )
                writer.executemany("INSERT OR REPLACE INTO unquiet VALUES (?, ?, ?)", unquiet)
                writer.executemany("DELETE FROM unquiet WHERE study_uid = ? AND series_uid = ? AND arrival = ?", quiet)
                if retried is not None:
                    writer.execute("DELETE FROM retried WHERE arrival = ?", (retried,))
                if cursor is not None:
                    writer.execute("INSERT OR REPLACE INTO state VALUES ('journal', ?)", (cursor,))
                writer.execute("COMMIT")
            except BaseException:
                writer.execute("ROLLBACK")
                raise
        if added:
            for listener in self._listeners:
                listener()
        return added

    def head(self) -> int:
        """Number of the last row; 0 when there is none."""
        return int(self._reader().execute("SELECT coalesce(max(seq), 0) FROM feed").fetchone()[0])

    def retry(self, arrival: int) -> None:
        """Remember that `arrival`, already behind the cursor, is about to be indexed: a crash must not lose its rows."""
        with self._lock:
            self._writer.execute("INSERT OR IGNORE INTO retried VALUES (?)", (arrival,))

    def retried(self) -> list[int]:
        """Arrivals behind the cursor whose rows may be missing."""
        return [int(arrival) for (arrival,) in self._reader().execute("SELECT arrival FROM retried ORDER BY arrival")]

    def waiting(self) -> list[tuple[str, str, int]]:
        """Series that got an image and were not yet reported quiet: (study, series, last arrival)."""
        return [(str(s), str(r), int(a)) for s, r, a in self._reader().execute("SELECT study_uid, series_uid, arrival FROM unquiet")]

    def read(self, since: int, limit: int, institutions: frozenset[str] | None) -> tuple[list[dict[str, Any]], int]:
        """Rows after `since` that belong to `institutions` (None: all), and the number to go on from."""
        cursor = self._reader().execute(
            "SELECT seq, kind, at, institution, study_uid, series_uid, sop_uid, data FROM feed WHERE seq > ? ORDER BY seq LIMIT ?",
            (since, limit),
        )
        rows, last = [], since
        for seq, kind, at, institution, study, series, sop, data in cursor:
            last = seq
            if institutions is None or institution in institutions:
                rows.append(
                    {
                        "seq": seq, "kind": kind, "schema": SCHEMA, "at": at, "institution": institution, "study_uid": study,
                        "series_uid": series, "sop_uid": sop, "data": orjson.loads(data),
                    }
                )  # fmt: skip
        return rows, last
