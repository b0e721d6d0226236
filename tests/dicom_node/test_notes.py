"""An acknowledged image survives a power cut that takes what the journal had not synced: its note brings it in again."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
from pathlib import Path

import pytest
from rawscu import EXPLICIT
from running_node import CT, encoded, image

from dicom_node.archive.files import Archive
from dicom_node.archive.journal import Entry, JournalReader, JournalWriter
from dicom_node.archive.notes import Notes
from dicom_node.receive.store import Sender, Store

pytestmark = pytest.mark.clause("S-1", "S-2")
SENDER = Sender("web:王医生, 1", "H01", "::1")  # what a name of a file does not bear as it is
BLOCK = 4096


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


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def test_an_arrival_waits_for_one_sync(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    whole, only = os.fsync, os.fdatasync
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append("file") or whole(fd))
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.append(f"journal, {len(disk.notes())} notes") or only(fd))
    assert disk.put()[0] == 0
    assert synced == ["file"]
    (note,) = disk.notes()
    (path,) = disk.files()
    assert note.samefile(path), "the sync of the file is that of its note"
    disk.writer.settle()
    assert synced == ["file", "journal, 1 notes"]
    assert disk.notes() == []
    assert path.stat().st_nlink == 1
    assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem == disk.entries()[0].digest


@pytest.mark.parametrize("seed", range(12))
def test_a_power_cut_takes_nothing_that_was_acknowledged(disk: Disk, seed: int) -> None:
    """Whatever part of the journal was written out: its beginning, a line cut in two, zeros where a block is missing."""
    dice = random.Random(seed)
    acknowledged = [disk.put()[1] for _ in range(dice.randrange(5))]
    disk.writer.settle()
    synced = disk.journal.stat().st_size
    acknowledged += [disk.put()[1] for _ in range(dice.randrange(1, 40))]
    told, whole = disk.entries(), disk.journal.read_bytes()
    left = bytearray(whole[: dice.randrange(synced, len(whole) + 1)])
    if seed % 2:  # a block that had not been written out, in the middle or at the end
        begin = dice.randrange(synced, len(left) + 1)
        end = min(len(left), (begin // BLOCK + 1) * BLOCK)
        left[begin:end] = bytes(end - begin)
    disk.journal.write_bytes(left)
    brought = disk.start()
    entries = disk.entries()
    assert sorted(entry.digest for entry in entries) == sorted(acknowledged)
    assert sorted(entries, key=lambda entry: entry.digest) == sorted(told, key=lambda entry: entry.digest)
    assert entries[: len(entries) - brought] == [entry for entry in told if entry in entries[: len(entries) - brought]], "in their order"
    assert disk.journal.read_bytes()[:synced] == whole[:synced], "what the index may have read stands where it stood"
    assert disk.notes() == []
    assert disk.start() == 0


def test_what_was_not_acknowledged_is_not_brought_in(disk: Disk) -> None:
    """The power goes between the name and the bytes: the file is as long as it should be, and holds something else."""
    assert disk.put()[0] == 0
    (note,) = disk.notes()
    note.write_bytes(bytes(note.stat().st_size))
    disk.journal.write_bytes(b"")
    assert disk.start() == 0
    assert disk.entries() == []
    assert disk.notes() == []


def test_strange_files_and_rotten_lines_do_not_keep_the_node_from_starting(disk: Disk) -> None:
    first, second = disk.put()[1], disk.put()[1]
    strange = disk.archive.root / "notes" / ".nfs0001"
    strange.write_bytes(b"not ours")
    lines = disk.journal.read_bytes().splitlines(keepends=True)
    disk.journal.write_bytes(b"{rotten" + lines[0][7:] + lines[1])
    assert disk.start() == 1
    left = disk.journal.read_bytes().splitlines()
    assert [json.loads(line)["digest"] for line in left[1:]] == [second, first], "the arrival of the rotten line is written again"
    assert disk.notes() == [strange]


@pytest.mark.parametrize("call", ["fsync", "link", "rename", "pwrite"])
def test_a_failing_disk_leaves_no_note(disk: Disk, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def fail(*_: object, **__: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken:
        broken.setattr(os, call, fail)
        assert disk.put()[0] == 0xA700
    assert disk.notes() == []
    assert disk.entries() == []
    if call != "pwrite":
        assert disk.files() == []
    assert disk.start() == 0
    assert disk.put()[0] == 0


def test_a_journal_that_cannot_be_synced_loses_nothing(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel may then think that the lines are on the disk: the next process writes them anew."""
    assert disk.put()[0] == 0

    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", fail)
        with pytest.raises(OSError, match="error"):
            disk.writer.settle()
    assert disk.writer.broken
    assert disk.put()[0] == 0xA700
    assert len(disk.notes()) == 1
    written: list[bytes] = []
    whole = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: written.append(bytes(data)) or whole(fd, data, at))
    assert disk.start() == 0
    assert [line for data in written for line in data.splitlines(keepends=True)] == [disk.journal.read_bytes()]
    (entry,) = disk.entries()
    assert entry.digest in {path.stem for path in disk.files()}
    assert disk.notes() == []


def test_the_same_bytes_again_and_long_names_wait_for_the_journal(disk: Disk) -> None:
    """Two arrivals share one file: it cannot bear both notes."""
    ds = image()
    for _ in range(2):
        reception = disk.store.begin(SENDER, CT, ds.SOPInstanceUID, EXPLICIT)
        reception.write([encoded(ds)], whole=True)
        assert reception.finish().status == 0
    assert len(disk.notes()) == 1
    disk.writer.settle()
    assert disk.put(Sender("web:" + "王" * 64, "H01", "::1"))[0] == 0
    assert disk.notes() == []
    assert len(disk.entries()) == 3


def test_too_many_owed_entries_wait(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dicom_node.archive.journal.MOST_OWED", 3)
    synced: list[int] = []
    only = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.append(fd) or only(fd))
    for _ in range(4):
        assert disk.put()[0] == 0
    assert len(synced) == 1
    disk.writer.settle()
    assert disk.notes() == []
