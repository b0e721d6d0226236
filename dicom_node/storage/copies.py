"""Which volume has which copy, and when it was last seen whole: `<data>/copies.sqlite`.

The volumes are the truth; this is what is known of them and can be made again by walking them. The online folder has rows only for
what was checked or found damaged there: a file that is in it counts as whole until it is found otherwise.
"""

from __future__ import annotations

import fcntl
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dicom_node import logs
from dicom_node.storage.identities import NAME, Identities

log = logs.get(__name__)
State = Literal["whole", "damaged", "missing"]
ONLINE = "online"
"""The name of the folder `<data>/files`, into which every image is received."""
_CREATE = """
CREATE TABLE IF NOT EXISTS copy (digest TEXT NOT NULL, volume TEXT NOT NULL, size INTEGER NOT NULL, state TEXT NOT NULL,
  checked_at REAL NOT NULL, PRIMARY KEY (digest, volume)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS copy_checked ON copy (volume, checked_at);
CREATE INDEX IF NOT EXISTS copy_bad ON copy (digest) WHERE state <> 'whole';
CREATE TABLE IF NOT EXISTS released (digest TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS recalled (digest TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS away (study_uid TEXT PRIMARY KEY, volume TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS volume (name TEXT PRIMARY KEY, url TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS scanned (volume TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS enrolled (volume TEXT PRIMARY KEY, arrival INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS begun (digest TEXT NOT NULL, volume TEXT NOT NULL, PRIMARY KEY (digest, volume)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS identity (volume TEXT PRIMARY KEY, id TEXT NOT NULL) WITHOUT ROWID;
"""
_AT_ONCE = 500
BAD_AGAIN = 3600.0  # seconds


@dataclass(frozen=True, slots=True)
class Copy:
    """What is known of one copy. `checked_at` 0: it was found by name and size only, and never read."""

    digest: str
    volume: str
    size: int
    state: State
    checked_at: float

    @property
    def proven(self) -> bool:
        """Whether it was read whole: only such a copy may stand for another one."""
        return self.state == "whole" and self.checked_at > 0


def _put_aside_when_damaged(path: Path) -> None:
    """A table that is no database must not keep the node from receiving: it can be made again. Processes take turns."""
    with path.with_name(path.name + ".lock").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not path.exists():
            return
        try:
            with closing(sqlite3.connect(path, timeout=30)) as connection:
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            return  # busy, or no room: nothing is wrong with what it says
        except sqlite3.DatabaseError as error:
            log.error("copies.damaged", reason=str(error), action="put aside; the keeper goes through the volumes")  # noqa: TRY400
            for left in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
                if left.exists():
                    left.replace(left.with_name(left.name + ".aside"))


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Change the journal's mode; both processes may do it at the same moment of a first start, and SQLite does not wait for that."""
    for _ in range(100):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise sqlite3.OperationalError("copies.sqlite is locked")


