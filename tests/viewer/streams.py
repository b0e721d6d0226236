"""Series streams as `docs/interfaces.md` §5 writes them, made from arrays with known truth or from DICOM files."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.pixels import pixel_array

JsonFrame = dict[str, Any]


class Stream:
    """Frames with their pixels, middle outwards, and the warnings of the series."""

    def __init__(
        self,
        frames: list[tuple[JsonFrame, bytes]],
        warnings: list[str] | None = None,
        summary: dict[str, Any] | None = None,
        luts: dict[str, dict[str, Any]] | None = None,
        planes: dict[str, Any] | None = None,
    ) -> None:
        self.frames = frames
        self.warnings = warnings or []
        self.summary = summary or {}
        self.luts = luts or {}
        self.planes = planes
        for index, (frame, _) in enumerate(frames):
            frame["index"] = index

    @property
    def order(self) -> list[int]:
        middle = len(self.frames) // 2
        return sorted(range(len(self.frames)), key=lambda index: (abs(index - middle), index))

    def header(self) -> bytes:
        text = json.dumps(
            {"frames": [frame for frame, _ in self.frames], "order": self.order, "warnings": self.warnings, "luts": self.luts}
        ).encode()
        return struct.pack("<I", len(text)) + text

    def parts(self) -> list[bytes]:
        """The header, then one part for each frame."""
        return [self.header(), *(struct.pack("<II", index, len(self.frames[index][1])) + self.frames[index][1] for index in self.order)]


def frame_of(pixels: np.ndarray, **facts: Any) -> tuple[JsonFrame, bytes]:
    """One frame from an array (rows × columns, or rows × columns × 3)."""
    little = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False)
    frame: JsonFrame = {
        "sop_uid": "1.2.3",
        "frame": 0,
        "number": 1,
        "rows": pixels.shape[0],
        "columns": pixels.shape[1],
        "bits": pixels.dtype.itemsize * 8,
        "signed": bool(np.issubdtype(pixels.dtype, np.signedinteger)),
        "samples": 3 if pixels.ndim == 3 else 1,
        "photometric": "RGB" if pixels.ndim == 3 else "MONOCHROME2",
        "slope": 1,
        "intercept": 0,
        "rescale_type": None,
        "windows": [],
        "spacing": [1, 1],
        "spacing_kind": "pixel",
        "position": [0, 0, 0],
        "orientation": [1, 0, 0, 0, 1, 0],
        "frame_of_reference": "1.2.3.4",
        "slice_location": None,
        "thickness": None,
        "patient_position": "HFS",
        "laterality": None,
        "padding": None,
        "frame_time": None,
        "smallest": None,
        "largest": None,
    }
    return frame | facts, little.tobytes()


def _numbers(value: Any) -> list[float]:
    if value is None or value == "":
        return []
    return [float(one) for one in value] if isinstance(value, pydicom.multival.MultiValue | list | tuple) else [float(value)]


def windows_of(data: Dataset) -> list[dict[str, Any]]:
    centers, widths = _numbers(data.get("WindowCenter")), _numbers(data.get("WindowWidth"))
    function = data.get("VOILUTFunction") or "LINEAR"
    return [{"center": c, "width": w, "function": function, "explanation": ""} for c, w in zip(centers, widths, strict=False)]


def spacing_of(data: Dataset) -> tuple[list[float] | None, str]:
    for name, kind in (("PixelSpacing", "pixel"), ("ImagerPixelSpacing", "imager")):
        values = _numbers(data.get(name))
        if len(values) == 2 and min(values) > 0:
            return values, kind
    return None, "none"


def frames_of_file(path: Path) -> list[tuple[JsonFrame, bytes]]:
    """Every frame of a DICOM file, decoded by pydicom; colour as RGB."""
    data = pydicom.dcmread(path)
    pixels = pixel_array(data)
    count = int(data.get("NumberOfFrames") or 1)
    stack = pixels[None] if count == 1 else pixels
    spacing, kind = spacing_of(data)
    padding = data.get("PixelPaddingValue")
    facts = {
        "sop_uid": str(data.SOPInstanceUID),
        "number": int(data.get("InstanceNumber") or 1),
        "photometric": "RGB" if stack.ndim == 4 else str(data.PhotometricInterpretation),
        "slope": float(data.get("RescaleSlope") or 1),
        "intercept": float(data.get("RescaleIntercept") or 0),
        "rescale_type": data.get("RescaleType") or None,
        "windows": windows_of(data),
        "spacing": spacing,
        "spacing_kind": kind,
        "position": _numbers(data.get("ImagePositionPatient")) or None,
        "orientation": _numbers(data.get("ImageOrientationPatient")) or None,
        "frame_of_reference": data.get("FrameOfReferenceUID") or None,
        "thickness": float(data.SliceThickness) if data.get("SliceThickness") else None,
        "patient_position": data.get("PatientPosition") or None,
        "laterality": data.get("Laterality") or data.get("ImageLaterality") or None,
        "padding": int(padding) if padding is not None else None,
        "frame_time": float(data.FrameTime) if data.get("FrameTime") else None,
    }
    return [frame_of(np.ascontiguousarray(one), **facts, frame=index) for index, one in enumerate(stack)]


def stream_of_files(paths: list[Path], warnings: list[str] | None = None) -> Stream:
    first = pydicom.dcmread(paths[0], stop_before_pixels=True)
    summary = {
        "institution": str(first.get("InstitutionName") or ""),
        "description": str(first.get("StudyDescription") or ""),
        "study_date": str(first.get("StudyDate") or ""),
        "patient": {
            "name": str(first.get("PatientName") or ""),
            "patient_id": str(first.get("PatientID") or ""),
            "sex": str(first.get("PatientSex") or ""),
            "birth_date": str(first.get("PatientBirthDate") or ""),
            "age": str(first.get("PatientAge") or ""),
        },
        "modality": str(first.get("Modality") or ""),
        "number": int(first.get("SeriesNumber") or 0),
        "series_description": str(first.get("SeriesDescription") or ""),
    }
    return Stream([frame for path in paths for frame in frames_of_file(path)], warnings, summary)
