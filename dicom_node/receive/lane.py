"""The fast receive lane: C-STORE, and most C-FIND of studies, are answered in the thread that reads the socket; the rest is pynetdicom's.

pynetdicom copies each PDU through two queues and a re-encoded data set; that costs more than the disk. The lane is blind to
content: pieces of the read-ahead buffer go to the file as they arrive, so every transfer syntax is stored byte for byte.
It subclasses private names of pynetdicom 3.0.4, which is pinned exactly.
"""

from __future__ import annotations

import os
import struct
import threading
from typing import TYPE_CHECKING, Any

from pynetdicom.dul import DULServiceProvider

from dicom_node import logs
from dicom_node.receive import command as c
from dicom_node.receive.find_responses import SUCCESS, FindResponses
from dicom_node.receive.sockets import BufferedSocket
from dicom_node.receive.store import Reception

if TYPE_CHECKING:
    from dicom_node.receive.association import NodeAssociation

log = logs.get(__name__)
P_DATA_HEAD = struct.Struct(">BxIIBB")  # PDU type, PDU length, PDV length, context, control header (PS3.8 9.3.5)
PDV_HEAD = struct.Struct(">IBB")
COMMAND, LAST = 1, 2  # bits of the message control header (PS3.8 E.2)
MAX_COMMAND = 65536
TICK, RESTING_TICK, RESTING_AFTER = 0.5, 10.0, 2.0  # seconds
PIECES = 500  # written at once; IOV_MAX is 1024


