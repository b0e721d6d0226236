"""The index's tables as Parquet files, for pipelines that read them whole: what is shown, without the headers' JSON.

They hold patients' names: the folder is for this account only (0700), and nothing else may read it than pipelines. A set of files is
read in one snapshot and becomes valid with its manifest, which is replaced in one step; the set before stays for those who still read it.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow.parquet

from dicom_node import logs
from dicom_node.feed import Feed
from dicom_node.index import schema
from dicom_node.index.database import Database

log = logs.get(__name__)
parquet: Any = pyarrow.parquet
MANIFEST = "manifest.json"
SCHEMA = 1
"""Of the manifest and the columns' meaning; raised when a reader must know of a change."""
_OWN = re.compile(r"(study|series|instance)-\d{8}\.parquet|\.(manifest\.json|(study|series|instance)-\d{8}\.parquet)\.new")
LOOK = 1.0  # seconds between looks at the index
ROWS = 50_000  # at a time in memory
LEFT_OUT = {"frame_json", "visible", "rejected_by"}
QUERIES = {
    "study": "SELECT * FROM study ORDER BY first_arrival",
    "series": "SELECT * FROM series ORDER BY last_arrival, series_uid",
    "instance": "SELECT " + ", ".join(f'"{name}"' for name in schema.INSTANCE if name not in LEFT_OUT) + " FROM instance WHERE visible",  # noqa: S608
}


class AbandonedError(Exception):
    """The node is being stopped."""


class TablePublisher:
    """The thread that publishes: at most every `minutes`, or after `changes` new instances, and only when something has changed."""

    def __init__(self, database: Database, feed: Feed, folder: Path, minutes: float, changes: int) -> None:
        self._database, self._feed, self._folder = database, feed, folder
        self._seconds, self._changes = minutes * 60, changes
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tables", daemon=True)
        self._last: tuple[int, int] | None = None
        self._due = 0.0

    def start(self) -> None:
        """Begin; a set is published at once, unless the one that is there says the same."""
        known = self._manifest()
        whole = all((self._folder / table["file"]).exists() for table in known.get("tables", {}).values())
        if whole and (known.get("schema"), known.get("index_schema")) == (SCHEMA, schema.VERSION):
            self._last = known["journal"], known["indexed"]
        self._thread.start()

    def stop(self) -> None:
        """End; a set that is being written is abandoned."""
        self._stop.set()
        self._thread.join(20)

    def _run(self) -> None:
        while not self._stop.wait(LOOK):
            try:
                self._look()
            except AbandonedError:
                return
            except Exception:
                log.exception("tables.failed", action="tried again later; is there room on the disk?")
                self._due = time.monotonic() + self._seconds

    def _look(self) -> None:
        with contextlib.closing(self._database.writer.cursor()) as cursor:
            state = _state(cursor)
        if state == self._last:
            return
        grown = state[1] - self._last[1] if self._last is not None else 0
        if time.monotonic() >= self._due or grown >= self._changes:
            self.publish()

    def publish(self) -> dict[str, Any]:
        """Write a set of files; returns its manifest."""
        begun = time.monotonic()
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.chmod(0o700)
        before = self._manifest()
        generation = before.get("generation", 0) + 1
        told = self._feed.head()  # before the snapshot: whatever the feed has told so far is in these tables
        tables: dict[str, Any] = {}
        with contextlib.closing(self._database.writer.cursor()) as cursor:
            cursor.execute("BEGIN TRANSACTION")
            state = _state(cursor)
            for name, query in QUERIES.items():
                tables[name] = self._write(cursor, query, f"{name}-{generation:08d}.parquet")
            cursor.execute("ROLLBACK")
        manifest = {
            "schema": SCHEMA, "index_schema": schema.VERSION, "generation": generation, "journal": state[0],
            "indexed": state[1], "feed": told,
            "published_at": datetime.now(UTC).isoformat(timespec="milliseconds"), "tables": tables,
        }  # fmt: skip
        with self._temporary(MANIFEST) as path:
            path.write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
        self._sweep({table["file"] for kept in (before, manifest) for table in kept.get("tables", {}).values()})
        self._last, self._due = state, time.monotonic() + self._seconds
        rows = {name: table["rows"] for name, table in tables.items()}
        log.info("tables.published", generation=generation, seconds=round(time.monotonic() - begun, 3), **rows)
        return manifest

    def _manifest(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = orjson.loads((self._folder / MANIFEST).read_bytes())
        except (OSError, ValueError):
            return {}
        return found

    def _write(self, cursor: duckdb.DuckDBPyConnection, query: str, name: str) -> dict[str, Any]:
        reader: Any = cursor.sql(query).to_arrow_reader(ROWS)
        rows = 0
        with (
            self._temporary(name) as path,
            parquet.ParquetWriter(path, reader.schema, compression="zstd") as writer,
        ):
            for batch in reader:
                if self._stop.is_set():
                    raise AbandonedError
                writer.write_batch(batch)
                rows += batch.num_rows
        columns = {column.name: str(column.type) for column in reader.schema}
        return {"file": name, "rows": rows, "bytes": (self._folder / name).stat().st_size, "columns": columns}

    @contextlib.contextmanager
    def _temporary(self, name: str) -> Any:
        """A path to write to; when that went well it lasts, is synced and has its `name`."""
        path = self._folder / f".{name}.new"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                yield path
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            path.replace(self._folder / name)
        finally:
            path.unlink(missing_ok=True)
        folder = os.open(self._folder, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def _sweep(self, kept: set[str]) -> None:
        """Remove our own files of older sets, and what a crash has left of them."""
        for path in self._folder.iterdir():
            if _OWN.fullmatch(path.name) and path.name not in kept:
                path.unlink(missing_ok=True)


def _state(cursor: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """How far the index is, and how many instances it has: a retried file is behind the journal's cursor."""
    found = cursor.execute("SELECT journal, (SELECT count(*) FROM instance) FROM cursor").fetchall()
    return int(found[0][0]), int(found[0][1])
