"""One object of a STOW-RS request on its way into the archive: its own preamble and file meta are dropped, the node's are written.

The data set's first elements say which object it is; a sender's file meta information is believed only for the transfer syntax,
and for the UIDs of a data set that cannot be read (it is kept, and the index puts it into quarantine, as for a C-STORE).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from dicom_node.archive.files import WEB, Archive, IncomingFile, file_head
from dicom_node.archive.identity import UnreadableError, identify_head, uid_fault

MAX_META = 64 << 10  # bytes of a sender's file meta information
GATHER = 1 << 20  # bytes written at once; the first of them must say which object it is
OUT_OF_RESOURCES, CANNOT_UNDERSTAND, SYNTAX_NOT_SUPPORTED = 0xA700, 0xC000, 0xC122  # PS3.18 table I.2-2
_LONG = {b"OB", b"UN", b"OW", b"UT", b"SQ"}


class RefusedError(ValueError):
    """The object is not taken: failure reason and why."""

    def __init__(self, status: int, comment: str) -> None:
        super().__init__(comment)
        self.status, self.comment = status, comment


@dataclass(slots=True)
class Subject:
    """What is known of an object, for the answer."""

    sop_class: str = ""
    sop_uid: str = ""
    transfer_syntax: str = ""


class IncomingObject:
    """Takes the bytes of a PS3.10 file in any pieces. `flush` waits for the disk: call it in a thread."""

    def __init__(self, archive: Archive) -> None:
        self.subject = Subject()
        self.size = 0
        self.file: IncomingFile | None = None
        self._archive = archive
        self._waiting: list[bytes] = []  # bytes not yet written
        self._waits = 0

    def add(self, piece: bytes) -> bool:
        """Remember the next bytes; True when it is time for `flush`."""
        self.size += len(piece)
        self._waiting.append(piece)
        self._waits += len(piece)
        return self._waits >= GATHER

    def flush(self) -> IncomingFile:
        """Write what was added. RefusedError: drop the rest."""
        file = self.file or self._begin()
        try:
            for at in range(0, len(self._waiting), 500):
                file.write(self._waiting[at : at + 500])
        except OSError as error:
            raise RefusedError(OUT_OF_RESOURCES, "storage failed: " + (error.strerror or "error")) from error
        self._waiting, self._waits = [], 0
        return file

    def discard(self) -> None:
        """Forget the object; nothing of it stays on disk."""
        self._waiting = []
        if self.file is not None:
            self.file.discard()

    def _begin(self) -> IncomingFile:
        """Find out which object it is, and open its file with the node's own head."""
        data = b"".join(self._waiting)
        if data[128:132] != b"DICM":
            raise RefusedError(CANNOT_UNDERSTAND, "not a DICOM file: no DICM after the preamble")
        meta, start = _file_meta(data)
        subject = self.subject
        meta_class, meta_uid, subject.transfer_syntax = (meta.get(element, "") for element in (0x02, 0x03, 0x10))
        if fault := uid_fault(subject.transfer_syntax):
            raise RefusedError(SYNTAX_NOT_SUPPORTED, f"TransferSyntaxUID is {fault}")
        try:
            found = identify_head(memoryview(data)[start:], subject.transfer_syntax)
            subject.sop_class, subject.sop_uid = found.sop_class or "", found.sop_uid or ""
        except UnreadableError:
            subject.sop_class, subject.sop_uid = meta_class, meta_uid
        for name, uid in (("SOPClassUID", subject.sop_class), ("SOPInstanceUID", subject.sop_uid)):
            if fault := uid_fault(uid):
                raise RefusedError(CANNOT_UNDERSTAND, f"{name} is {fault}")
        try:
            self.file = self._archive.incoming(file_head(subject.sop_class, subject.sop_uid, subject.transfer_syntax), WEB)
        except OSError as error:
            raise RefusedError(OUT_OF_RESOURCES, "storage failed: " + (error.strerror or "error")) from error
        self._waiting = [data[start:]]
        return self.file


def _file_meta(data: bytes) -> tuple[dict[int, str], int]:
    """UIDs of the file meta information by element number, and where the data set begins (PS3.10 7.1)."""
    found: dict[int, str] = {}
    at = 132
    while data[at : at + 2] == b"\2\0":
        if at > MAX_META or at + 12 > len(data):
            raise RefusedError(CANNOT_UNDERSTAND, "file meta information does not end")
        element, vr = struct.unpack_from("<H", data, at + 2)[0], data[at + 4 : at + 6]
        if not (vr.isalpha() and vr.isupper()):
            raise RefusedError(CANNOT_UNDERSTAND, "file meta information is not in explicit VR")
        length, start = (struct.unpack_from("<I", data, at + 8)[0], at + 12) if vr in _LONG else (
            struct.unpack_from("<H", data, at + 6)[0], at + 8)  # fmt: skip
        at = start + length
        if at > min(len(data), MAX_META):
            raise RefusedError(CANNOT_UNDERSTAND, "file meta information does not end")
        if vr == b"UI":
            found[element] = data[start:at].decode("latin-1").strip("\0 ")
    return found, at
