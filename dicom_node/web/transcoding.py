"""A stored object in Explicit VR Little Endian, for clients that cannot read its own transfer syntax (PS3.18 8.7.3.5).

Compressed pixels are decoded and sent frame by frame; the identity of the object stays what it is.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, ExplicitVRLittleEndian

from dicom_node.index.frames import frame_count, integer
from dicom_node.web import pixels
from dicom_node.web.library import Row

EXPLICIT = str(ExplicitVRLittleEndian)
_REWRITTEN = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99"}
_PIXELS = 0x7FE00010
_BEFORE_PIXELS = 0x7FE00001  # the extended offset tables speak of compressed frames only
MAX_PIXELS = 0xFFFFFFFE  # bytes that one element can hold


def convertible(row: Row) -> bool:
    """Whether an object can be given in Explicit VR Little Endian, as far as the index knows."""
    syntax = row["transfer_syntax"]
    if syntax == EXPLICIT or syntax in _REWRITTEN:
        return True
    if not UID(syntax).is_transfer_syntax or not UID(syntax).is_encapsulated:
        return False  # big endian: values of unknown elements cannot be turned round
    if row["pixel_length"] is None:
        return True
    return row["unshowable"] is None and get_decoder_for(syntax) is not None


def get_decoder_for(syntax: str) -> Any:
    """The decoder of a transfer syntax, None when there is none here."""
    try:
        decoder = get_decoder(UID(syntax))
    except NotImplementedError:
        return None
    return decoder if decoder.is_available else None


@dataclass(frozen=True, slots=True)
class Transcoded:
    """The file's size and its bytes, piece by piece."""

    size: int
    pieces: Iterator[bytes]


def explicit(path: Path) -> Transcoded:
    """The object in Explicit VR Little Endian. UndecodableError when it is not possible (first frame), later: a broken stream."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ds = pixels.open_file(path)
            compressed = ds.file_meta.TransferSyntaxUID.is_encapsulated and "PixelData" in ds
            return _compressed(ds) if compressed else _native(ds)
    except pixels.UndecodableError:
        raise
    except Exception as error:
        raise pixels.UndecodableError(f"{type(error).__name__} while rewriting the object") from error


def _native(ds: Dataset) -> Transcoded:
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    out = io.BytesIO()
    pydicom.dcmwrite(out, ds, implicit_vr=False, little_endian=True, enforce_file_format=True)
    data = out.getvalue()
    return Transcoded(len(data), iter((data,)))


def _compressed(ds: Dataset) -> Transcoded:
    count = frame_count(ds)
    if count is None:
        raise pixels.UndecodableError("number of frames is unreadable")
    first, known = _frame(ds, 0)
    total = count * len(first)
    if total > MAX_PIXELS:
        raise pixels.UndecodableError("decoded pixels do not fit one element")
    head = _part(ds, 0, _BEFORE_PIXELS)
    head.PhotometricInterpretation = known["photometric_interpretation"]
    if known["samples_per_pixel"] > 1:
        head.PlanarConfiguration = known["planar_configuration"]
    head.file_meta, head.preamble = ds.file_meta, bytes(128)
    source = ds.file_meta.TransferSyntaxUID
    vr = b"OB" if (integer(ds, "BitsAllocated") or 16) <= 8 else b"OW"
    out = io.BytesIO()
    head.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    pydicom.dcmwrite(out, head, implicit_vr=False, little_endian=True, enforce_file_format=True)
    ds.file_meta.TransferSyntaxUID = source
    padding = total % 2
    begin = out.getvalue() + struct.pack("<HH2sxxI", 0x7FE0, 0x0010, vr, total + padding)
    end = bytes(padding) + _tail(ds)

    def pieces() -> Iterator[bytes]:
        yield begin
        yield first
        for index in range(1, count):
            data, _ = _frame(ds, index)
            if len(data) != len(first):
                raise pixels.UndecodableError("frames differ in size")
            yield data
        if end:
            yield end

    return Transcoded(len(begin) + total + len(end), pieces())


def _frame(ds: Dataset, index: int) -> tuple[bytes, dict[str, Any]]:
    """One decoded frame (colour as RGB, pixel by pixel) and the attributes that describe it."""
    claimed = {
        "rows": integer(ds, "Rows") or 0, "columns": integer(ds, "Columns") or 0, "samples": integer(ds, "SamplesPerPixel") or 1,
        "bits": max(8, integer(ds, "BitsAllocated") or 8),
    }  # fmt: skip
    pixels.check_size(ds, claimed, index)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array, known = get_decoder(ds.file_meta.TransferSyntaxUID).as_array(ds, index=index)
    return np.ascontiguousarray(array).tobytes(), known


def _part(ds: Dataset, first: int, end: int) -> Dataset:
    """The elements with `first` <= tag < `end`, as they stand in the file."""
    part = Dataset()
    part.set_original_encoding(ds.original_encoding[0], ds.original_encoding[1], ds.original_character_set)
    for tag in ds.keys():  # noqa: SIM118 - iterating a data set would decode its values
        if first <= int(tag) < end:
            part[tag] = ds.get_item(tag)
    return part


def _tail(ds: Dataset) -> bytes:
    """What stands behind the pixels (padding, digital signatures)."""
    part = _part(ds, _PIXELS + 1, 1 << 32)
    if not len(part):
        return b""
    out = io.BytesIO()
    pydicom.dcmwrite(out, part, implicit_vr=False, little_endian=True)
    return out.getvalue()
