"""What the service remembers, in one SQLite file: what the records feed told, the audit not sent yet, volumes given out, results.

A batch of feed rows and the cursor behind it are one transaction. Of an exam only what is counted is kept: no name, number or text.
"""

from __future__ import annotations

import json
import math
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from pipelines.following import Aside
from pipelines.research.projects import ProjectRecord

CREATE = (
    "CREATE TABLE IF NOT EXISTS cursor (name TEXT PRIMARY KEY, seq INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS aside (name TEXT, seq INTEGER, kind TEXT, reason TEXT, at TEXT, PRIMARY KEY (name, seq))",
    "CREATE TABLE IF NOT EXISTS project (code TEXT PRIMARY KEY, data TEXT NOT NULL)",
    """CREATE TABLE IF NOT EXISTS exam (
        exam_id TEXT PRIMARY KEY, studies TEXT NOT NULL, priority TEXT, positive INTEGER,
        ordered_at REAL, performed_at REAL, complete_at REAL, written_at REAL, signed_at REAL
    )""",
    "CREATE TABLE IF NOT EXISTS moved (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS revocation (subject TEXT, kind TEXT, not_before REAL NOT NULL, PRIMARY KEY (subject, kind))",
    "CREATE TABLE IF NOT EXISTS usage (caller TEXT, day TEXT, bytes INTEGER NOT NULL, PRIMARY KEY (caller, day))",
    "CREATE TABLE IF NOT EXISTS waiting (place INTEGER PRIMARY KEY, entry TEXT NOT NULL)",
    """CREATE TABLE IF NOT EXISTS result (
        project TEXT, sop_uid TEXT, study_uid TEXT, series_uid TEXT, modality TEXT, sop_class TEXT, bytes INTEGER, sha256 TEXT,
        sent_by TEXT, sent_at TEXT, PRIMARY KEY (project, sop_uid)
    )""",
)
FED = ("project", "exam", "moved", "revocation")
"""Tables made from the feed and from nothing else."""
EXAM = ("exam_id", "studies", "priority", "positive", "ordered_at", "performed_at", "complete_at", "written_at", "signed_at")
RESULT = ("sop_uid", "study_uid", "series_uid", "modality", "sop_class", "bytes", "sha256", "sent_by", "sent_at")


