"""C-STORE sub-operations (PS3.7 9.1.3, 9.1.4): a stored file goes out as its own bytes, piece by piece, or decoded when it must."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, NoReturn, TypedDict

from pynetdicom.association import Association
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE

from dicom_node import logs
from dicom_node.archive.files import Archive
from dicom_node.archive.identity import DEFLATED
from dicom_node.receive.recoding import NATIVE, RecodingError, recode

log = logs.get(__name__)
Outcome = Literal["completed", "warning", "failed"]
LARGEST_PDU, SMALLEST_PDU = 131072, 64
QUEUED = 32  # PDUs that wait to be sent: an instance is never held in memory as a whole
WARNINGS = {0x0001, 0x0107, 0x0116}  # and B000 to BFFF (PS3.7 C.4)


class LostError(OSError):
    """The association over which instances are sent has ended, or its peer is silent."""


class Match(TypedDict):
    """An instance to send, as the index names it."""

    digest: str
    sop_class: str
    sop_uid: str
    transfer_syntax: str
    size: int


@dataclass(frozen=True, slots=True)
class Originator:
    """Who asked for a C-MOVE (PS3.7 9.1.1.1.6, 9.1.1.1.7)."""

    aet: str
    message_id: int


def data_offset(path: Path) -> int:
    """Where the data set of an archived file begins. OSError when it is no such file."""
    with path.open("rb") as file:
        head = file.read(144)
    if head[128:136] != b"DICM\2\0\0\0" or len(head) != 144:
        raise OSError("no file meta information")
    return int(struct.unpack_from("<I", head, 140)[0]) + 144


class SubOperations:
    """Sends instances over one association, in which the node is the storage SCU.

    The association's own reactor must be at rest: a service is being answered (C-GET), or it was paused (C-MOVE).
    """

    def __init__(self, assoc: Association, archive: Archive, priority: int, used: int = 0, originator: Originator | None = None) -> None:
        self._assoc, self._archive, self._priority, self._originator = assoc, archive, priority, originator
        self._reserved = used  # the message ID of the C-GET itself
        self._message_id = used
        self._contexts: dict[tuple[str, str], int] = {}
        for context in assoc.accepted_contexts:
            if context.as_scu and context.context_id is not None:
                self._contexts.setdefault((str(context.abstract_syntax), str(context.transfer_syntax[0])), context.context_id)

    def send(self, match: Match) -> Outcome:
        """Send one instance and wait for the peer's word. LostError when there will be none."""
        request = C_STORE()
        request.MessageID = self._next_id()
        request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = match["sop_class"], match["sop_uid"]
        request.Priority = self._priority
        if self._originator is not None:
            request.MoveOriginatorApplicationEntityTitle = self._originator.aet
            request.MoveOriginatorMessageID = self._originator.message_id
        stored, changed = match["transfer_syntax"], False
        context = self._contexts.get((match["sop_class"], stored))
        try:
            path = self._archive.path(match["digest"])
            offset = data_offset(path)
            if context is not None and stored in DEFLATED and (path.stat().st_size - offset) % 2:
                # a deflated stream of odd length is padded (PS3.5 A.5), but some are stored without; receivers refuse them
                request.DataSet = BytesIO(path.read_bytes()[offset:] + b"\0")
            elif context is not None:
                request._dataset_path = (path, offset)  # noqa: SLF001 - streamed by encode_msg
            else:
                syntax = next((syntax for syntax in NATIVE if (match["sop_class"], syntax) in self._contexts), None)
                if syntax is None:
                    log.warning("retrieve.no_context", sop_class=match["sop_class"], transfer_syntax=stored)
                    return "failed"
                context = self._contexts[match["sop_class"], syntax]
                data, changed = recode(path, offset, stored, syntax)
                request.DataSet = BytesIO(data)
        except (RecodingError, OSError) as error:
            log.warning("retrieve.unsendable", reason=str(error), digest=match["digest"], transfer_syntax=stored)
            return "failed"
        self._put(request, context)
        outcome = self._response(request.MessageID)
        return "warning" if outcome == "completed" and changed else outcome

    def _next_id(self) -> int:
        self._message_id = self._message_id % 65535 + 1
        if self._message_id == self._reserved:
            self._message_id = self._message_id % 65535 + 1
        return self._message_id

    def _put(self, request: C_STORE, context: int) -> None:
        assoc = self._assoc
        limit = min(assoc.dimse.maximum_pdu_size or LARGEST_PDU, LARGEST_PDU)
        limit -= limit % 2  # a fragment has an even length (PS3.8 annex E)
        if limit < SMALLEST_PDU:
            self._give_up("peer's maximum PDU length is too short")
        message: Any = C_STORE_RQ()
        message.primitive_to_message(request)
        queue = assoc.dul.to_provider_queue
        try:
            for fragment in message.encode_msg(context, limit):
                deadline = time.monotonic() + (assoc.network_timeout or 60)
                while queue.qsize() > QUEUED and time.monotonic() < deadline and assoc.dul.is_alive():
                    time.sleep(0.0005)
                if queue.qsize() > QUEUED or not assoc.dul.is_alive() or assoc.acse.is_aborted():
                    self._give_up("peer takes no more data")
                assoc.dul.send_pdu(fragment)
        except LostError:
            raise
        except OSError as error:
            self._give_up(f"file cannot be read: {error.strerror}")

    def _response(self, message_id: int) -> Outcome:
        assoc = self._assoc
        _, answer = assoc.dimse.get_msg(block=True)
        if not isinstance(answer, C_STORE) or answer.MessageIDBeingRespondedTo != message_id or answer.Status is None:
            self._give_up("no answer" if answer is None else "answer to something else")
        status = int(answer.Status)
        if status == 0:
            return "completed"
        if status in WARNINGS or status >> 12 == 0xB:
            return "warning"
        log.warning("retrieve.refused_by_peer", status=f"{status:04X}")
        return "failed"

    def _give_up(self, reason: str) -> NoReturn:
        if self._assoc.dul.is_alive() and not self._assoc.acse.is_aborted():
            self._assoc.abort()
        raise LostError(reason)
