"""An association of the node: who may open it and which presentation contexts it gets."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pynetdicom.association
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import evt
from pynetdicom._globals import MODE_ACCEPTOR
from pynetdicom.acse import ACSE
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE, N_ACTION, N_EVENT_REPORT
from pynetdicom.dsutils import encode
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext
from pynetdicom.service_class import StorageServiceClass

from dicom_node import logs
from dicom_node.receive.commitment import COMMITMENT, WELL_KNOWN
from dicom_node.receive.counters import Refusal
from dicom_node.receive.devices import Device, PeerCertificate
from dicom_node.receive.lane import FastDUL
from dicom_node.receive.negotiation import by_use, receives, stored_syntaxes
from dicom_node.receive.services import server_of, verb_of
from dicom_node.receive.store import Reception, Sender

if TYPE_CHECKING:
    from dicom_node.receive.server import Receiver

log = logs.get(__name__)

# of commands' data sets; big endian was retired, and every peer has the second
PLAIN_SYNTAXES = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")
# result, source, diagnostic (PS3.8 table 9-21); a transient rejection tells the peer to come again
REJECTIONS: dict[Refusal, tuple[int, int, int]] = {
    "calling": (1, 1, 3), "certificate": (1, 1, 3), "called": (1, 1, 7), "stopping": (2, 3, 1), "limit": (2, 3, 2),
}  # fmt: skip


class _Clock:
    """`time` for pynetdicom.association: its 1 ms reactor pause becomes a wait for the next event of the association."""

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    @staticmethod
    def sleep(seconds: float) -> None:
        thread = threading.current_thread()
        if seconds == 0.001 and isinstance(thread, NodeAssociation):
            if thread.dimse.msg_queue.empty():  # it takes one message a turn
                thread.wake.wait(thread.dul.tick)
            thread.wake.clear()
            thread.send_reports()
        else:
            time.sleep(seconds)


def peer_address(assoc: Association) -> str:
    """The peer's address, empty when it is unknown."""
    info = assoc.requestor.address_info
    return info.address if info is not None else ""


class GuardedACSE(ACSE):
    """Association control that knows the devices: an unknown peer is refused before anything else happens."""

    assoc: NodeAssociation

    def _negotiate_as_acceptor(self) -> None:
        request: Any = self.requestor.primitive
        aet, address = request.calling_ae_title.strip(), peer_address(self.assoc)
        called = request.called_ae_title.strip()
        receiver = self.assoc.receiver
        device = receiver.devices.find(aet, address, self.assoc.certificate)
        refusal: Refusal | None = None
        if device is None:
            bound = any(known.aet.strip() == aet and known.at(address) for known in receiver.devices.all())
            refusal = "certificate" if bound else "calling"
        elif called != receiver.settings.aet:
            refusal = "called"
        else:
            refusal = receiver.admit(self.assoc)
        if refusal is not None or device is None:
            refusal = refusal or "calling"
            self.requestor.ae_title = request.calling_ae_title
            log.warning("association.refused", calling=aet, called=called, address=address, reason=refusal)
            receiver.counters.refused(refusal)
            self.send_reject(*REJECTIONS[refusal])
            evt.trigger(self.assoc, evt.EVT_REJECTED, {})
            self.assoc.kill()
            return
        receiver.counters.accepted(device.aet)
        self.assoc.device = device
        requested, roles = request.presentation_context_definition_list, self.requestor.role_selection
        stored = stored_syntaxes(receiver.run_folder, device, requested, roles)
        self.acceptor.supported_contexts = supported(requested, device, roles, stored)
        super()._negotiate_as_acceptor()


def supported(
    requested: list[PresentationContext],
    device: Device,
    roles: Mapping[UID, SCP_SCU_RoleSelectionNegotiation],
    stored: Mapping[str, Mapping[str, int]] | None = None,
) -> list[PresentationContext]:
    """The contexts that `device` may have: every transfer syntax of a storage class as offered, in the peer's order.

    Where the peer takes the role of the storage SCP (C-GET, PS3.7 D.3.3.4) the order is `by_use` of what is `stored`.
    """
    offers: dict[str, tuple[bool, list[Any]]] = {}
    for context in requested:
        abstract = str(context.abstract_syntax)
        verb = verb_of(abstract)
        gives = receives(abstract, device, roles)
        role = roles.get(UID(abstract)) if verb == "store" else None
        takes = verb in device.may and (role is None or bool(role.scu_role))
        if verb is None or not (takes or gives):
            continue
        syntaxes = offers.setdefault(abstract, (gives, []))[1]
        for syntax in context.transfer_syntax:
            if syntax not in syntaxes and (verb == "store" or str(syntax) in PLAIN_SYNTAXES):
                syntaxes.append(syntax)
    contexts = []
    for abstract, (gives, syntaxes) in offers.items():
        if syntaxes:
            context = PresentationContext()
            context.abstract_syntax = abstract
            context._transfer_syntax = by_use(syntaxes, (stored or {}).get(abstract, {})) if gives else syntaxes  # noqa: SLF001 - the setter refuses private syntaxes; images are stored as they are
            if (role := roles.get(UID(abstract))) is not None and verb_of(abstract) == "store":
                context.scu_role = bool(role.scu_role) and "store" in device.may
                context.scp_role = gives
            contexts.append(context)
    return contexts


