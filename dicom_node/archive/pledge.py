"""A pledge is the end of a prepared file: what the journal will say of the image before it, synced together with the image.

A file system is slower to make names last than bytes, and an image needs three changes of names before the journal has its arrival.
So an image in a prepared file, whose blocks and name were on the disk before it came, is acknowledged once it and its pledge are
synced; `Finisher` gives it its names a moment later. After a power cut the start does, for every prepared file with a pledge.
"""

from __future__ import annotations

import hashlib
import os
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import orjson

from dicom_node import logs
from dicom_node.archive.files import Archive, IncomingFile, intact, sync_folder
from dicom_node.archive.journal import Entry, JournalError, JournalWriter

log = logs.get(__name__)
LENGTH = 1024  # bytes of a pledge, the last of its file
MOST = 200  # images that may wait for their names at once
RETRY = 1.0  # seconds after the disk refused a name
STEP = 1 << 20  # bytes read at once
_MARK = b"HUB1PLDG"
_HEAD = struct.Struct("<8sI32s")  # mark, length and sha256 of the entry that follows


def encode(entry: Entry) -> bytes | None:
    """The pledge of an arrival; None: it does not fit."""
    said = orjson.dumps(entry)
    if len(said) > LENGTH - _HEAD.size:
        return None
    return (_HEAD.pack(_MARK, len(said), hashlib.sha256(said).digest()) + said).ljust(LENGTH, b"\0")


def read(fd: int) -> Entry | None:
    """The arrival that the end of an open file pledges; None: it pledges nothing."""
    end = os.pread(fd, LENGTH, max(0, os.fstat(fd).st_size - LENGTH))
    if len(end) < LENGTH:
        return None
    mark, length, digest = _HEAD.unpack_from(end)
    said = end[_HEAD.size : _HEAD.size + length]
    if mark != _MARK or hashlib.sha256(said).digest() != digest:
        return None
    return Entry(**orjson.loads(said))


def keeps(fd: int, entry: Entry) -> bool:
    """Whether the file begins with the very bytes that are pledged."""
    found, at = hashlib.sha256(), 0
    while at < entry.size and (piece := os.pread(fd, min(STEP, entry.size - at), at)):
        found.update(piece)
        at += len(piece)
    return found.hexdigest() == entry.digest


@dataclass(frozen=True, slots=True)
class Pledged:
    """An acknowledged image that has not all of its names yet."""

    path: Path  # in the stock
    fd: int
    entry: Entry
    note: Path | None
    """None: this file system does not make names last with their files."""

    def lies_at(self, place: Path) -> bool:
        """Whether the file at `place` is this one."""
        return place.exists() and os.path.samestat(place.stat(), os.fstat(self.fd))


def finish(archive: Archive, journal: JournalWriter, one: Pledged) -> None:
    """Names and journal line of a pledged image. OSError: it may be begun again, the pledge still stands."""
    final = archive.folder(one.entry.digest) / f"{one.entry.digest}.dcm"
    with archive.keeping(one.entry.digest):
        with suppress(FileExistsError, FileNotFoundError):  # the same bytes came another way; this was done already
            os.link(one.path, final)
        ours = one.lies_at(final)
        if ours and one.note is not None:
            if one.path.exists():
                one.path.rename(one.note)
            os.ftruncate(one.fd, one.entry.size)  # last: until the note is there the pledge must stay
            journal.append(one.entry, one.note)
            return
        final.stat()  # OSError: neither this file nor another is there
        sync_folder(final.parent)
        journal.append(one.entry)
        if not intact(final, one.entry.digest):  # rotten, or ours with its pledge
            os.ftruncate(one.fd, one.entry.size)
            os.fsync(one.fd)
            if not ours:
                one.path.replace(final)
                sync_folder(final.parent)
    one.path.unlink(missing_ok=True)


def cut(archive: Archive, note: Path) -> None:
    """End a noted file where its image ends, should the power have gone before that."""
    fd = os.open(note, os.O_RDWR | os.O_CLOEXEC)
    try:
        entry = read(fd)
        if entry is None:
            return
        place = archive.place(entry.digest)
        if place.exists() and place.samefile(note) and keeps(fd, entry):
            os.ftruncate(fd, entry.size)
            os.fsync(fd)
    finally:
        os.close(fd)


class Finisher:
    """Takes pledges, and gives their images names and a line of the journal."""

    def __init__(self, archive: Archive, journal: JournalWriter) -> None:
        self._archive, self._journal = archive, journal
        self._waiting: deque[Pledged] = deque()
        self._finishing = threading.Lock()
        self._asked = threading.Event()
        self._failing = False

    def take(self, file: IncomingFile, entry: Entry, note: Path) -> bool:
        """True once the image and its pledge are on the disk. False: it must be kept the long way. OSError: it is not kept."""
        if not file.prepared or self._failing or len(self._waiting) >= MOST or self._journal.broken:
            return False
        said = encode(entry)
        if said is None or self._archive.place(entry.digest).exists():
            return False
        path, fd = file.pledge(said)
        self._waiting.append(Pledged(path, fd, entry, note))
        self._asked.set()
        return True

    def finish(self) -> None:
        """Finish all that wait. OSError: the rest still waits."""
        with self._finishing:
            while self._waiting:
                one = self._waiting[0]
                finish(self._archive, self._journal, one)
                os.close(one.fd)
                self._waiting.popleft()
            self._failing = False

    def keep_finished(self) -> None:
        """Finish whatever is taken; a thread's whole work. JournalError: only a new process can go on."""
        while True:
            self._asked.wait()
            self._asked.clear()
            try:
                self.finish()
            except JournalError:
                raise
            except OSError as error:
                # acknowledged and safe, but not to be found yet: what comes now is kept the long way, and told that the disk is in trouble
                self._failing = True
                log.warning("pledge.unfinished", errno=error.errno, reason=error.strerror or str(error), waiting=len(self._waiting))
                time.sleep(RETRY)
                self._asked.set()


def bring_in(archive: Archive, stock: Path, place_note: Callable[[Entry], Path | None], journal: JournalWriter) -> int:
    """At the start, before the stock is used: give names to what was acknowledged by a pledge; returns how many images that were."""
    found = 0
    for path in sorted(stock.iterdir()) if stock.is_dir() else []:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            entry = read(fd)
            if entry is None:
                continue
            if not keeps(fd, entry):  # the power went before its sync had ended: nobody was told that it is kept
                log.warning("pledge.incomplete", file=path.name)
                path.unlink()
                continue
            finish(archive, journal, Pledged(path, fd, entry, place_note(entry)))
            found += 1
        finally:
            os.close(fd)
    if found:
        log.warning("pledge.brought_in", images=found)
    return found
