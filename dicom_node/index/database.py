"""The DuckDB file of the index. This process owns it; each reading thread has its own cursor and sees consistent snapshots."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb

from dicom_node import logs
from dicom_node.index import schema

log = logs.get(__name__)

Rows = list[dict[str, Any]]
MEMORY = "1GB"
AT_REST = "16MB"
"""What DuckDB keeps of the index in memory when the node is at rest; the system has the file's blocks in memory too."""
CHANGES = 20_000
"""Studies whose last change is remembered one by one."""


def among(column: str, values: Sequence[Any]) -> str:
    """The condition that `column` is one of `values`, which are then parameters: unlike a list in one parameter it uses the column's index."""
    return f"{column} IN ({', '.join('?' * len(values))})" if values else "false"


class StaleIndexError(RuntimeError):
    """The file is of another schema version: rebuild it."""


class Database:
    """One open index."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.writer = duckdb.connect(str(path), config={"memory_limit": MEMORY, "threads": "2"})
        self.writer.execute("SET enable_external_access = false")
        for statement in schema.CREATE:
            self.writer.execute(statement)
        found = self.writer.execute("SELECT version FROM cursor").fetchone()
        if found is None:
            self.writer.execute("INSERT INTO cursor VALUES (0, ?, -1)", [schema.VERSION])
        elif found[0] != schema.VERSION:
            self.writer.close()
            raise StaleIndexError
        self._local = threading.local()
        self.limiting = threading.Lock()
        """Held while DuckDB may have less memory than a question needs."""
        self._numbers = itertools.count(1)
        self._changes: dict[str, int] = {}  # study → number of its last change; the oldest are forgotten
        self._forgotten = 0  # number of every change that is not there
        self._changing: frozenset[str] = frozenset()
        self.uncopied: set[str] = set()
        """Studies whose change is not in the register yet."""
        self.before_change: Callable[[], None] = lambda: None
        """What must have happened before a change can be seen: the register says that it is behind."""

    def change_of(self, study: str) -> int | None:
        """A number that is another one after each change of the study: what was read with the same number is still right.

        None while a change is being committed: nothing that was read before or is read now may be kept.
        """
        return None if study in self._changing else self._changes.get(study, self._forgotten)

    @contextmanager
    def changing(self, studies: Iterable[str]) -> Iterator[None]:
        """Around the writer's commit of a change of these studies: from then on no copy of them counts that was made before."""
        studies = frozenset(studies)
        self.before_change()
        self.uncopied |= studies
        self._changing = studies
        try:
            yield
        finally:
            self._count(studies)
            self._changing = frozenset()

    def _count(self, studies: Iterable[str]) -> None:
        number = next(self._numbers)
        for study in studies:
            self._changes.pop(study, None)
            self._changes[study] = number
        if len(self._changes) > CHANGES:
            self._changes = dict(islice(self._changes.items(), len(self._changes) // 2, None))
            self._forgotten = number  # what was kept of a forgotten study is read again

    def journal_cursor(self) -> int:
        """Arrival number up to which the journal is in the index."""
        found = self.writer.cursor().execute("SELECT journal FROM cursor").fetchone()
        return int(found[0]) if found else 0

    def reader(self) -> duckdb.DuckDBPyConnection:
        """The cursor of the calling thread."""
        cursor = getattr(self._local, "cursor", None)
        if cursor is None:
            cursor = self._local.cursor = self.writer.cursor()
        return cursor

    def rows(self, sql: str, parameters: list[Any] | None = None) -> Rows:
        """All rows of a query as dictionaries."""
        try:
            return self._rows(sql, parameters)
        except duckdb.OutOfMemoryException:
            with self.limiting:  # asked while `let_go` had the limit down
                pass
            return self._rows(sql, parameters)

    def let_go(self) -> None:
        """Have DuckDB free what it has in memory of the index beyond AT_REST; the next questions read it again (about 10 ms in all)."""
        with self.limiting:
            try:
                self.writer.execute(f"SET memory_limit = '{AT_REST}'")
            except duckdb.OutOfMemoryException as error:  # a question just needs more: it goes on, and the limit stays as it was
                log.info("index.kept", reason=str(error).partition("\n")[0])
            finally:
                self.writer.execute(f"SET memory_limit = '{MEMORY}'")

    def _rows(self, sql: str, parameters: list[Any] | None) -> Rows:
        cursor = self.reader()
        cursor.execute(sql, parameters or [])
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def held(self) -> int:
        """Bytes that DuckDB has in memory: above all its copy of what was read and written lately, MEMORY at most."""
        found = self.reader().execute("SELECT sum(memory_usage_bytes) FROM duckdb_memory()").fetchone()
        return int(found[0] or 0) if found else 0

    def close(self) -> None:
        """Write everything into the one file and close it."""
        self.writer.execute("CHECKPOINT")
        self.writer.close()
