"""C-MOVE and C-GET SCP (PS3.4 C.4.2, C.4.3). pynetdicom's own want decoded data sets; here the stored bytes go out."""

from __future__ import annotations

import time
from collections import deque
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset
from pynetdicom.dimse_primitives import C_GET, C_MOVE
from pynetdicom.dsutils import decode, encode
from pynetdicom.presentation import PresentationContext

from dicom_node import logs
from dicom_node.query import link
from dicom_node.query.models import UNIQUE
from dicom_node.receive.destination import association, proposals
from dicom_node.receive.devices import Device
from dicom_node.receive.extended import RELATIONAL
from dicom_node.receive.suboperation import LostError, Match, Originator, Outcome, SubOperations

if TYPE_CHECKING:
    from dicom_node.receive.association import NodeAssociation

log = logs.get(__name__)
MOVE_MODELS = {"1.2.840.10008.5.1.4.1.2.1.2": "patient", "1.2.840.10008.5.1.4.1.2.2.2": "study"}
GET_MODELS = {"1.2.840.10008.5.1.4.1.2.1.3": "patient", "1.2.840.10008.5.1.4.1.2.2.3": "study"}
"""SOP class UID → root of the information model (PS3.4 C.3)."""

SUCCESS, PENDING, CANCELLED, INCOMPLETE = 0x0000, 0xFF00, 0xFE00, 0xB000  # PS3.4 tables C.4-2, C.4-3
NO_RESOURCES, NOT_COUNTABLE, NOTHING_SENT, DESTINATION_UNKNOWN, NOT_MATCHING, UNABLE = 0xA700, 0xA701, 0xA702, 0xA801, 0xA900, 0xC001
NOT_AUTHORISED = 0x0124  # PS3.7 C.5
_ERRORS = {"identifier": NOT_MATCHING, "many": NOT_COUNTABLE}
LOOKED_AHEAD = 100_000  # matches that may share an association
RESTING = 1.0  # seconds before a destination that was lost is called again
ASKING = 60.0  # seconds for the index to name the instances


class Operation:
    """One C-MOVE or C-GET while it is answered: its counts and its responses."""

    def __init__(self, assoc: NodeAssociation, request: C_MOVE | C_GET, context: PresentationContext, device: Device) -> None:
        self.assoc, self.request, self.device = assoc, request, device
        self._context = context
        self.waiting: deque[Match] = deque()
        self._counts: dict[Outcome, int] = {"completed": 0, "warning": 0, "failed": 0}
        self._failed: list[str] = []

    def _bytes(self, identifier: Dataset) -> BytesIO | None:
        syntax = self._context.transfer_syntax[0]
        encoded = encode(identifier, syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)
        return BytesIO(encoded) if encoded else None

    def refuse(self, status: int, comment: str) -> None:
        """The final response of an operation that does not begin."""
        log.warning("retrieve.refused", aet=self.device.aet, status=f"{status:04X}", reason=comment)
        self._respond(status, comment)

    def _respond(self, status: int, comment: str = "") -> None:
        response: Any = type(self.request)()
        response.MessageID = response.MessageIDBeingRespondedTo = self.request.MessageID
        response.AffectedSOPClassUID = self.request.AffectedSOPClassUID
        response.Status = status
        if comment:
            response.ErrorComment = comment[:64]
        if status in {SUCCESS, PENDING, CANCELLED, INCOMPLETE, NOTHING_SENT}:
            if status in {PENDING, CANCELLED}:
                response.NumberOfRemainingSuboperations = len(self.waiting)
            response.NumberOfCompletedSuboperations = self._counts["completed"]
            response.NumberOfFailedSuboperations = self._counts["failed"]
            response.NumberOfWarningSuboperations = self._counts["warning"]
        if status in {CANCELLED, INCOMPLETE, NOTHING_SENT} and self._failed:
            identifier = Dataset()
            identifier.FailedSOPInstanceUIDList = self._failed
            response.Identifier = self._bytes(identifier)
        self.assoc.dimse.send_msg(response, self._context.context_id or 0)

    def ask(self, root: str, destination: str | None) -> bool:
        """Let the index name the instances; False when a refusal was answered."""
        try:
            syntax = self._context.transfer_syntax[0]
            identifier = decode(self.request.Identifier or BytesIO(), syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)
            keys = {keyword: _text(identifier.get(keyword)) for keyword in UNIQUE.values()}
            level = _text(identifier.get("QueryRetrieveLevel")).strip(" \0")
        except Exception:
            self.refuse(UNABLE, "identifier cannot be decoded")
            return False
        sop_class = str(self.request.AffectedSOPClassUID)
        question = {
            "ask": "retrieve", "root": root, "level": level, "keys": keys, "institution": self.device.institution,
            "aet": self.device.aet, "destination": destination,
            "relational": self.assoc.extended.get(sop_class, b"")[RELATIONAL : RELATIONAL + 1] == b"\1",
        }  # fmt: skip
        try:
            answer = link.ask(self.assoc.receiver.run_folder, question, ASKING)
        except link.LinkError:
            self.refuse(NO_RESOURCES, "index is starting, try again")
            return False
        if "error" in answer:
            self.refuse(_ERRORS.get(answer["error"], UNABLE), answer.get("detail", "identifier cannot be answered"))
            return False
        self.waiting.extend(answer["matches"])
        return True

    @property
    def begun(self) -> bool:
        """Whether any instance is done."""
        return any(self._counts.values())

    @property
    def cancelled(self) -> bool:
        """Whether the peer has sent a C-CANCEL for this operation."""
        return self.request.MessageID in self.assoc.dimse.cancel_req

    @property
    def abandoned(self) -> bool:
        """Whether the peer that asked is gone."""
        return self.assoc.acse.is_aborted() or not self.assoc.dul.is_alive()

    @property
    def going_on(self) -> bool:
        """Whether there is something to send to somebody who still wants it."""
        return bool(self.waiting) and not self.cancelled and not self.abandoned

    def count(self, outcome: Outcome) -> None:
        """The first waiting instance is done; the peer is told unless it was the last."""
        match = self.waiting.popleft()
        self._counts[outcome] += 1
        if outcome == "failed":
            self._failed.append(match["sop_uid"])
        if self.waiting and not self.abandoned:
            self._respond(PENDING)

    def finish(self) -> None:
        """The final response. What still waits was cancelled, or has failed."""
        log.info(
            "retrieve", aet=self.device.aet, service=type(self.request).__name__, remaining=len(self.waiting),
            abandoned=self.abandoned, **self._counts,
        )  # fmt: skip
        if self.abandoned:
            return
        if self.waiting and self.cancelled:
            self._respond(CANCELLED)
            return
        self._counts["failed"] += len(self.waiting)
        self._failed += [match["sop_uid"] for match in self.waiting]
        self.waiting.clear()
        good = self._counts["completed"] + self._counts["warning"]
        if not self._counts["failed"] and not self._counts["warning"]:
            self._respond(SUCCESS)
        else:
            self._respond(INCOMPLETE if good else NOTHING_SENT)


