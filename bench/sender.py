"""A raw DICOM client: C-STORE from memory and C-FIND, one after the other, waiting for each response, TCP_NODELAY.

The peers' best case: nothing in the client costs time that a server could be blamed for. (pynetdicom's own client is no judge of
C-FIND: its reactor thread now and then takes one of two responses that arrive together, so a fast server seems to lose matches.)
"""

from __future__ import annotations

import socket
import struct

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import UID, ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.presentation import build_context
from pynetdicom.transport import AddressInformation

PDU = 131072
IOV = 1000  # parts of one sendmsg; IOV_MAX is 1024


def encode(dataset: Dataset) -> bytes:
    """The data set as it goes over the wire, explicit VR little endian."""
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, dataset)
    return buffer.getvalue()


class Client:
    """One association with one presentation context."""

    def __init__(self, port: int, calling: str, called: str, sop_class: UID | str) -> None:
        self._class = UID(sop_class)
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._message = 0
        self._socket.sendall(_association_request(calling, called, self._class))
        kind, body = self._pdu()
        if kind != 2:
            raise ConnectionRefusedError(f"association refused by port {port}: PDU type {kind}, {body[:4].hex()}")
        self._largest = _their_maximum(body) or PDU

    def _exactly(self, count: int) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            piece = self._socket.recv(count - len(parts))
            if not piece:
                raise ConnectionError("the server closed the association")
            parts += piece
        return bytes(parts)

    def _pdu(self) -> tuple[int, bytes]:
        kind, length = struct.unpack(">BxI", self._exactly(6))
        return kind, self._exactly(length)

    def _send(self, command: bytes, data: bytes) -> None:
        """One message, from where its bytes are: copies of the client would count as time of the server."""
        parts: list[bytes | memoryview] = [struct.pack(">BxIIBB", 4, len(command) + 6, len(command) + 2, 1, 3) + command]
        size, whole = min(self._largest, PDU) - 6, memoryview(data)
        for start in range(0, len(data), size):
            piece = whole[start : start + size]
            last = 2 if start + size >= len(data) else 0
            parts += [struct.pack(">BxIIBB", 4, len(piece) + 6, len(piece) + 2, 1, last), piece]
        while parts:
            sent = self._socket.sendmsg(parts[:IOV])
            while parts and sent >= len(parts[0]):
                sent -= len(parts.pop(0))
            if sent:
                parts[0] = memoryview(parts[0])[sent:]

    def close(self) -> None:
        """Release the association."""
        self._socket.sendall(struct.pack(">BxII", 5, 4, 0))
        self._pdu()
        self._socket.close()


class Sender(Client):
    """Sends instances; `store` raises when the status is not success."""

    def store(self, sop_uid: str, data: bytes) -> None:
        """Send one instance and wait for its response."""
        self._message = self._message % 65000 + 1
        command = _store_request(self._message, self._class, sop_uid)
        self._send(command, data)
        kind, body = self._pdu()
        if kind != 4:
            raise ConnectionError(f"PDU type {kind} in place of a response")
        status = _status(body[6:])
        if status:
            raise OSError(f"C-STORE status {status:#06x}")


class Finder(Client):
    """Asks; `find` returns the matching identifiers, encoded."""

    def find(self, identifier: bytes) -> list[bytes]:
        """One C-FIND to its end; raises when it does not end with success."""
        self._message = self._message % 65000 + 1
        self._send(_find_request(self._message, self._class), identifier)
        found: list[bytes] = []
        pending, parts = False, bytearray()
        while True:
            kind, body = self._pdu()
            if kind != 4:
                raise ConnectionError(f"PDU type {kind} in place of a response")
            at = 0
            while at < len(body):
                length, _context, control = struct.unpack_from(">IBB", body, at)
                parts += body[at + 6 : at + 4 + length]
                at += 4 + length
                if not control & 2:
                    continue
                if control & 1:
                    status = _status(bytes(parts))
                    pending = status in {0xFF00, 0xFF01}
                    if not pending and status:
                        raise OSError(f"C-FIND status {status:#06x}")
                    if not pending:
                        return found
                else:
                    found.append(bytes(parts))
                parts.clear()


def _association_request(calling: str, called: str, sop_class: UID) -> bytes:
    from pynetdicom.pdu_primitives import A_ASSOCIATE, ImplementationClassUIDNotification, MaximumLengthNotification

    primitive = A_ASSOCIATE()
    primitive.application_context_name = "1.2.840.10008.3.1.1.1"
    primitive.calling_ae_title, primitive.called_ae_title = calling, called
    primitive.calling_presentation_address = primitive.called_presentation_address = AddressInformation("127.0.0.1", 0)
    context = build_context(sop_class, ExplicitVRLittleEndian)
    context.context_id = 1
    primitive.presentation_context_definition_list = [context]
    length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received, implementation.implementation_class_uid = PDU, AE().implementation_class_uid
    primitive.user_information = [length, implementation]
    request = A_ASSOCIATE_RQ()
    request.from_primitive(primitive)
    encoded: bytes = request.encode()
    return encoded


def _their_maximum(body: bytes) -> int:
    at = body.find(b"\x51\x00\x00\x04")
    return int.from_bytes(body[at + 4 : at + 8], "big") if at >= 0 else 0


def _element(group: int, number: int, value: bytes) -> bytes:
    return struct.pack("<HHI", group, number, len(value)) + value


def _text(value: str) -> bytes:
    raw = value.encode("ascii")
    return raw + b"\0" * (len(raw) % 2)


def _store_request(message: int, sop_class: UID, sop_uid: str) -> bytes:
    body = (
        _element(0, 0x0002, _text(sop_class))
        + _element(0, 0x0100, b"\x01\x00")
        + _element(0, 0x0110, struct.pack("<H", message))
        + _element(0, 0x0700, b"\x00\x00")
        + _element(0, 0x0800, b"\x00\x00")
        + _element(0, 0x1000, _text(sop_uid))
    )
    return _element(0, 0, struct.pack("<I", len(body))) + body


def _find_request(message: int, sop_class: UID) -> bytes:
    body = (
        _element(0, 0x0002, _text(sop_class))
        + _element(0, 0x0100, b"\x20\x00")
        + _element(0, 0x0110, struct.pack("<H", message))
        + _element(0, 0x0700, b"\x00\x00")
        + _element(0, 0x0800, b"\x00\x00")
    )
    return _element(0, 0, struct.pack("<I", len(body))) + body


def _status(command: bytes) -> int:
    at = 0
    while at < len(command):
        group, number, length = struct.unpack_from("<HHI", command, at)
        if (group, number) == (0, 0x0900):
            return int.from_bytes(command[at + 8 : at + 10], "little")
        at += 8 + length
    raise ValueError("a response without a status")
