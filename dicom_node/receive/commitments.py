"""Requests of storage commitment, on disk before they are accepted and until their report is delivered."""

from __future__ import annotations

import sqlite3
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

_CREATE = """
CREATE TABLE IF NOT EXISTS request (id INTEGER PRIMARY KEY, institution TEXT NOT NULL, aet TEXT NOT NULL, address TEXT NOT NULL,
  transaction_uid TEXT NOT NULL, instances BLOB NOT NULL, journal INTEGER NOT NULL, asked_at TEXT NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL, ended_at TEXT, outcome TEXT, UNIQUE (institution, aet, transaction_uid));
CREATE INDEX IF NOT EXISTS request_due ON request (due) WHERE ended_at IS NULL;
"""
LONGEST_PAUSE = 900.0
GIVE_UP_AFTER = 7 * 86400.0
"""Seconds: the longest pause between two tries, and how long a report is tried at all."""
KEPT_DAYS = 90
"""How long an ended request is remembered, so that it can be told again."""
Reference = tuple[str, str]
"""SOP class UID and SOP instance UID."""


@dataclass(frozen=True, slots=True)
class Request:
    """One accepted N-ACTION whose report is owed."""

    id: int
    institution: str
    aet: str
    address: str
    transaction_uid: str
    references: list[Reference]
    journal: int
    """Arrival number that the index must have reached: everything acknowledged before the request lies below it."""
    asked_at: datetime
    tries: int


class Commitments:
    """The requests' file. Any thread may use it; sqlite3.Error: nothing was changed."""

    def __init__(self, path: Path, first_pause: float) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._first_pause = first_pause
        self._lock = threading.Lock()
        self._waiting: dict[int, float] = {}  # request → when to look again; not worth the disk
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(_CREATE)
        old = (datetime.now(UTC) - timedelta(days=KEPT_DAYS)).isoformat(timespec="milliseconds")
        self._connection.execute("DELETE FROM request WHERE ended_at < ?", (old,))
        # a start is a new chance for every peer
        self._connection.execute("UPDATE request SET due = ? WHERE ended_at IS NULL", (time.time(),))

    def accept(
        self, institution: str, aet: str, address: str, transaction_uid: str, references: list[Reference], journal: int
    ) -> int | None:
        """Keep a request and return its number; one told again is owed its report again. None: the UID is in use for others."""
        key, instances = (institution, aet, transaction_uid), orjson.dumps(references)
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._lock:
            known = self._connection.execute(
                "SELECT id, instances FROM request WHERE institution = ? AND aet = ? AND transaction_uid = ?", key
            ).fetchone()
            if known is None:
                made = self._connection.execute(
                    "INSERT INTO request (institution, aet, address, transaction_uid, instances, journal, asked_at, due) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (institution, aet, address, transaction_uid, instances, journal, at, time.time()),
                )
                return made.lastrowid
            number: int = known[0]
            if known[1] != instances:
                return None
            self._connection.execute(
                "UPDATE request SET address = ?, journal = ?, asked_at = ?, tries = 0, due = ?, ended_at = NULL, outcome = NULL WHERE id = ?",
                (address, journal, at, time.time(), number),
            )
            return number

    def due(self) -> list[Request]:
        """Requests whose report is to be tried now, oldest first."""
        query = (
            "SELECT id, institution, aet, address, transaction_uid, instances, journal, asked_at, tries FROM request "
            "WHERE ended_at IS NULL AND due <= ? ORDER BY id LIMIT 500"
        )
        now = time.time()
        with self._lock:
            rows = self._connection.execute(query, (now,)).fetchall()
            self._waiting = {number: until for number, until in self._waiting.items() if until > now}
            rows = [row for row in rows if row[0] not in self._waiting]
        return [_request(row) for row in rows]

    def wait(self, request: Request, seconds: float) -> None:
        """Look at it again in `seconds`; this is no failed try."""
        with self._lock:
            self._waiting[request.id] = time.time() + seconds

    def due_now(self, institution: str, aet: str) -> None:
        """Try all that a device is owed at the next look: it is there."""
        owed = "UPDATE request SET due = ? WHERE institution = ? AND aet = ? AND ended_at IS NULL"
        self._write(owed, (time.time(), institution, aet))

    def failed(self, request: Request) -> float | None:
        """Note a try that failed; the pause until the next one in seconds, None when there is none."""
        if (datetime.now(UTC) - request.asked_at).total_seconds() > GIVE_UP_AFTER:
            self.ended(request, "given up")
            return None
        pause: float = min(self._first_pause * 2.0 ** min(request.tries, 20), LONGEST_PAUSE)
        self._write("UPDATE request SET tries = tries + 1, due = ? WHERE id = ?", (time.time() + pause, request.id))
        return pause

    def ended(self, request: Request, outcome: str) -> None:
        """The report was delivered, or nobody will take it."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._write("UPDATE request SET ended_at = ?, outcome = ? WHERE id = ?", (at, outcome, request.id))

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        with self._lock:
            self._connection.execute(statement, values)


def _request(row: tuple[Any, ...]) -> Request:
    number, institution, aet, address, transaction_uid, instances, journal, asked_at, tries = row
    references = [(sop_class, sop_uid) for sop_class, sop_uid in orjson.loads(instances)]
    return Request(number, institution, aet, address, transaction_uid, references, journal, datetime.fromisoformat(asked_at), tries)
