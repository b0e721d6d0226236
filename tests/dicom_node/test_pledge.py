"""An image in a prepared file is acknowledged with its pledge: whatever the power leaves of the names that follow, it is there afterwards."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from power import SENDER, Disk
from rawscu import EXPLICIT
from running_node import CT, encoded, image

from dicom_node.archive import pledge
from dicom_node.archive import stock as stock_module
from dicom_node.archive.files import file_head
from dicom_node.archive.journal import Entry, JournalWriter
from dicom_node.archive.notes import Notes
from dicom_node.archive.stock import Stock
from dicom_node.receive.store import Sender, Store

pytestmark = pytest.mark.clause("S-1", "S-2")
SIZE = 30_000  # bytes of pixels of the images here


class PowerCut(Exception):
    """Nothing of the process after this."""


class PledgingDisk(Disk):
    """With prepared files, and nobody who finishes unless it is asked for."""

    def start(self) -> int:
        self.writer, notes = JournalWriter(self.journal), Notes(self.archive)
        stock = self.archive.stock = Stock(self.archive.root / "stock", room=pledge.LENGTH)
        count = pledge.bring_in(self.archive, stock.folder, notes.of, self.writer)
        notes.bring_in(self.writer)
        stock.open()
        self.finisher = pledge.Finisher(self.archive, self.writer)
        self.store = Store(self.archive, self.writer, notes=notes, finisher=self.finisher)
        return count

    def send(self, data: bytes, sop_uid: str, sender: Sender = SENDER) -> int:
        reception = self.store.begin(sender, CT, sop_uid, EXPLICIT)
        reception.write([data[:100], data[100:]], whole=True)
        return reception.finish().status

    def prepare(self, count: int) -> None:
        """Prepared files for so many images."""
        assert self.archive.stock is not None
        for _ in range(count):
            self.archive.stock.take(SIZE + 1000)
        while self.archive.stock.prepare():
            pass
        assert self.archive.stock.state()["files"] >= count

    def stocked(self) -> list[Path]:
        return list((self.archive.root / "stock").iterdir())

    def is_whole(self, digests: list[str]) -> None:
        """Each of these files is there once, byte for byte, has no other name, and nothing else is."""
        assert sorted(path.stem for path in self.files()) == sorted(digests)
        for path in self.files():
            assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem
            assert path.stat().st_nlink == 1
        assert self.notes() == []


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PledgingDisk:
    monkeypatch.setattr(stock_module, "QUIET", 0.0)
    return PledgingDisk(tmp_path)


def picture() -> tuple[bytes, str, str]:
    """Data set, SOP instance UID, and the digest of its file."""
    ds = image(Rows=10, Columns=SIZE // 20, PixelData=os.urandom(SIZE))
    data, uid = encoded(ds), str(ds.SOPInstanceUID)
    return data, uid, hashlib.sha256(file_head(CT, uid, EXPLICIT) + data).hexdigest()


def test_an_acknowledged_image_waits_for_one_sync_of_its_bytes(disk: PledgingDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    """At that sync the image and its pledge are written, and nothing of its names has changed."""
    disk.prepare(1)
    (prepared,) = disk.stocked()
    seen: list[tuple[str, Entry | None, bool]] = []
    only = os.fdatasync

    def fdatasync(fd: int) -> None:
        entry = pledge.read(fd)
        seen.append((str(Path(f"/proc/self/fd/{fd}").readlink()), entry, entry is not None and pledge.keeps(fd, entry)))
        only(fd)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    monkeypatch.setattr(os, "fsync", lambda _: pytest.fail("a sync of names"))
    data, uid, digest = picture()
    assert disk.send(data, uid) == 0
    ((where, entry, keeps),) = seen
    assert (where, keeps) == (str(prepared), True)
    assert entry is not None
    assert (entry.digest, entry.sop_uid, entry.institution, entry.aet, entry.address) == (digest, uid, "H01", SENDER.aet, "::1")
    assert disk.files() == disk.entries() == []
    monkeypatch.undo()
    disk.finisher.finish()
    assert disk.entries() == [entry]
    disk.writer.settle()
    disk.is_whole([digest])


STEPS = ("link", "rename", "ftruncate", "pwrite")  # of `finish`, in their order


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_a_power_cut_between_any_two_steps_takes_nothing(
    disk: PledgingDisk, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    disk.prepare(3)
    made = [picture() for _ in range(3)]
    for data, uid, _ in made:
        assert disk.send(data, uid) == 0
    real: Callable[..., Any] = getattr(os, step)

    def cut(*given: Any, **more: Any) -> None:
        if after:
            real(*given, **more)
        raise PowerCut

    with monkeypatch.context() as broken:
        broken.setattr(os, step, cut)
        with pytest.raises(PowerCut):
            disk.finisher.finish()
    disk.start()
    assert sorted(entry.digest for entry in disk.entries()) == sorted(digest for *_, digest in made)
    disk.writer.settle()
    disk.is_whole([digest for *_, digest in made])
    assert disk.start() == 0, "nothing is brought in twice"
    assert len(disk.entries()) == 3
    data, uid, digest = picture()
    assert disk.send(data, uid) == 0
    disk.finisher.finish()
    disk.writer.settle()
    disk.is_whole([*(digest for *_, digest in made), digest])


@pytest.mark.parametrize("seed", range(8))
def test_what_the_journal_had_not_synced_is_brought_in(disk: PledgingDisk, seed: int) -> None:
    """Some images are finished, some are not, and the journal is left with any part of its lines."""
    dice = random.Random(seed)
    disk.prepare(12)
    made = [picture() for _ in range(12)]
    finished = dice.randrange(13)
    for number, (data, uid, _) in enumerate(made):
        assert disk.send(data, uid) == 0
        if number + 1 == finished:
            disk.finisher.finish()
    whole = disk.journal.read_bytes()
    disk.journal.write_bytes(whole[: dice.randrange(len(whole) + 1)])
    disk.start()
    assert sorted(entry.digest for entry in disk.entries()) == sorted(digest for *_, digest in made)
    disk.writer.settle()
    disk.is_whole([digest for *_, digest in made])


def test_what_was_not_acknowledged_is_not_brought_in(disk: PledgingDisk) -> None:
    """The pledge is on the disk and a part of the image is not; and a pledge of which a part is missing."""
    disk.prepare(2)
    for data, uid, _ in (picture(), picture()):
        assert disk.send(data, uid) == 0
    first, second = (path for path in disk.stocked() if b"HUB1PLDG" in path.read_bytes()[-pledge.LENGTH :])
    with first.open("r+b") as file:
        file.seek(4096)
        file.write(bytes(4096))
    with second.open("r+b") as file:
        file.seek(-pledge.LENGTH + 100, os.SEEK_END)
        file.write(b"?")
    assert disk.start() == 0
    assert disk.files() == disk.entries() == disk.notes() == []
    assert first not in disk.stocked()


def test_the_same_bytes_from_two_devices_at_once_are_two_arrivals_of_one_file(disk: PledgingDisk) -> None:
    disk.prepare(2)
    data, uid, digest = picture()
    other = Sender("CT_B", "H02", "127.0.0.1")
    assert (disk.send(data, uid), disk.send(data, uid, other)) == (0, 0)
    disk.finisher.finish()
    assert [(entry.digest, entry.institution) for entry in disk.entries()] == [(digest, "H01"), (digest, "H02")]
    disk.writer.settle()
    disk.is_whole([digest])
    third = Sender("CT_C", "H03", "127.0.0.1")
    assert disk.send(data, uid, third) == 0, "known by now: kept the long way"
    assert [entry.institution for entry in disk.entries()] == ["H01", "H02", "H03"]


def test_the_same_bytes_twice_and_the_power_goes(disk: PledgingDisk) -> None:
    disk.prepare(2)
    data, uid, digest = picture()
    assert (disk.send(data, uid), disk.send(data, uid, Sender("CT_B", "H02", "127.0.0.1"))) == (0, 0)
    assert disk.start() == 2
    assert sorted(entry.institution for entry in disk.entries()) == ["H01", "H02"]
    disk.writer.settle()
    disk.is_whole([digest])


def test_a_rotten_file_is_healed_by_the_same_bytes(disk: PledgingDisk) -> None:
    disk.prepare(2)
    data, uid, digest = picture()
    assert disk.send(data, uid) == 0
    place = disk.archive.folder(digest) / f"{digest}.dcm"
    place.write_bytes(b"rotten")  # came to this name after the pledge
    disk.finisher.finish()
    disk.writer.settle()
    disk.is_whole([digest])
    assert [entry.digest for entry in disk.entries()] == [digest]


@pytest.mark.parametrize("call", ["link", "rename", "ftruncate", "pwrite"])
def test_a_disk_that_refuses_a_name_is_asked_again(disk: PledgingDisk, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """Acknowledged is acknowledged; what comes meanwhile is kept the long way, and refused while the disk refuses."""
    monkeypatch.setattr(pledge, "RETRY", 0.05)
    disk.prepare(3)
    made = [picture() for _ in range(3)]
    for data, uid, _ in made[:2]:
        assert disk.send(data, uid) == 0
    tried = threading.Event()

    def refuse(*_: object, **__: object) -> int:
        tried.set()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as full:
        full.setattr(os, call, refuse)
        threading.Thread(target=disk.finisher.keep_finished, daemon=True).start()
        assert tried.wait(5)
        wait_for(lambda: disk.finisher._failing)
        assert disk.send(*made[2][:2]) == 0xA700
        assert disk.entries() == []
    wait_for(lambda: len(disk.entries()) == 2)
    assert disk.send(*made[2][:2]) == 0
    wait_for(lambda: len(disk.entries()) == 3)
    disk.writer.settle()
    disk.is_whole([digest for *_, digest in made])


def wait_for(true: Callable[[], object]) -> None:
    pause = threading.Event()
    for _ in range(500):
        if true():
            return
        pause.wait(0.01)
    raise AssertionError("not within five seconds")


@pytest.mark.parametrize("call", ["fdatasync", "pwrite"])
def test_a_sync_that_fails_is_told_to_the_sender(disk: PledgingDisk, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    disk.prepare(1)
    data, uid, digest = picture()

    def fail(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken:
        broken.setattr(os, call, fail)
        assert disk.send(data, uid) == 0xA700
    assert disk.files() == disk.entries() == disk.stocked() == []
    assert disk.start() == 0
    assert disk.send(data, uid) == 0
    disk.writer.settle()
    disk.is_whole([digest])


def test_too_many_that_wait_and_too_long_a_pledge_go_the_long_way(disk: PledgingDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pledge, "MOST", 1)
    disk.prepare(3)
    made = [picture() for _ in range(2)]
    for data, uid, _ in made:
        assert disk.send(data, uid) == 0
    assert [entry.digest for entry in disk.entries()] == [made[1][2]]
    disk.finisher.finish()
    monkeypatch.undo()
    entry = disk.entries()[0]
    assert pledge.encode(entry) is not None
    assert pledge.encode(Entry(**{name: getattr(entry, name) for name in entry.__slots__} | {"institution": "x" * 1000})) is None


def test_on_a_disk_that_syncs_no_names_with_files_the_long_way_is_gone(disk: PledgingDisk) -> None:
    disk.prepare(2)
    data, uid, digest = picture()
    assert disk.send(data, uid) == 0
    disk.archive.syncs_names = False  # the files were moved to another file system
    assert disk.start() == 1
    assert [entry.digest for entry in disk.entries()] == [digest]
    disk.is_whole([digest])
    data, uid, second = picture()
    assert disk.send(data, uid) == 0
    assert [entry.digest for entry in disk.entries()] == [digest, second]
    disk.is_whole([digest, second])
