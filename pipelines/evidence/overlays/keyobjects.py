"""Key object selections of other systems (PS3.3 A.35.4, PS3.16 TID 2010): what was chosen, under which title, by what or whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from pipelines.evidence.content import below, children, concept, text_of
from pipelines.evidence.overlays.documents import value
from pipelines.evidence.overlays.images import Images
from pipelines.evidence.overlays.shapes import Overlay

DESCRIPTION, DEVICE_NAME, PERSON_NAME = "113012", "121013", "121008"
"""Concept codes (DCM): Key Object Description, Device Observer Name, Person Observer Name."""
REJECTIONS = frozenset({"113001", "113037", "113038", "113039"})
LISTS = frozenset({"113030", "113031", "113032", "113033", "113034", "113035"})
"""Titles (PS3.16 CID 7010) that take images out of use, and those that only list what a study or an acquisition is made of."""
MOST_IMAGES = 500


def _references(document: Dataset) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Objects that the content names, with their frames (from 1; none: all), in its order."""
    for item in below(document):
        if item.get("ValueType") in {"IMAGE", "WAVEFORM", "COMPOSITE"}:
            for one in item.get("ReferencedSOPSequence") or []:
                frames = one.get("ReferencedFrameNumber")
                numbers = () if frames is None else tuple(int(part) for part in np.atleast_1d(frames))
                yield str(one.ReferencedSOPInstanceUID), numbers


def _device(document: Dataset) -> str:
    """Name of the device that observed, else what the equipment calls itself."""
    named = next((text_of(item) for item in children(document) if concept(item) == DEVICE_NAME), "")
    parts = [str(document.get(name) or "").strip() for name in ("Manufacturer", "ManufacturerModelName")]
    # many models repeat their maker
    model = parts[1] if parts[0] and parts[1].lower().startswith(parts[0].lower()) else " ".join(filter(None, parts))
    return named.strip() or model or str(document.get("StationName") or "").strip()


def key_objects(overlay: Overlay, document: Dataset, images: Images) -> dict[str, Any]:
    """`{title: {code, scheme, meaning}, chosen, device, person, description, images: [{series, sop_uid, frame, index}]}`.

    `chosen`: somebody singled these images out; false for rejections and plain lists. What is no image of the study is counted as
    `key_objects_elsewhere`, images beyond 500 as `key_objects_left_out`.
    """
    title = (document.get("ConceptNameCodeSequence") or [Dataset()])[0]
    code, scheme = str(title.get("CodeValue") or title.get("LongCodeValue") or ""), str(title.get("CodingSchemeDesignator") or "")
    found: list[dict[str, Any]] = []
    seen: set[tuple[str, int]] = set()
    for sop_uid, numbers in _references(document):
        frames = images.of(sop_uid, numbers)
        if not frames:
            overlay.warnings["key_objects_elsewhere"] += 1
        for frame in frames:
            place = (frame["sop_uid"], frame["frame"])
            if place in seen:
                continue
            seen.add(place)
            if len(found) >= MOST_IMAGES:
                overlay.warnings["key_objects_left_out"] += 1
                continue
            overlay.refers(frame)
            found.append({name: frame[name] for name in ("series", "sop_uid", "frame", "index")})
    return {
        "title": {"code": code, "scheme": scheme, "meaning": str(title.get("CodeMeaning") or "")},
        "chosen": not (scheme == "DCM" and code in REJECTIONS | LISTS),
        "device": _device(document),
        "person": next((value(item) for item in children(document) if concept(item) == PERSON_NAME), ""),
        "description": "\n".join(text_of(item) for item in children(document) if concept(item) == DESCRIPTION),
        "images": found,
    }
