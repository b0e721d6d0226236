"""Stored pixels to native little endian bytes, colour to RGB; nothing is allocated on the word of a header alone."""

from __future__ import annotations

import os
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut

from dicom_node.index import lut
from dicom_node.index.frames import BIG_ENDIAN, MAX_FRAME_BYTES, Header, frame_count, integer, sequence

Frame = dict[str, Any]
JPEG_FAMILY = "1.2.840.10008.1.2.4."
MAX_RATIO_FREE = 64 << 20  # decoded bytes up to which any compression ratio is believed


class UndecodableError(ValueError):
    """The frame cannot be decoded; the message is the reason."""


def frame_bytes(frame: Frame) -> int:
    """Bytes of a frame as it is sent."""
    return int(frame["rows"] * frame["columns"] * frame["samples"] * frame["bits"] // 8)


def read_raw(path: Path, offset: int, frame: Frame) -> bytes:
    """The stored bytes of one native little endian frame."""
    size = frame_bytes(frame)
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.pread(fd, size, offset + (frame["frame"] - 1) * size)
    finally:
        os.close(fd)
    if len(data) != size:
        raise UndecodableError("file ends inside the frame")
    return data


def open_file(path: Path) -> Dataset:
    """The data set with its pixels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path)


def decode(ds: Dataset, frame: Frame) -> np.ndarray[Any, Any]:
    """One frame as (rows, columns[, 3]) in the output format that `frame` names. UndecodableError when it is not possible."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _decode(ds, frame)
    except UndecodableError:
        raise
    except Exception as error:
        raise UndecodableError(f"{type(error).__name__} in the decoder") from error


def _decode(ds: Dataset, frame: Frame) -> np.ndarray[Any, Any]:
    index = frame["frame"] - 1
    syntax = ds.file_meta.TransferSyntaxUID
    check_size(ds, frame, index)
    found = get_decoder(syntax).as_array(ds, index=index, raw=False)[0]
    if frame["samples"] == 3:
        return _rgb(found, ds)
    if tables := sequence(ds, "ModalityLUTSequence"):
        found = _modality_values(found, tables[0], big_endian=syntax == BIG_ENDIAN)
    kind = np.dtype(f"<{'i' if frame['signed'] else 'u'}{frame['bits'] // 8}")
    if found.shape != (frame["rows"], frame["columns"]):
        raise UndecodableError("decoded size differs from the header")
    return np.ascontiguousarray(found.astype(kind, copy=False))


def _modality_values(found: np.ndarray[Any, Any], item: Header, *, big_endian: bool) -> np.ndarray[Any, Any]:
    """Stored values through the Modality LUT (PS3.3 C.11.1); UndecodableError where it is unusable: stored values are no substitute."""
    limits = np.iinfo(found.dtype)
    try:
        return lut.read(item, (float(limits.min), float(limits.max)), big_endian=big_endian).map(found)
    except lut.LutError as error:
        raise UndecodableError(f"modality LUT: {error}") from error


def _rgb(found: np.ndarray[Any, Any], ds: Dataset) -> np.ndarray[Any, Any]:
    """Eight-bit RGB from whatever colour the decoder gave."""
    bits = integer(ds, "BitsStored") or 8
    if str(ds.PhotometricInterpretation) == "PALETTE COLOR":
        found = apply_color_lut(found, ds)[..., :3]
        # 16-bit tables hold 16-bit colours (PS3.3 C.7.6.3.1.6), but some devices put 8-bit colours into them
        bits = 16 if found.dtype.itemsize == 2 and int(found.max(initial=0)) > 255 else 8
    if found.ndim != 3 or found.shape[2] != 3:
        raise UndecodableError("colour image without three samples")
    if bits > 8:
        found = found >> (bits - 8)
    return np.ascontiguousarray(found.astype(np.uint8))


def check_size(ds: Dataset, frame: Frame, index: int) -> None:
    """Refuse before decoding what would not fit the header: the code stream's own size counts, not the header's."""
    size = frame_bytes(frame)
    if size > MAX_FRAME_BYTES:
        raise UndecodableError("frame is too large")
    syntax = str(ds.file_meta.TransferSyntaxUID)
    if not ds.file_meta.TransferSyntaxUID.is_encapsulated:
        return
    stream = get_frame(ds.PixelData, index, number_of_frames=frame_count(ds) or 1)
    if size > MAX_RATIO_FREE and size > 1000 * len(stream):
        raise UndecodableError("compression ratio is not credible")
    if syntax.startswith(JPEG_FAMILY):
        own = _stream_size(stream)
        if own is not None and own != (frame["rows"], frame["columns"]):
            raise UndecodableError("size in the code stream differs from the header")


def _stream_size(stream: bytes) -> tuple[int, int] | None:
    """(rows, columns) that a JPEG, JPEG-LS or JPEG 2000 code stream states; None when it does not begin as one."""
    if stream[:2] == b"\xff\xd8":
        at = 2
        while at + 9 <= len(stream) and stream[at] == 0xFF:
            marker = stream[at + 1]
            if marker == 0xFF:
                at += 1
                continue
            if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}):
                rows, columns = struct.unpack_from(">HH", stream, at + 5)
                return rows, columns
            at += 2 + struct.unpack_from(">H", stream, at + 2)[0]
        return None
    start = stream.find(b"\xff\x4f\xff\x51")
    if 0 <= start < 256 and start + 24 <= len(stream):
        width, height, left, top = struct.unpack_from(">IIII", stream, start + 8)
        return height - top, width - left
    return None


def pixel_values(data: bytes, frame: Frame) -> bytes:
    """Stored bytes of a native frame with nothing but the pixels' values in them: other bits of a cell may be overlays (PS3.5 8.1.1)."""
    if frame["_used"] is None:
        return data
    stored, high = frame["_used"]
    size = frame["bits"] // 8
    cells = np.frombuffer(data, f"<u{size}")
    if not frame["signed"] and high == stored - 1:
        return bytes((cells & ((1 << stored) - 1)).tobytes())
    # up until the sign is the highest bit, and down again with it
    up = (cells << (frame["bits"] - 1 - high)).view(f"<{'i' if frame['signed'] else 'u'}{size}")
    return bytes((up >> (frame["bits"] - stored)).tobytes())


def fetch(path: Path, pixel_offset: int | None, frame: Frame, opened: dict[Path, Dataset], *, as_stored: bool = False) -> bytes:
    """The values of one frame's pixels; `as_stored`: native frames byte by byte as they came. `opened` keeps the data set between frames."""
    if frame["_raw"] and pixel_offset is not None:
        data = read_raw(path, pixel_offset, frame)
        return data if as_stored else pixel_values(data, frame)
    ds = opened.get(path)
    if ds is None:
        opened.clear()
        ds = opened[path] = open_file(path)
    return decode(ds, frame).tobytes()