@dataclass(slots=True)
class Answered:
    """What the peer says to a report; `status` None: nothing."""

    status: int | None = None
    done: threading.Event = field(default_factory=threading.Event)


class NodeAssociation(Association):
    """An accepted association with its device."""

    def __init__(self, receiver: Receiver) -> None:
        self.wake = threading.Event()
        self.receiver = receiver
        self.device: Device | None = None
        self.certificate: PeerCertificate | None = None
        self.serving = False  # a message outside the fast lane is being answered
        self.extended: dict[str, bytes] = {}
        """SOP class UID → its accepted application information."""
        self.retrieving = False
        self.commitments: list[int] = []  # requests accepted by the message in hand
        self.served = 0  # requests so far
        self.sending_report = False
        self._reports: deque[tuple[int, Dataset, Answered]] = deque()
        self._awaited: dict[int, Answered] = {}
        super().__init__(receiver.ae, MODE_ACCEPTOR)
        self.acse = GuardedACSE(self)
        self.dul: FastDUL = FastDUL(self)
        self.network_timeout = receiver.ae.network_timeout

    @property
    def device_aet(self) -> str:
        """Calling AE title of the peer."""
        return self.device.aet if self.device else ""

    @property
    def busy(self) -> bool:
        """Whether a message is being received or answered."""
        return self.serving or not self.dul.idle or self.dimse.message is not None or bool(self.dimse.msg_queue.queue)

    def run_reactor(self) -> None:
        """The association's life; the receiver knows when it ends."""
        try:
            super().run_reactor()
        finally:
            self.receiver.leave(self)

    def begin_store(self, abstract_syntax: str, sop_class: str, sop_uid: str, transfer_syntax: str) -> Reception:
        """Start one instance from this association's device."""
        device = self.device
        if device is None or "store" not in device.may or verb_of(abstract_syntax) != "store":
            raise OSError("store without the right to it")
        sender = Sender(device.aet, device.institution, peer_address(self))
        return self.receiver.store.begin(sender, sop_class, sop_uid, transfer_syntax)

    def after_store(self) -> None:
        """A journal that could not be synced needs a fresh process."""
        self.served += 1
        if self.receiver.store.journal.broken:
            self.receiver.give_up()

    def _serve_request(self, msg: Any, context_id: int) -> None:
        self.serving = True
        try:
            self._answer(msg, context_id)
        finally:
            self.serving = False

    def _answer(self, msg: Any, context_id: int) -> None:
        """C-STORE of any class, known or private, goes to the storage service, queries and retrieves to the node's own; the rest as usual."""
        context = self._accepted_cx.get(context_id)
        if isinstance(msg, C_STORE) and msg.is_valid_request and context is not None:
            self._is_paused = True
            StorageServiceClass(self).SCP(msg, context)
            self._is_paused = False
            self.after_store()
            return
        if isinstance(msg, N_EVENT_REPORT) and msg.MessageIDBeingRespondedTo is not None:
            self._answered(msg)
            return
        self.served += 1
        server = server_of(msg, context)
        if server is not None and msg.is_valid_request and context is not None:
            self.dimse.cancel_req.clear()
            self._is_paused = self.retrieving = True
            try:
                server(self, msg, context)
            except Exception:
                log.exception("service.failed", aet=self.device_aet)
                self.abort()
            finally:
                self._is_paused = self.retrieving = False
                self.dimse.cancel_req.clear()
                self.dul._idle_timer.restart()  # noqa: SLF001 - the peer was silent because it was served
            return
        super()._serve_request(msg, context_id)
        if isinstance(msg, N_ACTION) and self.commitments:  # only now: the report must not overtake the answer
            self.receiver.reporter.asked(self, self.commitments)
            self.commitments = []

    def report(self, event_type: int, information: Dataset) -> Answered:
        """Have this association's own thread send an N-EVENT-REPORT between two messages; from any thread."""
        answered = Answered()
        self._reports.append((event_type, information, answered))
        self.wake.set()
        return answered

    def send_reports(self) -> None:
        """Send what waits; in the association's thread."""
        while self._reports and self.is_established:
            event_type, information, answered = self._reports.popleft()
            context = next((c for c in self.accepted_contexts if c.abstract_syntax == COMMITMENT), None)
            if context is None or context.context_id is None:
                answered.done.set()
                continue
            syntax = context.transfer_syntax[0]
            request = N_EVENT_REPORT()
            request.MessageID = len(self._awaited) % 65535 + 1
            request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = COMMITMENT, WELL_KNOWN
            request.EventTypeID = event_type
            request.EventInformation = BytesIO(encode(information, syntax.is_implicit_VR, syntax.is_little_endian) or b"")
            self._awaited[request.MessageID] = answered
            self.sending_report = True
            try:
                self.dimse.send_msg(request, context.context_id)
            finally:
                self.sending_report = False

    def _answered(self, response: Any) -> None:
        answered = self._awaited.get(response.MessageIDBeingRespondedTo)
        if answered is not None:
            answered.status = response.Status
            answered.done.set()


def install_clock() -> None:
    """Replace the polling pause; once per process."""
    module: Any = pynetdicom.association
    module.time = _Clock()
