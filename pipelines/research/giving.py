"""What of a series a project is given: its images under their pseudonyms, and why others are not among them."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
from pydicom.datadict import tag_for_keyword

from dicom_node.client import NodeClient, NodeError
from pipelines.research.deidentify import phrases, values
from pipelines.research.deidentify.blackout import paint
from pipelines.research.deidentify.burnt_in import Rectangle
from pipelines.research.deidentify.deidentifier import Deidentifier
from pipelines.research.deidentify.identifiers import Identifiers
from pipelines.research.deidentify.reasons import BlockedError, counted
from pipelines.research.identities import SeriesIdentity
from pipelines.serving.problems import Problem

REMEMBERED = 30.0
"""Seconds for which the node's headers of a series are believed."""
HELD = 32
NOBODY = Identifiers(frozenset(), frozenset())
FRAME_FACTS = (
    "frame", "number", "rows", "columns", "bits", "signed", "samples", "photometric", "slope", "intercept", "inverse", "spacing", "spacing_kind",
    "position", "orientation", "slice_location", "thickness", "padding", "frame_time", "smallest", "largest", "regions",
)  # fmt: skip
"""Numbers and closed terms of the node's frame (docs/interfaces.md §5); what is not named here or made in `_frame` stays behind."""


class JsonHeader:
    """A header in DICOM JSON, read by keyword as a data set is."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self._row = row

    def __contains__(self, keyword: str) -> bool:
        return f"{tag_for_keyword(keyword):08X}" in self._row

    def get(self, keyword: str) -> Any:
        """The value, several as a list; None when there is none."""
        found = self._row.get(f"{tag_for_keyword(keyword):08X}", {}).get("Value") or [None]
        return found if len(found) > 1 else found[0]


@dataclass(frozen=True, slots=True)
class Image:
    """An image that is given out."""

    sop_uid: str
    """The node's."""
    number: int | None
    rectangles: tuple[Rectangle, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """A series as a project has it."""

    identity: SeriesIdentity
    rules: Deidentifier
    images: dict[str, Image]
    """By pseudonymous SOP Instance UID, in the node's order."""
    reasons: list[str] = field(default_factory=list)
    """Why each image that is not given out is not."""
    by_sop: dict[str, Image] = field(init=False)
    """By the node's SOP Instance UID."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_sop", {image.sop_uid: image for image in self.images.values()})

    @property
    def blocked(self) -> list[dict[str, Any]]:
        """`[{reason, zh, en, count}]`."""
        return counted(self.reasons)

    def image(self, sop: str) -> Image:
        """The image with this pseudonymous UID; Problem `instance.unknown` (404)."""
        found = self.images.get(sop)
        if found is None:
            raise Problem("instance.unknown")
        return found

    def some(self) -> Given:
        """The same; Problem `images.blocked` (409) when nothing of it is given out."""
        if not self.images:
            raise Problem("images.blocked", blocked=self.blocked)
        return self

    def header(self, real: Mapping[str, Any]) -> tuple[dict[str, Any], dict[int, int]]:
        """The node's series header for the project, and its frames: index at the node → index here."""
        rules = self.rules
        kept = [index for index, frame in enumerate(real["frames"]) if frame["sop_uid"] in self.by_sop]
        places = {index: place for place, index in enumerate(kept)}
        frames = [_frame(real["frames"][index], place, rules) for place, index in enumerate(kept)]
        used = {lut["lut"] for frame in frames for lut in frame["voi_luts"]}
        header = {
            "frames": frames,
            "order": [places[index] for index in real["order"] if index in places],
            "warnings": real["warnings"],
            "luts": {key: table for key, table in real["luts"].items() if key in used},
            "blocked": self.blocked,
        }
        return header, places

    def pixels(self, frame: Mapping[str, Any], data: bytes) -> bytes:
        """The node's pixels of one of its frames, with rectangles blacked out where the picture is written on."""
        image = self.by_sop[frame["sop_uid"]]
        if not image.rectangles or not data:
            return data
        shape = (frame["rows"], frame["columns"], frame["samples"])
        picture = np.frombuffer(data, f"<{'i' if frame['signed'] else 'u'}{frame['bits'] // 8}").reshape(shape).copy()
        paint(picture, image.rectangles, int(picture.max() if frame["photometric"] == "MONOCHROME1" else picture.min()))
        return picture.tobytes()


def _frame(frame: Mapping[str, Any], place: int, rules: Deidentifier) -> dict[str, Any]:
    def said(text: Any) -> str:
        return phrases.cleaned(str(text or ""), NOBODY)

    def code(name: str) -> str | None:
        text = frame.get(name)
        return str(text) if text and values.CODE.fullmatch(str(text)) else None

    reference = frame.get("frame_of_reference")
    return {name: frame[name] for name in FRAME_FACTS if name in frame} | {
        "index": place,
        "sop_uid": rules.pseudonyms.uid(frame["sop_uid"]),
        "frame_of_reference": rules.pseudonyms.uid(str(reference)) if reference else None,
        "rescale_type": code("rescale_type"),
        "patient_position": code("patient_position"),
        "laterality": code("laterality"),
        "windows": [{**window, "explanation": said(window.get("explanation"))} for window in frame["windows"]],
        "voi_luts": [{"lut": lut["lut"], "explanation": said(lut.get("explanation"))} for lut in frame["voi_luts"]],
    }


@contextmanager
def asking() -> Iterator[None]:
    """The node's refusals, and its absence, as problems of this service."""
    try:
        yield
    except NodeError as error:
        raise Problem("series.unknown" if error.status == 404 else "images.away") from error
    except (httpx.TransportError, ConnectionError) as error:
        raise Problem("images.away") from error


class Series:
    """Reads what the node has of a series, and decides on each image; remembered for a short while."""

    def __init__(self, node: Callable[[], NodeClient]) -> None:
        self._node = node
        self._held: OrderedDict[tuple[str, str], tuple[float, Given]] = OrderedDict()
        self._lock = threading.Lock()

    def given(self, identity: SeriesIdentity, rules: Deidentifier) -> Given:
        """The series for a project; each image of it is judged. Judged anew when the rules (a release, a device) have changed."""
        key = (identity.pseudonym, identity.series_uid)
        with self._lock:
            until, held = self._held.get(key) or (0.0, None)
        if held is not None and time.monotonic() < until and (held.identity, held.rules) == (identity, rules):
            return held
        found = self._judged(identity, rules)
        with self._lock:
            self._held[key] = (time.monotonic() + REMEMBERED, found)
            self._held.move_to_end(key)
            while len(self._held) > HELD:
                self._held.popitem(last=False)
        return found

    def _judged(self, identity: SeriesIdentity, rules: Deidentifier) -> Given:
        images: dict[str, Image] = {}
        reasons: list[str] = []
        for row in self._headers(identity):
            if _overlaid(row):
                reasons.append("overlay_in_pixels")
                continue
            header = JsonHeader(row)
            sop = str(header.get("SOPInstanceUID") or "")
            try:
                black = rules.verdict(header)
            except BlockedError as error:
                reasons.append(error.reason)
                continue
            number = header.get("InstanceNumber")
            images[rules.pseudonyms.uid(sop)] = Image(sop, int(number) if isinstance(number, (int, float)) else None, black)
        return Given(identity, rules, images, reasons)

    def _headers(self, identity: SeriesIdentity) -> list[dict[str, Any]]:
        with asking():
            return self._node().series_metadata(identity.study.study_uid, identity.series_uid)


def _overlaid(row: Mapping[str, Any]) -> bool:
    """Whether an overlay lies in unused bits of the pixels (retired; PS3.3 C.9.2): what comes out of a decoder may still hold it."""
    return any(
        f"{group:04X}3000" not in row and any(row.get(f"{group:04X}0102", {}).get("Value") or []) for group in range(0x6000, 0x6020, 2)
    )
