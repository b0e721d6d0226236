"""C-MOVE's and C-GET's question, answered in the index process: unique keys in, the instances to send out.

Whoever retrieves opens a study: one `study.opened` row per study, device, destination and sitting.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Any

from dicom_node.feed import Event, Feed
from dicom_node.index.database import Database
from dicom_node.query.models import ROOTS, UNIQUE, own_fault, upper_fault, values
from dicom_node.query.search import Scope

MAX_SUBOPERATIONS = 65535  # their numbers are unsigned shorts (PS3.7 9.3.3.2)
SITTING = 1800.0  # seconds without a retrieve after which a device sits down anew

_COLUMN = {
    "PatientID": "s.patient_id",
    "StudyInstanceUID": "i.study_uid",
    "SeriesInstanceUID": "i.series_uid",
    "SOPInstanceUID": "i.sop_uid",
}


class Openings:
    """Who retrieved which study, told to the feed once per sitting."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._lock = threading.Lock()
        self._last: dict[tuple[str, str, str, str], float] = {}

    def tell(self, institution: str, aet: str, destination: str | None, studies: list[str]) -> None:
        """`aet` retrieves `studies`, for `destination` when that is another device."""
        now, at = time.monotonic(), datetime.now(UTC).isoformat(timespec="milliseconds")
        other = destination if destination not in {None, aet} else None
        with self._lock:
            if len(self._last) > 100_000:
                self._last = {key: last for key, last in self._last.items() if now - last < SITTING}
            events, keys = [], [(institution, aet, other or "", study) for study in studies]
            for key in keys:
                if now - self._last.get(key, -SITTING) >= SITTING:
                    data = {"aet": aet} | ({"destination": other} if other else {})
                    events.append(Event(f"opened:aet:{':'.join(key)}:{at}", "study.opened", institution, key[3], data=data))
            if events:
                self._feed.append(events)
            self._last.update(dict.fromkeys(keys, now))


def answer_retrieve(database: Database, openings: Openings, question: dict[str, Any]) -> dict[str, Any]:
    """`{"matches": [{digest, sop_class, sop_uid, transfer_syntax, size}]}`, or `{"error": code, "detail": words}`.

    The question: `root`, `level`, `keys` (unique key → text), `relational`, `institution`, `aet`, `destination`.
    Unknown UIDs, and those of another institution, match nothing. Order: study, series, instance number.
    """
    root, keys = question["root"], question["keys"]
    level = ROOTS[root].get(question["level"])
    if level is None:
        return {"error": "identifier", "detail": "QueryRetrieveLevel is missing or not of this model"}
    fault = own_fault(level, keys) or (None if question["relational"] else upper_fault(root, level, keys))
    if fault:
        return {"error": "identifier", "detail": fault}
    scope, parameters = Scope(frozenset({question["institution"]})).sql("i.institution")
    tests = ["i.visible", scope]
    for name in ROOTS[root].values():
        wanted = values(keys.get(UNIQUE[name], ""))
        if wanted:
            tests.append(f"{_COLUMN[UNIQUE[name]]} IN (SELECT unnest(?::VARCHAR[]))")
            parameters.append(wanted)
        if name == level:
            break
    rows = database.rows(
        "SELECT i.digest, i.sop_class, i.sop_uid, i.transfer_syntax, i.size, i.study_uid "  # noqa: S608
        f"FROM instance i JOIN study s ON s.study_uid = i.study_uid WHERE {' AND '.join(tests)} "
        f"ORDER BY s.first_arrival, i.series_number NULLS LAST, i.series_uid, i.number NULLS LAST, i.sop_uid LIMIT {MAX_SUBOPERATIONS + 1}",
        parameters,
    )
    if len(rows) > MAX_SUBOPERATIONS:
        return {"error": "many", "detail": f"more than {MAX_SUBOPERATIONS} instances match"}
    studies = list(dict.fromkeys(row.pop("study_uid") for row in rows))
    openings.tell(question["institution"], question["aet"], question["destination"], studies)
    return {"matches": rows}


def answer_stored_syntaxes(database: Database, question: dict[str, Any]) -> dict[str, Any]:
    """`{"stored": {SOP class: {transfer syntax: instances}}}` of the `classes` asked for, as the `institution` has them."""
    stored: dict[str, dict[str, int]] = {}
    for row in database.rows(
        "SELECT sop_class, transfer_syntax, count(*) AS n FROM instance WHERE visible AND institution = ? "
        "AND sop_class IN (SELECT unnest(?::VARCHAR[])) GROUP BY sop_class, transfer_syntax",
        [question["institution"], question["classes"]],
    ):
        stored.setdefault(row["sop_class"], {})[row["transfer_syntax"]] = row["n"]
    return {"stored": stored}
