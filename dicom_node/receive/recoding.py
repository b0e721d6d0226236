"""A stored data set in a native little endian syntax, for a peer that cannot take it as it is stored.

Elements are moved as bytes and never decoded: text in a wrongly declared character set, malformed numbers and private elements
arrive as they were stored. Only pixels are decompressed, and big endian words are swapped.
"""

from __future__ import annotations

import struct
import threading
import warnings
import zlib
from pathlib import Path
from typing import Any

from pydicom.datadict import dictionary_VR

from dicom_node.archive.identity import DEFLATED, EXPLICIT_BE, IMPLICIT_LE

EXPLICIT_LE = "1.2.840.10008.1.2.1"
NATIVE = (EXPLICIT_LE, IMPLICIT_LE)
MAX_BYTES = 1 << 30  # of a decoded or inflated data set
MAX_DEPTH = 64
_AT_ONCE = threading.BoundedSemaphore(2)  # recodings: each holds a whole instance in memory

_UNDEFINED = 0xFFFFFFFF
_LONG = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
_WORDS = {"US": 2, "SS": 2, "OW": 2, "AT": 2, "UL": 4, "SL": 4, "FL": 4, "OF": 4, "OL": 4, "FD": 8, "OD": 8, "OV": 8, "SV": 8, "UV": 8}
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_PIXELS, _PHOTOMETRIC, _PLANAR, _BITS, _SIGNED = 0x7FE00010, 0x00280004, 0x00280006, 0x00280100, 0x00280103
_OFFSET_TABLES = {0x7FE00001, 0x7FE00002, 0x7FE00003}  # of encapsulated pixels only
_YBR = {"YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_420", "YBR_PARTIAL_422"}


class RecodingError(ValueError):
    """The data set cannot be brought into another syntax; the message says why."""


def recode(path: Path, offset: int, stored: str, wanted: str) -> tuple[bytes, bool]:
    """The data set of `path` in the native syntax `wanted`, and whether anything was lost on the way: YBR became RGB, an icon was left out."""
    from dicom_node.web.pixels import UndecodableError

    with _AT_ONCE:
        try:
            return _recode(path, offset, stored, wanted)
        except RecodingError:
            raise
        except UndecodableError as error:
            raise RecodingError(str(error)) from error
        except Exception as error:
            raise RecodingError(f"{type(error).__name__} while recoding") from error


def _recode(path: Path, offset: int, stored: str, wanted: str) -> tuple[bytes, bool]:
    data = path.read_bytes()[offset:]
    replaced: dict[int, tuple[str, bytes]] = {}
    lossy = False
    if stored in DEFLATED[:1]:
        inflate = zlib.decompressobj(-15)
        data = inflate.decompress(data, MAX_BYTES)
        if inflate.unconsumed_tail:
            raise RecodingError("inflated data set is too large")
    elif stored not in {*NATIVE, EXPLICIT_BE}:
        replaced, lossy = _decompressed(path)
    source = _Source(data, explicit=stored != IMPLICIT_LE, big=stored == EXPLICIT_BE)
    recoder = _Recoder(source, explicit=wanted == EXPLICIT_LE, replaced=replaced)
    return recoder.top(), lossy or recoder.left_out


