"""Files of the archive, named by the sha256 of their own bytes (`sha256sum` proves them); never by a UID.

A file is written under a temporary name, linked under its digest without replacing anything, and synced with that name.
Two senders of the same bytes therefore share one file, and nobody can overwrite another's image.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from dicom_node.archive.filesystem import begin_writing, syncs_names
from dicom_node.archive.leftovers import sweep

if TYPE_CHECKING:
    from dicom_node.archive.stock import Stock
    from dicom_node.storage.recall import Recall

# Frozen for ever: they are part of every file's digest, and the same data set must make the same file in every release.
IMPLEMENTATION_UID = b"2.25.277315926535897932384626433832795028"
IMPLEMENTATION_NAME = b"HUB_NODE_1"
ASIDE = "aside"  # folder of deleted files that are not ended yet
BORROWED = "borrowed-"  # begins the names of files that are only looked at
WEB = "web-"  # begins the temporary names of the web process, which hands its files over to the receive process
READ_BACK = 1 << 20  # bytes at once
EARLY = 64 << 10  # bytes from which it is worth to have the disk begin before the sync
FIRST = 8 << 10  # bytes: the identifying UIDs are nearly always in them
_HANDED = re.compile(r"web-[0-9]+-[0-9]+\Z")


def _element(group: int, element: int, vr: bytes, value: bytes) -> bytes:
    """One explicit VR little endian element (PS3.5 7.1.2), padded to even length."""
    if len(value) % 2:
        value += b"\0" if vr in {b"UI", b"OB"} else b" "
    if vr == b"OB":
        return struct.pack("<HH2sHI", group, element, vr, 0, len(value)) + value
    return struct.pack("<HH2sH", group, element, vr, len(value)) + value


@lru_cache(maxsize=4096)
def _meta_tail(transfer_syntax: str) -> bytes:
    return (
        _element(2, 0x10, b"UI", transfer_syntax.encode("ascii"))
        + _element(2, 0x12, b"UI", IMPLEMENTATION_UID)
        + _element(2, 0x13, b"SH", IMPLEMENTATION_NAME)
    )


def file_head(sop_class: str, sop_uid: str, transfer_syntax: str) -> bytes:
    """Preamble and file meta information (PS3.10 7.1). A function of these three only, so equal data sets make equal files."""
    body = (
        _element(2, 1, b"OB", b"\0\1")
        + _element(2, 2, b"UI", sop_class.encode("ascii"))
        + _element(2, 3, b"UI", sop_uid.encode("ascii"))
        + _meta_tail(transfer_syntax)
    )
    return bytes(128) + b"DICM" + _element(2, 0, b"UL", struct.pack("<I", len(body))) + body


class Archive:
    """The folder of files; `recall` brings back what is not in it any more, `stock` has files prepared for new ones."""

    def __init__(self, root: Path, recall: Recall | None = None, stock: Stock | None = None) -> None:
        self.root, self._recall, self.stock = root, recall, stock
        self._incoming = root / "incoming"
        self._names = itertools.count()
        self._folders: set[str] = set()
        self._keeping: set[str] = set()
        self._kept = threading.Condition()

    @cached_property
    def syncs_names(self) -> bool:
        """Whether a synced file keeps its names here."""
        return syncs_names(self.root)

    @contextmanager
    def keeping(self, digest: str) -> Iterator[None]:
        """One thread at a time makes a file of `digest` last: until then it has its name, but may lose it again."""
        with self._kept:
            self._kept.wait_for(lambda: digest not in self._keeping)
            self._keeping.add(digest)
        try:
            yield
        finally:
            with self._kept:
                self._keeping.discard(digest)
                self._kept.notify_all()

    def place(self, digest: str) -> Path:
        """Where the file of `digest` is when it is online."""
        return self.root / digest[:2] / f"{digest}.dcm"

    def path(self, digest: str) -> Path:
        """The file of `digest`, brought back from a volume when it is not online. AwayError: that is not possible now."""
        place = self.place(digest)
        if self._recall is not None and not place.exists():
            self._recall.bring(self, digest)
        return place

    @contextmanager
    def borrowed(self, digest: str) -> Iterator[Path]:
        """The file of `digest` for a moment: what is not online is not kept afterwards. AwayError."""
        place = self.place(digest)
        if self._recall is None or place.exists():
            yield place
            return
        temporary = self._incoming / f"{BORROWED}{os.getpid()}-{next(self._names)}"
        self._incoming.mkdir(parents=True, exist_ok=True)
        try:
            self._recall.fetch(digest, temporary)
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    def size(self, digest: str) -> int:
        """Bytes of the file, wherever it is. FileNotFoundError: nowhere that is known; OSError."""
        try:
            return self.place(digest).stat().st_size
        except FileNotFoundError:
            known = self._recall.size(digest) if self._recall is not None else None
            if known is None:
                raise
            return known

    def replace(self, digest: str, temporary: Path) -> None:
        """Put a whole and synced file in the place of one that is damaged or gone."""
        folder = self.folder(digest)
        temporary.replace(folder / f"{digest}.dcm")
        sync_folder(folder)

    def set_aside(self, digest: str) -> None:
        """Take a file from its place without ending it yet."""
        folder = self.root / ASIDE
        folder.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):
            self.place(digest).replace(folder / f"{digest}.dcm")
            sync_folder(folder)
            sync_folder(self.place(digest).parent)

    def aside(self) -> list[tuple[str, Path]]:
        """Digests and files that were set aside."""
        folder = self.root / ASIDE
        return [(path.stem, path) for path in sorted(folder.iterdir())] if folder.is_dir() else []

    def put_back(self, digest: str, temporary: Path) -> None:
        """Link a whole and synced file under its digest."""
        folder = self.folder(digest)
        with suppress(FileExistsError):
            os.link(temporary, folder / f"{digest}.dcm")
        sync_folder(folder)

    def prepare(self, beginning: str = "") -> None:
        """Make the folders; sweep what a crash left half-written (none of it was acknowledged): names with this `beginning`."""
        self._incoming.mkdir(parents=True, exist_ok=True)
        sweep(self._incoming, beginning)

    def incoming(self, head: bytes, beginning: str = "") -> IncomingFile:
        """Begin a new file with `head` as its first bytes."""
        return IncomingFile(self, self._incoming / f"{beginning}{os.getpid()}-{next(self._names)}", head)

    def adopt(self, name: str, head: bytes) -> IncomingFile:
        """Take over a file that the web process has written whole; OSError when it is not there or does not begin with `head`."""
        if not _HANDED.match(name):
            raise OSError("not the name of a handed file")
        temporary = self._incoming / name
        file = IncomingFile(self, temporary, head, os.open(temporary, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW))
        try:
            file.read_back()
        except OSError:
            file.discard()
            raise
        return file

    def folder(self, digest: str) -> Path:
        """The folder of `digest`, made (and its entry in the root synced) when new."""
        folder = self.root / digest[:2]
        if digest[:2] not in self._folders:
            if not folder.is_dir():
                folder.mkdir(exist_ok=True)
                sync_folder(self.root)
            self._folders.add(digest[:2])
        return folder


class IncomingFile:
    """One file while it is written: `write` any number of times, then `keep` or `discard`."""

    def __init__(self, archive: Archive, temporary: Path, head: bytes, fd: int = -1) -> None:
        self._archive, self._temporary, self.fd = archive, temporary, fd
        self._digest = hashlib.sha256(head)
        self._head: list[bytes | memoryview] = [head]
        self._longer = False
        self.noted = False
        """Whether `keep` has given the file the name of its note."""
        self.head_size = self.size = len(head)
        self.first = b""
        """The first bytes of the data set, for who must know at once what it is."""

    def _open(self, size: int | None) -> None:
        """Open a prepared file when the `size` is known and there is one for it, else a new one."""
        stock = self._archive.stock
        prepared = stock.take(size) if stock is not None else None
        if prepared is None:
            self.fd = os.open(self._temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        else:
            (self._temporary, self.fd), self._longer = prepared, True

    def write(self, pieces: Sequence[bytes | memoryview], *, whole: bool = False) -> None:
        """Append `pieces` (at most 1,000 of them); `whole`: nothing follows."""
        if self.fd < 0:
            self._open(self.size + sum(map(len, pieces)) if whole else None)
        pending: list[bytes | memoryview] = [*self._head, *pieces]
        self._head = []
        self._put(pending)
        if whole and sum(map(len, pieces)) >= EARLY:
            begin_writing(self.fd)  # the disk works while the processor hashes
        for piece in pieces:
            if len(self.first) < FIRST:
                self.first += piece[: FIRST - len(self.first)]
            self._digest.update(piece)
            self.size += len(piece)

    def _put(self, pending: list[bytes | memoryview]) -> None:
        while pending:
            done = os.writev(self.fd, pending)
            while pending and done >= len(pending[0]):
                done -= len(pending.pop(0))
            if done:  # a short write: go on in the middle of a piece
                pending[0] = memoryview(pending[0])[done:]

    @property
    def name(self) -> str:
        """The temporary name, without folder."""
        return self._temporary.name

    @property
    def digest(self) -> str:
        """sha256 of the bytes so far."""
        return self._digest.hexdigest()

    def read_back(self) -> None:
        """Count and hash what another process has written; OSError when the first bytes are not the head."""
        if os.pread(self.fd, self.head_size, 0) != self._head[0]:
            raise OSError("the handed file has another head")
        self._head = []
        self.first = os.pread(self.fd, FIRST, self.head_size)
        while piece := os.pread(self.fd, READ_BACK, self.size):
            self._digest.update(piece)
            self.size += len(piece)

    def keep(self, note: Path | None = None) -> str:
        """Link under the digest and sync file and name; returns the digest. OSError: nothing was kept.

        A file that was not here before has the name `note` as well, synced with it, and keeps it: the journal takes it away.
        """
        try:
            digest = self.digest
            if self._longer:
                os.ftruncate(self.fd, self.size)
            folder = self._archive.folder(digest)
            final = folder / f"{digest}.dcm"
            with self._archive.keeping(digest):
                try:
                    os.link(self._temporary, final)
                except FileExistsError:
                    os.fsync(self.fd)
                    if not _intact(final, digest):
                        self._temporary.replace(final)  # the copy on disk had rotted: the same bytes heal it
                    sync_folder(folder)
                    return digest
                try:
                    if note is not None:
                        self._temporary = self._temporary.rename(note)
                    os.fsync(self.fd)
                    if not self._archive.syncs_names:
                        sync_folder(folder)
                except OSError:
                    final.unlink(missing_ok=True)  # it may read well from memory, and not be on the disk
                    raise
                self.noted = note is not None
            return digest
        finally:
            self.discard()

    def discard(self) -> None:
        """Close and remove the temporary name; harmless when already done."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
            if not self.noted:
                self._temporary.unlink(missing_ok=True)


def _intact(path: Path, digest: str) -> bool:
    """Whether the file still has the bytes its name promises."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == digest


def sync_folder(folder: Path) -> None:
    """Make names in `folder` survive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
