"""From index to feed: what became of each arrival, and which series have gone quiet."""

from __future__ import annotations

import time
from typing import Any

import orjson

from dicom_node.feed import Event, Feed
from dicom_node.index.database import Database, among
from dicom_node.index.rejection import MEANINGS
from dicom_node.index.schema import HIDDEN_STUDY_SELECT

STUDY_STATE = """
    study_uid, institution, accession, patient_id, patient_name, name_alphabetic, name_ideographic, pinyin,
    strftime(birth_date, '%Y-%m-%d') AS birth_date, sex, modality, modalities, study_description AS description, body_part,
    strftime(study_date, '%Y-%m-%d') AS study_date, study_time, series, instances, calling_aet, charset_guess
"""


class Publisher:
    """Writes feed rows for arrivals that the index knows and the feed does not."""

    def __init__(self, database: Database, feed: Feed, quiet_seconds: float) -> None:
        self._database, self._feed, self._quiet_seconds = database, feed, quiet_seconds
        self._cursor = feed.cursor()
        now = time.monotonic()
        self._last: dict[tuple[str, str], tuple[int, float]] = {(s, r): (arrival, now) for s, r, arrival in feed.waiting()}

    def _studies(self, uids: set[str]) -> dict[str, dict[str, Any]]:
        """The state of each study; one with nothing left to show is what it was, with no series and no instances."""
        rows = self._database.rows(f"SELECT {STUDY_STATE} FROM study WHERE {among('study_uid', sorted(uids))}", sorted(uids))  # noqa: S608
        if left := sorted(uids - {row["study_uid"] for row in rows}):
            emptied = self._database.rows(
                f"SELECT {STUDY_STATE} FROM ({HIDDEN_STUDY_SELECT.format(among('study_uid', left))})",  # noqa: S608
                left,
            )
            rows += [row | {"series": 0, "instances": 0} for row in emptied]
        return {row["study_uid"]: row for row in rows}

    def step(self, until: int) -> None:
        """Publish arrivals below `until` (the index's cursor)."""
        if until <= self._cursor:
            return
        self._publish([self._cursor, until], cursor=until)
        self._cursor = until

    def publish_visibility(self) -> None:
        """Publish what notes behind the cursor have hidden: a rebuild may have understood more of them than the index before it."""
        events = [event for _, event in self._visibility([0, self._cursor], {})]
        if events:
            self._feed.append(events)

    def publish_retried(self) -> None:
        """Publish arrivals that a retry, or a rebuild after one, has indexed behind the cursor."""
        for arrival in self._feed.retried():
            if self._database.rows(
                "SELECT 1 FROM instance WHERE arrival = ? UNION ALL SELECT 1 FROM conflict WHERE arrival = ?", [arrival] * 2
            ):
                self._publish([arrival, arrival + 1], retried=arrival)

    def _publish(self, span: list[int], *, cursor: int | None = None, retried: int | None = None) -> None:
        stored = self._database.rows(
            "SELECT arrival, institution, study_uid, series_uid, sop_uid, sop_class, modality, digest, size, frames, calling_aet "
            "FROM instance WHERE arrival >= ? AND arrival < ? AND visible ORDER BY arrival",
            span,
        )
        conflicts = self._database.rows("SELECT * FROM conflict WHERE arrival >= ? AND arrival < ? ORDER BY arrival", span)
        studies = self._studies({row["study_uid"] for row in stored})
        events: list[tuple[int, Event]] = []
        unquiet: dict[tuple[str, str], int] = {}
        for row in stored:
            instance = {name: row[name] for name in ("sop_class", "digest", "size", "frames")}
            data = studies[row["study_uid"]] | {"quiet": False, "instance_modality": row["modality"], "instance": instance}
            event = Event(
                f"stored:{row['arrival']}", "instance.stored", row["institution"], row["study_uid"], row["series_uid"], row["sop_uid"], data
            )
            events.append((row["arrival"], event))
            unquiet[row["study_uid"], row["series_uid"]] = row["arrival"]
        for row in conflicts:
            data = {name: row[name] for name in ("reason", "digest", "visible_digest", "received_at")}
            key = f"conflict:{row['arrival']}:{row['reason']}"
            event = Event(key, "conflict.found", row["institution"], row["study_uid"], row["series_uid"], row["sop_uid"], data)
            events.append((row["arrival"], event))
        events += self._visibility(span, unquiet)
        events.sort(key=lambda pair: pair[0])
        self._feed.append(
            [event for _, event in events], cursor=cursor, unquiet=[(study, series, a) for (study, series), a in unquiet.items()],
            retried=retried,
        )  # fmt: skip
        now = time.monotonic()
        for place, arrival in unquiet.items():
            self._last[place] = (arrival, now)

    def _visibility(self, span: list[int], unquiet: dict[tuple[str, str], int]) -> list[tuple[int, Event]]:
        """Instances that became hidden, and those that are shown again: they count as stored once more."""
        changed = self._database.rows(
            "SELECT v.*, i.sop_class, i.modality, i.size, i.frames, i.visible, n.note_uid, n.reason, n.qualifiers FROM visibility v "
            "JOIN instance i ON i.sop_uid = v.sop_uid AND i.digest = v.digest AND i.institution = v.institution "
            "LEFT JOIN rejection n ON n.arrival = v.note AND n.sop_uid = v.sop_uid WHERE v.arrival >= ? AND v.arrival < ? "
            "ORDER BY v.arrival, v.sop_uid",
            span,
        )
        studies = self._studies({row["study_uid"] for row in changed})
        waiting = {study for study, _ in self._last} | {study for study, _ in unquiet}
        events = []
        for row in changed:
            place = row["institution"], row["study_uid"], row["series_uid"], row["sop_uid"]
            instance = {name: row[name] for name in ("sop_class", "digest", "size", "frames")}
            data = studies[row["study_uid"]] | {"instance_modality": row["modality"], "instance": instance}
            if row["kind"] == "shown":
                if row["visible"]:  # else a note has hidden it since
                    event = Event(f"stored:{row['arrival']}", "instance.stored", *place, data | {"quiet": False})
                    events.append((row["arrival"], event))
                    unquiet[row["study_uid"], row["series_uid"]] = row["arrival"]
                continue
            data |= {
                "quiet": row["study_uid"] not in waiting, "on_arrival": row["on_arrival"], "note": row["note_uid"],
                "reason": {"code": row["reason"], "meaning": MEANINGS[row["reason"]]}, "qualifiers": orjson.loads(row["qualifiers"]),
            }  # fmt: skip
            events.append((row["arrival"], Event(f"hidden:{row['arrival']}:{row['digest']}", "instance.hidden", *place, data)))
        return events

    def report_quiet(self) -> None:
        """One row for each series without a new image for the quiet time."""
        due = time.monotonic() - self._quiet_seconds
        quiet = [(place, arrival) for place, (arrival, seen) in self._last.items() if seen <= due]
        if not quiet:
            return
        studies = self._studies({study for (study, _), _ in quiet})
        events = []
        for (study, series), arrival in quiet:
            if study in studies:
                state = studies[study]
                key = f"quiet:{study}:{series}:{arrival}"
                events.append(Event(key, "series.quiet", state["institution"], study, series, None, state | {"quiet": True}))
        self._feed.append(events, quiet=[(study, series, arrival) for (study, series), arrival in quiet])
        for place, _ in quiet:
            del self._last[place]
