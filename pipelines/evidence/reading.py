"""Measurements of our own SR documents, read back as the record has them, from the standard's items alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from pipelines.evidence import coordinates
from pipelines.evidence.content import below, children, concept, graphic_of, text_of
from pipelines.evidence.kinds import KINDS, SCHEME
from pipelines.evidence.report import PRIVATE_CREATOR, PRIVATE_GROUP

METHOD, GROUP, TRACKING, LOGIN = "370129005", "125007", "112039", "128774"
"""Concept codes: Measurement Method (SCT), Measurement Group, Tracking Identifier, Person Observer's Login Name (DCM)."""


def read_measurements(document: Dataset) -> list[dict[str, Any]]:
    """Measurements of a document that `report.measurement_report` made: id, kind, sop_uid, frame, points, plane, author, values.

    An ellipse comes back as its principal axes (the same ellipse; the same points where its axes were perpendicular).
    """
    return [found for item in below(document) if concept(item) == GROUP and (found := _measurement(item)) is not None]


def _measurement(group: Dataset) -> dict[str, Any] | None:
    told = {concept(item): item for item in children(group) if item.get("ValueType") in {"TEXT", "UIDREF", "CODE"}}
    method = told.get(METHOD)
    code = method.ConceptCodeSequence[0] if method is not None else None
    if code is None or code.CodingSchemeDesignator != SCHEME or code.CodeValue not in KINDS:
        return None
    kind = KINDS[code.CodeValue]
    numbers = [item for item in children(group) if item.get("ValueType") == "NUM"]
    # a region stands beside its values, other lines below each of them: three values of a colour pixel say its place three times
    holder = group if kind.region else next(iter(numbers), group)
    lines = [line for item in children(holder) if (line := graphic_of(item)) is not None]
    if not lines:
        return None
    plane = _plane(group)
    parts = [coordinates.from_patient(plane, line.points) if plane else coordinates.from_image(line.points) for line in lines]
    whole = parts[0] if not kind.region or kind.shape == "ellipse" else coordinates.corners(parts[0], kind.shape)
    points = np.concatenate(parts) if kind.shape == "pairs" else whole
    return {
        "id": text_of(told[TRACKING]),
        "kind": code.CodeValue,
        "sop_uid": lines[0].sop_uid,
        "frame": (lines[0].frames or (1,))[0],
        "points": points.tolist(),
        **({"plane": plane} if plane else {}),
        "author": text_of(told[LOGIN]) if LOGIN in told else "",
        "values": [_value(item) for item in numbers],
    }


def _value(number: Dataset) -> float | None:
    measured = number.get("MeasuredValueSequence")
    return float(measured[0].NumericValue) if measured else None


def _plane(group: Dataset) -> dict[str, Any] | None:
    try:
        told = [float(part) for part in group.private_block(PRIVATE_GROUP, PRIVATE_CREATOR)[1].value]
    except KeyError:
        return None
    return {"origin": told[:3], "row": told[3:6], "column": told[6:9], "spacing": told[9:11]}
