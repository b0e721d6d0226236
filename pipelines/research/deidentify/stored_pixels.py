"""Pixel data as stored bytes: where they end, and what in them is no pixel – excess bytes, comments of a code stream, unused bits."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import UID

from pipelines.research.deidentify.reasons import BlockedError

ITEM, DELIMITER = 0xFFFEE000, 0xFFFEE0DD
UNDEFINED = 0xFFFFFFFF
PIXELS = {0x7FE00008: 32, 0x7FE00009: 64, 0x7FE00010: 0}
"""Tags of pixel data → bits of a sample; 0: as Bits Allocated says."""
NO_COMMENT = re.compile(
    rb"\x00*|\x00?\x01?(Created by (GDCM/)?OpenJPEG version [\d.]{1,10}|Creator: JasPer Version [\d.]{1,10}|Kakadu-v?[\d.]{1,12}"
    rb"|OpenJPH Ver [\d.]{1,12}\.?)\x00*"
)
"""Comments that name the encoder only."""
MARKERS = frozenset({0xFE, *range(0xE0, 0xF0)})
_MARKER = re.compile(rb"\xff[\xe0-\xef\xfe]")
JPEG_2000 = (
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.92",
    "1.2.840.10008.1.2.4.93",
    "1.2.840.10008.1.2.4.20",
)
KEPT_SEGMENTS = {0xE0: (b"JFIF\x00", 16), 0xE8: (b"", 64), 0xEE: (b"Adobe", 14)}
"""Application segments that a decoder needs, how they begin and the longest length at which nothing else is in them (ITU-T T.81 B.2.4.6, T.87)."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Pixel data of a file: the tag, its VR, and the value; encapsulated ones with their items and the closing delimiter."""

    tag: int
    vr: str
    value: memoryview | bytes | bytearray
    encapsulated: bool


def find(data: memoryview, at: int, *, explicit: bool, little: bool) -> Stored | None:
    """The pixel data whose element begins at `at`; None at the end of the data set. BlockedError: it is cut off."""
    order = "<" if little else ">"
    if at + 8 > len(data):
        return None
    group, element = struct.unpack_from(f"{order}HH", data, at)
    tag = group << 16 | element
    if tag not in PIXELS:
        return None
    if explicit:
        vr, start = bytes(data[at + 4 : at + 6]).decode("latin-1"), at + 12
        if start > len(data):
            raise BlockedError("unreadable")
        length = struct.unpack_from(f"{order}I", data, at + 8)[0]
    else:
        vr, start = {0x7FE00008: "OF", 0x7FE00009: "OD"}.get(tag, "OW"), at + 8
        length = struct.unpack_from(f"{order}I", data, at + 4)[0]
    if vr not in {"OB", "OW", "OF", "OD"}:
        raise BlockedError("unreadable")
    if length == UNDEFINED:
        end = items(data[start:])[-1][1] if len(data) > start else 0
        return Stored(tag, vr, data[start : start + end + 8], encapsulated=True)
    if start + length > len(data):
        raise BlockedError("unreadable")
    return Stored(tag, vr, data[start : start + length], encapsulated=False)


def items(value: memoryview) -> list[tuple[int, int]]:
    """(start, end) of the content of each item (PS3.5 A.4); the last one is (end, end), where the delimiter begins. BlockedError: malformed."""
    found: list[tuple[int, int]] = []
    at = 0
    while at + 8 <= len(value):
        group, element, length = struct.unpack_from("<HHI", value, at)
        tag = group << 16 | element
        if tag == DELIMITER:
            return [*found, (at, at)]
        if tag != ITEM or at + 8 + length > len(value):
            break
        found.append((at + 8, at + 8 + length))
        at += 8 + length
    raise BlockedError("unreadable")


