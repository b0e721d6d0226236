"""The content tree of an SR document (PS3.3 C.17.3), read with care: whoever wrote it may have erred."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

DEEPEST = 64


@dataclass(frozen=True)
class Graphic:
    """A SCOORD or SCOORD3D item: `points` is (n, 2) from the corner of the image, or (n, 3) LPS mm."""

    graphic: str
    points: NDArray[np.float64]
    sop_uid: str
    """'' in a frame of reference."""
    frames: tuple[int, ...]
    """Frames of the image it lies on, from 1; empty: all of them."""
    space: str
    """Frame of Reference UID; '' on an image."""


def children(item: Dataset) -> list[Dataset]:
    """Items directly below one."""
    return list(item.get("ContentSequence") or [])


def below(item: Dataset, depth: int = 0) -> Iterator[Dataset]:
    """All items below one, in the order of the document."""
    if depth >= DEEPEST:
        return
    for child in children(item):
        yield child
        yield from below(child, depth + 1)


def concept(item: Dataset) -> str:
    """Code value of an item's concept name, '' when it has none."""
    named = item.get("ConceptNameCodeSequence")
    return str(named[0].get("CodeValue") or named[0].get("LongCodeValue") or "") if named else ""


def text_of(item: Dataset) -> str:
    """Text value of a TEXT item."""
    return str(item.get("TextValue") or "")


def graphic_of(item: Dataset) -> Graphic | None:
    """Coordinates of an item; None when it has none that can be read, or names no image."""
    kind = item.get("ValueType")
    if kind not in {"SCOORD", "SCOORD3D"}:
        return None
    size = 2 if kind == "SCOORD" else 3
    data = np.asarray(item.get("GraphicData") or [], float)
    if data.size == 0 or data.size % size or not np.isfinite(data).all():
        return None
    points = data.reshape(-1, size)
    if size == 3:
        return Graphic(str(item.get("GraphicType")), points, "", (), str(item.get("ReferencedFrameOfReferenceUID") or ""))
    image = next((child for child in children(item) if child.get("ValueType") == "IMAGE"), None)
    references = image.get("ReferencedSOPSequence") if image is not None else None
    if not references:
        return None
    frames = references[0].get("ReferencedFrameNumber")
    numbers = () if frames is None else tuple(int(part) for part in np.atleast_1d(frames))
    return Graphic(str(item.get("GraphicType")), points, str(references[0].ReferencedSOPInstanceUID), numbers, "")
