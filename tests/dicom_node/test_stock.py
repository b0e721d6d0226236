"""Files prepared for bursts: an image never shows a byte of them, and never waits because of them."""

from __future__ import annotations

import errno
import os
import threading
import time
from pathlib import Path

import pytest
from rawscu import EXPLICIT, RawSCU
from running_node import CT, RunningNode, encoded, image, uid

from dicom_node.archive import stock as module
from dicom_node.archive.files import Archive, file_head
from dicom_node.archive.filesystem import syncs_names
from dicom_node.archive.journal import JournalWriter
from dicom_node.archive.stock import BLOCK, Stock, blocks
from dicom_node.receive.store import Sender, Store

pytestmark = pytest.mark.clause("S-1", "H-5")
WHO = Sender("CT_A", "H01", "127.0.0.1")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(module, "QUIET", 0.0)
    archive = Archive(tmp_path / "files")
    archive.prepare()
    for number in range(256):  # so that the first sync of a test is that of its file
        (archive.root / f"{number:02x}").mkdir()
    archive.stock = Stock(archive.root / "stock")
    archive.stock.open()
    return Store(archive, JournalWriter(tmp_path / "journal.jsonl"))


def stock_of(store: Store) -> Stock:
    assert store.archive.stock is not None
    return store.archive.stock


def put(store: Store, data: bytes, sop_uid: str) -> int:
    reception = store.begin(WHO, CT, sop_uid, EXPLICIT)
    reception.write([data[:100], data[100:]], whole=True)
    return reception.finish().status


def prepare_all(stock: Stock) -> None:
    while stock.prepare():
        pass