def frames_size(ds: Dataset, tag: int) -> int:
    """Bytes that the header says native pixels have; BlockedError where it does not say."""
    try:
        rows, columns = int(ds.Rows), int(ds.Columns)
        samples = int(ds.get("SamplesPerPixel") or 1)
        bits = PIXELS[tag] or int(ds.BitsAllocated)
        count = int(ds.get("NumberOfFrames") or 1)
    except (AttributeError, TypeError, ValueError) as error:
        raise BlockedError("pixels") from error
    total = rows * columns * samples * count
    if str(ds.get("PhotometricInterpretation") or "").startswith("YBR_FULL_422") and bits == 8:
        total = rows * columns * 2 * count  # two samples a pixel (PS3.3 C.7.6.3.1.2)
    return (total * bits + 7) // 8


def without_excess(ds: Dataset, stored: Stored) -> Stored:
    """Native pixels without what stands behind the last frame, and without bits that are no part of a sample (they may be an overlay)."""
    size = frames_size(ds, stored.tag)
    if len(stored.value) < size:
        raise BlockedError("pixels")
    padded = size + size % 2
    value: memoryview | bytes | bytearray = stored.value if len(stored.value) == padded else memoryview(stored.value)[:size]
    if (len(value) > size and bytes(value[size:]) != b"\0") or len(value) != padded:
        value = bytes(value[:size]) + b"\0" * (padded - size)
    return Stored(stored.tag, stored.vr, value, encapsulated=False)


