"""The elements of a stored data set, found by one walk over its bytes and decoded only when asked for.

The index needs some seventy of a header's values; reading them here costs a tenth of building a whole `Dataset`. Whatever is
out of the ordinary (other encodings, unknown value representations that hide sequences, a broken structure) raises
`UnusualError`, and pydicom reads the file instead: both give the same row, which tests check on real images.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from mmap import mmap
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword

from dicom_node.archive.identity import MAX_DEPTH, UNDEFINED
from dicom_node.index import charset

PIXEL_DATA, FLOAT_PIXELS, DOUBLE_PIXELS = 0x7FE00010, 0x7FE00008, 0x7FE00009
CHARACTER_SET, PIXEL_REPRESENTATION = 0x00080005, 0x00280103
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_SHORT = frozenset(
    {b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS", b"ST", b"TM",
     b"UI", b"UL", b"US"}
)  # fmt: skip
_BINARY = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "UV": "Q", "SV": "q"}
_ENCODED = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})  # in the character set of (0008,0005)
_WHOLE = frozenset({"LT", "ST", "UR", "UT"})  # a backslash is part of the text (PS3.5 6.4)
_HEAD_EXPLICIT, _HEAD_IMPLICIT = struct.Struct("<HH2sH").unpack_from, struct.Struct("<HHI").unpack_from
_LENGTH = struct.Struct("<I").unpack_from


class UnusualError(ValueError):
    """Not for the short way."""


class BeyondError(UnusualError):
    """The bytes given end before the header does."""


@dataclass(frozen=True, slots=True)
class RawValue:
    """An element as it stands in the file."""

    value: bytes


@lru_cache(maxsize=1024)
def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return tag


@lru_cache(maxsize=8192)
def _dictionary(tag: int) -> str:
    try:
        return dictionary_VR(tag)
    except KeyError:
        return "UN"


class Elements:
    """One data set: tag → value representation and place. Little endian, explicit or implicit."""

    __slots__ = ("_data", "_decode", "_entries", "_explicit", "_signed", "end")

    def __init__(self, data: bytes | mmap, start: int, stop: int, *, explicit: bool, depth: int = 0) -> None:
        """Walk the elements from `start` to `stop`, at the top level as far as the pixels; UnusualError when they are not plain."""
        self._data, self._explicit = data, explicit
        self._entries: dict[int, tuple[bytes | None, int, int]] = {}
        self._decode: Callable[[bytes], str] | None = None
        self._signed = False
        self.end = self._walk(start, stop, depth)

    def _walk(self, at: int, stop: int, depth: int) -> int:
        if depth > MAX_DEPTH:
            raise UnusualError("nested too deeply")
        data, explicit, entries, last = self._data, self._explicit, self._entries, -1
        while at < stop:
            if at + 8 > stop:
                raise BeyondError("ends inside an element")
            vr: bytes | None = None
            if explicit:
                group, element, vr, length = _HEAD_EXPLICIT(data, at)
                if vr in _SHORT:
                    value = at + 8
                elif vr in _LONG:
                    if at + 12 > stop:
                        raise BeyondError("ends inside an element")
                    length, value = _LENGTH(data, at + 8)[0], at + 12
                else:
                    raise UnusualError("no value representation where one is due")
            else:
                group, element, length = _HEAD_IMPLICIT(data, at)
                value = at + 8
            tag = group << 16 | element
            if tag <= last or group == 0xFFFE:
                raise UnusualError("elements out of order")
            if depth == 0 and group == 0x7FE0 and tag in {PIXEL_DATA, FLOAT_PIXELS, DOUBLE_PIXELS}:
                return at
            last = tag
            entries[tag] = (vr, value, length)
            if length == UNDEFINED:
                if vr not in {None, b"SQ"}:
                    raise UnusualError("undefined length outside a sequence")
                at = self._skip_items(value, stop, depth)
            else:
                at = value + length
                if at > stop:
                    raise BeyondError("a value runs beyond the end")
        return at

    def _skip_items(self, at: int, stop: int, depth: int) -> int:
        """Behind the sequence delimiter of the sequence whose items begin at `at`."""
        while True:
            if at + 8 > stop:
                raise BeyondError("ends inside a sequence")
            group, element, length = _HEAD_IMPLICIT(self._data, at)
            tag = group << 16 | element
            if tag == _SEQUENCE_END:
                return at + 8
            if tag != _ITEM:
                raise UnusualError("no item where one is due")
            at += 8
            if length == UNDEFINED:
                at = self._skip_item(at, stop, depth + 1)
            else:
                at += length
                if at > stop:
                    raise BeyondError("an item runs beyond the end")

    def _skip_item(self, at: int, stop: int, depth: int) -> int:
        """Behind the item delimiter of the item whose elements begin at `at`."""
        if depth > MAX_DEPTH:
            raise UnusualError("nested too deeply")
        data, explicit = self._data, self._explicit
        while True:
            if at + 8 > stop:
                raise BeyondError("ends inside an item")
            group, element, length = _HEAD_IMPLICIT(data, at)
            if group == 0xFFFE:
                if element == 0xE00D:
                    return at + 8
                raise UnusualError("a delimiter where an element is due")
            value = at + 8
            if explicit:
                vr = bytes(data[at + 4 : at + 6])
                if vr in _LONG:
                    if at + 12 > stop:
                        raise BeyondError("ends inside an element")
                    length, value = _LENGTH(data, at + 8)[0], at + 12
                elif vr in _SHORT:
                    length >>= 16
                else:
                    raise UnusualError("no value representation where one is due")
            if length == UNDEFINED:
                at = self._skip_items(value, stop, depth)
            else:
                at = value + length
                if at > stop:
                    raise BeyondError("a value runs beyond the end")

    def detach(self) -> None:
        """Keep the header's own bytes, so that the file's may go."""
        self._data = bytes(self._data[: self.end])

    def raw(self, tag: int) -> bytes | None:
        """The bytes of an element that is not of undefined length; None when it is absent."""
        entry = self._entries.get(tag)
        if entry is None or entry[2] == UNDEFINED:
            return None
        return bytes(self._data[entry[1] : entry[1] + entry[2]])

    def texts(self) -> dict[str, str]:
        """Tag (eight hexadecimal digits) → ASCII text of all elements but sequences; binary ones are empty. UnusualError: not ASCII."""
        found = {}
        for tag, (vr, at, length) in self._entries.items():
            name = vr.decode("ascii") if vr is not None else _dictionary(tag)
            if name == "SQ":
                continue
            raw = bytes(self._data[at : at + length]) if length != UNDEFINED and name not in _BINARY else b""
            if not raw.isascii():
                raise UnusualError("text in another character set")
            found[f"{tag:08X}"] = raw.decode("ascii")
        return found

    def decode_with(self, terms: list[str]) -> None:
        """Decode text by these Specific Character Set terms from now on, here and in items without their own."""
        self._decode = lambda raw: charset.decode_text(raw, terms)

    def get_item(self, keyword: str) -> RawValue | None:
        """The raw element, as pydicom's method of this name."""
        raw = self.raw(_tag(keyword))
        return None if raw is None else RawValue(raw)

    def __contains__(self, tag: int) -> bool:
        return tag in self._entries

    def get(self, keyword: str) -> Any:
        """The value as pydicom gives it: text, number, a list of them, or a list of items; None when absent. ValueError: malformed."""
        tag = _tag(keyword)
        entry = self._entries.get(tag)
        if entry is None:
            return None
        vr = entry[0].decode("ascii") if entry[0] is not None and entry[0] != b"UN" else _dictionary(tag)
        if vr == "SQ":
            if entry[0] == b"UN":
                raise UnusualError("a sequence of unknown representation")
            return self._items(entry[1], entry[2])
        if entry[2] == UNDEFINED:
            raise UnusualError("undefined length outside a sequence")
        return self._value(vr, bytes(self._data[entry[1] : entry[1] + entry[2]]))

    def _value(self, vr: str, raw: bytes) -> Any:
        if vr == "US or SS":
            vr = "SS" if self._is_signed() else "US"
        code = _BINARY.get(vr)
        if code is not None:
            size = struct.calcsize(code)
            if len(raw) % size:
                raise ValueError("length is no multiple")
            return _one_or_all(struct.unpack(f"<{len(raw) // size}{code}", raw))
        if vr in {"DS", "IS"}:
            return _numbers(raw, whole=vr == "IS")
        text = self._decode(raw) if vr in _ENCODED and self._decode else raw.decode("ascii" if vr == "UI" else "latin-1")
        if vr in _WHOLE:
            return text.rstrip(" \0")
        if "\\" not in text:
            return text.strip(" \0")
        return [part.strip(" \0") for part in text.split("\\")]

    def _is_signed(self) -> bool:
        raw = self.raw(PIXEL_REPRESENTATION)
        return self._signed if raw is None else raw[:1] == b"\1"

    def _items(self, at: int, length: int) -> list[Elements]:
        stop = len(self._data) if length == UNDEFINED else at + length
        found: list[Elements] = []
        while at < stop:
            if at + 8 > stop:
                raise UnusualError("ends inside a sequence")
            group, element, size = _HEAD_IMPLICIT(self._data, at)
            tag = group << 16 | element
            if tag == _SEQUENCE_END:
                break
            if tag != _ITEM:
                raise UnusualError("no item where one is due")
            at += 8
            end = self._skip_item(at, stop, 1) if size == UNDEFINED else at + size
            if end > stop:
                raise UnusualError("an item runs beyond its sequence")
            item = Elements(self._data, at, end - 8 if size == UNDEFINED else end, explicit=self._explicit, depth=1)
            item._decode, item._signed = self._decode, self._is_signed()
            found.append(item)
            at = end
        return found


def _numbers(raw: bytes, *, whole: bool) -> float | list[float]:
    found = [float(part.strip(b" \0")) for part in raw.split(b"\\")]  # an empty part is malformed, as in pydicom
    if whole and any(number != int(number) for number in found):
        raise UnusualError("not a whole number")
    return found[0] if len(found) == 1 else found


def _one_or_all(parts: tuple[Any, ...]) -> Any:
    return parts[0] if len(parts) == 1 else list(parts)
