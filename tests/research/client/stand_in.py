"""The routes of `/services/research/api/v1` (docs/research.md) over HTTP, with phantoms whose geometry and values are known exactly.

It stands where the real service will: the client under test cannot tell.
"""

from __future__ import annotations

import io
import json
import re
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset

from tests.viewer.streams import Stream, frame_of

PROJECT = "P2026-01"
INTERCEPT = -1024
AIR, WATER, LUNG, BONE = -1000, 0, -800, 700
ROW, COLUMN, SLICE = 0.8, 0.6, 2.5
"""mm between rows, columns and slices."""
SHAPE = (12, 64, 80)
ORIGIN = (-20.0, -30.0, 105.5)
BAR = (28, 20, 60)
"""Row, first and last column of the thin bar of bone in the middle slice: 40 columns × 0.6 mm = 24 mm from middle to middle."""
BAR_MM = 24.0
CT = "1.2.840.10008.5.1.4.1.1.2"


@dataclass
class Phantom:
    """One CT series: modality values (z, y, x), every fact of it known."""

    study: str
    series: str
    values: np.ndarray
    kind: str
    age_days: int = 2000

    def sop(self, index: int) -> str:
        return f"{self.series}.{index + 1}"

    def position(self, index: int) -> list[float]:
        return [ORIGIN[0], ORIGIN[1], ORIGIN[2] + SLICE * index]

    def stored(self) -> np.ndarray:
        return (self.values - INTERCEPT).astype("<u2")

    def stream(self) -> Stream:
        frames = [
            frame_of(
                pixels, sop_uid=self.sop(index), frame=1, number=index + 1, slope=1, intercept=INTERCEPT, rescale_type="HU", spacing=[ROW, COLUMN],
                position=self.position(index), thickness=SLICE, frame_of_reference=self.study + ".9",
                windows=[{"center": 40, "width": 400, "function": "LINEAR", "explanation": ""}],
            )
            for index, pixels in enumerate(self.stored())
        ]  # fmt: skip
        return Stream(frames)

    def volume(self) -> bytes:
        header = {
            "shape": list(self.values.shape), "dtype": "int16", "spacing": [SLICE, ROW, COLUMN], "origin": list(ORIGIN),
            "direction": [1, 0, 0, 0, 1, 0, 0, 0, 1], "unit": "HU", "positions": [self.position(n) for n in range(len(self.values))],
        }  # fmt: skip
        text = json.dumps(header).encode()
        return struct.pack("<I", len(text)) + text + self.values.astype("<i2").tobytes()

    def dicom(self, index: int) -> bytes:
        data = Dataset()
        data.SOPClassUID, data.SOPInstanceUID = CT, self.sop(index)
        data.StudyInstanceUID, data.SeriesInstanceUID = self.study, self.series
        data.PatientID, data.PatientName, data.Modality, data.InstanceNumber = "PSEUDONYM", "PSEUDONYM", "CT", index + 1
        data.PatientIdentityRemoved = "YES"
        data.Rows, data.Columns = self.values.shape[1:]
        data.PixelSpacing, data.ImagePositionPatient, data.ImageOrientationPatient = [ROW, COLUMN], self.position(index), [1, 0, 0, 0, 1, 0]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated = data.BitsStored = 16
        data.HighBit, data.PixelRepresentation, data.RescaleSlope, data.RescaleIntercept = 15, 0, 1, INTERCEPT
        data.PixelData = self.stored()[index].tobytes()
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        data.file_meta.MediaStorageSOPClassUID, data.file_meta.MediaStorageSOPInstanceUID = CT, data.SOPInstanceUID
        target = io.BytesIO()
        pydicom.dcmwrite(target, data, enforce_file_format=True)
        return target.getvalue()


def _disc(radius: float, row: float = 0, column: float = 0) -> np.ndarray:
    """Pixels within `radius` mm of a place (mm from the middle of the image)."""
    rows, columns = np.mgrid[: SHAPE[1], : SHAPE[2]]
    return bool_of((rows - SHAPE[1] / 2) * ROW - row, (columns - SHAPE[2] / 2) * COLUMN - column, radius)


def bool_of(down: np.ndarray, across: np.ndarray, radius: float) -> np.ndarray:
    return down**2 + across**2 <= radius**2


