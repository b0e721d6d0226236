"""Elements as they are written: a VR and bytes, or items; and the bytes of a data set of them (PS3.5 section 7)."""

from __future__ import annotations

import struct
from collections.abc import Mapping

LONG = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
"""VRs with a length of four bytes in explicit VR."""
NUL = frozenset({"UI", "OB", "OW", "UN"})
LONGEST = 0xFFFE

Plain = tuple[str, "bytes | list[Elements]"]
Elements = dict[int, Plain]


def text(vr: str, *values: str) -> Plain:
    """An element of text, in UTF-8."""
    return vr, "\\".join(values).encode()


def sequence(*items: Elements) -> Plain:
    """A sequence of these items."""
    return "SQ", list(items)


def head(tag: int, vr: str, length: int, *, explicit: bool, little: bool) -> bytes:
    """Tag, VR and length of an element."""
    order = "<" if little else ">"
    if not explicit:
        return struct.pack(f"{order}HHI", tag >> 16, tag & 0xFFFF, length)
    if vr in LONG:
        return struct.pack(f"{order}HH2sHI", tag >> 16, tag & 0xFFFF, vr.encode(), 0, length)
    return struct.pack(f"{order}HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), length)


def encoded(elements: Mapping[int, Plain], *, explicit: bool, little: bool) -> bytes:
    """The elements by tag. A value that is too long for its VR is left out."""
    parts: list[bytes] = []
    for tag, (vr, value) in sorted(elements.items()):
        if isinstance(value, list):
            items = [encoded(item, explicit=explicit, little=little) for item in value]
            content = b"".join(head(0xFFFEE000, "", len(item), explicit=False, little=little) + item for item in items)
        else:
            content = value if len(value) % 2 == 0 else value + (b"\0" if vr in NUL else b" ")
            if explicit and vr not in LONG and len(content) > LONGEST:
                continue
        parts += [head(tag, vr, len(content), explicit=explicit, little=little), content]
    return b"".join(parts)
