"""What others must tell the node: grants, report state, worklist, merges, revocations. The node asks nobody.

Rows come from a follower over HTTP, or from a file when the node stands alone. An older version never overwrites a newer one.
"""

from __future__ import annotations

import sqlite3
import threading
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

Table = Literal["grants", "report_state", "worklist", "merges", "revocations"]
TABLES: tuple[Table, ...] = ("grants", "report_state", "worklist", "merges", "revocations")
_CREATE = (
    "CREATE TABLE IF NOT EXISTS annotation (name TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, data BLOB, "
    "PRIMARY KEY (name, key))"
)


class Annotation(BaseModel):
    """One row; `data` null deletes it (the version stays, so that a late older row cannot bring it back)."""

    model_config = ConfigDict(extra="forbid")

    table: Table
    key: str = Field(min_length=1, max_length=500)
    version: int = Field(ge=0)
    data: dict[str, Any] | None


class Annotations:
    """The rows' file; revocations are also held in memory, because every request asks for them."""

    def __init__(self, path: Path, standing: Path | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute(_CREATE)
        if standing is not None:
            self._load(standing)
        self._revocations = dict(self._rows("revocations"))

    def _load(self, path: Path) -> None:
        version = path.stat().st_mtime_ns // 1_000_000
        tables: dict[str, dict[str, dict[str, Any]]] = orjson.loads(path.read_bytes())
        self.put([Annotation(table=t, key=k, version=version, data=d) for t, rows in tables.items() for k, d in rows.items()])

    def put(self, rows: list[Annotation]) -> int:
        """Take rows that are newer than what is there; returns how many were."""
        taken = 0
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                for row in rows:
                    data = None if row.data is None else orjson.dumps(row.data)
                    changed = self._connection.execute(
                        "INSERT INTO annotation VALUES (?, ?, ?, ?) ON CONFLICT (name, key) DO UPDATE "
                        "SET version = excluded.version, data = excluded.data WHERE excluded.version > version",
                        (row.table, row.key, row.version, data),
                    )
                    taken += changed.rowcount
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._revocations = dict(self._rows("revocations"))
        return taken

    def _rows(self, table: str) -> list[tuple[str, dict[str, Any]]]:
        found = self._connection.execute("SELECT key, data FROM annotation WHERE name = ? AND data IS NOT NULL ORDER BY key", (table,))
        return [(key, orjson.loads(data)) for key, data in found]

    def table(self, table: Table) -> list[dict[str, Any]]:
        """All rows of a table that were not deleted."""
        with self._lock:
            found = self._connection.execute(
                "SELECT key, version, data FROM annotation WHERE name = ? AND data IS NOT NULL ORDER BY key", (table,)
            ).fetchall()
        return [{"table": table, "key": key, "version": version, "data": orjson.loads(data)} for key, version, data in found]

    def revoked(self, username: str, sid: str | None, issued_at: float) -> bool:
        """Whether a ticket of `username` issued at `issued_at` (epoch seconds) is dead.

        Key `<username>`: `{"not_before": epoch seconds or ISO 8601, "disabled": bool}`; key `session:<sid>`: that session ended.
        """
        if sid and f"session:{sid}" in self._revocations:
            return True
        found = self._revocations.get(username)
        if found is None:
            return False
        if found.get("disabled") is True:
            return True
        moment = found.get("not_before")
        if isinstance(moment, str):
            moment = datetime.fromisoformat(moment).timestamp()
        return moment is not None and issued_at < float(moment)
