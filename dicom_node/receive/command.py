"""DIMSE command sets on the wire (PS3.7 6.3.1, E.1): always implicit VR little endian, group 0000."""

from __future__ import annotations

import struct

AFFECTED_SOP_CLASS, COMMAND_FIELD, MESSAGE_ID, RESPONDED_TO = 0x0002, 0x0100, 0x0110, 0x0120
DATA_SET_TYPE, STATUS, ERROR_COMMENT, AFFECTED_SOP_INSTANCE = 0x0800, 0x0900, 0x0902, 0x1000
C_STORE_RQ, C_STORE_RSP, C_FIND_RQ, NO_DATA_SET = 0x0001, 0x8001, 0x0020, 0x0101

SUCCESS = 0x0000
OUT_OF_RESOURCES = 0xA700  # PS3.4 B.2.3
NOT_MATCHING = 0xA900
CANNOT_UNDERSTAND = 0xC000
CLASS_NOT_SUPPORTED = 0x0122  # PS3.7 C.5
NOT_AUTHORISED = 0x0124  # PS3.7 C.5


def parse(data: bytes | memoryview) -> dict[int, bytes]:
    """Elements of a command set by element number. ValueError when the bytes are none."""
    found: dict[int, bytes] = {}
    at, size = 0, len(data)
    while at < size:
        if at + 8 > size:
            raise ValueError("command set ends inside an element")
        group, element, length = struct.unpack_from("<HHI", data, at)
        at += 8
        if group != 0 or at + length > size:
            raise ValueError("not a command set")
        found[element] = bytes(data[at : at + length])
        at += length
    return found


def text(value: bytes | None) -> str:
    """A UID of a command without padding; bytes that no UID can have become U+FFFD and fail the check later."""
    return (value or b"").decode("ascii", "replace").rstrip("\0 ")


def number(value: bytes | None) -> int:
    """An unsigned short of a command; 0 when absent."""
    return struct.unpack("<H", value)[0] if value is not None and len(value) == 2 else 0


def store_response(context: int, command: dict[int, bytes], status: int, comment: str = "") -> bytes:
    """A C-STORE-RSP as one P-DATA-TF PDU (PS3.8 9.3.5), ready to send in one call."""
    elements = [
        (AFFECTED_SOP_CLASS, command.get(AFFECTED_SOP_CLASS, b"")),
        (COMMAND_FIELD, struct.pack("<H", C_STORE_RSP)),
        (RESPONDED_TO, command.get(MESSAGE_ID, b"\0\0")),
        (DATA_SET_TYPE, struct.pack("<H", NO_DATA_SET)),
        (STATUS, struct.pack("<H", status)),
    ]
    if comment:
        words = comment.encode("ascii", "replace")[:64]
        elements.append((ERROR_COMMENT, words + b" " * (len(words) % 2)))
    elements.append((AFFECTED_SOP_INSTANCE, command.get(AFFECTED_SOP_INSTANCE, b"")))
    body = b"".join(struct.pack("<HHI", 0, tag, len(value)) + value for tag, value in elements)
    body = struct.pack("<HHII", 0, 0, 4, len(body)) + body
    return struct.pack(">BxIIBB", 4, len(body) + 6, len(body) + 2, context, 3) + body
