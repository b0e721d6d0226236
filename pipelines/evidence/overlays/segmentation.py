"""Segmentations (PS3.3 A.51) on the images they were made from.

A segment's pixels are shown only where they are known to lie: on a frame with the same plane, pixel size and directions, shifted by
whole pixels at most. Frames that fit no image are left out and counted: nothing is stretched to fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels.utils import iter_pixels

from pipelines.evidence.overlays.images import Frame, Images, Plane, plane, plane_of
from pipelines.evidence.overlays.shapes import Overlay, rgb_of_lab

SAME_DIRECTION, SAME_SPACING, SAME_PLACE = 1 - 1e-5, 1e-3, 0.1
"""Cosine between directions; relative difference of pixel sizes; part of a pixel by which a shift may miss whole pixels."""
MOST_PIXELS = 1 << 31
"""Of all frames together, as bytes: more is refused before it is decoded."""


class Unreadable(ValueError):  # noqa: N818 - says what it is
    """The object contradicts itself, or cannot be decoded."""


def _macro(document: Dataset, index: int, name: str) -> Dataset | None:
    """A functional group of a frame: its own, else the shared one (PS3.3 C.7.6.16)."""
    own = document.get("PerFrameFunctionalGroupsSequence") or []
    for groups in (own[index : index + 1], (document.get("SharedFunctionalGroupsSequence") or [])[:1]):
        for group in groups:
            if found := group.get(name):
                return found[0]  # type: ignore[no-any-return]
    return None


def _plane(document: Dataset, index: int) -> Plane | None:
    place, orientation, measures = (
        _macro(document, index, f"{name}Sequence") for name in ("PlanePosition", "PlaneOrientation", "PixelMeasures")
    )
    return plane(
        place.get("ImagePositionPatient") if place is not None else None,
        orientation.get("ImageOrientationPatient") if orientation is not None else None,
        measures.get("PixelSpacing") if measures is not None else None,
    )


def _sources(document: Dataset, index: int, images: Images) -> list[Frame]:
    """The frames a segment frame says it was made from."""
    derivation = _macro(document, index, "DerivationImageSequence")
    named = list(derivation.get("SourceImageSequence") or []) if derivation is not None else []
    found: list[Frame] = []
    for one in named:
        numbers = one.get("ReferencedFrameNumber")
        found += images.of(
            str(one.ReferencedSOPInstanceUID), () if numbers is None else tuple(int(part) for part in np.atleast_1d(numbers))
        )
    return found


def offset(own: Plane, other: Plane) -> tuple[int, int] | None:
    """Where the first pixel of `own` lies on `other`: whole columns and rows; None when the grids are not the same."""
    alike = own.row @ other.row > SAME_DIRECTION and own.column @ other.column > SAME_DIRECTION
    sizes = np.allclose(own.spacing, other.spacing, rtol=SAME_SPACING, atol=0)
    if not (alike and sizes) or abs(float(other.off(own.origin[None])[0])) > SAME_PLACE * min(other.spacing):
        return None
    at = other.index(own.origin[None])[0]
    whole = np.round(at)
    return (int(whole[0]), int(whole[1])) if np.abs(at - whole).max() <= SAME_PLACE else None


def _fitting(document: Dataset, index: int, images: Images, rows: int, columns: int) -> list[tuple[Frame, tuple[int, int]]]:
    """Frames on which the pixels of a segment frame lie, with their shift."""
    own = _plane(document, index)
    sources = _sources(document, index, images)
    if own is None:
        # projections have no plane: the named image itself, when it is of the same size
        plain = [frame for frame in sources if (frame["rows"], frame["columns"]) == (rows, columns) and plane_of(frame) is None]
        return [(frame, (0, 0)) for frame in plain]
    space = str(document.get("FrameOfReferenceUID") or "")
    # the images it names first; an object that names but one for all its frames still knows where they lie
    return _on(own, sources) or _on(own, images.in_space(space))


def _on(own: Plane, frames: list[Frame]) -> list[tuple[Frame, tuple[int, int]]]:
    planes = [(frame, other) for frame in frames if (other := plane_of(frame)) is not None]
    return [(frame, shift) for frame, other in planes if (shift := offset(own, other)) is not None]


def _masks(document: Dataset) -> Iterator[tuple[int, int | None, np.ndarray[Any, Any]]]:
    """Frame, segment number (None: the pixels are the numbers) and pixels, one after the other."""
    kind = str(document.get("SegmentationType") or "BINARY")
    for index, pixels in enumerate(iter_pixels(document)):
        if kind == "LABELMAP":
            yield index, None, pixels
            continue
        identified = _macro(document, index, "SegmentIdentificationSequence")
        if identified is None:
            raise Unreadable("a frame names no segment")
        yield index, int(identified.ReferencedSegmentNumber), pixels


def add_segmentation(overlay: Overlay, document: Dataset, images: Images) -> None:
    """The segments of one object as layers, their pixels as masks. Unreadable: nothing of it may be shown."""
    rows, columns, count = (int(document.get(name) or 0) for name in ("Rows", "Columns", "NumberOfFrames"))
    if rows <= 0 or columns <= 0 or rows * columns * max(count, 1) > MOST_PIXELS:
        raise Unreadable("size")
    layers: dict[int, int] = {}
    # in a label map the padding is what belongs to no segment, described as one or not (PS3.3 C.8.20.2.3.3)
    background = int(document.get("PixelPaddingValue") or 0) if document.get("SegmentationType") == "LABELMAP" else None
    for segment in document.get("SegmentSequence") or []:
        if segment.SegmentNumber == background:
            continue
        lab = segment.get("RecommendedDisplayCIELabValue")
        kind = segment.get("SegmentedPropertyTypeCodeSequence")
        detail = str(kind[0].get("CodeMeaning") or "") if kind else ""
        label = str(segment.get("SegmentLabel") or "") or detail
        layers[int(segment.SegmentNumber)] = overlay.layer(label, rgb_of_lab(lab) if lab is not None and len(lab) == 3 else None, detail)
    fractional = str(document.get("SegmentationType")) == "FRACTIONAL"
    if fractional:
        overlay.warnings["segment_fractional"] += 1
    half = max(int(document.get("MaximumFractionalValue") or 255), 1) / 2 if fractional else 0
    for index, number, pixels in _masks(document):
        if pixels.shape != (rows, columns):
            raise Unreadable("pixels are not of the size that the header says")
        parts = {number: pixels > half} if number is not None else {int(one): pixels == one for one in np.unique(pixels) if one in layers}
        parts = {one: part for one, part in parts.items() if part.any()}
        if not parts:
            continue
        if not set(parts) <= set(layers):
            raise Unreadable("a frame names a segment that is not described")
        places = _fitting(document, index, images, rows, columns)
        if not places:
            overlay.warnings["segment_off_grid"] += 1
        for frame, shift in places:
            for one, part in parts.items():
                overlay.mask(layers[one], frame, part, shift)
