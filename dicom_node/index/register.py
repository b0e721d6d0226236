"""The register: one row for each study in a small SQLite file, for the questions that are asked all day.

A patient's studies, an accession number, the days of a week, the beginning of a name: DuckDB answers these in a millisecond of
CPU whatever they ask, a B-tree in a twentieth of it, and the receive process can read this file itself. It is a copy of the study
summaries, written behind each commit of the index and made anew when the two do not stand at the same arrival. From just before
such a commit until it is copied the register says that it is behind, and whoever reads it asks the index: nobody is answered by it
with less, or with more, than the index would say.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dicom_node import logs
from dicom_node.index import schema
from dicom_node.index.database import Database, among

log = logs.get(__name__)

NAME = "register.sqlite"
SEARCHED = {
    "plain_alphabetic": "rtrim(lower(name_alphabetic), '^ ')", "plain_ideographic": "rtrim(lower(name_ideographic), '^ ')",
    "plain_phonetic": "rtrim(lower(name_phonetic), '^ ')", "loose_alphabetic": "replace(lower(name_alphabetic), '^', '')",
    "loose_ideographic": "replace(lower(name_ideographic), '^', '')", "loose_pinyin": "replace(pinyin, ' ', '')",
}  # fmt: skip
"""Columns that names are looked for in: how the index' own matching makes them of a study's row."""
_SEPARATED = "'\\' || array_to_string({}, '\\') || '\\'"  # each value between backslashes
_COPIED = {
    "study_uid": "study_uid", "institution": "institution", "patient_name": "patient_name", "patient_id": "patient_id", "issuer": "issuer",
    "birth_date": "strftime(birth_date, '%Y%m%d')", "sex": "sex", "study_date": "strftime(study_date, '%Y%m%d')",
    "study_time": "study_time", "accession": "accession", "study_id": "study_id", "study_description": "study_description",
    "referring_physician": "referring_physician", "institution_name": "institution_name",
    "modalities": _SEPARATED.format("modalities"), "sop_classes": _SEPARATED.format("sop_classes"),
    "series": "series", "instances": "instances",
}  # fmt: skip
COLUMNS = {"arrival": "first_arrival", **_COPIED, **SEARCHED}
"""Column → its expression over the index' table `study`."""
INDEXED = ("study_uid", "patient_id", "accession", "study_date", *SEARCHED)
_CREATE = f"""
CREATE TABLE IF NOT EXISTS study (arrival INTEGER PRIMARY KEY, {", ".join(name for name in COLUMNS if name != "arrival")},
  stamp INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS state (journal INTEGER NOT NULL, version INTEGER NOT NULL, behind INTEGER NOT NULL);
{"".join(f"CREATE INDEX IF NOT EXISTS study_{name} ON study ({name});" for name in INDEXED)}
"""
_SELECT = f"SELECT {', '.join(COLUMNS.values())} FROM study"  # noqa: S608
_INSERT = f"INSERT OR REPLACE INTO study VALUES ({', '.join('?' * (len(COLUMNS) + 1))})"  # noqa: S608
_AT_ONCE = 5000
STATE = "SELECT version, behind FROM state"
CURRENT = (schema.VERSION, 0)
"""What `STATE` gives of a register that says what the index says."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection to the register; one process writes, any may read."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")  # it can be made anew: no sync for each commit
    connection.execute("PRAGMA case_sensitive_like = ON")
    return connection


class Register:
    """The writing side; belongs to the thread that writes the index."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._index = database.writer.cursor()
        self._stamp = time.time_ns()  # grows with each change, also over restarts
        self._path = database.path.with_name(NAME)
        try:
            self._file, found = self._open(self._path)
        except sqlite3.DatabaseError as error:
            self._renew(error)
        else:
            self._journal = database.journal_cursor()
            if found != (self._journal, *CURRENT):
                self._fill()
        database.before_change = self._say_behind

    def _renew(self, error: sqlite3.DatabaseError) -> None:
        """Make the file anew; readers notice that it is another one."""
        log.error("register.renewed", reason=str(error))
        for name in (NAME, NAME + "-wal", NAME + "-shm"):
            self._path.with_name(name).unlink(missing_ok=True)
        self._file, _ = self._open(self._path)
        self._journal = self._database.journal_cursor()
        self._fill()

    @staticmethod
    def _open(path: Path) -> tuple[sqlite3.Connection, object]:
        file = connect(path)
        try:
            file.executescript(_CREATE)
            return file, file.execute("SELECT journal, version, behind FROM state").fetchone()
        except BaseException:
            file.close()
            raise

    def _fill(self) -> None:
        """All studies anew, in one transaction: readers see the old ones until it ends."""
        self._database.uncopied.clear()
        rows = self._index.execute(_SELECT)
        with self._transaction():
            self._file.execute("DELETE FROM study")
            while part := rows.fetchmany(_AT_ONCE):
                self._file.executemany(_INSERT, [(*row, self._stamp) for row in part])
            self._file.execute("DELETE FROM state")
            self._file.execute("INSERT INTO state VALUES (?, ?, ?)", (self._journal, *CURRENT))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._file.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._file.execute("COMMIT")
        except BaseException:
            self._file.execute("ROLLBACK")
            raise

    def _say_behind(self) -> None:
        try:
            self._file.execute("UPDATE state SET behind = 1 WHERE behind = 0")
        except sqlite3.OperationalError:
            raise  # locked, or no room on the disk: the change has to wait
        except sqlite3.DatabaseError as error:
            self._file.close()
            self._renew(error)
            self._file.execute("UPDATE state SET behind = 1")

    def catch_up(self, journal: int) -> None:
        """Copy the studies that were changed, as the index has them now at this arrival; those that it no longer has disappear.

        What fails is copied the next time; a damaged file is made anew: a mere copy must not hold up the feed.
        """
        try:
            self._catch_up(journal)
        except sqlite3.OperationalError:
            raise  # locked, or no room on the disk
        except sqlite3.DatabaseError as error:
            self._file.close()
            self._renew(error)

    def _catch_up(self, journal: int) -> None:
        uids = sorted(self._database.uncopied)
        if not uids and journal == self._journal:
            return
        rows = self._index.execute(f"{_SELECT} WHERE {among('study_uid', uids)}", uids).fetchall()
        self._stamp += 1
        with self._transaction():
            self._file.executemany("DELETE FROM study WHERE study_uid = ?", [(uid,) for uid in uids])
            self._file.executemany(_INSERT, [(*row, self._stamp) for row in rows])
            self._file.execute("UPDATE state SET journal = ?, behind = 0", (journal,))
        self._journal = journal
        self._database.uncopied.difference_update(uids)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def forget(index: Path) -> None:
    """Have the register beside a new index filled anew when it is next opened."""
    path = index.with_name(NAME)
    if path.exists():
        with suppress(sqlite3.DatabaseError):  # a damaged one is renewed anyhow
            file = connect(path)
            file.execute("DELETE FROM state")
            file.close()
