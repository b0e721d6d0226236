"""One series that is no picture: what its objects are, and what of them lies on images of the study."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import structlog
from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom_node.client import NodeClient, TooLargeError
from pipelines.evidence.overlays.contours import add_contours
from pipelines.evidence.overlays.documents import add_coordinates, tree
from pipelines.evidence.overlays.images import gather
from pipelines.evidence.overlays.keyobjects import key_objects
from pipelines.evidence.overlays.presentations import add_presentation
from pipelines.evidence.overlays.segmentation import add_segmentation
from pipelines.evidence.overlays.shapes import Overlay, TooLarge
from pipelines.serving.problems import Problem

log = structlog.get_logger("evidence")

STORAGE = "1.2.840.10008.5.1.4.1.1."
CLASSES = {
    "66.4": "segmentation",
    "66.7": "segmentation",
    "481.3": "contours",
    "11.": "presentation",
    "88.59": "key_objects",
    "88.": "report",
    "104.1": "pdf",
    "104.2": "cda",
    "104.3": "mesh",
    "104.4": "mesh",
    "104.5": "mesh",
    "9.1.": "ecg",
    "9.": "waveform",
    "77.1.1.1": "video",
    "77.1.2.1": "video",
    "77.1.4.1": "video",
    "481.": "radiotherapy",
    "67": "value_map",
    "66.": "spatial",
}
"""What a storage class is (PS3.4 B.5), by the beginning of its UID behind the common part; the first that fits."""
MOST_OBJECTS = 50
MOST_BYTES = 256 << 20
DRAWN = frozenset({"segmentation", "contours", "report", "presentation", "key_objects"})


def what_is(sop_class: str) -> str:
    """The kind of an object by its storage class; `other` when it is none of those above."""
    rest = sop_class.removeprefix(STORAGE) if sop_class.startswith(STORAGE) else ""
    return next((kind for start, kind in CLASSES.items() if rest == start or (rest.startswith(start) and start.endswith("."))), "other")


def read(node: NodeClient, study: str, series: str, instance: str) -> Dataset:
    """An object whole; Problem `overlay.too_large` beyond 256 MB, `overlay.unreadable` when it is no DICOM."""
    try:
        content = node.instance(study, series, instance, most=MOST_BYTES)
    except TooLargeError as error:
        raise Problem("overlay.too_large") from error
    try:
        return dcmread(io.BytesIO(content))
    except Exception as error:
        raise Problem("overlay.unreadable") from error


def _named(document: Dataset) -> Iterator[str]:
    """Series that an object refers to, at any depth."""
    for element in document:
        if element.VR != "SQ":
            continue
        for item in element.value:
            if element.keyword in {"ReferencedSeriesSequence", "RTReferencedSeriesSequence"} and "SeriesInstanceUID" in item:
                yield str(item.SeriesInstanceUID)
            if element.keyword != "ContentSequence":
                yield from _named(item)


def overlay_of(node: NodeClient, study: str, series: str) -> dict[str, Any]:
    """The answer of the contract (docs/interfaces.md §6a)."""
    headers = [Dataset.from_json(one) for one in node.series_metadata(study, series)[: MOST_OBJECTS + 1]]
    overlay = Overlay()
    if len(headers) > MOST_OBJECTS:
        overlay.warnings["objects_left_out"] += 1
    objects = [_object(node, study, series, header, overlay) for header in headers[:MOST_OBJECTS]]
    return {
        "study": study,
        "series": series,
        "objects": objects,
        "layers": overlay.layers,
        "shapes": overlay.shapes,
        "shown_on": [
            {"series": one, "images": len(found), "index": sorted(found)[len(found) // 2]}
            for one, found in sorted(overlay.images.items(), key=lambda pair: -len(pair[1]))
        ],
        "window": overlay.window,
        "warnings": [{"code": code, "count": count} for code, count in sorted(overlay.warnings.items())],
    }


def _object(node: NodeClient, study: str, series: str, header: Dataset, overlay: Overlay) -> dict[str, Any]:
    kind = what_is(str(header.SOPClassUID))
    told: dict[str, Any] = {
        "sop_uid": str(header.SOPInstanceUID),
        "sop_class": str(header.SOPClassUID),
        "what": kind,
        "title": str(header.get("DocumentTitle") or header.get("ContentLabel") or header.get("StructureSetLabel") or ""),
        "document": None,
        "key_objects": None,
    }
    if kind not in DRAWN:
        return told
    document = read(node, study, series, told["sop_uid"])
    # what one broken object brought must not stay half drawn
    layers, shapes = len(overlay.layers), len(overlay.shapes)
    images_before = {one: set(indexes) for one, indexes in overlay.images.items()}
    try:
        images = gather(node, study, set(_named(document)), series)
        if kind == "segmentation":
            add_segmentation(overlay, document, images)
        elif kind == "contours":
            add_contours(overlay, document, images)
        elif kind == "presentation":
            add_presentation(overlay, document, images)
        elif kind == "key_objects":
            told["key_objects"] = key_objects(overlay, document, images)
            told["document"] = tree(document)
        else:
            told["document"] = tree(document)
            add_coordinates(overlay, document, images)
    except TooLarge as error:
        raise Problem("overlay.too_large") from error
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, NotImplementedError, RuntimeError) as error:
        # Said on the page as unreadable; here so that a fault of ours does not pass for one of the object. No text: it may repeat a header.
        log.warning("object.unreadable", kind=kind, sop_uid=str(document.get("SOPInstanceUID", "")), reason=type(error).__name__)
        del overlay.layers[layers:], overlay.shapes[shapes:]
        told["key_objects"] = told["document"] = None
        overlay.window, overlay.images = None, images_before
        overlay.warnings["object_unreadable"] += 1
    return told
