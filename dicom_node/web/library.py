"""Instances by UID within a reader's scope, and the record of who opened a study."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import orjson

from dicom_node.feed import Event, Feed
from dicom_node.index.database import Database
from dicom_node.index.geometry import put_in_order
from dicom_node.query.search import Scope
from dicom_node.web.problems import ProblemError
from dicom_node.web.tickets import Reader

_COLUMNS = (
    "i.sop_uid, i.series_uid, i.study_uid, i.institution, i.digest, i.size, i.transfer_syntax, i.sop_class, i.unshowable, "
    "i.pixel_offset, i.pixel_length"
)
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Series:
    """A series in order: frames (private keys included), their instances by SOP UID, warning codes."""

    frames: list[dict[str, Any]]
    instances: dict[str, Row]
    warnings: list[str]


@dataclass
class Library:
    """Reads of the index for the web, always with a scope."""

    database: Database
    feed: Feed
    _opened: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _warnings: dict[tuple[str, str, int, int], list[str]] = field(default_factory=dict)

    def instances(self, scope: Scope, study: str, series: str | None = None, instance: str | None = None, *, extra: str = "") -> list[Row]:
        """Visible instances, by series and instance number; ProblemError 404 when there is none in scope."""
        test, parameters = scope.sql("i.institution")
        tests = ["i.visible", "i.study_uid = ?", test]
        values: list[Any] = [study, *parameters]
        for column, uid in (("i.series_uid", series), ("i.sop_uid", instance)):
            if uid is not None:
                tests.append(f"{column} = ?")
                values.append(uid)
        rows = self.database.rows(
            f"SELECT {_COLUMNS}{extra} FROM instance i WHERE {' AND '.join(tests)} "  # noqa: S608
            "ORDER BY i.series_number NULLS LAST, i.series_uid, i.number NULLS LAST, i.arrival",
            values,
        )
        if not rows:
            raise ProblemError("image.unknown")
        return rows

    def series(self, scope: Scope, study: str, series: str) -> Series:
        """One series in order."""
        rows = self.instances(scope, study, series, extra=", i.frame_json")
        frames = [frame for row in rows if row["frame_json"] for frame in orjson.loads(row["frame_json"])]
        ordered, warnings = put_in_order(frames)
        return Series(ordered, {row["sop_uid"]: row for row in rows}, warnings)

    def warnings(self, study: str, series: str, last_arrival: int, instances: int) -> list[str]:
        """Warning codes of a series, remembered until it gets another image or loses one."""
        key = (study, series, last_arrival, instances)
        if key not in self._warnings:
            if len(self._warnings) > 20_000:
                self._warnings.clear()
            self._warnings[key] = self.series(Scope(None), study, series).warnings
        return self._warnings[key]

    def opened(self, reader: Reader, study: str, institution: str) -> None:
        """One `study.opened` row per person, study and session; services are no persons."""
        if reader.kind == "service":
            return
        key = f"opened:{reader.username}:{study}:{reader.sid}"
        with self._lock:
            if key in self._opened:
                return
            if len(self._opened) > 100_000:
                self._opened.clear()
        data = {"username": reader.username, "sid": reader.sid, "kind": reader.kind}
        self.feed.append([Event(key, "study.opened", institution, study, data=data)])
        with self._lock:
            self._opened.add(key)


def shown(frame: dict[str, Any]) -> dict[str, Any]:
    """A frame without its private keys."""
    return {name: value for name, value in frame.items() if name[0] != "_" and name != "outside"}
