"""C-FIND responses on the wire (PS3.7 9.3.2.2, PS3.8 9.3.5): encoded identifiers between their commands, within the peer's limit."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from dicom_node.receive import command as c

SUCCESS, PENDING, CANCELLED, UNABLE, NO_RESOURCES, NOT_MATCHING = 0x0000, 0xFF00, 0xFE00, 0xC001, 0xA700, 0xA900
AT_ONCE = 65536  # bytes sent between two looks for a C-CANCEL
COMMAND, LAST = 1, 2  # bits of the message control header (PS3.8 E.2)
_ITEM = struct.Struct(">IBB").pack  # presentation data value item (PS3.8 9.3.5.1)
UNLIMITED = 1 << 20


class FindResponses:
    """The responses to one request."""

    def __init__(self, sop_class: str, message_id: int, context_id: int, largest: int) -> None:
        """`largest`: the peer's maximum PDU length, 0: it sets no limit."""
        self._message_id, self._context = message_id, context_id
        self._largest = largest or UNLIMITED
        self._sop_class = (sop_class + "\0" * (len(sop_class) % 2)).encode()

    def _command(self, status: int, comment: str = "") -> bytes:
        elements = [
            (c.AFFECTED_SOP_CLASS, self._sop_class),
            (c.COMMAND_FIELD, struct.pack("<H", 0x8020)),
            (c.RESPONDED_TO, struct.pack("<H", self._message_id)),
            (c.DATA_SET_TYPE, struct.pack("<H", 0x0001 if status == PENDING else c.NO_DATA_SET)),
            (c.STATUS, struct.pack("<H", status)),
        ]
        if comment:
            words = comment.encode("ascii", "replace")[:64]
            elements.append((c.ERROR_COMMENT, words + b" " * (len(words) % 2)))
        body = b"".join(struct.pack("<HHI", 0, tag, len(value)) + value for tag, value in elements)
        return struct.pack("<HHII", 0, 0, 4, len(body)) + body

    def _pdus(self, data: bytes, kind: int) -> bytes:
        """Command or data set as P-DATA-TF PDUs."""
        room = self._largest - 6
        pieces = [data] if len(data) <= room else [data[at : at + room] for at in range(0, len(data), room)]
        return b"".join(
            struct.pack(">BxI", 4, len(piece) + 6)
            + _ITEM(len(piece) + 2, self._context, kind | (LAST if piece is pieces[-1] else 0))
            + piece
            for piece in pieces
        )

    def pending(self, identifiers: Iterable[bytes]) -> Iterator[bytes]:
        """One pending response for each identifier, many of them at once."""
        head = self._pdus(self._command(PENDING), COMMAND)
        waiting, size = list[bytes](), 0
        for identifier in identifiers:
            body = self._pdus(identifier, 0)
            waiting += (head, body)
            size += len(head) + len(body)
            if size >= AT_ONCE:
                yield b"".join(waiting)
                waiting, size = [], 0
        if waiting:
            yield b"".join(waiting)

    def final(self, status: int, comment: str = "") -> bytes:
        """The final response; `comment` (0000,0902) in ASCII, at most 64 characters."""
        return self._pdus(self._command(status, comment), COMMAND)
