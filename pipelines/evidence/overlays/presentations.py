"""Softcopy presentation states (PS3.3 A.33): their lines, texts and window on the images they name.

Coordinates in pixels of the image are shown; those that belong to a place of the screen are not, and are counted. Turning, mirroring and
the displayed part are the reader's own and are not taken over; that a state asks for them is said.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from pipelines.evidence.coordinates import MIDDLE
from pipelines.evidence.overlays.documents import enough
from pipelines.evidence.overlays.images import Frame, Images
from pipelines.evidence.overlays.shapes import Overlay, rgb_of_lab

KINDS = {"POINT": "point", "POLYLINE": "polyline", "CIRCLE": "circle", "ELLIPSE": "ellipse"}
REPEATING_OVERLAYS = range(0x6000, 0x6100)


def _frames(items: Any, images: Images) -> list[Frame]:
    found: list[Frame] = []
    for one in items or []:
        numbers = one.get("ReferencedFrameNumber")
        found += images.of(
            str(one.ReferencedSOPInstanceUID), () if numbers is None else tuple(int(part) for part in np.atleast_1d(numbers))
        )
    return found


def add_presentation(overlay: Overlay, document: Dataset, images: Images) -> None:
    """Graphic layers as layers, graphics and texts as shapes, the window where it is one for all images."""
    every = [
        frame
        for series in document.get("ReferencedSeriesSequence") or []
        for frame in _frames(series.get("ReferencedImageSequence"), images)
    ]
    if not every:
        overlay.warnings["presentation_elsewhere"] += 1
        return
    for frame in every:
        overlay.refers(frame)
    layers: dict[str, int] = {}
    described = {str(one.get("GraphicLayer")): one for one in document.get("GraphicLayerSequence") or []}
    for annotation in document.get("GraphicAnnotationSequence") or []:
        name = str(annotation.get("GraphicLayer") or "")
        if name not in layers:
            lab = described[name].get("GraphicLayerRecommendedDisplayCIELabValue") if name in described else None
            detail = str(described[name].get("GraphicLayerDescription") or "") if name in described else ""
            layers[name] = overlay.layer(name, rgb_of_lab(lab) if lab is not None and len(lab) == 3 else None, detail)
        own = annotation.get("ReferencedImageSequence")
        places = _frames(own, images) if own else every
        for graphic in annotation.get("GraphicObjectSequence") or []:
            _line(overlay, layers[name], graphic, places)
        for words in annotation.get("TextObjectSequence") or []:
            _text(overlay, layers[name], words, places)
    turned = int(document.get("ImageRotation") or 0) % 360 != 0 or document.get("ImageHorizontalFlip") == "Y"
    if turned:
        overlay.warnings["presentation_turned"] += 1
    if any(element.tag.group in REPEATING_OVERLAYS for element in document):
        overlay.warnings["presentation_planes"] += 1
    _window(overlay, document, images, every)


def _line(overlay: Overlay, layer: int, graphic: Dataset, places: list[Frame]) -> None:
    data = np.asarray(graphic.get("GraphicData") or [], float)
    kind = str(graphic.get("GraphicType"))
    if graphic.get("GraphicAnnotationUnits") != "PIXEL":
        overlay.warnings["presentation_screen"] += 1
        return
    points = data.reshape(-1, 2) - MIDDLE if data.size % 2 == 0 else np.empty((0, 2))
    if kind not in KINDS or not np.isfinite(data).all() or not enough(kind, points):
        overlay.warnings["coordinates_unusable"] += 1
        return
    for frame in places:
        overlay.line(layer, frame, KINDS[kind], points)


def _text(overlay: Overlay, layer: int, words: Dataset, places: list[Frame]) -> None:
    for at, units in (("AnchorPoint", "AnchorPointAnnotationUnits"), ("BoundingBoxTopLeftHandCorner", "BoundingBoxAnnotationUnits")):
        point = words.get(at)
        if point is not None and len(point) == 2 and words.get(units) == "PIXEL":
            for frame in places:
                overlay.text(layer, frame, [float(part) - MIDDLE for part in point], str(words.get("UnformattedTextValue") or ""))
            return
    overlay.warnings["presentation_screen"] += 1


def _window(overlay: Overlay, document: Dataset, images: Images, every: list[Frame]) -> None:
    """The window of all images the state names; a table, or different windows, are said and not taken over."""
    items = list(document.get("SoftcopyVOILUTSequence") or [])
    if not items:
        return
    found: set[tuple[float, float, str]] = set()
    for item in items:
        places = _frames(item.get("ReferencedImageSequence"), images) if item.get("ReferencedImageSequence") else every
        if not places:
            continue
        centre, width = _first(item, "WindowCenter"), _first(item, "WindowWidth")
        same = all(_rescale(document) in {None, (frame["slope"], frame["intercept"])} for frame in places)
        if centre is None or width is None or width <= 0 or document.get("ModalityLUTSequence") or not same:
            overlay.warnings["presentation_window"] += 1
            return
        found.add((centre, width, str(item.get("VOILUTFunction") or "LINEAR")))
    if len(found) == 1:
        overlay.window = dict(zip(("center", "width", "function"), found.pop(), strict=True))
    elif found:
        overlay.warnings["presentation_window"] += 1


def _first(item: Dataset, name: str) -> float | None:
    values = np.atleast_1d(item.get(name)) if item.get(name) is not None else []
    return float(values[0]) if len(values) else None


def _rescale(document: Dataset) -> tuple[float, float] | None:
    slope, intercept = document.get("RescaleSlope"), document.get("RescaleIntercept")
    return None if slope is None or intercept is None else (float(slope), float(intercept))