class ResearchStore:
    """The file; safe for several threads."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._base = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=15)
        path.chmod(0o600)
        self._base.execute("PRAGMA journal_mode=WAL")
        self._base.execute("PRAGMA synchronous=FULL")
        self._inside = False
        for statement in CREATE:
            self._base.execute(statement)
        self._projects: dict[str, ProjectRecord] | None = None

    @contextmanager
    def unit(self) -> Iterator[None]:
        """One transaction; inside another it is part of that one."""
        with self._lock:
            if self._inside:
                yield
                return
            self._base.execute("BEGIN IMMEDIATE")
            self._inside = True
            try:
                yield
                self._base.execute("COMMIT")
            except BaseException:
                self._base.execute("ROLLBACK")
                raise
            finally:
                self._inside = False
                self._projects = None

    def _ask(self, question: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._base.execute(question, values).fetchall()

    def _do(self, statement: str, *values: Any) -> None:
        with self.unit():
            self._base.execute(statement, values)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._base.close()

    # -- what a follower needs (pipelines.following.CursorStore) ---------------------------------------------------------------------

    def position(self, name: str) -> int:
        """The last row of this feed that is in the file; 0 before the first."""
        found = self._ask("SELECT seq FROM cursor WHERE name = ?", name)
        return int(found[0][0]) if found else 0

    def advance(self, name: str, seq: int) -> None:
        """Everything up to `seq` is in the file; durable with the surrounding unit."""
        self._do("INSERT OR REPLACE INTO cursor VALUES (?, ?)", name, seq)

    def set_aside(self, name: str, row: Aside) -> None:
        """Write a row down that cannot be read."""
        self._do("INSERT OR REPLACE INTO aside VALUES (?, ?, ?, ?, ?)", name, row.seq, row.kind, row.reason, row.at)

    def aside(self, name: str) -> list[Aside]:
        """Rows set aside, by number."""
        return [Aside(*row) for row in self._ask("SELECT seq, kind, reason, at FROM aside WHERE name = ? ORDER BY seq", name)]

    def take_back(self, name: str, seq: int) -> None:
        """Forget a row set aside."""
        self._do("DELETE FROM aside WHERE name = ? AND seq = ?", name, seq)

    # -- written by the follower -----------------------------------------------------------------------------------------------------

    def put_project(self, code: str, data: Mapping[str, Any]) -> None:
        """Keep the newest state of a project."""
        self._do("INSERT OR REPLACE INTO project VALUES (?, ?)", code, json.dumps(data, ensure_ascii=False))

    def put_exam(self, seq: int, facts: Mapping[str, Any]) -> None:
        """Keep the newest facts of an exam (keys of `EXAM`)."""
        with self.unit():
            marks = ", ".join("?" * len(EXAM))
            self._base.execute(f"INSERT OR REPLACE INTO exam VALUES ({marks})", [facts[name] for name in EXAM])  # noqa: S608 - question marks
            self._base.execute("INSERT OR REPLACE INTO moved VALUES (1, ?)", [seq])

    def put_revocation(self, subject: str, kind: str, not_before: float) -> None:
        """Tickets of this account, or session, issued before that moment are dead."""
        self._do("INSERT OR REPLACE INTO revocation VALUES (?, ?, ?)", subject, kind, not_before if math.isfinite(not_before) else 1e18)

    def empty(self) -> None:
        """Forget what the feed told; it is read again from its first row."""
        with self.unit():
            for table in FED:
                self._base.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names

    # -- projects (pipelines.research.access.Membership) -------------------------------------------------------------------------------

    def _known(self) -> dict[str, ProjectRecord]:
        with self._lock:
            if self._projects is None:
                rows = self._ask("SELECT code, data FROM project ORDER BY code")
                self._projects = {code: ProjectRecord.from_data(json.loads(data)) for code, data in rows}
            return self._projects

    def project(self, code: str) -> ProjectRecord | None:
        """The project's newest record."""
        return self._known().get(code)

    def projects(self) -> list[ProjectRecord]:
        """All of them, by code."""
        return list(self._known().values())

    def project_of_token(self, digest: str) -> tuple[ProjectRecord, str, date, bool] | None:
        """(project, id, last day, whether revoked) of the token with this SHA-256 (hex)."""
        for project in self.projects():
            for token in project.tokens:
                if token.digest == digest:
                    return project, token.id, token.expires_on, token.revoked
        return None

    def revoked(self, username: str, sid: str, issued: float) -> bool:
        """Whether a ticket of this account and session, issued at that second (since 1970), was revoked afterwards."""
        question = (
            "SELECT 1 FROM revocation WHERE ((kind = 'account' AND subject = ?) OR (kind = 'session' AND subject = ?)) AND not_before > ?"
        )
        return bool(self._ask(question, username, sid, issued))

    # -- exams -----------------------------------------------------------------------------------------------------------------------

    @property
    def exams_at(self) -> int:
        """Number of the feed row that last changed an exam."""
        found = self._ask("SELECT seq FROM moved")
        return int(found[0][0]) if found else 0

    def exams(self) -> list[dict[str, Any]]:
        """One row per exam and study, as `making.EXAM_FACTS` says."""
        made = []
        for row in self._ask(f"SELECT {', '.join(EXAM)} FROM exam ORDER BY exam_id"):  # noqa: S608 - our own names
            facts = dict(zip(EXAM, row, strict=True))
            studies = json.loads(facts.pop("studies"))
            facts["positive"] = None if facts["positive"] is None else bool(facts["positive"])
            made += [{**facts, "study_uid": uid} for uid in studies]
        return made

    # -- volumes, audit --------------------------------------------------------------------------------------------------------------

    def used(self, caller: str, day: date) -> int:
        """Bytes this caller was given on this day."""
        found = self._ask("SELECT bytes FROM usage WHERE caller = ? AND day = ?", caller, day.isoformat())
        return int(found[0][0]) if found else 0

    def use(self, caller: str, day: date, size: int) -> None:
        """Count bytes; days that are over are forgotten."""
        with self.unit():
            self._base.execute("DELETE FROM usage WHERE day < ?", [day.isoformat()])
            self._base.execute(
                "INSERT INTO usage VALUES (?, ?, ?) ON CONFLICT (caller, day) DO UPDATE SET bytes = bytes + excluded.bytes",
                [caller, day.isoformat(), size],
            )

    def wait_for_audit(self, entry: Mapping[str, Any]) -> None:
        """Keep an audit entry until the records service has it; on disk when this returns."""
        self._do("INSERT INTO waiting (entry) VALUES (?)", json.dumps(entry, ensure_ascii=False))

    def waiting(self, limit: int) -> list[tuple[int, dict[str, Any]]]:
        """Entries not sent yet, the oldest first, each with its place."""
        return [(place, json.loads(entry)) for place, entry in self._ask("SELECT place, entry FROM waiting ORDER BY place LIMIT ?", limit)]

    def sent(self, places: Iterable[int]) -> None:
        """These have arrived."""
        with self.unit():
            self._base.executemany("DELETE FROM waiting WHERE place = ?", [(place,) for place in places])

    # -- results ---------------------------------------------------------------------------------------------------------------------

    def result(self, project: str, sop_uid: str) -> dict[str, Any] | None:
        """A result that was sent back."""
        return next(iter(self._results("project = ? AND sop_uid = ?", project, sop_uid)), None)

    def results(self, project: str, after: str, limit: int) -> list[dict[str, Any]]:
        """Results of a project behind a UID, in order of their UIDs."""
        return self._results("project = ? AND sop_uid > ? ORDER BY sop_uid LIMIT ?", project, after, limit)

    def result_bytes(self, project: str) -> int:
        """Room that a project's results take."""
        return int(self._ask("SELECT coalesce(sum(bytes), 0) FROM result WHERE project = ?", project)[0][0])

    def add_result(self, project: str, row: Mapping[str, Any]) -> None:
        """Keep what is known of a result (keys of `RESULT`)."""
        marks = ", ".join("?" * (len(RESULT) + 1))
        self._do(f"INSERT INTO result VALUES ({marks})", project, *(row[name] for name in RESULT))  # noqa: S608 - question marks

    def _results(self, where: str, *values: Any) -> list[dict[str, Any]]:
        rows = self._ask(f"SELECT {', '.join(RESULT)} FROM result WHERE {where}", *values)  # noqa: S608 - our own text
        return [dict(zip(RESULT, row, strict=True)) for row in rows]
