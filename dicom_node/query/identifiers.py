"""Matches as encoded C-FIND identifiers (PS3.5 7.1): made from the row, without a data set in between."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from dicom_node.query.keys import Key

Encoder = Callable[[Mapping[str, Any]], bytes]
CHARACTER_SET, LEVEL, RETRIEVE_AET, AVAILABILITY = "00080005", "00080052", "00080054", "00080056"
_SHORT = struct.Struct("<HH2sH").pack
_IMPLICIT = struct.Struct("<HHI").pack
LONGEST = 65534  # bytes of a value in explicit VR with a short length; longer lists are cut at a whole value


def encoder(keys: Sequence[Key], fixed: Mapping[str, tuple[str, str]], *, explicit: bool) -> Encoder:
    """A function from a row of `search` to its identifier in little endian.

    `fixed`: tag → (VR, value) of what is the same for all. `explicit`: with value representations.
    """
    pieces: list[tuple[str, str, str | None, bytes]] = [(key.tag, key.vr, key.keyword, b"") for key in keys]
    pieces += [(tag, vr, None, _padded(vr, value.encode())) for tag, (vr, value) in fixed.items()]
    head = _explicit if explicit else _implicit
    plan = [(int(tag[:4], 16), int(tag[4:], 16), vr, keyword, raw) for tag, vr, keyword, raw in sorted(pieces)]

    def identifier(row: Mapping[str, Any]) -> bytes:
        parts = []
        for group, element, vr, keyword, raw in plan:
            value = raw if keyword is None else _value(vr, row[keyword])
            parts.append(head(group, element, vr, len(value)))
            parts.append(value)
        return b"".join(parts)

    return identifier


def _explicit(group: int, element: int, vr: str, length: int) -> bytes:
    return _SHORT(group, element, vr.encode(), length)


def _implicit(group: int, element: int, vr: str, length: int) -> bytes:  # noqa: ARG001 - as above
    return _IMPLICIT(group, element, length)


def _padded(vr: str, raw: bytes) -> bytes:
    return raw + (b"\0" if vr == "UI" else b" ") if len(raw) % 2 else raw


def _value(vr: str, value: Any) -> bytes:
    if value is None:
        return b""
    if vr == "US":
        return struct.pack("<H", value) if 0 <= value <= 0xFFFF else b""
    if isinstance(value, list):
        return _padded(vr, _joined(str(part).encode() for part in value))
    text = value.strftime("%Y%m%d") if isinstance(value, date) else str(value)
    raw = text.encode()
    return _padded(vr, raw if len(raw) <= LONGEST else raw[:LONGEST].decode(errors="ignore").encode())


def _joined(parts: Iterable[bytes]) -> bytes:
    joined = b""
    for part in parts:
        if len(joined) + len(part) + 1 > LONGEST:
            break
        joined = joined + b"\\" + part if joined else part
    return joined