def pictures(count: int, size: int = 30_000) -> list[tuple[str, bytes]]:
    made = [image(uid(), uid(), Rows=10, Columns=size // 20, PixelData=os.urandom(size)) for _ in range(count)]
    return [(str(ds.SOPInstanceUID), encoded(ds)) for ds in made]


def file_of(store: Store, sop_uid: str, data: bytes) -> Path:
    whole = file_head(CT, sop_uid, EXPLICIT) + data
    (path,) = (p for p in store.archive.root.glob("??/*.dcm") if p.read_bytes() == whole)
    return path


def test_there_are_never_more_prepared_files_than_a_burst_needs(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of tiny images must not become as many files and names in memory; the size asked for last goes first."""
    monkeypatch.setattr(module, "FILES", 6)
    stock = stock_of(store)
    for size in (30_000, 60_000):
        for sop_uid, data in pictures(5, size):
            assert put(store, data, sop_uid) == 0
        prepare_all(stock)
    sizes = sorted(path.stat().st_size for path in (store.archive.root / "stock").iterdir())
    assert sizes == [blocks(30_000 + 1000)] + [blocks(60_000 + 1000)] * 5
    assert stock.state()["files"] == 6


def test_the_second_burst_lands_in_prepared_files(store: Store) -> None:
    stock = stock_of(store)
    for sop_uid, data in pictures(5):
        assert put(store, data, sop_uid) == 0
    assert stock.state() == {"files": 0, "bytes": 0, "missing": 5}
    prepare_all(stock)
    prepared = {path.stat().st_ino for path in (store.archive.root / "stock").iterdir()}
    assert len(prepared) == 5
    assert stock.state() == {"files": 5, "bytes": 5 * blocks(30_000 + 1000), "missing": 0}
    for sop_uid, data in pictures(5, 29_500):  # shorter than prepared: nothing of the zeros may stay
        assert put(store, data, sop_uid) == 0
        assert file_of(store, sop_uid, data).stat().st_ino in prepared
    assert list((store.archive.root / "stock").iterdir()) == []
    assert list((store.archive.root / "incoming").iterdir()) == []


def test_what_is_too_large_or_unknown_gets_a_new_file(store: Store) -> None:
    stock = stock_of(store)
    (sop_uid, data), *_ = pictures(1)
    put(store, data, sop_uid)
    prepare_all(stock)
    assert stock.state()["files"] == 1
    for sop_uid, data in pictures(1, 40_000) + pictures(1, module.LARGEST + 2) + pictures(1, 9_000):
        assert put(store, data, sop_uid) == 0
        file_of(store, sop_uid, data)
    (sop_uid, data), *_ = pictures(1)
    reception = store.begin(WHO, CT, sop_uid, EXPLICIT)
    reception.write([data[:500]])
    reception.write([data[500:]], whole=True)  # not the first piece: the file is open already
    assert reception.finish().status == 0
    file_of(store, sop_uid, data)
    assert stock.state()["files"] == 1


def test_a_start_takes_over_only_whole_files_of_its_own(store: Store, tmp_path: Path) -> None:
    folder = store.archive.root / "stock"
    (folder / f"{2 * BLOCK}-7").write_bytes(bytes(2 * BLOCK))
    (folder / f"{2 * BLOCK}-8").write_bytes(bytes(BLOCK))  # cut, then the power went
    with (folder / f"{2 * BLOCK}-9").open("wb") as sparse:
        sparse.truncate(2 * BLOCK)
    (folder / "notes").write_text("no")
    linked = folder / f"{2 * BLOCK}-10"
    linked.write_bytes(b"x" * 2 * BLOCK)
    os.link(linked, tmp_path / "an image")  # its name here outlived a power cut
    fresh = Stock(folder)
    os.sync()
    fresh.open()
    assert {path.name for path in folder.iterdir()} == {f"{2 * BLOCK}-7"}
    assert fresh.state() == {"files": 1, "bytes": 2 * BLOCK, "missing": 0}
    assert (tmp_path / "an image").read_bytes() == b"x" * 2 * BLOCK


def test_a_full_disk_ends_the_stock_and_not_the_images(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    stock = stock_of(store)
    for sop_uid, data in pictures(3):
        put(store, data, sop_uid)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", full)
        stock.prepare()
    assert list((store.archive.root / "stock").iterdir()) == []
    stock.prepare()
    assert stock.state()["files"] == 0, "tried again at once"
    for sop_uid, data in pictures(3):
        assert put(store, data, sop_uid) == 0


def test_a_disk_that_fills_up_gets_the_space_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    stock = stock_of(store)
    for sop_uid, data in pictures(3):
        put(store, data, sop_uid)
    prepare_all(stock)
    assert stock.state()["files"] == 3
    monkeypatch.setattr(module, "SPARE", 1.0)
    for sop_uid, data in pictures(1):
        put(store, data, sop_uid)
    prepare_all(stock)
    assert stock.state() == {"files": 0, "bytes": 0, "missing": 0}
    assert list((store.archive.root / "stock").iterdir()) == []


def test_sizes_not_asked_for_longest_give_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUIET", 0.0)
    stock = Stock(tmp_path / "stock", 80 * BLOCK)
    stock.open()
    monkeypatch.setattr(module, "SPARE", 0.0)
    for size, count in ((16 * BLOCK, 4), (4 * BLOCK, 5)):
        for _ in range(count):
            assert stock.take(size) is None
        prepare_all(stock)
    sizes = sorted(path.stat().st_size for path in (tmp_path / "stock").iterdir())
    assert sizes == [4 * BLOCK] * 5 + [16 * BLOCK] * 3


def test_a_file_lost_from_the_stock_costs_no_image(store: Store) -> None:
    stock = stock_of(store)
    for sop_uid, data in pictures(2):
        put(store, data, sop_uid)
    prepare_all(stock)
    for path in (store.archive.root / "stock").iterdir():
        path.unlink()
    for sop_uid, data in pictures(2):
        assert put(store, data, sop_uid) == 0
        file_of(store, sop_uid, data)


def test_the_name_is_synced_with_the_file_where_that_is_known(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert syncs_names(Path("/proc")) is False
    synced: list[tuple[int, int]] = []  # inode, names at that moment
    whole = os.fsync

    def fsync(fd: int) -> None:
        synced.append((os.fstat(fd).st_ino, os.fstat(fd).st_nlink))
        whole(fd)

    for with_file in (True, False):
        (sop_uid, data), *_ = pictures(1)
        store.archive.__dict__["syncs_names"] = with_file
        synced.clear()
        with monkeypatch.context() as seen:
            seen.setattr(os, "fsync", fsync)
            assert put(store, data, sop_uid) == 0
        path = file_of(store, sop_uid, data)
        assert synced[0] == (path.stat().st_ino, 2), "synced before it had its name"
        assert [inode for inode, _ in synced[1:]] == ([] if with_file else [path.parent.stat().st_ino])


def test_nobody_relies_on_a_file_that_is_not_on_the_disk_yet(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bytes from two devices at once, and the disk fails the first: the second's must not go with them."""
    (sop_uid, data), *_ = pictures(1)
    inside, go_on = threading.Event(), threading.Event()
    whole, first = os.fsync, threading.Event()

    def fsync(fd: int) -> None:
        if not first.is_set():
            first.set()
            inside.set()
            go_on.wait(10)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        whole(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    answers: dict[str, int] = {}
    threads = [threading.Thread(target=lambda name=name: answers.update({name: put(store, data, sop_uid)})) for name in ("first", "second")]
    threads[0].start()
    assert inside.wait(10)
    threads[1].start()
    time.sleep(0.3)
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert answers == {"first": 0xA700, "second": 0}
    file_of(store, sop_uid, data)


def test_a_node_prepares_when_it_is_quiet_and_tells(own_node: RunningNode) -> None:
    ticket = own_node.ticket([], ["system.operate"])

    def figure(name: str) -> float:
        text = own_node.get("/metrics", ticket).text
        return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(name + " "))

    def send(count: int) -> None:
        scu = RawSCU(own_node.dicom_port, "CT_A", [(CT, [EXPLICIT])])
        for sop_uid, data in pictures(count):
            assert scu.store(1, CT, sop_uid, data)[0] == 0

    def ready() -> bool:
        return figure("node_stock_files") > 0 and figure("node_stock_missing") == 0

    send(8)
    own_node.wait_for(ready)
    folder = own_node.data / "files" / "stock"
    prepared = {path.stat().st_ino for path in folder.iterdir()}
    assert figure("node_stock_bytes") == sum(path.stat().st_size for path in folder.iterdir())
    send(len(prepared))
    stored = {path.stat().st_ino for path in (own_node.data / "files").glob("??/*.dcm")}
    assert prepared <= stored
    own_node.wait_for(lambda: len(list(folder.iterdir())) == len(prepared))
    own_node.stop()
    own_node.start()
    own_node.wait_for(ready)
