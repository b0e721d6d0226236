"""Performed procedure steps, kept in an SQLite file of their own; each state is told to the images feed exactly once.

State and the row to be told are one transaction (an outbox); the feed's key exists once, so telling again after a crash adds nothing.
"""

from __future__ import annotations

import sqlite3
import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from dicom_node import logs
from dicom_node.archive.identity import uid_fault
from dicom_node.feed import Event, Feed
from dicom_node.worklist import step_rules as rules
from dicom_node.worklist.matching import Attributes

log = logs.get(__name__)
_CREATE = """
CREATE TABLE IF NOT EXISTS step (institution TEXT NOT NULL, sop_uid TEXT NOT NULL, aet TEXT NOT NULL, state TEXT NOT NULL,
  attributes BLOB NOT NULL, created_at TEXT NOT NULL, changed_at TEXT NOT NULL, PRIMARY KEY (institution, sop_uid));
CREATE TABLE IF NOT EXISTS untold (id INTEGER PRIMARY KEY, event BLOB NOT NULL);
"""
_KINDS = {rules.IN_PROGRESS: "step.started", rules.COMPLETED: "step.completed", rules.DISCONTINUED: "step.discontinued"}


class Steps:
    """The steps' file. A step belongs to the institution whose device made it; others do not know of it."""

    def __init__(self, path: Path, feed: Feed) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._feed = feed
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(_CREATE)
        self._untold = True

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """`{"status", "comment", "sop_uid", "final"}` for a question with `do` (create or set), `institution`, `aet`, `sop_uid`
        and `attributes` (DICOM JSON). Status 0 means that the step is on disk.
        """  # noqa: D205
        sop_uid = question["sop_uid"] or (f"2.25.{uuid.uuid4().int}" if question["do"] == "create" else "")
        if fault := uid_fault(sop_uid):
            return _answer(rules.Fault(rules.INVALID_INSTANCE, f"SOP Instance UID is {fault}"), sop_uid)
        with self._lock:
            refused = (self._create if question["do"] == "create" else self._set)(question, sop_uid)
        self.tell()
        return _answer(refused, sop_uid)

    def _create(self, question: dict[str, Any], sop_uid: str) -> rules.Fault | None:
        if self._find(question["institution"], sop_uid) is not None:
            return rules.Fault(rules.DUPLICATE, "step exists")
        attributes = question["attributes"]
        if fault := rules.refusal_of_create(attributes):
            return fault
        self._keep(question, sop_uid, attributes, rules.IN_PROGRESS)
        return None

    def _set(self, question: dict[str, Any], sop_uid: str) -> rules.Fault | None:
        before = self._find(question["institution"], sop_uid)
        if before is None:
            return rules.Fault(rules.NO_SUCH_INSTANCE, "no such step")
        changes = question["attributes"]
        if fault := rules.refusal_of_set(before, changes):
            return fault
        after = before | changes
        state = rules.state_of(after)
        self._keep(question, sop_uid, after, state if state in rules.FINAL else None)
        return None

    def _find(self, institution: str, sop_uid: str) -> Attributes | None:
        query = "SELECT attributes FROM step WHERE institution = ? AND sop_uid = ?"
        found = self._connection.execute(query, (institution, sop_uid)).fetchone()
        return orjson.loads(found[0]) if found else None

    def _keep(self, question: dict[str, Any], sop_uid: str, attributes: Attributes, reached: str | None) -> None:
        """Write the step and, when it reached a state, the row to be told."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        institution, aet = question["institution"], question["aet"]
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.execute(
                "INSERT INTO step VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (institution, sop_uid) DO UPDATE "
                "SET state = excluded.state, attributes = excluded.attributes, changed_at = excluded.changed_at",
                (institution, sop_uid, aet, rules.state_of(attributes), orjson.dumps(attributes), at, at),
            )
            if reached is not None:
                data = {"aet": aet, "state": reached} | rules.told_of(attributes)
                event = {
                    "key": f"step:{institution}:{sop_uid}:{reached}", "kind": _KINDS[reached], "institution": institution,
                    "study_uid": data["scheduled"][0]["study_uid"], "sop_uid": sop_uid, "data": data,
                }  # fmt: skip
                self._connection.execute("INSERT INTO untold (event) VALUES (?)", (orjson.dumps(event),))
                self._untold = True
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise

    def tell(self) -> None:
        """Add what waits to the feed. A feed that cannot be written now is tried again; the steps themselves are kept."""
        if not self._untold:
            return
        with self._lock:
            try:
                rows = self._connection.execute("SELECT id, event FROM untold ORDER BY id").fetchall()
                self._feed.append([Event(**orjson.loads(event)) for _, event in rows])
                self._connection.executemany("DELETE FROM untold WHERE id = ?", [(number,) for number, _ in rows])
            except sqlite3.Error:
                log.exception("mpps.untold", action="tried again")
                return
            self._untold = False


def _answer(fault: rules.Fault | None, sop_uid: str) -> dict[str, Any]:
    if fault is None:
        return {"status": 0, "comment": "", "sop_uid": sop_uid, "final": False}
    return {"status": fault.status, "comment": fault.comment, "sop_uid": sop_uid, "final": fault.final}
