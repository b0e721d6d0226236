"""A store over a disk whose power can be cut: what a new process finds is what the disk is left with."""

from __future__ import annotations

from pathlib import Path

from rawscu import EXPLICIT
from running_node import CT, encoded, image

from dicom_node.archive.files import Archive
from dicom_node.archive.journal import Entry, JournalReader, JournalWriter
from dicom_node.archive.notes import Notes
from dicom_node.receive.store import Sender, Store

SENDER = Sender("web:王医生, 1", "H01", "::1")  # what a name of a file does not bear as it is


class Disk:
    """A store with notes, whose power can be cut: of the journal only what is told stays."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.journal = folder, folder / "journal.jsonl"
        self.archive = Archive(folder / "files")
        self.archive.prepare()
        for number in range(256):
            (self.archive.root / f"{number:02x}").mkdir(exist_ok=True)
        self.archive.syncs_names = True  # as on ext4, whatever the tests' disk is
        self.start()

    def start(self) -> int:
        """A new process: what is left is read, and brought in."""
        self.writer, notes = JournalWriter(self.journal), Notes(self.archive)
        count = notes.bring_in(self.writer)
        self.store = Store(self.archive, self.writer, notes=notes)
        return count

    def put(self, sender: Sender = SENDER, data: bytes | None = None) -> tuple[int, str]:
        """Status, and the digest of the file where there is one."""
        ds = image()
        reception = self.store.begin(sender, CT, ds.SOPInstanceUID, EXPLICIT)
        reception.write([data or encoded(ds)], whole=True)
        before = {path.stem for path in self.files()}
        answer = reception.finish()
        return answer.status, next(iter({path.stem for path in self.files()} - before), "")

    def files(self) -> list[Path]:
        return list(self.archive.root.glob("??/*.dcm"))

    def notes(self) -> list[Path]:
        return list((self.archive.root / "notes").iterdir())

    def entries(self) -> list[Entry]:
        return [entry for _, entry in JournalReader(self.journal).read(0)[0]]
