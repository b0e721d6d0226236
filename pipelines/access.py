"""Access: every opening of a study is written to the audit.

images feed (`study.opened`: one row per person or device, study and sitting) → `POST /audit/entries` of ris, key `images:<seq>`, so that a row
told twice is one entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from pipelines.following import Feed, Follower, Row, SqliteCursors

Entry = dict[str, Any]


class Audit(Protocol):
    """The door of ris that the access follower needs."""

    def audit_entries(self, entries: Sequence[Entry]) -> object:
        """`POST /audit/entries`; idempotent by `key`."""


def entry_of(row: Row) -> Entry:
    """Return the audit entry of a `study.opened` row; a device that retrieved it stands as `AE <title>`."""
    data = row["data"]
    return {
        "key": f"images:{row['seq']}",
        "at": row["at"],
        "username": f"AE {data['aet']}" if "aet" in data else data["username"],
        "action": "study.opened",
        "entity": {"type": "study", "id": row["study_uid"]},
        "institution": row["institution"],
        "sid": data.get("sid"),
        **({"detail": {"destination": data["destination"]}} if "destination" in data else {}),
    }


class Access(Follower):
    """Writes who opened which study to the audit."""

    def __init__(self, feed: Feed, cursors: SqliteCursors, ris: Audit, **settings: Any) -> None:
        super().__init__("access", feed, cursors, retry_aside=True, **settings)
        self.ris = ris

    def apply(self, rows: Sequence[Row]) -> None:
        """Write one entry per opening in these rows."""
        entries = [entry_of(row) for row in rows if row["kind"] == "study.opened"]
        if entries:
            self.ris.audit_entries(entries)