def without_unused_bits(ds: Dataset, stored: Stored, *, little: bool) -> Stored:
    """Native samples with nothing but their own bits: below and above them may be an overlay (PS3.5 8.1.1); the same bytes where nothing is."""
    try:
        allocated, used, high = int(ds.BitsAllocated), int(ds.BitsStored), int(ds.HighBit)
        signed = int(ds.get("PixelRepresentation") or 0) == 1
    except (AttributeError, TypeError, ValueError):
        return stored
    if stored.tag != 0x7FE00010 or allocated not in {8, 16, 32} or not 0 < used < allocated or not used - 1 <= high < allocated:
        return stored
    kind = np.dtype(f"{'<' if little else '>'}u{allocated // 8}")
    cells = np.frombuffer(stored.value, kind, len(stored.value) // kind.itemsize)
    low = high + 1 - used
    mask = ((1 << used) - 1) << low
    own = cells & kind.type(mask)
    if signed and high < allocated - 1:
        above = kind.type(((1 << allocated) - 1) ^ ((1 << (high + 1)) - 1))
        own |= np.where(cells & kind.type(1 << high), above, kind.type(0)).astype(kind)
    if np.array_equal(own, cells):
        return stored
    return Stored(stored.tag, stored.vr, own.astype(kind).tobytes() + bytes(stored.value[cells.nbytes :]), encapsulated=False)


def without_comments(stored: Stored, syntax: UID) -> Stored:
    """Encapsulated pixels with blank comments and application data; not a bit of the pictures, nor a length, is changed."""
    view = memoryview(stored.value)
    blanks: list[tuple[int, int]] = []
    for fragments in _streams(view):
        joined = b"".join(view[low:high] for low, high in fragments)
        if syntax.startswith(JPEG_2000):
            found = _jpeg2000(joined)
        elif syntax.startswith("1.2.840.10008.1.2.4."):
            found = _jpeg(joined)
        else:
            found = []
        blanks += [place for low, high in found for place in _places(fragments, low, high)]
    if not blanks:
        return stored
    value = bytearray(stored.value)
    for low, high in blanks:
        value[low:high] = bytes(high - low)
    return Stored(stored.tag, stored.vr, value, encapsulated=True)


def _streams(view: memoryview) -> list[list[tuple[int, int]]]:
    """The fragments of each code stream: a fragment that does not begin one goes on with the last."""
    found: list[list[tuple[int, int]]] = []
    for low, high in items(view)[1:-1]:
        if not found or bytes(view[low : low + 2]) in {b"\xff\xd8", b"\xff\x4f"} or bytes(view[low + 4 : low + 8]) == b"jP  ":
            found.append([])
        found[-1].append((low, high))
    return found


def _places(fragments: list[tuple[int, int]], low: int, high: int) -> Iterator[tuple[int, int]]:
    """Where bytes low … high of a joined code stream are in the value."""
    at = 0
    for start, end in fragments:
        size = end - start
        first, last = max(low - at, 0), min(high - at, size)
        if first < last:
            yield start + first, start + last
        at += size


def _jpeg(data: bytes) -> list[tuple[int, int]]:
    """What to blank in a JPEG or JPEG-LS code stream: (start, end)."""
    if data[:2] != b"\xff\xd8":
        raise BlockedError("pixels")
    found, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        if marker == 0xFF:
            at += 1
            continue
        found += _segment(data, at, marker, length)
        at += 2 + length
        if marker == 0xDA:
            break
    # In entropy-coded data 0xFF is followed by 0, a small value or a restart marker: these two bytes are a segment.
    for sign in _MARKER.finditer(data, at):
        place = sign.start()
        if place + 4 <= len(data):
            found += _segment(data, place, data[place + 1], struct.unpack_from(">H", data, place + 2)[0])
    last = data.rfind(b"\xff\xd9")
    if last >= 0 and any(data[last + 3 :]):  # one byte may be padding
        found.append((last + 2, len(data)))
    return found


def _segment(data: bytes, at: int, marker: int, length: int) -> list[tuple[int, int]]:
    if marker not in MARKERS:
        return []
    low, high = at + 4, min(at + 2 + length, len(data))
    begins, longest = KEPT_SEGMENTS.get(marker, (b"", 0))
    if length <= longest and data.startswith(begins, low):
        return []
    return [] if NO_COMMENT.fullmatch(data[low:high]) else [(low, high)]


def _jpeg2000(data: bytes) -> list[tuple[int, int]]:
    """What to blank in a JPEG 2000 code stream (ISO 15444-1 A): comments of the main header and of tile-parts, bytes after its end."""
    if data[4:8] == b"jP  ":
        return _boxes(data)
    if data[:4] != b"\xff\x4f\xff\x51":
        raise BlockedError("pixels")
    found, at, part = [], 2, 0
    while at + 4 <= len(data):
        marker, length = struct.unpack_from(">HH", data, at)
        if marker == 0xFF93:  # start of data: on to the next tile-part
            if not part:
                break
            at = part
            continue
        if marker == 0xFF90 and at + 12 <= len(data):
            size = struct.unpack_from(">I", data, at + 6)[0]
            part = at + size if size else 0
        if marker == 0xFFD9 or marker < 0xFF00:
            break
        # two bytes of registration come first
        if marker == 0xFF64 and not NO_COMMENT.fullmatch(data[at + 4 : at + 2 + length]):
            found.append((at + 6, min(at + 2 + length, len(data))))
        at += 2 + length
    last = data.rfind(b"\xff\xd9")
    if last >= 0 and any(data[last + 3 :]):  # one byte may be padding
        found.append((last + 2, len(data)))
    return found


def _boxes(data: bytes) -> list[tuple[int, int]]:
    """What to blank in a JP2 file (ISO 15444-1 I), which some devices store: the content of all boxes a decoder does not need."""
    found, at = [], 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        begins = at + 8
        if size == 1 and at + 16 <= len(data):
            size, begins = struct.unpack_from(">Q", data, at + 8)[0], at + 16
        ends = min(at + size, len(data)) if size else len(data)
        if ends < begins:
            break
        if kind == b"jp2c":
            found += [(begins + low, begins + high) for low, high in _jpeg2000(data[begins:ends])]
        elif kind not in {b"jP  ", b"ftyp", b"jp2h"} and any(data[begins:ends]):
            found.append((begins, ends))
        at = ends
    if any(data[at:]):
        found.append((at, len(data)))
    return found
