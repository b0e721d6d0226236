"""A mask as DICOM Segmentation (PS3.3 A.51) that refers to the source images."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import highdicom as hd
import numpy as np
from highdicom.seg import Segmentation, SegmentDescription
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import UID

from pipelines.masks.grid import Mask
from pipelines.masks.kept import ALGORITHM

NUMBERS = {"bone": 9101, "table": 9102}
LABELS = {"bone": "Bone", "table": "Table"}


def segmentation(name: str, about: dict[str, Any], mask: Mask, unsure: Mask, headers: Sequence[dict[str, Any]]) -> bytes:
    """The file. `headers`: DICOM JSON of the series' instances; `about`, `mask` and `unsure` as `kept.unpacked` gives them.

    Segment 1 is the mask, segment 2 (where there is any) the region of which the algorithm is not sure. The same mask has the same UIDs
    (PS3.5 B.2), so that it can be fetched again.
    """
    # what is left out of the JSON for its size (pixels) is not needed
    plain = [{tag: element for tag, element in header.items() if "BulkDataURI" not in element} for header in headers]
    by_uid = {one.SOPInstanceUID: one for one in map(Dataset.from_json, plain)}
    sources = [by_uid[frame["sop_uid"]] for frame in about["frames"]]
    for source in sources:
        # stored in the header of old images only; the constructor asks for it
        source.setdefault("AccessionNumber", "")
    used = np.flatnonzero((mask | unsure).any((1, 2)))
    first, last = (int(used[0]), int(used[-1]) + 1) if used.size else (0, 1)
    segments = [mask, unsure] if unsure.any() else [mask]
    pixels = np.stack([one[first:last] for one in segments], -1).astype(np.uint8)
    kind = about["kind"]
    algorithm = hd.AlgorithmIdentificationSequence(
        name=f"{LABELS[kind]} mask", family=codes.DCM.MorphologicalOperations, version=str(ALGORITHM), source="radiology-hub"
    )
    category = codes.SCT.AnatomicalStructure if kind == "bone" else codes.SCT.PhysicalObject
    described = [
        SegmentDescription(
            number,
            label,
            category,
            codes.SCT.Bone if kind == "bone" else codes.SCT.Table,
            hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm,
        )
        for number, label in enumerate([LABELS[kind], f"{LABELS[kind]} (not sure)"][: len(segments)], 1)
    ]
    made = Segmentation(
        source_images=sources[first:last],
        pixel_array=pixels,
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=described,
        series_instance_uid=_uid(name, 1),
        series_number=NUMBERS[kind],
        sop_instance_uid=_uid(name, 2),
        instance_number=1,
        manufacturer="radiology-hub",
        manufacturer_model_name="radiology-hub masks",
        software_versions=str(ALGORITHM),
        device_serial_number="1",
        content_label=f"{LABELS[kind].upper()}_MASK",
        content_description=f"{LABELS[kind]}, found automatically",
        series_description=f"{LABELS[kind]} mask",
    )
    file = BytesIO()
    made.save_as(file, enforce_file_format=True)
    return file.getvalue()


def _uid(name: str, part: int) -> UID:
    """A UID made from the mask's identifier."""
    return UID(f"2.25.{int(name, 16) ^ part}")
