"""SR documents: the content tree as plain words for a page, and its coordinates on the images (PS3.3 C.17.3, C.18.6, C.18.9)."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from pipelines.evidence.content import Graphic, children, graphic_of
from pipelines.evidence.coordinates import MIDDLE
from pipelines.evidence.overlays.images import Images, on_plane
from pipelines.evidence.overlays.shapes import Overlay

DEEPEST, MOST_ITEMS = 32, 5000
KINDS = {"POINT": "point", "POLYLINE": "polyline", "POLYGON": "polygon", "ELLIPSE": "ellipse", "CIRCLE": "circle"}


def meaning(item: Dataset, name: str = "ConceptNameCodeSequence") -> str:
    """Code meaning of an item's concept name or code, '' when there is none."""
    found = item.get(name)
    return str(found[0].get("CodeMeaning") or found[0].get("CodeValue") or "") if found else ""


def value(item: Dataset) -> str:
    """What an item says, in words; '' for containers, references and coordinates."""
    kind = str(item.get("ValueType") or "")
    if kind == "NUM":
        measured = item.get("MeasuredValueSequence")
        if not measured:
            return meaning(item, "NumericValueQualifierCodeSequence") or "—"
        unit = measured[0].get("MeasurementUnitsCodeSequence")
        code = str(unit[0].get("CodeValue") or "") if unit else ""
        return f"{measured[0].get('NumericValue')} {'' if code == '1' else code}".strip()
    if kind == "CODE":
        return meaning(item, "ConceptCodeSequence")
    if kind == "PNAME":
        name = item.get("PersonName")
        return (str(name.ideographic or name.alphabetic) if name else "").replace("^", " ").strip()
    if kind == "DATETIME":
        told = str(item.get("DateTime") or "")
        return f"{_date(told[:8])} {_time(told[8:])}".strip()
    if kind in {"DATE", "TIME"}:
        return (_date if kind == "DATE" else _time)(str(item.get(kind.title()) or ""))
    return str(item.get({"TEXT": "TextValue", "UIDREF": "UID"}.get(kind, "")) or "") if kind in {"TEXT", "UIDREF"} else ""


def _date(told: str) -> str:
    return f"{told[:4]}-{told[4:6]}-{told[6:8]}" if len(told) == 8 and told.isdecimal() else told


def _time(told: str) -> str:
    return f"{told[:2]}:{told[2:4]}:{told[4:6]}" if told[:6].isdecimal() and len(told) >= 6 else told


def tree(document: Dataset) -> list[dict[str, Any]]:
    """Items in the order of the document: `{level, type, relation, name, value}`; at most 5,000, 32 deep."""
    rows: list[dict[str, Any]] = []

    def walk(item: Dataset, level: int) -> None:
        if len(rows) >= MOST_ITEMS or level > DEEPEST:
            return
        kind = str(item.get("ValueType") or "")
        rows.append(
            {"level": level, "type": kind, "relation": str(item.get("RelationshipType") or ""), "name": meaning(item), "value": value(item)}
        )
        for child in children(item):
            walk(child, level + 1)

    walk(document, 0)
    return rows


def add_coordinates(overlay: Overlay, document: Dataset, images: Images) -> None:
    """All coordinates of a document on the images they name, each with the value it belongs to."""
    graphics: list[tuple[Graphic | None, str]] = []

    def walk(item: Dataset, label: str, depth: int) -> None:
        if depth > DEEPEST:
            return
        kind = item.get("ValueType")
        if kind == "NUM":
            label = f"{meaning(item)} {value(item)}"
        elif kind == "CONTAINER":
            numbers = [f"{meaning(child)} {value(child)}" for child in children(item) if child.get("ValueType") == "NUM"]
            label = numbers[0] if numbers else label
        elif kind in {"SCOORD", "SCOORD3D"}:
            graphics.append((graphic_of(item), label))
        for child in children(item):
            walk(child, label, depth + 1)

    walk(document, "", 0)
    if not graphics:
        return
    layer = overlay.layer(meaning(document))
    for graphic, label in graphics:
        if graphic is None:
            overlay.warnings["coordinates_unusable"] += 1
        else:
            _place(overlay, layer, graphic, images, label)


def _place(overlay: Overlay, layer: int, graphic: Graphic, images: Images, label: str) -> None:
    if graphic.points.shape[1] == 3:
        found = on_plane(graphic.points, images.in_space(graphic.space))
        places = [] if found is None else [found]
    else:
        places = [(frame, graphic.points - MIDDLE) for frame in images.of(graphic.sop_uid, graphic.frames)]
    if not places:
        overlay.warnings["coordinates_elsewhere"] += 1
    for frame, points in places:
        if graphic.graphic == "MULTIPOINT":
            for point in points:
                overlay.line(layer, frame, "point", point[None], label)
        elif graphic.graphic not in KINDS or not enough(graphic.graphic, points):
            overlay.warnings["coordinates_unusable"] += 1
        else:
            overlay.line(layer, frame, KINDS[graphic.graphic], points, label)


def enough(kind: str, points: np.ndarray[Any, Any]) -> bool:
    """Whether a graphic type has the points it must have."""
    exact = {"POINT": 1, "CIRCLE": 2, "ELLIPSE": 4}.get(kind)
    return len(points) == exact if exact is not None else len(points) >= 2
