"""Rectangles painted black into every frame: the object's pixels are decoded and stay native."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import ExplicitVRLittleEndian

from pipelines.research.deidentify.burnt_in import Rectangle
from pipelines.research.deidentify.reasons import BlockedError

LARGEST = 1 << 30
"""Bytes of decoded pixels."""


def paint(frame: np.ndarray[Any, Any], rectangles: Iterable[Rectangle], black: int = 0) -> None:
    """Black into one frame (rows, columns[, samples]), in place; what lies outside is cut off."""
    for x0, y0, x1, y1 in rectangles:
        frame[y0 : y1 + 1, x0 : x1 + 1] = black


def black_of(ds: Dataset, interpretation: str) -> int:
    """The stored value that is drawn darkest."""
    if interpretation == "PALETTE COLOR":
        first = int(ds.RedPaletteColorLookupTableDescriptor[1])
        tables = [ds[f"{name}PaletteColorLookupTableData"].value for name in ("Red", "Green", "Blue")]
        wide = int(ds.RedPaletteColorLookupTableDescriptor[2]) > 8
        entries = [np.frombuffer(table, "<u2" if wide else "u1").astype(np.int64) for table in tables]
        return first + int(sum(entries).argmin())  # type: ignore[union-attr]
    bits, signed = int(ds.BitsStored), int(ds.get("PixelRepresentation") or 0) == 1
    if interpretation == "MONOCHROME1":
        return (1 << (bits - signed)) - 1
    return -(1 << (bits - 1)) if signed else 0


def blacked_out(ds: Dataset, rectangles: Iterable[Rectangle]) -> Dataset:
    """Paint and set the pixels of `ds` (with its file meta), which becomes Explicit VR Little Endian. BlockedError where it cannot be decoded."""
    size = (
        int(ds.Rows)
        * int(ds.Columns)
        * int(ds.get("SamplesPerPixel") or 1)
        * int(ds.get("NumberOfFrames") or 1)
        * int(ds.BitsAllocated)
        // 8
    )
    if size > LARGEST:
        raise BlockedError("too_large")
    painted: list[bytes] = []
    told: dict[str, Any] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for frame, told in get_decoder(ds.file_meta.TransferSyntaxUID).iter_array(ds):
                own = frame.copy()
                paint(own, rectangles, black_of(ds, str(told["photometric_interpretation"])))
                painted.append(own.astype(own.dtype.newbyteorder("<"), copy=False).tobytes())
    except Exception as error:
        raise BlockedError("pixels") from error
    if not told:
        raise BlockedError("pixels")
    data = b"".join(painted)
    ds.PixelData = data + b"\0" * (len(data) % 2)
    ds["PixelData"].VR = "OW" if told["bits_allocated"] > 8 else "OB"
    ds.PhotometricInterpretation = told["photometric_interpretation"]
    ds.BitsAllocated = told["bits_allocated"]
    if told["samples_per_pixel"] > 1:
        ds.PlanarConfiguration = 0
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        ds.pop(keyword, None)
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds
