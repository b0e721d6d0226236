"""Annotations: what the node must know of the records, so that it can decide about images without asking anybody.

records feed → `POST /annotations` of the node. Tables written here:

* `report_state` – key study UID → `{report_state, exam_state, exam_id, stage}`: newest state of the exam the study belongs to;
* `grants` – key study UID → `{institutions: [code]}`: hospitals beside the sending one that may read it (the exam's institution,
  when a study was linked by hand to an exam of another hospital);
* `worklist` – key `exam:<exam id>` → what the hospital's devices are to do (`pipelines.worklist`), null when it is done;
* `revocations` – key username → `{not_before, disabled}` (tickets made before are dead), and key `session:<sid>` → `{ended_at}`.

The version of an annotation is the seq of the row it comes from: told twice or late, an older one never wins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from pipelines import worklist
from pipelines.following import Feed, Follower, Row, SqliteCursors

Annotation = dict[str, Any]
ZONE = ZoneInfo("Asia/Shanghai")


class Annotated(Protocol):
    """The door of the node that this follower needs."""

    def annotate(self, rows: list[Annotation]) -> object:
        """`POST /annotations` `{rows: [{table, key, version, data|null}]}`."""


def annotations_of(row: Row, zone: ZoneInfo = ZONE) -> Iterator[Annotation]:
    """Yield what one row of the records feed means for the node; `zone` is the hospitals' local time."""
    kind, version, data = row["kind"], row["seq"], row["data"]
    if kind == "exam.changed":
        state = {name: data.get(name) for name in ("exam_id", "exam_state", "report_state", "stage")}
        for study_uid in data.get("study_uids") or ():
            yield {"table": "report_state", "key": study_uid, "version": version, "data": state}
        if worklist.is_scheduled(data):
            key = f"exam:{data['exam_id']}"
            yield {"table": "worklist", "key": key, "version": version, "data": worklist.entry_of(row, zone)}
    elif kind == "study.linked":
        yield {"table": "grants", "key": data["study_uid"], "version": version, "data": {"institutions": [row["institution"]]}}
    elif kind == "account.changed" and (data.get("not_before") is not None or data.get("disabled")):
        # Also when the account is enabled again: the row must then say so.
        revoked = {"not_before": data.get("not_before"), "disabled": bool(data.get("disabled"))}
        yield {"table": "revocations", "key": data["username"], "version": version, "data": revoked}
    elif kind == "session.ended":
        yield {"table": "revocations", "key": f"session:{data['sid']}", "version": version, "data": {"ended_at": row["at"]}}


def newest_annotations(rows: Sequence[Row], zone: ZoneInfo = ZONE) -> list[Annotation]:
    """Return the annotations of a batch, only the newest of each (table, key)."""
    newest = {(made["table"], made["key"]): made for row in rows for made in annotations_of(row, zone)}
    return list(newest.values())


class Annotations(Follower):
    """Keeps the node's tables level with the records."""

    def __init__(self, feed: Feed, cursors: SqliteCursors, node: Annotated, *, zone: ZoneInfo = ZONE, **settings: Any) -> None:
        super().__init__("annotations", feed, cursors, retry_aside=True, **settings)
        self.node, self.zone = node, zone

    def apply(self, rows: Sequence[Row]) -> None:
        """Write the newest annotations of these rows to the node."""
        made = newest_annotations(rows, self.zone)
        if made:
            self.node.annotate(made)
