"""What happens to one received instance: checked, linked, synced, journaled; only then success."""

from __future__ import annotations

import mmap
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from dicom_node import logs
from dicom_node.archive.files import Archive, IncomingFile, file_head
from dicom_node.archive.identity import Identity, UnreadableError, identify, uid_fault
from dicom_node.archive.journal import Entry, JournalError, JournalWriter
from dicom_node.archive.notes import Notes
from dicom_node.receive import command as c
from dicom_node.receive.counters import Counters

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends: the authenticated device, or over HTTP the ticket's user (`aet` is then `web:<user>`)."""

    aet: str
    institution: str
    address: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and Error Comment (0000,0902; ASCII, at most 64 characters) of a C-STORE-RSP."""

    status: int
    comment: str = ""


class Store:
    """Begins the reception of instances; shared by all associations."""

    def __init__(self, archive: Archive, journal: JournalWriter, counters: Counters | None = None, notes: Notes | None = None) -> None:
        self.archive, self.journal, self.notes = archive, journal, notes
        self.counters = counters or Counters()

    def begin(self, sender: Sender, sop_class: str, sop_uid: str, transfer_syntax: str) -> Reception:
        """Start one instance whose command gave these UIDs."""
        return Reception(self, sender, sop_class, sop_uid, transfer_syntax, self.archive.incoming)

    def take(
        self, sender: Sender, sop_class: str, sop_uid: str, transfer_syntax: str, name: str, study: str | None
    ) -> tuple[Answer, Identity | None]:
        """Check, keep and journal a file that the web process has written under the temporary `name`; with `study` only one of it.

        The answer, and the UIDs of the data set where it could be read.
        """
        opened = partial(self.archive.adopt, name)
        reception = Reception(self, sender, sop_class, sop_uid, transfer_syntax, opened, study)
        try:
            return reception.finish(), reception.found
        finally:
            reception.discard()


class Reception:
    """One instance on its way in.

    Errors of disk and content never reach the association: the message is read to its end and answered with a status.
    """

    def __init__(
        self,
        store: Store,
        sender: Sender,
        sop_class: str,
        sop_uid: str,
        transfer_syntax: str,
        opened: Callable[[bytes], IncomingFile],
        study: str | None = None,
    ) -> None:
        self._store, self._sender, self._study = store, sender, study
        self._sop_class, self._sop_uid, self._transfer_syntax = sop_class, sop_uid, transfer_syntax
        self._file: IncomingFile | None = None
        self._refused: Answer | None = None
        self.found: Identity | None = None
        self._begun = time.monotonic()
        for name, uid in (("SOPClassUID", sop_class), ("SOPInstanceUID", sop_uid)):
            if fault := uid_fault(uid):
                self._refused = Answer(c.CANNOT_UNDERSTAND, f"command {name} is {fault}")
                return
        try:
            self._file = opened(file_head(sop_class, sop_uid, transfer_syntax))
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        log.error("store.failed", reason=error.strerror or str(error), errno=error.errno, aet=self._sender.aet)
        self._refused = Answer(c.OUT_OF_RESOURCES, "storage failed: " + (error.strerror or "error"))
        self.discard()

    def write(self, pieces: Sequence[bytes | memoryview], *, whole: bool = False) -> None:
        """The next bytes of the data set (`whole`: nothing follows them); after a failure they are dropped."""
        if self._file is not None:
            try:
                self._file.write(pieces, whole=whole)
            except OSError as error:
                self._fail(error)

    def finish(self) -> Answer:
        """The whole data set has arrived: make it last, then answer."""
        size = 0 if self._file is None else self._file.size
        answer = self._finish()
        kept = size if answer.status == c.SUCCESS else 0
        self._store.counters.answered(self._sender.aet, answer.status, kept, time.monotonic() - self._begun)
        return answer

    def _finish(self) -> Answer:
        if self._refused is not None or self._file is None:
            self.discard()
            return self._refused or Answer(c.CANNOT_UNDERSTAND, "no data set")
        try:
            fault = self._check(self._file)
            if fault is not None:
                return fault
            who, at = self._sender, datetime.now(UTC).isoformat(timespec="milliseconds")
            notes, size = self._store.notes, self._file.size
            note = notes.place(who.institution, who.aet, who.address, at) if notes is not None else None
            digest = self._file.keep(note)
            entry = Entry(digest, size, self._sop_class, self._sop_uid, self._transfer_syntax, who.institution, who.aet, who.address, at)
            self._enter(entry, note if self._file.noted else None)
        except OSError as error:
            self._fail(error)
            if isinstance(error, JournalError):
                return Answer(c.OUT_OF_RESOURCES, "journal is closed, node restarts")
            return self._refused or Answer(c.OUT_OF_RESOURCES)
        finally:
            self.discard()
        return Answer(c.SUCCESS)

    def _enter(self, entry: Entry, note: Path | None) -> None:
        try:
            self._store.journal.append(entry, note)
        except OSError:
            if note is not None:
                note.unlink(missing_ok=True)  # the sender is told that it is not kept
            raise

    def _check(self, file: IncomingFile) -> Answer | None:
        """Compare the data set's own UIDs with the command's (PS3.4 B.2.3: A900 when they differ)."""
        if file.size == file.head_size:
            return Answer(c.CANNOT_UNDERSTAND, "data set is empty")
        try:
            found = self._identify(file)
        except UnreadableError as error:
            if self._study is not None:
                return Answer(c.CANNOT_UNDERSTAND, "data set cannot be read")
            # kept: the index puts it into quarantine with the reason, where a person can look at it
            log.warning("store.unreadable", reason=str(error), aet=self._sender.aet)
            return None
        self.found = found
        return self._compare(found)

    def _identify(self, file: IncomingFile) -> Identity:
        """Who the data set is, by its first bytes; by all of it where these do not say it."""
        if len(file.first) < file.size - file.head_size:
            with suppress(UnreadableError):
                found = identify(file.first, self._transfer_syntax)
                if None not in {found.sop_class, found.sop_uid, found.study_uid, found.series_uid}:
                    return found
        with mmap.mmap(file.fd, file.size, prot=mmap.PROT_READ) as whole, memoryview(whole) as view, view[file.head_size :] as data:
            return identify(data, self._transfer_syntax)

    def _compare(self, found: Identity) -> Answer | None:
        for name, uid in (
            ("SOPClassUID", found.sop_class),
            ("SOPInstanceUID", found.sop_uid),
            ("StudyInstanceUID", found.study_uid),
            ("SeriesInstanceUID", found.series_uid),
        ):
            if fault := uid_fault(uid):
                return Answer(c.CANNOT_UNDERSTAND, f"{name} is {fault}")
        if found.sop_class != self._sop_class:
            return Answer(c.NOT_MATCHING, "SOPClassUID differs between command and data set")
        if found.sop_uid != self._sop_uid:
            return Answer(c.NOT_MATCHING, "SOPInstanceUID differs between command and data set")
        if self._study not in {None, found.study_uid}:
            return Answer(c.NOT_MATCHING, "StudyInstanceUID differs from the address")
        return None

    def discard(self) -> None:
        """Forget the instance; nothing of it stays on disk."""
        if self._file is not None:
            self._file.discard()
            self._file = None
