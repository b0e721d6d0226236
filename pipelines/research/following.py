"""The follower of the records feed: projects, facts of exams, revocations into the service's own file."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pipelines.catching_up import CatchingUpFollower
from pipelines.following import Feed, Row
from pipelines.research.projects import ProjectRecord
from pipelines.research.store import ResearchStore
from pipelines.research.terms import PRIORITIES

IN_FORCE = frozenset({"signed", "delivered"})
SCHEMA_READ = 1


def seconds(value: object) -> float | None:
    """ISO 8601 text (a missing offset means UTC) as seconds since 1970; nothing for nothing."""
    if not value:
        return None
    read = datetime.fromisoformat(str(value))
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def exam_facts(data: Mapping[str, Any]) -> dict[str, Any]:
    """What of `exam.changed` is kept. The text and result of a report that is not in force are nobody's business."""
    entered = data.get("state_times") or {}
    signed = data.get("report_state") in IN_FORCE
    positive = data.get("positive") if signed else None
    return {
        "exam_id": str(data["exam_id"]),
        "studies": json.dumps(sorted({str(uid) for uid in data.get("study_uids") or ()})),
        "priority": data.get("priority") if data.get("priority") in PRIORITIES else "routine",
        "positive": None if positive is None else int(bool(positive)),
        "ordered_at": seconds(data.get("ordered_at")),
        "performed_at": seconds(data.get("performed_at")),
        "complete_at": seconds(entered.get("images_complete")),
        "written_at": seconds(entered.get("written")),
        "signed_at": seconds(entered.get("signed")) if signed else None,
    }


class RecordsFollower(CatchingUpFollower):
    """Reads the records feed."""

    outages = (sqlite3.OperationalError,)

    def __init__(self, feed: Feed, store: ResearchStore, **options: Any) -> None:
        super().__init__("records", feed, store, **options)
        self.store = store

    def apply(self, rows: Sequence[Row]) -> None:
        """Write what the rows mean; the base moves the cursor in the same transaction."""
        for row in rows:
            if int(row.get("schema", 1)) > SCHEMA_READ:
                raise ValueError(f"row {row['seq']} has schema {row['schema']}; this version reads up to {SCHEMA_READ}")
            self._apply(row)

    def _apply(self, row: Row) -> None:
        kind, data = row["kind"], row["data"]
        if kind == "project.changed":
            self.store.put_project(ProjectRecord.from_data(data).code, data)
        elif kind == "exam.changed":
            self.store.put_exam(int(row["seq"]), exam_facts(data))
        elif kind == "account.changed" and data.get("not_before"):
            self.store.put_revocation(str(data["username"]), "account", float(data["not_before"]))
        elif kind == "session.ended" and data.get("sid"):
            # a session that has ended never comes back: every ticket of it is dead, whenever it was issued
            self.store.put_revocation(str(data["sid"]), "session", math.inf)

    def reset(self) -> None:
        """Forget what this feed told; called in the transaction that sets the cursor to 0."""
        self.store.empty()
