"""The identifying UIDs of a stored data set, read by walking its first elements; no values are trusted as lengths.

Reads from a memory map of the file just written, in any of the native encodings; a deflated data set is inflated as far
as needed. Only what the receiver must know before it answers: who the image is.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass

IMPLICIT_LE = "1.2.840.10008.1.2"
EXPLICIT_BE = "1.2.840.10008.1.2.2"
DEFLATED = ("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.8.1")
INFLATE_LIMIT = 4 << 20  # bytes of an inflated head that are looked at
MAX_DEPTH = 64

SOP_CLASS, SOP_UID, STUDY, SERIES = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
_WANTED = {SOP_CLASS, SOP_UID, STUDY, SERIES}
_LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
_UID = re.compile(r"[0-9]+(\.[0-9]+)*\Z")
UNDEFINED = 0xFFFFFFFF


class UnreadableError(ValueError):
    """The data set cannot be walked; the file is kept and the index puts it into quarantine."""


@dataclass(frozen=True, slots=True)
class Identity:
    """UIDs as written in the data set; None: the element is absent."""

    sop_class: str | None
    sop_uid: str | None
    study_uid: str | None
    series_uid: str | None


def uid_fault(uid: str | None) -> str | None:
    """Why `uid` cannot identify anything (PS3.5 9.1), or None when it can. Leading zeros, common in life, pass."""
    if uid is None:
        return "missing"
    if not uid:
        return "empty"
    if len(uid) > 64:
        return "longer than 64"
    if not _UID.match(uid):
        return "not digits and dots"
    return None


def identify(data: memoryview | bytes, transfer_syntax: str) -> Identity:
    """UIDs in the data set `data` (without file meta). Raises UnreadableError when the bytes are no data set."""
    if transfer_syntax in DEFLATED:
        try:
            data = zlib.decompressobj(-15).decompress(data, INFLATE_LIMIT)
        except zlib.error as error:
            raise UnreadableError("deflated data set cannot be inflated") from error
    walker = _Walker(data, explicit=transfer_syntax != IMPLICIT_LE, big=transfer_syntax == EXPLICIT_BE)
    found = walker.top()
    return Identity(found.get(SOP_CLASS), found.get(SOP_UID), found.get(STUDY), found.get(SERIES))


def identify_head(data: memoryview | bytes, transfer_syntax: str) -> Identity:
    """SOP class and SOP instance in the first bytes of a data set, which may end anywhere after them. Raises UnreadableError."""
    if transfer_syntax in DEFLATED:
        try:
            data = zlib.decompressobj(-15).decompress(data, INFLATE_LIMIT)
        except zlib.error as error:
            raise UnreadableError("deflated data set cannot be inflated") from error
    walker = _Walker(data, explicit=transfer_syntax != IMPLICIT_LE, big=transfer_syntax == EXPLICIT_BE)
    found = walker.top(SOP_UID)
    return Identity(found.get(SOP_CLASS), found.get(SOP_UID), None, None)


class _Walker:
    def __init__(self, data: memoryview | bytes, *, explicit: bool, big: bool) -> None:
        self.data, self.explicit, self.size = data, explicit, len(data)
        order = ">" if big else "<"
        self.tag_of = struct.Struct(order + "HH").unpack_from
        self.short_of = struct.Struct(order + "H").unpack_from
        self.long_of = struct.Struct(order + "I").unpack_from

    def element(self, at: int) -> tuple[int, int, int]:
        """(tag, value offset, length) of the element at `at`."""
        if at + 8 > self.size:
            raise UnreadableError("data set ends inside an element")
        group, number = self.tag_of(self.data, at)
        tag = group << 16 | number
        if group == 0xFFFE or not self.explicit:
            return tag, at + 8, self.long_of(self.data, at + 4)[0]
        vr = bytes(self.data[at + 4 : at + 6])
        if vr in _LONG:
            if at + 12 > self.size:
                raise UnreadableError("data set ends inside an element")
            return tag, at + 12, self.long_of(self.data, at + 8)[0]
        if not (vr.isalpha() and vr.isupper()):
            if at == 0 and self.long_of(self.data, 4)[0] <= self.size:
                self.explicit = False  # implicit VR sent as explicit: seen in life, and pydicom reads it as well
                return self.element(at)
            raise UnreadableError("no value representation where one is due")
        return tag, at + 8, self.short_of(self.data, at + 6)[0]

    def top(self, until: int | None = None) -> dict[int, str]:
        """The wanted UIDs of the top level; with `until` nothing behind that tag is looked at."""
        found: dict[int, str] = {}
        at = 0
        while at < self.size:
            tag, value, length = self.element(at)
            if tag > (until or SERIES):
                break
            if tag in _WANTED and length != UNDEFINED:
                if value + length > self.size:
                    raise UnreadableError("a UID runs beyond the end of the data set")
                found[tag] = bytes(self.data[value : value + length]).decode("ascii", "replace").strip(" \0")
            if tag == until:
                break
            at = self.skip(value, length, 0)
        return found

    def skip(self, value: int, length: int, depth: int) -> int:
        """Offset after a value, walking items where the length is undefined."""
        if length != UNDEFINED:
            if value + length > self.size:
                raise UnreadableError("an element runs beyond the end of the data set")
            return value + length
        if depth > MAX_DEPTH:
            raise UnreadableError("sequences are nested too deeply")
        at = value
        while True:
            tag, value, length = self.element(at)
            if tag == 0xFFFEE0DD:
                return value
            if tag != 0xFFFEE000:
                raise UnreadableError("no item where one is due")
            if length != UNDEFINED:
                at = self.skip(value, length, depth)
                continue
            at = value
            while True:
                tag, value, length = self.element(at)
                if tag == 0xFFFEE00D:
                    at = value
                    break
                at = self.skip(value, length, depth + 1)
