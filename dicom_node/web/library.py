"""Instances by UID within a reader's scope, and the record of who opened a study."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from dicom_node.archive.files import Archive
from dicom_node.feed import Event, Feed
from dicom_node.index import header_json
from dicom_node.index.database import Database, among
from dicom_node.index.dataset import UnparsableError
from dicom_node.index.geometry import put_in_order
from dicom_node.query.search import Scope
from dicom_node.web.held import Held
from dicom_node.web.problems import ProblemError
from dicom_node.web.tickets import Reader

_COLUMNS = (
    "i.arrival, i.sop_uid, i.series_uid, i.study_uid, i.institution, i.digest, i.size, i.transfer_syntax, i.sop_class, i.unshowable, "
    "i.pixel_offset, i.pixel_length"
)
HELD_INSTANCES, HELD_FRAMES, HELD_BYTES = 30_000, 20_000, 64 << 20
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Series:
    """A series in order: frames (private keys included), their instances by SOP UID, warning codes."""

    frames: list[dict[str, Any]]
    instances: dict[str, Row]
    warnings: list[str]
    frames_of: dict[str, list[dict[str, Any]]]
    """The frames of each instance in its own order."""
    luts: dict[str, dict[str, Any]]
    """VOI LUTs by key, as `lut.Lut.data` gives them."""

    @property
    def weight(self) -> int:
        """What it takes of the room for held series, in frames (about 4 kB each)."""
        return len(self.frames) + sum(len(data["data"]) for data in self.luts.values()) // 4096


@dataclass(frozen=True, slots=True)
class _Study:
    """Visible instances by series and instance number."""

    rows: list[Row]
    by_series: dict[str, list[Row]]
    by_sop: dict[str, Row]


@dataclass
class Library:
    """Reads of the index for the web, always with a scope."""

    database: Database
    feed: Feed
    archive: Archive
    _opened: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _warnings: dict[tuple[str, str, int, int], list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._studies: Held[_Study] = Held(self.database, HELD_INSTANCES, lambda study: len(study.rows))
        self._series: Held[Series] = Held(self.database, HELD_FRAMES, lambda series: series.weight)
        self._metadata: Held[bytes] = Held(self.database, HELD_BYTES, len)

    def instances(self, scope: Scope, study: str, series: str | None = None, instance: str | None = None) -> list[Row]:
        """Visible instances, by series and instance number; ProblemError 404 when there is none in scope."""
        found = self._studies.get(study, study, lambda: self._read_study(study))
        if instance is not None:
            one = found.by_sop.get(instance)
            rows = [one] if one is not None and series in {None, one["series_uid"]} else []
        else:
            rows = found.rows if series is None else found.by_series.get(series, [])
        if scope.institutions is not None:
            rows = [row for row in rows if row["institution"] in scope.institutions]
        if not rows:
            raise ProblemError("image.unknown")
        return rows

    def _read_study(self, study: str) -> _Study:
        rows = self.database.rows(
            f"SELECT {_COLUMNS} FROM instance i WHERE i.visible AND i.study_uid = ? "  # noqa: S608
            "ORDER BY i.series_number NULLS LAST, i.series_uid, i.number NULLS LAST, i.arrival",
            [study],
        )
        by_series: dict[str, list[Row]] = {}
        for row in rows:
            by_series.setdefault(row["series_uid"], []).append(row)
        return _Study(rows, by_series, {row["sop_uid"]: row for row in rows})

    def series(self, scope: Scope, study: str, series: str) -> Series:
        """One series in order; ProblemError 404 when there is none in scope."""
        rows = self.instances(scope, study, series)
        if len(rows) != len(self.instances(Scope(None), study, series)):
            return self._read_series(rows)  # only part of it may be seen: not what is held for all
        return self._series.get(study, (study, series), lambda: self._read_series(rows))

    def _read_series(self, rows: list[Row]) -> Series:
        instances = {row["sop_uid"]: row for row in rows}
        found = self.database.rows(
            "SELECT arrival, frame_json FROM instance WHERE series_uid = ? AND visible AND frame_json IS NOT NULL", [rows[0]["series_uid"]]
        )
        texts = {row["arrival"]: row["frame_json"] for row in found}
        frames = [frame for row in rows if row["arrival"] in texts for frame in orjson.loads(texts[row["arrival"]])]
        frames_of: dict[str, list[dict[str, Any]]] = {}
        luts: dict[str, dict[str, Any]] = {}
        for frame in frames:
            luts |= frame.pop("_luts", {})
            frames_of.setdefault(frame["sop_uid"], []).append(frame)
        ordered, warnings = put_in_order(frames)
        return Series(ordered, instances, warnings, frames_of, luts)

    def headers(self, rows: Sequence[Row]) -> list[str]:
        """Header JSON of each row, from its file where the index has not written it yet; long binary values are references."""
        arrivals = [row["arrival"] for row in rows]
        found = self.database.rows(
            f"SELECT arrival, json FROM header WHERE arrival BETWEEN ? AND ? AND {among('arrival', arrivals)}",  # noqa: S608
            [min(arrivals), max(arrivals), *arrivals],
        )
        known = {row["arrival"]: str(row["json"]) for row in found}
        return [known.get(row["arrival"]) or self._render(row) for row in rows]

    def _render(self, row: Row) -> str:
        try:
            return header_json.render(self.archive.path(row["digest"]))
        except UnparsableError:
            return header_json.identity(row)

    def metadata(self, key: tuple[str, ...], rows: Sequence[Row], write: Callable[[Row, str], str]) -> bytes:
        """DICOM JSON of all `rows` of one study, each as `write(row, header JSON)`; held by `key`, which names rows and writing."""

        def make() -> bytes:
            return ("[" + ",".join(map(write, rows, self.headers(rows))) + "]").encode()

        return self._metadata.get(rows[0]["study_uid"], key, make)

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
