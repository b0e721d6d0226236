"""The mart's DuckDB file: its tables, and the one way to write to it.

Every table can be rebuilt from the two feeds. A batch of feed rows and the cursor behind it are one transaction, so a process that
is killed at any moment neither loses a row nor applies one twice. Moments are stored as UTC without a zone; `day` is the local
calendar day in the mart's time zone, computed when the row is written.
"""

# ruff: noqa: S608 - names of tables and columns are the constants below; every value travels as a parameter or as an Arrow column

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from pipelines.following import Aside
from pipelines.mart.arrow import pa

MOMENT = pa.timestamp("us")
TIMES = ("ordered_at", "performed_at", "arrived_at")
STATES = ("checked_in", "called", "in_progress", "images_complete", "cancelled")

# Columns of each table. There is no name, birth date or number of a patient here, and no free text that could hold one.
TABLES: dict[str, Any] = {
    "institutions": pa.schema([("code", pa.string()), ("name", pa.string()), ("name_en", pa.string()), ("kind", pa.string())]),
    "exams": pa.schema(
        [
            ("exam_id", pa.string()),
            ("institution", pa.string()),
            ("modality", pa.string()),
            ("body_part", pa.string()),
            ("exam_state", pa.string()),
            ("report_state", pa.string()),
            ("stage", pa.string()),
            ("priority", pa.string()),
            ("complex", pa.bool_()),
            ("scheduled", pa.bool_()),
            ("sex", pa.string()),
            ("age_days", pa.int32()),
            ("age_value", pa.int32()),
            ("age_unit", pa.string()),
            ("age_months", pa.int32()),
            ("images", pa.int32()),
            ("report_id", pa.string()),
            *((time, MOMENT) for time in TIMES),
            *((f"{state}_at", MOMENT) for state in STATES),
            ("day", pa.date32()),
        ]
    ),
    "exam_studies": pa.schema([("exam_id", pa.string()), ("study_uid", pa.string())]),
    "reports": pa.schema(
        [
            ("report_id", pa.string()),
            ("state", pa.string()),
            ("positive", pa.bool_()),
            ("drafting_at", MOMENT),
            ("written_at", MOMENT),
            ("signed_at", MOMENT),
            ("life", pa.string()),
        ]
    ),
    "signatures": pa.schema([("report_id", pa.string()), ("life", pa.string()), ("signed_at", MOMENT)]),
    "accesses": pa.schema(
        [
            ("username", pa.string()),
            ("sid", pa.string()),
            ("study_uid", pa.string()),
            ("institution", pa.string()),
            ("opened_at", MOMENT),
            ("day", pa.date32()),
        ]
    ),
    "rejects": pa.schema(
        [
            ("sop_uid", pa.string()),
            ("study_uid", pa.string()),
            ("institution", pa.string()),
            ("modality", pa.string()),
            ("reason", pa.string()),
            ("qualifier", pa.string()),
            ("day", pa.date32()),
        ]
    ),
    "revocations": pa.schema([("subject", pa.string()), ("kind", pa.string()), ("not_before", pa.float64())]),
}
# A row replaces the rows of the same key, except where the first counts and later ones are dropped: of the openings of a study in one
# session, of the rejections of an image, and of the signatures in one life of a report (a life ends with a recall; an addendum signed later does not end it).
KEYS: dict[str, tuple[str, ...]] = {
    "institutions": ("code",),
    "exams": ("exam_id",),
    "exam_studies": ("exam_id",),
    "reports": ("report_id",),
    "signatures": ("report_id", "life"),
    "accesses": ("username", "sid", "study_uid"),
    "rejects": ("sop_uid",),
    "revocations": ("subject", "kind"),
}
FIRST_WINS = frozenset({"accesses", "rejects", "signatures"})
SQL_TYPES = {
    pa.string(): "VARCHAR",
    pa.bool_(): "BOOLEAN",
    pa.int32(): "INTEGER",
    pa.float64(): "DOUBLE",
    MOMENT: "TIMESTAMP",
    pa.date32(): "DATE",
}
# Raised when the meaning of a table changes: an older file is emptied at start and filled again from the feeds.
SCHEMA = 3