class RawPDUs:
    """Whole PDUs that the reactor sends as they are."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.done = threading.Event()
        self.sent = False


class InterruptedStoreError(Exception):
    """Another PDU than P-DATA-TF in the middle of a message; it is still unread."""


class InvalidPDUError(Exception):
    """A P-DATA-TF that does not go on with the message."""


class FastDUL(DULServiceProvider):
    """Upper layer provider that waits on events and takes C-STORE itself."""

    assoc: NodeAssociation

    def __init__(self, assoc: NodeAssociation) -> None:
        self.wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._wake_lock = threading.Lock()
        self.idle = True  # not in the middle of a message
        super().__init__(assoc)
        self._run_loop_delay = 0  # waiting happens in the socket's `ready`
        self.daemon = True
        act = self.state_machine.do_action

        def do_action(event: str) -> None:
            act(event)
            assoc.wake.set()

        self.state_machine.do_action = do_action  # type: ignore[method-assign]

    def wake(self) -> None:
        """End the wait on the socket."""
        with self._wake_lock:
            if self.wake_fd >= 0:
                os.eventfd_write(self.wake_fd, 1)

    @property
    def tick(self) -> float:
        """Seconds until its threads look around though nothing woke them: up to 10 s on an established association at rest.

        They are woken by whatever the peer or the node does there; the tick is for the network timeout, which it meets.
        """
        timer = self._idle_timer
        if timer.timeout is None or not self.assoc.is_established or self.state_machine.current_state != "Sta6":
            return TICK
        left = timer.remaining
        return TICK if timer.timeout - left < RESTING_AFTER else max(0.01, min(left + 0.01, RESTING_TICK))

    def send_pdu(self, primitive: Any) -> None:
        """Queue a primitive to be sent and wake the reactor for it."""
        super().send_pdu(primitive)
        self.wake()

    def send_now(self, data: bytes) -> bool:
        """Have whole PDUs sent, after what waits already; False when the association is over before that."""
        raw = RawPDUs(data)
        self.to_provider_queue.put(raw)  # type: ignore[arg-type]
        self.wake()
        while not raw.done.wait(0.5):
            if self._kill_thread or not self.is_alive():
                return False
        return raw.sent

    def _process_recv_primitive(self) -> bool:
        waiting = self.to_provider_queue.queue
        if not waiting or not isinstance(waiting[0], RawPDUs):
            return super()._process_recv_primitive()
        sock = self.socket
        if isinstance(sock, BufferedSocket) and (sock.hi > sock.lo or sock.wait(0)):
            return False  # what the peer says comes first: it may be a C-CANCEL of what is being sent
        raw: Any = self.to_provider_queue.get_nowait()
        raw.sent = self.state_machine.current_state == "Sta6" and self.socket is not None
        if raw.sent and self.socket is not None:
            self.socket.send(raw.data)
        raw.done.set()
        return True

    def stop_dul(self) -> bool:
        """Stop the reactor when it is idle."""
        self.wake()
        if self.state_machine.current_state != "Sta1":
            return False
        self._kill_thread = True
        self.wake()
        if threading.current_thread() is not self:
            self.join(5)
        return True

    def run_reactor(self) -> None:
        """The reactor; its event descriptor lives as long as it runs."""
        try:
            super().run_reactor()
        finally:
            self._kill_thread = True
            with self._wake_lock:
                os.close(self.wake_fd)
                self.wake_fd = -1
            stranger: Any = None  # a peer that left before it asked for anything: the association need not wait for its request
            self.to_user_queue.put(stranger)
            self.assoc.wake.set()

    def _read_pdu_data(self) -> None:
        """Take C-STORE and C-FIND requests as long as they come; hand any other PDU, unread, to pynetdicom."""
        sock = self.socket
        if not isinstance(sock, BufferedSocket) or self.state_machine.current_state != "Sta6" or not self.assoc.is_established:
            super()._read_pdu_data()
            return
        try:
            while self._take(sock):
                self._idle_timer.restart()
                if self.assoc.receiver.stopping.is_set():
                    self.assoc.abort(block=False)
                if self._kill_thread or self.to_provider_queue.queue:
                    return
                if sock.lo == sock.hi and not sock.wait(50):
                    return
        except InterruptedStoreError:
            pass  # an abort or a release: pynetdicom answers it
        except InvalidPDUError:
            sock.lo = sock.hi = 0
            self.event_queue.put("Evt19")  # unrecognized or invalid PDU: A-ABORT (PS3.8 table 9-10)
            return
        except (EOFError, OSError):
            self.event_queue.put("Evt17")  # transport connection closed
            return
        super()._read_pdu_data()

    def _take(self, sock: BufferedSocket) -> bool:
        """Receive and answer one C-STORE or C-FIND. False: the next PDU is something else, or not for here, and is still unread."""
        if self.assoc.sending_report or self.to_provider_queue.queue:
            return False  # an answer from here would stand between the fragments of the message that is being sent
        sock.need(6)
        if sock.buffer[sock.lo] != 4 or self.assoc.dimse.message is not None:
            return False
        sock.need(12)
        _, pdu_length, pdv_length, context_id, control = P_DATA_HEAD.unpack_from(sock.buffer, sock.lo)
        if control & 3 != COMMAND | LAST or pdv_length + 4 != pdu_length or pdu_length > MAX_COMMAND:
            return False  # a split command, or command and data in one PDU: the slow lane stores it in the same way
        sock.need(6 + pdu_length)
        try:
            command = c.parse(sock.view[sock.lo + 12 : sock.lo + 6 + pdu_length])
        except ValueError:
            return False
        context = self.assoc._accepted_cx.get(context_id)  # noqa: SLF001
        field = c.number(command.get(c.COMMAND_FIELD))
        if (
            field not in {c.C_STORE_RQ, c.C_FIND_RQ}
            or c.number(command.get(c.DATA_SET_TYPE)) == c.NO_DATA_SET
            or context is None
            or self.assoc.retrieving  # an answer must not fall between the fragments of what is sent
            or self.assoc.dimse.msg_queue.queue  # an earlier message is unanswered: answers go out in order
        ):
            return False
        if field == c.C_FIND_RQ:
            return self._take_find(sock, 6 + pdu_length, context_id, str(context.abstract_syntax), str(context.transfer_syntax[0]), command)
        sock.lo += 6 + pdu_length
        reception = self.assoc.begin_store(
            str(context.abstract_syntax),
            c.text(command.get(c.AFFECTED_SOP_CLASS)),
            c.text(command.get(c.AFFECTED_SOP_INSTANCE)),
            str(context.transfer_syntax[0]),
        )
        self.idle = False
        try:
            self._receive_data(sock, context_id, reception)
            answer = reception.finish()
        finally:
            reception.discard()
            self.idle = True
        client = sock.socket
        if client is None:
            raise EOFError
        client.sendall(c.store_response(context_id, command, answer.status, answer.comment))
        if answer.status != c.SUCCESS:
            log.warning("store.refused", status=f"{answer.status:04X}", reason=answer.comment, aet=self.assoc.device_aet)
        self.assoc.after_store()
        return True

    def _take_find(
        self, sock: BufferedSocket, behind: int, context_id: int, sop_class: str, syntax: str, command: dict[int, bytes]
    ) -> bool:
        """Answer one C-FIND whose command is the first `behind` bytes; False: nothing was read of it."""
        device = self.assoc.device
        if device is None or "find" not in device.may or c.text(command.get(c.AFFECTED_SOP_CLASS)) != sop_class:
            return False
        sock.need(behind + 12)
        _, pdu_length, pdv_length, data_context, control = P_DATA_HEAD.unpack_from(sock.buffer, sock.lo + behind)
        if sock.buffer[sock.lo + behind] != 4 or control & 3 != LAST or pdv_length + 4 != pdu_length or pdu_length > MAX_COMMAND:
            return False
        if data_context != context_id:
            return False
        sock.need(behind + 6 + pdu_length)
        identifier = bytes(sock.view[sock.lo + behind + 12 : sock.lo + behind + 6 + pdu_length])
        found = self.assoc.receiver.quick_find.answer(
            sop_class, syntax, identifier, self.assoc.extended.get(sop_class, b""), device.institution
        )
        client = sock.socket
        if found is None or client is None:
            return False
        sock.lo += behind + 6 + pdu_length
        responses = FindResponses(sop_class, c.number(command.get(c.MESSAGE_ID)), context_id, self.assoc.requestor.maximum_length or 0)
        client.sendall(b"".join([*responses.pending(found), responses.final(SUCCESS)]))
        log.info("find", aet=device.aet, level="STUDY", matches=len(found))
        self.assoc.served += 1
        return True

    def _receive_data(self, sock: BufferedSocket, context_id: int, reception: Reception) -> None:
        """Feed the data set's fragments to `reception` until the last one."""
        pieces: list[memoryview] = []

        def flush() -> None:
            if pieces:
                reception.write(pieces, whole=last)
                pieces.clear()

        sock.enlarge()
        last = False
        while not last:
            sock.need(6, flush)
            pdu_left = int.from_bytes(sock.view[sock.lo + 2 : sock.lo + 6], "big")
            if sock.buffer[sock.lo] != 4:
                raise InterruptedStoreError
            sock.lo += 6
            while pdu_left > 0:
                sock.need(6, flush)
                pdv_length, pdv_context, control = PDV_HEAD.unpack_from(sock.buffer, sock.lo)
                sock.lo += 6
                pdu_left -= pdv_length + 4
                count = pdv_length - 2
                if pdv_context != context_id or control & COMMAND or pdu_left < 0 or count < 0 or last:
                    raise InvalidPDUError
                while count:
                    if sock.lo == sock.hi:
                        if len(pieces) > PIECES or sock.hi == sock.size:
                            flush()
                            sock.lo = sock.hi = 0
                        sock.need(1, flush)
                    take = min(count, sock.hi - sock.lo)
                    pieces.append(sock.view[sock.lo : sock.lo + take])
                    sock.lo += take
                    count -= take
                last = bool(control & LAST)
        flush()