def measured(study: str, series: str) -> Phantom:
    """The phantom that is looked at: a disc of water (radius 20 mm), below it bone, in the middle slice a bar of known length."""
    values = np.full(SHAPE, AIR, np.int16)
    values[:, _disc(20)] = WATER
    values[:, _disc(4, row=12)] = BONE
    row, first, last = BAR
    values[SHAPE[0] // 2, row, first : last + 1] = BONE
    return Phantom(study, series, values, "HEAD")


def generated(study: str, series: str, kind: str, number: int, random: np.random.Generator) -> Phantom:
    """HEAD: a ring of bone; CHEST: two lungs; ABDOMEN: soft tissue. Size and noise differ from child to child."""
    radius = 16 + 3 * random.random()
    values = np.full(SHAPE, AIR, np.float64)
    values[:, _disc(radius)] = 40
    if kind == "HEAD":
        values[:, _disc(radius) & ~_disc(radius - 2.5)] = BONE
    elif kind == "CHEST":
        for side in (-1, 1):
            values[:, _disc(radius * 0.42, column=side * radius * 0.48)] = LUNG
    values += random.normal(0, 8, SHAPE)
    return Phantom(study, series, values.round().astype(np.int16), kind, 200 + 300 * number)


COLUMNS = {
    "study_uid": ("检查的假名 UID", "pseudonymous UID of the study", ""),
    "series_uid": ("序列的假名 UID", "pseudonymous UID of the series", ""),
    "patient": ("患者假名", "pseudonym of the patient", ""),
    "age_years": ("检查时的周岁", "whole years of age at the study", "a"),
    "ctdivol": ("容积 CT 剂量指数", "volume CT dose index", "mGy"),
    "written_to_signed": ("报告写完到签发", "written to signed", "min"),
}


@dataclass
class Research:
    """What the service holds, and how it misbehaves."""

    tables: dict[str, pd.DataFrame]
    phantoms: dict[str, Phantom]
    pixels: bool = True
    projects: list[str] = field(default_factory=lambda: [PROJECT])
    asked: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    cut: dict[str, int] = field(default_factory=dict)
    """Path → bytes after which the connection breaks, once."""
    fail: dict[str, list[int]] = field(default_factory=dict)
    """Path → statuses that come before the answer."""
    token: str | None = None
    retry_after: int | None = None
    results: dict[str, bytes] = field(default_factory=dict)
    """What was sent back, by SOP Instance UID."""
    _packed: dict[str, bytes] = field(default_factory=dict)

    def parquet(self, name: str) -> bytes:
        if name not in self._packed:
            target = io.BytesIO()
            self.tables[name].to_parquet(target, index=False)
            self._packed[name] = target.getvalue()
        return self._packed[name]

    def changed(self) -> None:
        """The tables were published anew."""
        self._packed.clear()


JSON = "application/json"
PARTS = r"/projects/([^/]+)/studies/([0-9.]+)/series/([0-9.]+)"


class NoSuchThingError(Exception):
    """404."""


def _routes(research: Research) -> list[tuple[str, Callable[..., tuple[bytes, str]]]]:
    def made(body: Any) -> tuple[bytes, str]:
        return json.dumps(body, ensure_ascii=False).encode(), JSON

    def project(code: str) -> None:
        if code not in research.projects:
            raise NoSuchThingError

    def found(code: str, study: str, series: str) -> Phantom:
        project(code)
        one = research.phantoms.get(series)
        if one is None or one.study != study:
            raise NoSuchThingError
        return one

    def described(one: Phantom) -> dict[str, Any]:
        return {
            "study_uid": one.study, "series_uid": one.series, "number": 1, "modality": "CT", "description": one.kind, "body_part": one.kind,
            "instances": len(one.values), "frames": len(one.values), "middle_instance": one.sop(len(one.values) // 2), "renderable": True,
            "warnings": [],
        }  # fmt: skip

    def projects(**_: Any) -> tuple[bytes, str]:
        rows = [
            {"code": code, "title": "儿童 CT", "title_en": "CT of children", "purpose": "剂量", "expires_on": "2027-12-31",
             "pixels": research.pixels, "tables": list(research.tables)}
            for code in research.projects
        ]  # fmt: skip
        return made({"projects": rows})

    def tables(code: str, **_: Any) -> tuple[bytes, str]:
        project(code)
        listed = []
        for name, table in research.tables.items():
            columns = []
            for column, kind in table.dtypes.items():
                zh, en, unit = COLUMNS.get(str(column), (str(column), str(column), ""))
                columns.append({"name": column, "type": str(kind), "zh": zh, "en": en, "unit": unit})
            listed.append({"name": name, "rows": len(table), "bytes": len(research.parquet(name)), "columns": columns})
        return made({"tables": listed})

    def table(code: str, name: str, **_: Any) -> tuple[bytes, str]:
        project(code)
        if name not in research.tables:
            raise NoSuchThingError
        return research.parquet(name), "application/vnd.apache.parquet"

    def studies(code: str, limit: str = "100", after: str = "", modality: str = "", **_: Any) -> tuple[bytes, str]:
        project(code)
        known = sorted({one.study for one in research.phantoms.values()})
        rest = [one for one in known if one > after and modality in {"", "CT"}]
        page = rest[: int(limit)]
        rows = [{"study_uid": one, "modality": "CT"} for one in page]
        return made({"studies": rows, "next": page[-1] if len(rest) > len(page) else None})

    def study(code: str, uid: str, **_: Any) -> tuple[bytes, str]:
        project(code)
        series = [described(one) for one in research.phantoms.values() if one.study == uid]
        if not series:
            raise NoSuchThingError
        return made({"study_uid": uid, "description": "CT", "patient": {"patient_id": "PSEUDONYM"}, "series": series})

    def header(code: str, study: str, series: str, **_: Any) -> tuple[bytes, str]:
        return found(code, study, series).stream().header()[4:], JSON

    def stream(code: str, study: str, series: str, **_: Any) -> tuple[bytes, str]:
        return b"".join(found(code, study, series).stream().parts()), "application/x-series-stream"

    def volume(code: str, study: str, series: str, **_: Any) -> tuple[bytes, str]:
        return found(code, study, series).volume(), "application/x-hub-volume"

    def instances(code: str, study: str, series: str, **_: Any) -> tuple[bytes, str]:
        one = found(code, study, series)
        rows = [{"sop_uid": one.sop(n), "number": n + 1, "bytes": len(one.dicom(n))} for n in reversed(range(len(one.values)))]
        blocked = [{"reason": "burned_in", "zh": "影像中有文字", "en": "text in the picture", "count": 1}]
        return made({"instances": rows, "blocked": blocked})

    def instance(code: str, study: str, series: str, sop: str, **_: Any) -> tuple[bytes, str]:
        one = found(code, study, series)
        return one.dicom(int(sop.rsplit(".", 1)[1]) - 1), "application/dicom"

    def results(code: str, **_: Any) -> tuple[bytes, str]:
        project(code)
        return made({"results": [{"sop_uid": uid, "state": "not confirmed"} for uid in research.results], "next": None})

    return [
        (r"/projects/([^/]+)/results", results), (r"/projects", projects), (r"/projects/([^/]+)/tables", tables), (r"/projects/([^/]+)/tables/(\w+)", table),
        (r"/projects/([^/]+)/studies", studies), (r"/projects/([^/]+)/studies/([0-9.]+)", study), (PARTS, header),
        (PARTS + "/stream", stream), (PARTS + "/volume", volume), (PARTS + "/instances", instances),
        (PARTS + "/instances/([0-9.]+)", instance),
    ]  # fmt: skip


class StandIn:
    """The running service; `research` may be changed while it runs."""

    def __init__(self, research: Research) -> None:
        self.research = research
        handler = type("Handler", (_Handler,), {"research": research, "routes": _routes(research)})
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.http.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.http.server_address[1]}/services/research"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


class _Handler(BaseHTTPRequestHandler):
    research: ClassVar[Research]
    routes: ClassVar[list[tuple[str, Callable[..., tuple[bytes, str]]]]]
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        pass

    def _problem(self, status: int, code: str) -> None:
        words = {
            "zh": {"title": "没有这项内容", "action": "请核对项目与编号"},
            "en": {"title": "No such thing", "action": "Check project and UID"},
        }
        body = json.dumps({"title": code, "status": status, "code": code, "words": words if status == 404 else None}).encode()
        self._answer(
            status,
            body,
            "application/problem+json",
            {} if self.research.retry_after is None else {"Retry-After": str(self.research.retry_after)},
        )

    def _answer(self, status: int, body: bytes, kind: str, headers: dict[str, str], cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": kind, "Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.close_connection = True

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        path = asked.path.removeprefix("/services/research/api/v1")
        self.research.asked.append(path)
        if self.headers.get("Range"):
            self.research.ranges.append(self.headers["Range"])
        if self.research.token and self.headers.get("Authorization") != f"Bearer {self.research.token}":
            self._problem(401, "ticket.missing")
            return
        if waiting := self.research.fail.get(path):
            self._problem(waiting.pop(0), "busy")
            return
        given = {name: values[0] for name, values in parse_qs(asked.query).items()}
        for pattern, route in self.routes:
            if match := re.fullmatch(pattern, path):
                try:
                    body, kind = route(*match.groups(), **given)
                except NoSuchThingError:
                    break
                self._whole_or_part(path, body, kind)
                return
        self._problem(404, "research.unknown")

    def do_POST(self) -> None:
        path = urlsplit(self.path).path.removeprefix("/services/research/api/v1")
        self.research.asked.append(path)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if waiting := self.research.fail.get(path):
            self._problem(waiting.pop(0), "busy")
        elif path != f"/projects/{PROJECT}/results" or self.headers["Content-Type"] != "application/dicom":
            self._problem(404, "research.unknown")
        else:
            uid = str(pydicom.dcmread(io.BytesIO(body)).SOPInstanceUID)
            new = uid not in self.research.results
            self.research.results[uid] = body
            self._answer(201 if new else 200, json.dumps({"sop_uid": uid, "state": "not confirmed"}).encode(), JSON, {})

    def _whole_or_part(self, path: str, body: bytes, kind: str) -> None:
        etag = f'"{sha256(body).hexdigest()[:20]}"'
        headers = {"ETag": etag}
        cut = self.research.cut.pop(path, None)
        if self.headers.get("If-None-Match") == etag:
            self.send_response(304)
            self.send_header("ETag", etag)
            self.end_headers()
            return
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if wanted and self.headers.get("If-Range") == etag:
            start = int(wanted[1])
            if start >= len(body):
                self._answer(416, b"", kind, {"Content-Range": f"bytes */{len(body)}"})
                return
            self._answer(206, body[start:], kind, headers | {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}, cut)
            return
        self._answer(200, body, kind, headers, cut)


TABLES = {
    "studies": (
        "study_uid", "patient", "institution", "study_date", "sex", "age_band", "age_years", "modality", "modalities", "body_part", "series",
        "instances",
    ),
    "series": (
        "series_uid", "study_uid", "number", "modality", "instances", "frames", "showable", "kvp", "ctdivol", "repetition_time", "echo_time",
        "thickness", "spacing_row", "spacing_column", "rows", "columns", "maker", "family",
    ),
    "exams": (
        "exam", "study_uid", "priority", "positive", "ordered_to_performed", "performed_to_complete", "complete_to_written",
        "written_to_signed",
    ),
}  # fmt: skip
"""The tables of a project and their columns."""
BANDS = (("<1 m", 1 / 12), ("1 m – <4 y", 4), ("4 – <10 y", 10), ("10 – <14 y", 14), ("14 – <18 y", 18))


def band(age_days: int) -> str:
    return next(name for name, years in BANDS if age_days < years * 365.25)


UID_ROOT = "2.25.4711"
LOOKED_AT = (f"{UID_ROOT}.1", f"{UID_ROOT}.1.1")
"""Study and series of the phantom that is looked at."""
KINDS = ("HEAD", "CHEST", "ABDOMEN")
EACH = 12
"""Series of each kind."""
DOSES = {"HEAD": 20.0, "CHEST": 2.0, "ABDOMEN": 4.0}


def make_research() -> Research:
    """A project with one phantom to look at, twelve children of each of three body parts, and the tables about them."""
    random = np.random.default_rng(20261127)
    phantoms = [measured(*LOOKED_AT)]
    for number in range(3 * EACH):
        uid = f"{UID_ROOT}.{number + 2}"
        phantoms.append(generated(uid, f"{uid}.1", KINDS[number % 3], number // 3, random))
    phantoms[3].age_days = 20  # the only child of its age: no group
    rows = []
    for number, one in enumerate(phantoms):
        stat = number % 4 == 0
        rows.append({
            "study_uid": one.study, "series_uid": one.series, "patient": f"PATIENT{number:09d}", "institution": "I1", "study_date": None,
            "sex": "MF"[number % 2], "age_band": band(one.age_days), "age_years": int(one.age_days / 365.25), "modality": "CT",
            "modalities": "CT", "body_part": one.kind, "series": 1, "instances": len(one.values), "number": 1, "frames": len(one.values),
            "showable": len(one.values), "kvp": 100.0, "ctdivol": DOSES[one.kind] * (1 + 0.02 * number), "repetition_time": None,
            "echo_time": None, "thickness": SLICE, "spacing_row": ROW, "spacing_column": COLUMN, "rows": SHAPE[1], "columns": SHAPE[2],
            "maker": "OTHER", "family": "OTHER", "exam": f"EXAM{number:012d}", "priority": "STAT" if stat else "ROUTINE", "positive": True,
            "ordered_to_performed": 30, "performed_to_complete": 5, "complete_to_written": 12 + number if stat else 40 + 3 * number,
            "written_to_signed": 8 if stat else 20 + number,
        })  # fmt: skip
    whole = pd.DataFrame(rows).convert_dtypes()
    return Research({name: whole[list(columns)] for name, columns in TABLES.items()}, {one.series: one for one in phantoms})