@dataclass
class Changes:
    """What a batch of feed rows means for the tables: for each table and key the rows that stand after the batch (none = removed)."""

    rows: dict[str, dict[tuple[Any, ...], list[dict[str, Any]]]] = field(default_factory=dict)

    def put(self, table: str, key: tuple[Any, ...], rows: Iterable[dict[str, Any]]) -> None:
        """Let `rows` be all rows of `table` that have this key; a later put of the same key wins, except where the first counts."""
        held = self.rows.setdefault(table, {})
        if table in FIRST_WINS and key in held:
            return
        held[key] = list(rows)


class BusyError(RuntimeError):
    """Another process owns the mart's file."""


class MartStore:
    """Owner of `mart.duckdb`: one process, one writer at a time, any number of readers on snapshots."""

    def __init__(self, path: Path, timezone: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._connection = duckdb.connect(
                str(path), config={"threads": 2, "memory_limit": "512MB", "autoinstall_known_extensions": False}
            )
        except duckdb.IOException as error:
            raise BusyError(
                f"统计库正被另一个进程使用,请先停止它 / {path.name} is in use by another process: stop that process first ({error})"
            ) from error
        path.chmod(0o600)
        self._writing = threading.Lock()
        self._open = threading.local()
        self._life, self._moves = secrets.token_hex(4), 0
        self._prepare(timezone)

    def _prepare(self, timezone: str) -> None:
        """Make the tables; empty them when the file was written with another schema or time zone (days would be wrong)."""
        made = f"{SCHEMA} {timezone}"
        with self._transaction() as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS cursors (feed VARCHAR, seq BIGINT)")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS asides (feed VARCHAR, seq BIGINT, kind VARCHAR, reason VARCHAR, noted_at VARCHAR)"
            )
            connection.execute("CREATE TABLE IF NOT EXISTS made_with (value VARCHAR)")
            held = connection.execute("SELECT value FROM made_with").fetchall()
            if held and held != [(made,)]:
                for table in TABLES:
                    connection.execute(f"DROP TABLE IF EXISTS {table}")
                connection.execute("DELETE FROM cursors")
                connection.execute("DELETE FROM asides")
            connection.execute("DELETE FROM made_with")
            connection.execute("INSERT INTO made_with VALUES (?)", [made])
            for table, schema in TABLES.items():
                columns = ", ".join(f'"{column.name}" {SQL_TYPES[column.type]}' for column in schema)
                connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")

    @contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """One writing transaction; the feeds are followed by two threads, which take turns. Inside `unit` it is the unit's own."""
        open_already: duckdb.DuckDBPyConnection | None = getattr(self._open, "connection", None)
        if open_already is not None:
            yield open_already
            return
        with self._writing:
            connection = self._connection.cursor()
            self._open.connection, self._open.wrote = connection, False
            try:
                connection.execute("BEGIN")
                yield connection
                connection.execute("COMMIT")
                if self._open.wrote:
                    self._moves += 1
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            finally:
                self._open.connection = None
                connection.close()

    # -- what a follower needs (pipelines.following.CursorStore) -----------------------------------------------------------------

    def position(self, name: str) -> int:
        """The last row of this feed that is in the tables; 0 before the first."""
        with self.reading() as connection:
            held = connection.execute("SELECT seq FROM cursors WHERE feed = ?", [name]).fetchone()
        return int(held[0]) if held else 0

    def unit(self) -> AbstractContextManager[object]:
        """One transaction for the rows of a batch and the cursor behind them: both or neither."""
        return self._transaction()

    def advance(self, name: str, seq: int) -> None:
        """Everything up to `seq` is in the tables; durable with the surrounding unit."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM cursors WHERE feed = ?", [name])
            connection.execute("INSERT INTO cursors VALUES (?, ?)", [name, seq])

    def set_aside(self, name: str, row: Aside) -> None:
        """Write a row down that cannot be counted; its content stays in the feed."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM asides WHERE feed = ? AND seq = ?", [name, row.seq])
            connection.execute("INSERT INTO asides VALUES (?, ?, ?, ?, ?)", [name, row.seq, row.kind, row.reason, row.at])

    def aside(self, name: str) -> list[Aside]:
        """Rows of this feed set aside, by number."""
        with self.reading() as connection:
            held = connection.execute("SELECT seq, kind, reason, noted_at FROM asides WHERE feed = ? ORDER BY seq", [name]).fetchall()
        return [Aside(*row) for row in held]

    def take_back(self, name: str, seq: int) -> None:
        """Forget a row set aside."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM asides WHERE feed = ? AND seq = ?", [name, seq])

    # -- writing and reading -----------------------------------------------------------------------------------------------------

    def apply(self, changes: Changes) -> None:
        """Write what a batch means; twice the same as once."""
        with self._transaction() as connection:
            for table, keyed in changes.rows.items():
                self._write(connection, table, keyed)
            self._open.wrote = True

    @staticmethod
    def _write(connection: duckdb.DuckDBPyConnection, table: str, keyed: dict[tuple[Any, ...], list[dict[str, Any]]]) -> None:
        key = KEYS[table]
        schema = TABLES[table]
        # registered under fixed names: values travel as Arrow columns, never as text in the statement
        connection.register("arriving", pa.Table.from_pylist([row for rows in keyed.values() for row in rows], schema=schema))
        try:
            if table in FIRST_WINS:
                connection.execute(f"INSERT INTO {table} SELECT * FROM arriving ANTI JOIN {table} USING ({', '.join(key)})")
                return
            keys = pa.Table.from_pylist(
                [dict(zip(key, value, strict=True)) for value in keyed], schema=pa.schema([schema.field(name) for name in key])
            )
            connection.register("replaced", keys)
            same = " AND ".join(f"{table}.{name} = replaced.{name}" for name in key)
            connection.execute(f"DELETE FROM {table} USING replaced WHERE {same}")
            connection.execute(f"INSERT INTO {table} SELECT * FROM arriving")
            connection.unregister("replaced")
        finally:
            connection.unregister("arriving")

    def cursors(self) -> dict[str, int]:
        """The cursor of each feed."""
        with self.reading() as connection:
            return dict(connection.execute("SELECT feed, seq FROM cursors").fetchall())

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection on one snapshot: several questions inside see the same state of the tables."""
        connection = self._connection.cursor()
        try:
            connection.execute("BEGIN")
            yield connection
        finally:
            connection.execute("ROLLBACK")
            connection.close()

    def empty(self, tables: Iterable[str]) -> None:
        """Forget these tables; the follower that fills them starts again from the first row of its feed."""
        with self._transaction() as connection:
            for table in tables:
                connection.execute(f"DELETE FROM {table}")

    def digest(self) -> dict[str, str]:
        """SHA-256 of each table's rows in a fixed order: equal digests are equal tables, whatever the way they were filled."""
        digests = {}
        with self.reading() as connection:
            for table in TABLES:
                rows = connection.execute(f"SELECT * FROM {table} ORDER BY ALL").fetchall()
                digests[table] = hashlib.sha256("\n".join(repr(row) for row in rows).encode()).hexdigest()
        return digests

    def centres(self) -> frozenset[str]:
        """Codes of the institutions that are a centre: whose administrators see the figures of all."""
        with self.reading() as connection:
            return frozenset(str(code) for (code,) in connection.execute("SELECT code FROM institutions WHERE kind = 'centre'").fetchall())

    @property
    def mark(self) -> str:
        """Differs after each batch that changed a table, and in each life of the process: what an open page watches."""
        return f"{self._life}-{self._moves}"

    def revoked(self, username: str, sid: str, issued: float) -> bool:
        """Whether a ticket of this account and session, issued at that second (since 1970), was revoked afterwards."""
        with self.reading() as connection:
            found = connection.execute(
                "SELECT 1 FROM revocations "
                "WHERE ((kind = 'account' AND subject = ?) OR (kind = 'session' AND subject = ?)) AND not_before > ?",
                [username, sid, issued],
            ).fetchone()
        return found is not None

    def close(self) -> None:
        """Write everything to the file and let go of it."""
        with self._writing:
            self._connection.close()