def _text(value: Any) -> str:
    """A unique key as text, values separated by backslashes."""
    if value is None:
        return ""
    return value if isinstance(value, str) else "\\".join(str(part) for part in value)


def serve_get(assoc: NodeAssociation, request: C_GET, context: PresentationContext) -> None:
    """C-GET: the instances go out over the association of the request, in contexts where the peer is the storage SCP."""
    device = assoc.device
    root = GET_MODELS.get(str(context.abstract_syntax))
    if device is None or "get" not in device.may or root is None or request.AffectedSOPClassUID != context.abstract_syntax:
        assoc.abort()
        return
    operation = Operation(assoc, request, context, device)
    if not operation.ask(root, None):
        return
    sender = SubOperations(assoc, assoc.receiver.store.archive, request.Priority or 0, request.MessageID or 0)
    while operation.going_on:
        try:
            operation.count(sender.send(operation.waiting[0]))
        except LostError as error:
            log.warning("retrieve.lost", aet=device.aet, reason=str(error), remaining=len(operation.waiting))
            return
    operation.finish()


def serve_move(assoc: NodeAssociation, request: C_MOVE, context: PresentationContext) -> None:
    """C-MOVE: the instances go to a device of the same institution, over associations that the node opens."""
    device = assoc.device
    root = MOVE_MODELS.get(str(context.abstract_syntax))
    if device is None or "move" not in device.may or root is None or request.AffectedSOPClassUID != context.abstract_syntax:
        assoc.abort()
        return
    operation = Operation(assoc, request, context, device)
    destination = assoc.receiver.devices.destination(str(request.MoveDestination or ""), device.institution)
    if destination is None:
        operation.refuse(DESTINATION_UNKNOWN, "move destination is no device with an address here")
        return
    if not operation.ask(root, destination.aet):
        return
    originator = Originator(device.aet, request.MessageID or 0)
    barren = 0  # associations in a row that brought nothing to its end
    while operation.going_on and barren < 2:
        before, opened, under_way = len(operation.waiting), False, False
        contexts, fitting = proposals(islice(operation.waiting, LOOKED_AHEAD))
        try:
            with association(assoc.receiver, destination, contexts) as outgoing:
                opened = True
                sender = SubOperations(outgoing, assoc.receiver.store.archive, request.Priority or 0, originator=originator)
                while fitting and operation.going_on:
                    under_way = True
                    operation.count(sender.send(operation.waiting[0]))
                    under_way, fitting = False, fitting - 1
        except LostError as error:
            log.warning("retrieve.destination_lost", aet=destination.aet, reason=str(error), remaining=len(operation.waiting))
            barren = barren + 1 if len(operation.waiting) == before else 0
            if under_way:
                operation.count("failed")  # unknown whether it arrived; the rest gets a new association
            elif not opened and not operation.begun:
                break
            elif not opened:
                time.sleep(RESTING)  # it was there a moment ago
    operation.finish()