class Copies:
    """The file; any thread of any process of the node may use it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._local = threading.local()
        self._identities = Identities(path.with_name(NAME))
        _put_aside_when_damaged(path)
        self._connection().executescript(_CREATE)

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._path, isolation_level=None, timeout=30)
            _write_ahead(connection)
            connection.execute("PRAGMA synchronous = FULL")
            self._local.connection = connection
        return connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    def record(self, copies: Iterable[tuple[str, str, int, State]]) -> None:
        """(digest, volume, bytes, state) as seen just now."""
        now, rows = time.time(), list(copies)
        with self._transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO copy VALUES (?, ?, ?, ?, ?)", [(*row, now) for row in rows])
            connection.executemany("DELETE FROM begun WHERE digest = ? AND volume = ?", [row[:2] for row in rows])

    def begin(self, digests: Iterable[str], volume: str) -> None:
        """Copies onto `volume` are about to be written: one that is cut off is known to be there perhaps."""
        with self._transaction() as connection:
            connection.executemany("INSERT OR IGNORE INTO begun VALUES (?, ?)", [(digest, volume) for digest in digests])

    def holders(self, digest: str) -> set[str]:
        """Volumes that may have bytes of the file: by a known or a cut-off copy, or not gone through since this table is new."""
        found = self._connection().execute(
            "SELECT volume FROM copy WHERE digest = ? AND volume <> ? UNION SELECT volume FROM begun WHERE digest = ?",
            (digest, ONLINE, digest),
        )
        return {volume for (volume,) in found}.union(name for name in self._seen() if not self.is_scanned(name))

    def _seen(self) -> set[str]:
        """Volumes that were ever in use."""
        return {name for (name,) in self._connection().execute("SELECT name FROM volume")}.union(self._identities.names())

    def enrolled_to(self) -> int | None:
        """Arrival up to which online files have their first row; None: this table is new."""
        row = self._connection().execute("SELECT arrival FROM enrolled WHERE volume = ?", (ONLINE,)).fetchone()
        return None if row is None else int(row[0])

    def set_enrolled(self, arrival: int) -> None:
        """Online files up to `arrival` have their first row."""
        self._connection().execute("INSERT OR REPLACE INTO enrolled VALUES (?, ?)", (ONLINE, arrival))

    def enrol(self, copies: Iterable[tuple[str, str, int]], checked_at: float | None = None) -> None:
        """(digest, volume, bytes) of copies as they were made; what is known already stays."""
        now = time.time() if checked_at is None else checked_at  # it was hashed when it arrived
        with self._transaction() as connection:
            connection.executemany(
                "INSERT INTO copy VALUES (?, ?, ?, 'whole', ?) ON CONFLICT DO NOTHING", [(*copy, now) for copy in copies]
            )

    def drop(self, digest: str, volume: str) -> None:
        """There is no such copy any more, on purpose."""
        with self._transaction() as connection:
            for table in ("copy", "begun"):
                connection.execute(f"DELETE FROM {table} WHERE digest = ? AND volume = ?", (digest, volume))  # noqa: S608

    def of(self, digest: str) -> list[Copy]:
        """All copies of one file that are known."""
        return [Copy(*row) for row in self._connection().execute("SELECT * FROM copy WHERE digest = ?", (digest,))]

    def among(self, digests: Sequence[str]) -> dict[str, list[Copy]]:
        """Digest → its copies, for many files."""
        found: dict[str, list[Copy]] = {}
        for at in range(0, len(digests), _AT_ONCE):
            part = digests[at : at + _AT_ONCE]
            marks = ", ".join("?" * len(part))
            for row in self._connection().execute(f"SELECT * FROM copy WHERE digest IN ({marks})", list(part)):  # noqa: S608
                found.setdefault(row[0], []).append(Copy(*row))
        return found

    def due(self, volume: str, before: float, limit: int) -> list[Copy]:
        """Copies on `volume` that were checked before `before`, the longest ago first; bad ones after an hour."""
        return [
            Copy(*row)
            for row in self._connection().execute(
                "SELECT * FROM copy WHERE volume = ? AND (checked_at < ? OR (state <> 'whole' AND checked_at < ?)) "
                "ORDER BY checked_at LIMIT ?",
                (volume, before, max(before, time.time() - BAD_AGAIN), limit),
            )
        ]

    def counts(self) -> dict[str, dict[str, tuple[int, int]]]:
        """Volume → state → (files, bytes)."""
        found: dict[str, dict[str, tuple[int, int]]] = {}
        for volume, state, files, size in self._connection().execute(
            "SELECT volume, state, count(*), coalesce(sum(size), 0) FROM copy GROUP BY volume, state"
        ):
            found.setdefault(volume, {})[state] = (files, size)
        return found

    def hopeless(self) -> list[str]:
        """Files with a bad copy of which no whole one is known, wherever; an online file that was given up is none."""
        found = self._connection().execute(
            "SELECT DISTINCT digest FROM copy c WHERE state <> 'whole' AND NOT EXISTS (SELECT 1 FROM copy w WHERE w.digest = c.digest "
            "AND w.state = 'whole' AND NOT (w.volume = ? AND EXISTS (SELECT 1 FROM released r WHERE r.digest = w.digest)))",
            (ONLINE,),
        )
        return [digest for (digest,) in found]

    def forget(self, volume: str, but: set[bytes], before: float) -> int:
        """Mark whole copies on `volume`, seen `before`, that are not among `but` (raw digests) as missing; returns how many."""
        known = self._connection().execute(
            "SELECT digest FROM copy WHERE volume = ? AND state = 'whole' AND checked_at < ?", (volume, before)
        )
        lost = [digest for (digest,) in known if bytes.fromhex(digest) not in but]
        with self._transaction() as connection:
            connection.executemany(
                "UPDATE copy SET state = 'missing' WHERE digest = ? AND volume = ?", [(digest, volume) for digest in lost]
            )
        return len(lost)

    def release(self, digests: Iterable[str]) -> None:
        """The online files of these are given up on purpose; said before they go."""
        now = time.time()
        with self._transaction() as connection:
            for digest in digests:
                connection.execute("INSERT OR REPLACE INTO released VALUES (?, ?)", (digest, now))
                connection.execute("DELETE FROM copy WHERE digest = ? AND volume = ?", (digest, ONLINE))

    def released(self, digest: str) -> bool:
        """Whether the online file was given up on purpose."""
        return self._connection().execute("SELECT 1 FROM released WHERE digest = ?", (digest,)).fetchone() is not None

    def recalled(self, digest: str, size: int) -> None:
        """The file is online again, and whole."""
        with self._transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO recalled VALUES (?)", (digest,))
            connection.execute("DELETE FROM released WHERE digest = ?", (digest,))
            connection.execute("INSERT OR REPLACE INTO copy VALUES (?, ?, ?, 'whole', ?)", (digest, ONLINE, size, time.time()))

    def take_recalled(self) -> list[str]:
        """Files that came back since the last call."""
        with self._transaction() as connection:
            found = [digest for (digest,) in connection.execute("SELECT digest FROM recalled")]
            connection.execute("DELETE FROM recalled")
        return found

    def set_away(self, study: str, volume: str | None) -> None:
        """A study's files are on `volume` alone, or online again."""
        if volume is None:
            self._connection().execute("DELETE FROM away WHERE study_uid = ?", (study,))
        else:
            self._connection().execute("INSERT OR REPLACE INTO away VALUES (?, ?)", (study, volume))

    def away(self) -> dict[str, str]:
        """Study → volume, of all studies that are not online."""
        return dict(self._connection().execute("SELECT study_uid, volume FROM away"))

    def remember(self, name: str, url: str) -> None:
        """A volume was seen at `url`: here, and where the loss of this table does not take it."""
        self._connection().execute("INSERT OR REPLACE INTO volume VALUES (?, ?)", (name, url))
        self._identities.remember(name, url, self.identity(name))

    def url(self, name: str) -> str | None:
        """Where a volume was seen last."""
        found = self._connection().execute("SELECT url FROM volume WHERE name = ?", (name,)).fetchone()
        return self._identities.of(name)[0] if found is None else str(found[0])

    def identity(self, name: str) -> str | None:
        """The identity of a volume; None: none is known."""
        found = self._connection().execute("SELECT id FROM identity WHERE volume = ?", (name,)).fetchone()
        return self._identities.of(name)[1] if found is None else str(found[0])

    def identify(self, name: str, identity: str) -> None:
        """Remember the identity of a volume, which never changes."""
        self._connection().execute("INSERT OR IGNORE INTO identity VALUES (?, ?)", (name, identity))

    def set_scanned(self, name: str) -> None:
        """What is on the volume is in the table."""
        self._connection().execute("INSERT OR REPLACE INTO scanned VALUES (?, ?)", (name, time.time()))

    def is_scanned(self, name: str) -> bool:
        """Whether what is on the volume is in the table."""
        return self._connection().execute("SELECT 1 FROM scanned WHERE volume = ?", (name,)).fetchone() is not None

    def some(self, volume: str, count: int) -> list[tuple[str, int]]:
        """Digest and bytes of some whole copies on `volume`, by chance."""
        return (
            self._connection()
            .execute("SELECT digest, size FROM copy WHERE volume = ? AND state = 'whole' ORDER BY random() LIMIT ?", (volume, count))
            .fetchall()
        )
