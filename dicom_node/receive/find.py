"""C-FIND SCP (PS3.4 C.4.1): the keys go to the index process; the scope is the calling AE's institution.

The matches come back encoded and go out as they are, many in one call: pynetdicom's own path costs half a millisecond for each.
"""

from __future__ import annotations

import struct
from io import BytesIO
from typing import TYPE_CHECKING, Any

from pynetdicom.dimse_primitives import C_FIND
from pynetdicom.dsutils import decode
from pynetdicom.presentation import PresentationContext

from dicom_node import logs
from dicom_node.query import link
from dicom_node.receive import command as c

if TYPE_CHECKING:
    from dicom_node.receive.association import NodeAssociation

log = logs.get(__name__)

FIND_MODELS = {"1.2.840.10008.5.1.4.1.2.1.1": "patient", "1.2.840.10008.5.1.4.1.2.2.1": "study"}
"""SOP class UID → root of the information model (PS3.4 C.3)."""

SUCCESS, PENDING, CANCELLED, UNABLE, NO_RESOURCES, NOT_MATCHING = 0x0000, 0xFF00, 0xFE00, 0xC001, 0xA700, 0xA900
_ERRORS = {"level": NOT_MATCHING, "query": UNABLE}
AT_ONCE = 65536  # bytes sent between two looks for a C-CANCEL
_ITEM = struct.Struct(">IBB").pack  # presentation data value item (PS3.8 9.3.5.1)
COMMAND, LAST = 1, 2


def serve_find(assoc: NodeAssociation, request: C_FIND, context: PresentationContext) -> None:
    """One C-FIND: a pending response for each match, then the final one."""
    device = assoc.device
    root = FIND_MODELS.get(str(context.abstract_syntax))
    if device is None or "find" not in device.may or root is None or request.AffectedSOPClassUID != context.abstract_syntax:
        assoc.abort()
        return
    answer = Responses(assoc, request, context)
    try:
        level, keys = _keys(request, context)
    except Exception:
        answer.final(UNABLE, "identifier cannot be decoded")
        return
    accepted = assoc.extended.get(str(context.abstract_syntax), b"")  # relational, combined (PS3.4 C.5.1.1.1)
    question = {
        "ask": "find", "root": root, "level": level, "keys": keys, "institution": device.institution,
        "relational": accepted[0:1] == b"\1", "combined": accepted[1:2] == b"\1",
        "explicit": not context.transfer_syntax[0].is_implicit_VR, "aet": assoc.receiver.settings.aet,
    }  # fmt: skip
    try:
        found = link.ask_blobs(assoc.receiver.run_folder, question)
    except link.LinkError:
        answer.final(NO_RESOURCES, "index is starting, try again")
        return
    if not isinstance(found, link.Blobs):
        answer.final(_ERRORS.get(found.get("error", ""), UNABLE), found.get("detail", "query cannot be answered"))
        return
    log.info("find", aet=device.aet, level=level, matches=len(found.parts))
    if not found.whole:
        log.warning("find.cut", aet=device.aet, level=level, matches=len(found.parts))
    answer.all(found)


def _keys(request: C_FIND, context: PresentationContext) -> tuple[str, dict[str, str]]:
    """(level, tag → text) of the identifier; values are joined by backslashes, sequences ask nothing."""
    syntax = context.transfer_syntax[0]
    identifier = decode(request.Identifier or BytesIO(), syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)
    level = str(identifier.get("QueryRetrieveLevel", "") or "").strip(" \0")
    return level, {f"{element.tag:08X}": _text(element) for element in identifier if element.VR != "SQ"}


def _text(element: Any) -> str:
    value = element.value
    if value is None:
        return ""
    if isinstance(value, str | bytes):
        return value if isinstance(value, str) else ""
    return "\\".join(str(part) for part in value) if element.VM > 1 else str(value)


class Responses:
    """The responses to one request, on the wire."""

    def __init__(self, assoc: NodeAssociation, request: C_FIND, context: PresentationContext) -> None:
        self._assoc, self._request = assoc, request
        self._context = context.context_id or 0
        self._largest = assoc.requestor.maximum_length or 1 << 20  # 0: the peer sets no limit
        syntax = str(context.abstract_syntax)
        self._sop_class = syntax + "\0" * (len(syntax) % 2)

    def _command(self, status: int, comment: str = "") -> bytes:
        elements = [
            (c.AFFECTED_SOP_CLASS, self._sop_class.encode()),
            (c.COMMAND_FIELD, struct.pack("<H", 0x8020)),
            (c.RESPONDED_TO, struct.pack("<H", self._request.MessageID)),
            (c.DATA_SET_TYPE, struct.pack("<H", 0x0001 if status == PENDING else c.NO_DATA_SET)),
            (c.STATUS, struct.pack("<H", status)),
        ]
        if comment:
            words = comment.encode("ascii", "replace")[:64]
            elements.append((c.ERROR_COMMENT, words + b" " * (len(words) % 2)))
        body = b"".join(struct.pack("<HHI", 0, tag, len(value)) + value for tag, value in elements)
        return struct.pack("<HHII", 0, 0, 4, len(body)) + body

    def _pdus(self, data: bytes, kind: int) -> bytes:
        """Command or data set as P-DATA-TF PDUs within the peer's limit."""
        room = self._largest - 6
        pieces = [data[at : at + room] for at in range(0, len(data), room)]
        return b"".join(
            struct.pack(">BxI", 4, len(piece) + 6)
            + _ITEM(len(piece) + 2, self._context, kind | (LAST if piece is pieces[-1] else 0))
            + piece
            for piece in pieces
        )

    def all(self, found: link.Blobs) -> None:
        """One pending response for each match, then the final one: success only when these were all. A C-CANCEL ends them early."""
        head = self._pdus(self._command(PENDING), COMMAND)
        waiting, size = list[bytes](), 0
        for identifier in found.parts:
            body = self._pdus(identifier, 0)
            waiting += (head, body)
            size += len(head) + len(body)
            if size >= AT_ONCE:
                if not self._assoc.dul.send_now(b"".join(waiting)):
                    return
                waiting, size = [], 0
                if self._request.MessageID in self._assoc.dimse.cancel_req:
                    self.final(CANCELLED)
                    return
        final = self._command(SUCCESS) if found.whole else self._command(NO_RESOURCES, "too many matches, narrow the query")
        self._assoc.dul.send_now(b"".join([*waiting, self._pdus(final, COMMAND)]))

    def final(self, status: int, comment: str = "") -> None:
        """The final response of a query that was refused or cancelled."""
        if comment:
            log.warning("find.refused", aet=self._assoc.device_aet, status=f"{status:04X}", reason=comment)
        self._assoc.dul.send_now(self._pdus(self._command(status, comment), COMMAND))
