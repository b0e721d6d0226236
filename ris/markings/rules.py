"""Rules of markings: what a measurement must look like, and who may change whose. Pure."""

from __future__ import annotations

import math
from typing import Any

import orjson

POINTS = {
    "probe": 1,
    "length": 2,
    "angle": 3,
    "cobb": 4,
    "ellipse": 4,
    "rectangle": 4,
    "ratio": 4,
    "cardiothoracic": 4,
    "rectangle_annotation": 2,
    "circle_annotation": 2,
    "arrow": 2,
    "text": 1,
    "calibration": 2,
    "acetabular_index": 4,
    "graf": 6,
    "leg_length": 6,
}
"""Kind → number of its points. A kind that is not here was made by a later version of the viewer: it is kept as it is."""

LARGEST = 64 * 1024
"""Bytes of a measurement as JSON."""
DEEPEST = 8
"""Objects and lists inside each other."""
FARTHEST = 1e7
"""Pixels from the first one, and mm from the origin of the patient's space."""
MOST_OF_STUDY = 2000
"""Markings of one study that are not removed."""
OF_THE_RECORD = frozenset({"id", "author", "created"})
"""Members that the record says, whatever the page sends."""

Fault = tuple[str, str]
"""Where, and what is wrong."""


def _fault_of_value(value: Any, where: str, depth: int = 0) -> Fault | None:
    """Return the first part of a JSON value that cannot be kept: no finite number, no Unicode text, too deep."""
    if isinstance(value, str):
        return (where, "text is not Unicode") if "\x00" in value or not _encodable(value) else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        # An integer beyond 2^53 is another number in a browser.
        return None if math.isfinite(value) and (isinstance(value, float) or abs(value) <= 2**53) else (where, "number is not finite")
    if not isinstance(value, dict | list | tuple):
        return None
    if depth >= DEEPEST:
        return where, f"deeper than {DEEPEST}"
    if isinstance(value, dict):
        named = [(str(name), part) for name, part in value.items()]
        if any("\x00" in name or not _encodable(name) for name, _ in named):
            return where, "name is not Unicode"
    else:
        named = [(str(place), part) for place, part in enumerate(value)]
    faults = (_fault_of_value(part, f"{where}.{name}", depth + 1) for name, part in named)
    return next((fault for fault in faults if fault is not None), None)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_vector(value: Any, count: int) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == count
        and all(isinstance(part, int | float) and not isinstance(part, bool) and abs(part) <= FARTHEST for part in value)
    )


def _fault_of_plane(plane: Any) -> Fault | None:
    """Return what is wrong with a computed plane: {origin, row, column: 3 numbers (LPS mm), spacing: 2 numbers (mm) above 0}."""
    if not isinstance(plane, dict):
        return "plane", "is no plane"
    for name, count in (("origin", 3), ("row", 3), ("column", 3), ("spacing", 2)):
        if not _is_vector(plane.get(name), count):
            return f"plane.{name}", f"must be {count} numbers"
    return None if all(part > 0 for part in plane["spacing"]) else ("plane.spacing", "must be above 0")


def fault_of(measurement: dict[str, Any]) -> Fault | None:
    """Return what is wrong with a measurement whose members have their types already, None when it can be kept."""
    fault = _fault_of_value(measurement, "measurement")
    if fault is not None:
        return fault
    if len(orjson.dumps(measurement)) > LARGEST:
        return "measurement", f"longer than {LARGEST} bytes"
    points = measurement["points"]
    wanted = POINTS.get(measurement["kind"], len(points))
    if len(points) != wanted:
        return "measurement.points", f"{measurement['kind']} has {wanted}"
    if not all(_is_vector(point, 2) for point in points):
        return "measurement.points", f"beyond {FARTHEST:.0f} pixels"
    plane = measurement.get("plane")
    if plane is not None:
        return _fault_of_plane(plane)
    return None if measurement["sop_uid"] else ("measurement.sop_uid", "neither an image nor a plane")


def kept_part(measurement: dict[str, Any]) -> dict[str, Any]:
    """Return what is kept of a measurement: plain JSON without what only the record may say."""
    kept: dict[str, Any] = orjson.loads(orjson.dumps({name: part for name, part in measurement.items() if name not in OF_THE_RECORD}))
    return kept


def may_change(author: str, username: str, operations: frozenset[str]) -> bool:
    """Say whether somebody changes or removes a marking: its author, and who reviews reports there anybody's.

    `operations` are those he has in the institution of the images.
    """
    return "marking.edit" in operations and (author == username or "report.review" in operations)
