"""A DICOM sender that puts exactly the given bytes on the wire, in the PDUs it is told to; nothing is re-encoded."""

from __future__ import annotations

import socket
import ssl
import struct
from pathlib import Path

import pydicom

EXPLICIT = "1.2.840.10008.1.2.1"


def _item(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(body)) + body


def _padded(text: str) -> bytes:
    return text.encode() + b"\0" * (len(text) % 2)


class RefusedError(Exception):
    """The association was rejected: (result, source, diagnostic)."""


class RawSCU:
    def __init__(self, port: int, calling: str, contexts: list[tuple[str, list[str]]], called: str = "HUB", timeout: float = 30,
                 tls: ssl.SSLContext | None = None):  # fmt: skip
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket)
        items = _item(0x10, b"1.2.840.10008.3.1.1.1")
        for i, (abstract, syntaxes) in enumerate(contexts):
            body = struct.pack(">Bxxx", 2 * i + 1) + _item(0x30, abstract.encode())
            items += _item(0x20, body + b"".join(_item(0x40, s.encode()) for s in syntaxes))
        items += _item(0x50, _item(0x51, struct.pack(">I", 131072)) + _item(0x52, b"2.25.1"))
        body = struct.pack(">HH16s16s32x", 1, 0, called.ljust(16).encode(), calling.ljust(16).encode()) + items
        self.socket.sendall(struct.pack(">BxI", 1, len(body)) + body)
        kind, answer = self.pdu()
        if kind != 2:
            raise RefusedError(tuple(answer[1:4]))
        self.accepted: dict[int, str] = {}
        at = 68
        while at < len(answer):
            item, length = struct.unpack_from(">BxH", answer, at)
            if item == 0x21 and answer[at + 6] == 0:
                sub = struct.unpack_from(">H", answer, at + 10)[0]
                self.accepted[answer[at + 4]] = answer[at + 12 : at + 12 + sub].decode()
            if item == 0x50:
                self.maximum = struct.unpack_from(">I", answer, at + 8)[0]
            at += 4 + length
        self.message = 0

    def pdu(self) -> tuple[int, bytes]:
        head = self._take(6)
        kind, length = struct.unpack(">BxI", head)
        return kind, self._take(length)

    def _take(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            got = self.socket.recv(count - len(data))
            if not got:
                raise EOFError
            data += got
        return data

    def command(self, sop_class: str, sop_uid: str, *, field: int = 1) -> bytes:
        self.message += 1
        elements = [(2, _padded(sop_class)), (0x100, struct.pack("<H", field)), (0x110, struct.pack("<H", self.message)), (0x700, b"\0\0"),
                    (0x800, b"\0\0"), (0x1000, _padded(sop_uid))]  # fmt: skip
        body = b"".join(struct.pack("<HHI", 0, tag, len(v)) + v for tag, v in elements)
        return struct.pack("<HHII", 0, 0, 4, len(body)) + body

    @staticmethod
    def pdv(context: int, control: int, data: bytes) -> bytes:
        return struct.pack(">IBB", len(data) + 2, context, control) + data

    @staticmethod
    def p_data(*pdvs: bytes) -> bytes:
        body = b"".join(pdvs)
        return struct.pack(">BxI", 4, len(body)) + body

    def data_pdus(self, context: int, data: bytes, size: int) -> bytes:
        step = size - 6
        parts = [data[i : i + step] for i in range(0, len(data), step)] or [b""]
        return b"".join(self.p_data(self.pdv(context, 2 if i == len(parts) - 1 else 0, part)) for i, part in enumerate(parts))

    def send_store(self, context: int, sop_class: str, sop_uid: str, data: bytes, size: int = 131072) -> None:
        self.socket.sendall(self.p_data(self.pdv(context, 3, self.command(sop_class, sop_uid))) + self.data_pdus(context, data, size))

    def status(self) -> tuple[int, str]:
        kind, body = self.pdu()
        if kind != 4:
            raise EOFError(f"PDU {kind}")
        found, at = {}, 6
        while at < len(body):
            _, tag, length = struct.unpack_from("<HHI", body, at)
            found[tag] = body[at + 8 : at + 8 + length]
            at += 8 + length
        return struct.unpack("<H", found[0x900])[0], found.get(0x902, b"").decode().strip()

    def store(self, context: int, sop_class: str, sop_uid: str, data: bytes, size: int = 131072) -> tuple[int, str]:
        self.send_store(context, sop_class, sop_uid, data, size)
        return self.status()

    def close(self) -> None:
        self.socket.close()


def split_file(path: Path) -> tuple[str, str, str, bytes]:
    """(SOP class, SOP UID, transfer syntax, data set bytes) of a DICOM file; the data set is what follows group 2."""
    whole = path.read_bytes()
    if whole[128:132] != b"DICM":
        ds = pydicom.dcmread(path, force=True, stop_before_pixels=True)
        return str(ds.get("SOPClassUID", "")), str(ds.get("SOPInstanceUID", "")), EXPLICIT, whole
    at = 132
    meta: dict[int, bytes] = {}
    while at + 8 <= len(whole) and whole[at : at + 2] == b"\x02\0":
        element, vr = struct.unpack_from("<H", whole, at + 2)[0], whole[at + 4 : at + 6]
        if vr in (b"OB", b"UN"):
            length, start = struct.unpack_from("<I", whole, at + 8)[0], at + 12
        else:
            length, start = struct.unpack_from("<H", whole, at + 6)[0], at + 8
        meta[element] = whole[start : start + length]
        at = start + length
    sop_class, sop_uid, syntax = (meta.get(tag, b"").rstrip(b"\0 ").decode() for tag in (2, 3, 0x10))
    return sop_class, sop_uid, syntax or EXPLICIT, whole[at:]


def own_identity(path: Path) -> tuple[str, str, str, bytes]:
    """As `split_file`, with the UIDs of the data set where it has them (some files' meta information says otherwise)."""
    sop_class, sop_uid, syntax, data = split_file(path)
    ds = pydicom.dcmread(path, force=True, stop_before_pixels=True)
    return str(ds.get("SOPClassUID") or sop_class), str(ds.get("SOPInstanceUID") or sop_uid), syntax, data


def send_files(port: int, calling: str, paths: list[Path]) -> dict[Path, tuple[int, str]]:
    """Send files byte for byte in one association per 100 kinds; the status and comment of each."""
    files = {path: own_identity(path) for path in paths}
    kinds = sorted({(f[0] or "1.2.840.10008.5.1.4.1.1.7", f[2]) for f in files.values()})
    scu = RawSCU(port, calling, [(abstract, [syntax]) for abstract, syntax in kinds])
    contexts = {kind: 2 * i + 1 for i, kind in enumerate(kinds)}
    answers = {}
    for path, (sop_class, sop_uid, syntax, data) in files.items():
        answers[path] = scu.store(contexts[sop_class or "1.2.840.10008.5.1.4.1.1.7", syntax], sop_class, sop_uid, data)
    scu.close()
    return answers
