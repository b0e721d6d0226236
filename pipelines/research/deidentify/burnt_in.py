"""Whether a picture may show whom it is of: by kind of object, traits of a capture, and what is known of the device.

Neither Burned In Annotation = NO nor its absence is believed; YES is.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from pipelines.research.deidentify.reasons import NEVER

HERE = Path(__file__).parent
Rectangle = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels from the upper left corner, ends included."""
CAPTURE_ATTRIBUTES = ("ConversionType", "SecondaryCaptureDeviceID", "SecondaryCaptureDeviceManufacturer", "DateOfSecondaryCapture")
WRITTEN_MODALITIES = frozenset({"US", "XA", "RF", "ES", "GM", "SM", "XC", "OP", "OPT", "OT", "DOC", "IVUS", "BDUS", "OAM", "HC"})
CROSS_SECTIONS = frozenset({"CT", "MR", "PT"})
SCREEN_BITS = 8


@dataclass(frozen=True, slots=True)
class Device:
    """Where pictures of one size of one device are written on, and whether a person must look at them besides."""

    rectangles: tuple[Rectangle, ...]
    look: bool


class Header(Protocol):
    """A header by keyword: a pydicom data set, or what was read of one."""

    def get(self, keyword: str, /) -> Any:
        """The value, several as a list; None when there is none."""

    def __contains__(self, keyword: str, /) -> bool:
        """Whether the attribute is there."""


Devices = Mapping[tuple[str, str, int, int], Device]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a picture is blocked (a code of `reasons.WORDS`), or None and what is blacked out first."""

    reason: str | None
    rectangles: tuple[Rectangle, ...] = ()


def read_devices(*files: Path) -> Devices:
    """Devices of these files, later ones before earlier; ValueError when an entry is not complete, or a rectangle is none."""
    found: dict[tuple[str, str, int, int], Device] = {}
    for file in files:
        for entry in tomllib.loads(file.read_text(encoding="utf-8")).get("device", []):
            try:
                key = (_name(entry["manufacturer"]), _name(entry["model"]), int(entry["rows"]), int(entry["columns"]))
                found[key] = Device(rectangles(entry["rectangles"]), bool(entry["look"]))
            except (KeyError, TypeError) as error:
                raise ValueError(f"{file.name}: 条目不完整 / an entry lacks or misstates {error}") from error
    return found


def rectangles(listed: Iterable[Iterable[int]]) -> tuple[Rectangle, ...]:
    """Checked rectangles; ValueError for one that is none."""
    made: list[Rectangle] = []
    for one in listed:
        x0, y0, x1, y1 = (int(part) for part in one)
        if not (0 <= x0 <= x1 and 0 <= y0 <= y1):
            raise ValueError(f"矩形不正确 / no rectangle: {[x0, y0, x1, y1]}")
        made.append((x0, y0, x1, y1))
    return tuple(made)


@cache
def own_devices() -> Devices:
    """The devices of `rectangles.toml`."""
    return read_devices(HERE / "rectangles.toml")


@cache
def _objects() -> dict[str, Any]:
    return tomllib.loads((HERE / "objects.toml").read_text(encoding="utf-8"))


@cache
def _group(sop_class: str) -> str:
    """The group of `[images]` that a class is in, or the reason why it is blocked."""
    objects = _objects()
    for name, classes in objects["images"].items():
        if sop_class in classes:
            return str(name)
    for begins, reason in objects["blocked"].items():
        if sop_class.startswith(begins):
            return str(reason)
    return "kind"


def judge(ds: Header, devices: Devices, released: tuple[Rectangle, ...] | None) -> Verdict:
    """The verdict on an object. `released`: a person has looked at its series, and wants this blacked out (None: nobody has)."""
    group = _group(str(ds.get("SOPClassUID") or ""))
    if group in NEVER:
        return Verdict(group)
    if group == "computed":
        return Verdict(None)
    types = [text.upper() for text in _values(ds, "ImageType")]
    described = " ".join(
        [*types, *_values(ds, "SeriesDescription"), *_values(ds, "ProtocolName"), *_values(ds, "ImageComments")]
    ).casefold()
    if any(word in described for word in _objects()["screens"]["words"]):
        return Verdict("screen")
    reason = _suspicion(ds, group, types)
    if reason is None:
        return Verdict(None)
    device = devices.get(
        (_name(ds.get("Manufacturer")), _name(ds.get("ManufacturerModelName")), _number(ds, "Rows"), _number(ds, "Columns"))
    )
    known = device.rectangles if device else ()
    if released is not None:
        return Verdict(None, (*known, *released))
    if device is not None and not device.look:
        return Verdict(None, known)
    return Verdict(reason)


def _suspicion(ds: Header, group: str, types: list[str]) -> str | None:
    """Why the picture may be written on; None for what a scanner has measured."""
    modality = str(ds.get("Modality") or "")
    if str(ds.get("BurnedInAnnotation") or "").strip().upper() == "YES":
        return "burnt_in_said"
    if group == "captured" or any(word in text for text in types for word in _objects()["screens"]["captures"]):
        return "secondary_capture"
    if group == "written" or modality in WRITTEN_MODALITIES or not modality:
        return "burnt_in"
    colour = _number(ds, "SamplesPerPixel") > 1 or "PALETTE" in str(ds.get("PhotometricInterpretation") or "")
    deep = _number(ds, "BitsStored") > SCREEN_BITS
    secondary = len(types) > 1 and types[1].strip() == "SECONDARY"
    placed = "ImagePositionPatient" in ds or "PerFrameFunctionalGroupsSequence" in ds
    if modality in CROSS_SECTIONS and (colour or not deep or not placed):
        # A map of ADC or perfusion may be coloured, and a localizer drawn upon: both look the same as a screen.
        return "secondary_capture"
    captured = any(_values(ds, name) for name in CAPTURE_ATTRIBUTES)
    if modality not in CROSS_SECTIONS and (captured or secondary or colour or not deep):
        return "secondary_capture"
    return "secondary_capture" if captured and secondary else None


def _values(ds: Header, keyword: str) -> list[str]:
    try:
        value = ds.get(keyword)
    except Exception:  # unreadable is not absent
        return ["?"]
    if value is None or value == "":
        return []
    return [str(one) for one in value] if hasattr(value, "append") or isinstance(value, (list, tuple)) else [str(value)]


def _number(ds: Header, keyword: str) -> int:
    try:
        return int(ds.get(keyword) or 0)
    except (TypeError, ValueError):
        return 0


def _name(value: Any) -> str:
    return " ".join(str(value or "").split()).casefold()
