"""Contours of an RT Structure Set (PS3.3 C.8.8.6) on the slices in whose planes they lie; those on no slice are left out and counted."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset

from pipelines.evidence.overlays.images import Images, on_plane
from pipelines.evidence.overlays.shapes import Overlay

KINDS = {"POINT": "point", "OPEN_PLANAR": "polyline", "CLOSED_PLANAR": "polygon", "CLOSEDPLANAR_XOR": "polygon"}


def add_contours(overlay: Overlay, document: Dataset, images: Images) -> None:
    """Each ROI as a layer in its own colour, its contours as outlines."""
    spaces = {
        int(roi.ROINumber): str(roi.get("ReferencedFrameOfReferenceUID") or "") for roi in document.get("StructureSetROISequence") or []
    }
    names = {int(roi.ROINumber): str(roi.get("ROIName") or "") for roi in document.get("StructureSetROISequence") or []}
    for roi in document.get("ROIContourSequence") or []:
        number = int(roi.ReferencedROINumber)
        colour = roi.get("ROIDisplayColor")
        shade = "#" + "".join(f"{min(max(int(part), 0), 255):02x}" for part in colour) if colour is not None and len(colour) == 3 else None
        layer = overlay.layer(names.get(number) or f"ROI {number}", shade)
        for contour in roi.get("ContourSequence") or []:
            kind = KINDS.get(str(contour.get("ContourGeometricType")))
            data = np.asarray(contour.get("ContourData") if contour.get("ContourData") is not None else [], float)
            if kind is None or data.size == 0 or data.size % 3 or not np.isfinite(data).all():
                overlay.warnings["contour_unusable"] += 1
                continue
            points = data.reshape(-1, 3)
            named = [
                frame
                for image in contour.get("ContourImageSequence") or []
                for frame in images.of(str(image.ReferencedSOPInstanceUID), _numbers(image))
            ]
            found = on_plane(points, named or images.in_space(spaces.get(number, "")))
            if found is None:
                overlay.warnings["contour_off_plane"] += 1
                continue
            overlay.line(layer, found[0], kind, found[1])


def _numbers(image: Dataset) -> tuple[int, ...]:
    numbers = image.get("ReferencedFrameNumber")
    return () if numbers is None else tuple(int(part) for part in np.atleast_1d(numbers))