def _decompressed(path: Path) -> tuple[dict[int, tuple[str, bytes]], bool]:
    """The elements that change with the pixels. RecodingError when they cannot be decoded."""
    from pydicom.pixels.decoders.base import get_decoder

    from dicom_node.index.frames import integer
    from dicom_node.web.pixels import check_size, open_file

    ds = open_file(path)
    if "PixelData" not in ds:
        return {}, False  # e.g. a report in a syntax of images: explicit VR little endian without pixels
    bits, samples = integer(ds, "BitsAllocated") or 0, integer(ds, "SamplesPerPixel") or 1
    frame = {"rows": integer(ds, "Rows") or 0, "columns": integer(ds, "Columns") or 0, "samples": samples, "bits": bits}
    count = integer(ds, "NumberOfFrames") or 1
    size = frame["rows"] * frame["columns"] * samples * bits // 8
    if bits % 8 or not 0 < size * count <= MAX_BYTES:
        raise RecodingError("size of the pixels is not usable")
    for index in range(count):
        check_size(ds, frame, index)
    decoded, shown = bytearray(), {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for array, properties in get_decoder(ds.file_meta.TransferSyntaxUID).iter_array(ds, as_rgb=True):
            decoded += array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
            shown = properties
    if len(decoded) != size * count:
        raise RecodingError("decoded size differs from the header")
    before, after = str(ds.PhotometricInterpretation), str(shown["photometric_interpretation"])
    changed: dict[int, tuple[str, bytes]] = {
        _PHOTOMETRIC: ("CS", _even(after.encode("ascii"), b" ")),
        _PIXELS: ("OB" if bits == 8 else "OW", _even(bytes(decoded), b"\0")),
    }
    if samples > 1:
        changed[_PLANAR] = ("US", struct.pack("<H", int(shown["planar_configuration"])))
    return changed, before in _YBR and after == "RGB"


def _even(value: bytes, pad: bytes) -> bytes:
    return value + pad if len(value) % 2 else value


class _Source:
    """Reads element headers of a native or encapsulated data set."""

    def __init__(self, data: bytes, *, explicit: bool, big: bool) -> None:
        self.data, self.explicit, self.big = data, explicit, big
        order = ">" if big else "<"
        self.tag, self.short, self.long = (struct.Struct(order + form).unpack_from for form in ("HH", "H", "I"))
        if explicit and not big and len(data) >= 8 and not (data[4:6].isalpha() and data[4:6].isupper()):
            self.explicit = False  # implicit VR sent as explicit: seen in life

    def element(self, at: int, *, explicit: bool) -> tuple[int, str | None, int, int]:
        """(tag, VR or None, value offset, length)."""
        group, number = self.tag(self.data, at)
        tag = group << 16 | number
        if group == 0xFFFE or not explicit:
            return tag, None, at + 8, self.long(self.data, at + 4)[0]
        vr = self.data[at + 4 : at + 6].decode("ascii")
        if not vr.isalpha():
            raise RecodingError("no value representation where one is due")
        if vr in _LONG:
            return tag, vr, at + 12, self.long(self.data, at + 8)[0]
        return tag, vr, at + 8, self.short(self.data, at + 6)[0]


class _Recoder:
    def __init__(self, source: _Source, *, explicit: bool, replaced: dict[int, tuple[str, bytes]]) -> None:
        self.source, self.explicit, self.replaced = source, explicit, replaced
        self.bits, self.signed = 16, False
        self.left_out = self._compressed_inside = False

    def top(self) -> bytes:
        """The whole data set."""
        source = self.source
        out: list[bytes] = []
        end = self._elements(0, len(source.data), source.explicit, out, 0)
        if end != len(source.data):
            raise RecodingError("data set ends early")
        return b"".join(out)

    def _elements(self, at: int, end: int, explicit: bool, out: list[bytes], depth: int) -> int:
        """Recode the elements from `at` up to `end` or to an item's delimiter; returns where the reading ended."""
        if depth > MAX_DEPTH:
            raise RecodingError("sequences are nested too deeply")
        source = self.source
        while at < end:
            if end - at < 8 and depth == 0 and not any(source.data[at:end]):
                return end  # padding behind the last element
            tag, vr, value, length = source.element(at, explicit=explicit)
            if tag == _ITEM_END:
                return value
            if vr is None:
                vr = self._looked_up(tag, length)
            if length != _UNDEFINED and value + length > end:
                raise RecodingError("an element is longer than the data set")
            if depth == 0 and self.replaced and (tag in self.replaced or tag in _OFFSET_TABLES):
                at = self._past(value, length, end)
                if tag in self.replaced:
                    vr, content = self.replaced[tag]
                    self._write(tag, vr, content, out)
                continue
            if vr == "SQ" or length == _UNDEFINED:
                if tag == _PIXELS and depth and self.replaced:
                    at, self._compressed_inside = self._past(value, length, end), True
                    continue
                if tag == _PIXELS:
                    raise RecodingError("compressed pixels in a native syntax")
                # an unknown sequence of undefined length is implicit VR inside (PS3.5 6.2.2 note 2)
                at, content = self._sequence(value, length, end, explicit and vr == "SQ", depth)
                if self._compressed_inside:
                    self._compressed_inside, self.left_out = False, True  # an icon, standard or private: optional (PS3.3 C.7.6.1.1.6)
                    continue
                self._write(tag, "SQ", content, out)
                continue
            content = source.data[value : value + length]
            at = value + length
            if source.big:
                content = self._swapped(tag, vr, content)
            if depth == 0 and length == 2 and tag in {_BITS, _SIGNED}:
                number = int.from_bytes(content, "little")
                self.bits, self.signed = (number, self.signed) if tag == _BITS else (self.bits, bool(number))
            if tag & 0xFFFF:
                self._write(tag, vr, content, out)
            # a retired group length would be wrong now and is left out
        return at

    def _past(self, value: int, length: int, end: int) -> int:
        """Where an element ends whose content is not wanted."""
        if length != _UNDEFINED:
            return value + length
        while value < end:
            tag, _, start, size = self.source.element(value, explicit=False)
            if tag == _SEQUENCE_END:
                return start
            if tag != _ITEM or size == _UNDEFINED:
                break
            value = start + size
        raise RecodingError("encapsulated pixels do not end")

    def _sequence(self, at: int, length: int, end: int, explicit: bool, depth: int) -> tuple[int, bytes]:
        stop = end if length == _UNDEFINED else at + length
        out: list[bytes] = []
        while at < stop:
            tag, _, value, size = self.source.element(at, explicit=False)
            if tag == _SEQUENCE_END and length == _UNDEFINED:
                return value, b"".join(out)
            if tag != _ITEM:
                raise RecodingError("a sequence holds something else than items")
            item: list[bytes] = []
            at = self._elements(value, stop if size == _UNDEFINED else value + size, explicit, item, depth + 1)
            content = b"".join(item)
            out.append(struct.pack("<HHI", 0xFFFE, 0xE000, len(content)) + content)
        if length == _UNDEFINED or at != stop:
            raise RecodingError("a sequence does not end")
        return at, b"".join(out)

    def _write(self, tag: int, vr: str, content: bytes, out: list[bytes]) -> None:
        head = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
        if not self.explicit:
            out.append(head + struct.pack("<I", len(content)))
        elif vr in _LONG:
            out.append(head + vr.encode("ascii") + struct.pack("<HI", 0, len(content)))
        elif len(content) > 0xFFFF:  # PS3.5 6.2.2
            out.append(head + b"UN" + struct.pack("<HI", 0, len(content)))
        else:
            out.append(head + vr.encode("ascii") + struct.pack("<H", len(content)))
        out.append(content)

    def _looked_up(self, tag: int, length: int) -> str:
        """The VR of an element that came without one; UN where the dictionary does not know it (PS3.5 6.2.2)."""
        if length == _UNDEFINED:
            return "UN"  # made a sequence by its reader
        group, number = tag >> 16, tag & 0xFFFF
        if not number:
            return "UL"
        if group % 2:
            return "LO" if 0x10 <= number <= 0xFF else "UN"
        try:
            vr = dictionary_VR(tag)
        except KeyError:
            return "UN"
        if "OW" in vr:
            return "OW"
        if "SS" in vr and "US" in vr:
            return "SS" if self.signed else "US"
        return vr

    def _swapped(self, tag: int, vr: str, content: bytes) -> bytes:
        """Little endian words of a big endian value."""
        width = _WORDS.get(vr, 1)
        if tag == _PIXELS and vr == "OW":
            width = max(2, self.bits // 8)
        if width == 1:
            return content
        if len(content) % width:
            raise RecodingError("a value is no whole number of words")
        swapped: Any = bytearray(len(content))
        for i in range(width):
            swapped[i::width] = content[width - 1 - i :: width]
        return bytes(swapped)
