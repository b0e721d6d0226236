"""Measurements of our own SR documents, read back as the record has them, from the standard's items alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from pipelines.evidence import coordinates
from pipelines.evidence.content import below, children, concept, graphic_of, text_of
from pipelines.evidence.kinds import KINDS, SCHEME, Kind
from pipelines.evidence.report import PRIVATE_CREATOR, PRIVATE_GROUP

METHOD, GROUP, TRACKING, LOGIN, COMMENT = "370129005", "125007", "112039", "128774", "121106"
"""Concept codes: Measurement Method (SCT), Measurement Group, Tracking Identifier, Person Observer's Login Name, Comment (DCM)."""


def read_measurements(document: Dataset) -> list[dict[str, Any]]:
    """Measurements of a document that `report.measurement_report` made: id, kind, sop_uid, frame, points, plane, author, values.

    An ellipse comes back as its principal axes (the same ellipse; the same points where its axes were perpendicular).
    """
    return [found for item in below(document) if concept(item) == GROUP and (found := _measurement(item)) is not None]


def _measurement(group: Dataset) -> dict[str, Any] | None:
    told = {concept(item): item for item in children(group) if item.get("ValueType") in {"TEXT", "UIDREF", "CODE"}}
    method = told.get(METHOD)
    code = method.ConceptCodeSequence[0] if method is not None else None
    # names of more than 16 characters are long code values (PS3.3 8.8)
    name = str(code.get("CodeValue") or code.get("LongCodeValue") or "") if code is not None else ""
    if code is None or code.CodingSchemeDesignator != SCHEME or name not in KINDS:
        return None
    kind = KINDS[name]
    numbers = [item for item in children(group) if item.get("ValueType") == "NUM"]
    # a region stands beside its values, other lines below each of them: three values of a colour pixel say its place three times
    holder = group if kind.beside else next(iter(numbers), group)
    lines = [line for item in children(holder) if (line := graphic_of(item)) is not None]
    if not lines:
        return None
    plane = _plane(group)
    parts = [coordinates.from_patient(plane, line.points) if plane else coordinates.from_image(line.points) for line in lines]
    points = _points(kind, parts)
    told_text = next((text_of(item) for item in children(group) if concept(item) == COMMENT), "")
    return {
        "id": text_of(told[TRACKING]),
        "kind": name,
        "sop_uid": lines[0].sop_uid,
        "frame": (lines[0].frames or (1,))[0],
        "points": points.tolist(),
        **({"plane": plane} if plane else {}),
        **({"text": told_text} if told_text else {}),
        "author": text_of(told[LOGIN]) if LOGIN in told else "",
        "values": [_value(item) for item in numbers],
    }


def _points(kind: Kind, parts: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """The points as the record has them, from the lines as DICOM has them."""
    if kind.parts:
        points = np.zeros((max(place for part in kind.parts for place in part) + 1, 2))
        for places, line in zip(kind.parts, parts, strict=True):
            points[list(places)] = line
        return points
    if kind.shape == "circle":
        return np.round(np.stack([parts[0].mean(axis=0), parts[0][1]]), coordinates.DIGITS)
    return coordinates.corners(parts[0], kind.shape) if kind.shape in {"parallelogram", "polygon", "box"} else parts[0]


def _value(number: Dataset) -> float | None:
    measured = number.get("MeasuredValueSequence")
    return float(measured[0].NumericValue) if measured else None


def _plane(group: Dataset) -> dict[str, Any] | None:
    try:
        told = [float(part) for part in group.private_block(PRIVATE_GROUP, PRIVATE_CREATOR)[1].value]
    except KeyError:
        return None
    return {"origin": told[:3], "row": told[3:6], "column": told[6:9], "spacing": told[9:11]}
